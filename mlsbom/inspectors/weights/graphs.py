"""Older graph formats: MXNet symbols, Caffe networks, NCNN parameters, CNTK models, Paddle programs. Operators that run code, files that
they name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json, protobuf
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import METADATA_CODE, is_vocabulary, seen, state, text_finding
from mlsbom.judges import marks
from mlsbom.judges.outside import leads_out
from mlsbom.model import Confidence, Name, Phase, Rule, Severity, Shortfall, Status
from mlsbom.patterns import late

MXNET = Rule(id="MXNET-CUSTOM-OP", title="An MXNet graph needs code of its own", severity=Severity.MEDIUM)
CAFFE = Rule(id="CAFFE-PYTHON-LAYER", title="A Caffe network runs Python, or reads files outside", severity=Severity.HIGH)
GRAPH = Rule(id="GRAPH-BOUNDS", title="Counts of a graph do not fit its content", severity=Severity.MEDIUM)
PADDLE = Rule(id="PADDLE-PYTHON-OP", title="A Paddle program runs Python, or loads and saves files outside", severity=Severity.HIGH)
PADDLE_CUSTOM = Rule(id="PADDLE-CUSTOM-OP", title="A Paddle program needs an operator of its own", severity=Severity.MEDIUM)
CNTK = Rule(id="CNTK-NATIVE-FUNCTION", title="A CNTK model loads a native library or runs commands", severity=Severity.HIGH)
RULES = (MXNET, CAFFE, GRAPH, PADDLE, PADDLE_CUSTOM, CNTK, METADATA_CODE)

_PATH_KEYS: Final = late(
    r"(?:library|lib|path|file|filename|source|weights|dll|so|module|mean_file|root_folder|output_db)(?:_?(?:name|path|file))?$", re.I
)
_LIBRARY: Final = late(r"\.(?:so(?:\.\d+)*|dll|dylib|pyd)$", re.I)
_PRINTABLE: Final = late(rb"[\x20-\x7e\t\n]{8,4000}")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one file, by its format."""
    first = context.formats[0] if context.formats else ""
    if first == "json":
        if is_vocabulary(context.member or context.path):
            return
        root = blob.parsed(json.read).value
        if isinstance(root, dict) and isinstance(root.get("nodes"), list) and "heads" in root:
            yield from _mxnet(root)
        elif isinstance(root, dict) and isinstance(root.get("program"), dict):
            yield from _paddle_json(root)
    elif first == "paddle":
        yield from _paddle(blob)
    elif first == "caffe":
        yield from _caffe_text(blob) if (context.member or context.path).endswith("prototxt") else _caffe_binary(blob)
    elif first == "ncnn":
        yield from _ncnn(blob.text())
    else:
        yield from _cntk(blob)


def _mxnet(root: dict[str, Any]) -> Iterator[Yield]:
    counts: Counter[str] = Counter()
    for node in root["nodes"]:
        if not isinstance(node, dict):
            yield GRAPH.finding("a node that is no object", evidence=seen("nodes"))
            continue
        op, where = str(node.get("op", "")), seen(str(node.get("name", ""))[:100])
        counts[op] += 1
        attributes = node.get("attrs") or node.get("attr") or node.get("param") or {}
        attributes = attributes if isinstance(attributes, dict) else {}
        library = next(
            (
                str(v)
                for k, v in attributes.items()
                if isinstance(v, str) and (_PATH_KEYS.search(str(k)) or _LIBRARY.search(v)) and (leads_out(v) or _LIBRARY.search(v))
            ),
            None,
        )
        if library:
            out = leads_out(library)
            yield MXNET.finding(
                f"operator {marks.quote(op, 60)} names {marks.quote(library, 120)}",
                evidence=where,
                severity=Severity.HIGH if out or _LIBRARY.search(library) else None,
                phase=Phase.LOAD,
            )
        elif op in ("Custom", "_Native", "_NDArray", "_CrossDeviceCopyPython") or op.startswith("_Custom"):
            yield MXNET.finding(
                f"operator {op} of type {marks.quote(str(attributes.get('op_type', '')), 80)}", evidence=where, phase=Phase.LOAD
            )
        for key, value in attributes.items():
            if isinstance(value, str):
                yield from text_finding(f"attribute {marks.quote(str(key), 60)} of {marks.quote(op, 60)}", value)
    yield from _operators(counts)
    yield from state("framework", "mxnet", "nodes")
    for n, head in enumerate(root.get("heads", [])[:100]):
        if isinstance(head, list) and head and not (isinstance(head[0], int) and 0 <= head[0] < len(root["nodes"])):
            yield GRAPH.finding(f"head {n} names node {marks.quote(str(head[0]), 40)} of {len(root['nodes'])}", evidence=seen("heads"))


