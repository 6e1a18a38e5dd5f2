"""safetensors: the header, its table of tensors, and every way in which it breaks the format.

Source: the format section of the safetensors README and the checks of its `SafeTensors::read_metadata`. Fast: a header of
18 MB with 150,000 tensors is read in about 0.3 s, without an object a tensor.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, TooLarge
from mlsbom.formats import json
from mlsbom.formats.tensors import DTYPE_BITS, Tensors

HEADER_LIMIT: Final = 100_000_000
"""Bytes: the limit of the reference reader."""


class Safetensors(Struct):
    """`problems`: (weight, text), worst first, of what breaks the format; `gaps`: (offset, size) of bytes that no tensor covers."""

    tensors: Tensors
    metadata: dict[str, Any]
    header_size: int
    data_start: int
    problems: list[tuple[int, str]] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    complete: bool = True


def read(blob: Blob) -> Safetensors:
    """The header of a blob: a reader for `Blob.parsed`. Raises TooLarge and Malformed where there is no header to speak of."""
    length = int.from_bytes(blob.head[:8], "little")
    if length > blob.size - 8:
        raise Malformed(f"the header says {length} bytes, the file has {max(0, blob.size - 8)}", offset=0)
    if length > HEADER_LIMIT:
        raise TooLarge(f"a header of {length} bytes; the format allows {HEADER_LIMIT}")
    with json.collector_held(length):
        return _read(blob.read_at(8, length), length, blob.size)


def _read(raw: bytes, length: int, size: int) -> Safetensors:
    header, duplicates = _header(raw)
    out = Safetensors(Tensors(), {}, length, 8 + length)
    out.problems += [(90, f"the name {d[:80]!r} occurs twice in the header") for d in duplicates[:5]]
    metadata = header.pop("__metadata__", None)
    if metadata is not None:
        out.metadata = metadata if isinstance(metadata, dict) else {}
        odd = [k for k, v in out.metadata.items() if not isinstance(v, str)]
        if odd or not isinstance(metadata, dict):
            out.problems.append((10, f"a value of __metadata__ is no text: {str(odd[0])[:80] if odd else type(metadata).__name__}"))
    _columns(header, out, size)
    out.problems.sort(key=lambda p: -p[0])
    return out


def _header(raw: bytes) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The header as a dict, and names that occur twice. The exact reader, three times slower, is used only where counts do not add up."""
    try:
        value = msgspec.json.decode(raw)
        entries = sum("data_offsets" in v for v in value.values() if isinstance(v, dict)) if isinstance(value, dict) else -1
    except (msgspec.DecodeError, ValueError, RecursionError):
        value, entries = None, -1
    keys = [raw.count(k) for k in (b'"data_offsets"', b'"dtype"', b'"shape"', b'"__metadata__"')]
    if entries >= 0 and keys[0] == entries and keys[1] <= entries and keys[2] <= entries and keys[3] <= 1:
        return value, ()
    document = json.loads(raw)
    if not isinstance(document.value, dict):
        raise Malformed("the header is no JSON object", offset=8)
    return document.value, document.duplicates


def _columns(header: dict[str, Any], out: Safetensors, size: int) -> None:
    start = out.data_start
    room = size - start
    problems = out.problems
    at = 0
    plain = True  # each tensor begins where the one before it ends, as all writers have it
    names, dtypes, shapes, offsets, sizes = (
        out.tensors.names,
        out.tensors.dtypes,
        out.tensors.shapes,
        out.tensors.offsets,
        out.tensors.sizes,
    )
    for name, entry in header.items():
        try:
            dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
            bits = DTYPE_BITS.get(dtype, 0)
            want = math.prod(shape) * bits
            if want != (end - begin) * 8 or not bits or begin < 0 or end > room or (shape and min(shape) < 0) or len(entry) != 3:
                _explain(name, entry, room, out)
            names.append(name)
            dtypes.append(dtype)
            shapes.append(tuple(shape))
            offsets.append(start + begin)
            sizes.append(end - begin)
            plain = plain and begin == at
            at = end
        except (TypeError, KeyError, ValueError, AttributeError):
            problems.append((80, f"the entry {name[:80]!r} has no dtype, shape and data_offsets"))
            if len(problems) > 1000:
                break
    if not plain or at != room:
        _coverage(sorted((o - start, o - start + n) for o, n in zip(offsets, sizes, strict=True)), room, out)


def _explain(name: str, entry: dict[str, Any], room: int, out: Safetensors) -> None:
    """Why one entry is wrong."""
    if len(out.problems) > 1000:
        return
    dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    shown = f"{name[:80]!r}"
    if any(not isinstance(n, int) or isinstance(n, bool) for n in (*shape, begin, end)):
        raise TypeError
    if any(n < 0 for n in shape) or begin < 0 or end < begin:
        out.problems.append((100, f"a negative size in {shown}"))
    elif math.prod(shape) >= 1 << 63 or end >= 1 << 63:
        out.problems.append((100, f"the size of {shown} overflows 64 bits"))
    elif end > room:
        out.problems.append((70, f"{shown} ends past the file"))
        out.complete = False
    elif dtype not in DTYPE_BITS:
        out.problems.append((40, f"unknown dtype {str(dtype)[:40]!r} of {shown}"))
    elif math.prod(shape) * DTYPE_BITS[dtype] != (end - begin) * 8:
        out.problems.append(
            (85, f"{shown} has {end - begin} bytes, its shape and dtype ask for {math.prod(shape) * DTYPE_BITS[dtype] // 8}")
        )
    elif len(entry) != 3:
        extra = next(iter(set(entry) - {"dtype", "shape", "data_offsets"}))
        out.problems.append((30, f"unknown key {extra[:40]!r} in {shown}"))


def _coverage(spans: list[tuple[int, int]], room: int, out: Safetensors) -> None:
    """Holes, overlaps and trailing bytes of sorted spans."""
    at = 0
    for begin, end in spans:
        if begin > at and begin <= room:
            out.gaps.append((out.data_start + at, begin - at))
            out.problems.append((60, f"a hole of {begin - at} bytes between tensors"))
        elif begin < at and end > begin:
            out.problems.append((75, "tensors overlap"))
        at = max(at, end)
        if len(out.problems) > 1000:
            return
    if at < room:
        out.gaps.append((out.data_start + at, room - at))
        out.problems.append((50, f"{room - at} bytes behind the last tensor"))
