"""T1, T2, T3: all rows of the suspect's matrices against the kept rows of the reference's.

For the kept rows J of a reference matrix and a suspect's view of the same width, a(j) is the suspect's row that is most like row j.

* T1, aligned (exact): equal row counts; how often a(j) = j.
* T2, shifted or thinned (exact): other row counts; the most common offset a(j) - j, and the longest increasing subsequence of a.
* T3, pair agreement (heuristic): two matrices over one hidden axis, matched to two tensors of the suspect, name the same reordering.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np
from msgspec import Struct, field

from mlsbom.lineage import bounds
from mlsbom.lineage.matrices import kept_rows, unpacked
from mlsbom.lineage.tensors import Array

EXACT: Final = ("T1", "T2", "T5")
HEURISTIC: Final = ("T3", "T5-T3")
LOG2: Final = math.log10(2)
AGREEING: Final = 4
"""Rows that two matches must name alike to be looked at more closely (T3); every pair counts as a test all the same."""
STRONGEST: Final = 512
"""Pairs of matches that are kept of one hidden axis."""


class Hit(Struct, frozen=True, kw_only=True):
    """One test that found something: `log10_p` is a bound before correction, `hits` of `of` rows. For T3 a name is a pair of tensors."""

    channel: str
    log10_p: float
    hits: int
    of: int
    suspect: str
    reference: str


class Evidence(Struct):
    """What the tests of one comparison gave: how many were made, by channel, and those with a bound below 1."""

    tests: dict[str, int] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)

    def add(self, hit: Hit) -> None:
        """Count a test, keep it where it says anything."""
        self.tests[hit.channel] = self.tests.get(hit.channel, 0) + 1
        if hit.log10_p < 0:
            self.hits.append(hit)

    @property
    def total(self) -> int:
        """All tests of all channels: what Bonferroni counts."""
        return sum(self.tests.values())

    def best(self, channels: Iterable[str]) -> float:
        """The smallest corrected log10 p among these channels."""
        return min((bounds.corrected(h.log10_p, self.total) for h in self.hits if h.channel in channels), default=0.0)


class Kept(Struct, frozen=True, eq=False):
    """A matrix of a fingerprint, ready to be matched: `rows` of length 1 (k x 128), `index` their numbers; dead rows are dropped."""

    name: str
    n: int
    m: int
    rows: Array
    index: Array


def ready(name: str, n: int, m: int, q: Array) -> Kept:
    """A kept matrix from its int8 rows."""
    rows, index = unpacked(q), kept_rows(n)[: len(q)]
    alive = np.abs(q).max(1, initial=0) > 0
    return Kept(name, n, m, rows[alive], index[alive])


class Matcher(Struct):
    """Collects a(j) for one reference while the suspect's matrices pass by, so that no sketch need be kept."""

    kept: list[Kept]
    evidence: Evidence = field(default_factory=Evidence)
    _named: dict[tuple[int, bytes], list[tuple[str, str, Array]]] = field(default_factory=dict)

    def mates(self, columns: int) -> list[Kept]:
        """The reference's matrices of a width."""
        return [k for k in self.kept if k.m == columns and len(k.index)]

    def offer(self, name: str, rows: int, columns: int, best: list[Array]) -> None:
        """Test one view of the suspect (rows x columns). `best`: for each of `mates(columns)`, a(j) of its kept rows."""
        for k, a in zip(self.mates(columns), best, strict=True):
            if k.n == rows:
                self.evidence.add(aligned(name, k, a))
                self._named.setdefault((k.n, k.index.tobytes()), []).append((name, k.name, a))
            else:
                self.evidence.add(shifted(name, k, a, rows))

    def finish(self) -> Evidence:
        """Everything, pair agreement included."""
        for (n, _), group in self._named.items():
            agreements(self.evidence, "T3", n, group)
        self._named.clear()
        return self.evidence


def aligned(name: str, k: Kept, a: Array, channel: str = "T1", rows: int | None = None) -> Hit:
    """T1: matches of row j by row j, of `rows` candidates (all of the matrix, if not given)."""
    hits = int((a == k.index).sum())
    return Hit(
        channel=channel, log10_p=bounds.aligned(hits, rows or k.n, len(k.index)), hits=hits, of=len(k.index), suspect=name, reference=k.name
    )


