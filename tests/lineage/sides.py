"""Sides of a comparison from models in memory."""

from __future__ import annotations

from typing import Any

from mlsbom.lineage import build
from mlsbom.lineage.comparison import Side, compare_sides

from .models import Model, printed, weights


def side(model: Model, *, print_only: bool = False) -> Side:
    """A model with its weights, or its fingerprint alone."""
    if print_only:
        return Side("m", printed(model))
    held = weights(model)
    profiled = build.profiles(held)
    return Side("m", build.fingerprint(held, profiled), profiled, held)


_HELD: dict[tuple[int, bool], tuple[Model, Side]] = {}


def held(model: Model, *, print_only: bool) -> Side:
    """A side that is made once for this very object (references are asked for again and again)."""
    key = id(model), print_only
    if key not in _HELD:
        _HELD[key] = model, side(model, print_only=print_only)
    return _HELD[key][1]


def compared(suspect: Model, reference: Model, *, mode: str = "fingerprint") -> dict[str, Any]:
    """What comparing says: mode fingerprint, two-fingerprints or full."""
    s, r = side(suspect, print_only=mode == "two-fingerprints"), held(reference, print_only=mode != "full")
    return compare_sides(s, r, full=mode == "full")
