"""TensorFlow graphs by the wire format: SavedModel, MetaGraphDef and GraphDef with all functions of their libraries.

Source: saved_model.proto, meta_graph.proto, graph.proto, function.proto, node_def.proto, attr_value.proto of TensorFlow 2.20 (field
numbers below).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import protobuf
from mlsbom.formats.protobuf import View
from mlsbom.formats.tensors import Tensors
from mlsbom.patterns import late

NODE_LIMIT: Final = 2_000_000
TEXT_LIMIT: Final = 4096
DTYPES: Final[dict[int, str]] = {
    1: "F32",
    2: "F64",
    3: "I32",
    4: "U8",
    5: "I16",
    6: "I8",
    7: "STRING",
    8: "C64",
    9: "I64",
    10: "BOOL",
    14: "BF16",
    17: "U16",
    19: "F16",
    22: "U32",
    23: "U64",
}


class Node(Struct, frozen=True):
    """One node: where it is (graph or function), its name, operator, inputs, text attributes (key, text), constant texts that it holds."""

    graph: str
    name: str
    op: str
    inputs: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]
    at: int


class Graphs(Struct):
    """All of a file. `functions`: names that its libraries define; `ops`: operators that its stripped op list names."""

    nodes: list[Node] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    tags: list[str] = field(default_factory=list)
    version: str = ""
    signatures: list[tuple[str, list[tuple[str, str]], list[tuple[str, str]]]] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    collections: list[tuple[str, str]] = field(default_factory=list)
    metadata: list[str] = field(default_factory=list)
    tensors: Tensors = field(default_factory=Tensors)
    broken: str | None = None
    broken_at: int = 0


def read_saved_model(blob: Blob) -> Graphs:
    """A SavedModel: a reader for `Blob.parsed`."""
    out = Graphs()
    with _Guard(out):
        for number, _, value, at in protobuf.fields(blob.parsed(protobuf.view)):
            if number == 2:
                _meta_graph(protobuf.message(value), at, out)
    return out


def read_meta_graph(blob: Blob) -> Graphs:
    """A MetaGraphDef (`.meta`): a reader for `Blob.parsed`."""
    out = Graphs()
    with _Guard(out):
        _meta_graph(blob.parsed(protobuf.view), 0, out)
    return out


def read_graph(blob: Blob) -> Graphs:
    """A GraphDef (frozen graph): a reader for `Blob.parsed`."""
    out = Graphs()
    with _Guard(out):
        _graph(blob.parsed(protobuf.view), 0, out)
    return out


_TEXT_OP = late(r'\bop\s*:\s*"([^"\n]{1,200})"')
_TEXT_VERSION = late(r'tensorflow_version\s*:\s*"([^"\n]{1,60})"')


def read_text(blob: Blob) -> Graphs:
    """A graph in the text form of protocol buffers (`.pbtxt`): its operators alone. A reader for `Blob.parsed`."""
    text = blob.text()
    version = _TEXT_VERSION.search(text)
    out = Graphs(version=version[1] if version else "")
    out.nodes.extend(Node("", "", m[1], (), (), m.start()) for m in _TEXT_OP.finditer(text))
    return out


class _Guard:
    """Turns a break of the wire format into `broken`."""

    def __init__(self, out: Graphs) -> None:
        self.out = out

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Malformed):
            self.out.broken, self.out.broken_at = str(error), error.offset or 0
            return True
        return False


def _meta_graph(data: View, base: int, out: Graphs) -> None:
    for number, _, value, at in protobuf.fields(data, base):
        body = protobuf.message(value)
        if number == 1:
            for inner, _, text, _ in protobuf.fields(body, at):
                if inner == 4:
                    out.tags.append(protobuf.text(text)[:200])
                elif inner == 5:
                    out.version = protobuf.text(text)[:100]
        elif number == 2:
            _graph(body, at, out)
        elif number == 4:
            _collection(body, at, out)
        elif number == 5:
            _signature(body, at, out)
        elif number == 6:
            out.assets.extend(protobuf.text(v)[:TEXT_LIMIT] for n, _, v, _ in protobuf.fields(body, at) if n == 2)
        elif number == 7:
            _objects(body, at, out)


def _graph(data: View, base: int, out: Graphs) -> None:
    for number, _, value, at in protobuf.fields(data, base):
        body = protobuf.message(value)
        if number == 1:
            _node(body, at, "", out)
        elif number == 2:
            for inner, _, function, at2 in protobuf.fields(body, at):
                if inner == 1:
                    _function(protobuf.message(function), at2, out)


def _function(data: View, base: int, out: Graphs) -> None:
    name = ""
    nodes: list[tuple[View, int]] = []
    for number, _, value, at in protobuf.fields(data, base):
        if number == 1:
            name = next((protobuf.text(v)[:300] for n, _, v, _ in protobuf.fields(protobuf.message(value), at) if n == 1), "")
        elif number == 3:
            nodes.append((protobuf.message(value), at))
    out.functions.add(name)
    for node, at in nodes:
        _node(node, at, name or "function", out)


def _node(data: View, base: int, graph: str, out: Graphs) -> None:
    name = op = ""
    inputs: list[str] = []
    texts: list[tuple[str, str]] = []
    for number, _, value, at in protobuf.fields(data, base):
        if number == 1:
            name = protobuf.text(value)[:300]
        elif number == 2:
            op = protobuf.text(value)[:200]
        elif number == 3 and len(inputs) < 64:
            inputs.append(protobuf.text(value)[:300])
        elif number == 5:
            key, found = _attribute(protobuf.message(value), at)
            texts.extend((key, text) for text in found)
    out.nodes.append(Node(graph, name, op, tuple(inputs), tuple(texts[:64]), base))
    if len(out.nodes) > NODE_LIMIT:
        raise Malformed(f"more than {NODE_LIMIT} nodes", offset=base)


def _attribute(data: View, base: int) -> tuple[str, list[str]]:
    """(key, texts) of an attribute: a text, a list of texts, the texts of a small text tensor, the name of a function."""
    key = ""
    found: list[str] = []
    for number, _, value, at in protobuf.fields(data, base):
        if number == 1:
            key = protobuf.text(value)[:200]
        elif number == 2 and protobuf.size(value) <= 1 << 20:
            found.extend(_texts(protobuf.message(value), at))
    return key, found


def _texts(data: View, base: int) -> Iterator[str]:
    for number, _, value, at in protobuf.fields(data, base):
        if number == 2:
            yield protobuf.text(value)[:TEXT_LIMIT]
        elif number == 1 and not isinstance(value, int):
            yield from (protobuf.text(v)[:TEXT_LIMIT] for n, _, v, _ in protobuf.fields(value, at) if n == 2)
        elif number == 8 and not isinstance(value, int):
            fields = list(protobuf.fields(value, at))
            if any(n == 1 and v == 7 for n, _, v, _ in fields):
                yield from (protobuf.text(v)[:TEXT_LIMIT] for n, _, v, _ in fields[:200] if n == 8)


def _collection(data: View, base: int, out: Graphs) -> None:
    """Text and bytes of a collection (key, text)."""
    key = ""
    for number, _, value, at in protobuf.fields(data, base):
        if number == 1:
            key = protobuf.text(value)[:200]
        elif number == 2 and protobuf.size(value) <= 1 << 20:
            for kind, _, body, at2 in protobuf.fields(protobuf.message(value), at):
                if kind in (1, 2) and not isinstance(body, int):
                    out.collections.extend((key, protobuf.text(v)[:TEXT_LIMIT]) for n, _, v, _ in protobuf.fields(body, at2) if n == 1)


def _signature(data: View, base: int, out: Graphs) -> None:
    key = ""
    sides: list[list[tuple[str, str]]] = [[], []]
    for number, _, value, at in protobuf.fields(data, base):
        if number == 1:
            key = protobuf.text(value)[:200]
        elif number == 2:
            for side, _, entry, at2 in protobuf.fields(protobuf.message(value), at):
                if side in (1, 2) and not isinstance(entry, int):
                    sides[side - 1].append(_tensor_info(entry, at2))
    out.signatures.append((key, sides[0], sides[1]))


def _tensor_info(data: View, base: int) -> tuple[str, str]:
    """(name, `F32[-1,4]`) of an entry of a signature."""
    name, dtype, dims = "", "", []
    for number, _, value, at in protobuf.fields(data, base):
        if number == 1:
            name = protobuf.text(value)[:200]
        elif number == 2:
            for inner, _, part, at2 in protobuf.fields(protobuf.message(value), at):
                if inner == 2 and isinstance(part, int):
                    dtype = DTYPES.get(part, str(part))
                elif inner == 3 and not isinstance(part, int):
                    for n, _, dim, at3 in protobuf.fields(part, at2):
                        if n == 2 and not isinstance(dim, int):
                            dims.append(
                                next(
                                    (str(protobuf.signed(v)) for m, _, v, _ in protobuf.fields(dim, at3) if m == 1 and isinstance(v, int)),
                                    "0",
                                )
                            )
    return name, f"{dtype}[{','.join(dims)}]"


def _objects(data: View, base: int, out: Graphs) -> None:
    """Metadata texts of user objects (SavedObjectGraph.nodes.user_object.metadata: Keras JSON)."""
    for number, _, value, at in protobuf.fields(data, base):
        if number != 1:
            continue
        for kind, _, body, at2 in protobuf.fields(protobuf.message(value), at):
            if kind == 4 and not isinstance(body, int):
                out.metadata.extend(protobuf.text(v)[: 8 << 20] for n, _, v, _ in protobuf.fields(body, at2) if n == 3 and protobuf.size(v))


def read_keras_metadata(blob: Blob) -> list[str]:
    """`keras_metadata.pb` (SavedMetadata): the JSON texts of its nodes. A reader for `Blob.parsed`."""
    found: list[str] = []
    for number, _, value, at in protobuf.fields(blob.parsed(protobuf.view)):
        if number == 1 and not isinstance(value, int):
            found.extend(protobuf.text(v)[: 64 << 20] for n, _, v, _ in protobuf.fields(value, at) if n == 4 and not isinstance(v, int))
    return found
