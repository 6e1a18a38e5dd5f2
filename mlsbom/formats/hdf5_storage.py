"""Where HDF5 keeps its structure: addresses, superblocks, object headers, B-trees, local, global and fractal heaps.

Source: HDF5 File Format Specification 3.0. Not read: huge and tiny objects of fractal heaps, B-trees of version 2 deeper than one level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed

OBJECT_LIMIT: Final = 100_000
MESSAGE_LIMIT: Final = 65_536
TEXT_LIMIT: Final = 64 << 20
UNDEFINED: Final = 0xFFFFFFFFFFFFFFFF


class Storage:
    """The pieces of one file. `version`: of its superblock; `osize` and `lsize`: bytes of an address and of a length."""

    def __init__(self, blob: Blob, base: int) -> None:
        self.blob, self.base = blob, base
        self.osize = self.lsize = 8
        self.version = self.at(8, 1)[0]
        self._heaps: dict[int, dict[int, bytes]] = {}

    def at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes at an address."""
        if size < 0 or size > TEXT_LIMIT or offset >= UNDEFINED:
            raise Malformed("an address or size that cannot be", offset=offset)
        data = self.blob.read_at(self.base + offset, size)
        if len(data) != size:
            raise Malformed("the file ends inside its structure", offset=self.base + offset)
        return data

    def address(self, data: bytes, at: int) -> int:
        """The address in a message."""
        return number(data, at, self.osize)

    def length(self, data: bytes, at: int) -> int:
        """The length in a message."""
        return number(data, at, self.lsize)

    def superblock(self) -> int:
        """The address of the root group; sets the sizes of addresses and lengths."""
        version = self.version
        if version in (0, 1):
            head = self.at(0, 24 + (4 if version else 0))
            self.osize, self.lsize = head[13], head[14]
            self._sizes()
            start = 24 + (4 if version else 0) + 4 * self.osize
            entry = self.at(start, 2 * self.osize + 24)
            return self.address(entry, self.osize)
        if version in (2, 3):
            head = self.at(0, 12)
            self.osize, self.lsize = head[9], head[10]
            self._sizes()
            return number(self.at(12, 4 * self.osize), 3 * self.osize, self.osize)
        raise Malformed(f"superblock version {version} is not known")

    def _sizes(self) -> None:
        if self.osize not in (2, 4, 8) or self.lsize not in (2, 4, 8):
            raise Malformed(f"addresses of {self.osize} bytes")

    def messages(self, address: int) -> Iterator[tuple[int, bytes]]:
        """(type, body) of all messages of an object header, continuations included."""
        version2 = self.at(address, 4) == b"OHDR"
        blocks: list[tuple[int, int]] = []
        creation = False
        if version2:
            flags = self.at(address + 5, 1)[0]
            start = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            blocks.append((start + width, number(self.at(start, width), 0, width)))
            creation = bool(flags & 4)
        else:
            head = self.at(address, 16)
            if head[0] != 1:
                raise Malformed(f"object header version {head[0]} is not known", offset=address)
            blocks.append((address + 16, number(head, 8, 4)))
        count = 0
        while blocks:
            start, size = blocks.pop(0)
            body = self.at(start, size)
            at, step = 0, (4 + (2 if creation else 0)) if version2 else 8
            while at + step <= len(body):
                kind = body[at] if version2 else number(body, at, 2)
                length = number(body, at + (1 if version2 else 2), 2)
                data = body[at + step : at + step + length]
                at += step + length
                count += 1
                if count > MESSAGE_LIMIT:
                    raise Malformed(f"more than {MESSAGE_LIMIT} messages in one object")
                if kind == 0x10:
                    where, size = self.address(data, 0), self.length(data, self.osize)
                    blocks.append((where + 4, max(0, size - 8)) if version2 else (where, size))
                else:
                    yield kind, data

    def local_heap(self, heap: int) -> bytes:
        """The names of a local heap."""
        head = self.at(heap, 8 + 2 * self.lsize + self.osize)
        size, where = self.length(head, 8), self.address(head, 8 + 2 * self.lsize)
        return self.at(where, min(size, TEXT_LIMIT))

    def symbols(self, tree: int) -> Iterator[bytes]:
        """The entries of an old-style group: a B-tree of version 1 over symbol table nodes."""
        nodes: list[int] = [tree]
        visited: set[int] = set()
        while nodes:
            at = nodes.pop()
            if at in visited or len(visited) > OBJECT_LIMIT:
                continue
            visited.add(at)
            mark = self.at(at, 8)
            if mark[:4] == b"TREE":
                used, step = number(mark, 6, 2), self.lsize + self.osize
                body = self.at(at + 8 + 2 * self.osize, used * step + self.lsize)
                nodes.extend(self.address(body, n * step + self.lsize) for n in range(used))
            elif mark[:4] == b"SNOD":
                entry = 2 * self.osize + 24
                used = number(mark, 6, 2)
                body = self.at(at + 8, used * entry)
                for n in range(used):
                    yield body[n * entry : (n + 1) * entry]

    def dense(self, heap: int, tree: int, skip: int, unread: Callable[[str], None]) -> Iterator[bytes]:
        """Messages in a fractal heap, by the records of a B-tree of version 2 with one level. `skip`: bytes of a record before the heap
        id; `unread` is told what cannot be followed."""
        undefined = (1 << (8 * self.osize)) - 1
        if heap == undefined or tree == undefined:
            return
        head = self.at(tree, 16 + self.osize + 2 + self.lsize)
        if head[:4] != b"BTHD":
            raise Malformed("no B-tree where one is named", offset=tree)
        size, depth = number(head, 10, 2), number(head, 12, 2)
        root, used = self.address(head, 16), number(head, 16 + self.osize, 2)
        if depth:
            unread(f"a B-tree of {depth + 1} levels")
            return
        space = _Fractal(self, heap)
        records = self.at(root + 6, used * size) if used else b""
        for n in range(used):
            found = space.object(records[n * size + skip : (n + 1) * size])
            if found is None:
                unread("a huge or tiny object of a fractal heap")
            else:
                yield found

    def global_text(self, heap: int, index: int, size: int) -> str:
        """A variable-length text of a global heap collection."""
        return self.global_block(heap, index)[:size].decode("utf-8", "replace")

    def global_block(self, heap: int, index: int) -> bytes:
        """An object of a global heap collection."""
        if heap not in self._heaps:
            head = self.at(heap, 8 + self.lsize)
            if head[:4] != b"GCOL":
                raise Malformed("no global heap where one is named", offset=heap)
            body = self.at(heap, self.length(head, 8))
            found: dict[int, bytes] = {}
            at = 8 + self.lsize
            while at + 8 + self.lsize <= len(body):
                key, length = number(body, at, 2), self.length(body, at + 8)
                if key == 0:
                    break
                start = at + 8 + self.lsize
                found[key] = body[start : start + length]
                at = start + -(-length // 8) * 8
            self._heaps[heap] = found
        return self._heaps[heap].get(index, b"")


class _Fractal:
    """A fractal heap: managed objects in direct blocks below at most one indirect block."""

    def __init__(self, storage: Storage, address: int) -> None:
        self.storage = storage
        osize, lsize = storage.osize, storage.lsize
        head = storage.at(address, 13 + 12 * lsize + 3 * osize + 20)
        if head[:4] != b"FRHP":
            raise Malformed("no fractal heap where one is named", offset=address)
        at = 14 + lsize + osize + lsize + osize + 8 * lsize
        self.largest = number(head, 10, 4)
        self.width = number(head, at, 2)
        self.start = number(head, at + 2, lsize)
        self.direct_max = number(head, at + 2 + lsize, lsize)
        self.bits = number(head, at + 2 + 2 * lsize, 2)
        self.root = number(head, at + 6 + 2 * lsize, osize)
        self.rows = number(head, at + 6 + 2 * lsize + osize, 2)

    def object(self, key: bytes) -> bytes | None:
        """The bytes of a managed object by its heap id; None for huge and tiny ones."""
        if not key or key[0] >> 4 & 3 != 0:
            return None
        storage = self.storage
        wide = -(-self.bits // 8)
        offset = number(key, 1, wide)
        bits = min(self.largest, self.direct_max) if self.largest else self.direct_max
        size = number(key, 1 + wide, min(-(-bits.bit_length() // 8), len(key) - 1 - wide))
        if self.rows == 0:
            return storage.at(self.root + offset, size)
        low = 0
        for row in range(self.rows):
            block = self.start << max(0, row - 1)
            if offset < low + block * self.width:
                if block > self.direct_max:
                    return None
                column = (offset - low) // block
                table = self.root + 5 + storage.osize + wide
                child = number(storage.at(table + (row * self.width + column) * storage.osize, storage.osize), 0, storage.osize)
                return storage.at(child + offset - low - column * block, size)
            low += block * self.width
        return None


def number(data: bytes, at: int, size: int) -> int:
    """A little-endian number."""
    if at + size > len(data):
        raise Malformed("a message ends early")
    return int.from_bytes(data[at : at + size], "little")


def after_selection(data: bytes, at: int) -> int:
    """The offset behind a serialised selection of a dataspace (HDF5 file format, section VIII, "Dataspace Selection")."""
    kind, version = number(data, at, 4), number(data, at + 4, 4)
    if kind in (0, 3):  # nothing, everything
        return at + 16
    if version == 1 or (kind, version) == (2, 2):  # these say their own length
        told = at + (12 if version == 1 else 9)
        return told + 4 + number(data, told, 4)
    flags = number(data, at + 8, 1) if kind == 2 else 0
    start = at + 9 if kind == 2 else at + 8
    size, rank = number(data, start, 1), number(data, start + 1, 4)
    if kind not in (1, 2) or version > 3 or size not in (2, 4, 8) or rank > 32:
        raise Malformed("a selection of no known form", offset=at)
    body = start + 5
    if kind == 2 and flags & 1:
        return body + 4 * rank * size
    return body + size + number(data, body, size) * rank * size * kind


def zero_ended(data: bytes, at: int) -> str:
    """A zero-ended text."""
    end = data.find(b"\0", at)
    return data[at : end if end >= 0 else len(data)].decode("utf-8", "replace")
