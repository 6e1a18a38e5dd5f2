"""Configuration of training, serving and applications: the models, data sets and services that its keys name.

One reader for axolotl, TRL, LLaMA-Factory, torchtune, NeMo, Hydra, mergekit, LiteLLM, continue and whatever else writes `base_model:`,
`datasets:` or `api_base:`: keys are judged by what they mean, values by what they look like (`keys`). A word that could be a path, a file
or a plain word is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json, located, yaml
from mlsbom.formats.located import Located
from mlsbom.formats.yaml import Node
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.documents import keys
from mlsbom.inspectors.documents.common import at, doubled, state
from mlsbom.inspectors.documents.keys import Reading
from mlsbom.model import Kind, Reference, Role, Rule, Statement
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = ()

SIZE_LIMIT = 1 << 20
_READ_ELSEWHERE = late(
    r"(?:tokenizer(?:_config)?|special_tokens_map|vocab|merges|adapter_config|generation_config|model_index|modules|"
    r"(?:pre)?processor_config|preprocessor_config|package|package-lock|composer|tsconfig|jsconfig|deno|renovate|"
    r"trainer_state|dataset_infos?|dataset_dict|config_sentence_transformers|sentence_bert_config|chat_template|\.?mcp|"
    r"claude_desktop_config|mcp_config|croissant|.*\.index|.*\.cdx|.*\.spdx|.*bom|.*sbom|.*\.sigstore|.*_results)\.json\Z"
    r"|(?:docker-)?compose.*\.ya?ml\Z|environment.*\.ya?ml\Z|conda.*\.ya?ml\Z|pyproject\.toml\Z|pnpm-lock\.yaml\Z|mkdocs\.ya?ml\Z|"
    r"\.pre-commit.*\Z|pylock.*\.toml\Z|pixi\.toml\Z|cargo\.toml\Z|pipfile\Z|mlsbom\.toml\Z|.*\.lock\Z|codecov\.ya?ml\Z|dependabot\.ya?ml\Z"
)
_WORKFLOW = late(r"(?:^|/)(?:\.github|\.gitlab|\.circleci|node_modules|\.vscode|\.devcontainer)/")
_SETTINGS = frozenset(
    {
        "learning_rate",
        "lr",
        "num_train_epochs",
        "num_epochs",
        "epochs",
        "max_steps",
        "per_device_train_batch_size",
        "micro_batch_size",
        "batch_size",
        "gradient_accumulation_steps",
        "optimizer",
        "optim",
        "lora_r",
        "lora_alpha",
        "adapter",
        "finetuning_type",
        "warmup_steps",
        "warmup_ratio",
        "lr_scheduler",
        "lr_scheduler_type",
        "weight_decay",
        "sequence_len",
        "max_seq_length",
        "seed",
    }
)
"""Settings of a run: they tell that a configuration is one of training, and are worth stating."""
_TRAINING = _SETTINGS | {
    "train_batch_size",
    "trainer",
    "training",
    "training_arguments",
    "train",
    "loss",
    "stage",
    "datasets",
    "train_dataset",
    "dataset_mixer",
    "dpo_beta",
    "beta",
    "output_dir",
    "deepspeed",
    "fsdp",
}
_HYPER = _SETTINGS | {
    "lora_dropout",
    "bf16",
    "fp16",
    "mixed_precision",
    "num_processes",
    "num_machines",
    "zero_stage",
    "distributed_type",
    "load_in_4bit",
    "load_in_8bit",
    "merge_method",
    "dtype",
}


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """What a configuration names. A document that cannot be read is the caller's ReadError where its name is known to matter."""
    path = (context.member or context.path).lower()
    base = path.rpartition("/")[2]
    if _READ_ELSEWHERE.fullmatch(base) or _WORKFLOW.search(path) or blob.size > SIZE_LIMIT:
        return
    if base == "config.json" and any(word in blob.head for word in (b'"architectures"', b'"model_type"', b'"auto_map"', b'"_class_name"')):
        return
    found: list[Reference | Statement] = []
    duplicates: list[tuple[str, int]] = []
    for document in _documents(blob, base):
        root = document.root
        for one in list(root.each())[:200] if root.kind == "sequence" else [root]:
            if one.kind == "mapping" and not _is_data(one):
                found.extend(facts(one, environment=_is_environment(base), name=base))
        duplicates.extend(document.duplicates)
    yield from found
    if found:
        yield from doubled(duplicates)


def _is_environment(base: str) -> bool:
    return base.startswith(".env") or base.endswith(".env")


