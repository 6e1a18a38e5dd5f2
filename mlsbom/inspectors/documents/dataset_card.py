"""The front matter of a data set's card. Keys: the dataset card metadata of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mlsbom.formats.located import Located
from mlsbom.inspectors.documents.common import dataset, state
from mlsbom.inspectors.documents.model_card import gated, languages, licenses, tag_links, tags
from mlsbom.model import LicenseClaim, Reference, Role, Statement

KEYS: Final = frozenset(
    {
        "dataset_info",
        "size_categories",
        "task_categories",
        "task_ids",
        "source_datasets",
        "pretty_name",
        "annotations_creators",
        "language_creators",
        "multilinguality",
        "language_bcp47",
        "paperswithcode_id",
        "train-eval-index",
        "viewer",
        "dataset_name",
    }
)
"""Keys that only a card of a data set has."""

_SIMPLE: Final = (
    ("size_categories", "size_category"),
    ("task_categories", "task_category"),
    ("task_ids", "task_category"),
    ("annotations_creators", "annotations"),
    ("version", "version"),
    ("author", "author"),
    ("authors", "author"),
    ("release_date", "released"),
    ("description", "description"),
    ("creator", "supplier"),
    ("organization", "supplier"),
)


def facts(front: Located) -> Iterator[Statement | Reference | LicenseClaim]:
    """The facts of a data set's front matter, all about the data set."""
    yield from licenses(front, "dataset", "dataset")
    yield from languages(front, "dataset")
    yield from gated(front, "dataset")
    yield from state("name", front.get("pretty_name") or front.get("dataset_name") or front.get("title"), "dataset")
    for key, field in _SIMPLE:
        value = front.get(key)
        for one in value.each() if value is not None else ():
            yield from state(field, one if one.kind == "scalar" else None, "dataset", plain=one.raw or None)
    for tag in tags(front):
        yield from tag_links(tag, "dataset")
        if ":" not in tag.text:
            yield from state("tag", tag, "dataset", plain=tag.text[:200])
    source = front.get("source_datasets")
    for one in source.each() if source is not None else ():
        name = one.text.removeprefix("extended|") if one.kind == "scalar" else ""
        if name and "|" not in name:
            yield from dataset(one if name == one.text else one.renamed(name), Role.SOURCE, "dataset")
    yield from _files(front)
    info = front.get("dataset_info")
    for one in info.each() if info is not None else ():
        yield from _info(one)


def _files(front: Located) -> Iterator[Statement]:
    """`configs[].data_files`: a path, a list of paths, or paths by split."""
    configs = front.get("configs")
    for config in configs.each() if configs is not None else ():
        files = config.get("data_files")
        for one in files.each() if files is not None else ():
            path = one.get("path") if one.kind == "mapping" else one
            for part in path.each() if path is not None else ():
                yield from state("data_file", part if part.kind == "scalar" else None, "dataset")
            split = one.get("split")
            if split is not None and split.text:
                yield from state("split", split, "dataset", plain={"name": split.text})


def _info(info: Located) -> Iterator[Statement]:
    """`dataset_info`: features, splits with rows and bytes."""
    features = info.get("features")
    for feature in list(features.each())[:500] if features is not None else ():
        name, kind = feature.get("name"), feature.get("dtype")
        if name is not None and name.text:
            yield from state(
                "feature", name, "dataset", plain={"name": name.text, **({"type": kind.text} if kind is not None and kind.text else {})}
            )
    rows = 0
    splits = info.get("splits")
    for split in splits.each() if splits is not None else ():
        name, count, size = split.get("name"), split.get("num_examples"), split.get("num_bytes")
        fact: dict[str, object] = {"name": name.text} if name is not None else {}
        for key, value in (("rows", count), ("bytes", size)):
            if value is not None and isinstance(value.value, int):
                fact[key] = value.value
        rows += fact.get("rows", 0) if isinstance(fact.get("rows"), int) else 0  # type: ignore[operator]
        yield from state("split", name, "dataset", plain=fact)
    if rows and splits is not None:
        yield from state("rows", splits, "dataset", plain=rows)
    size = info.get("dataset_size")
    if size is not None and isinstance(size.value, int):
        yield from state("bytes", size, "dataset")
