"""Which names a registry had on a day: sorted 40-bit hashes, searched in place (one name in a million is taken for another, by arithmetic).

A file is one JSON line `{"date", "first", "names", "newer"}`, then `names` hashes of 5 bytes, then `newer` entries of 7: a hash and the
month in which a snapshot first had it, counted from January 2000. Names without an entry were there in the first snapshot, of `first`.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from mlsbom.errors import PackError
from mlsbom.knowledge import Packs

_HASH = 5
_SEEN = 7
YOUNG_MONTHS = 3
"""Names first seen within this many months before the snapshot count as absent: while an attack lives, its names are registered."""


def digest(name: str) -> bytes:
    """The 40-bit hash of a normalised name."""
    return hashlib.blake2b(name.encode(), digest_size=_HASH).digest()


def _months(date: str) -> int:
    return (int(date[:4]) - 2000) * 12 + int(date[5:7]) - 1


class _Entries:
    """Fixed-size entries of a buffer, by their leading hash."""

    def __init__(self, data: memoryview, size: int) -> None:
        self.data, self.size = data, size

    def __len__(self) -> int:
        return len(self.data) // self.size

    def __getitem__(self, n: int) -> bytes:
        return bytes(self.data[n * self.size : n * self.size + _HASH])

    def find(self, key: bytes) -> int | None:
        """The number of the entry with this hash."""
        n = bisect_left(self, key)
        return n if n < len(self) and self[n] == key else None


class Snapshot:
    """The names that a registry had. `date` is the day of the list. Raises PackError where the bytes are no snapshot."""

    def __init__(self, raw: bytes) -> None:
        head, _, _ = raw.partition(b"\n")
        try:
            about: dict[str, Any] = json.loads(head)
            count, newer = int(about["names"]), int(about["newer"])
            self.date, self.first = str(about["date"]), str(about["first"])
            self._month = _months(self.date)
        except (ValueError, KeyError, TypeError) as e:
            raise PackError("a snapshot of names cannot be read: no head", remedy="reinstall, or import it again") from e
        body = memoryview(raw)[len(head) + 1 :]
        if len(body) != count * _HASH + newer * _SEEN:
            raise PackError("a snapshot of names is cut short", remedy="reinstall, or import it again")
        self._names = _Entries(body[: count * _HASH], _HASH)
        self._newer = _Entries(body[count * _HASH :], _SEEN)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._names.find(digest(name)) is not None

    def since(self, name: str) -> int | None:
        """The month (from January 2000) in which a snapshot first had the name; None where it was in the first one."""
        n = self._newer.find(digest(name))
        return None if n is None else int.from_bytes(self._newer.data[n * _SEEN + _HASH : (n + 1) * _SEEN], "big")

    def young(self, name: str) -> bool:
        """Whether the name was first seen shortly before the snapshot."""
        since = self.since(name)
        return since is not None and self._month - since < YOUNG_MONTHS


def build(names: Iterable[str], date: str, previous: Snapshot | None = None) -> bytes:
    """A snapshot of normalised names; first-seen months are carried forward from the previous one."""
    unique = set(names)
    newer = []
    if previous is not None:
        for name in unique:
            since = previous.since(name) if name in previous else _months(date)
            if since is not None:
                newer.append(digest(name) + since.to_bytes(2, "big"))
    hashes = sorted({digest(n) for n in unique})
    about = {"date": date, "first": previous.first if previous is not None else date, "names": len(hashes), "newer": len(set(newer))}
    return json.dumps(about).encode() + b"\n" + b"".join(hashes) + b"".join(sorted(set(newer)))


def load(packs: Packs, ecosystem: str) -> Snapshot | None:
    """The snapshot of an ecosystem, or None where there is none of it. Raises PackError where one is damaged."""
    if ecosystem != "pypi" and f"snapshot/{ecosystem}.bin" not in packs.index.get("files", {}):
        return None
    return packs.loaded(("snapshot", ecosystem), lambda p: Snapshot(p.read(f"snapshot/{ecosystem}.bin")))