def _documents(blob: Blob, base: str) -> list[located.Document]:
    """The documents of a configuration. A template of YAML is read line by line; JSON Lines are data, and no configuration."""
    try:
        if _is_environment(base) or base.endswith((".ini", ".cfg", ".conf")):
            return [located.Document(_environment(blob.text(SIZE_LIMIT)))]
        if base.endswith((".yaml", ".yml")):
            return [located.of_yaml(d) for d in blob.parsed(yaml.read)[:100]]
        if base.endswith(".json"):
            return [blob.parsed(located.read_json)]
        return [blob.parsed(located.read_toml)] if base.endswith(".toml") else []
    except Malformed:
        data = blob.data(SIZE_LIMIT)
        if base.endswith((".yaml", ".yml")) and (b"{{" in data or b"{%" in data):
            return [located.Document(_environment(blob.text(SIZE_LIMIT)))]
        if base.endswith(".json") and _is_lines(data):
            return []
        raise


def _is_lines(data: bytes) -> bool:
    """Whether a text is JSON Lines: the first two lines are documents by themselves."""
    rows = [row for row in data.split(b"\n", 8)[:8] if row.strip()][:2]
    try:
        return len(rows) > 1 and all(isinstance(json.loads(row).value, (dict, list)) for row in rows)
    except Malformed:
        return False


def _environment(text: str) -> Located:
    """`KEY=VALUE` lines as a mapping."""
    pairs = []
    for number, row in enumerate(text.splitlines(), 1):
        if m := re.match(r"\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*[=:]\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s#]+))", row):
            value = next((g for g in m.groups()[1:] if g is not None), "")
            pairs.append((Node("scalar", m[1], number, plain=False), Node("scalar", value, number, plain=False)))
    return Located(Node("mapping", pairs, 1))


def _is_data(root: Located) -> bool:
    """Whether a mapping is a record of a data set, an OpenAPI description or another description of something else."""
    names = {k for k, _ in root.items()}
    return (
        bool(names & {"openapi", "swagger", "$schema", "apiVersion", "jobs", "bomFormat", "spdxVersion", "@graph", "@context", "nbformat"})
        or {"instruction", "output"} <= names
        or "messages" in names
    )


def facts(root: Located, *, environment: bool = False, name: str = "") -> Iterator[Reference | Statement]:
    """The references of a configuration, and the run that it describes where it is one of training."""
    top = {keys.snake(k) for k, _ in root.items()}
    for _, inner in root.items():
        top |= {keys.snake(k) for k, _ in inner.items()}
    training = len(top & _TRAINING) >= 2 or "base_model" in top
    merge = "merge_method" in top or ("slices" in top and "dtype" in top)
    reading = Reading(
        training=training, merge=merge, environment=environment, factory=bool({"finetuning_type", "stage"} & top and "dataset" in top)
    )
    references = list(reading.references(root))
    yield from references
    if training and not merge:
        yield from _run(root, references, name)
        yield from _hyperparameters(root)


def _run(root: Located, references: list[Reference], name: str) -> Iterator[Statement]:
    models = [r for r in references if r.kind == Kind.MODEL and r.role == Role.USED]
    datasets = [r for r in references if r.kind == Kind.DATASET]
    if not models and not datasets:
        return
    value: dict[str, object] = {"name": name.rsplit(".", 1)[0]}
    if models:
        value["base"] = models[0].name
    if datasets:
        value["datasets"] = sorted({d.name for d in datasets})
    seed = root.get("seed")
    if seed is not None and isinstance(seed.value, int):
        value["seed"] = seed.value
    first = (models or datasets)[0]
    yield Statement(field="training_run", value=value, evidence=first.evidence)


def _hyperparameters(root: Located) -> Iterator[Statement]:
    holders = [
        root,
        *(
            v
            for k, v in root.items()
            if v.kind == "mapping"
            and keys.snake(k) in ("training", "training_arguments", "trainer", "train", "optimizer", "lora", "hyperparameters")
        ),
    ]
    for holder in holders:
        for key, value in holder.items():
            plain = value.value if value.kind == "scalar" and keys.snake(key) in _HYPER else None
            if isinstance(plain, (int, float, str)) and plain != "" and not (isinstance(plain, str) and len(plain) > 60):
                yield Statement(field="hyperparameter", value={"name": key, "value": plain}, evidence=at(value, 0.7))
    for key in ("hardware", "gpu_type", "accelerator_type"):
        stated = root.get(key)
        if stated is not None and re.search(r"[A-Za-z]\d|TPU|GPU", stated.text):
            yield from state("hardware", stated)
