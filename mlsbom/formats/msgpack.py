"""MessagePack as flax and orbax write it: iterative, with lengths checked against the bytes that are left. Source: the MessagePack
specification."""

from __future__ import annotations

import struct
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats.tensors import PLAIN_DTYPES, Tensors

DEPTH_LIMIT: Final = 200
NODE_LIMIT: Final = 2_000_000
TEXT_KEPT: Final = 20_000
_FIXED: Final = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
_FIXEXT: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
KNOWN_EXT: Final = frozenset({1, 2, 3, -1})
"""1 ndarray, 2 complex, 3 numpy scalar (flax.serialization); -1 timestamp (MessagePack)."""


class Msgpack(Struct):
    """`texts`: (path, text) of all text values; `extensions`: other extension types with their counts; `objects`: arrays of Python objects;
    `bounds`: lengths past the end that no truncation explains; `broken`: why it ended; `trailing`: bytes behind the document."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    tensors: Tensors = field(default_factory=Tensors)
    extensions: dict[int, int] = field(default_factory=dict)
    objects: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    bounds: list[tuple[str, int]] = field(default_factory=list)
    broken: str | None = None
    broken_at: int = 0
    trailing: int = 0
    trailing_at: int = 0


class _Frame(Struct):
    left: int
    keyed: bool
    path: str
    key: str | None = None
    index: int = 0


def read(blob: Blob) -> Msgpack:
    """The document of a blob: a reader for `Blob.parsed`; `broken` says where it breaks."""
    reader = _Reader(blob)
    try:
        reader.run()
    except Malformed as e:
        reader.out.broken, reader.out.broken_at = str(e), e.offset or reader.at
    return reader.out


class _Reader:
    def __init__(self, blob: Blob) -> None:
        self.blob, self.at, self.out = blob, 0, Msgpack()
        self._buffer, self._from = b"", 0

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes."""
        start = self.at - self._from
        if start < 0 or start + count > len(self._buffer):
            if self.at + count > self.blob.size:
                if count > max(64 * self.blob.size, 1 << 20):
                    self.out.bounds.append((f"a length of {count} in a file of {self.blob.size} bytes", self.at))
                raise Malformed(f"{count} bytes are said to follow, {self.blob.size - self.at} are left", offset=self.at)
            self._buffer, self._from, start = self.blob.read_at(self.at, max(count, 1 << 16)), self.at, 0
        self.at += count
        return self._buffer[start : start + count]

    def number(self, size: int) -> int:
        """A big-endian unsigned number."""
        return int.from_bytes(self.take(size), "big")

    def skip(self, count: int) -> int:
        """Pass over bytes; their offset."""
        start = self.at
        if count > self.blob.size - start:
            self.take(count)
        self.at += count
        return start

    def run(self) -> None:
        """The first document."""
        stack: list[_Frame] = []
        nodes = 0
        while True:
            nodes += 1
            if nodes > NODE_LIMIT:
                raise Malformed(f"more than {NODE_LIMIT} values")
            self._value(stack)
            while stack and stack[-1].left == 0:
                stack.pop()
            if not stack:
                break
        self.trailing()

    def trailing(self) -> None:
        """What follows the document."""
        self.out.trailing, self.out.trailing_at = self.blob.size - self.at, self.at

    def _value(self, stack: list[_Frame]) -> None:
        top = stack[-1] if stack else None
        is_key = top is not None and top.keyed and top.key is None
        path = "" if top is None else top.path if is_key else f"{top.path}/{top.key if top.keyed else top.index}".lstrip("/")
        byte = self.take(1)[0]
        kind, size = _container(byte)
        if kind:
            count = size if size >= 0 else self.number(-size)
            if count > self.blob.size - self.at:
                if count > max(64 * self.blob.size, 1 << 20):
                    self.out.bounds.append((f"a {kind} of {count} values in a file of {self.blob.size} bytes", self.at))
                raise Malformed(f"a {kind} of {count} values ends past the file", offset=self.at)
            if len(stack) >= DEPTH_LIMIT:
                raise Malformed(f"nested deeper than {DEPTH_LIMIT} levels", offset=self.at)
            self._done(top, is_key, "?")
            stack.append(_Frame(count * (2 if kind == "map" else 1), kind == "map", path))
            return
        self._done(top, is_key, self._scalar(byte, path, is_key))

    def _done(self, top: _Frame | None, is_key: bool, value: Any) -> None:
        if top is None:
            return
        top.left -= 1
        if is_key:
            top.key = str(value)[:200]
            if len(self.out.keys) < 50_000:
                self.out.keys.append(top.key)
        else:
            top.key = None
            top.index += 1

    def _scalar(self, byte: int, path: str, is_key: bool) -> Any:
        if byte <= 0x7F:
            return byte
        if byte >= 0xE0:
            return byte - 256
        if byte in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[byte]
        if byte in _FIXED:
            code = _FIXED[byte]
            return struct.unpack(code, self.take(struct.calcsize(code)))[0]
        if 0xA0 <= byte <= 0xBF or byte in (0xD9, 0xDA, 0xDB):
            size = byte & 0x1F if byte <= 0xBF else self.number(1 << (byte - 0xD9))
            return self._text(size, path, is_key)
        if byte in (0xC4, 0xC5, 0xC6):
            start = self.skip(self.number(1 << (byte - 0xC4)))
            raw = self.blob.read_at(start, min(self.at - start, 4096))
            if not is_key and raw and len(self.out.texts) < 100_000 and raw[:64].isascii() and raw[:64].decode().isprintable():
                self.out.texts.append((path, raw.decode("utf-8", "replace")))
            return raw[:200].decode("latin-1")
        if byte in _FIXEXT or byte in (0xC7, 0xC8, 0xC9):
            size = _FIXEXT[byte] if byte in _FIXEXT else self.number(1 << (byte - 0xC7))
            self._extension(int.from_bytes(self.take(1), "big", signed=True), size, path)
            return "?"
        raise Malformed(f"byte {byte:#x} begins no value", offset=self.at - 1)

    def _text(self, size: int, path: str, is_key: bool) -> str:
        start = self.skip(size)
        text = self.blob.read_at(start, min(size, TEXT_KEPT)).decode("utf-8", "replace")
        if not is_key and text and len(self.out.texts) < 100_000:
            self.out.texts.append((path, text))
        return text

    def _extension(self, kind: int, size: int, path: str) -> None:
        start = self.skip(size)
        if kind not in KNOWN_EXT:
            self.out.extensions[kind] = self.out.extensions.get(kind, 0) + 1
        elif kind == 1:
            self._array(self.blob.read_at(start, min(size, 4096)), start, path)

    def _array(self, head: bytes, start: int, path: str) -> None:
        """(shape, dtype name, buffer) of an ndarray, itself MessagePack."""
        inner = _Small(head)
        shape, dtype = inner.shape_and_dtype()
        if dtype in ("O", "object", "|O"):
            self.out.objects.append(path)
        elif dtype:
            self.out.tensors.add(path, PLAIN_DTYPES.get(dtype, dtype), shape, start + inner.at, 0)


