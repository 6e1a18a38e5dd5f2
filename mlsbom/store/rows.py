"""The rows of one target: the same shape, whatever document they come from."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Any, Final, NamedTuple

from msgspec import Struct, field

from mlsbom.packages.names import key

MOST_COMPONENTS: Final = 1_000_000
LONGEST: Final = 2000
"""Bytes of a name: an index of PostgreSQL takes rows of up to 2,704."""
Row = tuple[Any, ...]
NAMED: Final[dict[str, tuple[str, ...]]] = {
    "dependency": ("version", "path", "since", "specifier", "line", "via", "scope"),
    "component": ("version", "path", "since", "shown", "kind", "how", "supplier", "line"),
    "license": ("component", "path", "line"),
    "mark": ("kind", "path", "line"),
    "lineage": ("reference", "verdict", "log10_p", "suspect"),
}
"""Tables whose rows begin with (kind, name) here and with (target, name) in the store, and their further columns."""
PLAIN: Final[dict[str, tuple[str, ...]]] = {
    "file": ("path", "format", "digest"),
    "signature": ("verdict", "signer", "path"),
    "gap": ("path", "status", "reason"),
}
"""Tables whose rows begin with the target, and their further columns."""


class Head(NamedTuple):
    """The columns of `target` that come from the document, in the order of the schema."""

    name: str | None
    revision: str | None
    digest: str | None
    created: str | None
    tool: str | None
    packs: str
    packs_date: str | None
    passed: int
    incomplete: int
    source: str


class Rows(Struct):
    """One target. `findings`: (id, rule, severity, subject) of each. `document`: its bytes, compressed, where they are kept."""

    uri: str
    sha256: bytes
    head: Head
    tables: dict[str, list[Row]] = field(default_factory=lambda: {t: [] for t in (*NAMED, *PLAIN)})
    findings: list[tuple[str, str, str, str]] = field(default_factory=list)
    document: bytes | None = None

    @property
    def weight(self) -> int:
        """How many rows it has."""
        return sum(map(len, self.tables.values()))


def text(value: Any) -> str | None:
    """Text that every database takes: no NUL, no lone surrogate."""
    if value is None:
        return None
    plain = value if type(value) is str else str(value)
    if plain.isascii() and "\0" not in plain:
        return plain
    return plain.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def short(value: Any) -> str:
    """A name as it is searched for: lower case, of a length that an index takes."""
    return _cut((text(value) or "").lower())


def indexed(value: str | None) -> str:
    """A version or specifier as it is held in an index: empty where there is none, or where it is so long that it may mean anything."""
    plain = text(value) or ""
    return plain if len(plain) < LONGEST // 8 else ""


@lru_cache(maxsize=200_000)
def package(name: str, ecosystem: str) -> str:
    """The name of a package as it is searched for."""
    return _cut(key(name, ecosystem))


def _cut(name: str) -> str:
    return name if len(name) < LONGEST // 4 else name.encode()[:LONGEST].decode("utf-8", "ignore")


def ecosystem(purl: str | None) -> str | None:
    """The ecosystem that a package URL names."""
    kind = purl[4:].split("/", 1)[0].lower() if purl and purl.startswith("pkg:") else None
    return {"github": "github-actions"}.get(kind or "", kind)


def digest(value: Any) -> bytes | None:
    """The 32 bytes of a SHA-256 in hex; None for anything else."""
    if type(value) is not str or len(value) != 64:
        return None
    try:
        return bytes.fromhex(value)
    except ValueError:
        return None


def packed(raw: bytes) -> bytes:
    """A document as it is kept."""
    return zlib.compress(raw, 3)
