"""npy and npz: arrays by their headers; arrays of objects are not read."""

from __future__ import annotations

from typing import Final

from mlsbom.blob import Blob
from mlsbom.budget import Budget
from mlsbom.errors import Opaque, ReadError
from mlsbom.formats.numpy import MAGIC, read_npy
from mlsbom.formats.zip import Entry, read_zip
from mlsbom.formats.zip_members import contents
from mlsbom.lineage.tensors import Weights
from mlsbom.lineage.weights.table import add_row
from mlsbom.patterns import late

MAX_MEMBER: Final = 512 << 20
"""A packed member is expanded in memory; a larger one is not read."""
_LITTLE: Final = late(r"[<|=]?([fiub])(\d)")
_KINDS: Final = {"f": "F", "i": "I", "u": "U", "b": "BOOL"}


def read(blob: Blob, weights: Weights) -> None:
    """The array of an npy file, or all of an npz."""
    if blob.head.startswith(MAGIC):
        _array(blob, blob.name.removesuffix(".npy"), weights)
        return
    budget = Budget(blob.size)
    for entry in blob.parsed(read_zip).entries:
        if not entry.name.endswith(".npy"):
            continue
        try:
            _array(_opened(blob, entry, budget), entry.name.removesuffix(".npy"), weights)
        except ReadError as e:
            weights.fail(entry.name, e)


def _opened(blob: Blob, entry: Entry, budget: Budget) -> Blob:
    if entry.stored and entry.data is not None:
        return blob.window(entry.data, entry.record.packed, entry.name)
    if entry.size > MAX_MEMBER:
        raise Opaque(f"a packed array of {entry.size} bytes: more than the {MAX_MEMBER} that are expanded")
    return contents(blob, entry, budget)[0].blob


def _array(blob: Blob, name: str, weights: Weights) -> None:
    """One array. In Fortran order its values stand as those of the transposed array do: that is what is read."""
    array = read_npy(blob)
    kind = _LITTLE.fullmatch(array.dtype)
    if array.dtype[1:2] == "c":
        weights.left_out.append((name, "complex"))
        return
    if kind is None:
        raise Opaque(f"values of kind {array.dtype[:40]!r} are not read")
    dtype = "BOOL" if kind[1] == "b" else f"{_KINDS[kind[1]]}{int(kind[2]) * 8}"
    add_row(name, dtype, tuple(reversed(array.shape)) if array.fortran else array.shape, array.data, blob, weights)
