"""Views of tensors in any layout, and sketches that follow a permutation of rows exactly."""

from __future__ import annotations

import numpy as np
import pytest

from mlsbom.lineage import matrices
from mlsbom.lineage.matrices import View, kept_rows, kept_sketch, reference_view, sketch, suspect_views, unpacked

from .models import Array, tensor


def drawn(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def plainly(w: Array) -> Array:
    """The sketch, in the words of the specification: columns standardised (without the block diagonals), projected, rows to length 1."""
    n, m = w.shape
    long, short = max(n, m), min(n, m)
    held = np.ma.MaskedArray(w.astype(np.float64), np.zeros(w.shape, bool))
    if long % short == 0 and long // short in (1, 3, 4):
        mask = held.mask if n >= m else held.mask.T
        for g in range(long // short):
            mask[g * short + np.arange(short), np.arange(short)] = True
    z = np.ma.filled((held - held.mean(0)) / held.std(0), 0) @ matrices.signs(m)
    return z / np.linalg.norm(z, axis=1, keepdims=True)


@pytest.mark.parametrize("shape", [(300, 40), (40, 300), (96, 96), (384, 96), (96, 384), (64, 700)])
def test_sketch_of_both_orientations(shape: tuple[int, int]) -> None:
    w = drawn(*shape)
    values = tensor("w", w).open()
    for view in suspect_views(shape):
        want = plainly(w if view.base == "rows" else w.T)
        assert np.allclose(sketch(values, view), want, atol=2e-5)


LAYOUTS = {
    "HWIO": lambda w: w.transpose(2, 3, 1, 0),
    "OHWI": lambda w: w.transpose(0, 2, 3, 1),
    "OIHW": lambda w: w,
}


@pytest.mark.parametrize("theirs", LAYOUTS)
@pytest.mark.parametrize("ours", LAYOUTS)
def test_convolutions_are_compared_across_layouts(ours: str, theirs: str) -> None:
    w = drawn(64, 32, 3, 3)
    reference = np.ascontiguousarray(LAYOUTS[theirs](w))
    view = reference_view("conv", reference.shape)
    assert view is not None
    assert (view.rows, view.columns) == (64, 288)
    kept = unpacked(kept_sketch(tensor("r", reference).open(), view))
    suspect = np.ascontiguousarray(LAYOUTS[ours](w))
    best = max(
        int(((sketch(tensor("s", suspect).open(), v) @ kept.T).argmax(0) == kept_rows(64)).sum())
        for v in suspect_views(suspect.shape)
        if v.columns == 288
    )
    assert best == 32


def test_stacked_experts_are_a_matrix_of_all_their_rows() -> None:
    w = drawn(4, 48, 64)
    view = reference_view("experts", w.shape)
    assert view == View(rows=192, columns=64, base="rows", stride=64)
    turned = np.ascontiguousarray(w.transpose(0, 2, 1))
    stack = next(v for v in suspect_views(turned.shape) if v.base == "stack" and v.columns == 64)
    assert np.allclose(sketch(tensor("s", turned).open(), stack), plainly(w.reshape(192, 64)), atol=2e-5)


@pytest.mark.parametrize(
    ("name", "shape", "rows"),
    [
        ("up", (256, 64), 256),
        ("down", (64, 256), 256),
        ("tok_embed.weight", (600, 64), 64),
        ("w", (3000, 64), 64),
        ("lm_head", (64, 400), 64),
        ("q", (64, 64), 64),
    ],
)
def test_an_anchored_axis_is_never_tested(name: str, shape: tuple[int, int], rows: int) -> None:
    view = reference_view(name, shape)
    assert view is not None
    assert view.rows == rows


def test_rows_permuted_permute_the_sketch() -> None:
    w = drawn(200, 40)
    p = np.random.default_rng(2).permutation(200)
    view = reference_view("w", w.shape)
    assert view is not None
    a, b = sketch(tensor("w", w).open(), view), sketch(tensor("w", w[p]).open(), view)
    assert np.allclose(a[p], b, atol=1e-5)


def test_scales_of_rows_and_columns_fall_away() -> None:
    w = drawn(200, 40)
    g = np.random.default_rng(3)
    scaled = (w * np.exp(g.normal(size=40)) + g.normal(size=40)).astype(np.float32)
    view = reference_view("w", w.shape)
    assert view is not None
    assert np.allclose(sketch(tensor("w", w).open(), view), sketch(tensor("w", scaled).open(), view), atol=1e-4)


@pytest.mark.parametrize("shape", [(200, 40), (40, 200), (700, 64), (64, 700)])
def test_kept_rows_agree_with_the_whole_sketch(shape: tuple[int, int]) -> None:
    w = drawn(*shape)
    view = reference_view("w", shape)
    assert view is not None
    kept = unpacked(kept_sketch(tensor("w", w).open(), view))
    whole = sketch(tensor("w", w).open(), view)[kept_rows(view.rows)]
    assert (np.sum(kept * whole, 1) > 0.97).all()


def test_wide_matrices_are_cut_so_that_other_vocabularies_stay_comparable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrices, "MAX_COLUMNS", 500)
    a = drawn(900, 40)
    views = [reference_view("embed", s) for s in ((900, 40), (700, 40))]
    assert all(v is not None and (v.rows, v.columns) == (40, 500) for v in views)
    sketches = [kept_sketch(tensor("w", x).open(), v) for x, v in zip((a, a[:700]), views, strict=True) if v]
    assert np.array_equal(*sketches)


def test_constant_matrices_have_no_sketch() -> None:
    flat = np.ones((64, 64), np.float32)
    view = View(rows=64, columns=64, base="rows", stride=64)
    assert not kept_sketch(tensor("w", flat).open(), view).any()
    assert not sketch(tensor("w", flat).open(), view).any()


@pytest.mark.parametrize("shape", [(96, 96), (288, 96), (384, 96), (96, 384)])
def test_a_diagonal_is_no_mark_even_where_columns_have_a_mean(shape: tuple[int, int]) -> None:
    """Independent matrices with large means: a diagonal set to zero would stand out alike in both."""
    a, b = (5 + drawn(*shape, seed=s) for s in (1, 2))
    view = reference_view("w", shape)
    assert view is not None
    kept = unpacked(kept_sketch(tensor("r", a).open(), view))
    hits = int(((sketch(tensor("s", b).open(), view) @ kept.T).argmax(0) == kept_rows(view.rows)).sum())
    assert hits <= 3


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 40, 100, 1000])
def test_matrices_are_chosen_in_runs(count: int) -> None:
    picked = matrices.chosen(count)
    assert picked == sorted(set(picked))
    assert len(picked) <= 32
    assert all(0 <= i < count for i in picked)
    if count > 40:
        assert sum(b - a == 1 for a, b in zip(picked, picked[1:], strict=False)) >= 18
