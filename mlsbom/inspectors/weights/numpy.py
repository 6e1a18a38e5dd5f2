"""Numpy's array files: the header within its bounds, the pickle behind object arrays, members of `.npz` that are no arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, ReadError
from mlsbom.formats.identify import identify
from mlsbom.formats.numpy import Npy, read_npy
from mlsbom.formats.torch import Tensor, numpy_dtype
from mlsbom.formats.zip import read_zip
from mlsbom.formats.zip_members import contents
from mlsbom.inspectors import Context, Member, Yield
from mlsbom.inspectors.weights.tensors import about_tensors, table_of
from mlsbom.judges.callables import describe
from mlsbom.model import Evidence, Rule, Severity, Shortfall, Statement, Status, Technique

EXPRESSION = Rule(
    id="NPY-HEADER-EXPRESSION", title="The header of an npy file is an expression and not a literal", severity=Severity.MEDIUM
)
BOUNDS = Rule(id="NPY-BOUNDS", title="The shape of an npy file does not fit the file", severity=Severity.MEDIUM)
MEMBER = Rule(id="NPZ-FOREIGN-MEMBER", title="A member of an npz archive is a pickle and not an array", severity=Severity.MEDIUM)
RULES = (EXPRESSION, BOUNDS, MEMBER)
HEADER_LIMIT: Final = 64 << 10
_SEEN: Final = Evidence(offset=0, technique=Technique.BINARY, confidence=1.0)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """An `.npy` file, or the arrays of an `.npz` as one table."""
    if blob.head.startswith(b"\x93NUMPY"):
        yield from _array(blob, alone=not _parent(context).endswith(".npz"))
    elif "npz" in context.formats:
        yield from _archive(blob, context)


def _parent(context: Context) -> str:
    """The name of what this blob is a member of, or an empty string."""
    chain = f"{context.path}!/{context.member}".split("!/") if context.member else [context.path]
    return chain[-2].lower() if len(chain) > 1 else ""


def _array(blob: Blob, *, alone: bool) -> Iterator[Yield]:
    """One array; its table is the archive's where it is a member of an `.npz`."""
    try:
        header = blob.parsed(read_npy)
    except Malformed as e:
        where = Evidence(offset=e.offset or 0, technique=Technique.BINARY, confidence=1.0)
        if e.key == "header":
            yield EXPRESSION.finding(str(e), evidence=where)
        elif e.key:
            yield BOUNDS.finding(str(e), evidence=where)
        yield Shortfall(status=Status.PARTIAL, reason=str(e), evidence=where)
        return
    yield Statement(field="format_version", value=f"npy {header.version[0]}.{header.version[1]}", about="file", evidence=_SEEN)
    why = _bounds(blob, header)
    if why:
        yield BOUNDS.finding(why, evidence=_SEEN)
    if header.objects:
        yield Member(name="objects", blob=blob.window(header.data, blob.size - header.data), formats=("pickle",))
    elif not why:
        end = header.data + header.itemsize * header.count
        if header.itemsize and end < blob.size and "pickle" in identify(blob.window(end, blob.size - end), ""):
            yield Member(name="trailing", blob=blob.window(end, blob.size - end))
    made = table_of([_tensor("", header)]) if alone and not why else None
    if made is not None:
        yield made


def _bounds(blob: Blob, header: Npy) -> str | None:
    """Why shape, dtype and file do not go together, or None."""
    if any(n < 0 for n in header.shape):
        return f"a negative dimension: {describe(header.shape, 100)}"
    if header.data > HEADER_LIMIT:
        return f"a header of {header.data} bytes"
    if math.prod(header.shape) >= 1 << 63:
        return f"the number of elements overflows: {describe(header.shape, 100)}"
    if not header.objects and header.itemsize and header.data + header.itemsize * header.count > blob.size:
        return f"shape {describe(header.shape, 100)} needs {header.itemsize * header.count} bytes, the file has {blob.size - header.data}"
    return None


def _tensor(name: str, header: Npy) -> Tensor:
    code = header.dtype.lstrip("<>|=")
    return Tensor(
        name=name,
        dtype=numpy_dtype(code, header.itemsize) if len(header.dtype) < 12 else "struct",
        shape=header.shape,
        itemsize=header.itemsize,
        at=header.data,
    )


def _archive(blob: Blob, context: Context) -> Iterator[Yield]:
    """The arrays by name; the members themselves are inspected where the archive is read."""
    tensors = []
    for entry in blob.parsed(read_zip).entries:
        if entry.is_folder or entry.data is None:
            continue
        try:
            content = contents(blob, entry, context.budget)[0].blob
            if content.head.startswith(b"\x93NUMPY"):
                header = read_npy(content)
                if not any(n < 0 for n in header.shape):
                    tensors.append(_tensor(entry.name.removesuffix(".npy"), header))
            elif "pickle" in identify(content, entry.name):
                yield MEMBER.finding(
                    f"{describe(entry.name, 120)} is a pickle",
                    evidence=Evidence(key=describe(entry.name, 200), technique=Technique.BINARY, confidence=1.0),
                )
        except ReadError:
            continue  # told where the archive is read
    made = table_of(tensors)
    if made is not None:
        yield made
        yield from about_tensors(tensors)
