"""TensorFlow Lite: constant tensors of all sub-graphs, with their quantisation applied. Source: schema.fbs of TensorFlow 2.20."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, Opaque, ReadError, TooLarge
from mlsbom.lineage.tensors import Array, Tensor, Weights, whole
from mlsbom.lineage.weights.scales import scaled
from mlsbom.lineage.weights.table import add_row, stored_size

DTYPES: Final = {
    0: "F32",
    1: "F16",
    2: "I32",
    3: "U8",
    4: "I64",
    6: "BOOL",
    7: "I16",
    8: "C64",
    9: "I8",
    10: "F64",
    11: "C128",
    12: "U64",
    15: "U32",
    16: "U16",
    18: "BF16",
}
INT4: Final = 17
MAX_ITEMS: Final = 1 << 20


class _Flat:
    """Tables of a flatbuffer, by offsets into a blob; everything is checked against its size."""

    def __init__(self, blob: Blob) -> None:
        self.blob = blob

    def number(self, at: int, code: str) -> int:
        size = struct.calcsize(code)
        raw = self.blob.read_at(at, size)
        if len(raw) < size:
            raise Malformed("an offset that leads out of the file", offset=at)
        return int(struct.unpack("<" + code, raw)[0])

    def follow(self, at: int) -> int:
        """Where the unsigned offset at a place leads."""
        return at + self.number(at, "I")

    def field(self, table: int, index: int) -> int:
        """Where a field of a table stands; 0 where it is left out."""
        vtable = table - self.number(table, "i")
        slot = 4 + 2 * index
        if slot + 2 > self.number(vtable, "H"):
            return 0
        offset = self.number(vtable + slot, "H")
        return table + offset if offset else 0

    def vector(self, table: int, index: int) -> tuple[int, int]:
        """(first element, count) of a vector; (0, 0) where it is left out."""
        at = self.field(table, index)
        if not at:
            return 0, 0
        start = self.follow(at)
        return start + 4, self.number(start, "I")

    def tables(self, table: int, index: int) -> list[int]:
        """The tables of a vector of tables."""
        start, count = self.vector(table, index)
        if count > MAX_ITEMS or start + 4 * count > self.blob.size:
            raise TooLarge(f"a vector of {count} tables")
        return [self.follow(start + 4 * n) for n in range(count)]

    def values(self, table: int, index: int, kind: str) -> Array:
        """A vector of numbers."""
        start, count = self.vector(table, index)
        dtype = np.dtype(kind)
        if start + dtype.itemsize * count > self.blob.size or count > MAX_ITEMS:
            raise Malformed(f"a vector of {count} numbers", offset=start)
        return np.frombuffer(self.blob.read_at(start, dtype.itemsize * count), dtype)

    def scalar(self, table: int, index: int, code: str) -> int:
        """A number, 0 where it is left out."""
        at = self.field(table, index)
        return self.number(at, code) if at else 0

    def text(self, table: int, index: int) -> str:
        """A string."""
        start, count = self.vector(table, index)
        return self.blob.read_at(start, min(count, 4096)).decode("utf-8", "replace")


def read(blob: Blob, weights: Weights) -> None:
    """All tensors that have data in the file."""
    flat = _Flat(blob)
    model = flat.follow(0)
    buffers = flat.tables(model, 4)
    seen: set[int] = set()
    for graph in flat.tables(model, 2):
        for table in flat.tables(graph, 0):
            number = flat.scalar(table, 2, "I")
            if 0 < number < len(buffers) and number not in seen:
                start, count = _data(flat, buffers[number])
                if count:
                    seen.add(number)
                    _tensor(flat, table, start, count, weights)


def _data(flat: _Flat, buffer: int) -> tuple[int, int]:
    """Where a buffer's bytes stand: inside, or behind the flatbuffer (models beyond 2 GB)."""
    start, count = flat.vector(buffer, 0)
    outside, size = flat.scalar(buffer, 1, "Q"), flat.scalar(buffer, 2, "Q")
    return (outside, size) if outside > 1 and size else (start, count)


def _tensor(flat: _Flat, table: int, start: int, count: int, weights: Weights) -> None:
    name = flat.text(table, 3)
    try:
        shape = tuple(int(n) for n in flat.values(table, 0, "<i4"))
        kind = flat.scalar(table, 1, "b")
        if flat.field(table, 6):
            raise Opaque("a sparse tensor is not read")
        before = len(weights.tensors)
        if kind == INT4:
            weights.tensors.append(_int4(flat.blob, name, shape, start, count))
        elif kind in DTYPES:
            if not DTYPES[kind].startswith("C") and stored_size(name, DTYPES[kind], shape) > count:
                raise Malformed(f"{count} bytes for a shape of {shape}")
            add_row(name, DTYPES[kind], shape, start, flat.blob, weights)
        if len(weights.tensors) > before:
            _quantised(flat, table, weights)
    except ReadError as e:
        weights.fail(name, e)


def _int4(blob: Blob, name: str, shape: tuple[int, ...], start: int, count: int) -> Tensor:
    """Two signed 4-bit integers a byte, the low half first."""
    elements = int(np.prod(shape, dtype=np.int64))
    if (elements + 1) // 2 > count:
        raise Malformed(f"{count} bytes for a shape of {shape}")

    def load() -> Array:
        b = np.frombuffer(blob.read_at(start, (elements + 1) // 2), np.uint8)
        q = np.stack([b & 15, b >> 4], axis=1).reshape(-1)[:elements].astype(np.float32)
        return np.where(q > 7, q - 16, q)

    return Tensor(name=name, shape=shape, dtype="I8", opener=whole(load, elements * 4))


def _quantised(flat: _Flat, table: int, weights: Weights) -> None:
    """Apply the quantisation of the tensor that was added last: one scale, or one for each index of an axis."""
    at = flat.field(table, 4)
    if not at:
        return
    quantisation = flat.follow(at)
    scale: Any = flat.values(quantisation, 2, "<f4")
    zero: Any = flat.values(quantisation, 3, "<i8").astype(np.float32)
    if not len(scale) or not np.isfinite(scale).all():
        return
    axis = flat.scalar(quantisation, 6, "i")
    tensor = weights.tensors[-1]
    base = zero if len(zero) == len(scale) else np.zeros(1, np.float32)
    done = scaled(tensor, lambda: scale, (len(scale),), zero=lambda: base, axis=axis if len(scale) > 1 else None)
    if done is not None:
        weights.tensors[-1] = done
