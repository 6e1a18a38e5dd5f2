"""safetensors."""

from __future__ import annotations

import json

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, Opaque
from mlsbom.lineage.tensors import Weights
from mlsbom.lineage.weights.raw import PLAIN, plain


def read(blob: Blob, weights: Weights) -> None:
    n = int.from_bytes(blob.read_at(0, 8), "little")
    try: h = json.loads(blob.read_at(8, min(n, 100 << 20)))
    except ValueError as e: raise Malformed(str(e)) from e
    for k, v in h.items():
        if k == "__metadata__": continue
        if v["dtype"] not in PLAIN:
            weights.fail(k, Opaque(v["dtype"])); continue
        weights.tensors.append(plain(k, tuple(v["shape"]), v["dtype"], blob, 8 + n + v["data_offsets"][0]))
