"""Values as 16-bit codes, their histogram, and the order-blind hash of a multiset of values (channel T0).

A value is rounded (nearest, ties to even) to bfloat16 and to float16, the two *lanes*; a hash of the 65,536-bin histogram of either
lane survives casts, transposition, reshape, renaming, permutation and change of container. A chance collision needs equal multisets.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CODES = 65536
MIN_ELEMENTS = 256  # a hash needs so many elements
MIN_DISTINCT = 64  # ... and so many distinct bfloat16 codes
SOLID_ELEMENTS = 16_384  # evidence by itself even where the container keeps no shapes


class ValueHash(NamedTuple):
    """The key of one tensor's values: element count and 16 bytes for each lane."""

    elements: int
    bf16: bytes
    f16: bytes


def splitmix(u: Array) -> Array:
    """The finaliser of splitmix64 over an array of uint64."""
    u = u.astype(np.uint64)
    u = (u ^ (u >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    u = (u ^ (u >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(u ^ (u >> np.uint64(31)))


@cache
def _mixers() -> tuple[Array, Array]:
    v = np.arange(CODES, dtype=np.uint64)
    return splitmix(v + np.uint64(0x9E3779B97F4A7C15)), splitmix(v * np.uint64(3) + np.uint64(0xD1B54A32D192ED03))


@cache
def _f16_to_bf16() -> Array:
    """For each float16 code the bfloat16 code of its value."""
    return bf16_codes(np.arange(CODES, dtype=np.uint16).view(np.float16).astype(np.float32))


@cache
def _bf16_to_f16() -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return bf16_floats(np.arange(CODES, dtype=np.uint16)).astype(np.float16).view(np.uint16)


def bf16_codes(x: Array) -> Array:
    """float32 -> bfloat16 codes (uint16), to nearest, ties to even; NaN stays NaN."""
    u = np.ascontiguousarray(x, np.float32).view(np.uint32)
    codes = ((u + np.uint32(0x7FFF) + ((u >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)
    if (wrapped := (u & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)).any():
        codes[wrapped] = 0x7FC0
    return codes


def bf16_floats(codes: Array) -> Array:
    """bfloat16 codes (uint16) -> float32."""
    return (codes.astype(np.uint32) << np.uint32(16)).view(np.float32)


def f16_codes(x: Array) -> Array:
    """float32 -> float16 codes; what is too large becomes infinite, as in a real cast."""
    with np.errstate(over="ignore", invalid="ignore"):
        return x.astype(np.float16).view(np.uint16)


def histogram(codes: Array) -> Array:
    """Counts of the 65,536 codes (int64)."""
    return np.bincount(codes, minlength=CODES)


def remap(counts: Array, table: Array) -> Array:
    """The histogram of the other lane, from a table of codes."""
    out: Array = np.zeros(CODES, np.int64)
    used = np.flatnonzero(counts)
    np.add.at(out, table[used], counts[used])
    return out


def other_lane(counts: Array, lane: str) -> Array:
    """The histogram in the lane that a 16-bit tensor is not stored in: no pass over its values."""
    return remap(counts, _bf16_to_f16() if lane == "bf16" else _f16_to_bf16())


def merged_zero(counts: Array) -> Array:
    """-0 counts as +0. After rounding: a cast to float16 makes many of them."""
    counts = counts.copy()
    counts[0] += counts[0x8000]
    counts[0x8000] = 0
    return counts


def multiset_hash(counts: Array) -> bytes:
    """16 bytes: two sums mod 2^64 of count times a mixed code."""
    c = merged_zero(counts).astype(np.uint64)
    return b"".join(int((c * mixer).sum(dtype=np.uint64)).to_bytes(8, "big") for mixer in _mixers())


def distinct(bf16_counts: Array) -> int:
    """How many different bfloat16 values there are."""
    return int((merged_zero(bf16_counts) > 0).sum())


def entropy_bits(counts: Array) -> float:
    """What an ideal code over this histogram needs for all its values, in bits."""
    c = counts[counts > 0].astype(np.float64)
    total = c.sum()
    return float(-(c * np.log2(c / total)).sum()) if total and math.isfinite(total) else 0.0


def value_hash(bf16_counts: Array, f16_counts: Array, elements: int) -> ValueHash | None:
    """The key, or None where there are too few elements or values for it to mean anything."""
    if elements < MIN_ELEMENTS or distinct(bf16_counts) < MIN_DISTINCT:
        return None
    return ValueHash(elements, multiset_hash(bf16_counts), multiset_hash(f16_counts))
