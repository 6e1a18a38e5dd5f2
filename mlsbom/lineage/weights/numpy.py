"""npy and npz: arrays by their headers; arrays of objects are not read. Source: numpy.lib.format, versions 1 to 3."""

from __future__ import annotations

import ast
import re
from typing import Final

from mlsbom.blob import Blob
from mlsbom.budget import Budget
from mlsbom.errors import Malformed, Opaque, ReadError
from mlsbom.formats.zip import Entry, contents, read_zip
from mlsbom.lineage.tensors import Weights
from mlsbom.lineage.weights.table import add_row

MAGIC: Final = b"\x93NUMPY"
MAX_HEADER: Final = 1 << 16
MAX_MEMBER: Final = 512 << 20
"""A packed member is expanded in memory; a larger one is not read."""
_LITTLE: Final = re.compile(r"[<|=]?([fiub])(\d)")
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
    head = blob.read_at(0, 12)
    if not head.startswith(MAGIC) or len(head) < 12:
        raise Malformed("no array: it does not begin as one", offset=0)
    width = 2 if head[6] == 1 else 4
    length = int.from_bytes(head[8 : 8 + width], "little")
    if length > MAX_HEADER:
        raise Malformed(f"a header of {length} bytes", offset=8)
    try:
        header = ast.literal_eval(blob.read_at(8 + width, length).decode("latin-1"))
        shape, descr, fortran = tuple(header["shape"]), header["descr"], bool(header["fortran_order"])
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as e:
        raise Malformed(f"a header that is no description of an array: {type(e).__name__}", offset=8 + width) from e
    kind = _LITTLE.fullmatch(descr) if isinstance(descr, str) else None
    if isinstance(descr, str) and descr[1:2] == "c":
        weights.left_out.append((name, "complex"))
        return
    if kind is None:
        raise Opaque(f"values of kind {str(descr)[:40]!r} are not read")
    dtype = "BOOL" if kind[1] == "b" else f"{_KINDS[kind[1]]}{int(kind[2]) * 8}"
    add_row(name, dtype, tuple(reversed(shape)) if fortran else shape, 8 + width + length, blob, weights)
