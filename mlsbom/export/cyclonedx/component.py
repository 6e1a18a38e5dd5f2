"""Components and services of a CycloneDX tree."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from mlsbom.export.cyclonedx.modelcard import model_card
from mlsbom.export.cyclonedx.values import PREFIX, Clean, clean, evidence, iri, location, prop, relative, source_prop, text
from mlsbom.export.index import Index
from mlsbom.model import Component, Graph, Kind, License, Role, Status
from mlsbom.patterns import late
from mlsbom.survey.licensing import expression_of, name_of, shown, simple
from mlsbom.survey.units import is_weights

Tree = dict[str, Any]

TYPES: Final = {
    Kind.APPLICATION: "application",
    Kind.MODEL: "machine-learning-model",
    Kind.DATASET: "data",
    Kind.PACKAGE: "library",
    Kind.CODE: "library",
    Kind.CONTAINER: "container",
    Kind.TOKENIZER: "data",
    Kind.TEMPLATE: "data",
    Kind.AGENT_TOOL: "application",
}
ALGORITHMS: Final = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "sha3_256": "SHA3-256",
    "sha3_512": "SHA3-512",
    "blake2b": "BLAKE2b-512",
    "blake3": "BLAKE3",
}
LENGTHS: Final = {
    "MD5": 32,
    "SHA-1": 40,
    "SHA-256": 64,
    "SHA-384": 96,
    "SHA-512": 128,
    "SHA3-256": 64,
    "SHA3-512": 128,
    "BLAKE2b-512": 128,
    "BLAKE3": 64,
}
SLOTTED: Final = frozenset(
    {
        "name",
        "version",
        "description",
        "supplier",
        "author",
        "endpoint",
        "metric",
        "input",
        "output",
        "task",
        "architecture",
        "architecture_family",
        "approach",
        "intended_use",
        "limitation",
        "out_of_scope",
        "bias",
        "ethics",
        "tradeoff",
        "url",
        "data_file",
        "personal_data",
        "governance",
        "parameters_in_file",
        "security_contact",
        "tag",
        "shards",
        "files_listed",
    }
)
"""Fields with a place of their own; all others become properties."""
MOST_VALUES: Final = 60
_HEX = late(r"[0-9a-f]+")
_SIZE: Final = f"{PREFIX}size"


def component(c: Component, index: Index, version: str) -> Tree:
    """One component; files of a model or data set are nested in it."""
    scope = {"optional": "optional", "dev": "excluded", "build": "excluded"}.get(str(c.scope or ""), "required" if c.scope else None)
    tree: Tree = {
        "type": "data" if c.kind == Kind.APPLICATION and _is_dataset(index.assessment.graph) else TYPES[c.kind],
        "bom-ref": c.ref,
        "supplier": {"name": c.supplier} if c.supplier else None,
        "name": c.name,
        "version": c.version,
        "description": (c.description or "")[:2000],
        "scope": scope if c.kind == Kind.PACKAGE else None,
        "hashes": hashes(c.hashes),
        "licenses": licenses(c, version),
        "purl": c.purl if c.kind != Kind.APPLICATION else None,
        "pedigree": _pedigree(c, index),
        "externalReferences": _references(c),
        "components": file_components(c, index),
        "evidence": {**evidence(c, version), "licenses": _observed(c)},
        "modelCard": model_card(c, index, version) if c.kind == Kind.MODEL else None,
        "data": _data(c),
        "properties": properties(c, index),
    }
    return tree


def _is_dataset(graph: Graph) -> bool:
    return (
        bool(graph.components)
        and not any(c.primary for c in graph.components)
        and any(c.kind == Kind.DATASET and c.unit == "" for c in graph.components)
    )


def hashes(pairs: tuple[tuple[str, str], ...]) -> list[Tree]:
    """Hashes whose algorithm and length the schema knows."""
    rows = [(ALGORITHMS[a], h.lower()) for a, h in pairs if a in ALGORITHMS]
    return [{"alg": a, "content": h} for a, h in rows if len(h) == LENGTHS[a] and _HEX.fullmatch(h)]


def licenses(c: Component, version: str) -> list[Tree]:
    """Either one expression or a list of licences, with their acknowledgement."""
    rows = shown(c)
    compound = [x for x in rows if (e := expression_of(x)) and not simple(e)]
    if len(rows) == 1 and compound:
        x = rows[0]
        return [{"expression": expression_of(x), **_acknowledged(x, version)}]
    return [{"license": _license(x, version)} for x in rows]


def _acknowledged(x: License, version: str) -> Tree:
    return {"acknowledgement": "concluded" if x.role == "concluded" else "declared"} if version != "1.5" else {}


def _license(x: License, version: str) -> Tree:
    e = expression_of(x)
    one: Tree = {"id": e} if e and simple(e) else {"name": text(e or name_of(x))[:300]}
    if x.url and (url := iri(x.url)):
        one["url"] = url
    return {**one, **_acknowledged(x, version)}


def _observed(c: Component) -> list[Tree]:
    """Every licence statement as evidence, with the place in a property (evidence allows licences or one expression)."""
    seen: dict[tuple[str, str], Tree] = {}
    for x in c.licenses:
        e = expression_of(x)
        one: Tree = {"id": e} if e and simple(e) else {"name": text(e or name_of(x))[:300]}
        one["properties"] = [{"name": "mlsbom:role", "value": x.role}, source_prop("license", x.source)]
        if x.name and x.written != x.name:
            one["properties"].append({"name": "mlsbom:written", "value": x.written})
        seen.setdefault((str(one.get("id") or one.get("name")), location(x.source)), {"license": one})
    return list(seen.values())


def _pedigree(c: Component, index: Index) -> Tree:
    ancestors = [(index.refs[r.target], r.relation) for r in index.out(c.ref, "derived-from", "source-dataset")]
    variants = [(index.refs[r.target], "variant") for r in index.out(c.ref, "variant-of")]

    def short(other: Component, relation: str | None) -> Tree:
        return {
            "type": TYPES[other.kind],
            "name": other.name,
            "version": other.version,
            "purl": other.purl,
            "properties": [prop("relation", relation or "unknown"), prop("ref", other.ref)],
        }

    return {"ancestors": [short(*x) for x in ancestors], "variants": [short(*x) for x in variants]}


def _references(c: Component) -> list[Tree]:
    rows: dict[tuple[str, str], Tree] = {}

    def add(kind: str, url: str | None, comment: str | None = None) -> None:
        if url and (good := iri(url)):
            rows.setdefault((kind, good), {"url": good, "type": kind, "comment": comment})

    if c.hub == "huggingface" and c.purl:
        base = "https://huggingface.co/" + ("datasets/" if c.kind == Kind.DATASET else "") + c.name
        add("distribution", base + (f"/tree/{c.version}" if c.version else ""))
    for v in c.values:
        if v.field == "url" and isinstance(v.value, dict):
            add(str(v.value.get("type", "website")), str(v.value.get("url", "")))
        elif v.field == "security_policy" and isinstance(v.value, str):
            add("security-contact", v.value if "://" in v.value else relative(v.source.path), "security policy")
        elif v.field == "security_contact" and isinstance(v.value, str):
            add("security-contact", f"mailto:{v.value}" if "@" in v.value and ":" not in v.value else v.value)
        elif v.field == "data_file" and isinstance(v.value, str):
            add("distribution", v.value if "://" in v.value else relative(v.value))
    if (
        c.kind == Kind.MODEL
        and c.local
        and any(x.source.technique == "manifest-analysis" and x.source.path.lower().endswith(".md") for x in c.values)
    ):
        card = next(x.source.path for x in c.values if x.source.path.lower().endswith(".md"))
        add("model-card", relative(card))
    for x in c.licenses:
        if x.origin == "file":
            add("license", relative(x.source.path))
    return list(rows.values())


def file_components(c: Component, index: Index) -> list[Tree]:
    """The files that a local component is made of, with their digests."""
    rows: list[Tree] = []
    told: dict[tuple[Any, ...], tuple[list[Tree], list[Tree]]] = {}
    for path in c.files:
        x = index.artifacts.get(path)
        if x is None:
            continue
        ref = hashlib.sha256(f"file\0{c.ref}\0{path}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        row: Tree = Clean(type="file") if path.isprintable() else {"type": "file"}
        row["bom-ref"] = f"file:{text(path)[-80:]}:{ref}"
        row["name"] = path
        if digests := hashes(x.digests):
            row["hashes"] = digests
        kind = (x.formats, x.digest_by, x.coverage, is_weights(x.formats, path))
        before, behind = told.get(kind) or told.setdefault(kind, _told(*kind))
        row["properties"] = [*before, {"name": _SIZE, "value": str(x.size)}, *behind]
        rows.append(row)
    return rows


def _told(formats: tuple[str, ...], digest_by: str, coverage: Status, weights: bool) -> tuple[list[Tree], list[Tree]]:
    """The properties of a file before and behind its size: alike for many files, which share the very objects."""
    before = [prop("format", formats[0] if formats else None)]
    behind = [prop("digest_by", digest_by), prop("coverage", str(coverage)), prop("kind", "weights" if weights else "data")]
    return clean(before), clean(behind)


def _data(c: Component) -> list[Tree] | None:
    if c.kind in (Kind.TOKENIZER, Kind.TEMPLATE):
        return [{"type": "configuration", "name": c.name}]
    if c.kind != Kind.DATASET:
        return None
    url = next((v.value for v in c.values if v.field == "data_file" and isinstance(v.value, str)), None) or (
        c.files[0] if c.files else None
    )
    owners = [str(v.value) for v in c.all("governance")] or ([c.supplier] if c.supplier else [])
    return [
        {
            "type": "dataset",
            "name": c.name,
            "contents": {
                "url": iri(str(url)) if url else (f"https://huggingface.co/datasets/{c.name}" if c.hub == "huggingface" else None)
            },
            "sensitiveData": [str(v.value)[:500] for v in c.all("personal_data")],
            "description": (c.description or "")[:2000],
            "governance": {"owners": [{"organization": {"name": o}} for o in sorted(set(owners))]} if owners else None,
        }
    ]


def properties(c: Component, index: Index) -> list[Tree | None]:
    """Values without a slot, the places of values, and what is not known."""
    rows: list[Tree | None] = [
        prop("kind", str(c.kind)),
        prop("ecosystem", c.ecosystem),
        prop("hub", c.hub),
        prop("primary", "true" if c.primary else None),
        prop("scope", str(c.scope) if c.scope else None),
    ]
    rows += [prop("specifier", s.specifier) for s in c.specifiers[:MOST_VALUES] if s.specifier]
    count: dict[str, int] = {}
    for v in c.values:
        count[v.field] = n = count.get(v.field, 0) + 1
        if n > MOST_VALUES:
            continue
        if v.field not in SLOTTED:
            rows.append(prop(v.field, v.value))
        if n == 1:
            rows.append(source_prop(v.field, v.source))
    rows += [prop(f"relation:{r.kind}", r.relation) for r in index.into(c.ref) if r.relation and r.kind != "depends-on"][:10]
    rows += [prop(f"unknown:{field}", reason) for field, reason in index.unknown(c.ref)]
    unique: dict[tuple[str, str], Tree] = {(r["name"], r["value"]): r for r in rows if r}
    return list(unique.values())


FLOWS: Final = {str(Role.TELEMETRY): "inbound", str(Role.INDEX): "outbound"}


def service(c: Component, index: Index, version: str) -> Tree:
    """A service: provider, endpoints, the direction of data as far as the code shows it; the classification of data is not known."""
    relation = next((r.relation for r in index.into(c.ref) if r.relation), None)
    endpoints = sorted(
        {u for v in c.values if v.field == "endpoint" and isinstance(v.value, str) and "://" in v.value and (u := iri(v.value))}
    )
    token = any(v.field in ("token", "api_key", "key_variable") for v in c.values)
    return {
        "bom-ref": c.ref,
        "provider": {"name": c.supplier} if c.supplier else None,
        "name": c.name,
        "version": c.version,
        "endpoints": endpoints,
        "authenticated": True if token else None,
        "x-trust-boundary": True,
        "data": [{"flow": FLOWS.get(str(relation), "bi-directional"), "classification": "unknown"}],
        "licenses": licenses(c, version),
        "properties": [
            *properties(c, index),
            *(source_prop("endpoint" if endpoints else "name", s) for s in c.evidence[:MOST_VALUES]),
        ],
    }
