"""Tokenizer files: class, algorithm, size of the vocabulary, special tokens, chat templates, code that a loader would run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.errors import TooLarge
from mlsbom.formats import json, located, tokenizer
from mlsbom.formats.located import Located
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.documents.common import HINT, at, doubled, state
from mlsbom.inspectors.documents.config import remote_code
from mlsbom.model import Evidence, Rule, Statement

RULES: tuple[Rule, ...] = ()
_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of a tokenizer file, by its name. Raises Malformed for what is no JSON."""
    name = (context.member or context.path).rpartition("/")[2].lower()
    if name.endswith((".jinja", ".jinja2")):
        yield _template(blob.text(4 << 20), "default", Evidence(line=1))
    elif name == "tokenizer.json":
        yield from _tokenizer(blob)
    elif name == "vocab.json":
        yield from _vocabulary(blob)
    else:
        document = blob.parsed(located.read_json)
        yield from doubled(document.duplicates)
        yield from _config(document.root)


def _tokenizer(blob: Blob) -> Iterator[Statement]:
    read = blob.parsed(tokenizer.read)
    fact: dict[str, Any] = {"digest": hashlib.sha256(blob.data(json.SIZE_LIMIT)).hexdigest()}
    if read.model is not None:
        if read.model.type:
            fact["algorithm"] = read.model.type
        if (size := read.model.size) is not None:
            fact["vocabulary"] = size
    if read.added_tokens:
        fact["added"] = len(read.added_tokens)
    yield Statement(field="tokenizer", value=fact, evidence=Evidence(key="model"))


def _vocabulary(blob: Blob) -> Iterator[Statement]:
    if blob.size > json.SIZE_LIMIT:
        raise TooLarge(f"a vocabulary of {blob.size} bytes")
    value = json.typed(blob.data(json.SIZE_LIMIT), dict[str, Any])
    if value and all(isinstance(v, int) for v in list(value.values())[:100]):
        yield Statement(field="tokenizer", value={"vocabulary": len(value)}, evidence=Evidence(key=None))


def _config(root: Located) -> Iterator[Yield]:
    if root.kind != "mapping":
        return
    class_ = root.get("tokenizer_class")
    if class_ is not None and class_.text:
        yield from state("tokenizer", class_, plain={"class": class_.text})
    tokens: dict[str, str] = {}
    first: Located | None = None
    for key in _TOKENS:
        value = root.get(key)
        text = (value.get("content") if value is not None and value.kind == "mapping" else value) if value is not None else None
        if text is not None and text.kind == "scalar" and text.raw and isinstance(text.value, str):
            tokens[key] = text.value[:200]
            first = first or text
    if tokens and first is not None:
        yield from state("special_tokens", first, plain=tokens)
    length = root.get("model_max_length")
    if length is not None and isinstance(length.value, int) and 0 < length.value < 1 << 40:
        yield from state("context_length", length, confidence=0.7)
    yield from state("hint_name", root.get("name_or_path") if _named(root, "name_or_path") else None, confidence=HINT)
    yield from remote_code(root)
    template = root.get("chat_template")
    for one in template.each() if template is not None else ():
        if one.kind == "scalar" and one.text:
            yield _template(str(one.node.value), "default", at(one))
        elif one.kind == "mapping" and (body := one.get("template")) is not None and body.kind == "scalar":
            label = one.get("name")
            yield _template(str(body.node.value), label.text if label is not None and label.text else "default", at(body))


def _named(root: Located, key: str) -> bool:
    value = root.get(key)
    return value is not None and bool(value.text)


def _template(text: str, name: str, evidence: Evidence) -> Statement:
    return Statement(
        field="template",
        value={"name": name[:100], "sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), "length": len(text)},
        evidence=evidence,
    )