class _Small:
    """The head of an array extension."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def shape_and_dtype(self) -> tuple[tuple[int, ...], str]:
        """Shape and dtype; an empty dtype where the head is not of this form."""
        try:
            if not 0x90 <= self._byte() <= 0x9F:
                return (), ""
            rank = self._byte()
            if not 0x90 <= rank <= 0x9F:
                return (), ""
            shape = tuple(self._int() for _ in range(rank & 15))
            byte = self._byte()
            size = byte & 0x1F if 0xA0 <= byte <= 0xBF else self._byte() if byte in (0xC4, 0xD9) else 0
            dtype = self.data[self.at : self.at + size].decode("ascii", "replace")
            self.at += size
            byte = self._byte()
            self.at += {0xC4: 1, 0xC5: 2, 0xC6: 4}.get(byte, 0)
            return shape, dtype
        except IndexError:
            return (), ""

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _int(self) -> int:
        byte = self._byte()
        size = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}.get(byte, 0)
        if not size:
            return byte & 0x7F
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")


def _container(byte: int) -> tuple[str, int]:
    """(map, list or nothing; count, or minus the bytes of the count)."""
    if 0x80 <= byte <= 0x8F:
        return "map", byte & 15
    if 0x90 <= byte <= 0x9F:
        return "list", byte & 15
    return {0xDC: ("list", -2), 0xDD: ("list", -4), 0xDE: ("map", -2), 0xDF: ("map", -4)}.get(byte, ("", 0))
