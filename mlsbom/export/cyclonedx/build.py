"""The CycloneDX tree of an assessment, in the key order of the schema. Places of facts: specs of the SBOM, sections 4 to 8."""

from __future__ import annotations

import uuid
from typing import Any, Final

from mlsbom.export.cyclonedx import regime
from mlsbom.export.cyclonedx.component import component, file_components, properties, service
from mlsbom.export.cyclonedx.values import Clean, clean, prop
from mlsbom.export.index import Index
from mlsbom.model import Assessment, Graph, Kind

NAMESPACE: Final = uuid.UUID("6f0c1f1e-6f3b-5d0b-9c59-0d3a3c0a7d51")
"""Namespace of our serial numbers: any fixed UUID would do."""

Tree = dict[str, Any]


def build(a: Assessment, version: str) -> Tree:
    """A CycloneDX document of `version` ("1.5", "1.6", "1.7")."""
    graph, survey = a.graph, a.survey
    index = Index(a)
    edges = _edges(graph)
    serial = uuid.uuid5(
        NAMESPACE,
        "\0".join((survey.target.digest, survey.target.name, survey.tool.version, survey.tool.signatures_digest, survey.created, version)),
    )
    parts = [c for c in graph.components if c.kind != Kind.SERVICE]
    tree: Tree = {
        "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": _metadata(index, version),
        "components": [component(c, index, version) for c in parts],
        "services": [service(c, index, version) for c in graph.components if c.kind == Kind.SERVICE],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(edges.get(ref, ()))} for ref in [graph.root.ref, *(c.ref for c in graph.components)]
        ],
        "compositions": _compositions(a),
    }
    tree["dependencies"] += [Clean(ref=f["bom-ref"], dependsOn=[]) for c in tree["components"] for f in c.get("components", [])]
    regime.apply(tree, index)
    whole: Tree = clean(tree)
    return whole


def _metadata(index: Index, version: str) -> Tree:
    survey = index.assessment.survey
    root = component(index.assessment.graph.root, index, version)
    own = [
        prop("target:digest", f"sha256:{survey.target.digest}"),
        prop("signatures:digest", survey.tool.signatures_digest),
        prop("signatures:date", survey.tool.signatures_date),
        prop("unknown:sbom_author", "not-stated: configured by who runs the tool"),
        prop("unknown:sbom_author_signature", "out-of-scope: a signature is detached, see the bundle beside the document"),
    ]
    return {
        "timestamp": survey.created,
        "lifecycles": [{"phase": "post-build"}],
        "tools": {"components": [{"type": "application", "name": survey.tool.name, "version": survey.tool.version}]},
        "component": root,
        "properties": own,
    }


def _edges(graph: Graph) -> dict[str, set[str]]:
    """All relationships as dependencies, without rings: an edge that closes one is left out here (it stays in pedigree and json)."""
    out: dict[str, set[str]] = {}
    for r in graph.relationships:
        out.setdefault(r.source, set()).add(r.target)
    state: dict[str, int] = {}
    for start in [graph.root.ref, *sorted(out)]:
        if state.get(start):
            continue
        stack: list[tuple[str, list[str]]] = [(start, sorted(out.get(start, ())))]
        state[start] = 1
        while stack:
            at, todo = stack[-1]
            if not todo:
                state[at] = 2
                stack.pop()
                continue
            target = todo.pop(0)
            if state.get(target) == 1:
                out[at].discard(target)
            elif not state.get(target):
                state[target] = 1
                stack.append((target, sorted(out.get(target, ()))))
    return out


def _compositions(a: Assessment) -> list[Tree]:
    """Complete only what was read in full; the rest says that it is not."""
    whole = a.graph.root.ref
    incomplete = a.gate.incomplete or bool(a.graph.unknowns)
    rows: list[Tree] = [{"aggregate": "incomplete" if incomplete else "unknown", "assemblies": [whole], "dependencies": [whole]}]
    services = [c.ref for c in a.graph.components if c.kind == Kind.SERVICE]
    if services:
        rows.append({"aggregate": "unknown", "assemblies": services})
    return rows


__all__ = ["build", "file_components", "properties"]
