"""Formats that two criteria ask about."""

from __future__ import annotations

from typing import Final

PLAIN: Final = frozenset(
    {
        "arrow",
        "audio",
        "catboost",
        "coreml",
        "csv",
        "dlib",
        "empty",
        "fasttext",
        "ggml",
        "gguf",
        "image",
        "ini",
        "json",
        "jsonl",
        "lightgbm",
        "msgpack",
        "mxnet",
        "ncnn",
        "npy",
        "npz",
        "onnx",
        "openvino",
        "paddle",
        "parquet",
        "pmml",
        "safetensors",
        "sentencepiece",
        "tensor-proto",
        "text",
        "tf-checkpoint",
        "tfjs",
        "tflite",
        "tfrecord",
        "video",
        "xgboost",
        "xml",
        "yaml",
    }
)
"""Data without code in a form that is described in public, so that anyone can read and write it."""
