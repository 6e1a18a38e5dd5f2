"""The rows of pickles, torch files, arrays and archives."""

from __future__ import annotations

from mlsbom.inspectors import Row

_ZIPS = frozenset({"zip", "tar", "7z", "rar", "gzip", "bzip2", "xz", "lzma", "zlib", "lz4", "zstd", "joblib",
                   "torch-zip", "torchscript", "npz", "keras-zip", "mar", "skops", "nemo"})  # fmt: skip

PICKLE_ROWS: tuple[Row, ...] = (
    Row(
        name="weights.pickle",
        module="mlsbom.inspectors.weights.pickle",
        formats=frozenset({"pickle", "torch-legacy"}),
        names=("*.pkl", "*.pickle", "*.joblib", "*.pt"),
        packs=("pickle",),
    ),
    Row(
        name="weights.pickle-search",
        module="mlsbom.inspectors.weights.picklesearch",
        formats=frozenset({"text", "unknown"}),
        triggers=(b"\ntR", b"\x85R", b"\x93("),
        packs=("pickle",),
    ),
    Row(name="weights.torch", module="mlsbom.inspectors.weights.torch", formats=frozenset({"torch-zip", "torchscript"})),
    Row(name="weights.numpy", module="mlsbom.inspectors.weights.numpy", formats=frozenset({"npy", "npz"})),
    Row(name="weights.archive", module="mlsbom.inspectors.weights.archive", formats=_ZIPS),
)
