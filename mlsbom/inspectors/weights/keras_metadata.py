"""`metadata.json` of a `.keras` archive: version and date."""

from __future__ import annotations

from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.formats import json
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import state
from mlsbom.model import Rule

RULES: tuple[Rule, ...] = ()


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of the metadata."""
    root = blob.parsed(json.read).value
    if isinstance(root, dict) and isinstance(root.get("keras_version"), str):
        yield from state("producer_tool", f"keras {root['keras_version']}", "keras_version")
        yield from state("library", "keras", "keras_version")
        yield from state("library_version", root["keras_version"], "keras_version")
        if isinstance(root.get("date_saved"), str):
            yield from state("created", root["date_saved"], "date_saved")
