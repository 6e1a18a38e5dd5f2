"""Documents in, rows out: our own scans, with or without facts; other forms go to `foreign`. Only what the store needs is decoded."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from mlsbom.errors import UsageError
from mlsbom.store import foreign
from mlsbom.store.components import Component, Where, add
from mlsbom.store.rows import MOST_COMPONENTS, Head, Rows, digest, packed, short, text

CHAIN = 12
"""Packages named in one path of dependence."""


class _Edge(msgspec.Struct):
    source: str
    kind: str
    target: str
    relation: str | None = None


class _File(msgspec.Struct):
    path: str | None = None
    digests: dict[str, str | None] | None = None
    format: str | None = None


class _Finding(msgspec.Struct):
    id: str = ""
    rule: str = ""
    severity: str = ""
    subject: str = ""


class _Gap(msgspec.Struct):
    path: str | None = None
    member: str | None = None
    status: str = ""
    reason: str | None = None


class _Lineage(msgspec.Struct):
    reference: str = ""
    suspect: str = ""
    verdict: str = ""
    log10_p: Any = None


class _Fact(msgspec.Struct):
    """The fields of the facts that the store keeps: marks, digests of members, fingerprints."""

    fact: str = ""
    kind: str | None = None
    text: str | None = None
    sha256: str | None = None
    content: str | None = None
    format: str | None = None
    evidence: Where | None = None


class _Observed(msgspec.Struct):
    fact: _Fact
    place: Where = Where()


class _Facts(msgspec.Struct):
    name: str | None = None
    created: str | None = None
    observed: list[_Observed] | None = None


class _Tool(msgspec.Struct):
    version: str | None = None
    signatures: dict[str, str | None] | None = None


class _Target(msgspec.Struct):
    uri: str
    revision: str | None = None
    digest: str | None = None


class _Gate(msgspec.Struct):
    passed: bool = True


class _Scan(msgspec.Struct):
    target: _Target
    artifacts: list[_File]
    tool: _Tool | None = None
    gate: _Gate | None = None
    facts: _Facts | None = None
    components: list[Component] | None = None
    relationships: list[_Edge] | None = None
    findings: list[_Finding] | None = None
    coverage: list[_Gap] | None = None
    verdicts: list[dict[str, Any]] | None = None
    lineage: list[_Lineage] | None = None


class _Kind(msgspec.Struct):
    """Enough to tell what a document is."""

    target: msgspec.Raw = msgspec.Raw(b"")
    artifacts: msgspec.Raw = msgspec.Raw(b"")
    bom: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="bomFormat")
    spdx: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="spdxVersion")
    graph: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="@graph")


_KIND = msgspec.json.Decoder(_Kind)
_SCAN = msgspec.json.Decoder(_Scan)


def one(raw: bytes, where: str) -> Rows:
    """The rows of one document. Raises UsageError naming what is broken."""
    try:
        kind = _KIND.decode(raw)
        if bytes(kind.target)[:1] == b"{" and kind.artifacts:
            return _scan(_SCAN.decode(raw), raw)
        if kind.bom or kind.spdx or kind.graph:
            return foreign.rows(msgspec.json.decode(raw), raw, where, cyclonedx=bool(kind.bom))
    except msgspec.ValidationError as e:
        raise UsageError(f"{where}: has another shape than its format: {str(e)[:160]}", remedy="make it again, or name its maker") from e
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise UsageError(f"{where}: is no JSON: {str(e)[:120]}", remedy="is it half-written? results are renamed when whole") from e
    raise UsageError(f"{where}: is neither a scan of ours nor CycloneDX nor SPDX")


def _scan(doc: _Scan, raw: bytes) -> Rows:
    facts, tool = doc.facts or _Facts(), doc.tool or _Tool()
    signatures = tool.signatures or {}
    unread = [c for c in doc.coverage or () if c.status in ("partial", "failed")]
    rows = Rows(
        uri=text(doc.target.uri) or "",
        sha256=hashlib.sha256(raw).digest(),
        head=Head(
            name=text(facts.name or doc.target.uri.rstrip("/").rsplit("/", 1)[-1]),
            revision=text(doc.target.revision),
            digest=text(doc.target.digest),
            created=text(facts.created),
            tool=text(tool.version),
            packs=text(signatures.get("digest")) or "",
            packs_date=text(signatures.get("date")),
            passed=int((doc.gate or _Gate()).passed),
            incomplete=int(bool(unread)),
            source="mlsbom",
        ),
        findings=[(f.id, f.rule, f.severity, text(f.subject) or "") for f in doc.findings or () if f.id],
        document=packed(raw) if facts.observed is not None else None,
    )
    tables = rows.tables
    tables["file"] = [(text(a.path), a.format, digest((a.digests or {}).get("sha256"))) for a in doc.artifacts]
    tables["gap"] = [(_joined(c), c.status, text(c.reason)) for c in unread]
    tables["signature"] = [
        (str(v.get("verdict")), text(msgspec.json.encode(v.get("signer")).decode()), text(v.get("target"))) for v in doc.verdicts or ()
    ]
    tables["lineage"] = [
        ("reference", short(x.reference), text(x.reference), x.verdict, text(x.log10_p), text(x.suspect)) for x in doc.lineage or ()
    ]
    _components(rows, doc)
    _facts(rows, facts)
    return rows


def _joined(place: Where | _Gap) -> str | None:
    return text(f"{place.path}!/{place.member}" if place.member else place.path)


def _facts(rows: Rows, facts: _Facts) -> None:
    for o in facts.observed or ():
        fact = o.fact
        if fact.fact == "mark":
            rows.tables["mark"].append(("mark", short(fact.text), fact.kind, _joined(o.place), (fact.evidence or Where()).line))
        elif fact.fact == "member":
            rows.tables["file"].append((_joined(o.place), fact.format, digest(fact.sha256)))
        elif fact.fact == "fingerprint" and fact.content:
            rows.tables["file"].append((_joined(o.place), "fingerprint", hashlib.sha256(fact.content.encode()).digest()))


def _components(rows: Rows, doc: _Scan) -> None:
    components = (doc.components or [])[:MOST_COMPONENTS]
    names = {c.ref: c.name or "" for c in components}
    packages = {c.ref for c in components if c.kind == "package"}
    how: dict[str, str] = {}
    parents: dict[str, str] = {}
    for edge in doc.relationships or ():
        if edge.source in packages and edge.kind == "depends-on":
            parents.setdefault(edge.target, edge.source)
        how.setdefault(edge.target, f"{edge.kind} ({edge.relation})" if edge.relation else edge.kind)
    for c in components:
        add(rows, c, how.get(c.ref), _chain(c.ref, parents, names) if parents else None)


def _chain(ref: str, parents: dict[str, str], names: dict[str, str]) -> str | None:
    """The packages by way of which one is asked for, outermost first: `litellm > openai`."""
    out: list[str] = []
    seen = {ref}
    while (ref := parents.get(ref, "")) and ref not in seen and len(out) < CHAIN:
        seen.add(ref)
        out.append(names.get(ref, ref))
    return text(" > ".join(reversed(out))) or None
