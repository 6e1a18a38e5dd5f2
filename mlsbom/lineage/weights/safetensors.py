"""safetensors."""

from __future__ import annotations

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import safetensors
from mlsbom.lineage.tensors import Weights
from mlsbom.lineage.weights.table import add_table

BROKEN = 70
"""Problems of this weight and above mean that the table cannot be trusted to cover the file."""


def read(blob: Blob, weights: Weights) -> None:
    """All tensors of the header that stand in the file."""
    file = blob.parsed(safetensors.read)
    for weight, text in file.problems[:3]:
        if weight >= BROKEN:
            weights.fail("header", Malformed(text))
    add_table(file.tensors, blob, weights)
