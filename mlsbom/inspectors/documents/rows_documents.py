"""When the inspectors of cards, configurations and training files are called."""

from __future__ import annotations

from typing import Final

from mlsbom.inspectors import Row

_HERE: Final = "mlsbom.inspectors.documents"

_CONFIG_STEMS: Final[tuple[bytes, ...]] = (
    b"base_model",
    b"model_name",
    b"model_id",
    b"model_path",
    b"modelId",
    b"model:",
    b'model"',
    b"pretrained",
    b"hf_",
    b"repo_id",
    b"repo:",
    b"dataset",
    b"base_url",
    b"baseURL",
    b"baseUrl",
    b"api_base",
    b"apiBase",
    b"endpoint",
    b"api_url",
    b"server_url",
    b"tracking_uri",
    b"checkpoint",
    b"tokenizer",
    b"MODEL",
    b"_URL",
    b"_BASE",
    b"ENDPOINT",
    b"DATASET",
    b"teacher",
    b"openai",
    b"anthropic",
    b"gpt-",
    b"claude-",
    b"wandb",
    b"_dsn",
    b"dsn:",
)
"""Rare stems of which every configuration that names a model, a data set or a service holds one."""

ROWS: tuple[Row, ...] = (
    Row(
        name="documents.cards",
        module=f"{_HERE}.cards",
        names=(
            "readme*.md",
            "readme.markdown",
            "readme",
            "readme.txt",
            "readme.rst",
            "*model_card*.md",
            "*modelcard*.md",
            "*model-card*.md",
            "*dataset_card*.md",
            "*datasetcard*.md",
            "*dataset-card*.md",
            "*data_card*.md",
            "model_card",
        ),
    ),
    Row(
        name="documents.config",
        module=f"{_HERE}.config",
        names=(
            "config.json",
            "params.json",
            "open_clip_config.json",
            "*processor_config.json",
            "feature_extractor_config.json",
            "model_config.json",
            "mmproj_config.json",
            "config.*.json",
        ),
    ),
    Row(
        name="documents.tokenizer",
        module=f"{_HERE}.tokenizer",
        names=(
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "vocab.json",
            "chat_template.json",
            "chat_template.jinja",
            "additional_chat_templates/*.jinja",
        ),
    ),
    Row(name="documents.adapter", module=f"{_HERE}.adapter", names=("adapter_config.json",)),
    Row(
        name="documents.pipeline",
        module=f"{_HERE}.pipeline",
        names=(
            "model_index.json",
            "modules.json",
            "generation_config.json",
            "config_sentence_transformers.json",
            "sentence_*_config.json",
            "?_pooling/config.json",
        ),
    ),
    Row(name="documents.shards", module=f"{_HERE}.shards", names=("*.index.json",)),
    Row(
        name="documents.policies",
        module=f"{_HERE}.policies",
        names=("security.md", "security.txt", "security.rst", "security", "security_policy.md"),
    ),
    Row(
        name="documents.training",
        module=f"{_HERE}.training",
        formats=frozenset({"yaml", "json", "toml", "ini"}),
        names=("*.yaml", "*.yml", "*.json", "*.toml", "*.gin", ".env*", "*.env"),
        triggers=_CONFIG_STEMS,
    ),
    Row(name="documents.pointer", module=f"{_HERE}.pointer", formats=frozenset({"lfs-pointer", "annex-link"})),
    Row(name="documents.meta", module=f"{_HERE}.meta", names=("meta.json",)),
    Row(
        name="documents.runs",
        module=f"{_HERE}.runs",
        names=("trainer_state.json", "all_results.json", "train_results.json", "eval_results.json", "training_args.json", "*_results.json"),
    ),
    Row(
        name="documents.sbom-input",
        module=f"{_HERE}.sbom_input",
        formats=frozenset({"cyclonedx-json", "spdx-json", "cyclonedx-xml"}),
        names=("*.cdx.json", "*.spdx.json", "bom.json", "sbom.json", "*.cdx.xml", "bom.xml", "*.bom.json", "sbom*.json", "*.sbom.json"),
    ),
    Row(
        name="documents.data-scripts",
        module=f"{_HERE}.dataset_info",
        names=("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "croissant.json", "state.json"),
    ),
)
