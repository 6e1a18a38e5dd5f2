"""TensorFlow.js: a manifest (its own file, or inside model.json) and binary shards beside it, quantised or not.

Source: the weights manifest of tfjs-core (io/types.ts): quantised value = stored * scale + min.
"""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, ReadError
from mlsbom.lineage.tensors import Array, Read, Tensor, Weights
from mlsbom.lineage.weights import Joined, sibling_of
from mlsbom.lineage.weights.raw import spelled
from mlsbom.lineage.weights.table import add_row, stored_size

MAX_MANIFEST: Final = 64 << 20


def is_manifest(blob: Blob) -> bool:
    """Whether a JSON file looks like a manifest of weights."""
    return b'"weightsManifest"' in blob.head + blob.tail or (b'"paths"' in blob.head + blob.tail and b'"weights"' in blob.head)


def read(blob: Blob, weights: Weights) -> None:
    """All weights of all groups of the manifest."""
    try:
        groups = json.loads(blob.text(MAX_MANIFEST))
    except (ValueError, RecursionError) as e:
        raise Malformed(f"no JSON: {e}") from e
    if isinstance(groups, dict):
        groups = groups.get("weightsManifest")
    if not isinstance(groups, list) or not all(isinstance(g, dict) for g in groups):
        raise Malformed("no manifest of weights")
    for group in groups:
        try:
            shards = Joined([sibling_of(blob, str(p), weights) for p in group.get("paths", [])], blob.name)
            _group(group.get("weights", []), shards, weights)
        except ReadError as e:
            weights.fail(blob.name, e)


def _group(entries: Any, shards: Blob, weights: Weights) -> None:
    at = 0
    for entry in entries:
        try:
            name, shape, quantised = str(entry["name"]), tuple(entry["shape"]), entry.get("quantization")
            dtype = spelled(str(quantised["dtype"] if quantised else entry["dtype"]))
            size = stored_size(name, dtype, shape)
            line = (float(quantised["scale"]), float(quantised["min"])) if quantised and "scale" in quantised else None
        except (TypeError, KeyError, AttributeError, ValueError) as e:
            raise Malformed("an entry of the manifest has no name, shape and dtype") from e
        before = len(weights.tensors)
        add_row(name, dtype, shape, at, shards, weights)
        if line and len(weights.tensors) > before:
            weights.tensors[-1] = _line(weights.tensors[-1], *line)
        at += size


def _line(tensor: Tensor, scale: float, low: float) -> Tensor:
    """The tensor with a linear quantisation undone."""

    def opener() -> Read:
        values = tensor.open()

        def read(start: int, count: int) -> Array:
            return np.asarray(values.floats(start, count) * np.float32(scale) + np.float32(low), np.float32)

        return read

    return Tensor(name=tensor.name, shape=tensor.shape, dtype="F32", opener=opener)
