"""Weights packed into wider integers, with scales and zero points beside them: GPTQ and AWQ. What else looks packed is said, not guessed.

GPTQ (AutoGPTQ): `qweight` [in * bits / 32, out], `qzeros` [groups, out * bits / 32] holding zero - 1, `scales` [groups, out], `g_idx` [in].
AWQ (AutoAWQ): `qweight` [in, out / 8] with its nibbles interleaved, `qzeros` [groups, out / 8], `scales` [groups, out]; 4 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from msgspec import Struct

from mlsbom.errors import Malformed, Opaque
from mlsbom.lineage.tensors import EXPANDED, Array, Tensor, Weights, whole
from mlsbom.patterns import late

INTERLEAVED: Final = (0, 4, 1, 5, 2, 6, 3, 7)
"""AWQ: the place among eight nibbles, lowest first, where each of eight neighbouring columns stands."""
_PACKED: Final = late(r"(?:^|[._])(?:qweight|qzeros|weight_packed)$|_blocks$")
_BITSANDBYTES: Final = (".absmax", ".quant_map")


class _Parts(Struct, frozen=True, kw_only=True):
    """The tensors of one packed matrix."""

    weight: Tensor
    zeros: Tensor
    scales: Tensor
    groups: Tensor | None


def unpack(tensors: list[Tensor], weights: Weights) -> list[Tensor]:
    """The same tensors with packed matrices in place of their parts. Packed ones of another form become shortfalls."""
    by_name = {t.name: t for t in tensors}
    used: set[str] = set()
    made: dict[str, Tensor] = {}
    for t in tensors:
        stem = t.name.removesuffix("qweight")
        if stem != t.name and t.dtype in ("I32", "U32") and len(t.shape) == 2:
            zeros, scales, groups = (by_name.get(stem + n) for n in ("qzeros", "scales", "g_idx"))
            if zeros is not None and scales is not None:
                matrix = _matrix(stem, _Parts(weight=t, zeros=zeros, scales=scales, groups=groups))
                if matrix is not None:
                    made[t.name] = matrix
                    used.update(p.name for p in (zeros, scales, groups) if p is not None)
        if t.name not in made and t.name not in used and t.dtype[0] in "IU" and _looks_packed(t.name, by_name):
            weights.fail(t.name, Opaque("packed integers of a form that is not read"))
            used.add(t.name)
    return [made.get(t.name, t) for t in tensors if t.name not in used]


def _looks_packed(name: str, by_name: dict[str, Tensor]) -> bool:
    """Whether a name says that its integers are codes: of GPTQ, AWQ, compressed-tensors, MXFP4, or bitsandbytes by what stands beside."""
    return _PACKED.search(name) is not None or any(name + n in by_name for n in _BITSANDBYTES)


def _matrix(stem: str, parts: _Parts) -> Tensor | None:
    """The matrix [in, out], or None where the shapes fit neither form."""
    (rows, columns), out = parts.weight.shape, parts.scales.shape[-1]
    if len(parts.scales.shape) != 2 or len(parts.zeros.shape) != 2 or not rows * columns * out:
        return None
    gptq = columns == out
    inside = parts.groups.elements if gptq and parts.groups is not None else rows * 8 if gptq else rows
    bits = rows * 32 // inside if gptq else 4
    if inside * bits != rows * 32 if gptq else columns * 8 != out:
        return None
    if bits not in (2, 4, 8) or parts.zeros.shape != (parts.scales.shape[0], out * bits // 32):
        return None
    load: Callable[[], Array] = (lambda: _gptq(parts, inside, bits)) if gptq else (lambda: _awq(parts))
    return Tensor(name=f"{stem}weight", shape=(inside, out), dtype="F32", opener=whole(load, inside * out * 4))


def _integers(t: Tensor) -> Array:
    """The stored 32-bit integers of a tensor, as uint32 in its shape."""
    if t.raw is None or t.elements * 4 > EXPANDED:
        raise Malformed(f"{t.name}: its integers cannot be had")
    return t.raw(0, t.elements).view(np.uint32).reshape(t.shape)


def _fields(x: Array, bits: int) -> Array:
    """The fields of each integer, lowest first: one more axis at the end."""
    return (x[..., None] >> np.arange(0, 32, bits, dtype=np.uint32)) & np.uint32((1 << bits) - 1)


def _scale_of(parts: _Parts, inside: int) -> tuple[Array, Array]:
    """(scales in their shape, the group of each input)."""
    scales = parts.scales.open().floats(0, parts.scales.elements).reshape(parts.scales.shape)
    groups = len(scales)
    index = np.arange(inside) * groups // inside
    if parts.groups is not None and parts.groups.elements == inside and parts.groups.raw is not None:
        index = parts.groups.raw(0, inside).astype(np.int64)
    if index.min() < 0 or index.max() >= groups:
        raise Malformed(f"{parts.groups.name if parts.groups else 'groups'}: a group that has no scale")
    return scales, index


def _gptq(parts: _Parts, inside: int, bits: int) -> Array:
    q = _fields(_integers(parts.weight), bits).transpose(0, 2, 1).reshape(inside, -1).astype(np.float32)
    zero = _fields(_integers(parts.zeros), bits).reshape(parts.scales.shape).astype(np.float32) + 1
    scales, index = _scale_of(parts, inside)
    return np.asarray((q - zero[index]) * scales[index], np.float32)


def _awq(parts: _Parts) -> Array:
    order = list(INTERLEAVED)
    q = _fields(_integers(parts.weight), 4)[..., order].reshape(parts.weight.shape[0], -1).astype(np.float32)
    zero = _fields(_integers(parts.zeros), 4)[..., order].reshape(parts.scales.shape).astype(np.float32)
    scales, index = _scale_of(parts, len(q))
    return np.asarray((q - zero[index]) * scales[index], np.float32)
