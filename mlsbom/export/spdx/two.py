"""SPDX 2.3 as JSON: packages with purls, checksums and relationships; facts without a slot as annotations."""

from __future__ import annotations

import re
import uuid
from typing import Any, Final

from mlsbom.export.cyclonedx.build import NAMESPACE
from mlsbom.export.cyclonedx.values import clean, location, plain, text
from mlsbom.model import Assessment, Component, Kind
from mlsbom.survey.licensing import expression_of, license_ref, name_of, spdx

Tree = dict[str, Any]
PURPOSE: Final = {
    Kind.APPLICATION: "APPLICATION",
    Kind.MODEL: "OTHER",
    Kind.DATASET: "OTHER",
    Kind.PACKAGE: "LIBRARY",
    Kind.CODE: "SOURCE",
    Kind.CONTAINER: "CONTAINER",
    Kind.SERVICE: "OTHER",
    Kind.AGENT_TOOL: "APPLICATION",
    Kind.TOKENIZER: "OTHER",
    Kind.TEMPLATE: "OTHER",
}
EDGES: Final = {
    "contains": "CONTAINS",
    "depends-on": "DEPENDS_ON",
    "derived-from": "DESCENDANT_OF",
    "variant-of": "VARIANT_OF",
    "trained-on": "OTHER",
    "tested-on": "OTHER",
    "source-dataset": "DESCENDANT_OF",
    "loads-code": "DEPENDS_ON",
    "calls": "OTHER",
    "runs-in": "DEPENDS_ON",
}
SCOPED: Final = {"dev": "DEV_DEPENDENCY_OF", "build": "BUILD_DEPENDENCY_OF", "optional": "OPTIONAL_DEPENDENCY_OF"}
CHECKSUMS: Final = {
    "md5": "MD5",
    "sha1": "SHA1",
    "sha256": "SHA256",
    "sha384": "SHA384",
    "sha512": "SHA512",
    "blake2b": "BLAKE2b-512",
    "blake3": "BLAKE3",
}
ANNOTATED: Final = (
    "task",
    "architecture",
    "architecture_family",
    "parameters",
    "dtype",
    "context_length",
    "quantization",
    "input",
    "output",
    "training",
    "training_data",
    "intended_use",
    "limitation",
    "metric",
    "hardware",
    "personal_data",
    "size_category",
    "hyperparameter",
    "endpoint",
)


def build(a: Assessment) -> Tree:
    """The document."""
    custom: dict[str, str] = {}
    ids = {c.ref: "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", c.ref) for c in (a.graph.root, *a.graph.components)}
    unknown: dict[str, list[str]] = {}
    for u in a.graph.unknowns:
        unknown.setdefault(u.ref, []).append(f"{u.field}: {u.reason}" + (f": {u.detail}" if u.detail else ""))
    everything = (a.graph.root, *a.graph.components)
    packages = [_package(c, ids[c.ref], a, custom, unknown.get(c.ref, [])) for c in everything]
    files, held = _files(a, ids)
    relationships: list[Tree] = [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": ids[a.graph.root.ref]}
    ]
    for r in a.graph.relationships:
        comment = "; ".join(w for w in (r.kind, r.relation or "") if w)
        if r.kind == "depends-on" and r.relation in SCOPED:
            relationships.append(
                {
                    "spdxElementId": ids[r.target],
                    "relationshipType": SCOPED[r.relation],
                    "relatedSpdxElement": ids[r.source],
                    "comment": comment,
                }
            )
        else:
            relationships.append(
                {"spdxElementId": ids[r.source], "relationshipType": EDGES[r.kind], "relatedSpdxElement": ids[r.target], "comment": comment}
            )
    relationships += held
    serial = uuid.uuid5(
        NAMESPACE,
        "\0".join(
            (
                "spdx2",
                a.survey.target.digest,
                a.survey.target.name,
                a.survey.tool.version,
                a.survey.tool.signatures_digest,
                a.survey.created,
            )
        ),
    )
    slug = re.sub(r"[^A-Za-z0-9.-]+", "-", a.survey.target.name).strip("-") or "sbom"
    tree: Tree = clean(
        {
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": text(a.survey.target.name) or "sbom",
            "documentNamespace": f"https://spdx.org/spdxdocs/{slug}-{serial}",
            "creationInfo": {
                "created": a.survey.created,
                "creators": [f"Tool: mlsbom-{a.survey.tool.version}"],
                "licenseListVersion": "3.27",
            },
            "packages": [*packages, *files],
            "relationships": relationships,
            "hasExtractedLicensingInfos": [
                {"licenseId": ref, "extractedText": words, "name": words[:200]} for ref, words in sorted(custom.items())
            ],
        }
    )
    return tree


