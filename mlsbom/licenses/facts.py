"""What is known of an identifier: its name, kind, clauses, and how that is known.

Two packs: `facts.json` (AI and data licences, each row with evidence and confidence) and `spdx.json` (the SPDX list with a kind per id).
An identifier in neither is not known, and a cell that is empty was not established; both are said, and neither means "no".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs

KINDS: Final[tuple[str, ...]] = (
    "public-domain",
    "permissive",
    "unknown",
    "weak-copyleft",
    "copyleft",
    "network-copyleft",
    "use-restricted",
    "custom-community",
    "noncommercial",
    "research-only",
    "proprietary",
)
"""From the fewest conditions to the most; of an AND the last counts, of an OR the first."""

FREE: Final[frozenset[str]] = frozenset({"public-domain", "permissive"})
_NO_NOTICE: Final[frozenset[str]] = frozenset({"0BSD", "MIT-0", "BlueOak-1.0.0"})


class Facts(Struct, frozen=True, kw_only=True):
    """One licence. `clauses`: clause -> value. `confidence`: how it was learned ("text read", "tag only", ...); `law`: governing law."""

    id: str
    name: str
    kind: str
    clauses: Mapping[str, str] = field(default_factory=dict)
    law: str = ""
    evidence: str = ""
    confidence: str = ""
    spdx: bool = False
    deprecated: bool = False

    @property
    def sure(self) -> bool:
        """Whether the terms were read, not only heard of."""
        return self.spdx or not re.search(r"unconfirmed|unverified|secondary|tag only|not read|only\b", self.confidence)


class Table:
    """Both packs, opened once, with the ways to look something up."""

    def __init__(self, rows: list[dict[str, Any]], spdx: dict[str, Any], tags: dict[str, Any], aliases: dict[str, Any]) -> None:
        self._rows = {r["id"]: r for r in rows}
        self._spdx: dict[str, list[Any]] = spdx["licenses"]
        self.exceptions = {e.lower(): e for e in spdx["exceptions"]}
        self.ids = {i.lower(): i for i in (*self._spdx, *self._rows)}
        self.tags: dict[str, list[Any]] = tags
        self.families: dict[str, list[str]] = aliases["families"]
        self.nothing = frozenset(aliases["nothing"]["words"])
        self.confusable: dict[str, str] = aliases["confusable"]
        self.known_texts: dict[str, str] = aliases.get("known", {})
        self.names: dict[str, str] = {}
        for i, (name, _, deprecated) in self._spdx.items():
            if not deprecated:
                self.names.setdefault(plain(name), i)
        for r in rows:
            for name in (r["name"], r["tag"], *r["names"]):
                if name and r["id"] != "LicenseRef-exaone-1.2-nc":  # "exaone" stands for two versions: a family
                    self.names.setdefault(plain(name), r["id"])
        self.names.update(aliases["names"])
        self.names.pop("exaone", None)

    def get(self, identifier: str) -> Facts | None:
        """What is known of an identifier, in any case of letters; None where nothing is."""
        i = self.ids.get(identifier.lower(), identifier)
        row, listed = self._rows.get(i), self._spdx.get(i)
        if row is not None:
            extra = listed_clauses(i, row["kind"]) if listed else {}
            return Facts(
                id=i,
                name=listed[0] if listed else row["name"],
                kind=row["kind"] if not listed else listed[1] if listed[1] != "unknown" else row["kind"],
                clauses={**extra, **row["clauses"]},
                law=row["law"],
                evidence=row["evidence"],
                confidence=row["confidence"],
                spdx=bool(listed),
            )
        if listed is not None:
            return Facts(
                id=i,
                name=listed[0],
                kind=listed[1],
                clauses=listed_clauses(i, listed[1]),
                confidence="SPDX list",
                spdx=True,
                deprecated=bool(listed[2]),
            )
        return None

    def kind(self, identifier: str) -> str:
        """The kind of an identifier, `unknown` where nothing is known."""
        known = self.get(identifier)
        if known is not None:
            return known.kind
        return {
            "LicenseRef-family-bsd": "permissive",
            "LicenseRef-family-apache": "permissive",
            "LicenseRef-family-gpl": "copyleft",
            "LicenseRef-family-lgpl": "weak-copyleft",
            "LicenseRef-family-agpl": "network-copyleft",
            "LicenseRef-family-mpl": "weak-copyleft",
            "LicenseRef-family-gfdl": "copyleft",
            "LicenseRef-family-cc-by-nc": "noncommercial",
            "LicenseRef-family-exaone": "research-only",
            "LicenseRef-family-llama": "custom-community",
            "LicenseRef-proprietary": "proprietary",
        }.get(identifier, "unknown")


def listed_clauses(identifier: str, kind: str) -> dict[str, str]:
    """The clauses of an SPDX identifier, from its name and kind."""
    out: dict[str, str] = {}
    if identifier.startswith("CC-BY-"):
        for mark, clause in (("-NC", "noncommercial"), ("-ND", "no-derivatives"), ("-SA", "share-alike")):
            if mark in identifier:
                out[clause] = ""
    if kind == "noncommercial":
        out["noncommercial"] = ""
    if kind in ("copyleft", "network-copyleft", "weak-copyleft"):
        out["share-alike"] = "weak" if kind == "weak-copyleft" else ""
        out["source-offer"] = ""
    if kind == "network-copyleft":
        out["network"] = ""
    if kind not in ("public-domain", "unknown") and identifier not in _NO_NOTICE:
        out["notice"] = ""
    return out


def plain(name: str) -> str:
    """A name as it is compared: lower case, no punctuation, without words that say nothing."""
    low = re.sub(r"['’\"]", "", name.lower().replace("licence", "license"))
    words = re.sub(r"[^a-z0-9.+]+", " ", re.sub(r"\.(?!\d)", " ", low)).split()
    words = [
        re.sub(r"^v(?=\d)", "", w)
        for w in words
        if w not in ("the", "license", "licenses", "licensed", "version", "v", "agreement", "terms", "software-license")
    ]
    return " ".join(words)


def load(packs: Packs) -> Table:
    """The table of these packs."""

    def build(p: Packs) -> Table:
        return Table(
            json.loads(p.read("licenses/facts.json"))["licenses"],
            json.loads(p.read("licenses/spdx.json")),
            json.loads(p.read("licenses/tags.json")),
            p.toml("licenses/aliases.toml"),
        )

    return packs.loaded("licenses.facts", build)
