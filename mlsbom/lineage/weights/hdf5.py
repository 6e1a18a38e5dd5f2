"""HDF5 and Keras: contiguous datasets of .h5 files and of the weights inside a .keras archive."""

from __future__ import annotations

from mlsbom.blob import Blob
from mlsbom.budget import Budget
from mlsbom.errors import Malformed, Opaque
from mlsbom.formats import hdf5
from mlsbom.formats.zip import read_zip
from mlsbom.formats.zip_members import contents
from mlsbom.lineage.tensors import Weights
from mlsbom.lineage.weights.table import add_row

MAX_MEMBER = 512 << 20
"""Weights that stand packed in a .keras archive are expanded in memory; larger ones are not read."""


def read(blob: Blob, weights: Weights) -> None:
    """All datasets of numbers."""
    if blob.head.startswith(b"PK"):
        blob = _inner(blob)
    file = blob.parsed(hdf5.read)
    for text in file.unread[:3]:
        weights.fail("structure", Malformed(text))
    for outside in file.outside[:3]:
        weights.fail(outside.where, Opaque(f"its data are in another file ({outside.kind}), which is not followed"))
    table = file.tensors
    for name, dtype, shape, offset, size in zip(table.names, table.dtypes, table.shapes, table.offsets, table.sizes, strict=True):
        if offset < 0:
            if size:
                weights.fail(name, Opaque("a dataset in pieces (chunked or packed) is not read"))
            continue
        add_row(name, dtype, shape, offset, blob, weights)


def _inner(blob: Blob) -> Blob:
    """The weights of a .keras archive."""
    entry = blob.parsed(read_zip).find("model.weights.h5")
    if entry is None:
        raise Malformed("a Keras archive without model.weights.h5")
    if entry.stored and entry.data is not None:
        return blob.window(entry.data, entry.record.packed, entry.name)
    if entry.size > MAX_MEMBER:
        raise Opaque(f"packed weights of {entry.size} bytes: more than the {MAX_MEMBER} that are expanded")
    return contents(blob, entry, Budget(blob.size))[0].blob
