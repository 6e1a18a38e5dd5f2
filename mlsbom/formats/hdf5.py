"""HDF5 without libhdf5: groups, attributes, links and where the bytes of datasets stand.

Source: HDF5 File Format Specification 3.0. Read: superblocks 0-3, object headers 1 and 2, symbol tables, link and attribute messages,
fractal heaps
with B-trees of one level, local and global heaps, contiguous, compact and chunked layouts, external files and virtual datasets. What is not
read (huge objects, deeper B-trees) is listed in `unread`, never passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats.tensors import Tensors

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
OBJECT_LIMIT: Final = 100_000
MESSAGE_LIMIT: Final = 65_536
TEXT_LIMIT: Final = 64 << 20
UNDEFINED: Final = 0xFFFFFFFFFFFFFFFF


class Outside(Struct, frozen=True):
    """A mention of another file: `kind` external-link, external-data, virtual-source or soft-link."""

    kind: str
    path: str
    where: str


class Hdf5(Struct):
    """`attributes`: (object path, name) -> value (text, number, list; None where the type is not read). `tensors`: datasets with numeric
    types. `outside`: other files that are named. `unread`: what this reader could not follow."""

    base: int
    version: int
    attributes: dict[tuple[str, str], Any] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    tensors: Tensors = field(default_factory=Tensors)
    outside: list[Outside] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


class _Type(Struct, frozen=True):
    """A datatype: class (0 integer, 1 float, 3 string, 9 variable length, 8 enum, ...), size in bytes, dtype name, text or not, of what."""

    kind: int
    size: int
    dtype: str
    text: bool = False


def read(blob: Blob) -> Hdf5:
    """The structure of a blob: a reader for `Blob.parsed`. Raises Malformed only where there is no superblock."""
    at = 0
    while blob.read_at(at, 8) != SIGNATURE:
        at = 512 if not at else at * 2
        if at >= blob.size:
            raise Malformed("no HDF5 superblock")
    if blob.size - at <= len(SIGNATURE):
        return Hdf5(at, -1)  # a signature and nothing else: there is nothing that could be left unread
    reader = _Reader(blob, at)
    try:
        reader.run()
    except (Malformed, IndexError, ValueError, OverflowError) as e:
        reader.out.unread.append(str(e) or type(e).__name__)
    return reader.out


class _Reader:
    def __init__(self, blob: Blob, base: int) -> None:
        self.blob, self.base = blob, base
        self.osize = self.lsize = 8
        version = self.at(8, 1)[0]
        self.out = Hdf5(base, version)
        self._heaps: dict[int, dict[int, bytes]] = {}
        self.todo: list[tuple[int, str]] = []
        self.done: set[int] = set()

    # --- bytes -----------------------------------------------------------------------------------------------------------------------

    def at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes at an address."""
        if size < 0 or size > TEXT_LIMIT or offset >= UNDEFINED:
            raise Malformed("an address or size that cannot be", offset=offset)
        data = self.blob.read_at(self.base + offset, size)
        if len(data) != size:
            raise Malformed("the file ends inside its structure", offset=self.base + offset)
        return data

    def number(self, data: bytes, at: int, size: int) -> int:
        """A little-endian number."""
        if at + size > len(data):
            raise Malformed("a message ends early")
        return int.from_bytes(data[at : at + size], "little")

    # --- the walk ----------------------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """All objects from the root on."""
        root = self._superblock()
        self.todo.append((root, ""))
        while self.todo:
            address, path = self.todo.pop()
            if address in self.done:
                continue
            self.done.add(address)
            if len(self.done) > OBJECT_LIMIT:
                raise Malformed(f"more than {OBJECT_LIMIT} objects")
            try:
                self._object(address, path)
            except Malformed as e:
                if len(self.out.unread) < 100:
                    self.out.unread.append(f"{path or '/'}: {e}")

    def _superblock(self) -> int:
        version = self.out.version
        if version in (0, 1):
            head = self.at(0, 24 + (4 if version else 0))
            self.osize, self.lsize = head[13], head[14]
            self._sizes()
            start = 24 + (4 if version else 0) + 4 * self.osize
            entry = self.at(start, 2 * self.osize + 24)
            return self.number(entry, self.osize, self.osize)
        if version in (2, 3):
            head = self.at(0, 12)
            self.osize, self.lsize = head[9], head[10]
            self._sizes()
            return self.number(self.at(12, 4 * self.osize), 3 * self.osize, self.osize)
        raise Malformed(f"superblock version {version} is not known")

    def _sizes(self) -> None:
        if self.osize not in (2, 4, 8) or self.lsize not in (2, 4, 8):
            raise Malformed(f"addresses of {self.osize} bytes")

    def _object(self, address: int, path: str) -> None:
        dataset: dict[str, Any] = {}
        group = False
        for kind, data in self._messages(address):
            match kind:
                case 0x01:
                    dataset["shape"] = self._dataspace(data)
                case 0x02:
                    group = True
                    self._link_info(data, path)
                case 0x03:
                    dataset["type"] = self._datatype(data, 0)[0]
                case 0x06:
                    group = True
                    self._link(data, path)
                case 0x07:
                    self._external_files(data, path)
                case 0x08:
                    dataset["layout"] = self._layout(data, path)
                case 0x0B:
                    dataset["filtered"] = True
                case 0x0C:
                    self._attribute(data, path)
                case 0x11:
                    group = True
                    self._symbols(self.number(data, 0, self.osize), self.number(data, self.osize, self.osize), path)
                case 0x15:
                    self._attribute_info(data, path)
        if group:
            self.out.groups.append(path)
        elif "type" in dataset and "layout" in dataset:
            self._dataset(path, dataset)

    def _messages(self, address: int) -> Iterator[tuple[int, bytes]]:
        """(type, body) of all messages of an object header, continuations included."""
        version2 = self.at(address, 4) == b"OHDR"
        blocks: list[tuple[int, int]] = []
        creation = False
        if version2:
            flags = self.at(address + 5, 1)[0]
            start = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            blocks.append((start + width, self.number(self.at(start, width), 0, width)))
            creation = bool(flags & 4)
        else:
            head = self.at(address, 16)
            if head[0] != 1:
                raise Malformed(f"object header version {head[0]} is not known", offset=address)
            blocks.append((address + 16, self.number(head, 8, 4)))
        count = 0
        while blocks:
            start, size = blocks.pop(0)
            body = self.at(start, size)
            at, step = 0, (4 + (2 if creation else 0)) if version2 else 8
            while at + step <= len(body):
                kind = body[at] if version2 else self.number(body, at, 2)
                length = self.number(body, at + (1 if version2 else 2), 2)
                data = body[at + step : at + step + length]
                at += step + length
                count += 1
                if count > MESSAGE_LIMIT:
                    raise Malformed(f"more than {MESSAGE_LIMIT} messages in one object")
                if kind == 0x10:
                    where, size = self.number(data, 0, self.osize), self.number(data, self.osize, self.lsize)
                    blocks.append((where + 4, max(0, size - 8)) if version2 else (where, size))
                else:
                    yield kind, data

    # --- groups ------------------------------------------------------------------------------------------------------------------------

    def _symbols(self, tree: int, heap: int, path: str) -> None:
        """Entries of an old-style group: a B-tree of version 1 over symbol table nodes, names in a local heap."""
        head = self.at(heap, 8 + 2 * self.lsize + self.osize)
        size, where = self.number(head, 8, self.lsize), self.number(head, 8 + 2 * self.lsize, self.osize)
        names = self.at(where, min(size, TEXT_LIMIT))
        nodes: list[int] = [tree]
        visited: set[int] = set()
        while nodes:
            at = nodes.pop()
            if at in visited or len(visited) > OBJECT_LIMIT:
                continue
            visited.add(at)
            mark = self.at(at, 8)
            if mark[:4] == b"TREE":
                used, step = self.number(mark, 6, 2), self.lsize + self.osize
                body = self.at(at + 8 + 2 * self.osize, used * step + self.lsize)
                nodes.extend(self.number(body, n * step + self.lsize, self.osize) for n in range(used))
            elif mark[:4] == b"SNOD":
                entry = 2 * self.osize + 24
                used = self.number(mark, 6, 2)
                body = self.at(at + 8, used * entry)
                for n in range(used):
                    self._symbol(body[n * entry : (n + 1) * entry], names, path)

    def _symbol(self, entry: bytes, names: bytes, path: str) -> None:
        name = _zero(names, self.number(entry, 0, self.osize))
        cache = self.number(entry, 2 * self.osize, 4)
        if cache == 2:
            target = _zero(names, self.number(entry, 2 * self.osize + 8, 4))
            self.out.outside.append(Outside("soft-link", target, f"{path}/{name}"))
        else:
            self.todo.append((self.number(entry, self.osize, self.osize), f"{path}/{name}"))

    def _link(self, data: bytes, path: str) -> None:
        """A link message: hard, soft or external."""
        flags, at = data[1], 2
        kind = data[at] if flags & 8 else 0
        at += (1 if flags & 8 else 0) + (8 if flags & 4 else 0) + (1 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        length = self.number(data, at, width)
        name = data[at + width : at + width + length].decode("utf-8", "replace")
        at += width + length
        where = f"{path}/{name}"
        if kind == 0:
            self.todo.append((self.number(data, at, self.osize), where))
        elif kind == 1:
            size = self.number(data, at, 2)
            self.out.outside.append(Outside("soft-link", data[at + 2 : at + 2 + size].decode("utf-8", "replace"), where))
        elif kind == 64:
            size = self.number(data, at, 2)
            value = data[at + 3 : at + 2 + size]
            self.out.outside.append(Outside("external-link", value.split(b"\0")[0].decode("utf-8", "replace"), where))

    def _link_info(self, data: bytes, path: str) -> None:
        flags = data[1]
        at = 2 + (8 if flags & 1 else 0)
        heap, tree = self.number(data, at, self.osize), self.number(data, at + self.osize, self.osize)
        for message in self._dense(heap, tree, 4, path):
            self._link(message, path)

    def _attribute_info(self, data: bytes, path: str) -> None:
        flags = data[1]
        at = 2 + (2 if flags & 1 else 0)
        heap, tree = self.number(data, at, self.osize), self.number(data, at + self.osize, self.osize)
        for message in self._dense(heap, tree, 0, path):
            self._attribute(message, path)

    def _dense(self, heap: int, tree: int, skip: int, path: str) -> Iterator[bytes]:
        """Messages in a fractal heap, by the records of a B-tree of version 2 with one level. `skip`: bytes of a record before the heap
        id."""
        undefined = (1 << (8 * self.osize)) - 1
        if heap == undefined or tree == undefined:
            return
        head = self.at(tree, 16 + self.osize + 2 + self.lsize)
        if head[:4] != b"BTHD":
            raise Malformed("no B-tree where one is named", offset=tree)
        size, depth = self.number(head, 10, 2), self.number(head, 12, 2)
        root, used = self.number(head, 16, self.osize), self.number(head, 16 + self.osize, 2)
        if depth:
            self.out.unread.append(f"{path or '/'}: a B-tree of {depth + 1} levels")
            return
        space = _Fractal(self, heap)
        records = self.at(root + 6, used * size) if used else b""
        for n in range(used):
            found = space.object(records[n * size + skip : (n + 1) * size])
            if found is None:
                self.out.unread.append(f"{path or '/'}: a huge or tiny object of a fractal heap")
            else:
                yield found

    # --- values ------------------------------------------------------------------------------------------------------------------------

    def _dataspace(self, data: bytes) -> tuple[int, ...]:
        version, rank = data[0], data[1]
        at = 8 if version == 1 else 4
        if rank > 32:
            raise Malformed(f"a dataspace of {rank} dimensions")
        return tuple(self.number(data, at + n * self.lsize, self.lsize) for n in range(rank))

    def _datatype(self, data: bytes, at: int) -> tuple[_Type, int]:
        """(type, bytes used where known)."""
        kind, size = data[at] & 15, self.number(data, at + 4, 4)
        bits = self.number(data, at + 1, 3)
        if kind == 0:
            return _Type(kind, size, f"{'I' if bits & 8 else 'U'}{8 * size}"), 12
        if kind == 1:
            exponent = data[at + 13] if at + 13 < len(data) else 0
            return _Type(kind, size, "BF16" if size == 2 and exponent == 8 else f"F{8 * size}"), 20
        if kind == 3:
            return _Type(kind, size, "STRING", True), 8
        if kind == 9:
            inner, _ = self._datatype(data, at + 8)
            return _Type(kind, size, inner.dtype, bool(bits & 15 == 1)), 8
        if kind == 8:
            inner, _ = self._datatype(data, at + 8)
            return _Type(kind, size, "BOOL" if size == 1 else inner.dtype), 0
        return _Type(kind, size, f"class-{kind}"), 0

    def _attribute(self, data: bytes, path: str) -> None:
        version = data[0]
        name_size, type_size, space_size = (self.number(data, n, 2) for n in (2, 4, 6))
        at = 9 if version == 3 else 8

        def padded(size: int) -> int:
            return -(-size // 8) * 8 if version == 1 else size

        name = data[at : at + name_size].split(b"\0")[0].decode("utf-8", "replace")
        at += padded(name_size)
        kind, _ = self._datatype(data, at)
        at += padded(type_size)
        shape = self._dataspace(data[at : at + space_size]) if space_size >= 4 else ()
        at += padded(space_size)
        self.out.attributes[path or "/", name] = self._value(data[at:], kind, shape)

    def _value(self, data: bytes, kind: _Type, shape: tuple[int, ...]) -> Any:
        count = 1
        for n in shape:
            count *= n
        if kind.size == 0 or count > 1_000_000:
            return None
        out: list[Any] = []
        for n in range(min(count, len(data) // kind.size)):
            raw = data[n * kind.size : (n + 1) * kind.size]
            if kind.kind == 3:
                out.append(raw.split(b"\0")[0].decode("utf-8", "replace"))
            elif kind.kind == 9 and kind.text:
                out.append(self._global(self.number(raw, 4, self.osize), self.number(raw, 4 + self.osize, 4), self.number(raw, 0, 4)))
            elif kind.kind == 0:
                out.append(int.from_bytes(raw, "little", signed=kind.dtype.startswith("I")))
            else:
                return None
        return out if shape else (out[0] if out else None)

    def _global(self, heap: int, index: int, size: int) -> str:
        """A variable-length text of a global heap collection."""
        if heap not in self._heaps:
            head = self.at(heap, 8 + self.lsize)
            if head[:4] != b"GCOL":
                raise Malformed("no global heap where one is named", offset=heap)
            body = self.at(heap, self.number(head, 8, self.lsize))
            found: dict[int, bytes] = {}
            at = 8 + self.lsize
            while at + 8 + self.lsize <= len(body):
                key, length = self.number(body, at, 2), self.number(body, at + 8, self.lsize)
                if key == 0:
                    break
                start = at + 8 + self.lsize
                found[key] = body[start : start + length]
                at = start + -(-length // 8) * 8
            self._heaps[heap] = found
        return self._heaps[heap].get(index, b"")[:size].decode("utf-8", "replace")

    # --- datasets ------------------------------------------------------------------------------------------------------------------------

    def _layout(self, data: bytes, path: str) -> tuple[str, int, int]:
        """(class, address, size); address -1 where the bytes are in pieces."""
        version = data[0]
        if version in (1, 2):
            rank, kind = data[1], data[2]
            if kind == 1:
                return "contiguous", self.number(data, 8, self.osize), 0
            return ("chunked" if kind == 2 else "compact"), -1, rank
        kind = data[1]
        if kind == 1:
            return "contiguous", self.number(data, 2, self.osize), self.number(data, 2 + self.osize, self.lsize)
        if kind == 3:
            self._virtual(self.number(data, 2, self.osize), self.number(data, 2 + self.osize, 4), path)
        return {0: "compact", 2: "chunked", 3: "virtual"}.get(kind, "unknown"), -1, 0

    def _virtual(self, heap: int, index: int, path: str) -> None:
        """The source files of a virtual dataset: zero-ended texts in a block of the global heap."""
        block = self._global(heap, index, 1 << 20)
        raw = block.encode("utf-8", "replace")[1 + self.lsize :]
        at = 0
        for _ in range(1000):
            end = raw.find(b"\0", at)
            if end < 0:
                return
            name = raw[at:end].decode("utf-8", "replace")
            if name and name != "." and name.isprintable():
                self.out.outside.append(Outside("virtual-source", name, path))
            return

    def _external_files(self, data: bytes, path: str) -> None:
        used = self.number(data, 6, 2)
        heap = self.number(data, 8, self.osize)
        head = self.at(heap, 8 + 2 * self.lsize + self.osize)
        names = self.at(self.number(head, 8 + 2 * self.lsize, self.osize), min(self.number(head, 8, self.lsize), TEXT_LIMIT))
        for n in range(min(used, 1000)):
            self.out.outside.append(
                Outside("external-data", _zero(names, self.number(data, 8 + self.osize + n * 3 * self.lsize, self.lsize)), path)
            )

    def _dataset(self, path: str, dataset: dict[str, Any]) -> None:
        kind: _Type = dataset["type"]
        if kind.kind not in (0, 1, 8):
            return
        layout, address, size = dataset["layout"]
        shape = dataset.get("shape", ())
        elements = 1
        for n in shape:
            elements *= n
        if elements >= 1 << 62:
            raise Malformed(f"the size of dataset {path[:80]} overflows")
        placed = layout == "contiguous" and 0 <= address < (1 << (8 * self.osize)) - 1
        self.out.tensors.add(path.lstrip("/"), kind.dtype, shape, self.base + address if placed else -1, size or elements * kind.size)


class _Fractal:
    """A fractal heap: managed objects in direct blocks below at most one indirect block."""

    def __init__(self, reader: _Reader, address: int) -> None:
        self.reader = reader
        osize, lsize = reader.osize, reader.lsize
        head = reader.at(address, 13 + 12 * lsize + 3 * osize + 20)
        if head[:4] != b"FRHP":
            raise Malformed("no fractal heap where one is named", offset=address)
        at = 14 + lsize + osize + lsize + osize + 8 * lsize
        self.largest = reader.number(head, 10, 4)
        self.width = reader.number(head, at, 2)
        self.start = reader.number(head, at + 2, lsize)
        self.direct_max = reader.number(head, at + 2 + lsize, lsize)
        self.bits = reader.number(head, at + 2 + 2 * lsize, 2)
        self.root = reader.number(head, at + 6 + 2 * lsize, osize)
        self.rows = reader.number(head, at + 6 + 2 * lsize + osize, 2)

    def object(self, key: bytes) -> bytes | None:
        """The bytes of a managed object by its heap id; None for huge and tiny ones."""
        if not key or key[0] >> 4 & 3 != 0:
            return None
        reader = self.reader
        wide = -(-self.bits // 8)
        offset = reader.number(key, 1, wide)
        bits = min(self.largest, self.direct_max) if self.largest else self.direct_max
        size = reader.number(key, 1 + wide, min(-(-bits.bit_length() // 8), len(key) - 1 - wide))
        if self.rows == 0:
            return reader.at(self.root + offset, size)
        low = 0
        for row in range(self.rows):
            block = self.start << max(0, row - 1)
            if offset < low + block * self.width:
                if block > self.direct_max:
                    return None
                column = (offset - low) // block
                table = self.root + 5 + reader.osize + wide
                child = reader.number(reader.at(table + (row * self.width + column) * reader.osize, reader.osize), 0, reader.osize)
                return reader.at(child + offset - low - column * block, size)
            low += block * self.width
        return None


def _zero(data: bytes, at: int) -> str:
    """A zero-ended text."""
    end = data.find(b"\0", at)
    return data[at : end if end >= 0 else len(data)].decode("utf-8", "replace")
