"""SPDX 3.0.1 JSON-LD. Elements and where each fact goes: specs of the SBOM, section 7.

Profile conformance is claimed for core and software; `ai` and `dataset` also ask for suppliers, versions and times, which are claimed only
where every such element has them.
"""

from __future__ import annotations

import re
import uuid
from typing import Any, Final

from mlsbom.export.cyclonedx.build import NAMESPACE
from mlsbom.export.cyclonedx.values import clean, iri, location, plain, text
from mlsbom.export.index import Index
from mlsbom.model import Assessment, Component, Kind, Relationship
from mlsbom.survey.licensing import as_expression, expression_of, license_ref, name_of, spdx

Tree = dict[str, Any]
CREATION: Final = "_:creation"
TYPES: Final = {Kind.MODEL: "ai_AIPackage", Kind.DATASET: "dataset_DatasetPackage"}
PURPOSE: Final = {
    Kind.APPLICATION: "application",
    Kind.MODEL: "model",
    Kind.DATASET: "data",
    Kind.PACKAGE: "library",
    Kind.CODE: "source",
    Kind.CONTAINER: "container",
    Kind.SERVICE: "other",
    Kind.AGENT_TOOL: "application",
    Kind.TOKENIZER: "configuration",
    Kind.TEMPLATE: "configuration",
}
HASHES: Final = {
    "md5": "md5",
    "sha1": "sha1",
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
    "blake2b": "blake2b512",
    "blake3": "blake3",
}
EDGES: Final = {
    "contains": ("contains", False),
    "depends-on": ("dependsOn", False),
    "derived-from": ("ancestorOf", True),
    "variant-of": ("hasVariant", False),
    "trained-on": ("trainedOn", False),
    "tested-on": ("testedOn", False),
    "source-dataset": ("ancestorOf", True),
    "loads-code": ("dependsOn", False),
    "calls": ("dependsOn", False),
    "runs-in": ("hasHost", False),
}
"""Kind -> (relationship type, whether its ends are swapped)."""


class _Graph:
    def __init__(self, a: Assessment) -> None:
        self.a = a
        self.index = Index(a)
        seed = "\0".join(
            (a.survey.target.digest, a.survey.target.name, a.survey.tool.version, a.survey.tool.signatures_digest, a.survey.created)
        )
        self.base = f"urn:spdx.dev:{uuid.uuid5(NAMESPACE, 'spdx3' + seed)}"
        self.elements: list[Tree] = []
        self.agents: dict[str, str] = {}
        self.licenses: dict[str, str] = {}
        self.count = 0

    def id(self, slug: str) -> str:
        return f"{self.base}:{re.sub(r'[^A-Za-z0-9._-]+', '-', slug)}"

    def add(self, kind: str, slug: str, **fields: Any) -> str:
        where = self.id(slug)
        self.elements.append({"type": kind, "spdxId": where, "creationInfo": CREATION, **fields})
        return where

    def relate(self, kind: str, start: str, to: list[str], **fields: Any) -> None:
        self.count += 1
        self.add("Relationship", f"relationship-{self.count:05d}", relationshipType=kind, **{"from": start, "to": to}, **fields)

    def agent(self, name: str) -> str:
        if name not in self.agents:
            self.agents[name] = self.add("Organization", f"agent-{len(self.agents) + 1:04d}", name=text(name)[:500])
        return self.agents[name]

    def expression(self, expression: str) -> str:
        if expression not in self.licenses:
            self.licenses[expression] = self.add(
                "simplelicensing_LicenseExpression", f"license-{len(self.licenses) + 1:04d}", simplelicensing_licenseExpression=expression
            )
        return self.licenses[expression]


def build(a: Assessment) -> Tree:
    """The JSON-LD document."""
    g = _Graph(a)
    tool_agent = g.add("SoftwareAgent", "agent-tool", name=f"mlsbom-{a.survey.tool.version}")
    tool = g.add("Tool", "tool", name=f"mlsbom-{a.survey.tool.version}")
    ids: dict[str, str] = {}
    unknown: dict[str, list[str]] = {}
    for u in a.graph.unknowns:
        unknown.setdefault(u.ref, []).append(f"{u.field}: {u.reason}" + (f": {u.detail}" if u.detail else ""))
    for c in (a.graph.root, *a.graph.components):
        ids[c.ref] = _component(g, c, unknown.get(c.ref, []))
    for r in a.graph.relationships:
        _relationship(g, r, ids)
    for c in (a.graph.root, *a.graph.components):
        _extras(g, c, ids[c.ref], unknown.get(c.ref, []))
    members = [e["spdxId"] for e in g.elements]
    sbom = g.add("software_Sbom", "sbom", rootElement=[ids[a.graph.root.ref]], element=members, software_sbomType=["analyzed"])
    profiles = ["core", "software", "simpleLicensing"]
    document = g.add(
        "SpdxDocument",
        "document",
        name=text(a.survey.target.name) or "sbom",
        rootElement=[sbom],
        element=[*members, sbom],
        profileConformance=profiles,
        dataLicense=g.expression("CC0-1.0"),
    )
    creation = {
        "type": "CreationInfo",
        "@id": CREATION,
        "specVersion": "3.0.1",
        "created": a.survey.created,
        "createdBy": [tool_agent],
        "createdUsing": [tool],
    }
    last = next(e for e in g.elements if e["spdxId"] == document)
    last["element"] = [e["spdxId"] for e in g.elements if e is not last]
    return clean({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [creation, *g.elements]})  # type: ignore[no-any-return]


