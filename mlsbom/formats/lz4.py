"""LZ4 frames, decoded in Python: joblib writes them, few machines have the library. Source: LZ4's frame and block format descriptions."""

from __future__ import annotations

from typing import Final

from mlsbom.errors import Malformed

MAGIC: Final = b"\x04\x22\x4d\x18"
BLOCK_MAX: Final = 4 << 20
WINDOW: Final = 64 << 10


class FrameDecoder:
    """One frame, in the shape of `codecs.Decoder`. Checksums are not checked: loaders have used the bytes before they look at them."""

    def __init__(self) -> None:
        self._ended = False
        self.unused_data = b""
        self._held = b""
        self._out = b""
        self._window = b""
        self._header: tuple[bool, bool, bool] | None = None  # linked blocks, block checksums, content checksum

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without further bytes."""
        return not self._out

    @property
    def eof(self) -> bool:
        """Whether the frame has ended and all of it was handed out."""
        return self._ended and not self._out

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """The next expanded bytes, at most `max_length`; raises Malformed."""
        self._held += data
        while not self._ended and len(self._out) < max_length and self._step():
            pass
        out, self._out = self._out[:max_length], self._out[max_length:]
        return out

    def _step(self) -> bool:
        """Decode the header or one block; False where bytes are missing."""
        if self._header is None:
            return self._read_header()
        if len(self._held) < 4:
            return False
        _, checked, summed = self._header
        word = int.from_bytes(self._held[:4], "little")
        if word == 0:
            need = 4 + 4 * summed
            if len(self._held) < need:
                return False
            self._ended, self.unused_data, self._held = True, self._held[need:], b""
            return True
        size = word & 0x7FFFFFFF
        if size > BLOCK_MAX + 1024:
            raise Malformed(f"an lz4 block of {size} bytes is more than the format allows")
        need = 4 + size + 4 * checked
        if len(self._held) < need:
            return False
        block, self._held = self._held[4 : 4 + size], self._held[need:]
        out = block if word >> 31 else expand_block(block, self._window)
        self._window = (self._window + out)[-WINDOW:] if self._header[0] else b""
        self._out += out
        return True

    def _read_header(self) -> bool:
        head = self._held
        if len(head) < 7:
            return False
        flags = head[4]
        size = 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0)
        if head[:4] != MAGIC or flags >> 6 != 1:
            raise Malformed("no lz4 frame")
        if len(head) < size:
            return False
        self._header = (not flags & 0x20, bool(flags & 0x10), bool(flags & 4))
        self._held = head[size:]
        return True


def expand_block(block: bytes, window: bytes = b"", limit: int = BLOCK_MAX) -> bytes:
    """One block; `window` holds the bytes before it that matches may reach. Raises Malformed, also past `limit` bytes."""
    out = bytearray(window)
    start, at, end = len(window), 0, len(block)
    try:
        while at < end:
            token = block[at]
            at += 1
            count = token >> 4
            if count == 15:
                count, at = _extended(block, at)
            out += block[at : at + count]
            at += count
            if at >= end:
                break
            offset = block[at] | block[at + 1] << 8
            at += 2
            count = token & 15
            if count == 15:
                count, at = _extended(block, at)
            count += 4
            if not 0 < offset <= len(out):
                raise Malformed("an lz4 match reaches before the data")
            _copy(out, offset, count)
            if len(out) - start > limit:
                raise Malformed(f"an lz4 block expands to more than {limit} bytes")
    except IndexError:
        raise Malformed("an lz4 block ends early") from None
    return bytes(out[start:])


def _extended(block: bytes, at: int) -> tuple[int, int]:
    """A length of 15 or more and where it ends: 15 and all bytes up to the first that is not 255. Raises IndexError at the block's end."""
    count = 15
    while block[at] == 255:
        count += 255
        at += 1
    return count + block[at], at + 1


def _copy(out: bytearray, offset: int, count: int) -> None:
    """Append `count` bytes that repeat from `offset` before the end; the match may overlap what it writes."""
    begin = len(out) - offset
    if offset >= count:
        out += out[begin : begin + count]
    else:
        unit = bytes(out[begin:])
        out += (unit * (count // offset + 1))[:count]