def _operators(counts: Counter[str]) -> Iterator[Yield]:
    for op, count in sorted(counts.items()):
        if op and op != "null":
            yield Name(kind="operator", name=marks.quote(op, 200), count=count, evidence=seen("operators"))


# --- Paddle ------------------------------------------------------------------------------------------------------------------------------

_PADDLE_PYTHON: Final = frozenset({"py_func", "py_layer", "pylayer", "run_program"})
_PADDLE_FILES: Final = frozenset({"save", "load", "save_combine", "load_combine", "read_file", "checkpoint_notify", "open_files"})


def _paddle(blob: Blob) -> Iterator[Yield]:
    """A ProgramDesc: blocks (1) of operators (4) with inputs (1), outputs (2), type (3), attributes (4): name (1), type (2), s (5),
    strings (8)."""
    counts: Counter[str] = Counter()
    try:
        for number, _, block, at in protobuf.fields(blob.parsed(protobuf.view)):
            if number != 1 or isinstance(block, int):
                continue
            for inner, _, op, at2 in protobuf.fields(block, at):
                if inner == 4 and not isinstance(op, int):
                    yield from _paddle_op(op, at2, counts)
    except Malformed as e:
        yield Shortfall(status=Status.PARTIAL, reason=str(e), evidence=seen(offset=e.offset))
    yield from _operators(counts)
    yield from state("framework", "paddle", "blocks")


def _paddle_op(data: protobuf.View, base: int, counts: Counter[str]) -> Iterator[Yield]:
    kind = ""
    texts: list[tuple[str, str]] = []
    for number, _, value, at in protobuf.fields(data, base):
        if number == 3:
            kind = protobuf.text(value)[:200]
        elif number == 4 and not isinstance(value, int):
            name, found = "", []
            for inner, _, part, _ in protobuf.fields(value, at):
                if inner == 1:
                    name = protobuf.text(part)[:200]
                elif inner in (5, 8):
                    found.append(protobuf.text(part)[:4000])
            texts.extend((name, t) for t in found)
    counts[kind] += 1
    if kind in _PADDLE_PYTHON:
        yield PADDLE.finding(f"operator {kind}", evidence=seen(kind, offset=base), phase=Phase.LOAD)
    elif kind.startswith(("custom_", "Custom")):
        yield PADDLE_CUSTOM.finding(f"operator {marks.quote(kind, 80)}", evidence=seen(kind, offset=base), phase=Phase.LOAD)
    for name, text in texts:
        if kind in _PADDLE_FILES and "path" in name and (out := leads_out(text)):
            yield PADDLE.finding(
                f"operator {kind} names {marks.quote(text, 120)}: the path {out[1]}",
                evidence=seen(name, offset=base),
                severity=out[0],
                phase=Phase.LOAD,
            )
        if name not in ("op_callstack", "op_namescope"):
            yield from text_finding(f"attribute {marks.quote(name, 60)} of {marks.quote(kind, 60)}", text, evidence=seen(name, offset=base))


def _paddle_json(root: dict[str, Any]) -> Iterator[Yield]:
    """Paddle 3: inference.json, operators under `#` as `1.conv2d`."""
    counts: Counter[str] = Counter()
    todo: list[Any] = [root["program"]]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            kind = value.get("#")
            if isinstance(kind, str):
                name = kind.partition(".")[2] or kind
                counts[name] += 1
                if name in _PADDLE_PYTHON:
                    yield PADDLE.finding(f"operator {name}", evidence=seen(name), phase=Phase.LOAD)
                elif name.startswith("custom_op"):
                    yield PADDLE_CUSTOM.finding(f"operator {marks.quote(name, 80)}", evidence=seen(name), phase=Phase.LOAD)
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
    yield from _operators(counts)
    yield from state("framework", "paddle", "program")


# --- Caffe, NCNN, CNTK -------------------------------------------------------------------------------------------------------------------

_LAYER_TYPE: Final = late(r'\btype:\s*"?(\w+)"?')
_FIELD: Final = late(
    r'\b(module|layer|param_str|source|mean_file|root_folder|file_name|weights|label_map_file|name_size_file|snapshot_prefix|net|train_net|test_net)\s*:\s*"([^"\n]*)"'
)


