"""CycloneDX as JSON: UTF-8, indented, no escapes beyond need, a final newline."""

from __future__ import annotations

import msgspec

from mlsbom.export.cyclonedx.build import build
from mlsbom.model import Assessment


def render(assessment: Assessment, version: str) -> bytes:
    """The document as bytes."""
    return bytes(msgspec.json.format(msgspec.json.encode(build(assessment, version)), indent=1)) + b"\n"
