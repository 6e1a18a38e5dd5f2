"""The rows of the inspectors of model formats other than pickles and archives."""

from __future__ import annotations

from typing import Final

from mlsbom.inspectors import Row

_HERE: Final = "mlsbom.inspectors.weights"

FORMAT_ROWS: tuple[Row, ...] = (
    Row(name="safetensors", module=f"{_HERE}.safetensors", formats=frozenset({"safetensors"})),
    Row(name="gguf", module=f"{_HERE}.gguf", formats=frozenset({"gguf"})),
    Row(name="onnx", module=f"{_HERE}.onnx", formats=frozenset({"onnx"}), packs=("operators",)),
    Row(name="hdf5", module=f"{_HERE}.keras", formats=frozenset({"hdf5"}), packs=("keras", "targets", "pickle")),
    Row(
        name="keras",
        module=f"{_HERE}.keras",
        formats=frozenset({"json"}),
        triggers=(b'"class_name"',),
        packs=("keras", "targets", "pickle"),
    ),
    Row(name="keras-metadata", module=f"{_HERE}.keras_metadata", names=("metadata.json",), triggers=(b"keras_version",)),
    Row(
        name="tensorflow",
        module=f"{_HERE}.tensorflow",
        formats=frozenset({"saved-model", "meta-graph", "graph-def"}),
        names=("keras_metadata.pb", "*.pbtxt", "*.pbtext"),
        packs=("operators", "keras", "targets"),
    ),
    Row(name="tflite", module=f"{_HERE}.tflite", formats=frozenset({"tflite"}), packs=("operators",)),
    Row(name="coreml", module=f"{_HERE}.coreml", formats=frozenset({"coreml"}), names=("*.mlpackage/manifest.json",)),
    Row(name="msgpack", module=f"{_HERE}.msgpack", formats=frozenset({"msgpack"})),
    Row(
        name="markup",
        module=f"{_HERE}.markup",
        formats=frozenset({"xml", "pmml", "openvino"}),
        triggers=(b"<!ENTITY", b"XInclude", b"<PMML", b":PMML", b"<net", b"<!DOCTYPE"),
    ),
    Row(name="rds", module=f"{_HERE}.rds", formats=frozenset({"rds"})),
    Row(name="torch7", module=f"{_HERE}.torch7", formats=frozenset({"torch7"})),
    Row(name="graphs", module=f"{_HERE}.graphs", formats=frozenset({"paddle", "caffe", "ncnn", "cntk"})),
    Row(name="graphs-json", module=f"{_HERE}.graphs", formats=frozenset({"json"}), triggers=(b'"heads"', b'"program"')),
    Row(
        name="skops", module=f"{_HERE}.skops", names=("schema.json",), triggers=(b"__loader__", b"__module__"), packs=("pickle", "targets")
    ),
    Row(
        name="programs",
        module=f"{_HERE}.programs",
        formats=frozenset({"elf", "pe", "macho", "wasm", "java-class", "script"}),
        names=("*.whl", "*.egg"),
    ),
    Row(name="boosters", module=f"{_HERE}.boosters", formats=frozenset({"xgboost", "lightgbm", "catboost"})),
    Row(name="boosters-json", module=f"{_HERE}.boosters", formats=frozenset({"json"}), triggers=(b'"learner"',)),
    Row(name="tokenizer", module=f"{_HERE}.tokenizer", formats=frozenset({"sentencepiece"}), names=("tokenizer.json",)),
    Row(name="tfjs", module=f"{_HERE}.tfjs", formats=frozenset({"json"}), triggers=(b"weightsManifest", b'"paths"'), packs=("operators",)),
)