def _license(c: Component, roles: tuple[str, ...], custom: dict[str, str]) -> str:
    rows: dict[str, None] = {}
    for x in c.licenses:
        if x.role not in roles:
            continue
        e = expression_of(x)
        good = spdx(e) if e else None
        if good is None:
            good = license_ref(e or name_of(x))
        for part in re.findall(r"LicenseRef-[A-Za-z0-9.-]+", good):
            custom.setdefault(part, text(name_of(x)) or part)
        rows[good] = None
    parts = sorted(f"({e})" if " " in e and len(rows) > 1 else e for e in rows)
    return " AND ".join(parts) or "NOASSERTION"


def _package(c: Component, where: str, a: Assessment, custom: dict[str, str], unknown: list[str]) -> Tree:
    download = "NOASSERTION"
    if c.hub == "huggingface":
        download = "https://huggingface.co/" + ("datasets/" if c.kind == Kind.DATASET else "") + c.name
    refs: list[Tree] = []
    if c.purl and c.kind != Kind.APPLICATION:
        refs.append({"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": c.purl})
    facts = [f"{v.field}: {plain(v.value)[:1000]}" for name in ANNOTATED for v in c.all(name)[:20]]
    facts += [f"unknown {u}" for u in unknown]
    if c.evidence:
        facts.append(
            "evidence: " + "; ".join(f"{location(s)}" + (f":{s.line}" if s.line else f"#{s.key}" if s.key else "") for s in c.evidence[:20])
        )
    annotator = f"Tool: mlsbom-{a.survey.tool.version}"
    return {
        "SPDXID": where,
        "name": text(c.name) or "unnamed",
        "versionInfo": c.version,
        "supplier": f"Organization: {text(c.supplier)}" if c.supplier else "NOASSERTION",
        "downloadLocation": download,
        "filesAnalyzed": False,
        "primaryPackagePurpose": PURPOSE[c.kind],
        "checksums": [{"algorithm": CHECKSUMS[al], "checksumValue": h} for al, h in c.hashes if al in CHECKSUMS],
        "licenseConcluded": _license(c, ("concluded",), custom),
        "licenseDeclared": _license(c, ("declared",), custom),
        "copyrightText": "NOASSERTION",
        "description": text(c.description or "")[:2000],
        "externalRefs": refs,
        "annotations": [
            {"annotationDate": a.survey.created, "annotationType": "OTHER", "annotator": annotator, "comment": text(f"mlsbom: {f}")}
            for f in [f"kind: {c.kind}", *facts]
        ],
    }


def _files(a: Assessment, ids: dict[str, str]) -> tuple[list[Tree], list[Tree]]:
    """Weights and data files with their digests. A file needs a SHA-1 in 2.3, which is not computed: those are packages of purpose FILE."""
    artifacts = {x.path: x for x in a.survey.artifacts}
    files: list[Tree] = []
    edges: list[Tree] = []
    for c in (a.graph.root, *a.graph.components):
        for n, path in enumerate(c.files):
            x = artifacts.get(path)
            if x is None:
                continue
            where = f"{ids[c.ref]}-file-{n + 1}"
            sums = [{"algorithm": CHECKSUMS[al], "checksumValue": h} for al, h in x.digests if al in CHECKSUMS]
            files.append(
                {
                    "SPDXID": where,
                    "name": text(path),
                    "packageFileName": f"./{text(path)}",
                    "downloadLocation": "NOASSERTION",
                    "filesAnalyzed": False,
                    "primaryPackagePurpose": "FILE",
                    "checksums": sums,
                    "licenseConcluded": "NOASSERTION",
                    "licenseDeclared": "NOASSERTION",
                    "copyrightText": "NOASSERTION",
                    "supplier": "NOASSERTION",
                    "comment": f"format {x.formats[0] if x.formats else 'unknown'}; {x.size} bytes; digest {x.digest_by}",
                }
            )
            edges.append({"spdxElementId": ids[c.ref], "relationshipType": "CONTAINS", "relatedSpdxElement": where})
    return files, edges
