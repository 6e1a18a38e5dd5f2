"""A tensor as a matrix whose rows are exchangeable, and the sketch of such a matrix.

Reference side: one view, whose rows run over the axis that carries no meaning (hidden units). Suspect side: every matrix that the tensor
may be (stored, transposed, channels last, a stack of experts). A *sketch* standardises each column, multiplies by a fixed m x 128 matrix
of signs and scales rows to length 1: folded norms, shared means and scales of units fall away; the order of rows stays.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np
from msgspec import Struct

from mlsbom.lineage.codes import splitmix
from mlsbom.lineage.tensors import Array, Values
from mlsbom.patterns import late

WIDTH: Final = 128  # of a sketch
KEPT: Final = 32  # rows kept of a matrix
MATRICES: Final = 32  # matrices kept of a model
MIN_ROWS: Final = 32
MIN_COLUMNS: Final = 16
MIN_SIZE: Final = 4096
MAX_COLUMNS: Final = 32_768  # of a wider matrix the first so many are sketched: vocabularies that were cut or extended stay comparable
SEED: Final = 20261121
SAMPLED: Final = 1 << 19  # elements of the rows that the reference side takes its column statistics from
BLOCK: Final = 1 << 19  # elements of a block of rows
KERNEL: Final = 11  # the largest extent of a convolution's window that layouts are guessed for

ANCHORED: Final = late(r"embed|wte|wpe|lm_head|vocab|tok_emb|position|pos_emb|classif", re.IGNORECASE)
"""Names of tensors whose long axis is the same for everyone: vocabulary, positions, classes."""


class View(Struct, frozen=True, kw_only=True):
    """An n x m matrix inside a tensor, never copied as a whole.

    `base`: `rows` (the n rows stand one after another), `columns` (the tensor is stored as m x n), `stack` (`count` matrices stored as
    m x n/count each). `order`: for each stored column its place among the view's columns, where these are permuted (channels last).
    `stride`: the stored length of a line, longer than m or n where the view is cut.
    """

    rows: int
    columns: int
    base: str
    stride: int
    count: int = 1
    order: tuple[int, ...] | None = None

    @property
    def testable(self) -> bool:
        """Large enough for a test to mean anything."""
        return self.rows >= MIN_ROWS and self.columns >= MIN_COLUMNS and self.rows * self.columns >= MIN_SIZE


def flat_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without leading ones (of tensors with more than two axes)."""
    if len(shape) > 2 and shape[0] == 1:
        return tuple(d for d in shape if d != 1) or (1,)
    return shape


def anchored(name: str, shape: tuple[int, ...]) -> bool:
    """Whether the long axis of a 2-D tensor is one that all models share, so that testing its order would be unsound."""
    long, short = max(shape), min(shape)
    return long > 8 * short or long >= 20_000 or ANCHORED.search(name) is not None


def _stored(n: int, m: int, order: tuple[int, ...] | None = None) -> View:
    return View(rows=n, columns=m if order else min(m, MAX_COLUMNS), base="rows", stride=m, order=order)


def _transposed(m: int, n: int, order: tuple[int, ...] | None = None) -> View:
    """The view of a tensor stored as m x n."""
    return View(rows=n, columns=m if order else min(m, MAX_COLUMNS), base="columns", stride=n, order=order)


