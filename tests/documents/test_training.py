"""Configuration of training, serving and applications."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsbom.errors import ReadError
from mlsbom.model import Reference

from .reading import read, references, stated

CASES = {
    "axolotl.yaml": (
        "base_model: acme-lab/base\ndatasets:\n  - path: acme-lab/train\n    type: alpaca\n  - path: data/local.jsonl\n"
        "test_datasets:\n  - path: acme-lab/held-out\nlora_r: 8\n",
        {("used", "acme-lab/base", 1), ("train", "acme-lab/train", 3), ("test", "acme-lab/held-out", 7)},
    ),
    "trl.yml": (
        "model_name_or_path: acme-lab/base\ndataset_name: acme-lab/pairs\nlearning_rate: 1e-5\n"
        "num_train_epochs: 1\nhub_model_id: me/out\noutput_dir: me/out\n",
        {("used", "acme-lab/base", 1), ("train", "acme-lab/pairs", 2)},
    ),
    "llamafactory.yaml": (
        "model_name_or_path: acme-lab/base\nstage: sft\nfinetuning_type: lora\ndataset: one_set,two_set\n",
        {("used", "acme-lab/base", 1), ("train", "one_set", 4), ("train", "two_set", 4)},
    ),
    "torchtune.yaml": (
        "dataset:\n  _component_: torchtune.datasets.x\n  source: acme-lab/alpaca\nepochs: 1\noptimizer:\n  lr: 1\n",
        {("train", "acme-lab/alpaca", 3)},
    ),
    "hydra.yaml": (
        "model:\n  pretrained_model_name_or_path: acme-lab/vit\ndata:\n  hf_path: acme-lab/images\n",
        {("used", "acme-lab/vit", 2), ("used", "acme-lab/images", 4)},
    ),
    "merge.yaml": (
        "models:\n  - model: acme-lab/a\n  - model: acme-lab/b\nmerge_method: ties\nbase_model: acme-lab/c\n",
        {("base", "acme-lab/a", 2), ("base", "acme-lab/b", 3), ("base", "acme-lab/c", 5)},
    ),
    "litellm.yaml": (
        "model_list:\n  - model_name: alias\n    litellm_params:\n      model: azure/gpt-4o-eu\n      api_base: https://x.openai.azure.com\n",
        {("hosted", "gpt-4o-eu", 4), ("calls", "x.openai.azure.com", 5)},
    ),
    "app.toml": (
        '[llm]\nprovider = "anthropic"\nmodel = "claude-9"\n[embedding]\nmodel = "acme-lab/emb"\n[trace]\notlp_endpoint = "https://otel.acme.example"\n',
        {("hosted", "claude-9", 3), ("used", "acme-lab/emb", 5), ("telemetry", "otel.acme.example", 7)},
    ),
    "continue.json": (
        '{"models": [\n{"provider": "openai", "model": "gpt-4o"}],\n"apiBase": "https://gw.acme.example/v1"}',
        {("hosted", "gpt-4o", 2), ("calls", "gw.acme.example", 3)},
    ),
    ".env.example": (
        "OPENAI_BASE_URL=https://gw.acme.example/v1\nMODEL_ID=acme-lab/m  # comment\nSENTRY_DSN=https://k@errors.acme.example/1\nTOKEN=\n",
        {("calls", "gw.acme.example", 1), ("used", "acme-lab/m", 2), ("telemetry", "errors.acme.example", 3)},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_named(name: str) -> None:
    text, expected = CASES[name]
    assert set(references(read(f"conf/{name}", text))) == expected


NOTHING = {
    "site.yaml": "homepage: https://acme.example\nrepo_url: https://git.acme.example/x\nmodel: none\n",
    "local.yaml": "base_model: ./out\nmodel_path: models/mine\n"
    "datasets:\n  - path: json\n    data_files: a.json\nmodel_dir: acme-lab/out\n",
    "template.yaml": "base_model: ${MODEL}\napi_base: https://${HOST}/v1\nmodel: '{{ model }}'\n",
    "loop.yaml": "api_base: http://localhost:8000/v1\nendpoint: http://127.0.0.1/x\n",
    "openapi.yaml": "openapi: 3.0.0\nservers:\n- url: https://api.acme.example\nmodel: acme-lab/m\n",
    "record.json": '{"instruction": "use acme-lab/m", "output": "x", "model": "acme-lab/m"}',
    "package.json": '{"name": "x", "model": "acme-lab/m"}',
    ".github/workflows/ci.yml": "on: push\njobs: {a: {model: acme-lab/m}}\n",
    "types.yaml": "model_type: llama\nmodel_class: a/b\ntokenizer_type: c/d\ndataset_type: e/f\n",
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_only_looks_like_one(name: str) -> None:
    assert references(read(name, NOTHING[name])) == []


def test_a_run_is_described() -> None:
    (run,) = stated(read("t/axolotl.yaml", CASES["axolotl.yaml"][0] + "seed: 7\n"), "training_run")
    assert run == {"name": "axolotl", "base": "acme-lab/base", "datasets": ["acme-lab/held-out", "acme-lab/train"], "seed": 7}


def test_relation_of_a_merge() -> None:
    assert {f.relation for f in read("merge.yaml", CASES["merge.yaml"][0]) if isinstance(f, Reference)} == {"merge"}


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for name in ("README.md", "config.json", "train.yaml", "app.toml", ".env", "SECURITY.md", "tokenizer_config.json", "modules.json"):
        try:
            read(name, "base_model\n" + text)
            read(name, text)
        except ReadError:
            pass


def test_a_template_is_read_by_line() -> None:
    text = "{{- if .Values.x }}\nmodel: acme-lab/m\n  {{ toYaml . | indent 2 }}\n{{- end }}\nbase_url: https://gw.acme.example/v1\n"
    assert set(references(read("templates/deploy.yaml", text))) == {("hosted", "acme-lab/m", 2), ("calls", "gw.acme.example", 5)}


def test_every_document_of_a_file_counts() -> None:
    assert references(read("a.yaml", "x: 1\n---\nbase_model: acme-lab/m\n")) == [("used", "acme-lab/m", 3)]


def test_json_lines_are_data() -> None:
    assert read("train.json", '{"model": "acme-lab/m"}\n{"model": "acme-lab/n"}\n') == []


@pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.toml"])
def test_broken_configuration_is_refused(name: str) -> None:
    with pytest.raises(ReadError):
        read(name, 'base_model = [": {\n')
