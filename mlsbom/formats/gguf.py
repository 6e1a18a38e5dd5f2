"""GGUF, versions 1 to 3, both byte orders: all keys and values, the table of tensors, and what does not fit into the file.

Source: docs/gguf.md of ggml. Iterative and bounded: every count is checked against the bytes that are left before anything is read.
"""

from __future__ import annotations

import math
import struct
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats.tensors import Tensors

DEPTH_LIMIT: Final = 4
KEPT_ITEMS: Final = 64
"""Elements of an array that are kept as values; the rest is skipped by length."""
KEPT_TEXT: Final = 4 << 20
_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_CODES: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING: Final = 8
ARRAY: Final = 9

GGML_TYPES: Final[dict[int, tuple[str, int, int]]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32,
    34), 9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K",
    256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip
"""Type -> (name, elements a block, bytes a block): ggml.h."""

FILE_TYPES: Final[dict[int, str]] = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L",
    14: "Q4_K_S", 15: "Q4_K_M",
    16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S",
    25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
    28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip
"""`general.file_type` -> its name: llama.h."""


class Array(Struct, frozen=True):
    """An array: type of its elements, its count, and at most 64 of its values."""

    kind: int
    count: int
    items: tuple[Any, ...]


class Gguf(Struct):
    """`values`: key -> value, the last where a key occurs twice; `offsets`: key -> offset. `bounds`: sizes that overflow or lie outside
    in a way that truncation does not explain; `anomalies`: what is absurd without breaking a reader; `broken`: why reading ended early."""

    version: int
    endian: str
    values: dict[str, Any] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)
    tensors: Tensors = field(default_factory=Tensors)
    bounds: list[tuple[str, int]] = field(default_factory=list)
    anomalies: list[tuple[str, int]] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    broken: str | None = None
    broken_at: int = 0
    data_start: int = 0
    data_end: int = 0
    keys: int = 0


class _Stop(Exception):
    """Reading ends here; what was read stays."""

    def __init__(self, why: str, at: int, kind: str) -> None:
        super().__init__(why)
        self.why, self.at, self.kind = why, at, kind


