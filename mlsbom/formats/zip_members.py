"""What the members of a zip archive hold: every distinct reading of one, by its central record, by its local record, or by guess."""

from __future__ import annotations

import zlib
from typing import Final

from msgspec import Struct

from mlsbom.blob import Blob
from mlsbom.budget import Budget
from mlsbom.errors import Malformed, Opaque
from mlsbom.formats import codecs
from mlsbom.formats.zip import ENCRYPTED, STORED, Entry

DEFLATED: Final = 8
METHODS: Final = {STORED: "stored", DEFLATED: "deflate", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz"}
CRC_LIMIT: Final = 64 << 20
FAR_CRC_LIMIT: Final = 256 << 10  # of a member that would be fetched for its sum alone


class Content(Struct, frozen=True, kw_only=True):
    """One reading of a member. `by`: central, local, or guessed (the stated method is unknown or does not work); `crc_good`: None where
    it was not checked (`CRC_LIMIT`); `problem`: why the bytes end early."""

    blob: Blob
    by: str
    method: int
    crc_good: bool | None
    problem: str | None = None
    bomb: bool = False


def contents(blob: Blob, entry: Entry, budget: Budget) -> list[Content]:
    """Every distinct reading of a member: by the central record, by the local record, and by guess where neither works.

    An encryption flag alone does not stop it: the data are tried. Raises Opaque where they are encrypted or packed in an unknown way.
    """
    if entry.data is None:
        raise Malformed(f"no local record stands where the directory says: {entry.name!r}", offset=entry.record.header)
    sums = {r.crc for r in (entry.central, entry.local) if r and r.crc}
    out: list[Content] = []
    tried: set[tuple[int, int]] = set()
    for by, record in (("central", entry.central), ("local", entry.local)):
        if record is None:
            continue
        packed = record.packed or (entry.central.packed if entry.central else 0)
        key = (record.method, packed)
        if key in tried or record.method not in METHODS:
            continue
        tried.add(key)
        content = _expand(blob, entry.data, record.method, packed, entry.name, budget, sums, by)
        if _worth(content, packed) and not any(_same(content, o) for o in out):
            out.append(content)
    if out and (any(c.crc_good is not False for c in out) or not _says_encrypted(entry)):
        return out
    if _says_encrypted(entry) and not out:
        raise Opaque(f"{entry.name!r} is encrypted")
    for method in (DEFLATED, STORED):
        if (method, entry.record.packed) not in tried:
            content = _expand(blob, entry.data, method, entry.record.packed, entry.name, budget, sums, "guessed")
            if content.crc_good or (_worth(content, entry.record.packed) and not content.problem and not _says_encrypted(entry)):
                return [*out, content]
    if _says_encrypted(entry):
        raise Opaque(f"{entry.name!r} is encrypted")
    if not out:
        raise Opaque(f"{entry.name!r} is packed with method {entry.record.method}, for which there is no decoder")
    return out


def _says_encrypted(entry: Entry) -> bool:
    return any(r is not None and r.flags & ENCRYPTED for r in (entry.central, entry.local))


def _worth(content: Content, packed: int) -> bool:
    return content.blob.size > 0 or packed == 0 or content.problem is None


def _same(a: Content, b: Content) -> bool:
    if a.blob.size != b.blob.size:
        return False
    return a.blob.head == b.blob.head and (a.blob.size <= len(a.blob.head) or a.method == b.method)


def _expand(blob: Blob, data: int, method: int, packed: int, name: str, budget: Budget, sums: set[int], by: str) -> Content:
    """One reading of a member's data."""
    base = name.rsplit("/", 1)[-1]
    packed = min(packed, blob.size - data)
    problem, bomb = None, False
    if method == STORED:
        out: Blob = blob.window(data, packed, base)
    else:
        if method == 14:
            head = blob.read_at(data, 9)
            skip = 4 + int.from_bytes(head[2:4], "little")
            got = codecs.expand_raw_lzma(head[4:], blob, budget, name=base, start=data + skip, length=packed - skip)
        else:
            got = codecs.expand(blob, METHODS[method], budget, name=base, start=data, length=packed)
        out, problem, bomb = got.blob, got.problem, got.bomb
    crc_good = None
    if sums and out.size <= (CRC_LIMIT if out.near else FAR_CRC_LIMIT):
        crc = 0
        for piece in out.chunks():
            crc = zlib.crc32(piece, crc)
        crc_good = crc in sums
    return Content(blob=out, by=by, method=method, crc_good=crc_good, problem=problem, bomb=bomb)
