"""TensorFlow Lite: offsets that lead outside, Flex and custom operators; operators, tensors, inputs and description."""

from __future__ import annotations

from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.formats import tflite
from mlsbom.formats.tensors import main_dtype
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import METADATA_CODE, seen, state, text_finding
from mlsbom.inspectors.weights.tensorflow import DANGEROUS, Ops
from mlsbom.judges import marks
from mlsbom.model import Name, Phase, Rule, Severity

BOUNDS = Rule(id="FLATBUFFER-BOUNDS", title="Offsets of a FlatBuffer lead out of the file", severity=Severity.HIGH)
CUSTOM = Rule(id="TFLITE-CUSTOM-OP", title="A TensorFlow Lite model needs a custom operator", severity=Severity.MEDIUM)
RULES = (BOUNDS, CUSTOM, DANGEROUS, METADATA_CODE)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one file."""
    read = blob.parsed(tflite.read)
    for why, at in read.bounds[:20]:
        yield BOUNDS.finding(marks.quote(why), evidence=seen(offset=at), phase=Phase.LOAD)
    pack = context.packs.toml("operators/tflite.toml")
    known, builtin = frozenset(pack["custom"]), pack["builtin"]
    ops = context.packs.loaded("operators.tensorflow", Ops)
    for name, count in sorted(read.custom.items()):
        where = seen("operator_codes")
        yield Name(kind="operator", name=marks.quote(name, 200), count=count, judged="" if name in known else "unknown", evidence=where)
        flex = name.removeprefix("Flex")
        if name.startswith("Flex") and (flex in ops.dangerous or flex in ops.files):
            yield DANGEROUS.finding(f"operator {marks.quote(name, 80)}", evidence=where, phase=Phase.LOAD)
        elif name.startswith("Flex") and flex in ops.known:
            yield CUSTOM.finding(
                f"operator {marks.quote(name, 80)} needs TensorFlow beside TensorFlow Lite", evidence=where, severity=Severity.LOW
            )
        elif name not in known:
            yield CUSTOM.finding(f"operator {marks.quote(name, 80)}", evidence=where, phase=Phase.LOAD)
    for code, count in sorted(read.operators.items()):
        yield Name(
            kind="operator",
            name=builtin[code] if 0 <= code < len(builtin) and builtin[code] else f"BUILTIN_{code}",
            count=count,
            evidence=seen("operator_codes"),
        )
    yield from text_finding("description", read.description)
    if len(read.tensors):
        table = read.tensors.table()
        yield table
        yield from state("parameters", table.parameters, "subgraphs.tensors")
        yield from state("dtype", main_dtype(table), "subgraphs.tensors")
    yield from state("framework", "tensorflow lite", "version")
    yield from state("format_version", f"TFLite {read.version}", "version")
    yield from state("description", read.description, "description")
    for field, many in (("input", read.inputs), ("output", read.outputs)):
        for one in many[:200]:
            yield from state(field, one, f"subgraphs.{field}s")
