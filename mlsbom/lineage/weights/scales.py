"""Integer (and 8-bit float) weights with the scales that stand beside them: value = (stored - zero point) * scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from mlsbom.errors import TooLarge
from mlsbom.lineage.tensors import Array, Read, Tensor
from mlsbom.lineage.weights.raw import SMALL_INTEGERS
from mlsbom.patterns import late

MAX_SCALES: Final = 64 << 20
_STEM: Final = late(r"(?:_quantized|[._]qweight|\.weight|[._]int8)$")
_SCALE: Final = ("{w}_scale", "{w}_scale_inv", "{w}.scale", "{s}_scale", "{s}.scale", "{s}.scales", "{s}.weight_scale", "{s}.SCB")
_ZERO: Final = ("{w}_zero_point", "{w}.zero_point", "{s}_zero_point", "{s}.zero_point", "{s}.weight_zero_point")


def values_of(tensor: Tensor) -> Array:
    """All values of a small tensor as float32, flat. Raises TooLarge past 64 M."""
    if tensor.elements > MAX_SCALES:
        raise TooLarge(f"scales of {tensor.elements} values")
    return tensor.open().floats(0, tensor.elements)


def spread(
    shape: tuple[int, ...], scale_shape: tuple[int, ...], count: int, axis: int | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """How scales lie over a tensor: (extents of the scales, values that each covers along each axis), or None where they do not fit.

    One scale for all; one a row or column (`axis`, or the first axis that has as many); a block of rows and columns each."""
    if count == 1:
        return (1,) * len(shape), shape
    dims = [d for d in scale_shape if d != 1]
    if len(dims) == 1:
        fits = [axis] if axis is not None else [a for a, d in enumerate(shape) if d == count]
        fits = [a for a in fits if 0 <= a < len(shape) and shape[a] == count]
        if len(scale_shape) == len(shape):
            fits = [a for a in fits if scale_shape[a] == count]
        if fits:
            return tuple(count if a == fits[0] else 1 for a in range(len(shape))), tuple(
                1 if a == fits[0] else d for a, d in enumerate(shape)
            )
    if len(scale_shape) == len(shape) and all(0 < s <= d for s, d in zip(scale_shape, shape, strict=True)):
        each = tuple(-(-d // s) for s, d in zip(scale_shape, shape, strict=True))
        return scale_shape, tuple(1 << (e - 1).bit_length() if d % s else e for e, s, d in zip(each, scale_shape, shape, strict=True))
    return None


def scaled(
    tensor: Tensor,
    scale: Callable[[], Array],
    scale_shape: tuple[int, ...],
    *,
    zero: Callable[[], Array] | None = None,
    axis: int | None = None,
) -> Tensor | None:
    """The tensor with its scales applied; None where their shape does not fit. `scale` and `zero` give flat float32 when opened."""
    lay = spread(tensor.shape, scale_shape, math.prod(scale_shape), axis)
    if lay is None:
        return None
    extents, each = lay
    steps = [math.prod(tensor.shape[a + 1 :]) for a in range(len(tensor.shape))]
    widths = [math.prod(extents[a + 1 :]) for a in range(len(extents))]
    varying = [a for a in range(len(extents)) if extents[a] > 1]

    def opener() -> Read:
        factor = scale()
        base = zero() if zero else np.zeros(1, np.float32)
        values = tensor.open()

        def read(start: int, count: int) -> Array:
            x = values.floats(start, count)
            at: Array = np.arange(start, start + len(x), dtype=np.int64)
            index: Array = np.zeros(len(x), np.int64) if varying else np.zeros(1, np.int64)
            for a in varying:
                index += (at // steps[a]) % tensor.shape[a] // each[a] * widths[a]
            return np.asarray((x - base[index if len(base) > 1 else 0]) * factor[index], np.float32)

        return read

    return Tensor(name=tensor.name, shape=tensor.shape, dtype="F32", opener=opener)


def apply_by_name(tensors: list[Tensor]) -> list[Tensor]:
    """Tensors whose scales are recognised by name have them applied; scales and zero points that were used are no tensors of their own.

    `W` beside `W_scale`, `W.qweight` or `W_quantized` beside `W.scale`, `W_scale`, `W.weight_scale`, `W_zero_point`; bitsandbytes' `SCB`
    holds the largest absolute value of each row (scale = SCB / 127)."""
    by_name = {t.name: t for t in tensors}
    used: set[str] = set()
    out: list[Tensor] = []
    for t in tensors:
        done = _rescaled(t, by_name, used) if t.dtype in SMALL_INTEGERS or t.dtype.startswith("F8") else None
        out.append(done or t)
    return [t for t in out if t.name not in used]


def _rescaled(t: Tensor, by_name: dict[str, Tensor], used: set[str]) -> Tensor | None:
    stem = _STEM.sub("", t.name)
    scale = next((s for pattern in _SCALE if (s := by_name.get(pattern.format(w=t.name, s=stem))) is not None and s.name != t.name), None)
    if scale is None:
        return None
    zero = next((z for pattern in _ZERO if (z := by_name.get(pattern.format(w=t.name, s=stem))) is not None), None)
    by = np.float32(1 / 127 if scale.name.endswith(".SCB") else 1)
    same = zero is not None and zero.elements in (1, scale.elements)
    done = scaled(t, lambda: values_of(scale) * by, scale.shape, zero=(lambda: values_of(zero)) if zero is not None and same else None)
    if done is not None:
        used.update({scale.name} | ({zero.name} if zero else set()))
    return done
