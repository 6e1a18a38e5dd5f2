"""Where bytes come from. A source lists entries and opens them; it judges nothing.

`Source` is what the collector needs: a local folder or file, a Hugging Face cache, or the hub. Paths in entries are relative to the
target, with `/`; bytes of names that are not UTF-8 are percent-encoded (`shown`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from mlsbom.blob import Blob
from mlsbom.model import AnyFact
from mlsbom.patterns import late

_ESCAPE = late(r"%(?=[0-9A-Fa-f]{2})")


def shown(raw: bytes) -> str:
    """A path as text, one to one: bytes that are not UTF-8 become `%XX`, and a `%` that could be taken for one of these `%25`.

    Control characters stay: JSON escapes them by itself, and everything for people goes through `cli.common.safe`.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = _ESCAPE.sub("%25", raw.decode("utf-8", "surrogateescape"))
        return "".join(f"%{ord(c) - 0xDC00:02X}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in text)
    return _ESCAPE.sub("%25", text) if "%" in text else text


class Entry(Struct, kw_only=True):
    """One place of a target before it is read.

    `kind`: file, symlink, fifo, socket, device, folder (one that cannot be listed). `reason` says why its bytes are not to be had,
    where that is known before opening. `declared`: digests that the source states. `link`: where a symbolic link points, as stored.
    `key`: identifies the content on this host for the digest cache (device, inode, size, mtime_ns, ctime_ns). `facts`: what the source says
    of it. Of far entries: `raw_id` is the git object id that the list declares, `computed` the digests that `open` made of all its bytes.
    """

    path: str
    raw: bytes
    size: int = 0
    kind: str = "file"
    reason: str = ""
    link: str | None = None
    inside: bool = True
    declared: tuple[tuple[str, str], ...] = ()
    key: tuple[int, int, int, int, int] | None = None
    facts: tuple[AnyFact, ...] = ()
    raw_id: str = ""
    computed: tuple[tuple[str, str], ...] = ()


class Source(Protocol):
    """A target's bytes. `local`: whether reading costs nothing but disk."""

    uri: str
    name: str
    kind: str
    local: bool

    @property
    def revision(self) -> str | None:
        """The 40-hex commit of the target, where the source knows one."""
        ...

    def entries(self) -> Iterator[Entry]:
        """All places, in any order, each once. Nothing is opened."""
        ...

    def open(self, entry: Entry) -> AbstractContextManager[Blob]:
        """The bytes of a file entry; raises Unreadable, or NotNear where they were not asked for."""
        ...
