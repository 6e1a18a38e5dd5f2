"""ONNX: data files outside the model, custom and Python operators, impossible shapes; operators, opsets, inputs and metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.formats import onnx
from mlsbom.formats.onnx import Onnx
from mlsbom.formats.tensors import main_dtype
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import METADATA_CODE, seen, state, stated_base, text_finding
from mlsbom.judges import marks
from mlsbom.judges.outside import leads_out
from mlsbom.knowledge import Packs
from mlsbom.model import LicenseClaim, Name, Phase, Rule, Severity, Shortfall, Status
from mlsbom.patterns import late

EXTERNAL = Rule(id="ONNX-EXTERNAL-DATA", title="Tensor data are read from outside the model", severity=Severity.HIGH)
DOMAIN = Rule(id="ONNX-CUSTOM-DOMAIN", title="An operator needs a library that is not part of the model", severity=Severity.MEDIUM)
PYTHON = Rule(id="ONNX-PYTHON-OP", title="An operator runs Python", severity=Severity.HIGH)
BOUNDS = Rule(id="ONNX-BOUNDS", title="A tensor has an impossible shape", severity=Severity.MEDIUM)
RULES = (EXTERNAL, DOMAIN, PYTHON, BOUNDS, METADATA_CODE)

_PYTHON = late(r"Py(?:thon)?(?:[A-Z_]\w*)?")
_STATED = {"author": "author", "description": "description", "version": "version", "task": "task", "library": "library",
    "model_author": "author", "name": "name",
           "model_name": "name", "date": "created", "producer": "producer_tool", "company": "supplier", "stride": "",
           "imgsz": ""}  # fmt: skip


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one file."""
    read = blob.parsed(onnx.read)
    yield from _operators(read, *context.packs.loaded("onnx-operators", _known))
    seen_places: set[str] = set()
    for one in read.external:
        if one.location in seen_places:
            continue
        seen_places.add(one.location)
        if found := leads_out(one.location):
            severity, why = found
            yield EXTERNAL.finding(
                f"data of a tensor in {marks.quote(one.location)}: the path {why}",
                evidence=seen(one.tensor or None, offset=one.at),
                severity=severity,
                phase=Phase.LOAD,
            )
        for what, text in (("offset", one.offset), ("length", one.length)):
            if text and not re.fullmatch(r"\d{1,19}", text):
                yield BOUNDS.finding(
                    f"the {what} of external data is {marks.quote(text, 60)}", evidence=seen(one.tensor or None, offset=one.at)
                )
    for why, at in read.bounds[:20]:
        yield BOUNDS.finding(marks.quote(why), evidence=seen(offset=at))
    for where, text, at in read.texts:
        yield from text_finding(marks.quote(where, 100), text, evidence=seen(where, offset=at))
    for key, text in read.metadata.items():
        yield from text_finding(f"metadata_props {marks.quote(key, 80)}", text, evidence=seen(key))
    if read.broken:
        yield Shortfall(status=Status.PARTIAL, reason=read.broken, evidence=seen(offset=read.broken_at))
    yield from _describe(read)


def _known(packs: Packs) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Domains, libraries of operators, and operators that run Python."""
    pack = packs.toml("operators/onnx.toml")
    return frozenset(pack["domains"]), frozenset(pack["libraries"]), frozenset(pack["python"])


def _operators(read: Onnx, domains: frozenset[str], libraries: frozenset[str], python: frozenset[str]) -> Iterator[Yield]:
    local = read.functions
    for (domain, kind), count in sorted(read.operators.items()):
        where = seen(f"{domain}::{kind}" if domain else kind, offset=read.where[domain, kind])
        known = domain in domains
        runs_python = kind in python or (not known and _PYTHON.fullmatch(kind) is not None)
        yield Name(
            kind="operator",
            name=f"{domain}::{kind}" if domain else kind,
            count=count,
            judged="dangerous" if runs_python else "" if known else "unknown",
            evidence=where,
        )
        if (domain, kind) in local:
            continue
        if runs_python:
            yield PYTHON.finding(
                f"operator {marks.quote(kind, 80)} of domain {marks.quote(domain, 80) or 'ai.onnx'}", evidence=where, phase=Phase.LOAD
            )
        elif not known:
            yield DOMAIN.finding(
                f"operator {marks.quote(kind, 80)} of domain {marks.quote(domain, 80)}",
                evidence=where,
                severity=Severity.LOW if domain in libraries else None,
                phase=Phase.LOAD,
            )


def _describe(read: Onnx) -> Iterator[Yield]:
    if len(read.tensors):
        table = read.tensors.table()
        yield table
        yield from state("parameters", table.parameters, "graph.initializer")
        yield from state("dtype", main_dtype(table), "graph.initializer")
    yield from state("framework", "onnx", "ir_version")
    yield from state("format_version", f"ONNX IR {read.ir_version}" if read.ir_version else "", "ir_version")
    yield from state("producer_tool", f"{read.producer} {read.producer_version}", "producer_name")
    yield from state("graph_name", read.graph_name, "graph.name")
    yield from state("description", read.doc, "doc_string")
    for domain, version in sorted(read.opsets.items()):
        yield from state("opset", {"domain": domain or "ai.onnx", "version": version}, "opset_import")
    initial = set(read.tensors.names)
    for field, many in (("input", read.inputs), ("output", read.outputs)):
        for name, kind in many[:200]:
            if name not in initial:
                yield from state(field, f"{name}: {kind}" if kind else name, f"graph.{field}")
    for key, value in read.metadata.items():
        where = f"metadata_props.{key}"
        low = key.lower()
        if low in ("license", "licence"):
            yield LicenseClaim(value=value[:500], origin="metadata", part="model", about="file", evidence=seen(where))
        elif low in ("base_model", "basemodel", "source_model"):
            yield stated_base(value, where, "converted")
        elif _STATED.get(low):
            yield from state(_STATED[low], value, where)
