"""`openvex` 0.2.0: what the scan says of vulnerabilities and poisoned releases, a statement an advisory and product. Never in the SBOM."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from mlsbom.export.cyclonedx.values import clean, text
from mlsbom.model import Assessment, Component, Judged

Tree = dict[str, Any]
STATUS = {
    "PACKAGE-AFFECTED": "affected",
    "PACKAGE-MALICIOUS": "affected",
    "PACKAGE-VULNERABLE": "affected",
    "PACKAGE-POSSIBLY-AFFECTED": "under_investigation",
}


def render(assessment: Assessment, version: str) -> bytes:
    """The document as bytes."""
    return bytes(msgspec.json.format(msgspec.json.encode(build(assessment)), indent=1)) + b"\n"


def build(a: Assessment) -> Tree:
    """Statements for findings that name an advisory. A status of a VEX input is passed on."""
    by_name: dict[str, list[Component]] = {}
    for c in a.graph.components:
        for name in c.names:
            by_name.setdefault(name, []).append(c)
    statements = []
    for f in a.findings:
        for advisory in advisories(f):
            products = [c.purl for c in by_name.get(f.subject, []) if c.purl] or [f"pkg:generic/{f.subject}"]
            given = f.waived_by.removeprefix("vex: ") if f.waived_by and f.waived_by.startswith("vex: ") else None
            statements.append(_statement(f, advisory, products, given))
    body: Tree = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": f"mlsbom-{a.survey.tool.version}",
        "role": "Document Creator",
        "timestamp": a.survey.created,
        "version": 1,
        "tooling": f"mlsbom {a.survey.tool.version}, data packs {a.survey.tool.signatures_date}",
        "statements": sorted(statements, key=lambda s: (s["vulnerability"]["name"], s["products"][0]["@id"])),
    }
    seed = msgspec.json.encode([body, a.survey.target.digest])
    whole: Tree = clean({"@context": body.pop("@context"), "@id": f"urn:mlsbom:vex:{hashlib.sha256(seed).hexdigest()[:32]}", **body})
    whole.setdefault("statements", [])
    return whole


def advisories(f: Judged) -> list[str]:
    """The advisories that a finding names."""
    data = dict(f.data)
    found = [i for key in ("advisory", "advisories") for i in data.get(key, "").replace(",", " ").split()]
    return list(dict.fromkeys(found))


def _statement(f: Judged, advisory: str, products: list[str], given: str | None) -> Tree:
    status = given or STATUS.get(f.rule, "under_investigation")
    out: Tree = {
        "vulnerability": {"name": advisory},
        "products": [{"@id": p} for p in sorted(set(products))],
        "status": status,
        "status_notes": text(f.message),
    }
    if status == "affected":
        out["action_statement"] = f.remedy or "Remove or replace this release."
    if status == "not_affected":
        out["impact_statement"] = "as stated by the VEX document that was given to the scan"
    return out
