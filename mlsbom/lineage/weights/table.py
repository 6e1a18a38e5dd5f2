"""From a reader's table of tensors (`mlsbom.formats.tensors`) to tensors whose values can be read."""

from __future__ import annotations

import math
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, Opaque, ReadError
from mlsbom.formats.tensors import Shape, Tensors
from mlsbom.lineage.tensors import Weights
from mlsbom.lineage.weights.blocks import BLOCKS
from mlsbom.lineage.weights.raw import PLAIN, blocks, plain, spelled

COMPLEX: Final = frozenset({"C32", "C64", "C128"})
ITEMS: Final = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8}


def add_table(table: Tensors, blob: Blob, weights: Weights) -> None:
    """Every row of a table whose bytes stand in the blob."""
    for row in zip(table.names, table.dtypes, table.shapes, table.offsets, strict=True):
        add_row(*row, blob, weights)


def add_row(name: str, dtype: str, shape: Shape, offset: int, blob: Blob, weights: Weights) -> None:
    """One tensor that stands at `offset`; or a note why it is not read."""
    try:
        dtype = spelled(dtype)
        if dtype in COMPLEX:
            weights.left_out.append((name, "complex"))
            return
        size = stored_size(name, dtype, shape)
        if offset < 0 or offset + size > blob.size:
            raise Malformed(f"its {size} bytes at {offset} do not stand in the file")
        make = blocks if dtype in BLOCKS else plain
        weights.tensors.append(make(name, shape, dtype, blob, offset))
    except ReadError as e:
        weights.fail(name, e)


def stored_size(name: str, dtype: str, shape: Shape) -> int:
    """Bytes that a tensor takes. Raises Opaque for an unknown kind of value, Malformed for a shape that does not fit its blocks."""
    if any(not isinstance(n, int) or n < 0 for n in shape):
        raise Malformed(f"a shape with {shape}")
    elements = math.prod(shape)
    if dtype in PLAIN:
        return elements * ITEMS.get(dtype, 1)
    block = BLOCKS.get(dtype)
    if block is None:
        raise Opaque(f"values of kind {dtype} are not read")
    if shape and shape[-1] % block.values:
        raise Malformed(f"rows of {shape[-1]} values do not fit blocks of {block.values}")
    return elements // block.values * block.size
