"""With the weights of both models at hand: T5 (a rotated or permuted residual basis), T4 and T6 (shown, never decisive).

T5. Two models that share a vocabulary have token-aligned embeddings X and Y. The orthogonal map between them, Q = U V^T of the SVD of the
centred X^T Y, does not depend on the order of hidden units: T1 over the rows of W_S Q against W_R stays exact. Where hidden units were
permuted as well, T3 after Q finds them (heuristic).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from msgspec import Struct

from mlsbom.lineage import bounds
from mlsbom.lineage.build import Profile, Profiled
from mlsbom.lineage.channels import Evidence, Hit, agreements
from mlsbom.lineage.matrices import MATRICES, MIN_COLUMNS, MIN_ROWS, MIN_SIZE, anchored, chosen, evenly, flat_shape
from mlsbom.lineage.tensors import Array

TOKENS: Final = 20_000  # rows of the embeddings that the rotation is learned from
TESTED: Final = 256  # rows of a reference matrix that are tested
MAX_WIDTH: Final = 8192  # of a residual basis
MAX_VALUES: Final = 64 << 20  # of a matrix: larger ones are not tested here
ROUNDS: Final = 2000  # of the permutation test of T6


def rotation(suspect: Profiled, reference: Profiled, evidence: Evidence) -> None:
    """Add T5 and T5-T3 to the evidence, for every width at which both models have embeddings."""
    theirs = _embeddings(reference)
    for width, mine in _embeddings(suspect).items():
        other = theirs.get(width)
        if other is None:
            continue
        tokens = min(mine.tensor.shape[0], other.tensor.shape[0], TOKENS)
        turn = _aligned(_matrix(mine, tokens), _matrix(other, tokens))
        _turned(suspect, reference, width, turn, evidence)


def _tables(side: Profiled) -> set[str]:
    """The names of tensors whose rows have a meaning: anchored by name or shape, or with a row count that at most two matrices have and no
    matrix has as its columns (a hidden axis has a matrix on either side). None of them is tested."""
    shapes = [p.tensor.shape for p in side.counted if len(p.tensor.shape) == 2]
    columns, rows = {s[1] for s in shapes}, Counter(s[0] for s in shapes)
    return {
        p.tensor.name
        for p in side.counted
        if len(s := p.tensor.shape) == 2 and (anchored(p.tensor.name, s) or (s[0] > s[1] and s[0] not in columns and rows[s[0]] <= 2))
    }


def _embeddings(side: Profiled) -> dict[int, Profile]:
    """The largest token table of each width, with 1.5 times more rows than columns."""
    out: dict[int, Profile] = {}
    tables = _tables(side)
    for p in side.counted:
        shape = p.tensor.shape
        if p.tensor.name not in tables or not shape[0] >= 1.5 * shape[1] >= 48 or shape[1] > MAX_WIDTH:
            continue
        best = out.get(shape[1])
        if best is None or best.tensor.shape[0] < shape[0]:
            out[shape[1]] = p
    return out


def _matrix(p: Profile, rows: int) -> Array:
    """The first rows of a stored matrix, float32."""
    shape = flat_shape(p.tensor.shape)
    return p.tensor.open().floats(0, rows * shape[1]).reshape(rows, shape[1])


def _aligned(x: Array, y: Array) -> Array:
    """The orthogonal map that best takes the rows of x to those of y (Procrustes), d x d."""
    cross = (x - x.mean(0)).astype(np.float64).T @ (y - y.mean(0)).astype(np.float64)
    u, _, vt = np.linalg.svd(cross / max(float(np.abs(cross).max()), 1e-300))
    return np.asarray(u @ vt, np.float32)


class _Side(Struct, frozen=True):
    """A matrix seen with the residual axis as its columns."""

    name: str
    rows: int
    profile: Profile
    transposed: bool

    def standard(self, turn: Array | None) -> Array:
        """All rows after the map, columns standardised, length 1."""
        x = _matrix(self.profile, self.profile.tensor.shape[0])
        x = x.T if self.transposed else x
        x = x @ turn if turn is not None else x.copy()
        x -= x.mean(0)
        deviation = x.std(0)
        x /= np.where(deviation < 1e-12, np.float32(1), deviation)
        return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12))


def _sides(side: Profiled, width: int) -> list[_Side]:
    """Every matrix with an axis of this width but the tables, both ways round where square."""
    out = []
    tables = _tables(side)
    for p in side.counted:
        shape = p.tensor.shape
        if len(shape) != 2 or not MIN_SIZE <= p.tensor.elements <= MAX_VALUES or p.tensor.name in tables:
            continue
        for columns, rows, transposed in ((shape[1], shape[0], False), (shape[0], shape[1], True)):
            if columns == width and rows >= MIN_ROWS and columns >= MIN_COLUMNS:
                out.append(_Side(p.tensor.name, rows, p, transposed))
    return out


def _turned(suspect: Profiled, reference: Profiled, width: int, turn: Array, evidence: Evidence) -> None:
    theirs = _sides(reference, width)
    theirs = [theirs[i] for i in chosen(len(theirs))] if len(theirs) > 3 * MATRICES else theirs
    tested = {id(r): evenly(r.rows, TESTED) for r in theirs}
    kept = {id(r): r.standard(None)[tested[id(r)]] for r in theirs}
    groups: dict[int, list[tuple[str, str, Array]]] = {}
    for s in _sides(suspect, width):
        mates = [r for r in theirs if r.rows == s.rows]
        if not mates:
            continue
        z = s.standard(turn)
        for r in mates:
            index = tested[id(r)]
            a = (z @ kept[id(r)].T).argmax(0)
            hits = int((a == index).sum())
            evidence.add(
                Hit(
                    channel="T5",
                    log10_p=bounds.aligned(hits, r.rows, len(index)),
                    hits=hits,
                    of=len(index),
                    suspect=s.name,
                    reference=r.name,
                )
            )
            groups.setdefault(r.rows, []).append((s.name, r.name, a))
    for n, group in groups.items():
        agreements(evidence, "T5-T3", n, group)


# --- advisory ----------------------------------------------------------------------------------------------------------------------


def advisory(suspect: Profiled, reference: Profiled) -> dict[str, Any]:
    """T6: for pairs of vectors of one name and length, Spearman's rho and its permutation p. Never decisive: independent models' norms
    are alike (raw cosine .99 and more)."""
    rows = [_spearman(*pair) for pair in _vectors(suspect, reference)]
    best = sorted((r for r in rows if r), key=lambda r: (r["p"], r["suspect"]))[:5]
    return {"T6": {"decisive": False, "pairs": len(rows), "best": best}} if rows else {}


def _vectors(suspect: Profiled, reference: Profiled) -> Iterator[tuple[Profile, Profile]]:
    theirs: dict[tuple[str, tuple[int, ...]], Profile] = {
        (p.tensor.name, p.tensor.shape): p for p in reference.counted if len(p.tensor.shape) == 1
    }
    for p in suspect.counted[:4096]:
        other = theirs.get((p.tensor.name, p.tensor.shape))
        if other is not None and MIN_ROWS <= p.tensor.elements <= 1 << 16:
            yield p, other


def _spearman(a: Profile, b: Profile) -> dict[str, Any]:
    n = a.tensor.elements
    x, y = (np.argsort(np.argsort(p.tensor.open().floats(0, n), kind="stable"), kind="stable") - (n - 1) / 2 for p in (a, b))
    scale = float(x @ x)
    rho = float(x @ y) / scale
    shuffles = np.random.default_rng(n)
    above = sum(abs(float(shuffles.permutation(x) @ y)) >= abs(rho) * scale for _ in range(ROUNDS if n <= 4096 else ROUNDS // 10))
    rounds = ROUNDS if n <= 4096 else ROUNDS // 10
    return {"suspect": a.tensor.name, "reference": b.tensor.name, "rho": round(rho, 4), "p": round((above + 1) / (rounds + 1), 4)}
