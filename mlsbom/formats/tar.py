"""Tar archives: old, ustar, GNU and pax headers, read past damage and past the end mark as `tar -i` does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from mlsbom.blob import Blob
from mlsbom.budget import MEMBERS
from mlsbom.errors import BudgetExceeded, Malformed

BLOCK: Final = 512
TEXT_LIMIT: Final = 1 << 20
SEARCH_LIMIT: Final = 64 << 20
KINDS: Final = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hard link",
    b"2": "symbolic link",
    b"3": "character device",
    b"4": "block device",
    b"5": "folder",
    b"6": "FIFO",
    b"S": "file",
}


class TarEntry(Struct, frozen=True, kw_only=True):
    """A member. `kind`: file, folder, a kind of link, device or FIFO, or `type X`; `data`: offset of its bytes; `hidden`: it stands behind
    the end mark or behind damage, where a strict reader has stopped."""

    name: str
    kind: str
    size: int
    data: int
    mode: int = 0
    target: str = ""
    hidden: bool = False
    sparse: bool = False


class TarDirectory(Struct, frozen=True, kw_only=True):
    """All members in order; `end`: where the archive ends; `problem`: why it ends early, or None."""

    entries: tuple[TarEntry, ...]
    end: int
    problem: str | None = None


def sniff(head: bytes) -> bool:
    """Whether a block is a tar header: by its checksum, which old tars without a magic have too."""
    return _checksum_good(head[:BLOCK])


def read_tar(blob: Blob) -> TarDirectory:
    """The members. Raises Malformed where the first block is no header, BudgetExceeded past 200,000 members."""
    if not sniff(blob.head):
        raise Malformed("no tar header", offset=0)
    entries: list[TarEntry] = []
    problem: str | None = None
    at = end = 0
    hidden = False
    pax: dict[str, str] = {}
    while at + BLOCK <= blob.size:
        header = blob.read_at(at, BLOCK)
        if not _checksum_good(header):
            found = _next_header(blob, at)
            if not any(header) and found is None:
                end = at
                break
            if any(header):
                problem = problem or f"the header at byte {at} is damaged"
            if found is None:
                break
            hidden, at = True, found
            continue
        entry = _entry(header, at, hidden)
        after = entry.data + -(-entry.size // BLOCK) * BLOCK
        kind = header[156:157]
        if kind in b"xgLK" and kind:
            text = blob.read_at(entry.data, min(entry.size, TEXT_LIMIT))
            pax.update(_extended(kind, text))
        else:
            entry = _with(entry, pax, header)
            after = entry.data + -(-_stored_size(entry) // BLOCK) * BLOCK
            pax = {}
            entries.append(entry)
            if len(entries) > MEMBERS:
                raise BudgetExceeded(f"lists more than {MEMBERS} members", offset=at)
            if entry.data + _stored_size(entry) > blob.size:
                problem = problem or f"member {entry.name!r} is cut short"
        at = max(after, at + BLOCK)
        end = at
    return TarDirectory(entries=tuple(entries), end=min(end, blob.size), problem=problem)


def _checksum_good(header: bytes) -> bool:
    """Whether the sum of a block, its own field counted as blanks, is what the field says (signed or unsigned)."""
    if len(header) < BLOCK or not any(header[:100]):
        return False
    try:
        stated = _number(header[148:156])
    except ValueError:
        return False
    rest = header[:148] + b" " * 8 + header[156:]
    total = sum(rest)
    return stated == total or stated == total - 256 * sum(1 for b in rest if b > 127)


def _number(field: bytes) -> int:
    """An octal field, or GNU's base 256. Raises ValueError."""
    if field[:1] and field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    text = field.split(b"\0", 1)[0].strip()
    return int(text, 8) if text else 0


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _safe_number(field: bytes) -> int:
    try:
        return max(0, _number(field))
    except ValueError:
        return 0


def _entry(header: bytes, at: int, hidden: bool) -> TarEntry:
    name = _text(header[:100])
    if header[257:263] == b"ustar\0" and (prefix := _text(header[345:500])):
        name = f"{prefix}/{name}"
    kind = KINDS.get(header[156:157], f"type {header[156:157]!r}")
    if kind == "file" and name.endswith("/"):
        kind = "folder"
    size = _safe_number(header[124:136])
    return TarEntry(
        name=name,
        kind=kind,
        size=size,
        data=at + BLOCK,
        mode=_safe_number(header[100:108]),
        target=_text(header[157:257]),
        hidden=hidden,
        sparse=header[156:157] == b"S",
    )


def _stored_size(entry: TarEntry) -> int:
    """Links, devices and folders have no data, whatever their size says."""
    return entry.size if entry.kind == "file" or entry.kind.startswith("type") else 0


def _with(entry: TarEntry, pax: dict[str, str], header: bytes) -> TarEntry:
    """An entry with what extended headers in front of it say."""
    size = pax.get("size", "")
    return replace(
        entry,
        name=pax.get("path", entry.name),
        target=pax.get("linkpath", entry.target),
        size=int(size) if size.isdigit() and len(size) < 19 else entry.size,
        sparse=entry.sparse or any(k.startswith("GNU.sparse") for k in pax),
    )


def _extended(kind: bytes, text: bytes) -> dict[str, str]:
    """GNU's long names and pax records (`27 path=...`)."""
    if kind in (b"L", b"K"):
        return {"path" if kind == b"L" else "linkpath": _text(text)}
    return dict(_records(text))


def _records(text: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        blank = text.find(b" ", at, at + 20)
        length = text[at:blank] if blank > at else b""
        if not length.isdigit() or int(length) <= blank - at + 1:
            return
        key, _, value = text[blank + 1 : at + int(length) - 1].partition(b"=")
        yield key.decode("utf-8", "replace"), value.decode("utf-8", "surrogateescape")
        at += int(length)


def _next_header(blob: Blob, at: int) -> int | None:
    """The next block that is a header, behind zeros or damage."""
    stop = min(blob.size, at + SEARCH_LIMIT)
    at += BLOCK
    while at + BLOCK <= stop:
        piece = blob.read_at(at, 1 << 20)
        for i in range(0, len(piece) - BLOCK + 1, BLOCK):
            if piece[i] and _checksum_good(piece[i : i + BLOCK]):
                return at + i
        at += len(piece) // BLOCK * BLOCK or BLOCK
    return None
