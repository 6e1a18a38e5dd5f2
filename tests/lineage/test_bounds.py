"""The bounds against exact probabilities, and against the rates that are observed on permuted matrices."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsbom.lineage import bounds
from mlsbom.lineage.channels import aligned, ready, shifted
from mlsbom.lineage.matrices import kept_rows

from .models import network, noisy, tensor


@pytest.mark.parametrize(("rows", "kept"), [(4, 4), (5, 3), (6, 4), (7, 2)])
def test_aligned_is_an_upper_bound_of_the_exact_probability(rows: int, kept: int) -> None:
    counts = [sum(p[j] == j for j in range(kept)) for p in itertools.permutations(range(rows))]
    for hits in range(1, kept + 1):
        exact = sum(c >= hits for c in counts) / len(counts)
        assert 10 ** bounds.aligned(hits, rows, kept) >= exact - 1e-12


@pytest.mark.parametrize("kept", [3, 5, 6])
def test_increasing_is_an_upper_bound_of_the_exact_probability(kept: int) -> None:
    runs = [bounds.longest_increasing(p) for p in itertools.permutations(range(kept))]
    for length in range(1, kept + 1):
        assert 10 ** bounds.increasing(length, kept) >= sum(r >= length for r in runs) / len(runs) - 1e-12


def test_known_values() -> None:
    assert bounds.aligned(10, 1536, 32) == pytest.approx(-24.05, abs=0.1)
    assert bounds.aligned(32, 384, 32) == pytest.approx(-82.1, abs=0.1)
    assert bounds.aligned(384, 384, 384) == pytest.approx(-math.lgamma(385) / math.log(10))
    assert bounds.aligned(0, 100, 32) == 0.0
    with pytest.raises(ValueError, match="33 hits"):
        bounds.aligned(33, 100, 32)


@given(st.lists(st.integers(0, 40), max_size=12))
def test_longest_increasing_against_all_subsequences(values: list[int]) -> None:
    best = max(
        (len(c) for r in range(len(values) + 1) for c in itertools.combinations(values, r) if all(a < b for a, b in itertools.pairwise(c))),
        default=0,
    )
    assert bounds.longest_increasing(values) == best


@given(st.floats(-300, 0), st.integers(1, 10**6))
def test_correction_and_rounding_never_make_p_smaller(log10_p: float, tests: int) -> None:
    assert log10_p <= bounds.corrected(log10_p, tests) <= 0
    assert log10_p - 1e-9 <= bounds.rounded(log10_p) <= 0


def sketches(rows: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """The sketch of a matrix and of a noisy copy: as strong a resemblance as there can be."""
    from mlsbom.lineage.matrices import reference_view, sketch

    x = {"w": np.random.default_rng(seed).normal(size=(rows, 48)).astype(np.float32)}
    view = reference_view("w", (rows, 48))
    assert view is not None
    a, b = (sketch(tensor("w", m["w"]).open(), view) for m in (x, noisy(x, 0.5)))
    return a, b


def allowed(observed: int, trials: int) -> float:
    """The smallest p that so many observations of so many trials are compatible with (a thousand to one, Poisson)."""
    return max(0.0, observed - 3.3 * math.sqrt(observed) - 3) / trials


@pytest.mark.parametrize("rows", [64, 256])
def test_calibration_of_aligned_hits_on_permuted_rows(rows: int) -> None:
    """Rows that resemble each other perfectly but for their order: the reported p is never below the rate at which it is seen."""
    a, b = sketches(rows)
    k = ready("w", rows, 48, np.rint(a[kept_rows(rows)] * 127).astype(np.int8))
    best = (b @ k.rows.T).argmax(0)
    assert bounds.aligned(int((best == k.index).sum()), rows, len(k.index)) < -20, "unpermuted they match"
    g, trials = np.random.default_rng(1), 10_000
    seen: dict[float, int] = {}
    for _ in range(trials):
        p = aligned("s", k, g.permutation(rows)[best]).log10_p
        seen[p] = seen.get(p, 0) + 1
    for p in seen:
        assert allowed(sum(n for q, n in seen.items() if q <= p), trials) <= 10**p


def test_calibration_of_shifted_and_thinned_hits_on_permuted_rows() -> None:
    rows, more = 96, 160
    a, b = sketches(more)
    k = ready("w", rows, 48, np.rint(a[kept_rows(rows)] * 127).astype(np.int8))
    best = (b @ k.rows.T).argmax(0)
    g, trials = np.random.default_rng(2), 10_000
    found = np.array([shifted("s", k, g.permutation(more)[best], more).log10_p for _ in range(trials)])
    for p in np.unique(found):
        assert allowed(int((found <= p).sum()), trials) <= 10.0**p


def test_pair_agreement_behaves_as_a_p_value_on_independent_models() -> None:
    from mlsbom.lineage.comparison import evidence_between

    from .sides import side

    found = evidence_between(side(network(1)), side(network(2)), with_weights=False)
    assert found.tests["T3"] > 100
    assert found.best(("T3",)) > -1
