"""A sliding view of a blob: pickles of any size are read with a few MiB in memory."""

from __future__ import annotations

from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed

PIECE: Final = 4 << 20
LINE_LIMIT: Final = 64 << 20
MARGIN: Final = 16
"""No opcode with operands of fixed width is longer than this."""


class Window:
    """`buf[i]` is the next byte; `base` the offset of `buf[0]`. At `soft` or later, `more` must be called before an opcode is read."""

    def __init__(self, blob: Blob, start: int) -> None:
        self.blob = blob
        self.size = blob.size
        self.seek(start)

    def seek(self, offset: int) -> None:
        """Go to an offset."""
        self.base = offset
        self.buf = self.blob.read_at(offset, PIECE)
        self.i = 0
        self._bound()

    def _bound(self) -> None:
        last = self.base + len(self.buf) >= self.size
        self.soft = len(self.buf) if last else max(1, len(self.buf) - MARGIN)

    @property
    def at(self) -> int:
        """The offset in the blob."""
        return self.base + self.i

    def more(self) -> bool:
        """Slide on; False where nothing is left."""
        if self.base + len(self.buf) < self.size:
            self.seek(self.base + self.i)
        return self.i < len(self.buf)

    def line(self) -> bytes:
        """The bytes up to the next line feed, which is passed. Raises Malformed where there is none."""
        end = self.buf.find(b"\n", self.i)
        if end < 0:
            end = self._grow()
        out = self.buf[self.i : end]
        self.i = end + 1
        return out

    def _grow(self) -> int:
        start = self.base + self.i
        length = PIECE
        while True:
            raw = self.blob.read_at(start, length)
            end = raw.find(b"\n")
            if end >= 0 or len(raw) < length or length > LINE_LIMIT:
                break
            length *= 4
        if end < 0:
            raise Malformed("a line does not end", offset=start)
        self.base, self.buf, self.i = start, raw, 0
        self._bound()
        return end

    def take(self, count: int) -> bytes:
        """The next `count` bytes (few). Raises Malformed where there are fewer."""
        i = self.i
        if i + count > len(self.buf):
            if self.base + i + count > self.size:
                raise Malformed("ends inside an operand", offset=self.base + i)
            self.seek_keeping(count)
            i = self.i
        self.i = i + count
        return self.buf[i : i + count]

    def seek_keeping(self, count: int) -> None:
        """Slide so that the next `count` bytes are in memory."""
        start = self.base + self.i
        self.base, self.buf, self.i = start, self.blob.read_at(start, max(PIECE, count)), 0
        self._bound()

    def skip(self, count: int) -> None:
        """Pass `count` bytes of payload unread. Raises Malformed where there are fewer."""
        target = self.base + self.i + count
        if count < 0 or target > self.size:
            raise Malformed("a length reaches beyond the end", offset=self.base + self.i)
        if self.i + count <= len(self.buf):
            self.i += count
        else:
            self.seek(target)