def _caffe_text(blob: Blob) -> Iterator[Yield]:
    text = blob.text()
    counts = Counter(_LAYER_TYPE.findall(text))
    if counts.get("Python") or "python_param" in text:
        module = next((v for k, v in _FIELD.findall(text) if k == "module"), "")
        yield CAFFE.finding(
            f"a Python layer of module {marks.quote(module, 80)}",
            evidence=seen("type", line=text.count(chr(10), 0, max(text.find("Python"), 0)) + 1),
            phase=Phase.LOAD,
        )
    for key, value in _FIELD.findall(text):
        if key in ("source", "mean_file", "root_folder", "file_name", "weights") and (out := leads_out(value)):
            severity = Severity.LOW if out[0] is Severity.HIGH and value.startswith(("/", "~")) else Severity.MEDIUM  # the trainer's disk
            yield CAFFE.finding(f"{key} is {marks.quote(value, 120)}: the path {out[1]}", evidence=seen(key), severity=severity)
        elif key == "param_str":
            yield from text_finding("param_str", value)
    yield from _operators(counts)
    yield from state("framework", "caffe", "layer")


def _caffe_binary(blob: Blob) -> Iterator[Yield]:
    """A NetParameter: name (1), layers (100) with name (1), type (2), python_param (130) of module (1), layer (2)."""
    counts: Counter[str] = Counter()
    try:
        for number, _, layer, at in protobuf.fields(blob.parsed(protobuf.view)):
            if number == 1:
                yield from state("graph_name", protobuf.text(layer)[:200], "name")
            if number != 100 or isinstance(layer, int):
                continue
            for inner, _, part, at2 in protobuf.fields(layer, at):
                if inner == 2:
                    counts[protobuf.text(part)[:100]] += 1
                elif inner == 130 and not isinstance(part, int):
                    module = next((protobuf.text(v)[:200] for n, _, v, _ in protobuf.fields(part, at2) if n == 1), "")
                    yield CAFFE.finding(
                        f"a Python layer of module {marks.quote(module, 80)}", evidence=seen("python_param", offset=at2), phase=Phase.LOAD
                    )
    except Malformed as e:
        yield Shortfall(status=Status.PARTIAL, reason=str(e), evidence=seen(offset=e.offset))
    yield from _operators(counts)
    yield from state("framework", "caffe", "layer")


def _ncnn(text: str) -> Iterator[Yield]:
    rows = [r for r in text.splitlines() if r.strip()]
    head = rows[1].split() if len(rows) > 1 else []
    if len(head) < 2 or not head[0].isdigit() or not head[1].isdigit():
        yield GRAPH.finding("the line of counts is not two numbers", evidence=seen("counts", line=2))
        return
    layers = rows[2:]
    if int(head[0]) != len(layers):
        yield GRAPH.finding(f"{head[0]} layers are said, {len(layers)} are there", evidence=seen("counts", line=2))
    for n, row in enumerate(layers, 3):
        parts = row.split()
        if len(parts) < 4 or not parts[2].isdigit() or not parts[3].isdigit() or int(parts[2]) + int(parts[3]) > len(parts) - 4:
            yield GRAPH.finding(f"layer {marks.quote(row, 60)} has fewer inputs and outputs than it says", evidence=seen("layer", line=n))
            break
    yield from _operators(Counter(r.split()[0] for r in layers if r.split()))
    yield from state("framework", "ncnn", "magic")


_CNTK: Final = late(r"native_user_function|user_defined_function|loadlibrary|UserFunction|\bUDF\b", re.I)


def _cntk(blob: Blob) -> Iterator[Yield]:
    """Texts of a CNTK dictionary: native user functions, libraries by path, commands."""
    data = blob.read_at(0, 64 << 20)
    said: set[str] = set()
    for run in _PRINTABLE.finditer(data):
        text = run[0].decode("latin-1")
        native, found = _CNTK.search(text), marks.hostile(text)
        if not native and not found:
            continue
        what = found[1] if found else native[0] if native else ""
        if what in said or len(said) > 20:
            continue
        said.add(what)
        severity = Severity.HIGH if found and (native or marks.command(text)) else Severity.MEDIUM
        yield CNTK.finding(
            marks.quote(what, 160), evidence=seen(offset=run.start()), severity=severity, phase=Phase.LOAD, sure=Confidence.MEDIUM
        )
    yield from state("framework", "cntk", "dictionary")
