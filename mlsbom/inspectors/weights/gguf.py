"""GGUF: sizes that break readers, hostile templates, what stands behind the last tensor; keys and tensors for the SBOM."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob
from mlsbom.formats import gguf
from mlsbom.formats.gguf import FILE_TYPES, Array, Gguf
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.code import templates
from mlsbom.inspectors.weights.common import METADATA_CODE, base, hub_name, seen, state, text_finding
from mlsbom.judges import marks, template
from mlsbom.model import Kind, LicenseClaim, Reference, Role, Rule, Severity, Shortfall, Status
from mlsbom.patterns import late

BOUNDS = Rule(id="GGUF-BOUNDS", title="Sizes in a GGUF header overflow or point outside", severity=Severity.HIGH)
ANOMALY = Rule(id="GGUF-ANOMALY", title="A GGUF header holds what no writer writes", severity=Severity.MEDIUM)
RULES = (BOUNDS, ANOMALY, METADATA_CODE, *template.RULES)

_KEY: Final = late(r"[\w.\-/ :+@()\[\]]{1,512}")
_STATED: Final = {
    "name": "name", "author": "author", "organization": "supplier", "version": "version", "description": "description",
    "quantized_by": "producer_tool",
    "finetune": "hint_name", "basename": "hint_name", "size_label": "hint_name", "license.link": "", "url": "", "repo_url": "",
    "source.url": "", "source.repo_url": "",
}  # fmt: skip
_TEMPLATE = "tokenizer.chat_template"
_PLACEHOLDERS: Final = frozenset({"", "none", "n/a", "unknown", "llama", "model", "."})


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one file."""
    read = blob.parsed(gguf.read)
    for why, at in read.bounds[:20]:
        yield BOUNDS.finding(marks.quote(why), evidence=seen(offset=at))
    for why, at in read.anomalies[:20]:
        yield ANOMALY.finding(marks.quote(why), evidence=seen(offset=at))
    if read.broken and not read.bounds:
        yield Shortfall(status=Status.PARTIAL, reason=marks.quote(read.broken), evidence=seen(offset=read.broken_at))
    elif read.broken:
        yield Shortfall(status=Status.PARTIAL, reason="the header could not be read to its end", evidence=seen(offset=read.broken_at))
    yield from _judge(read)
    yield from _behind(blob, read)
    yield from _describe(read)


def _judge(read: Gguf) -> Iterator[Yield]:
    """Names and texts of the metadata."""
    chats: dict[str, str] = {}
    for key, value in read.values.items():
        if ".." in key or not _KEY.fullmatch(key) or key.startswith("/"):
            yield ANOMALY.finding(
                f"a key that is no name: {marks.quote(key, 80)}", evidence=seen(marks.quote(key, 80), offset=read.offsets.get(key))
            )
        texts = [value] if isinstance(value, str) else [v for v in value.items if isinstance(v, str)] if isinstance(value, Array) else []
        for text in texts:
            if key.startswith(_TEMPLATE):
                name = key.removeprefix(_TEMPLATE).lstrip(".") or "default"
                if not isinstance(value, Array):
                    chats[name] = text
                if "{{" in text or "{%" in text or not isinstance(value, Array):
                    yield from templates.facts(text, name, seen(key), about="file")
            elif not key.startswith("tokenizer.ggml."):
                yield from text_finding(marks.quote(key, 80), text, evidence=seen(key))
                if "{{" in text or "{%" in text:
                    yield from templates.facts(text, key, seen(key), chat=False)
    if len(set(chats.values())) > 1:
        yield template.SECOND.finding(f"{len(set(chats.values()))} chat templates that differ", evidence=seen(_TEMPLATE))
    for key in read.duplicates:
        yield ANOMALY.finding(f"the key {marks.quote(key, 80)} occurs twice", evidence=seen(key, offset=read.offsets.get(key)))


def _behind(blob: Blob, read: Gguf) -> Iterator[Yield]:
    """Data after the last tensor, and what a header without tensors is followed by."""
    end = read.data_end
    if read.broken or not end or blob.size - end < 16:
        return
    if what := marks.sniff(blob.read_at(end, 4096)):
        yield ANOMALY.finding(f"{blob.size - end} bytes behind the last tensor begin like a {what}", evidence=seen(offset=end))


