"""Short notices: a file or its head that names its licence instead of holding it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from mlsbom.licenses.expressions import named, parse
from mlsbom.licenses.facts import Table
from mlsbom.licenses.text import LicenseText
from mlsbom.patterns import late

TAG: Final = late(r"SPDX-License-Identifier:[ \t]*([^\r\n*<>\"']{1,300}?)[ \t]*(?:\*/|-->|[\"'<>]|$)", re.M)
"""The tag of the SPDX specification, annex E; its value ends at the line's or comment's end."""

_GNU = late(r"(?i)gnu (?:(lesser|library|affero) )?general public licen[sc]e\b(?P<tail>.{0,260})")
_GNU_VERSION = late(r"(?i)\bv(?:ersion)?\.? ?(\d)(?:\.(\d))?")
_LATER = late(r"(?i)\(?at your option\)? any later|or (?:\(at your option\) )?(?:any )?later version|or later\b|or newer\b")
_MPL = late(r"(?i)mozilla public licen[sc]e,? (?:v(?:ersion|\.)? ?)(\d\.\d)")
_APACHE = late(
    r"(?i)(?:licensed|released|distributed|available|covered|provided)\b[^.;]{0,60} apache(?: software)? licen[sc]e,? "
    r"(?:v(?:ersion|\.)? ?)2(?:\.0)?|apache licen[sc]e,? version 2\.0 \(the"
)
_POINTER = late(r"(?i)(?:either|both)? ?of the licenses found in (?:the files? )?(\S+?) (or|and) (\S+?)[.,;]?(?:\s|$)")
_NAMED = late(
    r"(?i)(?:licensed|released|distributed|available|covered|provided|published)\b[^.;:]{0,30}? "
    r"(?:under|by)(?: the)?(?: terms of)?(?: the| a| an)? ([\w .,'’+()/-]{2,70}?) licen[sc]e(?! agreement)\b"
    r"(?:,? v(?:ersion|\.)? ?(\d(?:\.\d)?))?"
)
_MIT = late(
    r"(?i)^\W{0,6}(?:licen[sc]e: ?)?(?:the )?mit(?: licen[sc]e)?(?: \(mit\))?\W{0,3}$|mit-licen[sc]ed?\b"
    r"|under (?:the terms of )?the mit licen[sc]e"
)
_CHOICE = late(
    r"(?i)\beither\b[^.]{0,120}\bof (?:the|these)\b|at your option\b(?! any later)|\bdual[- ]licen[sc]"
    r"|\byour choice\b|choose (?:either|one|between)"
)
_BESIDE = {
    "apache": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "psf": "PSF-2.0",
    "gpl": "LicenseRef-family-gpl",
}


class Notice(Struct, frozen=True, kw_only=True):
    """A licence that a notice names: an expression, the line, and why it was taken so."""

    expression: str
    line: int
    why: str


def spdx_tag(text: LicenseText, table: Table) -> Notice | None:
    """The SPDX tag of the text, if it stands for an expression."""
    for n, line in enumerate(text.lines, 1):
        if "SPDX-License-Identifier" in line and (m := TAG.search(line)):
            node = parse(m[1].strip(), table)
            if node is not None:
                return Notice(expression=str(node), line=n, why="SPDX-License-Identifier")
    return None


def find(text: LicenseText, lines: frozenset[int], table: Table) -> list[Notice]:
    """Notices that begin on one of `lines`, each licence once."""
    found: dict[str, Notice] = {}
    for start, piece in runs(text, lines):
        for offset, notice in _all(piece, table):
            line = bisect_right(text.starts, start + offset)
            found.setdefault(notice.expression, Notice(expression=notice.expression, line=line, why=notice.why))
    return [n for n in found.values() if not (n.expression.startswith("LicenseRef-family-") and len(found) > 1)]


def is_choice(text: LicenseText) -> bool:
    """Whether the text offers its licences for choice."""
    return bool(_CHOICE.search(text.flat[:4000]))


def runs(text: LicenseText, lines: frozenset[int]) -> Iterator[tuple[int, str]]:
    """(offset in the flat text, piece) of each run of neighbouring lines."""
    ordered = sorted(lines)
    first = 0
    for i, line in enumerate(ordered):
        if i + 1 == len(ordered) or ordered[i + 1] != line + 1:
            start = text.starts[ordered[first] - 1]
            end = text.starts[line] if line < len(text.starts) else len(text.flat)
            if end - start > 8:
                yield start, text.flat[start:end]
            first = i + 1


def _all(flat: str, table: Table) -> Iterator[tuple[int, Notice]]:
    for m in _GNU.finditer(flat):
        version = _GNU_VERSION.search(m["tail"])
        if version:
            family = {"lesser": "LGPL", "library": "LGPL", "affero": "AGPL"}.get((m[1] or "").lower(), "GPL")
            number = f"{version[1]}.{version[2] or '0'}"
            later = _LATER.search(m["tail"][version.end() : version.end() + 90])
            yield (
                m.start(),
                Notice(
                    expression=f"{family}-{number}-{'or-later' if later else 'only'}",
                    line=0,
                    why="notice" if later else "notice without `or later`",
                ),
            )
    for m in _MPL.finditer(flat):
        yield m.start(), Notice(expression=f"MPL-{m[1]}", line=0, why="notice")
    for m in _APACHE.finditer(flat):
        yield m.start(), Notice(expression="Apache-2.0", line=0, why="notice")
    for m in _POINTER.finditer(flat):
        parts = [_beside(name) for name in (m[1], m[3])]
        if all(parts):
            yield (
                m.start(),
                Notice(
                    expression=f" {m[2].upper()} ".join(parts),
                    line=0,
                    why="points at other files" + ("; BSD is a family" if any("family" in p for p in parts) else ""),
                ),
            )
    for m in _NAMED.finditer(flat):
        whole = named(f"{m[1]} {m[2]}" if m[2] else m[1], table)
        if whole.expression and not whole.ambiguous:
            yield m.start(), Notice(expression=whole.expression, line=0, why="notice")
    if len(flat) < 1500:
        for m in _MIT.finditer(flat):
            yield m.start(), Notice(expression="MIT", line=0, why="notice")


def _beside(name: str) -> str:
    """The licence that a file's name promises (`LICENSE.APACHE`), or ""."""
    tail = re.sub(r"(?i)^.*?(?:LICEN[CS]E|COPYING)[-._]?", "", name).lower().removesuffix(".txt").removesuffix(".md")
    return "LicenseRef-family-bsd" if tail == "bsd" else _BESIDE.get(tail, "")
