"""`adapter_config.json`: what kind of adapter this is, and of which model at which revision."""

from __future__ import annotations

from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.formats import located
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.documents.common import base_model, doubled, state
from mlsbom.inspectors.documents.config import remote_code
from mlsbom.model import Rule

RULES: tuple[Rule, ...] = ()
_HYPER = (
    "r",
    "lora_alpha",
    "lora_dropout",
    "bias",
    "use_rslora",
    "use_dora",
    "num_virtual_tokens",
    "prefix_projection",
    "init_lora_weights",
    "target_modules",
    "modules_to_save",
    "alpha",
    "rank",
    "task_type",
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of an adapter's configuration. Raises Malformed for what is no JSON."""
    document = blob.parsed(located.read_json)
    root = document.root
    yield from doubled(document.duplicates)
    kind = root.get("peft_type") or root.get("adapter_type") or root.get("fine_tune_type")
    if kind is not None and kind.text:
        yield from state("architecture_family", kind, plain=kind.text)
        yield from state("library", kind, plain="peft") if root.get("peft_type") is not None else ()
    revision = root.get("revision")
    for key in ("base_model_name_or_path", "model_name", "model_name_or_path", "base_model"):
        value = root.get(key)
        if value is not None and value.text:
            found = list(base_model(value, "adapter", version=revision.text or None if revision is not None else None))
            yield from found
            if not found:
                yield from state("hint_name", value, confidence=0.3)
            break
    for key in _HYPER:
        value = root.get(key)
        plain = value.value if value is not None else None
        if plain not in (None, "", [], {}):
            yield from state(
                "hyperparameter",
                value,
                plain={
                    "name": key,
                    "value": sorted(plain) if isinstance(plain, list) and all(isinstance(x, str) for x in plain) else plain,
                },
            )
    yield from remote_code(root)
