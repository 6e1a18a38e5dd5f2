"""Zip archives, read as the most lenient readers in use do, keeping every way in which two readers could differ.

The end record is looked for in the whole tail (comment included), zip64 or not; the archive may start anywhere. Every central record is
paired with the local record that it points at, and local records that no central record points at are found in the gaps between
members. Nothing is decided here: `Directory` holds both sides, and `zip_members` gives every distinct reading of a member.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from mlsbom.blob import Blob
from mlsbom.budget import MEMBERS
from mlsbom.errors import BudgetExceeded, Malformed

CENTRAL: Final = b"PK\x01\x02"
LOCAL: Final = b"PK\x03\x04"
END: Final = b"PK\x05\x06"
END64: Final = b"PK\x06\x06"
LOCATOR64: Final = b"PK\x06\x07"
DESCRIPTOR: Final = b"PK\x07\x08"
STORED: Final = 0
ENCRYPTED: Final = 0x2041
"""Flag bits that say that the data cannot be read as it stands: encrypted, strong encryption, masked headers."""
STREAMED: Final = 0x8
CENTRAL_LIMIT: Final = 256 << 20
GAP_LIMIT: Final = 16 << 20
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")


class Record(Struct, frozen=True, kw_only=True):
    """A central or local record, with the numbers it states. `header`: offset of the local record in the blob; `mode`: Unix mode or 0."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    header: int
    mode: int = 0


class Entry(Struct, frozen=True, kw_only=True):
    """A member: its central record, its local record, or both; `data`: where its packed bytes start, None where that is beyond the end."""

    central: Record | None
    local: Record | None
    data: int | None

    @property
    def record(self) -> Record:
        """The central record where there is one, else the local one."""
        record = self.central or self.local
        assert record is not None
        return record

    @property
    def name(self) -> str:
        """The name by the central record; bytes that are no UTF-8 come out as CP437, as readers have it."""
        return text_name(self.record)

    @property
    def size(self) -> int:
        """The stated size of the expanded member, in bytes."""
        return self.record.size

    @property
    def stored(self) -> bool:
        """Whether its bytes stand in the archive as they are."""
        return self.record.method == STORED and not self.record.flags & ENCRYPTED

    @property
    def is_folder(self) -> bool:
        """Whether it is a mere folder."""
        return self.name.endswith("/") and not self.record.packed


class Directory(Struct, frozen=True, kw_only=True):
    """An archive. `entries`: what the central directories list, in order, then what only local records know (`hidden`). `start` and `end`
    bound the archive in the blob; `ends`: offsets of all end records that lead somewhere or stand behind the last member; `directories`:
    number of distinct central directories; `problem`: why it is not whole; `unsearched`: bytes of gaps too large to look through."""

    entries: tuple[Entry, ...]
    hidden: tuple[Entry, ...]
    start: int
    end: int
    ends: tuple[int, ...] = ()
    directories: int = 1
    comment: bytes = b""
    problem: str | None = None
    unsearched: int = 0

    def find(self, name: str) -> Entry | None:
        """The last entry of that name, as readers that build a dictionary have it."""
        return next((e for e in reversed(self.entries) if e.name == name), None)

    def names(self) -> list[str]:
        """The names of all entries."""
        return [e.name for e in self.entries]


def text_name(record: Record) -> str:
    """A record's name as text: UTF-8 where the bytes are, else CP437, whatever the flag says."""
    try:
        return record.name.decode("utf-8")
    except UnicodeDecodeError:
        return record.name.decode("cp437")


def sniff(blob: Blob) -> bool:
    """Whether a zip archive can be found: a local record at the start or a working end record in the tail."""
    return blob.head.startswith((LOCAL, END, b"PK00PK\x03\x04")) or any(True for _ in _ends(blob))


