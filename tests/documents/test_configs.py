"""config.json and its kin, tokenizers, adapters, pipelines, runs, policies, SBOMs."""

from __future__ import annotations

import json

import pytest

from mlsbom.errors import Malformed
from mlsbom.model import Dependency, Kind, Reference

from .reading import line, read, references, shortfalls, stated


def pretty(value: object) -> str:
    return json.dumps(value, indent=1)


def test_a_configuration() -> None:
    text = pretty(
        {
            "_name_or_path": "acme-lab/start",
            "architectures": ["AcmeModel"],
            "model_type": "acme",
            "hidden_size": 8,
            "max_position_embeddings": 512,
            "torch_dtype": "torch.float16",
            "quantization_config": {"load_in_4bit": True, "quant_method": "bitsandbytes"},
            "vision_config": {"model_type": "acme_vision", "patch_size": 14},
            "auto_map": {"AutoModel": "other-lab/code--modeling.AcmeModel", "AutoConfig": "configuration.AcmeConfig"},
            "mm_vision_tower": "acme-lab/tower",
        }
    )
    facts = read("config.json", text)
    assert stated(facts, "architecture") == ["AcmeModel"] and line(facts, "architecture") == 4
    assert stated(facts, "dtype") == ["float16"]
    assert stated(facts, "context_length") == [512]
    assert stated(facts, "quantization") == ["bitsandbytes 4 bit"]
    assert {"name": "vision_config.patch_size", "value": 14} in stated(facts, "dimension")
    assert stated(facts, "hint_name") == ["acme-lab/start"]
    assert [(r, n) for r, n, _ in references(facts)] == [("remote-code", "other-lab/code"), ("used", "acme-lab/tower")]
    assert stated(facts, "remote_code")[0] == {"class": "AcmeModel", "module": "modeling", "repository": "other-lab/code"}
    assert stated(facts, "remote_code")[1] == {"class": "AcmeConfig", "module": "configuration"}


