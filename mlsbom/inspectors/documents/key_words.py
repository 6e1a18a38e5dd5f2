"""The keys of configurations by what they mean, as patterns over whole keys in lower snake case (`keys.snake`).

Sources: the configuration references of axolotl, TRL, LLaMA-Factory, torchtune, NeMo, Hydra, mergekit, LiteLLM and continue.
"""

from __future__ import annotations

import re

from mlsbom.patterns import late

MODEL = late(
    r"(?:\w+_)?(?:model|llm|encoder|tokenizer|checkpoint|embedder|embeddings?|reranker|teacher|student|vae|unet|controlnet|lora|"
    r"pretrained|base_model|judge)(?:_(?:name_or_path|name|id|path|repo|repo_id|hf_id|uri|config|checkpoint|name_or_id|dir|link))*"
    r"|pretrained(?:_model(?:_name)?(?:_or_path)?|_checkpoint|_weights|_name)?|hf_(?:model|repo|hub)(?:_id|_name|_repo)?|repo_id|"
    r"model_?id|init_from|init_checkpoint|load_checkpoint|draft_model|model_args|default_model|autocomplete_model|storage_uri|model_uri|"
    r"from_pretrained|(?:azure_)?deployment(?:_name|_id)?"
)
NOT_MODEL = late(
    r"(?:\w+_)?(?:type|class|arch|architecture|dir|hub_model_id|output|save|export|log|cache|deployment_model|family|format|dim|size|length|max|num|dtype|"
    r"parallel|registry)(?:_\w+)?|hub_model_id|push_to_hub_model_id|model_dir|checkpoint_dir|model_file|encoder_layers|run_name|"
    r"model_max_length|served_model_name"
)
PRODUCT = late(r"(?:\w+_)?(?:output|outputs|export|push|push_to_hub|publish|upload|destination|artifact)")
DATASET = late(
    r"(?:\w+_)?(?:data_?sets?)(?:_(?:name|path|id|repo|repo_id|name_or_path|mixer|list|names|paths|hf|uri))*|(?:train|training|eval|"
    r"evaluation|test|val|valid|validation|calibration|calib|instruct|pretrain|sft|dpo)_(?:data|set|ds|path|file|files|corpus)|"
    r"hf_dataset|download|download_url|data_url|data_path|data_files|data_name|data_id|benchmarks?|eval_tasks"
)
NOT_DATASET = late(
    r".*(?:_dir|_cache|_prepared_path|_type|_num_proc|_workers|_size|_split|_format|_kwargs|_config_name|_text_field|_seed|_columns?|"
    r"_info|output\w*)"
)
ENDPOINT = late(
    r"(?:\w+_)?(?:api_base|base_url|api_url|endpoint|endpoints|endpoint_url|server_url|service_url|inference_url|webhook_url|webhook|"
    r"tracking_uri|api_endpoint|gateway_url|dsn|llm_url|model_url|embedding_url|api_host|backend_url|proxy_url|collector_url)|"
    r"api_base_url|openai_proxy"
)
SERVING = late(
    r"(?:(?:openai|azure|azure_openai|llm|model|inference|anthropic|ollama|vllm|chat|completion)_)?(?:api_base|base_url|api_url|"
    r"endpoint|endpoint_url|server_url|inference_url|api_base_url|api_endpoint|api_host)|llm_url|model_url|inference_url|azure_endpoint"
)
ENVIRONMENT = late(r"(?:\w+_)?(?:url|uri|endpoint|base|host|dsn|server|webhook)")
PROVIDER = (
    "provider",
    "llm_provider",
    "model_provider",
    "api_type",
    "vendor",
    "api_provider",
    "service",
    "backend",
    "custom_llm_provider",
    "type",
    "class",
    "engine_type",
)
ACCESS = frozenset(
    {
        "api_base",
        "base_url",
        "api_key",
        "api_key_env",
        "api_key_name",
        "api_base_url",
        "api_version",
        "endpoint",
        "api_url",
        "api_key_env_var",
        "azure_endpoint",
        "apikey",
        "openai_api_key",
        "api_token",
    }
)
INNER = frozenset(
    {
        "name",
        "path",
        "id",
        "repo",
        "repo_id",
        "hf_id",
        "model",
        "hf_path",
        "hub_id",
        "name_or_path",
        "uri",
        "source",
        "model_id",
        "model_name",
        "pretrained_model_name_or_path",
        "dataset",
        "dataset_name",
        "hf_name",
        "pretrained",
        "hf_hub_url",
        "hub",
    }
)
MODEL_HOLDER = late(
    r"(?:\w+_)?(?:models?|llms?|encoders?|tokenizer|teacher|student|embeddings?|embedder|reranker|generator|backbone|vae|unet|"
    r"controlnets?|loras?|draft|judge|base_model|language_model|vision_tower|speculative(?:_config)?)"
)
DATA_HOLDER = late(
    r"(?:\w+_)?(?:data_?sets?|data|corpora|corpus|benchmarks?|train_ds|validation_ds|test_ds)|train|eval|test|validation|dataset_mixer"
)
TEST = late(r"(?:^|[._\[])(?:test|eval|evaluation|val|valid|validation|benchmark)", re.I)
TELEMETRY = late(r"otlp|sentry|telemetry|tracking|dsn\Z|analytics|wandb|metrics_url|collector", re.I)
BUILDERS = frozenset(
    [
        "json",
        "csv",
        "parquet",
        "text",
        "arrow",
        "pandas",
        "imagefolder",
        "audiofolder",
        "webdataset",
        "xml",
        "sql",
        "local",
        "custom",
        "hf",
        "huggingface",
        "file",
        "files",
        "default",
        "auto",
        "s3",
        "gcs",
        "jsonl",
        "alpaca",
        "sharegpt",
        "chat_template",
        "completion",
    ]
)
HUB_ORGS = frozenset(
    {
        "openai",
        "google",
        "mistralai",
        "nvidia",
        "databricks",
        "huggingface",
        "ai21labs",
        "deepseek",
        "cohere",
        "perplexity",
        "xai",
        "upstage",
    }
)
DATA_FILE = late(r"\.(?:csv|tsv|json|jsonl|parquet|arrow|ndjson|txt|tar|tgz|zip|tar\.gz|zst)\Z", re.I)
