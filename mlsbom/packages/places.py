"""Where the keys of a list stand: a table of many thousands that is made by operations on the whole list, not key by key."""

from __future__ import annotations

from collections.abc import Sequence


class Places:
    """Places in a list of keys, by key. `first` gives the first of each; most keys of our lists stand there once."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
        self._more: dict[str, list[int]] = {}
        if len(self.first) < len(keys):
            for n, key in enumerate(keys):
                if (first := self.first[key]) != n:
                    self._more.setdefault(key, [first]).append(n)

    def of(self, key: str) -> Sequence[int]:
        """All places of a key, in order."""
        n = self.first.get(key)
        return () if n is None else self._more.get(key) or (n,)
