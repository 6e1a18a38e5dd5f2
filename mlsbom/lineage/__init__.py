"""Whose weights are these? Fingerprints of models, and what the values themselves say about descent (docs/lineage.md).

    fingerprint(path)                    -> Fingerprint; `form.dump` gives its file
    compare(suspect, reference)          -> what `mlsbom lineage compare` prints; each side a model or a fingerprint file
    search(model, registry)              -> one such result for every fingerprint of a registry that says anything

Every accusation rests on a p-value under the null that both were trained from independent random starts. numpy is imported by the first
call, not with the package.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs
    from mlsbom.lineage.form import Fingerprint

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    # Tensors are shared among threads of our own; a BLAS that starts more beside them makes small products 50 times slower (measured).
    os.environ.setdefault(_name, "1")


def fingerprint(model: str | Path) -> Fingerprint:
    """The fingerprint of a model file or folder. What could not be read stands in `header.shortfalls`. Raises UsageError, ReadError."""
    from mlsbom.lineage import build, weights

    with weights.open_weights(str(model)) as opened:
        return build.fingerprint(opened)


def compare(suspect: str | Path, reference: str | Path, *, full: bool = False, packs: Packs | None = None) -> dict[str, Any]:
    """Compare two sides, each a model or a fingerprint file. `full` asks for the tests that need both models' weights.

    `packs` gives the published constants that unrelated models share. Raises UsageError (no such file, `full` with a fingerprint) and
    ReadError (a fingerprint file that is damaged)."""
    from mlsbom.lineage.comparison import compare_paths

    return compare_paths(str(suspect), str(reference), full=full, packs=packs)


def search(model: str | Path, registry: str | Path | None = None, *, packs: Packs | None = None) -> Iterator[dict[str, Any]]:
    """Compare a model (or its fingerprint) with every fingerprint of a registry folder, and of the shipped one where none is named. What is
    not listed is no evidence. Order: strongest first."""
    from mlsbom.lineage.registry import search_paths

    return search_paths(str(model), None if registry is None else str(registry), packs=packs)
