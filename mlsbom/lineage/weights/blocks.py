"""GGUF block quantisations -> float32. Layouts as ggml defines them (ggml-common.h); `gguf` is the oracle of the tests.

A decoder takes blocks as bytes, n x (bytes a block), and gives n x (values a block). What is not in `BLOCKS` (the lattice quantisations
IQ1, IQ2, IQ3, whose code books are tables of thousands of entries) is said to be unknown, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from mlsbom.lineage.tensors import Array

NONLINEAR: Final = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32)
FP4: Final = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], np.float32)


class Block(NamedTuple):
    """Values and bytes of one block, and its decoder."""

    values: int
    size: int
    decode: Callable[[Array], Array]


def _half(b: Array, at: int) -> Array:
    """The float16 at a byte of each block, n x 1."""
    return b[:, at : at + 2].copy().view(np.float16).astype(np.float32)


def _bits(b: Array, group: int, width: int) -> Array:
    """Fields of `width` bits, lowest first, over groups of bytes: n x (8 / width * bytes); all of a group's first fields come first."""
    shifts = np.arange(0, 8, width, dtype=np.uint8).reshape(1, 1, -1, 1)
    return ((b.reshape(len(b), -1, 1, group) >> shifts) & np.uint8((1 << width) - 1)).reshape(len(b), -1)


def _fifth(b: Array) -> Array:
    """32 single bits of four bytes, as 0 or 16."""
    return np.unpackbits(b, axis=1, bitorder="little") << np.uint8(4)


def _q4_0(b: Array) -> Array:
    return _half(b, 0) * (_bits(b[:, 2:], 16, 4).astype(np.float32) - 8)


def _q4_1(b: Array) -> Array:
    return _half(b, 0) * _bits(b[:, 4:], 16, 4) + _half(b, 2)


def _q5_0(b: Array) -> Array:
    return _half(b, 0) * ((_bits(b[:, 6:], 16, 4) | _fifth(b[:, 2:6])).astype(np.float32) - 16)


def _q5_1(b: Array) -> Array:
    return _half(b, 0) * (_bits(b[:, 8:], 16, 4) | _fifth(b[:, 4:8])) + _half(b, 2)


def _q8_0(b: Array) -> Array:
    return _half(b, 0) * b[:, 2:].view(np.int8)


def _q8_1(b: Array) -> Array:
    return _half(b, 0) * b[:, 4:].view(np.int8)


def _scaled(q: Array, scale: Array) -> Array:
    """Values in groups times the scale of their group: n x groups."""
    n, groups = scale.shape
    return np.asarray((q.reshape(n, groups, -1) * scale[:, :, None]).reshape(n, -1), np.float32)


def _q2_k(b: Array) -> Array:
    scale, low = _half(b, 80) * (b[:, :16] & 15), _half(b, 82) * (b[:, :16] >> 4)
    q = _bits(b[:, 16:80], 32, 2).astype(np.float32)
    return np.asarray(_scaled(q, scale) - np.repeat(low, 16, axis=1))


def _q3_k(b: Array) -> Array:
    s = b[:, 96:108]
    six = (_bits(s[:, :8], 8, 4) | (_bits(s[:, 8:], 4, 2) << np.uint8(4))).astype(np.float32) - 32
    q = _bits(b[:, 32:96], 32, 2).astype(np.float32) - 4 * (1 - _bits(b[:, :32], 32, 1).astype(np.float32))
    return _scaled(q, _half(b, 108) * six)


def _k_scales(s: Array) -> tuple[Array, Array]:
    """Eight scales and eight minima of six bits each, from twelve bytes."""
    d, m, both = s[:, :4], s[:, 4:8], s[:, 8:]
    scale = np.concatenate([d & 63, (both & 15) | ((d >> 2) & 48)], axis=1)
    low = np.concatenate([m & 63, (both >> 4) | ((m >> 2) & 48)], axis=1)
    return scale.astype(np.float32), low.astype(np.float32)