def _permuted(extents: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """For columns stored with these extents, where each goes when their axes are put into this order."""
    target = np.arange(math.prod(extents)).reshape([extents[a] for a in axes])
    return tuple(np.transpose(target, np.argsort(axes)).reshape(-1).tolist())


def _hwio(shape: tuple[int, ...]) -> View:
    """A convolution with channels last (TensorFlow, Keras), as output x (input, window)."""
    *window, i, o = shape
    return _transposed(math.prod(window) * i, o, _permuted((*window, i), (len(window), *range(len(window)))))


def _ohwi(shape: tuple[int, ...]) -> View:
    """A convolution as TensorFlow Lite stores it, as output x (input, window)."""
    o, *window, i = shape
    return _stored(o, math.prod(window) * i, _permuted((*window, i), (len(window), *range(len(window)))))


def reference_view(name: str, shape: tuple[int, ...]) -> View | None:
    """The view whose rows are exchangeable: the longer axis of a matrix (the shorter where the long one is anchored), the outputs of a
    convolution in any layout, all rows of a stack of experts. None where there is none."""
    shape = flat_shape(shape)
    if len(shape) < 2 or 0 in shape:
        return None
    n, m = shape[0], math.prod(shape[1:])
    if len(shape) == 2:
        rows = (n >= m) != (n != m and anchored(name, shape))
        return _stored(n, m) if rows else _transposed(n, m)
    if len(shape) == 4 and max(shape[:2]) <= KERNEL < max(shape[2:]):
        return _hwio(shape)
    if len(shape) == 4 and max(shape[1:3]) <= KERNEL < shape[3]:
        return _ohwi(shape)
    if len(shape) == 3 and n < MIN_ROWS <= min(shape[1:]):
        return _hwio(shape) if n % 2 and n <= KERNEL else _stored(n * shape[1], shape[2])
    return _stored(n, m)


def suspect_views(shape: tuple[int, ...]) -> list[View]:
    """Every matrix that a tensor of this shape may be, large enough to be tested."""
    shape = flat_shape(shape)
    if len(shape) < 2 or 0 in shape:
        return []
    n, last, size = shape[0], shape[-1], math.prod(shape)
    views = [_stored(n, size // n)]
    if len(shape) == 2:
        views.append(_transposed(n, last))
    else:
        views += [_stored(size // last, last), _transposed(size // last, last)]
    if len(shape) == 3:
        views += [View(rows=n * last, columns=shape[1], base="stack", stride=last, count=n), _hwio(shape)]
    if len(shape) == 4:
        views += [_hwio(shape), _ohwi(shape)]
    return [v for v in dict.fromkeys(views) if v.testable]


def evenly(n: int, count: int) -> Array:
    """At most `count` distinct indices, evenly spaced over 0..n-1."""
    return np.unique(np.linspace(0, n - 1, min(n, count)).astype(np.int64))


@lru_cache(maxsize=1024)
def kept_rows(n: int) -> Array:
    """The indices of the rows that a fingerprint keeps of n."""
    return evenly(n, KEPT)


def chosen(count: int, limit: int = MATRICES) -> list[int]:
    """Which of `count` matrices, in file order, are kept: all, or runs of three neighbours spread over the file.

    Neighbours share a hidden axis (query and key, gate and up), which pair agreement (T3) needs."""
    if count <= limit:
        return list(range(count))
    last = -(-limit // 3) - 1
    runs = [min(count - 3, max(0, round(i * (count - 3) / last) + i % 3 - 1)) for i in range(last + 1)]
    return sorted({start + k for start in runs for k in range(3)})[:limit]


@lru_cache(maxsize=3)
def signs(count: int) -> Array:
    """The count x 128 sign matrix: the top bit of a mixed counter, the same on every machine (float32, +1 or -1)."""
    out = np.empty((count, WIDTH), np.float32)
    for at in range(0, count, 2048):
        stop = min(count, at + 2048)
        h = splitmix(np.arange(at * WIDTH, stop * WIDTH, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(SEED))
        out[at:stop] = np.where(h >> np.uint64(63), np.float32(1), np.float32(-1)).reshape(-1, WIDTH)
    return out


def _projection(view: View) -> Array:
    """The sign matrix for the stored order of a view's columns."""
    p = signs(view.columns)
    return p[np.asarray(view.order)] if view.order else p


# --- block diagonals ---------------------------------------------------------------------------------------------------------------

Cells = tuple[Array, Array]
"""Places in a block: indices along its two axes."""


def _self_connected(view: View) -> bool:
    """g*b x b or b x g*b with g in {1, 3, 4}: recurrent self-connections and identity starts are alike in unrelated models. Such a diagonal
    is left out: not counted in a column's mean and deviation, zero after standardising. (Zeroing the values themselves would make a mark
    of it wherever columns have a mean.)"""
    long, short = max(view.rows, view.columns), min(view.rows, view.columns)
    return long % short == 0 and long // short in (1, 3, 4)


def _cells_of_rows(view: View, rows: Array, places: Array | None) -> Cells | None:
    """The diagonal's places in a block of these rows, columns as stored. `places`: where each of the view's columns is stored."""
    if not _self_connected(view):
        return None
    blocks = max(1, view.columns // view.rows)
    columns = (rows[:, None] % view.columns + np.arange(blocks) * view.rows).reshape(-1) if blocks > 1 else rows % view.columns
    return np.repeat(np.arange(len(rows)), blocks), columns if places is None else places[columns]


def _cells_of_lines(view: View, lines: Array) -> Cells | None:
    """The diagonal's places in a block of whole columns; `lines` are their numbers in the view."""
    if not _self_connected(view):
        return None
    blocks = max(1, view.rows // view.columns)
    rows = (lines[:, None] + np.arange(blocks) * view.columns).reshape(-1) if blocks > 1 else lines % view.rows
    return np.repeat(np.arange(len(lines)), blocks), rows


def _places(view: View) -> Array | None:
    """The inverse of `order`: for each column of the view where it is stored."""
    if view.order is None:
        return None
    out = np.empty(view.columns, np.int64)
    out[np.asarray(view.order)] = np.arange(view.columns)
    return out


# --- pieces of a view --------------------------------------------------------------------------------------------------------------


def _row_blocks(values: Values, view: View) -> Iterator[tuple[Array, Cells | None]]:
    """(block x columns as stored, float32, the diagonal's places in it), all rows in order, of a `rows` or `stack` view."""
    places = _places(view)
    if view.base == "stack":
        m, each = view.columns, view.stride
        for k in range(view.count):
            x = values.floats(k * m * each, m * each).reshape(m, each).T.copy()
            yield x, _cells_of_rows(view, np.arange(k * each, (k + 1) * each), places)
        return
    step = max(1, BLOCK // view.stride)
    for at in range(0, view.rows, step):
        count = min(step, view.rows - at)
        x = values.floats(at * view.stride, count * view.stride).reshape(count, view.stride)[:, : view.columns].copy()
        yield x, _cells_of_rows(view, np.arange(at, at + count), places)


def _column_blocks(values: Values, view: View) -> Iterator[tuple[int, Array, Cells | None]]:
    """(first stored row, block of columns x all rows, float32, the diagonal's places in it) of a `columns` view: a stored line is one."""
    order = np.asarray(view.order) if view.order else np.arange(view.columns)
    step = max(1, BLOCK // view.stride)
    for at in range(0, view.columns, step):
        lines = min(step, view.columns - at)
        x = values.floats(at * view.stride, lines * view.stride).reshape(lines, view.stride).copy()
        yield at, x, _cells_of_lines(view, order[at : at + lines])


def _standardised(x: Array, axis: int, cells: Cells | None) -> Array:
    """`x` (changed) with mean 0 and deviation 1 along an axis, the places in `cells` left out of both and zero. Zero where all is equal."""
    count = np.maximum(_counted(x, axis, cells), 1)
    if cells:
        x[cells] = 0
    x -= np.expand_dims(x.sum(axis, dtype=np.float64) / count, axis).astype(x.dtype)
    if cells:
        x[cells] = 0
    deviation = np.sqrt(np.square(x).sum(axis, dtype=np.float64) / count)
    x *= np.expand_dims(np.where(deviation < 1e-12, 0, 1 / np.maximum(deviation, 1e-12)), axis).astype(x.dtype)
    return x


def _counted(x: Array, axis: int, cells: Cells | None) -> Array:
    """How many values along an axis count."""
    count: Array = np.full(x.shape[1 - axis], x.shape[axis], np.int64)
    if cells:
        count -= np.bincount(cells[1 - axis], minlength=len(count))
    return count


def _unit(z: Array) -> Array:
    """Rows scaled to length 1, in place."""
    for at in range(0, len(z), 4096):
        part = z[at : at + 4096]
        part /= np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
    return z


# --- all rows: the suspect's side --------------------------------------------------------------------------------------------------


def sketch(values: Values, view: View) -> Array:
    """The sketch of all rows, rows x 128 float32, each of length 1. Columns are standardised over all rows, so that a permutation of
    rows permutes the sketch and does nothing else."""
    p = _projection(view)
    out = np.zeros((view.rows, WIDTH), np.float32)
    if view.base == "columns":
        for at, x, cells in _column_blocks(values, view):
            out += _standardised(x, 1, cells).T @ p[at : at + len(x)]
        return _unit(out)
    mean, deviation = _moments(_row_blocks(values, view))
    scale = np.where(deviation < 1e-12, 0.0, 1 / np.maximum(deviation, 1e-12)).astype(np.float32)
    center, at = mean.astype(np.float32), 0
    for x, cells in _row_blocks(values, view):
        x -= center
        x *= scale
        if cells:
            x[cells] = 0
        np.matmul(x, p, out=out[at : at + len(x)])
        at += len(x)
    return _unit(out)


def _moments(blocks: Iterator[tuple[Array, Cells | None]]) -> tuple[Array, Array]:
    """Mean and deviation of each column over all blocks (float64; Chan's merge, so that a large mean does not hide a small deviation)."""
    count, mean, square = np.zeros(()), np.zeros(()), np.zeros(())
    for x, cells in blocks:
        seen = _counted(x, 0, cells).astype(np.float64)
        if cells:
            x[cells] = 0
        own = x.sum(0, dtype=np.float64) / np.maximum(seen, 1)
        x -= own.astype(np.float32)
        if cells:
            x[cells] = 0
        total = count + seen
        share = seen / np.maximum(total, 1)
        delta = own - mean
        mean = mean + delta * share
        square = square + np.square(x).sum(0, dtype=np.float64) + delta**2 * (count * share)
        count = total
    return mean, np.sqrt(square / np.maximum(1, count))


# --- kept rows: what a fingerprint holds -------------------------------------------------------------------------------------------


def kept_sketch(values: Values, view: View) -> Array:
    """The sketch of the kept rows, at most 32 x 128 int8, each row scaled by its own largest absolute value (all zero where it is dead).

    Columns are standardised over a fixed sample of rows that holds the kept ones: cheap, and symmetric in the kept rows. Every sum
    is exact, or adds row by row, so that the result is the same on every machine whatever its BLAS does.
    """
    kept = kept_rows(view.rows)
    sample = np.union1d(kept, evenly(view.rows, min(512, max(64, SAMPLED // view.columns))))
    at = np.searchsorted(sample, kept)
    p = _projection(view)
    total = np.zeros((len(kept), WIDTH))
    if view.base == "columns":
        place = np.full(view.rows, -1)
        place[sample] = np.arange(len(sample))
        for first, x, cells in _column_blocks(values, view):
            picked = np.ascontiguousarray(x[:, sample].T)
            inside = None
            if cells:
                among = place[cells[1]] >= 0
                inside = place[cells[1][among]], cells[0][among]
            total += _whole_numbers(picked, at, inside) @ p[first : first + len(x)].astype(np.float64)
    else:
        x = np.stack([values.floats(int(r) * view.stride, view.stride)[: view.columns] for r in sample])
        whole = _whole_numbers(x, at, _cells_of_rows(view, sample, _places(view)))
        for first in range(0, view.columns, 4096):
            total += whole[:, first : first + 4096] @ p[first : first + 4096].astype(np.float64)
    largest = np.abs(total).max(1, keepdims=True)
    return np.rint(total / np.where(largest < 1, np.inf, largest) * 127).astype(np.int8)


def _whole_numbers(x: Array, rows: Array, cells: Cells | None) -> Array:
    """These rows of `x` (changed), columns standardised over all its rows, in 1/4096ths rounded to whole numbers: their sums are exact."""
    picked = _standardised(x, 0, cells)[rows].astype(np.float64)
    return np.asarray(np.clip(np.rint(picked * 4096), -(1 << 19), 1 << 19))


def unpacked(kept: Array) -> Array:
    """Kept int8 rows as float32 rows of length 1 (dead rows stay zero)."""
    return _unit(kept.astype(np.float32))
