"""The pack `imports`: the names of the standard library, and which distributions give an import."""

from __future__ import annotations

import csv
import io

from msgspec import Struct

from mlsbom.knowledge import Packs


class Imports(Struct, frozen=True):
    """`stdlib`: top-level modules of Python 3.8 to 3.14. `table`: dotted prefix -> distributions, the usual one first (conda names too)."""

    stdlib: frozenset[str]
    table: dict[str, tuple[str, ...]]

    def candidates(self, dotted: str) -> tuple[str, ...]:
        """The distributions of the longest prefix of a dotted name that the table knows, or none."""
        while dotted:
            if dotted in self.table:
                return self.table[dotted]
            dotted = dotted.rpartition(".")[0]
        return ()


def load(packs: Packs) -> Imports:
    """The pack, once per `packs`. Raises PackError."""
    return packs.loaded("packages.imports", _load)


def _load(packs: Packs) -> Imports:
    rows = csv.DictReader(io.StringIO(packs.read("imports/imports.csv").decode()))
    table = {r["import"]: (r["distribution"], *r["also"].split()) for r in rows}
    return Imports(frozenset(packs.read("imports/stdlib.txt").decode().split()), table)
