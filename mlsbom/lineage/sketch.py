"""The scan's part: a fingerprint of a weights file, made only where the registry has something to compare it with.

Header first: the value counts of the file's tensors against those of the shipped fingerprints, before numpy or a fingerprint is loaded.
Only tensors whose count is known there are read (all, where they are a good part of the file): other files cost nothing.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mlsbom.blob import Blob
from mlsbom.budget import Budget
from mlsbom.model import Evidence, Fingerprint, Technique, TensorTable

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs
    from mlsbom.lineage.tensors import Tensor

MATRICES: Final = 48
"""Kept of a scanned file: more than a registered one keeps, since which of them those are is not known here."""
TELLING: Final = 2
"""Value counts that a file must share with one registered model: a single one, such as 1024 x 1024, is met by chance."""
MOSTLY: Final = 0.25
"""Where so much of a file is comparable, all of it is read: coverage then leaves deterministic tables out, as it should."""


def sketch(blob: Blob, formats: tuple[str, ...], tables: tuple[TensorTable, ...], packs: Packs, budget: Budget) -> Iterator[Fingerprint]:
    """At most one Fingerprint fact about this file. Raises PackError; what of the weights cannot be read is said inside the fingerprint."""
    from mlsbom.lineage.known import models

    sizes = [(n, times) for table in tables for n, times in _elements(table)]
    present = {n for n, _ in sizes}
    if present.isdisjoint(packs.loaded("lineage-elements", _known)):
        return
    counts: set[int] = set()
    for model in models(packs).values():
        shared = present.intersection(model.elements)
        if len(shared) >= min(TELLING, len(set(model.elements))):
            counts |= shared
    comparable = sum(n * times for n, times in sizes if n in counts)
    if not comparable:
        return
    everything = comparable >= MOSTLY * sum(n * times for n, times in sizes)

    from mlsbom.errors import ReadError
    from mlsbom.lineage import build, form
    from mlsbom.lineage.tensors import Weights
    from mlsbom.lineage.weights import read_blob

    def wanted(tensor: Tensor) -> bool:
        budget.check()
        return everything or tensor.elements in counts

    with Weights() as weights:
        try:
            read_blob(blob, formats, weights)
        except ReadError:
            return  # its inspector has said so
        made = build.fingerprint(weights, build.profiles(weights, wanted), MATRICES)
    if made.hashed or made.matrices:
        raw = form.dump(made)
        yield Fingerprint(
            form=form.FORM,
            content=base64.b64encode(raw).decode("ascii"),
            evidence=Evidence(
                technique=Technique.BINARY, confidence=1.0, note=f"{len(made.hashed)} value hashes, {len(made.matrices)} matrices"
            ),
        )


def _known(packs: Packs) -> frozenset[int]:
    """The value counts of all registered models: most files share none, and one look says so."""
    from mlsbom.lineage.known import models

    return frozenset(n for model in models(packs).values() for n in model.elements)


def _elements(table: TensorTable) -> Iterator[tuple[int, int]]:
    """Value counts of tensors, each with how many have it."""
    yield from ((math.prod(shape), 1) for shape in table.shapes)
    yield from ((math.prod(shape), count) for _, shape, count in table.groups)
