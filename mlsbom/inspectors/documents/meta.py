"""`meta.json` of a spaCy pipeline: name, version, licence, author, sources, scores. Keys: spaCy's description of `meta.json`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.formats import located
from mlsbom.formats.located import Located
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.documents.common import at, dataset, doubled, state
from mlsbom.model import LicenseClaim, Role, Rule

RULES: tuple[Rule, ...] = ()

_SIMPLE: Final = (("version", "version"), ("description", "description"), ("author", "supplier"), ("email", "contact"))


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of a pipeline's metadata. Raises Malformed for what is no JSON."""
    document = blob.parsed(located.read_json)
    root = document.root
    if root.get("spacy_version") is None or root.get("pipeline") is None:
        return
    yield from doubled(document.duplicates)
    lang, name, version = root.get("lang"), root.get("name"), root.get("spacy_version")
    if name is not None and name.text:
        whole = f"{lang.text}_{name.text}" if lang is not None and lang.text and not name.text.startswith(f"{lang.text}_") else name.text
        yield from state("name", name, plain=whole)
    if version is not None and version.text:
        yield from state("library", version, plain="spacy")
        yield from state("library_version", version, plain=f"spacy {version.text}")
    yield from state("language", lang)
    for key, field in _SIMPLE:
        value = root.get(key)
        yield from state(field, value if value is not None and value.text else None)
    license_ = root.get("license")
    if license_ is not None and license_.text:
        yield LicenseClaim(value=license_.text[:300], part="model", origin="metadata", evidence=at(license_))
    yield from _parts(root)
    yield from _sources(root)
    yield from _scores(root)


def _parts(root: Located) -> Iterator[Yield]:
    parts = root.get("pipeline")
    for part in parts.each() if parts is not None else ():
        if part.text:
            yield from state("component_class", part, plain={"slot": part.text, "library": "spacy", "class": part.text})


def _sources(root: Located) -> Iterator[Yield]:
    """The data and models that the pipeline was made from."""
    sources = root.get("sources")
    for source in sources.each() if sources is not None and sources.kind == "sequence" else ():
        name = source.get("name") if source.kind == "mapping" else source
        if name is not None:
            yield from dataset(name, Role.TRAIN)


def _scores(root: Located) -> Iterator[Yield]:
    scores = root.get("performance") or root.get("accuracy")
    for key, value in scores.items() if scores is not None else ():
        number = value.value if value.kind == "scalar" else None
        if isinstance(number, (int, float)) and not isinstance(number, bool) and key != "speed":
            yield from state("metric", value, plain={"type": key, "value": number})
