"""ONNX models by the wire format: graphs at every depth, tensors with their external data, operators, domains, inputs and outputs.

Source: onnx.proto3 of ONNX 1.19 (field numbers below). Iterative over graphs; weights are never copied. Files beyond 32 MiB are read
through
a window, so a model of any size costs its structure alone.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import protobuf
from mlsbom.formats.protobuf import View
from mlsbom.formats.tensors import Tensors

GRAPH_LIMIT: Final = 20_000
DEPTH_LIMIT: Final = 64
DTYPES: Final[dict[int, tuple[str, int]]] = {
    1: ("F32", 32), 2: ("U8", 8), 3: ("I8", 8), 4: ("U16", 16), 5: ("I16", 16), 6: ("I32", 32), 7: ("I64", 64), 8: ("STRING", 0),
    9: ("BOOL", 8), 10: ("F16", 16),
    11: ("F64", 64), 12: ("U32", 32), 13: ("U64", 64), 14: ("C64", 64), 15: ("C128", 128), 16: ("BF16", 16), 17: ("F8_E4M3", 8),
    18: ("F8_E4M3FNUZ", 8),
    19: ("F8_E5M2", 8), 20: ("F8_E5M2FNUZ", 8), 21: ("U4", 4), 22: ("I4", 4), 23: ("F4", 4), 24: ("F8_E8M0", 8),
}  # fmt: skip
"""TensorProto.DataType -> (name, bits)."""


class External(Struct, frozen=True):
    """Data of a tensor that stand in another file."""

    tensor: str
    location: str
    offset: str
    length: str
    at: int


class Onnx(Struct):
    """`operators`: (domain, type) -> count over all graphs and functions; `functions`: (domain, name) that the model defines itself;
    `bounds`: what a shape says that cannot be; `broken`: why reading ended early."""

    ir_version: int = 0
    producer: str = ""
    producer_version: str = ""
    domain: str = ""
    doc: str = ""
    graph_name: str = ""
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    operators: Counter[tuple[str, str]] = field(default_factory=Counter)
    where: dict[tuple[str, str], int] = field(default_factory=dict)
    functions: set[tuple[str, str]] = field(default_factory=set)
    inputs: list[tuple[str, str]] = field(default_factory=list)
    outputs: list[tuple[str, str]] = field(default_factory=list)
    tensors: Tensors = field(default_factory=Tensors)
    external: list[External] = field(default_factory=list)
    texts: list[tuple[str, str, int]] = field(default_factory=list)
    bounds: list[tuple[str, int]] = field(default_factory=list)
    broken: str | None = None
    broken_at: int = 0


def read(blob: Blob) -> Onnx:
    """The model of a blob: a reader for `Blob.parsed`. Never raises Malformed: `broken` says where the message breaks."""
    return _Reader(blob.parsed(protobuf.view)).out


class _Reader:
    def __init__(self, data: View) -> None:
        self.out = Onnx()
        self.graphs: list[tuple[View, int, int, bool]] = []
        try:
            self._model(data)
            done = 0
            while self.graphs:
                done += 1
                if done > GRAPH_LIMIT:
                    raise Malformed(f"more than {GRAPH_LIMIT} graphs")
                self._graph(*self.graphs.pop())
        except Malformed as e:
            self.out.broken, self.out.broken_at = str(e), e.offset or 0

    def _model(self, data: View) -> None:
        out = self.out
        broken: Malformed | None = None
        try:
            for number, _, value, at in protobuf.fields(data):
                match number:
                    case 1 if isinstance(value, int):
                        out.ir_version = value
                    case 2:
                        out.producer = protobuf.text(value)[:200]
                    case 3:
                        out.producer_version = protobuf.text(value)[:200]
                    case 4:
                        out.domain = protobuf.text(value)[:200]
                    case 6:
                        out.doc = protobuf.text(value)[:20_000]
                    case 7:
                        self.graphs.append((protobuf.message(value), at, 0, True))
                    case 8:
                        domain, version = _pair(protobuf.message(value), at)
                        out.opsets[domain] = int(version) if version.isdigit() else 0
                    case 14:
                        key, text = _pair(protobuf.message(value), at)
                        out.metadata[key[:500]] = text[:200_000]
                    case 20:
                        self.graphs.extend(
                            (protobuf.message(v), a, 0, False) for n, _, v, a in protobuf.fields(protobuf.message(value), at) if n in (1, 2)
                        )
                    case 25:
                        self._function(protobuf.message(value), at)
        except Malformed as e:
            broken = e
        if broken is not None:
            out.broken, out.broken_at = str(broken), broken.offset or 0
            if isinstance(data, memoryview) and not self.graphs:
                self._salvage(data)

    def _salvage(self, data: memoryview) -> None:
        """A graph that is said to be longer than the file: what is there of it is read."""
        at = 0
        while at < len(data):
            key, at = protobuf.varint(data, at)
            if key & 7 == 2:
                size, at = protobuf.varint(data, at)
                if key >> 3 == 7:
                    self.graphs.append((data[at : at + size], at, 0, True))
                at += size
            elif key & 7 == 0:
                _, at = protobuf.varint(data, at)
            else:
                return

    def _function(self, data: View, base: int) -> None:
        name = domain = ""
        nodes: list[tuple[View, int]] = []
        for number, _, value, at in protobuf.fields(data, base):
            if number == 1:
                name = protobuf.text(value)[:300]
            elif number == 10:
                domain = protobuf.text(value)[:300]
            elif number == 7:
                nodes.append((protobuf.message(value), at))
        self.out.functions.add((domain, name))
        for node, at in nodes:
            self._node(node, at, 0)

    def _graph(self, data: View, base: int, depth: int, main: bool) -> None:
        out = self.out
        if depth > DEPTH_LIMIT:
            raise Malformed(f"graphs nested deeper than {DEPTH_LIMIT}", offset=base)
        for number, _, value, at in protobuf.fields(data, base):
            match number:
                case 1:
                    self._node(protobuf.message(value), at, depth)
                case 2 if main:
                    out.graph_name = protobuf.text(value)[:300]
                case 5:
                    self._tensor(protobuf.message(value), at)
                case 11 | 12 if main:
                    (out.inputs if number == 11 else out.outputs).append(_value_info(protobuf.message(value), at))
                case 15:
                    self._sparse(protobuf.message(value), at)
                case 16 if main:
                    key, text = _pair(protobuf.message(value), at)
                    out.metadata.setdefault(key[:500], text[:200_000])

    def _node(self, data: View, base: int, depth: int) -> None:
        kind = domain = ""
        attributes: list[tuple[View, int]] = []
        for number, _, value, at in protobuf.fields(data, base):
            if number == 4:
                kind = protobuf.text(value)[:300]
            elif number == 7:
                domain = protobuf.text(value)[:300]
            elif number == 5:
                attributes.append((protobuf.message(value), at))
        self.out.operators[domain, kind] += 1
        self.out.where.setdefault((domain, kind), base)
        for attribute, at in attributes:
            self._attribute(attribute, at, depth, f"{kind}")

    def _attribute(self, data: View, base: int, depth: int, owner: str) -> None:
        name = ""
        for number, _, value, at in protobuf.fields(data, base):
            match number:
                case 1:
                    name = protobuf.text(value)[:300]
                case 4 | 9 if 4 <= protobuf.size(value) <= 200_000 and len(self.out.texts) < 2000:
                    self.out.texts.append((f"{owner}.{name}", protobuf.text(value), at))
                case 5 | 10:
                    self._tensor(protobuf.message(value), at)
                case 6 | 11:
                    self.graphs.append((protobuf.message(value), at, depth + 1, False))
                case 22 | 23:
                    self._sparse(protobuf.message(value), at)

    def _sparse(self, data: View, base: int) -> None:
        for number, _, value, at in protobuf.fields(data, base):
            if number in (1, 2):
                self._tensor(protobuf.message(value), at)

    def _tensor(self, data: View, base: int) -> None:
        name, dtype, location = "", 0, 0
        dims: list[int] = []
        raw = -1
        raw_at = -1
        external: dict[str, str] = {}
        for number, wire, value, at in protobuf.fields(data, base):
            match number:
                case 1:
                    dims.extend(protobuf.signed(d) for d in protobuf.packed(wire, value))
                case 2 if isinstance(value, int):
                    dtype = value
                case 8:
                    name = protobuf.text(value)[:300]
                case 9:
                    raw, raw_at = protobuf.size(value), at
                case 13:
                    key, text = _pair(protobuf.message(value), at)
                    external[key] = text[:4096]
                case 14 if isinstance(value, int):
                    location = value
        label, bits = DTYPES.get(dtype, (f"type-{dtype}", 0))
        elements = 1
        for d in dims:
            elements *= max(d, 0)
        if len(dims) > 64 or any(d < 0 for d in dims) or elements >= 1 << 62:
            self.out.bounds.append((f"tensor {name[:80]!r} has an impossible shape", base))
        elif raw >= 0 and bits and location == 0 and raw != -(-elements * bits // 8) and len(self.out.bounds) < 50:
            self.out.bounds.append((f"tensor {name[:80]!r} has {raw} bytes, its shape asks for {-(-elements * bits // 8)}", base))
        if external or location == 1:
            self.out.external.append(
                External(name, external.get("location", ""), external.get("offset", ""), external.get("length", ""), base)
            )
        if name:
            self.out.tensors.add(name, label, tuple(dims[:64]), raw_at if location == 0 else -1, max(raw, 0))


def _pair(data: View, base: int) -> tuple[str, str]:
    """The first two fields of a message as text: StringStringEntry and OperatorSetId."""
    out = ["", ""]
    for number, _, value, _at in protobuf.fields(data, base):
        if number in (1, 2):
            out[number - 1] = str(value) if isinstance(value, int) else protobuf.text(value)
    return out[0], out[1]


def _value_info(data: View, base: int) -> tuple[str, str]:
    """(name, `float32[1,3,N]`) of an input or output."""
    name = kind = ""
    for number, _, value, at in protobuf.fields(data, base):
        if number == 1:
            name = protobuf.text(value)[:300]
        elif number == 2:
            for inner, _, tensor, at2 in protobuf.fields(protobuf.message(value), at):
                if inner == 1:
                    kind = _tensor_type(protobuf.message(tensor), at2)
    return name, kind


def _tensor_type(data: View, base: int) -> str:
    dtype, dims = "", []
    for number, _, value, at in protobuf.fields(data, base):
        if number == 1 and isinstance(value, int):
            dtype = DTYPES.get(value, (str(value), 0))[0]
        elif number == 2:
            for inner, _, dim, at2 in protobuf.fields(protobuf.message(value), at):
                if inner == 1:
                    parts = [
                        str(protobuf.signed(v)) if isinstance(v, int) else protobuf.text(v)[:60]
                        for _, _, v, _ in protobuf.fields(protobuf.message(dim), at2)
                    ]
                    dims.append(parts[0] if parts else "?")
    return f"{dtype}[{','.join(dims)}]"