def read_zip(blob: Blob) -> Directory:
    """The archive in a blob. Raises Malformed where there is none, TooLarge and BudgetExceeded past the limits of this module."""
    found: dict[int, list[Record]] = {}
    ends: list[int] = []
    comment, end_of_archive = b"", blob.size
    for end in _ends(blob):
        for at, size, prefix in end.places:
            if at in found:
                continue
            records = _central(blob, at, size, prefix)
            if records or size == 0:
                found[at] = records
        ends.append(end.offset)
        comment, end_of_archive = end.comment, min(blob.size, end.offset + 22 + len(end.comment))
    if not ends:
        return _streamed(blob)
    pairs = [_pair(blob, record) for records in found.values() for record in records]
    entries = list({(e.record.header, e.record.name): e for e in pairs}.values())
    covered = sorted(
        [(e.record.header, e.data + max(e.record.packed, e.local.packed if e.local else 0)) for e in entries if e.data is not None]
        + [(at, end_of_archive) for at in list(found)[:1]]
    )
    hidden, unsearched = _hidden(blob, covered)
    outer = [o for o in ends if not any(a <= o < b for a, b in covered[:-1])]
    start = min((e.record.header for e in entries), default=min(found, default=ends[0]))
    return Directory(
        entries=(*entries, *hidden),
        hidden=tuple(hidden),
        start=start,
        end=end_of_archive,
        ends=tuple(outer),
        directories=len([r for r in found.values() if r]) or 1,
        comment=comment,
        unsearched=unsearched,
    )


class _End(Struct, frozen=True, kw_only=True):
    """An end record and the places where its central directory may stand: (offset, size, what to add to offsets in it)."""

    offset: int
    comment: bytes
    places: tuple[tuple[int, int, int], ...]


def _ends(blob: Blob) -> Iterator[_End]:
    """All end records of the tail that lead to a central directory or to an empty archive, first to last."""
    tail, base = blob.tail, max(0, blob.size - len(blob.tail))
    at = tail.find(END)
    while at >= 0:
        if at + 22 <= len(tail):
            disk, _, _, total, size, offset, length = struct.unpack_from("<4H2LH", tail, at + 4)
            end = base + at
            places: list[tuple[int, int, int]] = []
            edge = end
            if at >= 20 and tail[at - 20 : at - 16] == LOCATOR64:
                places += _places64(blob, struct.unpack_from("<Q", tail, at - 12)[0], end)
                edge = end - 76 if places else end  # the directory ends before the zip64 records
            if size != 0xFFFFFFFF and offset != 0xFFFFFFFF:
                places += [(edge - size, size, edge - size - offset), (offset, size, 0)]
            good = tuple(dict.fromkeys((a, s, p) for a, s, p in places if 0 <= a <= end and s and blob.read_at(a, 4) == CENTRAL))
            if good or (total == size == disk == 0 and offset <= end):
                yield _End(offset=end, comment=tail[at + 22 : at + 22 + length], places=good or ((end, 0, 0),))
        at = tail.find(END, at + 4)


def _places64(blob: Blob, stated: int, end: int) -> list[tuple[int, int, int]]:
    """Where the zip64 end record, at its stated offset or right before its locator, says that the directory is."""
    out = []
    for at in dict.fromkeys((end - 76, stated)):
        raw = blob.read_at(at, 56)
        if len(raw) == 56 and raw.startswith(END64):
            size, offset = struct.unpack_from("<2Q", raw, 40)
            out += [(at - size, size, at - size - offset), (offset, size, 0)]
    return out


def _central(blob: Blob, at: int, size: int, prefix: int) -> list[Record]:
    """The records of one central directory, up to the first that is none."""
    if size > CENTRAL_LIMIT:
        raise Malformed(f"a central directory of {size} bytes", offset=at)
    raw = blob.read_at(at, min(size, blob.size - at))
    out: list[Record] = []
    i = 0
    while i + 46 <= len(raw) and raw[i : i + 4] == CENTRAL:
        _, made, _, flags, method, _, _, crc, packed, full, nlen, xlen, clen, _, _, external, header = _CENTRAL.unpack_from(raw, i)
        name = raw[i + 46 : i + 46 + nlen]
        extra = raw[i + 46 + nlen : i + 46 + nlen + xlen]
        if 0xFFFFFFFF in (packed, full, header):
            full, packed, header = _zip64(extra, full, packed, header)
        mode = external >> 16 if made >> 8 in (3, 19) else 0
        out.append(Record(name=name, flags=flags, method=method, crc=crc, packed=packed, size=full, header=header + prefix, mode=mode))
        if len(out) > MEMBERS:
            raise BudgetExceeded(f"lists more than {MEMBERS} members", offset=at)
        i += 46 + nlen + xlen + clen
    return out


