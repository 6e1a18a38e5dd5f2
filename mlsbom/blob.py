"""One open file, or a piece of one: the only way inspectors and readers see bytes.

A blob knows its size, reads at offsets, and remembers what a reader made of it (`parsed`), so that many inspectors of one file share one
parse. It never writes, never maps (a mapped model counts as memory against a container's limit), never reads all of a large file at once.
"""

from __future__ import annotations

import codecs
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar, cast

from mlsbom.errors import ReadError, TooLarge, Unreadable

T = TypeVar("T")

HEAD = 65536
TAIL = 66000  # the longest zip end record: 22 + 65535 bytes of comment
FAR_ENDS = 16 << 10  # of a piece of a far blob, such as a member of an archive on a hub: its head and tail are this long
TEXT_LIMIT = 64 << 20


class Blob(ABC):
    """Bytes with a name. `name`: base name, for hints alone. `near`: reading costs nothing but disk. Subclasses give `_read`."""

    near = True
    head_size = HEAD
    tail_size = TAIL

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self._head: bytes | None = None
        self._tail: bytes | None = None
        self._whole: bytes | None = None
        self._parsed: dict[Callable[..., Any], Any] = {}

    @abstractmethod
    def _read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes, which lie within the blob; fewer where it ends early. Raises Unreadable."""

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; fewer at the end. Raises Unreadable where the bytes cannot be had."""
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        length = min(length, self.size - offset)
        if self._whole is not None:
            return self._whole[offset : offset + length]
        if self._head is not None and offset + length <= len(self._head):
            return self._head[offset : offset + length]
        return self._read(offset, length)

    @property
    def head(self) -> bytes:
        """The first 64 KiB, remembered."""
        if self._head is None:
            if self._whole is not None:
                self._head = self._whole[: self.head_size]
            else:
                self._head = self._read(0, min(self.head_size, self.size)) if self.size else b""
        return self._head

    @property
    def tail(self) -> bytes:
        """The last 66,000 bytes, remembered."""
        if self._tail is None:
            start = max(0, self.size - self.tail_size)
            self._tail = self.head[start:] if self.size <= len(self.head) else self.read_at(start, self.size - start)
        return self._tail

    def data(self, limit: int = TEXT_LIMIT) -> bytes:
        """All bytes, remembered, where there are at most `limit`; else TooLarge."""
        if self.size > limit:
            raise TooLarge(f"{self.size} bytes are more than the {limit} that are read of this kind of file")
        if self._whole is None:
            whole = self.head if self.size <= len(self.head) else self._read(0, self.size)
            if len(whole) != self.size:
                raise Unreadable(f"{len(whole)} of {self.size} bytes could be read: changed while read?")
            self._whole = whole
        return self._whole

    def text(self, limit: int = TEXT_LIMIT) -> str:
        """All bytes as text: BOM, UTF-16 without a BOM where the zeros say so, UTF-8, else Latin-1. See `decode`."""
        return decode(self.data(limit))[0]

    def parsed(self, reader: Callable[[Blob], T]) -> T:
        """What `reader` makes of this blob, once; a ReadError is remembered and raised again."""
        if reader not in self._parsed:
            try:
                self._parsed[reader] = (True, reader(self))
            except ReadError as e:
                self._parsed[reader] = (False, e)
        good, value = self._parsed[reader]
        if not good:
            raise value
        return cast(T, value)

    def window(self, offset: int, length: int, name: str | None = None) -> Blob:
        """A piece of this blob as a blob of its own (a stored archive member, an appended file)."""
        return WindowBlob(self, offset, length, name or self.name)

    def chunks(self, size: int = 1 << 20, start: int = 0) -> Any:
        """All bytes from `start`, in pieces."""
        at = start
        while at < self.size:
            piece = self.read_at(at, size)
            if not piece:
                raise Unreadable(f"ends at {at} of {self.size} bytes: changed while read?", offset=at)
            yield piece
            at += len(piece)


class BytesBlob(Blob):
    """Bytes in memory."""

    def __init__(self, data: bytes, name: str = "") -> None:
        super().__init__(name, len(data))
        self._whole = data

    def _read(self, offset: int, length: int) -> bytes:
        assert self._whole is not None
        return self._whole[offset : offset + length]


class FileBlob(Blob):
    """A regular file by its descriptor, which the caller keeps open and closes."""

    def __init__(self, descriptor: int, size: int, name: str) -> None:
        super().__init__(name, size)
        self.descriptor = descriptor

    def _read(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        try:
            while length > 0:
                piece = os.pread(self.descriptor, min(length, 1 << 30), offset)
                if not piece:
                    break
                parts.append(piece)
                offset += len(piece)
                length -= len(piece)
        except OSError as e:
            raise Unreadable(f"cannot be read: {e.strerror}", offset=offset) from e
        return parts[0] if len(parts) == 1 else b"".join(parts)


class WindowBlob(Blob):
    """A piece of another blob."""

    def __init__(self, parent: Blob, offset: int, length: int, name: str) -> None:
        super().__init__(name, max(0, min(length, parent.size - offset)))
        self.parent = parent
        self.offset = offset
        self.near = parent.near
        if not self.near:
            self.head_size = self.tail_size = FAR_ENDS

    def _read(self, offset: int, length: int) -> bytes:
        return self.parent.read_at(self.offset + offset, length)


def decode(data: bytes) -> tuple[str, str]:
    """Bytes as text and the name of the encoding: BOM first, UTF-16 by its zeros, UTF-8, and Latin-1, which always fits.

    PowerShell redirection writes UTF-16 manifests; a Latin-1 result means that the bytes are no UTF-8, which callers may report.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace"), name
    sample = data[:1024]
    if len(sample) >= 4 and len(sample) % 2 == 0:
        zeros_odd, zeros_even = sample[1::2].count(0), sample[0::2].count(0)
        if zeros_odd > len(sample) // 2 * 0.4 and not zeros_even:
            return data.decode("utf-16-le", "replace"), "utf-16-le"
        if zeros_even > len(sample) // 2 * 0.4 and not zeros_odd:
            return data.decode("utf-16-be", "replace"), "utf-16-be"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"
