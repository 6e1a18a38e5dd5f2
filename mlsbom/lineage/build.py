"""From weights to a fingerprint: one pass over all values, a second read of the few rows that are kept.

Tensors are worked on by two threads (numpy frees the lock); memory is a few blocks a thread, whatever the size of the model.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import numpy as np
from msgspec import Struct

from mlsbom.errors import ReadError
from mlsbom.lineage import codes, form, matrices
from mlsbom.lineage.codes import MIN_ELEMENTS, SOLID_ELEMENTS, ValueHash
from mlsbom.lineage.tables import table_kind
from mlsbom.lineage.tensors import Array, Tensor, Values, Weights
from mlsbom.patterns import late

T = TypeVar("T")
R = TypeVar("R")

OPTIMIZER: Final = late(r"optim|exp_avg|(^|[._/])(momentum\w*|adam\w*|ema)([._/]|$)", re.IGNORECASE)
"""Names of optimizer state and averages (`hadamard` is none)."""


class Profile(Struct, frozen=True, kw_only=True):
    """What one pass over a tensor tells: its value hash, or why it is left out. `read` is False where its values were not asked for."""

    tensor: Tensor
    key: ValueHash | None = None
    left_out: str = ""
    read: bool = True

    @property
    def matrix(self) -> bool:
        """Two axes or more, with both sides over 1."""
        shape = matrices.flat_shape(self.tensor.shape)
        return len(shape) > 1 and min(shape[0], math.prod(shape[1:])) > 1

    @property
    def solid(self) -> bool:
        """Evidence by itself: a matrix, or many values."""
        return self.matrix or self.tensor.elements >= SOLID_ELEMENTS


class Profiled(Struct, frozen=True, kw_only=True):
    """All tensors of a model after the first pass: those that count (in file order), those left out, what could not be read."""

    counted: list[Profile]
    left_out: list[tuple[str, str]]
    shortfalls: list[tuple[str, str, str]]


def workers() -> int:
    """Threads for reading: as many as this process may use, at most four."""
    return max(1, min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


def spread(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`work` on all items by a few threads; results in order."""
    with ThreadPoolExecutor(workers()) as pool:
        return list(pool.map(work, items))


def lanes(values: Values) -> tuple[Array, Array]:
    """The histograms of all values in both lanes, bfloat16 and float16."""
    bf16 = np.zeros(codes.CODES, np.int64)
    f16 = np.zeros(codes.CODES, np.int64)
    stored: Array = np.empty(0, np.float32)
    for stored in values.pieces():
        if stored.dtype == np.uint16:
            bf16 += codes.histogram(stored)
        elif stored.dtype == np.float16:
            f16 += codes.histogram(stored.view(np.uint16))
        else:
            bf16 += codes.histogram(codes.bf16_codes(stored))
            f16 += codes.histogram(codes.f16_codes(stored))
    if stored.dtype == np.uint16:
        f16 = codes.other_lane(bf16, "bf16")
    elif stored.dtype == np.float16:
        bf16 = codes.other_lane(f16, "f16")
    return bf16, f16


def finite(values: Values, bf16_counts: Array) -> bool:
    """Whether no value is infinite or no number. Rounding to bfloat16 makes the largest float32 infinite: then the values decide."""
    suspects = np.concatenate([bf16_counts[0x7F80:0x8000], bf16_counts[0xFF80:]])
    if not suspects.any():
        return True
    return all(bool(np.isfinite(values.floats(at, 1 << 19)).all()) for at in range(0, values.elements, 1 << 19))


def profile(tensor: Tensor) -> Profile | ReadError:
    """One pass over a tensor. A ReadError is answered, not raised: the others go on."""
    if OPTIMIZER.search(tensor.name):
        return Profile(tensor=tensor, left_out="optimizer")
    if tensor.elements == 0:
        return Profile(tensor=tensor, left_out="empty")
    try:
        values = tensor.open()
        bf16, f16 = lanes(values)
        if not finite(values, bf16):
            return Profile(tensor=tensor, left_out="not-finite")
        kind = table_kind(tensor.shape, values, bf16) if tensor.elements >= MIN_ELEMENTS else None
    except ReadError as e:
        return e
    return Profile(tensor=tensor, left_out=kind) if kind else Profile(tensor=tensor, key=codes.value_hash(bf16, f16, tensor.elements))


def profiles(weights: Weights, wanted: Callable[[Tensor], bool] = lambda _: True) -> Profiled:
    """The first pass over all tensors. Those that are not `wanted` count as parameters, and their values are not read."""

    def passed(tensor: Tensor) -> Profile | ReadError:
        return profile(tensor) if wanted(tensor) else Profile(tensor=tensor, read=False)

    out = Profiled(counted=[], left_out=list(weights.left_out), shortfalls=list(weights.shortfalls))
    for tensor, result in zip(weights.tensors, spread(passed, weights.tensors), strict=True):
        if isinstance(result, ReadError):
            out.shortfalls.append((tensor.name, result.status, str(result)))
        elif result.left_out:
            out.left_out.append((tensor.name, result.left_out))
        else:
            out.counted.append(result)
    return out


def fingerprint(weights: Weights, profiled: Profiled | None = None, limit: int = matrices.MATRICES) -> form.Fingerprint:
    """The fingerprint of these weights, with at most `limit` matrices.

    A model with a single matrix has no hidden units: both its axes have a meaning, one optimum may be everybody's. None of it is kept."""
    p = profiled or profiles(weights)
    layered = sum(x.matrix for x in p.counted) > 1
    views = [
        (i, view)
        for i, x in enumerate(p.counted)
        if x.read and layered and (view := matrices.reference_view(x.tensor.name, x.tensor.shape)) and view.testable
    ]
    picked = [views[i] for i in matrices.chosen(len(views), limit)]

    def kept(item: tuple[int, matrices.View]) -> form.Matrix:
        i, view = item
        return form.Matrix(tensor=i, n=view.rows, m=view.columns, rows=matrices.kept_sketch(p.counted[i].tensor.open(), view))

    return form.Fingerprint(
        header=form.Header(
            tensors=tuple(form.Listed(x.tensor.name, x.tensor.shape) for x in p.counted),
            parameters=sum(x.tensor.elements for x in p.counted),
            left_out=tuple(form.Left(name, why) for name, why in p.left_out),
            shortfalls=tuple(p.shortfalls),
        ),
        hashed=tuple(form.Hashed(tensor=i, key=x.key, solid=x.solid) for i, x in enumerate(p.counted) if x.key),
        matrices=tuple(spread(kept, picked)),
    )
