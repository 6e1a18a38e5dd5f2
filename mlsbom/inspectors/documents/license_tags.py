"""`SPDX-License-Identifier` lines in source files: kept as marks, so that a bundled file's licence can be held against the project's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlsbom.inspectors import Context, Yield
from mlsbom.model import Evidence, Mark, Rule, Technique
from mlsbom.patterns import late

if TYPE_CHECKING:
    from mlsbom.blob import Blob

RULES: tuple[Rule, ...] = ()
_TAG = late(rb"SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+() -]{1,200}?)[ \t]*(?:\*/|-->|[\"'\r\n]|\Z)")
_LINES = 60
"""The tag stands in a file's head (SPDX specification, annex E: near the top)."""


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The tags in the head of a source file, each once."""
    head = b"\n".join(blob.head.split(b"\n", _LINES)[:_LINES])
    seen: set[str] = set()
    for m in _TAG.finditer(head):
        value = m[1].decode()
        if value not in seen:
            seen.add(value)
            yield Mark(
                kind="license",
                text=value,
                evidence=Evidence(line=head.count(b"\n", 0, m.start()) + 1, technique=Technique.SOURCE, confidence=0.8),
            )
