"""Bytes to structure: one module a format. Readers know no rules and no packs, raise only ReadError, and are shared by inspectors,
lineage, verification and imports of SBOMs alike. `identify` tells what a blob is, by content; `CATALOG` names every format.
"""

from __future__ import annotations

from typing import Final

FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "text": (
        "text",
        "json",
        "jsonl",
        "yaml",
        "toml",
        "ini",
        "markdown",
        "python",
        "python-loaded",
        "notebook",
        "template",
        "dockerfile",
        "xml",
        "html",
        "csv",
        "javascript",
        "shell",
        "source",
    ),
    "archive": ("zip", "tar", "gzip", "bzip2", "xz", "zstd", "lz4", "7z", "rar", "zlib", "lzma"),
    "weights": (
        "pickle",
        "torch-zip",
        "torch-legacy",
        "torchscript",
        "joblib",
        "safetensors",
        "gguf",
        "ggml",
        "onnx",
        "tensor-proto",
        "keras-zip",
        "hdf5",
        "tflite",
        "saved-model",
        "graph-def",
        "meta-graph",
        "tf-checkpoint",
        "tfjs",
        "npy",
        "npz",
        "coreml",
        "openvino",
        "paddle",
        "msgpack",
        "xgboost",
        "lightgbm",
        "catboost",
        "pmml",
        "skops",
        "nemo",
        "mar",
        "rds",
        "torch7",
        "fasttext",
        "ncnn",
        "caffe",
        "cntk",
        "mxnet",
        "sentencepiece",
        "dlib",
        "mediapipe",
        "tensorrt",
        "torch-mobile",
        "executorch",
        "mlir",
    ),
    "program": ("elf", "pe", "macho", "wasm", "java-class", "script", "llamafile"),
    "document": ("cyclonedx-json", "cyclonedx-xml", "spdx-json", "sigstore-bundle", "pdf"),
    "data": ("parquet", "arrow", "tfrecord", "sqlite", "image", "audio", "video", "font"),
    "pointer": ("lfs-pointer", "annex-link"),
}
"""Every format that `identify` may answer, by family. What is none of these is `unknown` (binary) or `empty`."""

FAMILY: Final[dict[str, str]] = {name: family for family, names in FAMILIES.items() for name in names}


WEIGHT_SUFFIXES: Final = frozenset(
    {
        "bin",
        "ckpt",
        "ggml",
        "gguf",
        "h5",
        "hdf5",
        "joblib",
        "keras",
        "msgpack",
        "npy",
        "npz",
        "onnx",
        "pb",
        "pkl",
        "pt",
        "pth",
        "safetensors",
        "tflite",
    }
)
"""Endings of names that weights go by."""


def family(formats: tuple[str, ...]) -> str:
    """The family of the first format that has one, else ``."""
    return next((FAMILY[f] for f in formats if f in FAMILY), "")
