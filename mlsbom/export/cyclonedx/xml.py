"""CycloneDX as XML, from the same tree as the JSON, in the element order of the XSD. Tests check it against the official schemas."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any, Final

from mlsbom.export.cyclonedx.build import build
from mlsbom.model import Assessment
from mlsbom.patterns import late

Tree = dict[str, Any]
_INVALID: Final = late("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

COMPONENT: Final = (
    "supplier",
    "manufacturer",
    "authors",
    "publisher",
    "group",
    "name",
    "version",
    "description",
    "scope",
    "hashes",
    "licenses",
    "copyright",
    "cpe",
    "purl",
    "pedigree",
    "externalReferences",
    "properties",
    "components",
    "evidence",
    "modelCard",
    "data",
)
SERVICE: Final = (
    "provider",
    "group",
    "name",
    "version",
    "description",
    "endpoints",
    "authenticated",
    "x-trust-boundary",
    "data",
    "licenses",
    "externalReferences",
    "properties",
)
DATA: Final = ("type", "name", "contents", "classification", "sensitiveData", "description", "governance")
WRAPPED: Final = {
    "datasets": "dataset",
    "inputs": "input",
    "outputs": "output",
    "performanceMetrics": "performanceMetric",
    "useCases": "useCase",
    "technicalLimitations": "technicalLimitation",
    "performanceTradeoffs": "performanceTradeoff",
    "ethicalConsiderations": "ethicalConsideration",
    "users": "user",
    "owners": "owner",
    "endpoints": "endpoint",
    "occurrences": "occurrence",
    "methods": "method",
    "lifecycles": "lifecycle",
}
ATTRIBUTES: Final = {"bom-ref": "bom-ref", "mime-type": "mime-type"}


def render(assessment: Assessment, version: str) -> bytes:
    """The document as UTF-8 bytes with a declaration."""
    tree = build(assessment, version)
    root = ET.Element(
        "bom",
        {"xmlns": f"http://cyclonedx.org/schema/bom/{version}", "serialNumber": tree["serialNumber"], "version": str(tree["version"])},
    )
    metadata = ET.SubElement(root, "metadata")
    m = tree["metadata"]
    _leaf(metadata, "timestamp", m["timestamp"])
    _value(metadata, "lifecycles", m.get("lifecycles"))
    tools = ET.SubElement(metadata, "tools")
    if isinstance(m["tools"], list):  # the older form, which some regimes ask for
        for row in m["tools"]:
            one = ET.SubElement(tools, "tool")
            for key, value in row.items():
                _leaf(one, key, value)
    else:
        _components(tools, m["tools"]["components"])
    _component(metadata, m["component"])
    _properties(metadata, m.get("properties"))
    _components(root, tree.get("components", []))
    if tree.get("services"):
        services = ET.SubElement(root, "services")
        for s in tree["services"]:
            _service(services, s)
    dependencies = ET.SubElement(root, "dependencies")
    for d in tree.get("dependencies", []):
        one = ET.SubElement(dependencies, "dependency", {"ref": _text(d["ref"])})
        for target in d["dependsOn"]:
            ET.SubElement(one, "dependency", {"ref": _text(target)})
    compositions = ET.SubElement(root, "compositions")
    for c in tree.get("compositions", []):
        one = ET.SubElement(compositions, "composition")
        _leaf(one, "aggregate", c["aggregate"])
        for name, inner in (("assemblies", "assembly"), ("dependencies", "dependency")):
            if c.get(name):
                group = ET.SubElement(one, name)
                for ref in c[name]:
                    ET.SubElement(group, inner, {"ref": _text(ref)})
    ET.indent(root, " ")
    return b"".join((b'<?xml version="1.0" encoding="UTF-8"?>\n', bytes(ET.tostring(root, "utf-8")), b"\n"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _INVALID.sub("\ufffd", str(value))


def _leaf(parent: ET.Element, name: str, value: Any) -> None:
    ET.SubElement(parent, name).text = _text(value)


def _components(parent: ET.Element, rows: list[Tree]) -> None:
    group = ET.SubElement(parent, "components")
    for c in rows:
        _component(group, c)


def _component(parent: ET.Element, c: Tree) -> None:
    attributes = {"type": c["type"]} | {k: _text(c[k]) for k in ATTRIBUTES if k in c}
    one = ET.SubElement(parent, "component", attributes)
    for name in COMPONENT:
        if name in c:
            _special(one, name, c[name])


def _service(parent: ET.Element, s: Tree) -> None:
    one = ET.SubElement(parent, "service", {"bom-ref": _text(s["bom-ref"])})
    for name in SERVICE:
        if name not in s:
            continue
        if name == "data":
            data = ET.SubElement(one, "data")
            for d in s["data"]:
                ET.SubElement(data, "classification", {"flow": d["flow"]}).text = _text(d["classification"])
        else:
            _special(one, name, s[name])


def _special(parent: ET.Element, name: str, value: Any) -> None:
    """The parts whose XML form differs from their JSON form; everything else is `_value`."""
    if name == "components":
        _components(parent, value)
    elif name == "properties":
        _properties(parent, value)
    elif name == "hashes":
        group = ET.SubElement(parent, "hashes")
        for h in value:
            ET.SubElement(group, "hash", {"alg": h["alg"]}).text = h["content"]
    elif name == "licenses":
        _licenses(parent, value)
    elif name == "externalReferences":
        group = ET.SubElement(parent, name)
        for r in value:
            one = ET.SubElement(group, "reference", {"type": r["type"]})
            _leaf(one, "url", r["url"])
            if "comment" in r:
                _leaf(one, "comment", r["comment"])
    elif name == "pedigree":
        group = ET.SubElement(parent, name)
        for kind in ("ancestors", "variants"):
            if value.get(kind):
                inner = ET.SubElement(group, kind)
                for c in value[kind]:
                    _component(inner, c)
    elif name == "evidence":
        _evidence(parent, value)
    elif name == "modelCard":
        _model_card(parent, value)
    elif name == "data":
        for d in value:
            one = ET.SubElement(parent, "data")
            for key in DATA:
                if key in d:
                    for each in d[key] if key == "sensitiveData" else [d[key]]:
                        _value(one, key, each)
    else:
        _value(parent, name, value)


def _value(parent: ET.Element, name: str, value: Any) -> None:
    """A leaf, an object in its own order, or a list under its wrapper."""
    if value is None:
        return
    if isinstance(value, list):
        group = ET.SubElement(parent, name)
        for v in value:
            _value(group, WRAPPED.get(name, name), v)
    elif isinstance(value, dict):
        one = ET.SubElement(parent, name)
        for k, v in value.items():
            if k == "properties":
                _properties(one, v)
            else:
                _value(one, k, v)
    else:
        _leaf(parent, name, value)


def _properties(parent: ET.Element, rows: list[Tree] | None) -> None:
    if rows:
        group = ET.SubElement(parent, "properties")
        for p in rows:
            ET.SubElement(group, "property", {"name": _text(p["name"])}).text = _text(p["value"])


def _licenses(parent: ET.Element, rows: list[Tree]) -> None:
    group = ET.SubElement(parent, "licenses")
    for row in rows:
        if "expression" in row:
            one = ET.SubElement(group, "expression", {k: row[k] for k in ("acknowledgement",) if k in row})
            one.text = _text(row["expression"])
            continue
        x = row["license"]
        one = ET.SubElement(group, "license", {k: x[k] for k in ("acknowledgement",) if k in x})
        for name in ("id", "name", "url"):
            if name in x:
                _leaf(one, name, x[name])
        _properties(one, x.get("properties"))


def _evidence(parent: ET.Element, value: Tree) -> None:
    group = ET.SubElement(parent, "evidence")
    identities = value.get("identity", [])
    for i in identities if isinstance(identities, list) else [identities]:
        _value(group, "identity", {k: i[k] for k in ("field", "confidence", "concludedValue", "methods") if k in i})
    if value.get("occurrences"):
        _value(group, "occurrences", value["occurrences"])
    if value.get("licenses"):
        _licenses(group, value["licenses"])


def _model_card(parent: ET.Element, card: Tree) -> None:
    one = ET.SubElement(parent, "modelCard")
    parameters = card.get("modelParameters")
    if parameters:
        group = ET.SubElement(one, "modelParameters")
        for name in ("approach", "task", "architectureFamily", "modelArchitecture", "datasets", "inputs", "outputs"):
            if name == "datasets" and name in parameters:
                datasets = ET.SubElement(group, "datasets")
                for d in parameters["datasets"]:
                    _leaf(datasets, "ref", d["ref"])
            elif name in parameters:
                _value(group, name, parameters[name])
    for name in ("quantitativeAnalysis", "considerations"):
        if name in card:
            _value(one, name, card[name])
    _properties(one, card.get("properties"))
