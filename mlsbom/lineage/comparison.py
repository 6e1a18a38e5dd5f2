"""Two sides, each a model or a fingerprint, and the tests that they allow."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import Struct, field

from mlsbom.errors import UsageError
from mlsbom.lineage import build, form, full, matrices, weights
from mlsbom.lineage.channels import Evidence, Kept, Matcher, kept_against_kept, ready
from mlsbom.lineage.codes import ValueHash
from mlsbom.lineage.matrices import KEPT
from mlsbom.lineage.tensors import Array, Weights
from mlsbom.lineage.verdict import LISTED, judge, shared_values

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs

PRODUCT: Final = 1 << 21
"""Similarities that are held at once."""


class Side(Struct):
    """One side of a comparison: a fingerprint, and the weights where there are any."""

    name: str
    fingerprint: form.Fingerprint
    profiled: build.Profiled | None = None
    weights: Weights = field(default_factory=Weights)

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        self.weights.close()

    @property
    def kept(self) -> list[Kept]:
        """The kept matrices, ready to be matched."""
        return [ready(self.fingerprint.name(x.tensor), x.n, x.m, x.rows) for x in self.fingerprint.matrices]


def open_side(path: str) -> Side:
    """A model, or a fingerprint file. Raises UsageError, ReadError."""
    if os.path.isfile(path):
        with open(path, "rb") as f:
            if form.is_fingerprint(head := f.read(len(form.MAGIC))):
                return Side(path, form.load(head + f.read()))
    opened = weights.open_weights(path)
    profiled = build.profiles(opened)
    return Side(path, build.fingerprint(opened, profiled), profiled, opened)


def match(suspect: Side, matchers: Iterable[Matcher]) -> None:
    """Offer every matrix of the suspect's weights to each matcher; a view is sketched once, where any of them has its width."""
    asked = list(matchers)
    widths = {k.m for m in asked for k in m.kept}
    assert suspect.profiled is not None

    def matched(p: build.Profile) -> list[tuple[matrices.View, list[list[Array]]]]:
        views = [v for v in matrices.suspect_views(p.tensor.shape) if v.columns in widths]
        values = p.tensor.open() if views else None
        return [(v, _argmax(matrices.sketch(values, v), v.columns, asked)) for v in views if values]

    for p, found in zip(suspect.profiled.counted, build.spread(matched, suspect.profiled.counted), strict=True):
        for view, best in found:
            for matcher, a in zip(asked, best, strict=True):
                matcher.offer(p.tensor.name, view.rows, view.columns, a)


def _argmax(sketch: Array, columns: int, matchers: list[Matcher]) -> list[list[Array]]:
    """For each matcher, and each of its matrices of this width, the suspect's rows most like the kept ones, in products of bounded size."""
    mates = [m.mates(columns) for m in matchers]
    flat = [k.rows for group in mates for k in group]
    if not flat:
        return [[] for _ in matchers]
    kept = np.concatenate(flat)
    step = max(KEPT, PRODUCT // len(sketch))
    best = np.concatenate([(sketch @ kept[at : at + step].T).argmax(0) for at in range(0, len(kept), step)])
    ends = iter(np.cumsum([len(rows) for rows in flat]).tolist())
    return [[best[(end := next(ends)) - len(k.rows) : end] for k in group] for group in mates]


def evidence_between(suspect: Side, reference: Side, *, with_weights: bool) -> Evidence:
    """All tests that two sides allow. `with_weights`: T5 too, which needs both models."""
    if suspect.profiled is None:
        return kept_against_kept(suspect.kept, reference.kept)
    matcher = Matcher(reference.kept)
    match(suspect, [matcher])
    found = matcher.finish()
    if with_weights and reference.profiled is not None:
        full.rotation(suspect.profiled, reference.profiled, found)
    return found


def compare_paths(suspect: str, reference: str, *, full: bool, packs: Packs | None) -> dict[str, Any]:
    """See `mlsbom.lineage.compare`."""
    with open_side(suspect) as s, open_side(reference) as r:
        for side in (s, r):
            if full and side.profiled is None:
                raise UsageError(
                    f"{side.name}: --full needs the weights of both models, and this is a fingerprint",
                    remedy="name the model, or leave --full out",
                )
        return {"suspect": suspect, "reference": reference} | compare_sides(s, r, full=full, constants=constants(packs))


def compare_sides(
    s: Side,
    r: Side,
    *,
    full: bool = False,
    constants: frozenset[ValueHash] = frozenset(),
    models: int = 1,
    found: Evidence | None = None,
    listed: int = LISTED,
) -> dict[str, Any]:
    """The result of a comparison, without the names of the sides."""
    evidence = found if found is not None else evidence_between(s, r, with_weights=full)
    extra = _advisory(s, r) if full else {}
    return judge(
        s.fingerprint,
        r.fingerprint,
        evidence,
        shared=shared_values(s.fingerprint, r.fingerprint, constants),
        models=models,
        full=full,
        extra=extra,
        listed=listed,
    )


def _advisory(s: Side, r: Side) -> dict[str, Any]:
    return full.advisory(s.profiled, r.profiled) if s.profiled and r.profiled else {}


def constants(packs: Packs | None) -> frozenset[ValueHash]:
    """Value hashes that models of unrelated families are known to share (the pack `fingerprints/shared.toml`)."""
    from mlsbom.knowledge import Packs

    name = "fingerprints/shared.toml"
    packs = packs or Packs()

    def load(p: Packs) -> frozenset[ValueHash]:
        if name not in p.index.get("files", {}):
            return frozenset()
        rows = p.toml(name).get("constant", [])
        return frozenset(ValueHash(int(c["elements"]), bytes.fromhex(c["bf16"]), bytes.fromhex(c["f16"])) for c in rows)

    return packs.loaded(("shared constants",), load)
