"""Which inspectors a text is worth: the triggers of all rows of the table, looked for at once."""

from __future__ import annotations

from collections.abc import Sequence

from mlsbom.inspectors import Row
from mlsbom.search import Strings


class Triggers:
    """The triggers of all rows. `hits` names the rows of which one occurs in some bytes."""

    def __init__(self, rows: Sequence[Row]) -> None:
        owners: dict[bytes, set[str]] = {}
        for row in rows:
            for trigger in row.triggers:
                owners.setdefault(trigger, set()).add(row.name)
        self._owners = [frozenset(names) for names in owners.values()]
        self._strings = Strings(owners)

    def hits(self, data: bytes, wanted: frozenset[str]) -> frozenset[str]:
        """Those of the `wanted` rows, by name, of which a trigger occurs."""
        found: set[str] = set()
        for numbers in self._strings.each(data):
            found.update(*[self._owners[n] for n in numbers])
            if found >= wanted:
                break
        return wanted & found
