"""7z archives, as far as the standard library can expand them: copy, lzma, lzma2, deflate, bzip2, with delta and branch filters; no
encryption, no PPMd. Source: 7-Zip's 7zFormat.txt."""

from __future__ import annotations

import lzma
import struct
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.blob import Blob, BytesBlob
from mlsbom.budget import Budget
from mlsbom.errors import Malformed, Opaque
from mlsbom.formats import codecs

MAGIC: Final = b"7z\xbc\xaf\x27\x1c"
HEADER_LIMIT: Final = 64 << 20
COUNT_LIMIT: Final = 200_000
AES: Final = b"\x06\xf1\x07\x01"
_FILTERS: Final = {
    b"\x21": lzma.FILTER_LZMA2,
    b"\x03\x01\x01": lzma.FILTER_LZMA1,
    b"\x03": lzma.FILTER_DELTA,
    b"\x04": lzma.FILTER_X86,
    b"\x03\x03\x01\x03": lzma.FILTER_X86,
    b"\x03\x03\x05\x01": lzma.FILTER_ARM,
    b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB,
    b"\x03\x03\x02\x05": lzma.FILTER_POWERPC,
    b"\x03\x03\x08\x05": lzma.FILTER_SPARC,
    b"\x03\x03\x04\x01": lzma.FILTER_IA64,
}
_SINGLE: Final = {b"\x04\x01\x08": "deflate", b"\x04\x02\x02": "bzip2"}


class SevenEntry(Struct, frozen=True, kw_only=True):
    """A member; `folder` and `offset` say which unpacked block holds it and where, `folder` None for empty ones."""

    name: str
    size: int
    folder: int | None
    offset: int
    attributes: int = 0
    is_folder: bool = False


class _Folder(Struct):
    """Coders that lead from one packed stream to one unpacked block."""

    coders: list[tuple[bytes, bytes]] = field(default_factory=list)  # (id, properties), outermost last
    linear: bool = True
    sizes: list[int] = field(default_factory=list)
    packed_at: int = 0
    packed_size: int = 0
    streams: list[int] = field(default_factory=list)
    outs: int = 0
    main: int = 0

    @property
    def size(self) -> int:
        return self.sizes[self.main] if self.main < len(self.sizes) else 0


class SevenDirectory(Struct, frozen=True, kw_only=True):
    """All members and the blocks that they stand in."""

    entries: tuple[SevenEntry, ...]
    folders: tuple[_Folder, ...]


class _Reader:
    """Numbers and bytes of a header."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise Malformed("the 7z header ends early")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """7z's variable-length number: leading ones of the first byte count the bytes that follow."""
        first = self.byte()
        value, mask = 0, 0x80
        for i in range(8):
            if not first & mask:
                return value + ((first & (mask - 1)) << (8 * i))
            value |= self.byte() << (8 * i)
            mask >>= 1
        return value

    def count(self) -> int:
        value = self.number()
        if value > COUNT_LIMIT:
            raise Malformed(f"a 7z header that counts {value} things")
        return value

    def bits(self, count: int) -> list[bool]:
        out: list[bool] = []
        for i in range(0, count, 8):
            byte = self.byte()
            out += [bool(byte & 0x80 >> b) for b in range(min(8, count - i))]
        return out

    def defined(self, count: int) -> list[bool]:
        return [True] * count if self.byte() else self.bits(count)


def read_sevenzip(blob: Blob, budget: Budget) -> SevenDirectory:
    """The directory. Raises Malformed, or Opaque where the header itself is encrypted."""
    start = blob.read_at(0, 32)
    if len(start) < 32 or not start.startswith(MAGIC):
        raise Malformed("no 7z archive")
    offset, size, _ = struct.unpack_from("<QQI", start, 12)
    if size == 0:
        if blob.size > 32:
            raise Malformed("a 7z archive that says it is empty, with bytes behind its header", offset=32)
        return SevenDirectory(entries=(), folders=())
    if size > HEADER_LIMIT or 32 + offset + size > blob.size:
        raise Malformed("the 7z header lies beyond the end", offset=12)
    reader = _Reader(blob.read_at(32 + offset, size))
    for _ in range(4):
        kind = reader.byte()
        if kind == 0x01:
            return _header(reader)
        if kind != 0x17:
            break
        folders, _ = _streams(reader)
        if not folders or folders[0].size > HEADER_LIMIT:
            break
        reader = _Reader(unpack(blob, folders[0], budget).data(HEADER_LIMIT))
    raise Malformed("no 7z header where it should be")


def unpack(blob: Blob, folder: _Folder, budget: Budget) -> Blob:
    """The bytes of one block, under the budget. Raises Opaque for coders without a decoder, Malformed where the stream is damaged."""
    make = _decoder(folder)
    if make is None:
        return blob.window(folder.packed_at, folder.packed_size)
    got = codecs.expand_with(_exact(make, folder.size), blob, budget, start=folder.packed_at, length=folder.packed_size)
    if got.problem and got.blob.size < folder.size:
        raise Malformed(got.problem)
    return got.blob


