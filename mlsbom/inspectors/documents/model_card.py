"""The front matter of a model card: what it states, what the model derives from, what it was trained and tested on.

Keys: the model card metadata of the Hugging Face hub.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.formats.located import Located
from mlsbom.inspectors import hubnames
from mlsbom.inspectors.documents.common import at as evidence_at
from mlsbom.inspectors.documents.common import base_model, clipped, dataset, state
from mlsbom.model import LicenseClaim, Reference, Role, Statement
from mlsbom.patterns import late

_SIMPLE: Final = (
    ("pipeline_tag", "task"),
    ("library_name", "library"),
    ("new_version", "superseded_by"),
    ("version", "version"),
    ("model_version", "version"),
    ("release_date", "released"),
    ("model_creator", "supplier"),
    ("author", "author"),
    ("authors", "author"),
    ("quantized_by", "author"),
    ("model_type", "architecture_family"),
    ("prompt_template", "usage"),
    ("developed_by", "supplier"),
    ("organization", "supplier"),
    ("thumbnail", ""),
)
RELATIONS: Final = frozenset({"finetune", "adapter", "merge", "quantized"})
_QUANTIZED = frozenset(
    {
        "gguf",
        "gptq",
        "awq",
        "exl2",
        "exl3",
        "bitsandbytes",
        "quantized",
        "4-bit",
        "8-bit",
        "int8",
        "int4",
        "fp8",
        "hqq",
        "aqlm",
        "mlx-4bit",
        "imatrix",
    }
)
_FINETUNED = frozenset(
    {
        "generated_from_trainer",
        "finetune",
        "finetuned",
        "fine-tuned",
        "fine-tune",
        "sft",
        "dpo",
        "trl",
        "unsloth",
        "axolotl",
        "llama-factory",
        "text-generation-finetune",
    }
)
_POUND = late(r"(?P<n>\d[\d,.]*)\s*(?P<unit>kg|g|t|tons?|tonnes?)?", re.I)


def facts(front: Located) -> Iterator[Statement | Reference | LicenseClaim]:
    """The facts of a model's front matter."""
    yield from licenses(front, "model")
    for key, field in _SIMPLE:
        value = front.get(key)
        for one in value.each() if value is not None and field else ():
            yield from state(field, one if one.kind == "scalar" else None)
    yield from languages(front)
    yield from _tags(front)
    yield from _bases(front)
    yield from _datasets(front)
    yield from _index(front)
    yield from _emissions(front)
    yield from gated(front)
    title = front.get("model_name") or front.get("title") or front.get("model_id")
    if title is not None and title.text and title.text.lower() not in ("null", "model"):
        yield from state("name", title, plain=title.text.rsplit("/", 1)[-1])
    index = front.get("model-index") or front.get("model_index")
    first = next((model.get("name") for model in index.each()), None) if index is not None else None
    if first is not None and first.text:
        yield from state("name", first, confidence=0.45)  # less than the title of the card


def licenses(front: Located, part: str, about: str = "owner") -> Iterator[LicenseClaim]:
    """The licence that a card declares: an id or list of ids, a name and a link."""
    license_, name, link = front.get("license"), front.get("license_name"), front.get("license_link")
    claims = list(license_.each()) if license_ is not None else []
    if license_ is not None and license_.kind == "mapping":
        claims = [v for k, v in license_.items() if k in ("name", "id", "type", "spdx")]
    if not claims and (name is not None or link is not None):
        claims = [name if name is not None else link]  # type: ignore[list-item]
    for claim in claims:
        if claim.text:
            yield LicenseClaim(
                value=claim.text[:300],
                name=name.text[:300] or None if name else None,
                url=link.text[:1000] or None if link else None,
                part=part,
                origin="card",
                about=about,
                evidence=evidence_at(claim),
            )


def languages(front: Located, about: str = "owner") -> Iterator[Statement]:
    """The languages, as written: `no` is Norwegian here, not false."""
    for key in ("language", "languages"):
        value = front.get(key)
        for one in value.each() if value is not None else ():
            if one.kind == "scalar" and one.raw and one.raw not in ("null", "~") and len(one.raw) <= 40:
                yield from state("language", one, about, plain=one.raw)


def gated(front: Located, about: str = "owner") -> Iterator[Statement]:
    """That access is gated, with the text that asks for agreement."""
    prompt = front.get("extra_gated_prompt") or front.get("extra_gated_heading") or front.get("extra_gated_description")
    if prompt is not None and prompt.text:
        yield from state("gated", prompt, about, plain=prompt.text)
    elif (key := next((v for k, v in front.items() if k.startswith("extra_gated_")), None)) is not None:
        yield from state("gated", key, about, plain=True)


def tags(front: Located) -> list[Located]:
    """The tags of a card."""
    value = front.get("tags")
    return [t for t in value.each() if t.text] if value is not None else []


def tag_links(tag: Located, about: str) -> Iterator[Statement]:
    """The paper or DOI that a tag names."""
    kind, _, name = tag.text.partition(":")
    if kind == "arxiv" and re.fullmatch(r"\d{4}\.\d{4,5}(?:v\d+)?", name):
        yield from state("url", tag, about, plain={"type": "documentation", "url": f"https://arxiv.org/abs/{name}"})
    elif kind == "doi" and name.startswith("10."):
        yield from state("url", tag, about, plain={"type": "documentation", "url": f"https://doi.org/{name}"})