class _Reader:
    """A buffered reader with a position."""

    def __init__(self, blob: Blob, endian: str) -> None:
        self.blob, self.endian = blob, endian
        self.at = 0
        self._buffer = b""
        self._from = 0

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes; the file ending early stops the reading."""
        start = self.at - self._from
        if start < 0 or start + count > len(self._buffer):
            if self.at + count > self.blob.size:
                raise _Stop("the file ends inside its header", self.at, "end")
            self._buffer = self.blob.read_at(self.at, max(count, 1 << 18))
            self._from, start = self.at, 0
        self.at += count
        return self._buffer[start : start + count]

    def number(self, code: str) -> Any:
        """One number."""
        return struct.unpack(self.endian + code, self.take(struct.calcsize(code)))[0]

    @property
    def left(self) -> int:
        """Bytes to the end."""
        return self.blob.size - self.at


def read(blob: Blob) -> Gguf:
    """The header of a blob: a reader for `Blob.parsed`. Raises Malformed only where there is no version; else `broken` says why it
    ended."""
    head = blob.head
    if len(head) < 8:
        raise Malformed("a GGUF file ends in its magic")
    version = int.from_bytes(head[4:8], "little")
    endian = "<"
    if version & 0xFFFF == 0 and version:
        version, endian = int.from_bytes(head[4:8], "big"), ">"
    out = Gguf(version, endian)
    if version not in (1, 2, 3):
        raise Malformed(f"version {version} of GGUF is not known", offset=4)
    reader = _Reader(blob, endian)
    reader.at = 8
    try:
        _fill(reader, out)
    except _Stop as e:
        if e.kind == "bounds":
            out.bounds.append((e.why, e.at))
        elif e.kind == "anomaly":
            out.anomalies.append((e.why, e.at))
        out.broken, out.broken_at = e.why, e.at
    return out


def _fill(reader: _Reader, out: Gguf) -> None:
    wide = "Q" if out.version > 1 else "I"
    tensors, keys = reader.number(wide), reader.number(wide)
    for what, count, least in (("tensors", tensors, 24), ("keys", keys, 13)):
        if count >= 1 << 31 or count * least >= 1 << 63:
            raise _Stop(f"{count} {what}: the size of their table overflows in readers that count in 32 bits", 8, "bounds")
        if count * least > max(64 * reader.blob.size, 1 << 24):
            raise _Stop(f"{count} {what} in {reader.blob.size} bytes", 8, "anomaly")
    out.keys = keys
    for _ in range(keys):
        at = reader.at
        key = _text(reader, wide).decode("utf-8", "replace")
        if key in out.values and len(out.duplicates) < 20:
            out.duplicates.append(key)
        out.values[key] = _value(reader, reader.number("I"), wide)
        out.offsets[key] = at
    _tensors(reader, out, tensors, wide)


def _text(reader: _Reader, wide: str) -> bytes:
    size = reader.number(wide)
    _check(reader, size, 1, "a string")
    if size > KEPT_TEXT:
        start = reader.take(KEPT_TEXT)
        reader.at += size - KEPT_TEXT
        return start
    return reader.take(size)


def _check(reader: _Reader, count: int, size: int, what: str) -> None:
    """Whether `count` times `size` bytes are left; else stop: overflow and the absurd are told from a file that was cut."""
    if count * size <= reader.left:
        return
    if count * size >= 1 << 60:
        raise _Stop(f"{what} of {count} elements: its size overflows", reader.at, "bounds")
    if count * size > max(64 * reader.blob.size, 1 << 30):
        raise _Stop(f"{what} of {count} elements in a file of {reader.blob.size} bytes", reader.at, "anomaly")
    raise _Stop(f"{what} of {count} elements ends past the file", reader.at, "end")


def _value(reader: _Reader, kind: int, wide: str) -> Any:
    if kind in _CODES:
        return reader.number(_CODES[kind]) if kind != 7 else reader.take(1) != b"\0"
    if kind == STRING:
        return _text(reader, wide).decode("utf-8", "replace")
    if kind == ARRAY:
        return _array(reader, wide)
    raise _Stop(f"type {kind} of a value is not known", reader.at, "end")


def _array(reader: _Reader, wide: str) -> Array:
    """An array, nested at most four deep, without recursion: pending counts of outer arrays are on a stack."""
    kind, count = reader.number("I"), reader.number(wide)
    first = (kind, count)
    pending: list[int] = []
    items: list[Any] = []
    while True:
        _check(reader, count, _SIZES.get(kind, 8 if wide == "Q" else 4), "an array")
        if kind == ARRAY:
            if len(pending) + 1 >= DEPTH_LIMIT:
                raise _Stop(f"arrays nested deeper than {DEPTH_LIMIT}", reader.at, "anomaly")
            if count:
                pending.append(count - 1)
                kind, count = reader.number("I"), reader.number(wide)
                continue
        elif kind == STRING:
            items.extend(_strings(reader, count, wide, KEPT_ITEMS - len(items)))
        elif kind in _SIZES:
            keep = max(0, min(count, KEPT_ITEMS - len(items)))
            items.extend(struct.unpack(f"{reader.endian}{keep}{_CODES[kind] if kind != 7 else 'B'}", reader.take(keep * _SIZES[kind])))
            reader.at += (count - keep) * _SIZES[kind]
        else:
            raise _Stop(f"type {kind} of an array is not known", reader.at, "end")
        while pending and pending[-1] == 0:
            pending.pop()
        if not pending:
            return Array(first[0], first[1], tuple(items))
        pending[-1] -= 1
        kind, count = reader.number("I"), reader.number(wide)


def _strings(reader: _Reader, count: int, wide: str, keep: int) -> list[str]:
    out: list[str] = []
    step, order = (8 if wide == "Q" else 4), ("little" if reader.endian == "<" else "big")
    for n in range(count):
        if n < keep:
            out.append(_text(reader, wide).decode("utf-8", "replace"))
            continue
        size = int.from_bytes(reader.take(step), order)  # type: ignore[arg-type]
        if size > reader.left:
            _check(reader, size, 1, "a string")
        reader.at += size
    return out


def _tensors(reader: _Reader, out: Gguf, count: int, wide: str) -> None:
    rows: list[tuple[str, str, tuple[int, ...], int, int]] = []
    for _ in range(count):
        at = reader.at
        name = _text(reader, wide).decode("utf-8", "replace")
        dims = reader.number("I")
        if dims > 8:
            raise _Stop(f"tensor {name[:60]!r} has {dims} dimensions", at, "anomaly" if dims < 1 << 16 else "bounds")
        shape = tuple(reader.number(wide) for _ in range(dims))
        kind, offset = reader.number("I"), reader.number("Q")
        label, block, stored = GGML_TYPES.get(kind, (f"type-{kind}", 0, 0))
        elements = math.prod(shape)
        if elements >= 1 << 63 or offset >= 1 << 62:
            out.bounds.append((f"the size of tensor {name[:60]!r} overflows", at))
            continue
        if not block and out.broken is None:
            out.broken, out.broken_at = f"type {kind} of tensor {name[:60]!r} is not known", at
        rows.append((name, label, tuple(reversed(shape)), offset, -(-elements // block) * stored if block else 0))
    alignment = out.values.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1) or alignment > 1 << 20:
        out.anomalies.append((f"alignment {alignment!r} is no power of two", reader.at))
        alignment = 32
    out.data_start = -(-reader.at // alignment) * alignment
    contiguous = 0
    end = out.data_start
    for name, label, shape, offset, size in rows:
        start = out.data_start + offset
        out.tensors.add(name, label, shape, start, size)
        end = max(end, start + size)
        if start + size > reader.blob.size:
            if offset == contiguous or offset < contiguous:
                if out.broken is None:
                    out.broken, out.broken_at = f"tensor {name[:60]!r} ends past the file: a part of a file", start
            elif start > reader.blob.size:
                out.bounds.append((f"tensor {name[:60]!r} starts past the file, out of line with those before it", start))
        contiguous = max(contiguous, offset + -(-size // alignment) * alignment)
    out.data_end = min(end, reader.blob.size)
