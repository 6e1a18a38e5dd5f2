"""The names of the values that a `Statement` may carry, and what their values look like.

One vocabulary for all inspectors and all exporters. A value is plain JSON: a string, a number, a boolean, a list or an object of these.
"""

from __future__ import annotations

from typing import Final

FIELDS: Final[dict[str, str]] = {
    # identity
    "name": "name of the model, dataset or project as its source states it (title of a card, general.name, [project] name)",
    "version": "version as stated (1.0.0, general.version, [project] version)",
    "description": "one paragraph of plain text",
    "supplier": "organisation or person that supplies it",
    "author": "author as stated",
    "producer_tool": "program that wrote the file, with its version (`pytorch 2.4.0`)",
    "released": "RFC 3339 date or time of release, as stated",
    "created": "RFC 3339 date or time of creation, as stated",
    "hint_name": "a name that is no identity (_name_or_path, checkpoint path); shown in the ledger only",
    # model
    "task": "task or pipeline tag (text-generation)",
    "library": "library that loads it (transformers)",
    "library_version": "version of that library, as stated",
    "architecture": "class of the architecture (LlamaForCausalLM)",
    "architecture_family": "family (llama)",
    "approach": "learning approach, only if stated: supervised, unsupervised, reinforcement-learning, semi-supervised, self-supervised",
    "parameters": "number of parameters (integer)",
    "dtype": "dtype of the weights (bfloat16)",
    "context_length": "tokens (integer)",
    "quantization": "quantisation, as a short text (gptq 4 bit, Q4_K_M)",
    "hyperparameter": 'object {"name": ..., "value": ...}',
    "dimension": 'object {"name": "hidden_size", "value": 64}',
    "framework": "framework of a file (pytorch, tensorflow, onnx)",
    "format_version": "version of a file's format",
    "component_class": 'object {"slot": "unet", "library": "diffusers", "class": "UNet2DConditionModel"}',
    "opset": 'object {"domain": "ai.onnx", "version": 17}',
    "graph_name": "name of a graph inside a file; no identity",
    "input": "format of an input (text, image, audio, `x: float32[1,4]`)",
    "output": "format of an output",
    "metric": 'object {"type", "value", "slice"?, "dataset"?, "name"?, "confidence"?}',
    "tokenizer": 'object {"class"?, "algorithm"?, "vocabulary"?: n, "digest"?}',
    "template": 'object {"name", "sha256", "length"}',
    "special_tokens": "object of role -> token",
    "remote_code": 'object {"class", "module", "repository"?}: code that a loader runs',
    # texts of the card
    "language": "BCP 47 tag or ISO 639 code",
    "tag": "a tag of the card",
    "intended_use": "text", "out_of_scope": "text", "limitation": "text", "bias": "text", "ethics": "text", "tradeoff": "text",
    "training": "text about training", "training_data": "text about training data", "preprocessing": "text", "evaluation": "text",
    "environment": "text about environmental impact", "usage": "text: how to use", "citation": "text", "contact": "text or address",
    "io_text": "text about input and output", "safety": "text", "explainability": "text",
    "energy_kwh": "number of kWh, as stated", "co2_grams": "number of grams of CO2eq, as stated",
    "hardware": "hardware used or required, as stated (8xH100)",
    "gated": "access is gated on the hub: text or true",
    "superseded_by": "name of a newer version",
    # dataset
    "size_category": "size category of a dataset (1K<n<10K)", "rows": "number of rows (integer)", "bytes": "number of bytes (integer)",
    "split": 'object {"name", "rows"?, "bytes"?}', "feature": 'object {"name", "type"?}', "annotations": "who annotated",
    "personal_data": "what is said about personal or sensitive data: text", "collection": "how data were collected: text",
    "task_category": "task category of a dataset", "data_file": "path or URL of a data file", "governance": "owner, as stated",
    # system
    "security_policy": "path or URL of a security policy, or its contact", "security_contact": "address",
    "compliance": "a standard or regulation, with what is said", "security_control": "text",
    "url": 'object {"type": a CycloneDX external reference type, "url": ...}',
    "python_requires": "range of Python versions", "commit": "40-hex commit", "remote": "URL of the repository, without credentials",
    "infrastructure": "software or service the target runs on, as stated", "entry_point": "command or module",
    "training_run": 'object of a described run: {"name", "base"?, "datasets"?, "hardware"?, "seed"?}',
    "shards": 'object {"expected": [...], "total_size": n?}', "files_listed": "list of file names that a manifest names",
}
