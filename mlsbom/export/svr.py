"""`svr`: an in-toto statement with the Simple Verification Result predicate v0.2. Its `properties` name only what passed; signable."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from mlsbom.model import Assessment

PREDICATE = "https://in-toto.io/attestation/svr/v0.2"


def render(assessment: Assessment, version: str) -> bytes:
    """The statement as bytes."""
    return bytes(msgspec.json.format(msgspec.json.encode(build(assessment)), indent=1)) + b"\n"


def build(a: Assessment) -> dict[str, Any]:
    """Subject: the digest of the repository's list of files. Policies: the data packs and the profile, by digest and name."""
    properties = ["MLSBOM_GATE_PASSED"] if a.gate.passed and not a.gate.incomplete else []
    if not a.gate.incomplete:
        properties.append("MLSBOM_SCAN_COMPLETE")
    for criterion in sorted({g.criterion for g in a.grades}):
        lowest = min(g.level for g in a.grades if g.criterion == criterion)
        properties += [f"MLSBOM_{criterion.upper().replace('-', '_')}_{n}" for n in range(1, lowest + 1)]
    policies: list[dict[str, Any]] = [{"uri": "mlsbom:signatures", "digest": {"sha256": a.survey.tool.signatures_digest}}]
    if a.profile:
        policies.append({"uri": f"mlsbom:profile:{a.profile}"})
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": a.survey.target.name, "digest": {"sha256": a.survey.target.digest or hashlib.sha256(b"").hexdigest()}}],
        "predicateType": PREDICATE,
        "predicate": {
            "verifier": {"id": "mlsbom", "version": {"mlsbom": a.survey.tool.version}},
            "timeCreated": a.survey.created,
            "policies": policies,
            "properties": sorted(properties),
        },
    }
