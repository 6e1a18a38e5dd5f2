"""How long the raw array behind a joblib wrapper is. Source: joblib.numpy_pickle (NumpyArrayWrapper.read_array)."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from mlsbom.errors import Malformed
from mlsbom.formats.pickle.values import Call, Dict, Name, Value
from mlsbom.patterns import late

WRAPPER: Final = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_WRAPPERS: Final = {WRAPPER, ("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper")}
_CODE: Final = late(r"[<>|=]?([?bBhHiIlLqQefdgFDGOSaUVMmcup])(\d*)")
_SIZES: Final = {
    "?": 1,
    "b": 1,
    "B": 1,
    "h": 2,
    "H": 2,
    "i": 4,
    "I": 4,
    "l": 8,
    "L": 8,
    "q": 8,
    "Q": 8,
    "e": 2,
    "f": 4,
    "d": 8,
    "g": 16,
    "F": 8,
    "D": 16,
    "G": 32,
    "M": 8,
    "m": 8,
    "c": 1,
    "S": 0,
    "a": 0,
    "U": 0,
    "V": 0,
    "O": 8,
}


class RawArray(Struct, frozen=True, kw_only=True):
    """`size` bytes; `aligned`: a byte in front says how much padding comes first; `pickled`: an object array, a pickle instead of bytes."""

    size: int
    aligned: bool
    pickled: bool


class Dtype(Struct, frozen=True, kw_only=True):
    """A numpy dtype: its letter (numpy's kind or character), bytes an item, and whether it holds objects."""

    code: str
    size: int
    objects: bool


def array_of(target: Call, state: Value) -> RawArray | None:
    """The array that follows the BUILD of a joblib wrapper; None for anything else. Raises Malformed where its size cannot be told."""
    fn = target.fn
    if not isinstance(fn, Name) or fn.computed or (fn.module, fn.name) not in _WRAPPERS or not isinstance(state, Dict):
        return None
    shape, dtype = state.get("shape"), dtype_of(state.get("dtype"))
    if dtype is None or not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise Malformed("the size of a joblib array cannot be told from its wrapper", offset=target.offset)
    return RawArray(size=dtype.size * math.prod(shape), aligned=state.get("numpy_array_alignment_bytes") is not None, pickled=dtype.objects)


def dtype_of(value: Value) -> Dtype | None:
    """The dtype that a `numpy.dtype(...)` call with its state means, or None where it cannot be told."""
    if isinstance(value, Name) and not value.computed:
        return dtype_of_code(
            {"float64": "f8", "float32": "f4", "int64": "i8", "int32": "i4", "uint8": "u1", "bool": "b1", "object": "O"}.get(value.name, "")
        )
    if not isinstance(value, Call) or not isinstance(value.args, tuple) or not value.args:
        return None
    dtype = dtype_of_code(value.args[0])
    state = next((s for s in reversed(value.state) if isinstance(s, tuple)), ())
    if dtype is None or len(state) < 6:
        return dtype
    subarray, fields, size = state[2], state[4], state[5]
    objects = dtype.objects
    if isinstance(fields, Dict):
        inner = [dtype_of(f[0]) for _, f in fields.pairs if isinstance(f, tuple) and f]
        objects = objects or any(d is None or d.objects for d in inner)
    if isinstance(subarray, tuple) and subarray:
        base = dtype_of(subarray[0])
        objects = objects or base is None or base.objects
    return Dtype(code=dtype.code, size=size if isinstance(size, int) and size > 0 else dtype.size, objects=objects)


def dtype_of_code(code: Value) -> Dtype | None:
    """The dtype of a code such as `f8`, `<U10`, `|O`, `?`; None where it is none."""
    if isinstance(code, bytes):
        code = code.decode("latin-1")
    found = _CODE.fullmatch(code) if isinstance(code, str) else None
    if not found:
        return None
    letter, digits = found.groups()
    if letter == "O":
        return Dtype(code="O", size=8, objects=True)
    if not digits:
        return Dtype(code=letter, size=_SIZES.get(letter, 0), objects=False)
    count = int(digits)
    if count > 1 << 40:
        return None
    return Dtype(
        code=letter + digits if letter in "fiuc" else letter,
        size=count * 4 if letter == "U" else 8 if letter in "Mm" else count,
        objects=False,
    )
