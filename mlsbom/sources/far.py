"""A file that stands elsewhere and is read by ranges: the same methods as any blob, and a count of what was fetched.

`Fetch(offset, length)` gives exactly these bytes or raises Unreadable. Reads are rounded up to blocks, so that a reader which takes a few
bytes at a time costs few requests; no block is fetched twice while it is among the last `KEPT`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from mlsbom.blob import HEAD, TAIL, Blob
from mlsbom.errors import NotNear

BLOCK: Final = 16 << 10
AHEAD: Final = 4  # blocks fetched at once where the one before is there: a reader that goes on
PROBE: Final = 64  # bytes: a look for a magic, which tells nothing of what is read next
KEPT: Final = 256  # blocks: 4 MiB a file
ALLOWED: Final = 16 << 20
"""Bytes that headers and directories of one file may cost. The largest header met in the wild (a vocabulary of 256,000 tokens in a GGUF
file) has about 11 MB; who asks for more of a file asks for its weights."""

Fetch = Callable[[int, int], bytes]


class FarBlob(Blob):
    """A far file of `size` bytes: sums over whole members are left out. Past `ALLOWED` fetched bytes every further read is NotNear."""

    near = False

    def __init__(self, name: str, size: int, fetch: Fetch) -> None:
        super().__init__(name, size)
        self.fetched = 0
        self._fetch = fetch
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def _read(self, offset: int, length: int) -> bytes:
        if self._tail is not None and offset >= self.size - len(self._tail):
            start = offset - self.size + len(self._tail)
            return self._tail[start : start + length]
        if length > ALLOWED:
            raise NotNear(f"{length} bytes of {self.size} are needed: not fetched, as asked", remedy="fetch them with --weights full")
        if length > KEPT * BLOCK // 2 or self._is_end(offset, length):
            return self._get(offset, length)
        first, last = offset // BLOCK, (offset + length - 1) // BLOCK
        if length <= PROBE and first not in self._blocks and last not in self._blocks:
            return self._get(offset, length)
        self._fill(first, last)
        joined = b"".join(self._blocks[n] for n in range(first, last + 1))
        start = offset - first * BLOCK
        return joined[start : start + length]

    def _is_end(self, offset: int, length: int) -> bool:
        """The tail is asked for as it is: rounding it to blocks would double its cost."""
        return offset + length == self.size and length <= TAIL and self.size > HEAD + TAIL

    def _fill(self, first: int, last: int) -> None:
        """Have all blocks from `first` to `last`, fetching each run of missing ones at once."""
        n = first
        while n <= last:
            if n in self._blocks:
                self._blocks.move_to_end(n)
                n += 1
                continue
            end = n
            most = last if n - 1 not in self._blocks else min(max(last, n + AHEAD - 1), (self.size - 1) // BLOCK)
            while end < most and end + 1 not in self._blocks:
                end += 1
            data = self._get(n * BLOCK, min((end + 1) * BLOCK, self.size) - n * BLOCK)
            for i in range(n, end + 1):
                self._blocks[i] = data[(i - n) * BLOCK : (i - n + 1) * BLOCK]
            n = end + 1
        while len(self._blocks) > max(KEPT, last - first + 1 + AHEAD):
            self._blocks.popitem(last=False)

    def _get(self, offset: int, length: int) -> bytes:
        if self.fetched + length > ALLOWED:
            raise NotNear(f"more than {ALLOWED >> 20} MiB of {self.size} bytes are needed: not fetched, as asked", offset=offset)
        self.fetched += length
        return self._fetch(offset, length)
