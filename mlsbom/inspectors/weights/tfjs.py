"""TensorFlow.js models: paths of shards, custom operators, tensors. The Keras topology inside is judged by `keras`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.formats import json
from mlsbom.formats.tensors import PLAIN_DTYPES, Tensors
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import is_vocabulary, seen, state
from mlsbom.inspectors.weights.tensorflow import Ops
from mlsbom.judges import marks
from mlsbom.judges.outside import leads_out
from mlsbom.model import Name, Phase, Rule, Severity

PATH = Rule(id="TFJS-PATH", title="A TensorFlow.js model takes weights from outside", severity=Severity.HIGH)
CUSTOM = Rule(id="TFJS-CUSTOM-OP", title="A TensorFlow.js graph needs an operator of its own", severity=Severity.MEDIUM)
RULES = (PATH, CUSTOM)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of a `model.json` with a weights manifest, or of a bare manifest."""
    if is_vocabulary(context.member or context.path):
        return
    root: Any = blob.parsed(json.read).value
    groups = root.get("weightsManifest") if isinstance(root, dict) else root
    if not isinstance(groups, list) or not all(isinstance(g, dict) and "paths" in g for g in groups):
        return
    tensors = Tensors()
    for group in groups:
        for path in group["paths"] if isinstance(group["paths"], list) else ():
            if isinstance(path, str) and (out := leads_out(path)):
                yield PATH.finding(
                    f"{marks.quote(path, 160)}: the path {out[1]}",
                    evidence=seen("weightsManifest.paths"),
                    severity=out[0],
                    phase=Phase.LOAD,
                )
        for weight in group.get("weights") or ():
            shape = weight.get("shape") if isinstance(weight, dict) else None
            if isinstance(shape, list) and all(isinstance(n, int) and n >= 0 for n in shape) and math.prod(shape) < 1 << 62:
                tensors.add(
                    str(weight.get("name"))[:300], PLAIN_DTYPES.get(str(weight.get("dtype")), str(weight.get("dtype"))), tuple(shape)
                )
    if len(tensors):
        table = tensors.table()
        yield table
        yield from state("parameters", table.parameters, "weightsManifest")
    if isinstance(root, dict):
        yield from _topology(root, context)


def _topology(root: dict[str, Any], context: Context) -> Iterator[Yield]:
    topology = root.get("modelTopology")
    nodes = topology.get("node") if isinstance(topology, dict) else None
    ops = context.packs.loaded("operators.tensorflow", Ops)
    counts = Counter(str(n.get("op")) for n in nodes if isinstance(n, dict)) if isinstance(nodes, list) else Counter[str]()
    for op, count in sorted(counts.items()):
        known = op in ops.known
        yield Name(kind="operator", name=op[:200], count=count, judged="" if known else "unknown", evidence=seen("modelTopology.node"))
        if not known:
            yield CUSTOM.finding(f"operator {marks.quote(op, 80)}", evidence=seen("modelTopology.node"), phase=Phase.LOAD)
    yield from state("framework", "tensorflow.js", "format")
    for key in ("generatedBy", "convertedBy"):
        yield from state("producer_tool", root.get(key) if isinstance(root.get(key), str) else "", key)