def _component(g: _Graph, c: Component, unknown: list[str]) -> str:
    fields: Tree = {
        "name": text(c.name) or "unnamed",
        "description": text(c.description or "")[:2000],
        "verifiedUsing": [{"type": "Hash", "algorithm": HASHES[a], "hashValue": h} for a, h in c.hashes if a in HASHES],
        "software_packageVersion": c.version,
        "software_packageUrl": c.purl if c.kind != Kind.APPLICATION else None,
        "software_primaryPurpose": PURPOSE[c.kind],
        "comment": "; ".join(f"unknown {u}" for u in unknown)[:4000],
    }
    if c.supplier:
        fields["suppliedBy"] = g.agent(c.supplier)
        fields["originatedBy"] = [g.agent(c.supplier)] if c.local else None
    if c.hub == "huggingface":
        fields["software_downloadLocation"] = "https://huggingface.co/" + ("datasets/" if c.kind == Kind.DATASET else "") + c.name
    fields["externalRef"] = _external(c)
    released = c.value("released")
    if isinstance(released, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", released):
        fields["releaseTime"] = released
    elif isinstance(released, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", released):
        fields["releaseTime"] = f"{released}T00:00:00Z"
    if c.kind == Kind.MODEL:
        fields |= _ai(c)
    elif c.kind == Kind.DATASET:
        fields |= _dataset(c)
    return g.add(TYPES.get(c.kind, "software_Package"), c.ref, **fields)


def _external(c: Component) -> list[Tree]:
    rows = [("other", str(v.value)) for v in c.values if v.field == "endpoint" and isinstance(v.value, str) and "://" in v.value]
    rows += [("securityOther", v.source.path) for v in c.values if v.field == "security_policy"]
    rows += [("other", str(v.value.get("url", ""))) for v in c.values if v.field == "url" and isinstance(v.value, dict)]
    unique = dict.fromkeys((k, good) for k, u in rows if (good := iri(u)))
    return [{"type": "ExternalRef", "externalRefType": k, "locator": [u]} for k, u in unique]


def _texts(c: Component, *fields: str) -> list[str]:
    return [plain(v.value)[:2000] for f in fields for v in c.all(f)[:20]]


def _ai(c: Component) -> Tree:
    entries = [
        ("parameters", c.value("parameters")),
        ("dtype", c.value("dtype")),
        ("context_length", c.value("context_length")),
        ("quantization", c.value("quantization")),
    ]
    entries += [
        (str(v.value.get("name")), v.value.get("value"))
        for v in [*c.all("hyperparameter"), *c.all("dimension")][:200]
        if isinstance(v.value, dict)
    ]
    metrics = [
        (str(v.value.get("name") or v.value.get("type")), v.value.get("value")) for v in c.all("metric")[:200] if isinstance(v.value, dict)
    ]
    out: Tree = {
        "ai_typeOfModel": sorted({plain(v) for v in (c.value("architecture"), c.value("architecture_family")) if v}),
        "ai_domain": _texts(c, "task"),
        "ai_hyperparameter": _dictionary(entries),
        "ai_metric": _dictionary(metrics),
        "ai_informationAboutTraining": "\n".join(_texts(c, "training", "training_data", "approach", "hardware")),
        "ai_informationAboutApplication": "\n".join(_texts(c, "intended_use", "io_text", "input", "output")),
        "ai_limitation": "\n".join(_texts(c, "limitation", "out_of_scope", "bias")),
        "ai_modelDataPreprocessing": _texts(c, "preprocessing"),
        "ai_modelExplainability": _texts(c, "explainability"),
        "ai_standardCompliance": _texts(c, "compliance"),
    }
    energy = c.value("energy_kwh")
    if isinstance(energy, (int, float)):
        out["ai_energyConsumption"] = {
            "type": "ai_EnergyConsumption",
            "ai_trainingEnergyConsumption": [
                {"type": "ai_EnergyConsumptionDescription", "ai_energyQuantity": float(energy), "ai_energyUnit": "kilowattHour"}
            ],
        }
    return out


def _dictionary(entries: list[tuple[str, Any]]) -> list[Tree]:
    rows = dict.fromkeys((k, plain(v)) for k, v in entries if v is not None and k)
    return [{"type": "DictionaryEntry", "key": text(k), "value": text(v)[:2000]} for k, v in rows if v != ""]


KINDS_OF_DATA: Final = {
    "text": "text",
    "image": "image",
    "audio": "audio",
    "video": "video",
    "tabular": "structured",
    "time-series": "timeseries",
    "speech": "audio",
    "visual": "image",
    "translation": "text",
    "question": "text",
    "token": "text",
    "fill": "text",
    "summarization": "text",
}


def _dataset(c: Component) -> Tree:
    tasks = [str(v.value).lower() for v in c.all("task_category")]
    kinds = sorted({kind for t in tasks for word, kind in KINDS_OF_DATA.items() if t.startswith(word)})
    size = c.value("bytes")
    personal = _texts(c, "personal_data")
    return {
        "dataset_datasetType": kinds or ["noAssertion"],
        "dataset_datasetSize": size if isinstance(size, int) and size >= 0 else None,
        "dataset_dataCollectionProcess": "\n".join(_texts(c, "collection", "annotations")),
        "dataset_intendedUse": "\n".join(_texts(c, "intended_use")),
        "dataset_knownBias": _texts(c, "bias"),
        "dataset_hasSensitivePersonalInformation": "noAssertion",
        "dataset_sensor": None,
        "dataset_anonymizationMethodUsed": None,
        "dataset_datasetNoise": None,
        "summary": "\n".join([*personal, *(f"size category {v}" for v in _texts(c, "size_category"))])[:2000],
    }


def _relationship(g: _Graph, r: Relationship, ids: dict[str, str]) -> None:
    kind, swapped = EDGES[r.kind]
    start, to = (ids[r.target], ids[r.source]) if swapped else (ids[r.source], ids[r.target])
    places = ", ".join(f"{location(e)}:{e.line}" if e.line else location(e) for e in r.evidence[:10])
    words = [
        w
        for w in (
            r.kind if EDGES[r.kind][0].lower() != r.kind.replace("-", "") else "",
            r.relation or "",
            f"stated at {places}" if places else "",
        )
        if w
    ]
    if r.kind == "depends-on" and r.relation == "optional":
        kind = "hasOptionalDependency"
    if r.kind == "depends-on" and r.relation in ("dev", "build", "runtime"):
        g.count += 1
        scope = {"dev": "development", "build": "build", "runtime": "runtime"}[r.relation]
        g.add(
            "LifecycleScopedRelationship",
            f"relationship-{g.count:05d}",
            relationshipType=kind,
            **{"from": start, "to": [to]},
            scope=scope,
            comment=text("; ".join(words)),
        )
        return
    g.relate(kind, start, [to], comment=text("; ".join(words)))


def _extras(g: _Graph, c: Component, where: str, unknown: list[str]) -> None:
    """Files, licences and evidence of a component."""
    files: list[str] = []
    for path in c.files:
        x = g.index.artifacts.get(path)
        if x is not None:
            files.append(
                g.add(
                    "software_File",
                    f"file-{c.ref.rsplit(':', 1)[-1]}-{len(files) + 1:05d}",
                    name=text(path),
                    verifiedUsing=[{"type": "Hash", "algorithm": HASHES[al], "hashValue": h} for al, h in x.digests if al in HASHES],
                    software_primaryPurpose="model" if c.kind == Kind.MODEL else "data",
                    comment=f"format {x.formats[0] if x.formats else 'unknown'}; {x.size} bytes; digest {x.digest_by}; read: {x.coverage}",
                )
            )
    if files:
        g.relate("hasDistributionArtifact", where, files)
    declared = sorted({expression_of(x) or license_ref(name_of(x)) for x in c.licenses if x.role == "declared"})
    for e in declared:
        g.relate("hasDeclaredLicense", where, [g.expression(spdx(e) or license_ref(e))])
    concluded = as_expression(c)
    if concluded and any(x.role == "concluded" for x in c.licenses):
        g.relate("hasConcludedLicense", where, [g.expression(concluded)])
    if c.evidence:
        places = "; ".join(
            f"{location(s)}" + (f":{s.line}" if s.line else f"#{s.key}" if s.key else "") + f" ({s.technique}, {s.confidence:g})"
            for s in c.evidence[:20]
        )
        g.count += 1
        g.add("Annotation", f"annotation-{g.count:05d}", annotationType="other", subject=where, statement=text(f"evidence: {places}"))