def test_another_programs_configuration_says_nothing() -> None:
    assert read("config.json", '{"theme": "dark", "port": 80}') == []


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "tokenizer_config.json",
        "adapter_config.json",
        "generation_config.json",
        "model_index.json",
        "modules.json",
        "model.safetensors.index.json",
        "tokenizer.json",
    ],
)
@pytest.mark.parametrize("text", ['{"a": 1,}', "{", '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "\x00\x01"])
def test_broken_json_is_refused(name: str, text: str) -> None:
    with pytest.raises(Malformed):
        read(name, text)


def test_keys_that_occur_twice() -> None:
    assert any("'model_type' occurs twice" in s for s in shortfalls(read("config.json", '{"model_type": "a", "model_type": "b"}')))


def test_huge_numbers_are_no_sizes() -> None:
    assert stated(read("config.json", '{"hidden_size": ' + "9" * 100_000 + "}"), "dimension") == []


def test_an_adapter() -> None:
    text = pretty(
        {"peft_type": "LORA", "base_model_name_or_path": "acme-lab/base", "revision": "abc", "r": 4, "target_modules": ["v", "q"]}
    )
    facts = read("a/adapter_config.json", text)
    (base,) = [f for f in facts if isinstance(f, Reference)]
    assert (base.name, base.version, base.relation, base.evidence.line) == ("acme-lab/base", "abc", "adapter", 3)
    assert {"name": "target_modules", "value": ["q", "v"]} in stated(facts, "hyperparameter")
    assert stated(read("adapter_config.json", '{"peft_type": "LORA", "base_model_name_or_path": "/home/me/base"}'), "hint_name") == [
        "/home/me/base"
    ]


def test_a_tokenizer() -> None:
    facts = read("tokenizer.json", '{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}, "added_tokens": []}')
    (value,) = stated(facts, "tokenizer")
    assert (value["algorithm"], value["vocabulary"], len(value["digest"])) == ("BPE", 2, 64)
    facts = read(
        "tokenizer_config.json",
        pretty({"tokenizer_class": "T", "bos_token": {"content": "<s>"}, "chat_template": [{"name": "tool", "template": "{{ x }}"}]}),
    )
    assert stated(facts, "special_tokens") == [{"bos_token": "<s>"}]
    assert [(t["name"], t["length"]) for t in stated(facts, "template")] == [("tool", 7)]


def test_pipelines() -> None:
    facts = read(
        "model_index.json",
        pretty(
            {"_class_name": "AcmePipeline", "_diffusers_version": "0.30", "unet": ["diffusers", "UNet"], "safety_checker": [None, None]}
        ),
    )
    assert stated(facts, "component_class") == [{"slot": "unet", "library": "diffusers", "class": "UNet"}]
    assert stated(facts, "library") == ["diffusers"]
    facts = read(
        "modules.json",
        pretty(
            [
                {"path": "", "type": "sentence_transformers.models.Transformer"},
                {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            ]
        ),
    )
    assert [c["class"] for c in stated(facts, "component_class")] == ["Transformer", "Pooling"]
    facts = read(
        "1_Pooling/config.json", pretty({"word_embedding_dimension": 4, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False})
    )
    assert {"name": "pooling", "value": "mean_tokens"} in stated(facts, "hyperparameter")


def test_runs_and_policies() -> None:
    facts = read("all_results.json", '{"eval_accuracy": 0.9, "epoch": 3, "eval_runtime": 12.0}')
    assert stated(facts, "metric") == [{"type": "accuracy", "value": 0.9, "name": "eval_accuracy", "slice": "eval"}]
    facts = read("SECURITY.md", "# Security\n\nReport to security@acme.example or https://acme.example/report-a-bug.\n")
    assert stated(facts, "security_policy") == ["SECURITY.md"]
    assert stated(facts, "security_contact") == ["security@acme.example", "https://acme.example/report-a-bug"]
    facts = read(".well-known/security.txt", "Contact: mailto:sec@acme.example\nExpires: 2027-01-01T00:00:00Z\n")
    assert stated(facts, "security_contact") == ["sec@acme.example"]


def test_a_spacy_pipeline() -> None:
    meta = {
        "lang": "ko",
        "name": "acme_sm",
        "version": "1.2",
        "license": "MIT",
        "spacy_version": ">=3",
        "pipeline": ["ner"],
        "sources": [{"name": "Acme Corpus 2"}],
        "performance": {"ents_f": 0.7, "speed": 5.0},
    }
    facts = read("ko_acme_sm/meta.json", pretty(meta))
    assert stated(facts, "name") == ["ko_acme_sm"]
    assert stated(facts, "metric") == [{"type": "ents_f", "value": 0.7}]
    assert [(r, n) for r, n, _ in references(facts)] == [("train", "Acme Corpus 2")]
    assert read("meta.json", '{"name": "something else"}') == []


CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {"component": {"type": "application", "name": "self"}},
    "components": [
        {"type": "library", "name": "numpy", "version": "1.2", "purl": "pkg:pypi/numpy@1.2"},
        {"type": "machine-learning-model", "name": "m", "purl": "pkg:huggingface/Acme/M@0123456789abcdef0123456789abcdef01234567"},
        {"type": "container", "name": "acme/run", "version": "1"},
        {"type": "file", "name": "x.py"},
    ],
    "services": [{"name": "api", "endpoints": ["https://api.acme.example"]}],
}


def test_a_cyclonedx_document_is_input() -> None:
    facts = read("sbom.cdx.json", pretty(CYCLONEDX))
    (package,) = [f for f in facts if isinstance(f, Dependency)]
    assert (package.name, package.resolved, package.parser, package.evidence.confidence) == ("numpy", "1.2", "sbom", 0.8)
    assert {(f.kind, f.name) for f in facts if isinstance(f, Reference)} == {
        (Kind.MODEL, "Acme/M"),
        (Kind.CONTAINER, "acme/run"),
        (Kind.SERVICE, "api"),
    }
    xml = (
        '<bom xmlns="http://cyclonedx.org/schema/bom/1.6"><components><component type="library"><name>numpy</name><version>1.2</version>'
        "<purl>pkg:pypi/numpy@1.2</purl></component></components></bom>"
    )
    assert [f.name for f in read("bom.xml", xml) if isinstance(f, Dependency)] == ["numpy"]
    with pytest.raises(Malformed, match="entities"):
        read("bom.xml", '<!DOCTYPE x [<!ENTITY a "b">]>' + xml)


def test_spdx_documents_are_input() -> None:
    two = {
        "spdxVersion": "SPDX-2.3",
        "documentDescribes": ["SPDXRef-0"],
        "packages": [
            {"SPDXID": "SPDXRef-0", "name": "self"},
            {
                "SPDXID": "SPDXRef-1",
                "name": "numpy",
                "versionInfo": "1.2",
                "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/numpy@1.2"}],
            },
        ],
    }
    assert [f.name for f in read("sbom.spdx.json", pretty(two)) if isinstance(f, Dependency)] == ["numpy"]
    three = {
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": [
            {"type": "ai_AIPackage", "name": "m", "software_packageUrl": "pkg:huggingface/acme/m"},
            {"type": "dataset_DatasetPackage", "name": "d"},
        ],
    }
    assert [(f.kind, f.name) for f in read("x.spdx.json", pretty(three)) if isinstance(f, Reference)] == [
        (Kind.MODEL, "acme/m"),
        (Kind.DATASET, "d"),
    ]
