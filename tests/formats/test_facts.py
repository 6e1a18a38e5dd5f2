"""What model files tell the SBOM."""

from __future__ import annotations

from typing import Any

import pytest

from mlsbom.blob import BytesBlob
from mlsbom.budget import Budget
from mlsbom.inspectors import Context
from mlsbom.inspectors.weights import boosters, coreml, gguf, onnx, safetensors, tensorflow, tflite
from mlsbom.knowledge import Packs
from mlsbom.model import AnyFact, Kind, LicenseClaim, Reference, Role, Statement, TensorTable
from tests.formats import build


def facts(module: Any, raw: bytes, *formats: str) -> list[AnyFact]:
    blob = BytesBlob(raw, "m")
    return list(module.inspect(blob, Context(packs=Packs(), budget=Budget(len(raw)), path="m", formats=formats)))


def stated(found: list[AnyFact], field: str) -> list[Any]:
    return [f.value for f in found if isinstance(f, Statement) and f.field == field]


def test_gguf() -> None:
    values = {
        "general.architecture": "llama",
        "general.name": "A Model",
        "general.author": "somebody",
        "general.organization": "a lab",
        "general.version": "1.2",
        "general.license": "apache-2.0",
        "general.file_type": 15,
        "general.base_model.0.name": "Base",
        "general.base_model.0.organization": "org",
        "general.base_model.0.repo_url": "https://huggingface.co/org/base",
        "general.dataset.0.name": "Data",
        "general.dataset.0.organization": "org",
        "general.tags": ["text-generation"],
        "general.languages": ["en"],
        "llama.context_length": 4096,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": ["a"] * 100,
        "tokenizer.chat_template": "{{ messages }}",
    }
    found = facts(gguf, build.gguf(values, {"w": (4, 8)}), "gguf")
    assert stated(found, "name") == ["A Model"] and stated(found, "version") == ["1.2"] and stated(found, "context_length") == [4096]
    assert stated(found, "quantization") == ["Q4_K_M"] and stated(found, "parameters") == [32] and stated(found, "language") == ["en"]
    assert stated(found, "tokenizer") == [{"algorithm": "gpt2", "vocabulary": 100}]
    assert [t["name"] for t in stated(found, "template")] == ["default"]
    assert [(c.value, c.origin, c.about) for c in found if isinstance(c, LicenseClaim)] == [("apache-2.0", "header", "file")]
    assert [(r.kind, r.name, r.role, r.about) for r in found if isinstance(r, Reference)] == [
        (Kind.MODEL, "org/base", Role.BASE, "file"),
        (Kind.DATASET, "org/Data", Role.TRAIN, "file"),
    ]


def test_safetensors() -> None:
    metadata = {"format": "pt", "modelspec.title": "T", "modelspec.license": "MIT", "base_model": "org/base", "modelspec.author": "me"}
    raw = build.safetensors({"__metadata__": metadata, "w": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}, bytes(8))
    found = facts(safetensors, raw, "safetensors")
    table = next(f for f in found if isinstance(f, TensorTable))
    assert (table.names, table.dtypes, table.shapes, table.parameters) == (("w",), ("BF16",), ((2, 2),), 4)
    assert stated(found, "dtype") == ["bfloat16"] and stated(found, "framework") == ["pytorch"] and stated(found, "name") == ["T"]
    assert [r.name for r in found if isinstance(r, Reference)] == ["org/base"]
    assert [c.value for c in found if isinstance(c, LicenseClaim)] == ["MIT"]


def test_onnx() -> None:
    raw = build.onnx(
        build.onnx_node("Relu"), tensors=(build.onnx_tensor("w", (2, 3), bytes(24)),), metadata={"license": "MIT", "author": "me"}
    )
    found = facts(onnx, raw, "onnx")
    assert stated(found, "opset") == [{"domain": "ai.onnx", "version": 17}] and stated(found, "graph_name") == ["g"]
    assert not stated(found, "name") and stated(found, "parameters") == [6] and stated(found, "author") == ["me"]


@pytest.mark.parametrize(
    ("module", "raw", "form", "field", "value"),
    [
        (tensorflow, build.saved_model(("a", "MatMul")), "saved-model", "producer_tool", "tensorflow 2.15.0"),
        (tflite, build.tflite(), "tflite", "format_version", "TFLite 3"),
        (
            coreml,
            build.pb((1, 8), (2, build.pb((1, build.pb((1, "x"))), (100, build.pb((1, "d"), (2, "1.0"), (3, "me")))))),
            "coreml",
            "author",
            "me",
        ),
        (
            boosters,
            b"tree\nversion=v4\nobjective=binary\nmax_feature_idx=1\nfeature_names=a b\n",
            "lightgbm",
            "format_version",
            "LightGBM v4",
        ),
    ],
)
def test_other_formats(module: Any, raw: bytes, form: str, field: str, value: str) -> None:
    assert value in stated(facts(module, raw, form), field)
