"""SPDX: 3.0.1 as JSON-LD with the AI and Dataset profiles, 2.3 as JSON."""

from __future__ import annotations

import msgspec

from mlsbom.model import Assessment


def render(assessment: Assessment, version: str) -> bytes:
    """The document as bytes."""
    if version == "2.3":
        from mlsbom.export.spdx.two import build as build_two

        tree = build_two(assessment)
    else:
        from mlsbom.export.spdx.three import build as build_three

        tree = build_three(assessment)
    return bytes(msgspec.json.format(msgspec.json.encode(tree), indent=1)) + b"\n"
