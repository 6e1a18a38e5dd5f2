"""UBJSON as XGBoost writes it: to plain data, with typed arrays counted, not kept. Source: the UBJSON specification, draft 12."""

from __future__ import annotations

import struct
from typing import Any, Final

from mlsbom.errors import Malformed

DEPTH_LIMIT: Final = 64
NODE_LIMIT: Final = 3_000_000
_NUMBERS: Final = {b"i": (">b", 1), b"U": (">B", 1), b"I": (">h", 2), b"l": (">i", 4), b"L": (">q", 8), b"d": (">f", 4), b"D": (">d", 8)}


def loads(data: bytes) -> Any:
    """The value of a document. An array of one numeric type becomes `("array", type, count)`. Raises Malformed with the offset."""
    reader = _Reader(data)
    return reader.value(reader.take(1), 0)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.nodes = data, 0, 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise Malformed(f"{count} bytes are said to follow, {len(self.data) - self.at} are left", offset=self.at)
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, kind: bytes) -> Any:
        if kind not in _NUMBERS:
            raise Malformed(f"{kind!r} is no number", offset=self.at)
        code, size = _NUMBERS[kind]
        return struct.unpack(code, self.take(size))[0]

    def length(self) -> int:
        size = self.number(self.take(1))
        if not isinstance(size, int) or size < 0:
            raise Malformed("a negative length", offset=self.at)
        return size

    def text(self) -> str:
        return self.take(self.length()).decode("utf-8", "replace")

    def value(self, kind: bytes, depth: int) -> Any:
        self.nodes += 1
        if depth > DEPTH_LIMIT or self.nodes > NODE_LIMIT:
            raise Malformed("nested too deep or too many values", offset=self.at)
        if kind in _NUMBERS:
            return self.number(kind)
        match kind:
            case b"Z" | b"N":
                return None
            case b"T" | b"F":
                return kind == b"T"
            case b"S" | b"H":
                return self.text()
            case b"C":
                return self.take(1).decode("latin-1")
            case b"[" | b"{":
                return self.container(kind == b"{", depth)
        raise Malformed(f"byte {kind!r} begins no value", offset=self.at - 1)

    def container(self, keyed: bool, depth: int) -> Any:
        kind, count = b"", -1
        if self.data[self.at : self.at + 1] == b"$":
            self.take(1)
            kind = self.take(1)
        if self.data[self.at : self.at + 1] == b"#":
            self.take(1)
            count = self.length()
        elif kind:
            raise Malformed("a typed array without a count", offset=self.at)
        if kind in _NUMBERS and not keyed:
            self.take(count * _NUMBERS[kind][1])
            return ("array", kind.decode(), count)
        if count > len(self.data) - self.at:
            raise Malformed(f"{count} values are said to follow, {len(self.data) - self.at} bytes are left", offset=self.at)
        items: list[Any] = []
        out: dict[str, Any] = {}
        end = b"}" if keyed else b"]"
        while count != 0:
            if count < 0 and self.data[self.at : self.at + 1] == end:
                self.take(1)
                break
            key = self.text() if keyed else ""
            value = self.value(kind or self.take(1), depth + 1)
            if keyed:
                out[key] = value
            else:
                items.append(value)
            count -= 1
        return out if keyed else items
