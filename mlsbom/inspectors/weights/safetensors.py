"""safetensors: breaks of the format, bytes hidden between tensors, code in metadata; tensors and what the metadata say."""

from __future__ import annotations

import json as plain
from collections.abc import Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, TooLarge
from mlsbom.formats import safetensors
from mlsbom.formats.tensors import main_dtype
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import METADATA_CODE, seen, state, stated_base, text_finding
from mlsbom.judges import marks
from mlsbom.model import Kind, LicenseClaim, Reference, Role, Rule, Severity, Shortfall, Status

SPEC = Rule(id="SAFETENSORS-SPEC", title="A safetensors file breaks its format", severity=Severity.MEDIUM)
HIDDEN = Rule(id="SAFETENSORS-HIDDEN-DATA", title="Bytes that no tensor covers hold something else", severity=Severity.MEDIUM)
RULES = (SPEC, HIDDEN, METADATA_CODE)

_STATED = {
    "modelspec.title": "name", "modelspec.author": "author", "modelspec.description": "description",
    "modelspec.architecture": "architecture",
    "modelspec.date": "created", "modelspec.tags": "tag", "modelspec.usage_hint": "usage", "modelspec.implementation": "library",
    "version": "version", "modelspec.sai_model_spec": "format_version", "description": "description", "author": "author",
    "architecture": "architecture",
    "model_type": "architecture_family", "ss_sd_scripts_commit_hash": "producer_tool", "training_dataset": "training_data",
    "ss_training_comment": "training",
    "created": "created", "date": "created",
}  # fmt: skip
"""Keys of `__metadata__` -> fields (Stability AI ModelSpec 1.0.1; sd-scripts' `ss_*`)."""
_BASES = {"base_model": "unknown", "base_model_name_or_path": "adapter", "ss_base_model_version": "adapter", "ss_sd_model_name": "adapter",
    "modelspec.merged_from": "merge",
          "modelspec.base_model": "unknown", "ss_base_model": "adapter"}  # fmt: skip
_FRAMEWORKS = {"pt": "pytorch", "tf": "tensorflow", "flax": "flax", "mlx": "mlx", "np": "numpy", "paddle": "paddle"}


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one file."""
    try:
        read = blob.parsed(safetensors.read)
    except (Malformed, TooLarge) as e:
        yield SPEC.finding(str(e), evidence=seen(offset=e.offset or 0))
        yield Shortfall(status=Status.PARTIAL, reason=str(e))
        return
    if read.problems:
        more = f" (and {len(read.problems) - 1} more)" if len(read.problems) > 1 else ""
        yield SPEC.finding(
            read.problems[0][1], evidence=seen(offset=8), data=(("problems", str(len(read.problems))), ("more", more.strip()))
        )
    if not read.complete:
        yield Shortfall(status=Status.PARTIAL, reason="tensors end past the file: it is cut, or its header is wrong")
    for offset, size in read.gaps[:1000]:
        if what := marks.sniff(blob.read_at(offset, min(size, 4096))):
            yield HIDDEN.finding(f"{size} bytes that no tensor covers begin like a {what}", evidence=seen(offset=offset))
    for key, value in read.metadata.items():
        if isinstance(value, str):
            yield from text_finding(f"__metadata__ {marks.quote(key, 60)}", value)
    table = read.tensors.table()
    yield table
    yield from state("parameters", table.parameters, "header")
    yield from state("dtype", main_dtype(table), "header")
    yield from _statements(read.metadata)


def _statements(metadata: dict[str, Any]) -> Iterator[Yield]:
    for key, value in metadata.items():
        if not isinstance(value, str) or not value.strip():
            continue
        where = f"__metadata__.{key}"
        if key == "format":
            yield from state("framework", _FRAMEWORKS.get(value, value), where)
        elif key in ("modelspec.license", "license"):
            yield LicenseClaim(value=value, origin="metadata", part="model", about="file", evidence=seen(where))
        elif key in _BASES:
            yield stated_base(value, where, _BASES[key])
        elif key == "modelspec.tags":
            for tag in value.split(","):
                yield from state("tag", tag, where)
        elif key in ("ss_dataset_dirs", "ss_datasets"):
            yield from _datasets(value, where)
        elif key in _STATED:
            yield from state(_STATED[key], value, where)


def _datasets(value: str, where: str) -> Iterator[Yield]:
    """The folders of images that sd-scripts trained on."""
    try:
        parsed = plain.loads(value)
    except (ValueError, RecursionError):
        return
    names = parsed if isinstance(parsed, dict) else {}
    for name in list(names)[:50]:
        yield Reference(kind=Kind.DATASET, name=str(name), role=Role.TRAIN, about="file", evidence=seen(where))
