"""TensorFlow graphs: operators that run Python or touch files, code in attributes, assets outside; signatures and versions for the SBOM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json, tensorflow
from mlsbom.formats.tensorflow import Graphs, Node
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights import keras
from mlsbom.inspectors.weights.common import METADATA_CODE, seen, state, text_finding
from mlsbom.judges import marks
from mlsbom.judges.outside import leads_out
from mlsbom.knowledge import Packs
from mlsbom.model import Name, Phase, Rule, Severity, Shortfall, Status

DANGEROUS = Rule(id="TF-DANGEROUS-OP", title="A TensorFlow graph runs Python, or reads or writes files", severity=Severity.HIGH)
REVIEW = Rule(id="TF-REVIEW-OP", title="A TensorFlow graph uses an operator that is not part of TensorFlow", severity=Severity.MEDIUM)
RULES = (DANGEROUS, REVIEW, METADATA_CODE, *keras.RULES)

_PATHS: Final = ("file", "path", "filename", "library", "shared_name", "memory_region_name", "dirname")


class Ops:
    """The pack of operators."""

    def __init__(self, packs: Packs) -> None:
        pack = packs.toml("operators/tensorflow.toml")
        self.dangerous = frozenset(pack["dangerous"])
        self.files = frozenset(pack["files"])
        self.review = frozenset(pack["review"])
        self.known = frozenset(pack["known"])


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of a SavedModel, MetaGraph, frozen graph, or of Keras metadata beside a SavedModel."""
    if (context.member or context.path).endswith("keras_metadata.pb"):
        for text in blob.parsed(tensorflow.read_keras_metadata):
            yield from _keras(text, context)
        return
    if "text" in context.formats:
        graphs = blob.parsed(tensorflow.read_text)
        if graphs.nodes:
            yield from judge(graphs, context.packs)
            yield from _describe(graphs)
        return
    reader = {"saved-model": tensorflow.read_saved_model, "meta-graph": tensorflow.read_meta_graph}.get(
        context.formats[0] if context.formats else "", tensorflow.read_graph
    )
    graphs = blob.parsed(reader)
    yield from judge(graphs, context.packs)
    for text in graphs.metadata:
        yield from _keras(text, context)
    if graphs.broken:
        yield Shortfall(status=Status.PARTIAL, reason=graphs.broken, evidence=seen(offset=graphs.broken_at))
    yield from _describe(graphs)


def judge(graphs: Graphs, packs: Packs) -> Iterator[Yield]:
    """Findings on the operators of all graphs and functions."""
    ops = packs.loaded("operators.tensorflow", Ops)
    constants = {(n.graph, n.name): [t for _, t in n.texts] for n in graphs.nodes if n.op == "Const" and n.texts}
    counts: Counter[str] = Counter(n.op for n in graphs.nodes)
    said: set[tuple[str, str]] = set()
    for node in graphs.nodes:
        for found in _node(node, ops, constants, graphs.functions):
            rule, because, severity = found
            if (rule.id, because) not in said:
                said.add((rule.id, because))
                yield rule.finding(
                    because, evidence=seen(f"{node.graph}/{node.name}".lstrip("/"), offset=node.at), severity=severity, phase=Phase.LOAD
                )
        for key, text in node.texts:
            if (node.op != "Const" or len(text) < 2000) and marks.hostile(text):
                yield from text_finding(
                    f"attribute {marks.quote(key, 60)} of {marks.quote(node.op, 60)}", text, evidence=seen(node.name, offset=node.at)
                )
    for op, count in sorted(counts.items()):
        yield Name(
            kind="operator",
            name=marks.quote(op, 200),
            count=count,
            judged="dangerous" if op in ops.dangerous else "",
            evidence=seen("graph_def"),
        )
    for asset in graphs.assets:
        if out := leads_out(asset):
            yield DANGEROUS.finding(
                f"an asset {marks.quote(asset, 120)}: the path {out[1]}", evidence=seen("asset_file_def"), phase=Phase.LOAD
            )


def _node(
    node: Node, ops: Ops, constants: dict[tuple[str, str], list[str]], functions: set[str]
) -> Iterator[tuple[Rule, str, Severity | None]]:
    if node.op in ops.known and not node.texts:
        return
    shown = marks.quote(node.op, 80)
    where = f" in function {marks.quote(node.graph, 60)}" if node.graph else ""
    if node.op in ops.dangerous:
        yield DANGEROUS, f"operator {shown}{where}", None
    elif node.op in ops.files:
        names = [t for i in node.inputs for t in constants.get((node.graph, i.lstrip("^").split(":")[0]), ())]
        if names:
            yield DANGEROUS, f"operator {shown}{where} on the constant {marks.quote(names[0], 100)}", None
        else:
            yield REVIEW, f"operator {shown}{where}", None
    elif node.op == "PrintV2" and any(k == "output_stream" and t.startswith("file:") for k, t in node.texts):
        yield DANGEROUS, f"operator {shown}{where} writes to a file", None
    elif any(k in ("debug_urls", "gated_grpc") and "://" in t and not t.startswith("file://tmp") for k, t in node.texts):
        yield DANGEROUS, f"operator {shown}{where} sends what it sees to an address", None
    elif node.op in ops.review:
        yield REVIEW, f"operator {shown}{where}", None
    elif node.op and node.op not in ops.known and node.op not in functions and not node.op.startswith("_"):
        yield REVIEW, f"operator {shown} is not part of TensorFlow", None
    for key, text in node.texts:
        if (
            key.lower() in _PATHS
            and node.op not in ("VarHandleOp", "HashTableV2", "Const")
            and (out := leads_out(text))
            and out[0] is Severity.HIGH
        ):
            yield REVIEW, f"{shown}{where} names {marks.quote(text, 100)}: the path {out[1]}", None


def _keras(text: str, context: Context) -> Iterator[Yield]:
    if '"class_name"' not in text:
        return
    try:
        config = json.loads(text).value
    except Malformed as e:
        yield Shortfall(status=Status.PARTIAL, reason=f"Keras metadata: {e}")
        return
    yield from keras.judge(config, context.packs, "metadata", revived=True)


def _describe(graphs: Graphs) -> Iterator[Yield]:
    yield from state("framework", "tensorflow", "graph_def")
    yield from state("producer_tool", f"tensorflow {graphs.version}" if graphs.version else "", "meta_info_def.tensorflow_version")
    for tag in graphs.tags[:20]:
        yield from state("tag", tag, "meta_info_def.tags")
    for name, inputs, outputs in graphs.signatures[:50]:
        if name.startswith("__saved_model"):
            continue
        for field, many in (("input", inputs), ("output", outputs)):
            for one, kind in many[:100]:
                yield from state(field, f"{one}: {kind}", f"signature_def.{name}")
