"""ONNX: initialisers, constants of nodes and sub-graphs (If, Loop), external data, and quantised weights with their scales.

The message is walked by offsets; weights are never held. Field numbers: onnx.proto3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np
from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, Opaque, ReadError, TooLarge
from mlsbom.formats import protobuf
from mlsbom.lineage.tensors import Array, Tensor, Weights, whole
from mlsbom.lineage.weights import sibling_of
from mlsbom.lineage.weights.raw import PLAIN, plain
from mlsbom.lineage.weights.scales import scaled, values_of
from mlsbom.lineage.weights.table import stored_size

DTYPES: Final = {
    1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 9: "BOOL", 10: "F16", 11: "F64", 12: "U32", 13: "U64", 14: "C64",
    15: "C128", 16: "BF16", 17: "F8_E4M3", 19: "F8_E5M2",
}  # fmt: skip
"""TensorProto.DataType. 21 and 22 (two 4-bit integers a byte) are handled apart."""
NIBBLES: Final = {21: False, 22: True}
DEPTH: Final = 32
MAX_TENSORS: Final = 1_000_000
MAX_TYPED: Final = 64 << 20
TYPED: Final = {4: "<f4", 10: "<f8"}
QUANTISED_OPS: Final = {
    "DequantizeLinear": (0, 1, 2), "QLinearConv": (3, 4, 5), "QLinearMatMul": (3, 4, 5), "QGemm": (3, 4, 5), "QLinearAdd": (3, 4, 5),
    "QAttention": (1, 4, 7), "DynamicQuantizeMatMul": (1, 2, 3),
}  # fmt: skip
"""Operator -> places of (weight, scale, zero point) among its inputs: onnx operators and those of ONNX Runtime (com.microsoft)."""

Span = tuple[int, int]


class _Graph(Struct):
    """What one walk collects. `links`: weight -> (scale, zero point, axis), as nodes say."""

    tensors: list[Tensor] = field(default_factory=list)
    links: dict[str, tuple[str, str, int | None]] = field(default_factory=dict)


def read(blob: Blob, weights: Weights) -> None:
    """All tensors of the model and of its functions."""
    graph = _Graph()
    try:
        for number, _, span in _fields(blob, 0, blob.size):
            if number in (7, 25) and isinstance(span, tuple):
                _graph(blob, span, weights, graph, "", 0)
    finally:
        weights.tensors += _dequantised(graph)


def _fields(blob: Blob, start: int, end: int) -> Iterator[tuple[int, int, int | Span]]:
    """(field number, wire type, value): a number, or where a counted field stands. Raises Malformed."""
    for number, wire, value, at in protobuf.fields(blob.parsed(protobuf.view)[start:end], start):
        yield number, wire, value if isinstance(value, int) else (at, at + len(value))


def _text(blob: Blob, span: int | Span) -> str:
    if isinstance(span, int):
        return ""
    return blob.read_at(span[0], min(span[1] - span[0], 4096)).decode("utf-8", "replace")


def _graph(blob: Blob, span: Span, weights: Weights, graph: _Graph, path: str, depth: int) -> None:
    """A GraphProto or FunctionProto: nodes (1; of a function 7), initialisers (5), sparse ones (15)."""
    if depth > DEPTH:
        raise Malformed(f"graphs nested deeper than {DEPTH}", offset=span[0])
    for number, _, value in _fields(blob, *span):
        if isinstance(value, int):
            continue
        if number == 5:
            _initialiser(blob, value, weights, graph, path)
        elif number in (1, 7):
            _node(blob, value, weights, graph, path, depth)
        elif number == 15:
            weights.fail(f"{path}sparse initialiser", Opaque("sparse tensors are not read"))
        if len(graph.tensors) > MAX_TENSORS:
            raise TooLarge(f"more than {MAX_TENSORS} tensors")


def _node(blob: Blob, span: Span, weights: Weights, graph: _Graph, path: str, depth: int) -> None:
    """A NodeProto: inputs (1), outputs (2), name (3), operator (4), attributes (5)."""
    inputs: list[str] = []
    outputs: list[str] = []
    attributes: list[Span] = []
    operator = name = ""
    try:
        for number, _, value in _fields(blob, *span):
            if number == 1:
                inputs.append(_text(blob, value))
            elif number == 2:
                outputs.append(_text(blob, value))
            elif number == 3:
                name = _text(blob, value)
            elif number == 4:
                operator = _text(blob, value)
            elif number == 5 and isinstance(value, tuple):
                attributes.append(value)
    except Malformed:
        if not operator and not inputs:
            return  # field 1 of a function is its name, which is no message
        raise
    label = outputs[0] if outputs else name or operator
    axis = None
    for attribute in attributes:
        axis = _attribute(blob, attribute, weights, graph, path, label, depth) if axis is None else axis
    w, scale, zero = QUANTISED_OPS.get(operator, (0, len(inputs), 0))
    if len(inputs) > scale:
        graph.links.setdefault(inputs[w], (inputs[scale], inputs[zero] if len(inputs) > zero else "", axis))


def _attribute(blob: Blob, span: Span, weights: Weights, graph: _Graph, path: str, label: str, depth: int) -> int | None:
    """An AttributeProto: name (1), integer (3), tensor (5), graph (6), tensors (10), graphs (11). Answers the value of `axis`."""
    name, number_value = "", None
    for number, _, value in _fields(blob, *span):
        if number == 1:
            name = _text(blob, value)
        elif number == 3 and isinstance(value, int):
            number_value = protobuf.signed(value)
        elif number in (5, 10) and isinstance(value, tuple):
            _initialiser(blob, value, weights, graph, path, fallback=label)
        elif number in (6, 11) and isinstance(value, tuple):
            _graph(blob, value, weights, graph, f"{path}{label}/{name}/", depth + 1)
    return number_value if name == "axis" else None


def _initialiser(blob: Blob, span: Span, weights: Weights, graph: _Graph, path: str, fallback: str = "") -> None:
    """A TensorProto: dims (1), type (2), typed data (4, 5, 7, 10, 11), name (8), raw data (9), external data (13, 14)."""
    dims: list[int] = []
    kind, name, raw, external, typed = 0, "", None, [], []
    for number, wire, value in _fields(blob, *span):
        if number == 1:
            dims += protobuf.packed(
                wire, value if isinstance(value, int) else memoryview(blob.read_at(value[0], min(value[1] - value[0], 1024)))
            )
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 8:
            name = _text(blob, value)
        elif number == 9 and isinstance(value, tuple):
            raw = value
        elif number == 13 and isinstance(value, tuple):
            external.append(value)
        elif number in (4, 5, 7, 10, 11):
            typed.append((number, wire, value))
    name = path + (name or fallback)
    shape = tuple(protobuf.signed(d) for d in dims)
    if not shape and kind not in DTYPES:
        return
    try:
        tensor = _tensor(blob, name, kind, shape, raw, external, typed, weights)
    except ReadError as e:
        weights.fail(name, e)
        return
    if tensor is not None:
        graph.tensors.append(tensor)


def _tensor(
    blob: Blob,
    name: str,
    kind: int,
    shape: tuple[int, ...],
    raw: Span | None,
    external: list[Span],
    typed: list[tuple[int, int, int | Span]],
    weights: Weights,
) -> Tensor | None:
    if any(d < 0 for d in shape):
        raise Malformed(f"a shape with {shape}")
    elements = math.prod(shape)
    if kind in NIBBLES and raw is not None:
        return Tensor(name=name, shape=shape, dtype="I8", opener=whole(lambda: _nibbles(blob, raw, elements, NIBBLES[kind]), elements * 4))
    dtype = DTYPES.get(kind)
    if kind == 8:
        return None  # strings
    if dtype is None:
        raise Opaque(f"values of ONNX type {kind} are not read")
    if dtype not in PLAIN:
        weights.left_out.append((name, "complex"))
        return None
    size = stored_size(name, dtype, shape)
    if external:
        source, offset, length = _external(blob, external, weights)
        if offset + size > source.size or (length is not None and length < size):
            raise Malformed("its external data end early")
        return plain(name, shape, dtype, source, offset)
    if raw is not None:
        if raw[1] - raw[0] < size:
            raise Malformed(f"{raw[1] - raw[0]} bytes of data for a shape that asks for {size}")
        return plain(name, shape, dtype, blob, raw[0])
    if elements and not typed:
        raise Malformed("no data")
    single = typed[0] if len(typed) == 1 else None
    if single and single[0] in TYPED and isinstance(single[2], tuple) and dtype == ("F32" if single[0] == 4 else "F64"):
        if single[2][1] - single[2][0] < size:
            raise Malformed("its data end early")
        return plain(name, shape, dtype, blob, single[2][0])
    return Tensor(name=name, shape=shape, dtype=dtype, opener=whole(lambda: _varints(blob, typed, dtype, elements), elements * 4))


def _nibbles(blob: Blob, raw: Span, elements: int, signed: bool) -> Array:
    """Two 4-bit integers a byte, the low half first."""
    b = np.frombuffer(blob.read_at(raw[0], raw[1] - raw[0]), np.uint8)
    q = np.stack([b & 15, b >> 4], axis=1).reshape(-1)[:elements].astype(np.float32)
    return np.where(q > 7, q - 16, q) if signed else q


def _varints(blob: Blob, typed: list[tuple[int, int, int | Span]], dtype: str, elements: int) -> Array:
    """Values kept in typed fields: float_data one by one, int32_data (which also holds small integers and 16-bit floats)."""
    out: list[float] = []
    for number, _, value in typed:
        if isinstance(value, int):
            out.append(
                float(np.array(value, np.uint32).view(np.float32))
                if number == 4
                else float(np.array(value, np.uint64).view(np.float64))
                if number == 10
                else value
            )
            continue
        if value[1] - value[0] > MAX_TYPED:
            raise TooLarge(f"{value[1] - value[0]} bytes of typed data")
        data = blob.read_at(value[0], value[1] - value[0])
        if number in TYPED:
            out += np.frombuffer(data, TYPED[number]).tolist()
        else:
            out += protobuf.packed(protobuf.BYTES, memoryview(data))
    if len(out) < elements:
        raise Malformed(f"{len(out)} values for a shape that asks for {elements}")
    if dtype in ("F16", "BF16"):
        codes = np.array([int(v) & 0xFFFF for v in out[:elements]], np.uint16)
        return codes.view(np.float16) if dtype == "F16" else codes
    return np.array([v - (1 << 64) if v >= 1 << 63 else v for v in out[:elements]], np.float64).astype(np.float32)


def _external(blob: Blob, entries: list[Span], weights: Weights) -> tuple[Blob, int, int | None]:
    """The file, offset and length that `external_data` names."""
    said: dict[str, str] = {}
    for span in entries:
        pair = {number: _text(blob, value) for number, _, value in _fields(blob, *span)}
        said[pair.get(1, "")] = pair.get(2, "")
    try:
        offset, length = int(said.get("offset") or 0), said.get("length")
        return sibling_of(blob, said.get("location", ""), weights), max(0, offset), int(length) if length else None
    except ValueError as e:
        raise Malformed(f"external data at {said.get('offset')!r}") from e


def _dequantised(graph: _Graph) -> list[Tensor]:
    """Weights that nodes dequantise, with their scales; scales and zero points are no tensors of their own."""
    by_name = {t.name.rsplit("/", 1)[-1]: t for t in graph.tensors} | {t.name: t for t in graph.tensors}
    used: set[str] = set()
    out = []
    for t in graph.tensors:
        link = graph.links.get(t.name) or graph.links.get(t.name.rsplit("/", 1)[-1])
        scale = by_name.get(link[0]) if link else None
        done = None
        if link and scale is not None and t.dtype in ("I8", "U8", "I16", "U16", "I32"):
            zero, axis = by_name.get(link[1]), link[2]
            fits = zero if zero is not None and zero.elements in (1, scale.elements) else None
            at = None if axis is None else axis % max(1, len(t.shape))
            done = scaled(t, partial(values_of, scale), scale.shape, zero=partial(values_of, fits) if fits else None, axis=at)
            if done is not None:
                used.update({scale.name} | ({fits.name} if fits else set()))
        out.append(done or t)
    return [t for t in out if t.name not in used]
