"""The scan's part: a fingerprint of a weights file, made only where the registry has something to compare it with.

Header first: the shapes of the file against the element counts and matrix sizes of the shipped fingerprints. Only tensors whose shape
is known there are read; the others count as parameters. Large files of other shapes cost nothing.
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
    from mlsbom.lineage.known import Known
    from mlsbom.lineage.tensors import Tensor

MATRICES: Final = 48
"""Kept of a scanned file: more than a registered one keeps, since which of them those are is not known here."""


def sketch(blob: Blob, formats: tuple[str, ...], tables: tuple[TensorTable, ...], packs: Packs, budget: Budget) -> Iterator[Fingerprint]:
    """At most one Fingerprint fact about this file. Raises PackError; what of the weights cannot be read is said inside the fingerprint."""
    from mlsbom.errors import ReadError
    from mlsbom.lineage import build, form
    from mlsbom.lineage.known import known
    from mlsbom.lineage.tensors import Weights
    from mlsbom.lineage.weights import read_blob

    registry = known(packs)
    if not any(_comparable(shape, registry) for table in tables for shape in _shapes(table)):
        return

    def wanted(tensor: Tensor) -> bool:
        budget.check()
        return _comparable(tensor.shape, registry)

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
            evidence=Evidence(technique=Technique.BINARY, confidence=1.0, note=f"{len(made.hashed)} value hashes, {len(made.matrices)} matrices"),
        )


def _shapes(table: TensorTable) -> Iterator[tuple[int, ...]]:
    yield from table.shapes
    yield from (shape for _, shape, _ in table.groups)


def _comparable(shape: tuple[int, ...], registry: Known) -> bool:
    """Whether the registry holds values of this count or a matrix of this size."""
    from mlsbom.lineage.matrices import reference_view

    if math.prod(shape) in registry.elements:
        return True
    return any((view.rows, view.columns) in registry.sizes for name in ("", "embed") if (view := reference_view(name, shape)))
