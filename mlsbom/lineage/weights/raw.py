"""Plain stored values: from a dtype, an offset and a blob to values that are read in pieces."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats.tensors import PLAIN_DTYPES
from mlsbom.lineage.tensors import Array, Tensor
from mlsbom.lineage.weights.blocks import BLOCKS

PLAIN: Final[dict[str, str]] = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I8": "i1", "U8": "u1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4",
    "I64": "<i8", "U64": "<u8", "BOOL": "u1", "F8_E4M3": "u1", "F8_E5M2": "u1",
}  # fmt: skip
"""numpy's word for each dtype, in the spelling of safetensors."""

FLOATS: Final = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
SMALL_INTEGERS: Final = frozenset({"I8", "U8", "I16", "U16"})
"""Integers that may be weights without a scale beside them. Wider ones are indices, counters and packed codes."""

_SPELLED: Final[dict[str, str]] = PLAIN_DTYPES | {"double": "F64", "float": "F32", "half": "F16"}


def spelled(dtype: str) -> str:
    """A dtype in the spelling of safetensors, whatever the container calls it; unknown ones in upper case as they are."""
    return _SPELLED.get(dtype.lower(), dtype.upper())


@cache
def _f8(kind: str) -> Array:
    """The values of the 256 codes of an 8-bit float (OCP 8-bit floating point specification: E4M3 has no infinity, E5M2 is IEEE-like)."""
    code = np.arange(256)
    exponent_bits, bias = (4, 7) if kind == "F8_E4M3" else (5, 15)
    mantissa_bits = 7 - exponent_bits
    exponent = (code >> mantissa_bits) & ((1 << exponent_bits) - 1)
    fraction = (code & ((1 << mantissa_bits) - 1)) / (1 << mantissa_bits)
    value = np.where(exponent > 0, np.ldexp(1 + fraction, exponent - bias), np.ldexp(fraction, 1 - bias)).astype(np.float32)
    if kind == "F8_E4M3":
        value[(code & 0x7F) == 0x7F] = np.nan
    else:
        value[exponent == 31] = np.where(fraction[exponent == 31] > 0, np.nan, np.inf)
    return np.where(code & 0x80, -value, value)


def usual(x: Array, dtype: str) -> Array:
    """Stored values as what `Values` answers: uint16 for bfloat16 codes, float16, or float32."""
    if dtype in ("BF16", "F16", "F32"):
        return x
    if dtype.startswith("F8"):
        return _f8(dtype)[x]
    with np.errstate(over="ignore"):
        return x.astype(np.float32)


def plain(name: str, shape: tuple[int, ...], dtype: str, blob: Blob, offset: int) -> Tensor:
    """A tensor of plain values that stand one after another from `offset`, little-endian."""
    kind = np.dtype(PLAIN[dtype])

    def stored(start: int, count: int) -> Array:
        raw = blob.read_at(offset + start * kind.itemsize, count * kind.itemsize)
        return np.frombuffer(raw, kind, len(raw) // kind.itemsize)

    def read(start: int, count: int) -> Array:
        return usual(stored(start, count), dtype)

    return Tensor(name=name, shape=shape, dtype=dtype, opener=lambda: read, raw=stored)


def blocks(name: str, shape: tuple[int, ...], dtype: str, blob: Blob, offset: int) -> Tensor:
    """A tensor of GGUF blocks; any piece of it may be read."""
    block = BLOCKS[dtype]

    def read(start: int, count: int) -> Array:
        first, last = start // block.values, -(-(start + count) // block.values)
        raw = np.frombuffer(blob.read_at(offset + first * block.size, (last - first) * block.size), np.uint8)
        if len(raw) != (last - first) * block.size:
            raise Malformed("a quantised tensor ends early", offset=offset)
        with np.errstate(over="ignore", invalid="ignore"):
            values = block.decode(raw.reshape(-1, block.size)).astype(np.float32, copy=False).reshape(-1)
        return values[start - first * block.values :][:count]

    return Tensor(name=name, shape=shape, dtype=dtype, opener=lambda: read)