def _exact(make: Callable[[], codecs.Decoder], size: int) -> Callable[[], codecs.Decoder]:
    """A decoder that ends at the block's stated size: raw lzma has no end mark of its own."""

    class Bounded:
        def __init__(self) -> None:
            self.inner = make()
            self.left = size
            self.unused_data = b""

        @property
        def eof(self) -> bool:
            return self.left <= 0 or self.inner.eof

        @property
        def needs_input(self) -> bool:
            return self.inner.needs_input

        def decompress(self, data: bytes, max_length: int) -> bytes:
            out = self.inner.decompress(data, min(max_length, max(1, self.left)))
            self.left -= len(out)
            return out

    return Bounded


def _decoder(folder: _Folder) -> Callable[[], codecs.Decoder] | None:
    """The decoder of a chain of coders; None where nothing is packed."""
    ids = [c for c, _ in folder.coders]
    if any(c == AES for c in ids):
        raise Opaque("encrypted (7z AES)")
    if ids == [b"\x00"]:
        return None
    if not folder.linear:
        raise Opaque("packed by a 7z filter that needs several streams (BCJ2)", remedy="unpack it first")
    if len(ids) == 1 and ids[0] in _SINGLE:
        return codecs.DECODERS[_SINGLE[ids[0]]]
    filters = [_filter(c, p) for c, p in folder.coders]
    return lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)


