"""The title and version in a text's head: an anchor, never the whole answer.

The table is the pack `licenses/titles.toml`. A text whose title is in no row still has a name: `named` reads it from a line that looks like
a heading ("Acme Community License 1.0"), so that a card which uses that name can be compared with it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from mlsbom.licenses.text import LicenseText
from mlsbom.patterns import late

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs

HEAD = 40
"""Non-empty lines that may hold a title."""

_PUNCTUATION = str.maketrans({"“": '"', "”": '"', "’": "'", "‘": "'", "–": "-", "—": "-", "‑": "-", "【": "", "】": "", "\t": " "})
_HEADING = late(
    r"(?:the )?(?P<name>[\w+.\[\]()&'-]+(?: [\w+.\[\]()&'-]+){0,9}?) (?:(?:model|software|data"
    r"|use)? ?(?:licen[sc]e|terms of use|licensing agreement|라이선스|许可证|许可协议|许可))(?: agreement)?"
    r"[,:]?(?: \(?v?(?:er\.?|ersion)? ?(?P<version>\d+(?:\.\d+){0,3})(?P<tail>[ -]*[a-z]{1,3}\b)?\)?)?[^\w]{0,3}"
    r"(?:$|\bdated\b|last |release)",
    re.I,
)
_VERSION = late(r"^\W*(?:v(?:er\.?|ersion)?)[ :]{0,3}(\d+(?:\.\d+){0,3})\b", re.I)
_COMMON = frozenset(["the", "this", "a", "an", "of", "and", "open", "model", "models", "license", "software", "public", "general"])


class Title(Struct, frozen=True, kw_only=True):
    """A title that is in the table. `known`: whether the terms of this version are in the facts table."""

    id: str
    line: int
    shown: str
    known: bool
    permissive: bool


def find(text: LicenseText, packs: Packs) -> Title | None:
    """The first row whose title begins one of the text's first lines."""
    rows, any_of = packs.loaded("licenses.titles", _rows)
    head = _head(text)
    for n, (line, low, shown) in enumerate(head):
        if len(low) > 400 or any_of.match(low) is None:
            continue
        for row, pattern in rows:
            m = pattern.match(low)
            if m is None or (row.get("body") and not re.search(row["body"], text.flat[:60000].lower())):
                continue
            if m.end() < len(low) and low[m.end()].isalnum():
                continue
            return _title(row, m, line, shown, "\n".join(h[1] for h in head[n : n + 14]))
    return None


def named(text: LicenseText) -> tuple[str, str, int] | None:
    """(identifier, name, line) made from a heading that is in no table, or None."""
    head = _head(text)[:12]
    for n, (line, low, shown) in enumerate(head):
        m = _HEADING.match(low) if len(low) <= 120 else None
        if m is None or not set(re.findall(r"[a-z가-힣\u4e00-\u9fff]+", m["name"])) - _COMMON:
            continue
        version = m["version"] or next((v[1] for _, other, _ in head[n + 1 : n + 4] if (v := _VERSION.match(other))), "")
        made = slug(m["name"] + " " + version + (m["tail"] or ""))
        return (f"LicenseRef-{made}", shown.strip(" *#"), line) if made else None
    return None


def slug(words: str) -> str:
    """Words as the last part of an identifier: lower case, `[a-z0-9.+-]`."""
    ascii_only = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9.+]+", "-", ascii_only)).strip("-.")


def _title(row: dict[str, Any], m: re.Match[str], line: int, shown: str, following: str) -> Title:
    version = ""
    if "version" in row:
        found = re.search(row["version"], following)
        version = found[1] if found else ""
    first = slug(m[1] or "") if m.re.groups else ""
    made = re.sub(r"-(?=$)|-{2,}", "", row["id"].replace("{1}", first).replace("{version}", version))
    known = True
    if "known" in row:
        known = (version if "{version}" in row["id"] else first) in row["known"]
    return Title(id=made, line=line, shown=shown.strip(" *#"), known=known, permissive=bool(row.get("permissive")))


def _head(text: LicenseText) -> list[tuple[int, str, str]]:
    """(line, comparable form, as shown) of the first non-empty lines; also of short neighbours joined, as titles run over two lines."""
    out: list[tuple[int, str, str]] = []
    kept = [(n, line.strip()) for n, line in enumerate(text.lines, 1) if line.strip()][:HEAD]
    for i, (n, line) in enumerate(kept):
        out.append((n, _comparable(line), line[:200]))
        if i + 1 < len(kept) and i < 6 and len(line) < 60 and len(kept[i + 1][1]) < 80:
            both = f"{line} {kept[i + 1][1]}"
            out.append((n, _comparable(both), both[:200]))
    return out


def _comparable(line: str) -> str:
    return " ".join(line.translate(_PUNCTUATION).strip(" *#\"'=-_").lower().split())


def _rows(packs: Packs) -> tuple[list[tuple[dict[str, Any], re.Pattern[str]]], re.Pattern[str]]:
    """The rows with their patterns, and one pattern that fits where any of them does."""
    rows = packs.toml("licenses/titles.toml")["title"]
    return [(row, late(row["title"])) for row in rows], re.compile("|".join(f"(?:{row['title']})" for row in rows))