def _with_minima(b: Array, q: Array) -> Array:
    scale, low = _k_scales(b[:, 4:16])
    return np.asarray(_scaled(q, _half(b, 0) * scale) - np.repeat(_half(b, 2) * low, 32, axis=1))


def _q4_k(b: Array) -> Array:
    return _with_minima(b, _bits(b[:, 16:], 32, 4).astype(np.float32))


def _q5_k(b: Array) -> Array:
    return _with_minima(b, (_bits(b[:, 48:], 32, 4) | (_bits(b[:, 16:48], 32, 1) << np.uint8(4))).astype(np.float32))


def _q6_k(b: Array) -> Array:
    q = (_bits(b[:, :128], 64, 4) | (_bits(b[:, 128:192], 32, 2) << np.uint8(4))).astype(np.float32) - 32
    return _scaled(q, _half(b, 208) * b[:, 192:208].view(np.int8))


def _q8_k(b: Array) -> Array:
    return b[:, :4].copy().view(np.float32) * b[:, 4:260].view(np.int8)


def _iq4_nl(b: Array) -> Array:
    return _half(b, 0) * NONLINEAR[_bits(b[:, 2:], 16, 4)]


def _iq4_xs(b: Array) -> Array:
    high = (b[:, 2:4].copy().view(np.uint16) >> np.arange(0, 16, 2, dtype=np.uint16)) & np.uint16(3)
    low = np.stack([b[:, 4:8] & 15, b[:, 4:8] >> 4], axis=2).reshape(len(b), 8)
    return _scaled(
        NONLINEAR[_bits(b[:, 8:], 16, 4)], _half(b, 0) * ((low | (high.astype(np.uint8) << np.uint8(4))).astype(np.float32) - 32)
    )


def _trits(b: Array, digits: int) -> Array:
    """Base-3 digits packed as fixed-point fractions: all first digits, then all second ones."""
    powers = (3 ** np.arange(digits)).astype(np.uint8).reshape(1, digits, 1)
    return (((b[:, None, :] * powers).astype(np.uint16) * np.uint16(3)) >> np.uint16(8)).reshape(len(b), -1)


def _tq1_0(b: Array) -> Array:
    q = np.concatenate([_trits(b[:, :32], 5), _trits(b[:, 32:48], 5), _trits(b[:, 48:52], 4)], axis=1)
    return _half(b, 52) * (q.astype(np.float32) - 1)


def _tq2_0(b: Array) -> Array:
    return _half(b, 64) * (_bits(b[:, :64], 32, 2).astype(np.float32) - 1)


def _mxfp4(b: Array) -> Array:
    return np.asarray(np.ldexp(np.float32(0.5), b[:, :1].astype(np.int32) - 127) * FP4[_bits(b[:, 1:], 16, 4)], np.float32)


BLOCKS: Final[dict[str, Block]] = {
    "Q4_0": Block(32, 18, _q4_0),
    "Q4_1": Block(32, 20, _q4_1),
    "Q5_0": Block(32, 22, _q5_0),
    "Q5_1": Block(32, 24, _q5_1),
    "Q8_0": Block(32, 34, _q8_0),
    "Q8_1": Block(32, 36, _q8_1),
    "Q2_K": Block(256, 84, _q2_k),
    "Q3_K": Block(256, 110, _q3_k),
    "Q4_K": Block(256, 144, _q4_k),
    "Q5_K": Block(256, 176, _q5_k),
    "Q6_K": Block(256, 210, _q6_k),
    "Q8_K": Block(256, 292, _q8_k),
    "IQ4_NL": Block(32, 18, _iq4_nl),
    "IQ4_XS": Block(256, 136, _iq4_xs),
    "TQ1_0": Block(256, 54, _tq1_0),
    "TQ2_0": Block(256, 66, _tq2_0),
    "MXFP4": Block(32, 17, _mxfp4),
}
