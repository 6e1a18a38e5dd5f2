"""An SBOM found in the target is input: what it names counts as a manifest's word (0.8), it is not trusted and not taken for ours.

CycloneDX (JSON and XML) and SPDX (2.x and 3.0 JSON); sources: their specifications. Specs of the SBOM, section 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import located
from mlsbom.formats.located import Located
from mlsbom.formats.yaml import Node
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.documents.common import STATED, at, doubled
from mlsbom.model import Dependency, Evidence, Kind, Reference, Role, Rule
from mlsbom.packages import names
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = ()

_XML_LIMIT: Final = 32 << 20
_PURL = late(r"pkg:([a-zA-Z][\w.+-]*)/([^@?#]+)(?:@([^?#]+))?(?:\?([^#]*))?")
_ECOSYSTEMS: Final = {
    "pypi": "pypi",
    "npm": "npm",
    "conda": "conda",
    "deb": "deb",
    "cargo": "cargo",
    "golang": "golang",
    "maven": "maven",
    "gem": "gem",
    "nuget": "nuget",
    "apk": "apk",
    "rpm": "rpm",
}
_HUBS: Final = {"huggingface": "huggingface", "mlflow": "mlflow", "github": "github"}
_ALGORITHM = late(r"[^a-z0-9]")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """What an SBOM names. Raises Malformed for what is none of these forms."""
    if blob.head.lstrip()[:1] == b"<":
        yield from _cyclonedx(_xml(blob))
        return
    document = blob.parsed(located.read_json)
    root = document.root
    if root.get("bomFormat") is not None:
        yield from doubled(document.duplicates)
        yield from _cyclonedx(root)
    elif root.get("spdxVersion") is not None:
        yield from _spdx(root)
    elif (graph := root.get("@graph")) is not None and any("spdx" in str(c.raw).lower() for c in (root.get("@context") or root).each()):
        yield from _spdx_graph(graph)


# --- CycloneDX ---------------------------------------------------------------------------------------------------------------------


def _cyclonedx(root: Located) -> Iterator[Yield]:
    todo = [root]
    while todo:
        at_ = todo.pop()
        components = at_.get("components")
        inner = list(components.each()) if components is not None and components.kind == "sequence" else []
        for component in inner:
            yield from _component(component)
        todo.extend(c for c in reversed(inner) if c.get("components") is not None)
    services = root.get("services")
    for service in services.each() if services is not None and services.kind == "sequence" else ():
        yield from _service(service)


def _component(component: Located) -> Iterator[Yield]:
    kind, name, version = (_raw(component, k) for k in ("type", "name", "version"))
    group = _raw(component, "group")
    place = component.get("purl") or component.get("name")
    if not name or place is None or kind in ("file", "device", "operating-system"):
        return
    hashes = component.get("hashes")
    found = (
        tuple(f"{_ALGORITHM.sub('', _raw(h, 'alg').lower())}:{_raw(h, 'content').lower()}" for h in hashes.each() if _raw(h, "content"))
        if hashes is not None
        else ()
    )
    yield from _thing(
        place,
        {"machine-learning-model": Kind.MODEL, "data": Kind.DATASET, "container": Kind.CONTAINER}.get(kind),
        f"{group}/{name}" if group else name,
        version or None,
        _raw(component, "purl"),
        found,
    )


def _service(service: Located) -> Iterator[Reference]:
    name, place = _raw(service, "name"), service.get("name")
    endpoints = service.get("endpoints")
    urls = [e.text for e in endpoints.each() if e.text.startswith(("http", "ws", "grpc"))] if endpoints is not None else []
    if name and place is not None:
        for url in (*urls, *((None,) if not urls else ())):
            yield Reference(
                kind=Kind.SERVICE,
                name=name,
                role=Role.CALLS,
                url=url,
                provider=_raw(service, "provider", "name") or None,
                evidence=at(place),
            )


# --- SPDX --------------------------------------------------------------------------------------------------------------------------


def _spdx(root: Located) -> Iterator[Yield]:
    packages = root.get("packages")
    described = root.get("documentDescribes")
    own = {d.text for d in described.each()} if described is not None else set()
    for package in packages.each() if packages is not None else ():
        name, place = _raw(package, "name"), package.get("name")
        if not name or place is None or _raw(package, "SPDXID") in own:
            continue
        refs = package.get("externalRefs")
        purl = (
            next((_raw(r, "referenceLocator") for r in refs.each() if _raw(r, "referenceType") == "purl"), "") if refs is not None else ""
        )
        kind = Kind.CONTAINER if _raw(package, "primaryPackagePurpose") == "CONTAINER" else None
        sums = package.get("checksums")
        found = (
            tuple(
                f"{_ALGORITHM.sub('', _raw(s, 'algorithm').lower())}:{_raw(s, 'checksumValue').lower()}"
                for s in sums.each()
                if _raw(s, "checksumValue")
            )
            if sums is not None
            else ()
        )
        yield from _thing(place, kind, name, _raw(package, "versionInfo") or None, purl, found)


def _spdx_graph(graph: Located) -> Iterator[Yield]:
    kinds = {"ai_AIPackage": Kind.MODEL, "dataset_DatasetPackage": Kind.DATASET}
    for element in graph.each():
        type_, name, place = _raw(element, "type") or _raw(element, "@type"), _raw(element, "name"), element.get("name")
        if name and place is not None and (type_ in kinds or type_ == "software_Package"):
            kind = Kind.CONTAINER if _raw(element, "software_primaryPurpose") == "container" else kinds.get(type_)
            yield from _thing(place, kind, name, _raw(element, "software_packageVersion") or None, _raw(element, "software_packageUrl"), ())


# --- both --------------------------------------------------------------------------------------------------------------------------


def _thing(place: Located, kind: Kind | None, name: str, version: str | None, purl: str, hashes: tuple[str, ...]) -> Iterator[Yield]:
    """A dependency or a reference for one component, by its purl where it has one."""
    link = _PURL.match(purl) if purl else None
    type_ = link[1].lower() if link else ""
    if link and type_ in _ECOSYSTEMS:
        eco, whole = _ECOSYSTEMS[type_], unquote(link[2]).strip("/")
        exact = unquote(link[3]) if link[3] else version
        yield Dependency(
            ecosystem=eco,
            name=names.normalise(whole, eco) if eco in ("pypi", "npm", "conda") else whole,
            written=whole,
            specifier=f"=={exact}" if exact else "",
            resolved=exact,
            hashes=hashes,
            parser="sbom",
            evidence=Evidence(line=place.line, key=place.path, confidence=STATED),
        )
        return
    if link and type_ in ("oci", "docker"):
        kind = Kind.CONTAINER
    if link and type_ in _HUBS:
        data = "datasets" in (link[4] or "") and type_ == "huggingface"
        kind = kind or (Kind.DATASET if data else Kind.MODEL if type_ != "github" else None)
        name, version = unquote(link[2]).strip("/"), unquote(link[3]) if link[3] else version
    if kind in (Kind.MODEL, Kind.DATASET):
        yield Reference(
            kind=kind,
            name=name,
            role=Role.USED,
            version=version,
            hub=_HUBS.get(type_, "other"),
            attrs=(("stated_by", "sbom"),),
            evidence=at(place),
        )
    elif kind == Kind.CONTAINER:
        yield Reference(
            kind=kind, name=name, role=Role.RUNS_IN, version=version, hub="docker", attrs=(("stated_by", "sbom"),), evidence=at(place)
        )


def _raw(value: Located, *path: str) -> str:
    found = value.get(*path)
    return found.text if found is not None else ""


def _xml(blob: Blob) -> Located:
    """A CycloneDX XML document as the JSON form's nodes. Raises Malformed; a document type declaration is refused unread."""
    from xml.etree.ElementTree import Element, ParseError, XMLParser

    raw = blob.data(_XML_LIMIT)
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise Malformed("XML with a document type declaration: entities are not followed")
    parser = XMLParser()  # noqa: S314
    try:
        parser.feed(raw)
        root = parser.close()
    except (ParseError, ValueError, LookupError) as e:
        raise Malformed(f"no valid XML: {e}") from e

    def node(element: Element, depth: int) -> Node:
        if depth > 100:
            raise Malformed("XML nested deeper than 100 levels")
        tag = element.tag.rpartition("}")[2]
        if tag in ("components", "services", "hashes", "endpoints"):
            return Node("sequence", [node(e, depth + 1) for e in element], 0)
        if len(element) or (element.attrib and tag not in ("hash",)):
            pairs = [
                (Node("scalar", k.rpartition("}")[2], 0, plain=False), Node("scalar", v, 0, plain=False)) for k, v in element.attrib.items()
            ]
            pairs += [(Node("scalar", e.tag.rpartition("}")[2], 0, plain=False), node(e, depth + 1)) for e in element]
            return Node("mapping", pairs, 0)
        if tag == "hash":
            pairs = [
                (Node("scalar", "alg", 0, plain=False), Node("scalar", element.get("alg", ""), 0, plain=False)),
                (Node("scalar", "content", 0, plain=False), Node("scalar", (element.text or "").strip(), 0, plain=False)),
            ]
            return Node("mapping", pairs, 0)
        return Node("scalar", (element.text or "").strip(), 0, plain=False)

    return Located(node(root, 0))