def shifted(name: str, k: Kept, a: Array, rows: int) -> Hit:
    """T2: the better of a common offset (union over all offsets) and an increasing subsequence; both looks are paid for."""
    kept = len(k.index)
    common = int(np.unique(a - k.index, return_counts=True)[1].max())
    run = bounds.longest_increasing(a.tolist())
    offset_p = bounds.aligned(common, rows, kept) + math.log10(rows + k.n) if common > 1 and kept <= rows else 0.0
    run_p = bounds.increasing(run, kept)
    return Hit(
        channel="T2",
        log10_p=min(0.0, min(offset_p, run_p) + LOG2),
        hits=common if offset_p < run_p else run,
        of=kept,
        suspect=name,
        reference=k.name,
    )


def agreements(evidence: Evidence, channel: str, n: int, group: list[tuple[str, str, Array]]) -> None:
    """T3 over the matches (suspect tensor, reference tensor, a) of one hidden axis of n units: two that name the same rows of different
    tensors. Distinct rows are counted: a hub that many rows are matched to counts once. The strongest pairs are kept, all are counted."""
    matches = np.stack([a for _, _, a in group])
    numbers: dict[str, int] = {}
    suspects = np.array([numbers.setdefault(s, len(numbers)) for s, _, _ in group])
    references = np.array([numbers.setdefault(r, len(numbers)) for _, r, _ in group])
    kept = matches.shape[1]
    made = 0
    found: list[tuple[int, int, int]] = []  # (hits, one match, the other)
    for i in range(1, len(group)):
        other = (suspects[:i] != suspects[i]) & (references[:i] != references[i])
        made += int(other.sum())
        same = matches[:i] == matches[i]
        close = np.flatnonzero(other & (same.sum(1) >= AGREEING)).tolist()
        found += [(len(set(matches[i][same[j]].tolist())), i, j) for j in close]
        if len(found) > 8 * STRONGEST:
            found = sorted(found, key=lambda f: (-f[0], f[1], f[2]))[:STRONGEST]
    for hits, i, j in sorted(found, key=lambda f: (-f[0], f[1], f[2]))[:STRONGEST]:
        (s1, r1, _), (s2, r2, _) = group[i], group[j]
        log10_p = bounds.aligned(hits, n, kept)
        if log10_p < 0:
            evidence.hits.append(
                Hit(channel=channel, log10_p=log10_p, hits=hits, of=kept, suspect=f"{s1} & {s2}", reference=f"{r1} & {r2}")
            )
    evidence.tests[channel] = evidence.tests.get(channel, 0) + made


def kept_against_kept(suspect: list[Kept], reference: list[Kept]) -> Evidence:
    """Two fingerprints: kept rows against kept rows of the same numbers, n = the kept rows in the bound. T2, T3 and T5 are out of reach."""
    evidence = Evidence()
    mine = _by_size(suspect)
    for size, theirs in _by_size(reference).items():
        group = mine.get(size, [])
        if not group:
            continue
        rows = kept_rows(size[0])
        hits, of = _hits(group, theirs, rows)
        for i, s in enumerate(group):
            for j, k in enumerate(theirs):
                if n := int(of[i, j]):
                    log10_p = bounds.aligned(int(hits[i, j]), n, n)
                    evidence.add(Hit(channel="T1", log10_p=log10_p, hits=int(hits[i, j]), of=n, suspect=s.name, reference=k.name))
    return evidence


def _by_size(kept: list[Kept]) -> dict[tuple[int, int], list[Kept]]:
    out: dict[tuple[int, int], list[Kept]] = {}
    for k in kept:
        out.setdefault((k.n, k.m), []).append(k)
    return out


def _hits(group: list[Kept], theirs: list[Kept], rows: Array) -> tuple[Array, Array]:
    """(hits, rows that both keep), matrices of one side x of the other, by one product. A dead row is no candidate and no test."""
    z, alive = _stacked(group, rows)
    q, others = _stacked(theirs, rows)
    k = len(rows)
    similar = (q.reshape(-1, q.shape[2]) @ z.reshape(-1, z.shape[2]).T).reshape(len(theirs), k, len(group), k)
    both = others[:, None] & alive[None]  # matrices x matrices x rows
    if not both.all():
        np.copyto(similar, -2, where=~both[:, None])
    hits = (similar.argmax(3) == np.arange(k)[:, None]).transpose(0, 2, 1) & both
    return hits.sum(2).T, both.sum(2).T


def _stacked(kept: list[Kept], rows: Array) -> tuple[Array, Array]:
    """All kept rows in their places, matrices x rows x width, and which of them are alive."""
    out = np.zeros((len(kept), len(rows), kept[0].rows.shape[1]), np.float32)
    alive = np.zeros(out.shape[:2], bool)
    for i, k in enumerate(kept):
        at = np.searchsorted(rows, k.index)
        out[i, at], alive[i, at] = k.rows, True
    return out, alive
