"""Pipelines of several parts: `model_index.json` (diffusers), `modules.json` and its kin (sentence-transformers), generation defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.formats import located
from mlsbom.formats.located import Located
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.documents.common import HINT, doubled, state
from mlsbom.inspectors.documents.config import remote_code
from mlsbom.model import Rule, Statement

RULES: tuple[Rule, ...] = ()
_DECODING: Final = (
    "do_sample",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repetition_penalty",
    "max_new_tokens",
    "max_length",
    "num_beams",
    "penalty_alpha",
    "typical_p",
    "no_repeat_ngram_size",
    "length_penalty",
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of one of these files, by its name. Raises Malformed for what is no JSON."""
    document = blob.parsed(located.read_json)
    yield from doubled(document.duplicates)
    root, name = document.root, (context.member or context.path).rpartition("/")[2].lower()
    if name == "model_index.json":
        yield from _diffusers(root)
    elif name == "modules.json":
        yield from _modules(root)
    elif name == "generation_config.json":
        yield from _generation(root)
    else:
        yield from _sentence_transformers(root)


def _diffusers(root: Located) -> Iterator[Yield]:
    class_ = root.get("_class_name")
    for one in class_.each() if class_ is not None else ():
        yield from state("architecture", one if one.text else None)
    yield from state("library", class_, plain="diffusers")
    version = root.get("_diffusers_version")
    if version is not None and version.text:
        yield from state("library_version", version, plain=f"diffusers {version.text}")
    yield from state("hint_name", root.get("_name_or_path"), confidence=HINT)
    yield from remote_code(root)
    for slot, value in root.items():
        parts = [p.text for p in value.each()] if value.kind == "sequence" else []
        if len(parts) == 2 and all(parts):
            yield from state("component_class", value, plain={"slot": slot, "library": parts[0], "class": parts[1]})


def _modules(root: Located) -> Iterator[Statement]:
    """`modules.json`: the modules of a sentence transformer in order."""
    for module in root.each():
        kind, slot = module.get("type"), module.get("path")
        if kind is not None and kind.text:
            library, _, class_ = kind.text.rpartition(".")
            yield from state(
                "component_class",
                kind,
                plain={
                    "slot": slot.text if slot is not None and slot.text else "0_Transformer",
                    "library": library.split(".")[0],
                    "class": class_,
                },
            )
    first = next(iter(root.each()), None)
    kind = first.get("type") if first is not None else None
    if kind is not None and kind.text.startswith("sentence_transformers"):
        yield from state("library", kind, plain="sentence-transformers")


def _generation(root: Located) -> Iterator[Statement]:
    for key in _DECODING:
        value = root.get(key)
        plain = value.value if value is not None else None
        if isinstance(plain, (int, float, str)) and plain != "":
            yield from state("hyperparameter", value, plain={"name": f"generation.{key}", "value": plain})
    version = root.get("transformers_version")
    if version is not None and version.text:
        yield from state("library_version", version, plain=f"transformers {version.text}", confidence=0.7)


def _sentence_transformers(root: Located) -> Iterator[Statement]:
    """`config_sentence_transformers.json`, `sentence_bert_config.json`, `1_Pooling/config.json`."""
    versions = root.get("__version__")
    for library, version in versions.items() if versions is not None else ():
        if version.text:
            yield from state("library_version", version, plain=f"{library} {version.text}".replace("_", "-"))
    prompts = root.get("prompts")
    for name, prompt in prompts.items() if prompts is not None else ():
        yield from state("hyperparameter", prompt, plain={"name": f"prompt.{name}", "value": prompt.text[:500]}) if prompt.text else ()
    similarity = root.get("similarity_fn_name")
    if similarity is not None and similarity.text:
        yield from state("hyperparameter", similarity, plain={"name": "similarity", "value": similarity.text})
    length = root.get("max_seq_length")
    if length is not None and isinstance(length.value, int) and not isinstance(length.value, bool):
        yield from state("context_length", length)
    dimension = root.get("word_embedding_dimension")
    if dimension is not None and isinstance(dimension.value, int):
        yield from state("dimension", dimension, plain={"name": "word_embedding_dimension", "value": dimension.value})
        for key, value in root.items():
            if key.startswith("pooling_mode_") and value.value is True:
                yield from state("hyperparameter", value, plain={"name": "pooling", "value": key.removeprefix("pooling_mode_")})
