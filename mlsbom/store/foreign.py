"""CycloneDX and SPDX documents of other tools. They are often not valid: what cannot be read is a gap of its own, the rest is taken in.

The document is kept whole, so that nothing of it (model cards, annotations) is lost; components, models, data sets, licences, hashes and
paths of dependence become rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.store.components import Component, Specifier, Where, add
from mlsbom.store.rows import MOST_COMPONENTS, Head, Rows, digest, packed, text

KINDS: Final = {
    "machine-learning-model": "model",
    "data": "dataset",
    "container": "container",
    "application": "application",
    "library": "package",
    "framework": "package",
}
DEEPEST: Final = 60


def rows(doc: Any, raw: bytes, where: str, *, cyclonedx: bool) -> Rows:
    """The rows of a decoded document."""
    out = (_cyclonedx if cyclonedx else _spdx3 if "@graph" in doc else _spdx2)(doc, raw, where)
    out.document = packed(raw)
    if out.tables["gap"]:
        out.head = out.head._replace(incomplete=1)
    return out


def _rows(name: str, serial: Any, raw: bytes, where: str, created: Any, form: str, purl: Any = None) -> Rows:
    """A product is known by its package URL, else by its name and the serial of the document: two vendors may both say `app`."""
    uri = purl if isinstance(purl, str) and purl else f"{name or where} ({serial or where})"
    return Rows(
        uri=text(uri) or where,
        sha256=hashlib.sha256(raw).digest(),
        head=Head(
            name=text(name or where),
            revision=None,
            digest=None,
            created=text(created) if isinstance(created, str) else None,
            tool=form,
            packs="",
            packs_date=None,
            passed=1,
            incomplete=0,
            source=form,
        ),
    )


def _objects(out: Rows, value: Any, what: str) -> Iterator[dict[str, Any]]:
    """The objects of a list; anything else in its place is a gap."""
    if value is not None and not isinstance(value, list):
        out.tables["gap"].append((what, "failed", "is no list"))
        return
    for n, item in enumerate(value or ()):
        if isinstance(item, dict):
            yield item
        else:
            out.tables["gap"].append((f"{what}[{n}]", "failed", "is no object"))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and abs(value) < 1 << 62 else None


def _hash(out: Rows, name: str | None, value: Any) -> None:
    if found := digest(value):
        out.tables["file"].append((text(name), None, found))
    else:
        out.tables["gap"].append((text(name), "partial", "a SHA-256 that is none"))


def _put(
    out: Rows,
    where: str,
    *,
    name: Any,
    kind: str,
    version: Any,
    purl: Any,
    licenses: list[str],
    how: str | None = None,
    via: str | None = None,
    supplier: Any = None,
    line: int | None = None,
    path: str | None = None,
) -> None:
    """One component; without a name it is a gap."""
    if not isinstance(name, str) or not name:
        out.tables["gap"].append((where, "partial", "a component without a name"))
        return
    version, at = _string(version), Where(path=path or where, line=line)
    made = Component(
        kind=kind,
        name=name,
        version=version,
        purl=_string(purl),
        licenses=[*licenses],
        supplier=_string(supplier),
        evidence=[at],
        specifiers=[Specifier(specifier="", resolved=version, path=at.path, line=line)],
    )
    add(out, made, how, via)


# --- CycloneDX ---------------------------------------------------------------------------------------------------------------------


def _cyclonedx(doc: dict[str, Any], raw: bytes, where: str) -> Rows:
    metadata = _object(doc.get("metadata"))
    root = _object(metadata.get("component"))
    name = _string(root.get("name")) or ""
    out = _rows(name, doc.get("serialNumber"), raw, where, metadata.get("timestamp"), "cyclonedx", root.get("purl"))
    parents, names = _edges(out, doc), _names(out, doc)
    root_ref = _string(root.get("bom-ref"))
    todo = [(c, 0) for c in [*([root] if root else []), *_objects(out, doc.get("components"), "components")]]
    todo.reverse()
    count = 0
    while todo and count < MOST_COMPONENTS:
        c, depth = todo.pop()
        count += 1
        if depth < DEEPEST:
            todo.extend((x, depth + 1) for x in _objects(out, c.get("components"), "components"))
        _one(out, c, where, via=_way(_string(c.get("bom-ref")), parents, names, root_ref), is_root=c is root)
    for s in _objects(out, doc.get("services"), "services"):
        endpoints = s.get("endpoints")
        for url in endpoints if isinstance(endpoints, list) and endpoints else [s.get("name")]:
            host = str(url).split("://", 1)[-1].split("/", 1)[0]
            supplier = _object(s.get("provider")).get("name")
            _put(out, where, name=host, kind="service", version=s.get("version"), purl=None, licenses=[], supplier=supplier)
    return out


def _one(out: Rows, c: dict[str, Any], where: str, via: str | None, is_root: bool) -> None:
    occurrences = _object(c.get("evidence")).get("occurrences")
    place = _object(occurrences[0]) if isinstance(occurrences, list) and occurrences else {}
    name = f"{c['group']}/{c.get('name')}" if c.get("group") and c.get("name") else c.get("name")
    kind = KINDS.get(str(c.get("type")), str(c.get("type")))
    licenses = []
    for entry in _objects(out, c.get("licenses"), f"licenses of {name}"):
        written = entry.get("expression") or _object(entry.get("license")).get("id") or _object(entry.get("license")).get("name")
        licenses += [written] if isinstance(written, str) else []
    _put(
        out,
        where,
        name=name,
        kind="application" if is_root and kind == "package" else kind,
        version=c.get("version"),
        purl=c.get("purl"),
        licenses=licenses,
        supplier=_object(c.get("supplier")).get("name"),
        via=via,
        path=_string(place.get("location")),
        line=_number(place.get("line")),
    )
    for h in _objects(out, c.get("hashes"), f"hashes of {name}"):
        if h.get("alg") == "SHA-256":
            _hash(out, _string(name), h.get("content"))
    for old in _objects(out, _object(c.get("pedigree")).get("ancestors"), f"ancestors of {name}"):
        version, purl = old.get("version"), old.get("purl")
        _put(out, where, name=old.get("name"), kind="model", version=version, purl=purl, licenses=[], how=f"ancestor of {name}")
    for data in _objects(out, _object(_object(c.get("modelCard")).get("modelParameters")).get("datasets"), f"data sets of {name}"):
        if data.get("name"):
            _put(out, where, name=data["name"], kind="dataset", version=None, purl=None, licenses=[], how=f"data of {name}")


def _edges(out: Rows, doc: dict[str, Any]) -> dict[str, str]:
    """child -> the first parent that is named."""
    parents: dict[str, str] = {}
    for d in _objects(out, doc.get("dependencies"), "dependencies"):
        children = d.get("dependsOn")
        for child in children if isinstance(children, list) else ():
            if isinstance(child, str) and isinstance(d.get("ref"), str):
                parents.setdefault(child, d["ref"])
    return parents


def _names(out: Rows, doc: dict[str, Any]) -> dict[str, str]:
    quiet = Rows(uri="", sha256=b"", head=out.head)
    return {str(c["bom-ref"]): str(c.get("name")) for c in _objects(quiet, doc.get("components"), "") if c.get("bom-ref")}


def _way(ref: str | None, parents: dict[str, str], names: dict[str, str], root: str | None) -> str | None:
    way: list[str] = []
    seen = {ref}
    while ref and (ref := parents.get(ref)) and ref != root and ref not in seen and len(way) < DEEPEST // 5:
        seen.add(ref)
        way.append(names.get(ref, ref))
    return " > ".join(reversed(way)) or None


# --- SPDX --------------------------------------------------------------------------------------------------------------------------


def _spdx2(doc: dict[str, Any], raw: bytes, where: str) -> Rows:
    created = _object(doc.get("creationInfo")).get("created")
    out = _rows(_string(doc.get("name")) or "", doc.get("documentNamespace"), raw, where, created, "spdx")
    for n, p in enumerate(_objects(out, doc.get("packages"), "packages")):
        if n >= MOST_COMPONENTS:
            break
        references = _objects(out, p.get("externalRefs"), "externalRefs")
        purls = [r.get("referenceLocator") for r in references if r.get("referenceType") == "purl"]
        licenses = [str(x) for x in (p.get("licenseConcluded"), p.get("licenseDeclared")) if x not in (None, "NOASSERTION", "NONE")]
        purl = purls[0] if purls else None
        kind = _kind(purl, p.get("primaryPackagePurpose"))
        _put(out, where, name=p.get("name"), kind=kind, version=p.get("versionInfo"), purl=purl, licenses=licenses)
        for h in _objects(out, p.get("checksums"), "checksums"):
            if h.get("algorithm") == "SHA256":
                _hash(out, _string(p.get("name")), h.get("checksumValue"))
    return out


def _spdx3(doc: dict[str, Any], raw: bytes, where: str) -> Rows:
    probe = _rows("", None, raw, where, None, "spdx")
    graph = list(_objects(probe, doc.get("@graph"), "@graph"))
    head = next((e for e in graph if e.get("type") == "SpdxDocument"), {})
    created = next((e.get("created") for e in graph if e.get("type") == "CreationInfo"), None)
    out = _rows(_string(head.get("name")) or "", head.get("spdxId"), raw, where, created, "spdx")
    out.tables["gap"] += probe.tables["gap"]
    ids = {str(e.get("spdxId")): e for e in graph}
    licenses = _spdx3_licenses(graph, ids)
    for e in graph[:MOST_COMPONENTS]:
        kind = str(e.get("type"))
        if "Package" not in kind and kind != "software_File":
            continue
        purl = e.get("software_packageUrl")
        if kind != "software_File":
            made = {"ai_AIPackage": "model", "dataset_DatasetPackage": "dataset"}.get(kind) or _kind(purl, e.get("software_primaryPurpose"))
            found = licenses.get(str(e.get("spdxId")), [])
            _put(out, where, name=e.get("name"), kind=made, version=e.get("software_packageVersion"), purl=purl, licenses=found)
        for h in _objects(out, e.get("verifiedUsing"), "verifiedUsing"):
            if h.get("algorithm") == "sha256":
                _hash(out, _string(e.get("name")), h.get("hashValue"))
    return out


def _spdx3_licenses(graph: list[dict[str, Any]], ids: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for e in graph:
        if e.get("type") == "Relationship" and e.get("relationshipType") in ("hasDeclaredLicense", "hasConcludedLicense"):
            targets = e.get("to") if isinstance(e.get("to"), list) else []
            for to in targets or ():
                expression = ids.get(str(to), {}).get("simplelicensing_licenseExpression")
                if isinstance(expression, str) and expression not in out.get(str(e.get("from")), []):
                    out.setdefault(str(e.get("from")), []).append(expression)
    return out


def _kind(purl: Any, purpose: Any) -> str:
    if isinstance(purl, str) and purl.startswith(("pkg:huggingface/", "pkg:mlflow/")):
        return "model"
    word = str(purpose).lower()
    known = {"model": "model", "data": "dataset", "container": "container", "application": "application"}
    return known.get(word, "package" if purl or word in ("library", "framework", "none") else "other")