def _zip64(extra: bytes, size: int, packed: int, header: int = 0) -> tuple[int, int, int]:
    """Sizes and offset with the 64-bit values of the extra field in place of those that are all ones."""
    i = 0
    while i + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, i)
        if kind == 1:
            values = iter(struct.unpack_from(f"<{min(length, len(extra) - i - 4) // 8}Q", extra, i + 4))
            size = next(values, size) if size == 0xFFFFFFFF else size
            packed = next(values, packed) if packed == 0xFFFFFFFF else packed
            header = next(values, header) if header == 0xFFFFFFFF else header
            break
        i += 4 + length
    return size, packed, header


def _local(blob: Blob, at: int, hint: int = 64) -> tuple[Record, int] | None:
    """The local record at an offset and where its data start, or None."""
    raw = blob.read_at(at, 30 + hint + 128)
    if len(raw) < 30 or raw[:4] != LOCAL:
        return None
    _, _, flags, method, _, _, crc, packed, size, nlen, xlen = _LOCAL.unpack_from(raw)
    if 30 + nlen + xlen > len(raw):
        raw = blob.read_at(at, 30 + nlen + xlen)
    if 0xFFFFFFFF in (packed, size):
        size, packed, _ = _zip64(raw[30 + nlen : 30 + nlen + xlen], size, packed)
    record = Record(name=raw[30 : 30 + nlen], flags=flags, method=method, crc=crc, packed=packed, size=size, header=at)
    return record, at + 30 + nlen + xlen


def _pair(blob: Blob, central: Record) -> Entry:
    """A central record with the local record that it points at; without its signature the data are still where its lengths say."""
    found = _local(blob, central.header, len(central.name))
    if found is not None:
        return Entry(central=central, local=found[0], data=found[1])
    raw = blob.read_at(central.header, 30)
    data = central.header + 30 + sum(struct.unpack_from("<2H", raw, 26)) if len(raw) == 30 else blob.size
    return Entry(central=central, local=None, data=data if data < blob.size else None)


def _hidden(blob: Blob, covered: list[tuple[int, int]]) -> tuple[list[Entry], int]:
    """Local records between members, before the first and behind the last, and how many bytes of such gaps were too large to search."""
    out: list[Entry] = []
    unsearched = at = 0
    for start, end in [*covered, (blob.size, blob.size)]:
        if start > at + 30:
            take = min(start - at, GAP_LIMIT)
            unsearched += start - at - take
            out += _locals_in(blob, at, blob.read_at(at, take))
        at = max(at, end)
    return out, unsearched


def _locals_in(blob: Blob, base: int, raw: bytes) -> Iterator[Entry]:
    """Plausible local records in a gap. One without sizes runs to the next record or to the end of the gap."""
    at = raw.find(LOCAL)
    while at >= 0:
        found = _local(blob, base + at)
        after = at + 4
        if found and 0 < len(found[0].name) <= 4096 and b"\0" not in found[0].name[:1] and found[1] <= base + len(raw):
            record, data = found
            packed = record.packed
            if not packed:
                stops = [i for i in (raw.find(sign, data - base) for sign in (LOCAL, CENTRAL, DESCRIPTOR, END)) if i >= 0]
                packed = base + min(stops, default=len(raw)) - data
            packed = min(packed, blob.size - data)
            yield Entry(
                central=None,
                local=Record(
                    name=record.name,
                    flags=record.flags,
                    method=record.method,
                    crc=record.crc,
                    packed=packed,
                    size=record.size,
                    header=record.header,
                ),
                data=data,
            )
            after = min(len(raw), max(after, data - base + packed)) if packed < len(raw) else after
        at = raw.find(LOCAL, after)


def _streamed(blob: Blob) -> Directory:
    """An archive without a directory, by its local records alone, as streaming readers have it."""
    if not blob.head.startswith((LOCAL, b"PK00PK\x03\x04")):
        raise Malformed("no zip archive: no end record leads to a directory")
    entries: list[Entry] = []
    at = blob.head.find(LOCAL)
    while len(entries) < MEMBERS:
        window = blob.read_at(at, GAP_LIMIT)
        found = next(iter(_locals_in(blob, at, window)), None)
        if found is None or found.data is None:
            break
        entries.append(found)
        at = found.data + max(found.record.packed, 1)
    return Directory(
        entries=tuple(entries), hidden=(), start=0, end=blob.size, problem="no central directory: cut short, or made for streaming readers"
    )
