"""Whether a text names something on a model hub, and what. The rules that keep local paths, files and plain words out.

A hub name is `owner/name` (or, for the oldest models, a bare `name`) of letters, digits, `-`, `_` and `.`, at most 96 characters a part
(rules of `huggingface_hub.utils.validate_repo_id`). Links to the hub and its schemes (`hf://`, `hf-hub:`) are understood.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from mlsbom.model import Evidence, Kind, Reference, Role
from mlsbom.patterns import late

_PART = r"[A-Za-z0-9](?:[\w.-]{0,94}[\w-])?"
_REPO = late(rf"({_PART})/({_PART})(?:@([\w./-]+))?\Z")
_LINK = late(
    r"https?://(?:www\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com)/(?:(datasets|spaces)/)?"
    rf"({_PART}/{_PART})(?:/(?:resolve|blob|tree|raw)/([\w.-]+)(?:/[^?#]*)?)?/?(?:[?#].*)?\Z"
)
_SCHEME = late(r"(?:hf://|hf[-_]hub:(?://)?|huggingface:(?://)?)(?:(datasets|spaces|models)/)?(?P<rest>.+)\Z")
_FILE = late(
    r"\.(?:pt|pth|bin|ckpt|safetensors|gguf|ggml|onnx|h5|hdf5|keras|pkl|pickle|joblib|npz?|tflite|json|jsonl|ya?ml|toml|txt|csv|tsv|parquet"
    r"|arrow|nemo|mar|msgpack|pdparams|mlmodel|params|trt|task|feather|tfrecord|py|ipynb|md|zip|tar|gz|tgz|zst|png|jpe?g|wav|mp3|flac|mp4|xml|html?|log|lock|cfg|ini|sh|model|engine|plan|proto|pb|jit)\Z",
    re.I,
)
_LOCAL: Final = frozenset(
    [
        "adapter",
        "adapters",
        "app",
        "apps",
        "artifact",
        "artifacts",
        "asset",
        "assets",
        "bin",
        "build",
        "cache",
        "checkpoint",
        "checkpoints",
        "ckpt",
        "ckpts",
        "config",
        "configs",
        "content",
        "data",
        "dataset",
        "datasets",
        "dev",
        "dist",
        "drive",
        "encoder",
        "etc",
        "exp",
        "experiment",
        "experiments",
        "export",
        "exports",
        "final",
        "fixtures",
        "home",
        "input",
        "inputs",
        "lib",
        "local",
        "log",
        "logs",
        "lora",
        "loras",
        "media",
        "mnt",
        "model",
        "models",
        "onnx",
        "opt",
        "out",
        "output",
        "outputs",
        "path",
        "pretrained",
        "pretrained_models",
        "project",
        "projects",
        "raw",
        "results",
        "root",
        "run",
        "runs",
        "sample",
        "samples",
        "save",
        "saved",
        "saved_model",
        "saved_models",
        "scripts",
        "src",
        "static",
        "storage",
        "test",
        "tests",
        "test_data",
        "testdata",
        "tmp",
        "tokenizer",
        "tokenizers",
        "train",
        "training",
        "users",
        "usr",
        "var",
        "volumes",
        "weight",
        "weights",
        "work",
        "workspace",
        "your-org",
        "your-username",
        "your_username",
        "username",
        "user",
        "org",
        "organization",
        "namespace",
        "your_org",
        "my-org",
    ]
)
_SINGLE = late(
    r"(?:(?:distil|xlm-|camem|flau|deberta|mobile|squeeze|tiny|bio|sci|fin)?(?:bert|roberta)|albert|xlnet|electra|deberta|gpt2|"
    r"distilgpt2|openai-gpt|t5|mt5|ctrl"
    r"|transfo-xl|xlm|facebook-opt|bart|longformer|reformer|all|paraphrase|multi-qa|msmarco|stsb|gtr|sentence-t5|"
    r"average_word_embeddings|clip-ViT|LaBSE"
    r"|distiluse|nli|allenai-specter|use-cmlm|ms-marco|bge|e5|gte)"
    r"(?:-[A-Za-z0-9.]+|_[A-Za-z0-9.]+)*\Z"
)
_WORD = late(r"[A-Za-z][\w.-]{1,94}\Z")


class HubName(Struct, frozen=True):
    """A name on a hub: `repository` (`owner/name` or `name`), the revision written with it, and model, dataset or space."""

    repository: str
    revision: str | None = None
    what: str = "model"


def hub_name(text: str, *, single: bool = False, anything: bool = False) -> HubName | None:
    """The hub name that a text is, or None for a path, a file, a template or a plain word.

    `single` admits the bare names of the oldest models (`gpt2`, `bert-base-uncased`) by their families; `anything` any bare word, for
    places where nothing but a name can stand (the `datasets` of a card, `load_dataset`).
    """
    text = text.strip()
    if not text or len(text) > 300:
        return None
    if link := _LINK.match(text):
        revision = link[3] if link[3] not in ("main", "master") else None
        return HubName(link[2], revision, {"datasets": "dataset", "spaces": "space"}.get(link[1] or "", "model"))
    if scheme := _SCHEME.match(text):
        found = hub_name("/".join(scheme["rest"].split("/")[:2]), single=True)
        return (
            HubName(found.repository, found.revision, {"datasets": "dataset", "spaces": "space"}.get(scheme[1] or "", "model"))
            if found
            else None
        )
    if text.startswith((".", "/", "~", "$", "\\", "s3:", "gs:")) or text.endswith("/") or "://" in text or "--" in text or ".." in text:
        return None
    if repo := _REPO.match(text):
        if repo[1].lower() in _LOCAL or _FILE.search(repo[2]) or repo[1].startswith("."):
            return None
        return HubName(f"{repo[1]}/{repo[2]}", repo[3])
    if "/" in text or _FILE.search(text):
        return None
    if (single and _SINGLE.match(text)) or (anything and _WORD.match(text) and text.lower() not in _LOCAL):
        return HubName(text)
    return None


def reference(
    found: HubName, evidence: Evidence, *, kind: Kind | None = None, role: Role = Role.USED, attrs: tuple[tuple[str, str], ...] = ()
) -> Reference:
    """The mention of a repository of the hub. `kind`: a data set where the name says so and else a model, unless the place says more."""
    return Reference(
        kind=kind or (Kind.DATASET if found.what == "dataset" else Kind.MODEL),
        name=found.repository,
        role=role,
        version=found.revision,
        hub="huggingface",
        attrs=attrs,
        evidence=evidence,
    )


def is_file_name(text: str) -> bool:
    """Whether a text ends like the name of a file."""
    return bool(_FILE.search(text.split("?", 1)[0].split("#", 1)[0]))
