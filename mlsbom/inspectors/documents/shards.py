"""`*.index.json`: the shards that one model is made of, and their size together. Whether they are there, a resolver asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json
from mlsbom.inspectors import Context, Yield
from mlsbom.model import Evidence, Rule, Statement

RULES: tuple[Rule, ...] = ()
LIMIT = 10_000


class _Index(msgspec.Struct):
    metadata: Any = None
    weight_map: dict[str, Any] | None = None


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The shards that an index names. Raises Malformed for what is no such index."""
    index = json.typed(blob.data(json.SIZE_LIMIT), _Index)
    if index.weight_map is None:
        return
    names = {v for v in index.weight_map.values() if isinstance(v, str)}
    if len(names) > LIMIT:
        raise Malformed(f"an index of {len(names)} files")
    fact: dict[str, Any] = {"expected": sorted(names), "tensors": len(index.weight_map)}
    if isinstance(index.metadata, dict) and isinstance(index.metadata.get("total_size"), (int, float)):
        fact["total_size"] = int(index.metadata["total_size"])
    if not all(isinstance(v, str) for v in index.weight_map.values()):
        raise Malformed("weight_map names something that is no file", key="weight_map")
    yield Statement(field="shards", value=fact, evidence=Evidence(key="weight_map"))
