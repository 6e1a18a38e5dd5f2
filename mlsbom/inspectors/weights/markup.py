"""XML of models: entities in any document, scripts in PMML, layers from libraries in OpenVINO; producers, versions, inputs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.formats import xml
from mlsbom.formats.xml import Document
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import METADATA_CODE, seen, state, text_finding
from mlsbom.judges import marks
from mlsbom.judges.outside import leads_out
from mlsbom.model import Name, Phase, Rule, Severity, Shortfall, Status
from mlsbom.patterns import late

ENTITY = Rule(id="XML-ENTITY", title="An XML document declares entities or includes other files", severity=Severity.HIGH)
SCRIPT = Rule(id="PMML-SCRIPT", title="A PMML model carries a script", severity=Severity.MEDIUM)
LAYER = Rule(id="OPENVINO-CUSTOM-LAYER", title="An OpenVINO model needs a layer of a library", severity=Severity.MEDIUM)
BOUNDS = Rule(id="OPENVINO-BOUNDS", title="An OpenVINO constant lies where no data can be", severity=Severity.MEDIUM)
RULES = (ENTITY, SCRIPT, LAYER, BOUNDS, METADATA_CODE)

_SCRIPT: Final = late(r"script|java|python|groovy|command|exec|code|shell|rcode", re.I)
_OPSET: Final = late(r"opset\d{1,3}|extension|ie_internal_opset|type_relaxed_opset|gpu_opset|internal_opset|cpu_plugin_opset|util")
_OLD_IR: Final = 9


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one document."""
    document = blob.parsed(xml.read)
    model = "pmml" in context.formats or "openvino" in context.formats
    if document.entities:
        outside = f", one of them from {marks.quote(document.external[0], 100)}" if document.external else ""
        yield ENTITY.finding(
            f"declares the entity {marks.quote(document.entities[0], 60)}{outside}", evidence=seen(line=document.line), phase=Phase.LOAD
        )
    elif document.external and model:
        yield ENTITY.finding(f"names the DTD {marks.quote(document.external[0], 100)}", evidence=seen(line=document.line), phase=Phase.LOAD)
    for element in document.elements:
        if element.name == "include" and (
            "XInclude" in str(element.attributes) or ("href" in element.attributes and "parse" in element.attributes)
        ):
            yield ENTITY.finding(
                f"includes {marks.quote(element.attributes.get('href', ''), 100)}", evidence=seen(line=element.line), phase=Phase.LOAD
            )
    for target, text in document.instructions:
        if target == "xml-stylesheet" and model:
            yield from text_finding("xml-stylesheet", text)
    if document.broken and (model or document.entities):
        yield Shortfall(status=Status.PARTIAL, reason=document.broken, evidence=seen(line=document.line))
    if "pmml" in context.formats:
        yield from _pmml(document)
    elif "openvino" in context.formats:
        yield from _openvino(document, frozenset(context.packs.toml("operators/openvino.toml")["layers"]))


def _pmml(document: Document) -> Iterator[Yield]:
    for element in document.elements:
        if element.name == "Extension":
            name, value = element.attributes.get("name", ""), element.attributes.get("value", "") or element.text
            found = marks.hostile(value)
            if found or (_SCRIPT.search(name) and value):
                yield SCRIPT.finding(f"extension {marks.quote(name, 60)}: {marks.quote(value, 120)}", evidence=seen(line=element.line))
        elif element.name == "script" or (element.name in ("Application", "Annotation", "Timestamp") and marks.hostile(element.text)):
            yield SCRIPT.finding(f"element {element.name}: {marks.quote(element.text, 120)}", evidence=seen(line=element.line))
        elif element.name == "Application":
            yield from state(
                "producer_tool", f"{element.attributes.get('name', '')} {element.attributes.get('version', '')}", "Header.Application"
            )
        elif element.name == "Timestamp":
            yield from state("created", element.text, "Header.Timestamp")
        elif element.name == "Header":
            yield from state("description", element.attributes.get("description"), "Header")
            yield from state("supplier", element.attributes.get("copyright"), "Header.copyright")
        elif element.name == "DataField":
            yield from state("input", f"{element.attributes.get('name', '')}: {element.attributes.get('dataType', '')}", "DataDictionary")
        elif element.path == ("PMML",) and element.name.endswith("Model"):
            yield from state("architecture_family", element.name, "PMML")
            yield from state("graph_name", element.attributes.get("modelName"), "PMML")
    yield from state("framework", "pmml", "PMML")
    version = next((e.attributes.get("version") for e in xml.named(document, "PMML")), None)
    yield from state("format_version", f"PMML {version}" if version else "", "PMML.version")


def _openvino(document: Document, known: frozenset[str]) -> Iterator[Yield]:
    root = next(xml.named(document, "net"), None)
    version = root.attributes.get("version", "") if root else ""
    layers: Counter[tuple[str, str]] = Counter()
    for element in document.elements:
        if element.name == "layer":
            kind, opset, library = (element.attributes.get(k, "") for k in ("type", "version", "library"))
            layers[kind, opset] += 1
            if layers[kind, opset] > 1 and not library:
                continue
            old = version.isdigit() and int(version) <= _OLD_IR
            if library:
                out = leads_out(library)
                yield LAYER.finding(
                    f"layer type {marks.quote(kind, 60)} from library {marks.quote(library, 100)}",
                    evidence=seen(element.attributes.get("name"), line=element.line),
                    severity=Severity.HIGH if out else None,
                    phase=Phase.LOAD,
                )
            elif (opset and not _OPSET.fullmatch(opset)) or (
                not old and kind not in known and not (opset and _OPSET.fullmatch(opset) and opset != "extension")
            ):
                yield LAYER.finding(
                    f"layer type {marks.quote(kind, 60)} of {marks.quote(opset, 40) or 'no opset'}",
                    evidence=seen(element.attributes.get("name"), line=element.line),
                    phase=Phase.LOAD,
                )
        elif element.name == "data" and "offset" in element.attributes:
            for key in ("offset", "size"):
                text = element.attributes.get(key, "0")
                if not re.fullmatch(r"\d{1,15}", text):
                    yield BOUNDS.finding(f"a constant has the {key} {marks.quote(text, 40)}", evidence=seen(line=element.line))
        elif element.path[-1:] == ("rt_info",) or element.path[-2:-1] == ("rt_info",):
            if element.name in ("Runtime_version", "conversion_parameters", "MO_version"):
                yield from state("producer_tool", f"openvino {element.attributes.get('value', '')}", f"rt_info.{element.name}")
            yield from text_finding(f"rt_info {element.name}", element.attributes.get("value", ""))
    for (kind, opset), count in sorted(layers.items()):
        yield Name(kind="operator", name=f"{opset}::{kind}" if opset else kind, count=count, evidence=seen("layers"))
    yield from state("framework", "openvino", "net")
    yield from state("format_version", f"OpenVINO IR {version}" if version else "", "net.version")
    yield from state("graph_name", root.attributes.get("name") if root else None, "net.name")
