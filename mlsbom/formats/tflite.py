"""TensorFlow Lite models: operators, custom codes, tensors, buffers, metadata. Source: tflite/schema.fbs, version 3 (field numbers
below)."""

from __future__ import annotations

from collections import Counter
from typing import Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import flatbuffers
from mlsbom.formats.tensors import Tensors

SIZE_LIMIT: Final = 1 << 30
CUSTOM: Final = 32
TYPES: Final[dict[int, tuple[str, int]]] = {
    0: ("F32", 32), 1: ("F16", 16), 2: ("I32", 32), 3: ("U8", 8), 4: ("I64", 64), 5: ("STRING", 0), 6: ("BOOL", 8), 7: ("I16", 16),
    8: ("C64", 64), 9: ("I8", 8),
    10: ("F64", 64), 11: ("C128", 128), 12: ("U64", 64), 15: ("U32", 32), 16: ("U16", 16), 17: ("I4", 4), 18: ("BF16", 16),
}  # fmt: skip
"""TensorType -> (dtype, bits)."""


class Tflite(Struct):
    """`operators`: builtin code -> count; `custom`: custom code -> count; `bounds`: offsets that lead outside; `end`: where the buffers
    end."""

    version: int = 0
    description: str = ""
    operators: Counter[int] = field(default_factory=Counter)
    custom: Counter[str] = field(default_factory=Counter)
    tensors: Tensors = field(default_factory=Tensors)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    metadata: list[tuple[str, int]] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    bounds: list[tuple[str, int]] = field(default_factory=list)
    truncated: bool = False


def read(blob: Blob) -> Tflite:
    """The model of a blob: a reader for `Blob.parsed`. Raises TooLarge; what is out of bounds is listed, not raised."""
    out = Tflite()
    try:
        _fill(blob.data(SIZE_LIMIT), out)
    except Malformed as e:
        out.bounds.append((str(e), e.offset or 0))
    return out


def _fill(data: bytes, out: Tflite) -> None:
    model = flatbuffers.root(data)
    out.version = model.number(0, 4)
    out.description = model.text(3)[:4000]
    buffers: list[tuple[int, int]] = []
    for buffer in model.tables(4):
        start, size = buffer.vector(0)
        far, length = buffer.number(1, 8), buffer.number(2, 8)
        if far > 1:
            start, size = far, length
        if size and start + size > len(data):
            out.bounds.append((f"a buffer of {size} bytes ends past the file", start))
        buffers.append((start, size))
    codes: list[tuple[int, str]] = []
    for code in model.tables(1):
        old, new = code.number(0, 1, signed=True), code.number(3, 4, signed=True)
        codes.append((max(old, new), code.text(1)))
    for graph in model.tables(2):
        _graph(graph, codes, buffers, out)
    for entry in model.tables(6):
        out.metadata.append((entry.text(0)[:200], entry.number(1, 4)))
    for signature in model.tables(7):
        out.signatures.append(signature.text(2)[:200])


def _graph(graph: flatbuffers.Table, codes: list[tuple[int, str]], buffers: list[tuple[int, int]], out: Tflite) -> None:
    names: list[str] = []
    for tensor in graph.tables(0):
        shape, kind = tensor.numbers(0, 4, signed=True), tensor.number(1, 1)
        index, name = tensor.number(2, 4), tensor.text(3)[:300]
        label, _ = TYPES.get(kind, (f"type-{kind}", 0))
        names.append(f"{name}: {label}[{','.join(map(str, shape))}]")
        if index >= len(buffers) and index:
            out.bounds.append((f"tensor {name[:60]!r} names buffer {index} of {len(buffers)}", 0))
        elif index and buffers[index][1]:
            out.tensors.add(name, label, tuple(max(n, 0) for n in shape), *buffers[index])
    for field_number, many in ((1, out.inputs), (2, out.outputs)):
        for index in graph.numbers(field_number, 4, signed=True):
            if 0 <= index < len(names):
                many.append(names[index])
            elif index != -1:
                out.bounds.append((f"an input or output names tensor {index} of {len(names)}", 0))
    for operator in graph.tables(3):
        index = operator.number(0, 4)
        if index >= len(codes):
            out.bounds.append((f"an operator names code {index} of {len(codes)}", 0))
            continue
        code, custom = codes[index]
        if code == CUSTOM or custom:
            out.custom[custom] += 1
        else:
            out.operators[code] += 1
