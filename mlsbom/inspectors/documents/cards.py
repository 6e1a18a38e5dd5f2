"""Cards: READMEs and model or dataset cards, with or without front matter. Which kind a card is, its keys say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.formats import frontmatter
from mlsbom.formats.located import Located
from mlsbom.inspectors import Context, Yield, hubnames
from mlsbom.inspectors.documents import card_text, dataset_card, model_card
from mlsbom.inspectors.documents.common import at as evidence_at
from mlsbom.inspectors.documents.common import doubled, partial, state
from mlsbom.inspectors.manifests import emit
from mlsbom.model import Kind, Rule
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = ()

_MODEL_KEYS: Final = frozenset(
    {
        "pipeline_tag",
        "library_name",
        "base_model",
        "base_model_relation",
        "model-index",
        "inference",
        "widget",
        "new_version",
        "co2_eq_emissions",
        "quantized_by",
        "model_type",
        "model_name",
        "metrics",
    }
)
_SPACE_KEYS: Final = frozenset({"sdk", "app_file", "sdk_version", "app_port"})
_DATA_FOLDER = late(r"(?:^|/)(?:data|dataset|datasets|corpus|corpora)(?:/|$)", re.I)
_ASIDE = late(
    r"(?:^|/)(?:docs?|tests?|examples?|\.github|node_modules|third_party|vendor|scripts|tools|notebooks|site-packages)(?:/|$)", re.I
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of a card; a Shortfall where its front matter could not be read as a whole."""
    card = blob.parsed(frontmatter.read)
    if card.problem is not None:
        line = f" (line {card.problem.line})" if card.problem.line else ""
        yield partial(f"front matter: {card.problem}{line}")
    yield from doubled(card.duplicates)
    path = context.member or context.path
    folder, _, base = path.rpartition("/")
    kind = kind_of(card.front, folder, base)
    if kind == "space" and card.front is not None:
        yield from _space(card.front)
    elif kind == "dataset":
        if card.front is not None:
            yield from dataset_card.facts(card.front)
        yield from card_text.facts(card, "dataset")
    elif kind == "model":
        if card.front is not None:
            yield from model_card.facts(card.front)
        yield from card_text.facts(card, "owner")
    elif not _ASIDE.search(f"{folder}/"):
        yield from card_text.facts(card, "owner", titled=folder.count("/") < 1 and not folder, sure=0.3)


def kind_of(front: Located | None, folder: str, base: str) -> str:
    """`model`, `dataset` or `space` by the keys, else by the name of the file and folder; "" for a README that is no card."""
    keys = {k for k, _ in front.items()} if front is not None else set()
    if keys & _SPACE_KEYS:
        return "space"
    if "dataset" in base.lower() and "card" in base.lower():
        return "dataset"
    configs = front.get("configs") if front is not None else None
    own = keys & dataset_card.KEYS or (configs is not None and any(c.get("data_files") for c in configs.each()))
    if own and not keys & _MODEL_KEYS:
        return "dataset"
    if keys & _MODEL_KEYS or ("model" in base.lower() and "card" in base.lower()):
        return "model"
    if not keys:
        return ""
    return (
        "dataset"
        if _DATA_FOLDER.search(folder)
        else "model"
        if keys & {"license", "language", "tags", "datasets", "license_name", "license_link"}
        else ""
    )


def _space(front: Located) -> Iterator[Yield]:
    """A space: an application, with the models and data sets that it says it uses."""
    yield from state("name", front.get("title"), "root", confidence=0.5)
    yield from state("description", front.get("short_description"), "root")
    yield from model_card.licenses(front, "code", "root")
    sdk, version = front.get("sdk"), front.get("sdk_version")
    if sdk is not None and sdk.text in ("gradio", "streamlit"):  # the Space installs it at that version
        stated = version if version is not None and version.text else sdk
        pin = f"=={version.text}" if stated is version and version is not None else ""
        yield emit.dependency("pypi", sdk.text, pin, line=stated.line, parser="space-card", key="sdk_version" if pin else "sdk")
    for key, kind in (("models", Kind.MODEL), ("datasets", Kind.DATASET)):
        value = front.get(key)
        for one in value.each() if value is not None else ():
            if found := hubnames.hub_name(one.text, single=True, anything=kind == Kind.DATASET):
                yield hubnames.reference(found, evidence_at(one), kind=kind)
