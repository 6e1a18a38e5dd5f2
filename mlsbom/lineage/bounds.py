"""Upper bounds on p, as log10. All hold for any scores: they count matches of exchangeable rows and assume no distribution.

Null: the n rows of the suspect's matrix are exchangeable given the reference (docs/lineage.md; Zhu et al., arXiv:2502.12292).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable

LN10 = math.log(10)


def aligned(hits: int, rows: int, kept: int) -> float:
    """P(at least `hits` of `kept` tested rows match their own index among `rows`) <= C(kept, hits) (rows - hits)! / rows!.

    A union bound over the C(kept, hits) sets of rows: a uniformly random assignment fixes a given set with probability
    (rows - hits)! / rows!. With kept = rows this is 1 / hits!.
    """
    if hits <= 0:
        return 0.0
    if hits > kept or kept > rows:
        raise ValueError(f"{hits} hits of {kept} kept of {rows} rows")
    g = math.lgamma
    return min(0.0, (g(kept + 1) - g(hits + 1) - g(kept - hits + 1) + g(rows - hits + 1) - g(rows + 1)) / LN10)


def increasing(length: int, kept: int) -> float:
    """P(the matches of `kept` rows hold an increasing subsequence of `length`) <= C(kept, length) / length!."""
    g = math.lgamma
    return min(0.0, (g(kept + 1) - 2 * g(length + 1) - g(kept - length + 1)) / LN10)


def longest_increasing(values: Iterable[int]) -> int:
    """Length of the longest strictly increasing subsequence (patience sorting)."""
    piles: list[int] = []
    for value in values:
        at = bisect.bisect_left(piles, value)
        piles[at : at + 1] = [value]
    return len(piles)


def rounded(log10_p: float) -> float:
    """Two decimals, upwards: what is printed is a bound still."""
    return min(0.0, math.ceil(log10_p * 100) / 100)


def corrected(log10_p: float, tests: int) -> float:
    """Bonferroni over all tests that were made: log10 p + log10 tests, at most 0."""
    return min(0.0, log10_p + math.log10(max(1, tests)))
