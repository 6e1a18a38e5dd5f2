"""Whether a Python source can be read at all, asked of every one of them: cheap questions, before and without a syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import python
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.documents.common import partial
from mlsbom.model import Rule

RULES: tuple[Rule, ...] = ()

_DEEP: Final = tuple(bracket * 60 for bracket in (b"(", b"[", b"{", b"-", b"~"))
"""Runs that no program writes; only then is the source parsed to see whether it can be."""


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """A Shortfall for bytes that are not of the encoding that the source declares. Raises Malformed for NUL bytes and for nesting that
    cannot be parsed, TooLarge for a source that is not read."""
    data = blob.data(python.SOURCE_LIMIT)
    if b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Malformed("no valid Python: it holds NUL bytes", offset=data.index(b"\0"))
    if not data.isascii():
        _, encoding, declared, _ = python.decode(data)
        if encoding == "iso8859-1" and (declared or "utf-8").lower().replace("_", "-") not in (
            "latin-1",
            "iso-8859-1",
            "latin1",
            "iso8859-1",
            "iso-8859-15",
            "l1",
        ):
            yield partial(f"no valid {declared or 'utf-8'}: read as Latin-1")
    if any(run in data for run in _DEEP):
        blob.parsed(python.tree)
