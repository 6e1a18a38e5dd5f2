"""From one document to the rows of the store: our own scans (with or without facts), CycloneDX and SPDX of others."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from mlsbom.errors import UsageError
from mlsbom.packages.names import normalise

MOST_COMPONENTS: Final = 1_000_000
Row = tuple[Any, ...]
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "file": ("target", "path", "sha256"),
    "component": ("target", "kind", "name", "lower", "version", "purl", "license", "how", "supplier", "path", "line"),
    "license": ("target", "id", "component", "path", "line"),
    "mark": ("target", "kind", "text", "path", "line"),
    "signature": ("target", "verdict", "signer", "path"),
    "gap": ("target", "path", "status", "reason"),
}


@dataclass(slots=True)
class Rows:
    """One target. `dependencies`: (ecosystem, name, version, specifier, path, line, via, scope). `tables`: rows without the target's number."""

    uri: str
    sha256: bytes
    head: dict[str, Any]
    dependencies: list[Row] = field(default_factory=list)
    tables: dict[str, list[Row]] = field(default_factory=lambda: {t: [] for t in COLUMNS})
    findings: list[str] = field(default_factory=list)
    document: bytes | None = None


def documents(raw: bytes, where: str) -> Iterator[Rows]:
    """The targets of a file: one JSON document, or one a line. Raises UsageError naming what is broken."""
    lines = [raw]
    if where.endswith((".jsonl", ".jsonl.gz")):
        lines = [line for line in raw.splitlines() if line.strip()]
    for line in lines:
        try:
            doc = json.loads(line)
        except (ValueError, RecursionError) as e:
            raise UsageError(f"{where}: is no JSON: {str(e)[:120]}", remedy="is it half-written? results are renamed when whole") from e
        if not isinstance(doc, dict):
            raise UsageError(f"{where}: is no document")
        try:
            yield one(doc, line, where)
        except (KeyError, TypeError, AttributeError, ValueError) as e:
            raise UsageError(f"{where}: has another shape than its format: {type(e).__name__}: {str(e)[:120]}") from e


def one(doc: dict[str, Any], raw: bytes, where: str) -> Rows:
    """The rows of one document, by its kind."""
    if isinstance(doc.get("target"), dict) and "artifacts" in doc:
        return _scan(doc, raw)
    if doc.get("bomFormat") == "CycloneDX":
        return _cyclonedx(doc, raw, where)
    if "spdxVersion" in doc or "@graph" in doc:
        return _spdx(doc, raw, where)
    raise UsageError(f"{where}: is neither a scan of ours nor CycloneDX nor SPDX")


def _text(value: Any) -> str | None:
    """Text that every database takes: no NUL, no lone surrogate."""
    if value is None:
        return None
    return str(value).replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _scan(doc: dict[str, Any], raw: bytes) -> Rows:
    tool, gate = doc.get("tool") or {}, doc.get("gate") or {}
    signatures = tool.get("signatures") or {}
    target = doc["target"]
    facts = doc.get("facts")
    rows = Rows(
        uri=_text(target["uri"]) or "",
        sha256=hashlib.sha256(raw).digest(),
        head={
            "name": _text((facts or {}).get("name") or str(target["uri"]).rstrip("/").rsplit("/", 1)[-1]),
            "revision": _text(target.get("revision")),
            "digest": _text(target.get("digest")),
            "created": _text((facts or {}).get("created")),
            "tool": _text(tool.get("version")),
            "packs": signatures.get("digest"),
            "packs_date": signatures.get("date"),
            "passed": int(bool(gate.get("passed", True))),
            "incomplete": int(any(c.get("status") in ("partial", "failed") for c in doc.get("coverage") or [])),
            "source": "mlsbom",
        },
    )
    if isinstance(facts, dict) and facts.get("observed") is not None:
        rows.document = zlib.compress(raw, 6)
    rows.findings = sorted(str(f.get("id")) for f in doc.get("findings") or [] if f.get("id"))
    for a in doc["artifacts"]:
        digest = (a.get("digests") or {}).get("sha256")
        rows.tables["file"].append((_text(a.get("path")), bytes.fromhex(digest) if digest else None))
    components = doc.get("components") or []
    names = {c.get("ref"): str(c.get("name") or "") for c in components}
    how: dict[str, str] = {}
    via: dict[str, str] = {}
    for r in doc.get("relationships") or []:
        how.setdefault(r.get("target"), str(r.get("kind")))
        if r.get("kind") == "depends-on" and str(r.get("source", "")).startswith("package:"):
            via.setdefault(r.get("target"), names.get(r.get("source"), ""))
    for c in components[:MOST_COMPONENTS]:
        _component(rows, c, how, via)
    for c in doc.get("coverage") or []:
        if c.get("status") in ("partial", "failed"):
            rows.tables["gap"].append((_text(c.get("path")), c.get("status"), _text(c.get("reason"))))
    for v in doc.get("verdicts") or []:
        rows.tables["signature"].append(
            (str(v.get("verdict")), _text(json.dumps(v.get("signer"), ensure_ascii=False)), _text(v.get("target")))
        )
    for o in (facts or {}).get("observed") or []:
        fact = o.get("fact") or {}
        if fact.get("fact") == "mark":
            rows.tables["mark"].append(
                (
                    fact.get("kind"),
                    _text(fact.get("text")),
                    _text((o.get("place") or {}).get("path")),
                    (fact.get("evidence") or {}).get("line"),
                )
            )
    return rows


