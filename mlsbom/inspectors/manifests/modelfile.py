"""Ollama's Modelfile: the model that `FROM` names and the adapter on top of it (instructions of docs/modelfile in ollama/ollama)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.inspectors import Context, Yield, hubnames
from mlsbom.inspectors.manifests import emit
from mlsbom.model import Kind, Reference, Role, Rule
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = ()
_INSTRUCTION = late(r"\s*(FROM|ADAPTER)\s+(\S+)\s*$", re.IGNORECASE)
_HUB = ("hf.co/", "huggingface.co/")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """A reference for each model that is fetched; a path of this folder is no reference."""
    quoted = False
    for number, row in enumerate(blob.text(1 << 20).splitlines(), 1):
        m = None if quoted else _INSTRUCTION.match(row)
        quoted ^= row.count('"""') % 2 == 1  # a template or system text of several lines
        if m is not None and (found := fetched(m[2])) is not None:
            name, tag, hub = found
            where = emit.place(number, emit.PINNED, m[1].upper())
            attrs = (("tag", tag),) if tag and hub == "huggingface" else ()
            version = tag if hub == "ollama" else None
            yield Reference(kind=Kind.MODEL, name=name, role=Role.USED, version=version, hub=hub, attrs=attrs, evidence=where)


def fetched(text: str) -> tuple[str, str | None, str] | None:
    """(name, tag, hub) of a name as Ollama takes it, or None for a local path."""
    if text.startswith((".", "/", "~", "$", "{")) or hubnames.is_file_name(text):
        return None
    name, _, tag = text.partition(":")
    for prefix in _HUB:
        if name.startswith(prefix):
            found = hubnames.hub_name(name.removeprefix(prefix))
            return (found.repository, tag or None, "huggingface") if found else None
    return (name, tag or None, "ollama") if re.fullmatch(r"[\w.-]+(?:/[\w.-]+){0,2}", name) else None
