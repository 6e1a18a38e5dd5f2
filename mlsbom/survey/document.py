"""The `json` document: the survey whole, and what follows from it, in the form of the machine interface.

`load(dump(a)) == a.survey`: the observed facts stand under `facts`, the artifacts under `artifacts`; all other keys are derived and are
made anew from these when a stored document is asked again.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from mlsbom.errors import UsageError
from mlsbom.model import Artifact, Assessment, Component, Judged, Observed, Source, Status, Survey, Target, ToolInfo

SCHEMA: Final = "mlsbom/assessment/1"
FORM: Final = 1


class _Facts(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    form: int
    created: str = ""
    source: str = "folder"
    name: str = ""
    observed: tuple[Observed, ...] = ()


class _File(msgspec.Struct, kw_only=True):
    path: str
    size: int
    digests: dict[str, str] = {}
    digest_by: str = "computed"
    format: str | None = None
    formats: tuple[str, ...] = ()
    coverage: Status = Status.FULL


class _Tool(msgspec.Struct, kw_only=True):
    name: str
    version: str
    inspectors: dict[str, int] = {}
    signatures: dict[str, str] = {}


class _Target(msgspec.Struct, kw_only=True):
    uri: str
    revision: str | None = None
    digest: str = ""


class _Stored(msgspec.Struct, kw_only=True):
    schema: str
    tool: _Tool
    target: _Target
    artifacts: tuple[_File, ...]
    facts: _Facts


def place_of(s: Source) -> dict[str, Any]:
    """A `where` of the interface."""
    return {"path": s.path, "member": s.member or None, "line": s.line, "offset": s.offset, "key": s.key}


def evidence_of(s: Source) -> dict[str, Any]:
    """An evidence of the interface."""
    return {**place_of(s), "technique": s.technique, "confidence": s.confidence}


def component_row(c: Component) -> dict[str, Any]:
    """A component of the interface, with our own fields behind."""
    return {
        "ref": c.ref,
        "kind": c.kind,
        "name": c.name,
        "version": c.version,
        "purl": c.purl,
        "licenses": [
            {
                "license": x.expression or x.name or x.written,
                "written": x.written,
                "role": x.role,
                "part": x.part or None,
                "origin": x.origin or None,
                "url": x.url,
                "where": place_of(x.source),
            }
            for x in c.licenses
        ],
        "supplier": c.supplier,
        "scope": c.scope,
        "specifiers": [
            {"specifier": s.specifier, "path": s.path, "line": s.line, "resolved": s.resolved, "scope": s.scope} for s in c.specifiers
        ],
        "evidence": [evidence_of(s) for s in c.evidence],
        "description": c.description,
        "primary": c.primary,
        "local": c.local,
        "ecosystem": c.ecosystem,
        "hashes": dict(c.hashes),
        "files": list(c.files),
        "values": [
            {
                "field": v.field,
                "value": v.value,
                "by": v.by,
                "where": place_of(v.source),
                "technique": v.source.technique,
                "confidence": v.source.confidence,
            }
            for v in c.values
        ],
    }


def finding_row(f: Judged) -> dict[str, Any]:
    """A finding of the interface."""
    return {
        "id": f.id,
        "rule": f.rule,
        "severity": f.severity,
        "confidence": f.confidence,
        "subject": f.subject,
        "message": f.message,
        "where": place_of(f.where),
        "evidence": [evidence_of(f.where)],
        "remedy": f.remedy or None,
        "waived_by": f.waived_by,
        "phase": f.phase,
        "data": dict(f.data),
    }


def document(a: Assessment) -> dict[str, Any]:
    """The whole document as plain data; every key is always there."""
    s = a.survey
    return {
        "schema": SCHEMA,
        "tool": {
            "name": s.tool.name,
            "version": s.tool.version,
            "inspectors": dict(s.tool.inspectors),
            "signatures": {"digest": s.tool.signatures_digest, "date": s.tool.signatures_date},
        },
        "target": {"uri": s.target.uri, "revision": s.target.revision, "digest": s.target.digest},
        "profile": a.profile,
        "artifacts": [
            {
                "path": x.path,
                "size": x.size,
                "digests": dict(x.digests),
                "digest_by": x.digest_by,
                "format": x.formats[0] if x.formats else None,
                "formats": x.formats,
                "coverage": x.coverage,
            }
            for x in s.artifacts
        ],
        "components": [component_row(c) for c in (a.graph.root, *a.graph.components)],
        "relationships": [
            {
                "source": r.source,
                "kind": r.kind,
                "target": r.target,
                "relation": r.relation,
                "evidence": [evidence_of(e) for e in r.evidence],
            }
            for r in a.graph.relationships
        ],
        "findings": [finding_row(f) for f in a.findings],
        "coverage": [{"path": p.path, "member": p.member or None, "status": status, "reason": reason} for p, status, reason in a.coverage],
        "unknowns": [
            {"ref": u.ref, "field": u.field, "reason": u.reason, "detail": u.detail or None, "looked_in": u.looked_in}
            for u in a.graph.unknowns
        ],
        "verdicts": list(a.verdicts),
        "lineage": list(a.lineage),
        "grades": [
            {
                "criterion": g.criterion,
                "component": g.component,
                "level": g.level,
                "passed": g.passed,
                "failed": g.failed,
                "not_shown": g.not_shown,
                "waived": g.waived,
                "effective": g.effective,
            }
            for g in a.grades
        ],
        "gate": {"passed": a.gate.passed, "incomplete": a.gate.incomplete, "reasons": a.gate.reasons},
        "notes": a.notes,
        "items": list(a.items),
        "proposals": list(a.proposals),
        "obligations": list(a.obligations),
        "facts": {"form": FORM, "created": s.created, "source": s.target.source, "name": s.target.name, "observed": s.observed},
    }


def dump(a: Assessment) -> bytes:
    """The document as UTF-8 JSON, indented, with a final newline."""
    return bytes(msgspec.json.format(msgspec.json.encode(document(a), enc_hook=str), indent=1)) + b"\n"


def load(raw: bytes, where: str = "document") -> Survey:
    """The survey of a stored document. Raises UsageError for anything that is not one, or is of another schema version."""
    try:
        head = msgspec.json.decode(raw, type=_Stored)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise UsageError(
            f"{where}: is no scan document of this program: {e}", remedy="make one with: mlsbom scan TARGET -o json=FILE"
        ) from e
    if head.schema != SCHEMA or head.facts.form != FORM:
        raise UsageError(
            f"{where}: has the schema {head.schema!r}, form {head.facts.form}; this version reads {SCHEMA!r}, form {FORM}",
            remedy="scan the target again",
        )
    tool = ToolInfo(
        name=head.tool.name,
        version=head.tool.version,
        inspectors=tuple(sorted(head.tool.inspectors.items())),
        signatures_digest=head.tool.signatures.get("digest", ""),
        signatures_date=head.tool.signatures.get("date", ""),
    )
    target = Target(
        uri=head.target.uri, revision=head.target.revision, digest=head.target.digest, name=head.facts.name, source=head.facts.source
    )
    artifacts = tuple(
        Artifact(path=f.path, size=f.size, digests=tuple(f.digests.items()), digest_by=f.digest_by, formats=f.formats, coverage=f.coverage)
        for f in head.artifacts
    )
    return Survey(target=target, tool=tool, artifacts=artifacts, observed=head.facts.observed, created=head.facts.created)