def _filter(coder: bytes, properties: bytes) -> dict[str, Any]:
    kind = _FILTERS.get(coder)
    if kind is None:
        raise Opaque(f"packed by 7z coder {coder.hex()}, for which there is no decoder", remedy="unpack it first")
    out: dict[str, Any] = {"id": kind}
    if kind == lzma.FILTER_LZMA1:
        if len(properties) < 5 or properties[0] >= 225:
            raise Malformed("lzma properties of a 7z archive are damaged")
        first = properties[0]
        out |= {"lc": first % 9, "lp": first // 9 % 5, "pb": first // 45, "dict_size": max(4096, int.from_bytes(properties[1:5], "little"))}
    elif kind == lzma.FILTER_LZMA2:
        bits = properties[0] if properties else 40
        out["dict_size"] = 4096 if bits > 39 else max(4096, (2 | bits & 1) << bits // 2 + 11)
    elif kind == lzma.FILTER_DELTA:
        out["dist"] = (properties[0] if properties else 0) + 1
    if out.get("dict_size", 0) > codecs.LZMA_MEMORY:
        raise Opaque(f"asks for a dictionary of {out['dict_size']} bytes to be expanded")
    return out


def _header(reader: _Reader) -> SevenDirectory:
    kind = reader.byte()
    if kind == 0x02:  # archive properties
        while reader.byte():
            reader.take(reader.number())
        kind = reader.byte()
    if kind == 0x03:  # additional streams
        _streams(reader)
        kind = reader.byte()
    folders: list[_Folder] = []
    sizes: list[list[int]] = []
    if kind == 0x04:
        folders, sizes = _streams(reader)
        kind = reader.byte()
    entries = _files(reader, sizes) if kind == 0x05 else []
    return SevenDirectory(entries=tuple(entries), folders=tuple(folders))


def _streams(reader: _Reader) -> tuple[list[_Folder], list[list[int]]]:
    """Blocks, and the sizes of the members inside each."""
    packed_at, packed, folders = 32, [], []
    sizes: list[list[int]] = []
    while (kind := reader.byte()) != 0:
        if kind == 0x06:
            packed_at = 32 + reader.number()
            packed = _pack_sizes(reader)
        elif kind == 0x07:
            folders = _folders(reader)
        elif kind == 0x08:
            sizes = _substreams(reader, folders)
        else:
            raise Malformed(f"an unknown part {kind} in the 7z header")
    at, i = packed_at, 0
    for f in folders:
        take = packed[i : i + max(1, len(f.streams))]
        f.packed_at, f.packed_size = at, take[0] if take else 0
        at += sum(take)
        i += len(take)
    return folders, sizes or [[f.size] for f in folders]


def _pack_sizes(reader: _Reader) -> list[int]:
    count, sizes = reader.count(), []
    while (kind := reader.byte()) != 0:
        if kind == 0x09:
            sizes = [reader.number() for _ in range(count)]
        elif kind == 0x0A:
            _digests(reader, count)
        else:
            raise Malformed("damaged sizes in the 7z header")
    return sizes


def _digests(reader: _Reader, count: int) -> list[bool]:
    defined = reader.defined(count)
    reader.take(4 * sum(defined))
    return defined


def _folders(reader: _Reader) -> list[_Folder]:
    if reader.byte() != 0x0B:
        raise Malformed("no blocks in the 7z header")
    count = reader.count()
    if reader.byte():
        raise Opaque("a 7z archive whose block list stands elsewhere")
    folders = [_folder(reader) for _ in range(count)]
    if reader.byte() != 0x0C:
        raise Malformed("no block sizes in the 7z header")
    for f in folders:
        f.sizes = [reader.number() for _ in range(f.outs)]
    while (kind := reader.byte()) != 0:
        if kind != 0x0A:
            raise Malformed("damaged block list in the 7z header")
        _digests(reader, count)
    return folders


def _folder(reader: _Reader) -> _Folder:
    out = _Folder()
    ins = 0
    coders: list[tuple[bytes, bytes]] = []
    for _ in range(min(reader.count(), 32)):
        flags = reader.byte()
        coder = reader.take(flags & 0x0F)
        wide = bool(flags & 0x10)
        n_in, n_out = (reader.count(), reader.count()) if wide else (1, 1)
        properties = reader.take(reader.number()) if flags & 0x20 else b""
        coders.append((coder, properties))
        ins, out.outs = ins + n_in, out.outs + n_out
        out.linear = out.linear and n_in == n_out == 1
    bound = {}
    for _ in range(max(0, out.outs - 1)):
        into, source = reader.number(), reader.number()
        bound[into] = source
    packs = ins - len(bound)
    out.streams = [reader.number() for _ in range(packs)] if packs > 1 else [next((i for i in range(ins) if i not in bound), 0)]
    out.main = next((i for i in range(out.outs) if i not in bound.values()), 0)
    order: list[tuple[bytes, bytes]] = []
    at = out.main
    while out.linear and at < len(coders) and len(order) < len(coders):
        order.append(coders[at])
        if at not in bound:
            break
        at = bound[at]
    out.coders = order if out.linear else coders
    return out


def _substreams(reader: _Reader, folders: list[_Folder]) -> list[list[int]]:
    counts = [1] * len(folders)
    kind = reader.byte()
    if kind == 0x0D:
        counts = [reader.count() for _ in folders]
        kind = reader.byte()
    sizes: list[list[int]] = []
    for f, count in zip(folders, counts, strict=True):
        known = [reader.number() for _ in range(count - 1)] if kind == 0x09 else []
        sizes.append([*known, max(0, f.size - sum(known))] if count else [])
    if kind == 0x09:
        kind = reader.byte()
    while kind != 0:
        if kind == 0x0A:
            _digests(reader, sum(counts))  # blocks of one member may have theirs already: what is left over ends the part anyway
        kind = reader.byte()
    return sizes


def _files(reader: _Reader, sizes: list[list[int]]) -> list[SevenEntry]:
    count = reader.count()
    names: list[str] = [""] * count
    empty: list[bool] = [False] * count
    files: list[bool] = []
    attributes: list[int] = [0] * count
    while (kind := reader.byte()) != 0:
        part = _Reader(reader.take(reader.number()))
        if kind == 0x11:
            part.byte()
            names = (part.data[part.at :].decode("utf-16-le", "replace").split("\0") + names)[:count]
        elif kind == 0x0E:
            empty = part.bits(count)
        elif kind == 0x0F:
            files = part.bits(sum(empty))
        elif kind == 0x15:
            defined = part.defined(count)
            part.byte()
            attributes = [int.from_bytes(part.take(4), "little") if d else 0 for d in defined]
    out: list[SevenEntry] = []
    places = iter([(f, o, s) for f, inside in enumerate(sizes) for o, s in _offsets(inside)])
    emptied = 0
    for i in range(count):
        if empty[i]:
            is_file = emptied < len(files) and files[emptied]
            emptied += 1
            out.append(SevenEntry(name=names[i], size=0, folder=None, offset=0, attributes=attributes[i], is_folder=not is_file))
        else:
            folder, offset, size = next(places, (None, 0, 0))
            out.append(SevenEntry(name=names[i], size=size, folder=folder, offset=offset, attributes=attributes[i]))
    return out


def _offsets(sizes: list[int]) -> list[tuple[int, int]]:
    out, at = [], 0
    for size in sizes:
        out.append((at, size))
        at += size
    return out


def members(blob: Blob, directory: SevenDirectory, budget: Budget) -> list[tuple[SevenEntry, Blob | Exception]]:
    """Every member with its bytes, or with why they cannot be had; each block is expanded once."""
    blocks: dict[int, Blob | Exception] = {}
    out: list[tuple[SevenEntry, Blob | Exception]] = []
    for entry in directory.entries:
        if entry.folder is None:
            out.append((entry, BytesBlob(b"", entry.name)))
            continue
        if entry.folder not in blocks:
            try:
                blocks[entry.folder] = unpack(blob, directory.folders[entry.folder], budget)
            except (Malformed, Opaque) as e:
                blocks[entry.folder] = e
        block = blocks[entry.folder]
        out.append((entry, block.window(entry.offset, entry.size, entry.name.rsplit("/", 1)[-1]) if isinstance(block, Blob) else block))
    return out