def _tags(front: Located) -> Iterator[Statement | Reference]:
    for tag in tags(front):
        kind, _, name = tag.text.partition(":")
        yield from tag_links(tag, "owner")
        if kind == "dataset" and name:
            yield from dataset(tag.renamed(name), Role.TRAIN)
        elif kind == "base_model" and name:
            relation, _, rest = name.partition(":")
            known = relation in RELATIONS and bool(rest)
            yield from base_model(tag.renamed(rest if known else name), relation if known else "unknown")
        elif kind not in ("arxiv", "doi", "license", "region"):
            yield from state("tag", tag, plain=tag.text[:200])


def relation_of(front: Located, bases: int) -> str:
    """How a model derives from its bases: as the card says, else by its library and tags, else unknown. Several bases are a merge only
    where the card says so."""
    stated = front.get("base_model_relation")
    if stated is not None and stated.text.lower() in RELATIONS:
        return stated.text.lower()
    words = {t.text.lower() for t in tags(front)}
    library = front.get("library_name")
    if words & {"merge", "mergekit", "moe-merge", "frankenmerge"}:
        return "merge"
    if bases > 1:
        return "unknown"
    if (library is not None and library.text.lower() in ("peft", "adapter-transformers")) or words & {
        "lora",
        "adapter",
        "peft",
        "qlora",
        "dora",
    }:
        return "adapter"
    if front.get("quantized_by") is not None or words & _QUANTIZED:
        return "quantized"
    return "finetune" if words & _FINETUNED else "unknown"


def _bases(front: Located) -> Iterator[Reference]:
    value = front.get("base_model")
    if value is None:
        return
    named = [v for v in value.each() if v.kind == "scalar"]
    for one in value.each():
        named.extend(v for k, v in one.items() if k in ("name", "model", "id"))
    relation = relation_of(front, len(named))
    for one in named:
        yield from base_model(one, relation)


def _datasets(front: Located) -> Iterator[Reference]:
    for key, role in (
        ("datasets", Role.TRAIN),
        ("dataset", Role.TRAIN),
        ("train_datasets", Role.TRAIN),
        ("eval_datasets", Role.TEST),
        ("test_datasets", Role.TEST),
    ):
        value = front.get(key)
        for one in value.each() if value is not None else ():
            inner = next((v for k, v in one.items() if k in ("name", "id", "path", "type")), None) if one.kind == "mapping" else one
            if inner is not None:
                yield from dataset(inner, role)


def _index(front: Located) -> Iterator[Statement | Reference]:
    """`model-index`: metrics with the data set on which they were measured."""
    index = front.get("model-index") or front.get("model_index")
    for model in index.each() if index is not None else ():
        results = model.get("results")
        for result in results.each() if results is not None else ():
            yield from _result(result)


def _result(result: Located) -> Iterator[Statement | Reference]:
    data = result.get("dataset")
    kind, label = (data.get("type"), data.get("name")) if data is not None else (None, None)
    shown = ""
    if data is not None:
        named = kind if kind is not None and kind.text else label
        revision, config, split = (data.get(k) for k in ("revision", "config", "split"))
        attrs = tuple((n, v.text) for n, v in (("configuration", config), ("split", split)) if v is not None and v.text)
        if label is not None and label.text and named is not label:
            attrs = (*attrs, ("title", label.text[:200]))
        if named is not None and named.text:
            shown = named.text
            yield from dataset(named, Role.TEST, version=revision.text or None if revision is not None else None, attrs=attrs)
    task = result.get("task", "type")
    if task is not None and task.text:
        yield from state("task", task, confidence=0.7)
    metrics = result.get("metrics")
    for metric in metrics.each() if metrics is not None else ():
        value = metric.get("value")
        type_ = metric.get("type") or metric.get("name")
        if value is None or type_ is None or value.kind != "scalar" or not value.text:
            continue
        fact = {
            "type": type_.text,
            "value": value.value,
            "dataset": label.text if label is not None and label.text else shown,
            "name": (metric.get("name") or type_).text,
        }
        config = metric.get("config") or (data.get("split") if data is not None else None)
        if config is not None and config.text:
            fact["slice"] = config.text
        yield from state("metric", value, plain={k: clipped(v) for k, v in fact.items() if v not in ("", None)})


def _emissions(front: Located) -> Iterator[Statement]:
    """`co2_eq_emissions`: grams as a number, or a map with `emissions` and where, how and on what."""
    value = front.get("co2_eq_emissions")
    if value is None:
        return
    amount = value if value.kind == "scalar" else value.get("emissions")
    if amount is not None and isinstance(amount.value, (int, float)) and not isinstance(amount.value, bool):
        yield from state("co2_grams", amount)
    elif amount is not None and amount.text and (m := _POUND.match(amount.text)):
        factor = {"kg": 1e3, "t": 1e6}.get((m["unit"] or "g").lower().rstrip("s").replace("tonne", "t").replace("ton", "t"), 1.0)
        try:
            yield from state("co2_grams", amount, plain=float(m["n"].replace(",", "")) * factor)
        except ValueError:
            return
    yield from state("hardware", value.get("hardware_used") if value.kind == "mapping" else None)
    if value.kind == "mapping":
        words = "; ".join(
            f"{k}: {v.text}" for k, v in value.items() if k in ("source", "training_type", "geographical_location") and v.text
        )
        yield from state("environment", value, plain=words or None) if words else ()


def card_name(front: Located | None) -> str:
    """The hub name that a card gives itself (`model_id: org/name`), else ""."""
    for key in ("model_id", "repo_id", "hub_model_id"):
        value = front.get(key) if front is not None else None
        if value is not None and (found := hubnames.hub_name(value.text)):
            return found.repository
    return ""
