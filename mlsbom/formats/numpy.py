"""Headers of `.npy` files. The header is Python source; it is read by `ast.literal_eval`'s grammar alone. Source: numpy.lib.format."""

from __future__ import annotations

import ast
import math
from typing import Any, Final

from msgspec import Struct

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats.pickle.arrays import dtype_of_code
from mlsbom.patterns import late

MAGIC: Final = b"\x93NUMPY"
HEADER_LIMIT: Final = 1 << 20


class Npy(Struct, frozen=True, kw_only=True):
    """An array file. `shape` in elements, `dtype` as written, `itemsize` in bytes (0: cannot be told), `objects`: its data are a pickle;
    `data`: offset of the data."""

    version: tuple[int, int]
    shape: tuple[int, ...]
    dtype: str
    itemsize: int
    objects: bool
    fortran: bool
    data: int

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def read_npy(blob: Blob) -> Npy:
    """The header. Raises Malformed; `key` names the part that is wrong."""
    head = blob.read_at(0, 12)
    if not head.startswith(MAGIC) or len(head) < 10:
        raise Malformed("no npy file")
    version = (head[6], head[7])
    if version[0] not in (1, 2, 3):
        raise Malformed(f"npy version {version[0]}.{version[1]} is not known", offset=6)
    start = 10 if version[0] == 1 else 12
    length = int.from_bytes(head[8:start], "little")
    if length > HEADER_LIMIT or start + length > blob.size:
        raise Malformed(f"a header of {length} bytes", offset=8)
    text = blob.read_at(start, length).decode("utf-8" if version[0] == 3 else "latin-1", "replace")
    header = _literal(text)
    if not isinstance(header, dict) or not {"descr", "fortran_order", "shape"} <= set(header):
        raise Malformed("the header is not the dictionary that it should be", offset=start, key="header")
    shape = header["shape"]
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and not isinstance(n, bool) for n in shape):
        raise Malformed("the shape is no tuple of numbers", offset=start, key="shape")
    itemsize, objects = _item(header["descr"])
    return Npy(
        version=version,
        shape=shape,
        dtype=str(header["descr"])[:200],
        itemsize=itemsize,
        objects=objects,
        fortran=bool(header["fortran_order"]),
        data=start + length,
    )


_USUAL = late(
    r"\{'descr': '([<>|=]?[A-Za-z]\d{0,9})', 'fortran_order': (True|False), "
    r"'shape': \(((?:(?:0|[1-9]\d{0,18}),(?: (?:0|[1-9]\d{0,18}),)*(?: (?:0|[1-9]\d{0,18}))?)?)\), \}\s*\Z"
)


def _literal(text: str) -> Any:
    """The header's value; as NumPy writes it for a plain array, without a syntax tree. Python 2 wrote `10L`."""
    import re

    if usual := _USUAL.match(text):
        shape = tuple(int(n) for n in usual[3].split(",") if n)
        return {"descr": usual[1], "fortran_order": usual[2] == "True", "shape": shape}
    try:
        return ast.literal_eval(re.sub(r"(?<=\d)L\b", "", text.strip()))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise Malformed("the header is no literal", key="header") from None


def _item(descr: Any, depth: int = 0) -> tuple[int, bool]:
    """Bytes an element and whether it holds objects; structured types are lists of (name, type[, shape])."""
    if depth > 16:
        raise Malformed("a dtype nested too deeply", key="descr")
    if isinstance(descr, str):
        dtype = dtype_of_code(descr.split("[", 1)[0])
        if dtype is None:
            return 0, "O" in descr
        return dtype.size, dtype.objects
    if isinstance(descr, list):
        size, objects = 0, False
        for field in descr:
            if not isinstance(field, tuple) or len(field) < 2:
                raise Malformed("a field of the dtype is no pair", key="descr")
            inner, holds = _item(field[1], depth + 1)
            times = (
                math.prod(field[2]) if len(field) > 2 and isinstance(field[2], tuple) and all(isinstance(n, int) for n in field[2]) else 1
            )
            size, objects = size + inner * times, objects or holds
        return size, objects
    if isinstance(descr, tuple) and len(descr) == 2:
        inner, objects = _item(descr[0], depth + 1)
        times = math.prod(descr[1]) if isinstance(descr[1], tuple) and all(isinstance(n, int) for n in descr[1]) else 1
        return inner * times, objects
    raise Malformed("a dtype of no known form", key="descr")
