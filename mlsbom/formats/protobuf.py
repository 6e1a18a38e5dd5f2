"""Protocol buffers without a schema: fields of a message by the wire format, checked against the bytes that are there.

Source: the encoding page of the protocol buffers documentation (wire types 0, 1, 2, 5; groups 3 and 4 are obsolete and skipped).
Lengths are checked before anything is sliced; large fields (weights) are given as views and never copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, overload

from mlsbom.blob import Blob
from mlsbom.errors import Malformed

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

IN_MEMORY: Final = 32 << 20
_PAGE: Final = 1 << 16


class Window:
    """A range of a large blob that reads like a memoryview: bytes by index, sub-ranges by slice, nothing copied before it is asked for."""

    __slots__ = ("_page", "_page_at", "blob", "end", "start")

    def __init__(self, blob: Blob, start: int, end: int) -> None:
        self.blob, self.start, self.end = blob, start, end
        self._page, self._page_at = b"", -1

    def __len__(self) -> int:
        return self.end - self.start

    @overload
    def __getitem__(self, key: int) -> int: ...
    @overload
    def __getitem__(self, key: slice) -> Window: ...
    def __getitem__(self, key: int | slice) -> int | Window:
        if isinstance(key, slice):
            begin, stop, _ = key.indices(len(self))
            inner = Window(self.blob, self.start + begin, self.start + max(begin, stop))
            inner._page, inner._page_at = self._page, self._page_at
            return inner
        at = self.start + key
        if not 0 <= at - self._page_at < len(self._page) or self._page_at < 0:
            self._page, self._page_at = self.blob.read_at(at, min(_PAGE, self.end - at)), at
            if not self._page:
                raise Malformed("the file ends inside a message", offset=at)
        return self._page[at - self._page_at]

    def __bytes__(self) -> bytes:
        return self.blob.read_at(self.start, len(self))


View = memoryview | Window
Value = int | memoryview | Window
Field = tuple[int, int, Value, int]
"""(field number, wire type, value, offset of the value): an integer for varints and fixed widths, a view for counted bytes."""


def view(blob: Blob) -> View:
    """All of a blob: in memory up to 32 MiB, else as a window on it. A reader for `Blob.parsed`."""
    return memoryview(blob.data()) if blob.size <= IN_MEMORY else Window(blob, 0, blob.size)


def fields(data: bytes | View, base: int = 0) -> Iterator[Field]:
    """The fields of one message, in order. `base` is the offset of the message in its file. Raises Malformed at the first break."""
    view: View = memoryview(data) if isinstance(data, bytes) else data
    at, end = 0, len(view)
    groups = 0
    while at < end:
        key = view[at]  # one byte is the rule, both here and for sizes: 2 to 3 times faster than a call
        if key < 0x80:
            at += 1
        else:
            key, at = varint(view, at, base)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise Malformed("field number 0 in a protocol buffer", offset=base + at)
        start = at
        value: Value
        if wire == VARINT:
            value, at = varint(view, at, base)
        elif wire == BYTES:
            size = view[at] if at < end else 0x80
            if size < 0x80:
                start = at + 1
            else:
                size, start = varint(view, at, base)
            at = start + size
            if at > end:
                raise Malformed(f"field {number} says {size} bytes, {end - start} are left", offset=base + start)
            value = view[start:at]
        elif wire in (FIXED64, FIXED32):
            at = start + (8 if wire == FIXED64 else 4)
            if at > end:
                raise Malformed(f"field {number} ends past its message", offset=base + start)
            value = int.from_bytes(bytes(view[start:at]), "little")
        elif wire == 3:
            groups += 1
            continue
        elif wire == 4 and groups:
            groups -= 1
            continue
        else:
            raise Malformed(f"wire type {wire} does not exist", offset=base + start)
        yield number, wire, value, base + start


def varint(view: View | bytes, at: int, base: int = 0) -> tuple[int, int]:
    """(unsigned value cut to 64 bits, next offset). Raises Malformed past the end or over ten bytes."""
    result = shift = 0
    end = len(view)
    while True:
        if at >= end or shift > 63:
            raise Malformed("a number ends past the message" if at >= end else "a number has more than ten bytes", offset=base + at)
        byte = view[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, at
        shift += 7


def signed(value: int) -> int:
    """An int64 or int32 field as stored in a varint."""
    return value - (1 << 64) if value >= 1 << 63 else value


def packed(wire: int, value: Value) -> list[int]:
    """A repeated integer field, packed or not."""
    if isinstance(value, int):
        return [value]
    out, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        out.append(number)
    return out


def text(value: Value) -> str:
    """A string field; invalid UTF-8 is replaced. An integer where bytes are due is an empty string."""
    return "" if isinstance(value, int) else bytes(value).decode("utf-8", "replace")


def size(value: Value) -> int:
    """The bytes of a counted field, 0 for an integer."""
    return 0 if isinstance(value, int) else len(value)


def message(value: Value) -> View:
    """A message field; an integer where bytes are due is an empty message."""
    return memoryview(b"") if isinstance(value, int) else value
