"""Deterministic tables: values that unrelated models share because a formula makes them. They are no evidence, whoever holds them.

Four kinds, with tolerances that survive float16, bfloat16 and int8 storage: linear recurrences (DFT, DCT and STFT bases, windows,
sinusoids, rotary caches, ramps), filter banks, compressible patterns (masks, Hadamard, tiles), diagonal matrices.
"""

from __future__ import annotations

import math
import zlib

import numpy as np

from mlsbom.lineage import codes
from mlsbom.lineage.tensors import Array, Values

ORDER = 8  # of the linear predictor
LINES = 48  # evenly spaced lines that are looked at
MAX_BAD = 0.1  # of them may disobey
MIN_LINE = 24
MAX_LINE = 65_536
RESIDUAL = 1e-3  # of a line's energy
SLAB = 1 << 20  # elements of the leading rows that lines are taken from, of a larger tensor
SAMPLE = 65_536  # values that are deflated


def table_kind(shape: tuple[int, ...], values: Values, bf16_counts: Array) -> str | None:
    """Which kind of table a tensor of 256 elements or more is, or None. `bf16_counts`: the histogram of all its values."""
    shape = tuple(d for d in shape if d != 1)
    if _compressible(values):
        return "compressible"
    rows = shape[0] if shape else 1
    width = max(1, values.elements // max(1, rows))
    taken = min(rows, max(1, SLAB // width))
    slab = values.floats(0, min(taken * width, 4 * SLAB))
    if len(slab) < taken * width:  # one row alone is larger than what is looked at
        return "recurrence" if _predictable(slab.reshape(1, -1)) else None
    x = slab.reshape(taken, *shape[1:]) if shape else slab
    if len(shape) == 2 and shape[0] == shape[1] and _diagonal(x) and _diagonal_below(values, taken, width):
        return "diagonal"
    if _sparse_positive(bf16_counts) and (_banded(x.reshape(taken, -1)) or _banded(x.reshape(taken, -1).T)):
        return "filter-bank"
    flat = x.reshape(taken, -1) if x.ndim > 1 else x.reshape(1, -1)
    lines = [np.moveaxis(x, a, -1) for a in range(x.ndim) if x.shape[a] >= MIN_LINE]
    if x.ndim > 2 and flat.shape[1] >= MIN_LINE:
        lines.append(flat)
    return "recurrence" if any(_predictable(v) for v in lines) else None


def _predictable(lines: Array) -> bool:
    """Whether at least 90 % of evenly spaced lines (last axis) obey a linear recurrence of order 8. Five that do not settle it."""
    lead = lines.shape[:-1]
    total = math.prod(lead)
    picks = np.linspace(0, total - 1, min(total, LINES)).astype(np.int64)
    bad = seen = 0
    for pick in picks:
        line = lines[np.unravel_index(pick, lead)] if lead else lines
        x = line[:MAX_LINE].astype(np.float64)
        energy = float(x @ x)
        if energy <= 1e-20:
            continue
        seen += 1
        bad += not _recurrent(x)
        if bad > MAX_BAD * len(picks):
            return False
    return bad <= MAX_BAD * seen


def _recurrent(x: Array) -> bool:
    """Whether the least-squares predictor of order 8 leaves less than 0.1 % of the energy."""
    n = len(x) - ORDER
    past = np.stack([x[i : i + n] for i in range(ORDER)])
    y = x[ORDER:]
    coefficients = np.linalg.lstsq(past @ past.T, past @ y, rcond=1e-13)[0]
    rest = y - coefficients @ past
    return float(rest @ rest) < RESIDUAL * float(y @ y) + 1e-18


def _sparse_positive(bf16_counts: Array) -> bool:
    """No negative value, and at least 60 % exact zeros."""
    zeros = bf16_counts[0] + bf16_counts[0x8000]
    return not bf16_counts[0x8001:].any() and bool(zeros >= 0.6 * bf16_counts.sum())


def _banded(rows: Array) -> bool:
    """Over 90 % of the first 64 rows have one run of values."""
    runs = [int((np.diff(np.flatnonzero(r)) > 1).sum()) <= 1 for r in rows[:64] if r.any()]
    return bool(runs) and float(np.mean(runs)) > 0.9


def _diagonal(x: Array, first: int = 0) -> bool:
    """Whether these rows (the first of them is row `first`) hold next to nothing off the diagonal."""
    own = x[np.arange(len(x)), first + np.arange(len(x))].astype(np.float64)
    energy = float(np.einsum("ij,ij->", x, x, dtype=np.float64))
    return energy - float(own @ own) < 1e-6 * energy + 1e-30


def _diagonal_below(values: Values, first: int, width: int) -> bool:
    step = max(1, SLAB // width)
    return all(
        _diagonal(values.floats(at * width, step * width).reshape(-1, width), at) for at in range(first, values.elements // width, step)
    )


def _compressible(values: Values) -> bool:
    """Whether deflate needs under half of what the entropy of the histogram asks for (order carries the information), or there is none.

    Level 1 on half of them rules out ordinary weights at a fraction of the cost: a pattern that deflate can see repeats within it."""
    sample = codes.bf16_codes(values.floats(0, SAMPLE))
    counts = codes.histogram(sample)
    bits = codes.entropy_bits(counts)
    if bits < 64:
        return True
    used = np.cumsum(counts > 0)
    raw = (used - 1).astype(np.uint8)[sample].tobytes() if used[-1] < 257 else sample.tobytes()
    half = len(raw) // 2
    if len(zlib.compress(raw[:half], 1)) * 8 > 0.45 * bits:
        return False
    return len(zlib.compress(raw, 9)) * 8 < 0.5 * bits