def _describe(read: Gguf) -> Iterator[Yield]:
    values = read.values
    if len(read.tensors):
        table = read.tensors.table()
        yield table
        yield from state("parameters", table.parameters, "tensors")
    yield from state("format_version", f"GGUF {read.version}", "version")
    architecture = values.get("general.architecture")
    if isinstance(architecture, str):
        yield from state("architecture_family", architecture, "general.architecture")
        for key, name in (("embedding_length", "hidden_size"), ("block_count", "num_hidden_layers"), ("attention.head_count",
            "num_attention_heads"),
                          ("feed_forward_length", "intermediate_size"), ("vocab_size", "vocab_size"), ("expert_count",
                          "num_experts")):  # fmt: skip
            if isinstance(count := values.get(f"{architecture}.{key}"), int):
                yield from state("dimension", {"name": name, "value": count}, f"{architecture}.{key}")
        yield from state("context_length", values.get(f"{architecture}.context_length"), f"{architecture}.context_length")
    kind = values.get("general.file_type")
    if isinstance(kind, int):
        label = FILE_TYPES.get(kind, f"file type {kind}")
        yield from state("quantization" if kind > 1 and kind != 32 else "dtype", label, "general.file_type")
    for key, field in _STATED.items():
        value = values.get(f"general.{key}")
        if isinstance(value, str) and value.strip().lower() not in _PLACEHOLDERS:
            if field:
                yield from state(field, value, f"general.{key}")
            elif "://" in value:
                yield from state("url", {"type": "license" if key == "license.link" else "website", "url": value}, f"general.{key}")
    yield from _license(values)
    yield from _lineage(values)
    yield from _tokenizer(values)


def _license(values: dict[str, Any]) -> Iterator[Yield]:
    if isinstance(value := values.get("general.license"), str) and value.strip():
        name, link = values.get("general.license.name"), values.get("general.license.link")
        yield LicenseClaim(
            value=value,
            origin="header",
            part="model",
            name=name if isinstance(name, str) else None,
            about="file",
            url=link if isinstance(link, str) else None,
            evidence=seen("general.license"),
        )


def _lineage(values: dict[str, Any]) -> Iterator[Yield]:
    """general.base_model.N.* and general.dataset.N.*, tags and languages."""
    for what in ("base_model", "dataset"):
        for n in sorted({m[1] for k in values if (m := re.match(rf"general\.{what}\.(\d+)\.", k))}, key=int)[:100]:

            def part(name: str, *, prefix: str = f"general.{what}.{n}.") -> str | None:
                value = values.get(prefix + name)
                return value if isinstance(value, str) and value.strip() else None

            url = part("repo_url") or part("url")
            name = hub_name(url)[0] if url and "huggingface.co" in url else "/".join(filter(None, (part("organization"), part("name"))))
            if not name:
                continue
            where = f"general.{what}.{n}"
            if what == "base_model":
                yield base(name, where, version=part("version"), relation="unknown", url=url)
            else:
                yield Reference(
                    kind=Kind.DATASET, name=name, role=Role.TRAIN, version=part("version"), url=url, about="file", evidence=seen(where)
                )
    for key, field in (("general.tags", "tag"), ("general.languages", "language"), ("general.datasets", "")):
        value = values.get(key)
        for item in value.items if isinstance(value, Array) else ():
            if isinstance(item, str) and item:
                if field:
                    yield from state(field, item, key)
                else:
                    yield Reference(kind=Kind.DATASET, name=item, role=Role.TRAIN, about="file", evidence=seen(key))


def _tokenizer(values: dict[str, Any]) -> Iterator[Yield]:
    model, tokens = values.get("tokenizer.ggml.model"), values.get("tokenizer.ggml.tokens")
    if isinstance(model, str) or isinstance(tokens, Array):
        value: dict[str, Any] = {"algorithm": model} if isinstance(model, str) else {}
        if isinstance(tokens, Array):
            value["vocabulary"] = tokens.count
        yield from state("tokenizer", value, "tokenizer.ggml")