def _component(rows: Rows, c: dict[str, Any], how: dict[str, str], via: dict[str, str]) -> None:
    name, kind, purl = _text(c.get("name")) or "", str(c.get("kind")), _text(c.get("purl"))
    first = next(iter(c.get("evidence") or []), None)
    place = (_text(first.get("path")), first.get("line")) if isinstance(first, dict) else (None, None)
    if kind == "package":
        ecosystem = str(c.get("ecosystem") or _type(purl) or "pypi")
        key = str(normalise(name, ecosystem)) if name else ""
        specifiers = c.get("specifiers") or [{"specifier": "", "path": place[0], "line": place[1], "resolved": c.get("version")}]
        for s in specifiers:
            rows.dependencies.append(
                (
                    ecosystem,
                    key,
                    _text(s.get("resolved")),
                    _text(s.get("specifier")),
                    _text(s.get("path")),
                    s.get("line"),
                    via.get(c.get("ref", "")),
                    _text(s.get("scope") or c.get("scope")),
                )
            )
    licenses = sorted({str(x.get("license") if isinstance(x, dict) else x) for x in c.get("licenses") or []})
    rows.tables["component"].append(
        (
            kind,
            name,
            name.lower(),
            _text(c.get("version")),
            purl,
            _text(" AND ".join(licenses)) or None,
            how.get(c.get("ref", "")),
            _text(c.get("supplier")),
            *place,
        )
    )
    for x in licenses:
        rows.tables["license"].append((_text(x.lower()), name, *place))


def _type(purl: str | None) -> str | None:
    kind = purl[4:].split("/", 1)[0] if purl and purl.startswith("pkg:") else None
    return {"github": "github-actions"}.get(kind or "", kind)


def _foreign(uri: str, raw: bytes, created: Any, tool: str) -> Rows:
    return Rows(
        uri=uri,
        sha256=hashlib.sha256(raw).digest(),
        head={
            "name": uri.rsplit("/", 1)[-1],
            "revision": None,
            "digest": None,
            "created": _text(created),
            "tool": tool,
            "packs": None,
            "packs_date": None,
            "passed": 1,
            "incomplete": 0,
            "source": tool,
        },
    )


KINDS: Final = {
    "machine-learning-model": "model",
    "data": "dataset",
    "container": "container",
    "library": "package",
    "framework": "package",
}


def _cyclonedx(doc: dict[str, Any], raw: bytes, where: str) -> Rows:
    metadata = doc.get("metadata") or {}
    root = metadata.get("component") or {}
    rows = _foreign(str(root.get("purl") or root.get("name") or where), raw, metadata.get("timestamp"), "cyclonedx")
    todo = list(doc.get("components") or [])
    while todo and len(rows.tables["component"]) < MOST_COMPONENTS:
        c = todo.pop()
        if not isinstance(c, dict):
            continue
        todo.extend(c.get("components") or [])
        kind = KINDS.get(str(c.get("type")), str(c.get("type")))
        occurrence = next(iter((c.get("evidence") or {}).get("occurrences") or []), {})
        place = {"path": occurrence.get("location") or where, "line": occurrence.get("line")}
        version = c.get("version")
        licenses = [
            str(x.get("expression") or (x.get("license") or {}).get("id") or (x.get("license") or {}).get("name"))
            for x in c.get("licenses") or []
        ]
        name = f"{c['group']}/{c.get('name')}" if c.get("group") else c.get("name")
        _component(
            rows,
            {
                "kind": kind,
                "name": name,
                "version": version,
                "purl": c.get("purl"),
                "licenses": licenses,
                "evidence": [place],
                "supplier": (c.get("supplier") or {}).get("name"),
                "specifiers": [{"specifier": "", "resolved": version, **place}],
            },
            {},
            {},
        )
        for h in c.get("hashes") or []:
            if h.get("alg") == "SHA-256":
                rows.tables["file"].append((_text(name), bytes.fromhex(str(h.get("content")))))
    return rows


def _spdx(doc: dict[str, Any], raw: bytes, where: str) -> Rows:
    three = "@graph" in doc
    packages = [e for e in doc["@graph"] if "Package" in str(e.get("type"))] if three else doc.get("packages") or []
    name = (
        next((str(e.get("name")) for e in doc["@graph"] if e.get("type") == "SpdxDocument"), where)
        if three
        else str(doc.get("name") or where)
    )
    rows = _foreign(name, raw, None if three else (doc.get("creationInfo") or {}).get("created"), "spdx")
    for p in packages[:MOST_COMPONENTS]:
        version = p.get("software_packageVersion") if three else p.get("versionInfo")
        purl = (
            p.get("software_packageUrl")
            if three
            else next((r.get("referenceLocator") for r in p.get("externalRefs") or [] if r.get("referenceType") == "purl"), None)
        )
        kind = {"ai_AIPackage": "model", "dataset_DatasetPackage": "dataset"}.get(str(p.get("type")), "package" if purl else "other")
        licenses = (
            [] if three else [x for x in (p.get("licenseConcluded"), p.get("licenseDeclared")) if x not in (None, "NOASSERTION", "NONE")]
        )
        _component(
            rows,
            {
                "kind": kind,
                "name": p.get("name"),
                "version": version,
                "purl": purl,
                "licenses": licenses,
                "evidence": [{"path": where, "line": None}],
                "specifiers": [{"specifier": "", "resolved": version, "path": where, "line": None}],
            },
            {},
            {},
        )
        for h in (p.get("verifiedUsing") if three else p.get("checksums")) or []:
            if str(h.get("algorithm")).lower().replace("-", "") == "sha256":
                rows.tables["file"].append((_text(p.get("name")), bytes.fromhex(str(h.get("hashValue") or h.get("checksumValue")))))
    return rows
