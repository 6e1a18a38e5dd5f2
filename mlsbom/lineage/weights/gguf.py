"""GGUF, plain and quantised."""

from __future__ import annotations

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, Opaque
from mlsbom.formats import gguf
from mlsbom.lineage.tensors import Weights
from mlsbom.lineage.weights.table import add_table


def read(blob: Blob, weights: Weights) -> None:
    """All tensors of the table that stand in the file."""
    file = blob.parsed(gguf.read)
    if file.endian != "<":
        raise Opaque("a big-endian GGUF: its values are not read")
    if file.broken:
        weights.fail("header", Malformed(file.broken, offset=file.broken_at))
    for text, at in file.bounds[:3]:
        weights.fail("header", Malformed(text, offset=at))
    add_table(file.tensors, blob, weights)
