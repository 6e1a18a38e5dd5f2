"""HDF5 without libhdf5: groups, attributes, links and where the bytes of datasets stand.

Source: HDF5 File Format Specification 3.0. Read: superblocks 0-3, object headers 1 and 2, symbol tables, link and attribute messages,
fractal heaps with B-trees of one level, local and global heaps (where they stand: `hdf5_storage`), contiguous, compact and chunked layouts,
external files and virtual datasets. What is not read (huge objects, deeper B-trees) is listed in `unread`, never passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats.hdf5_storage import OBJECT_LIMIT, Storage, after_selection, number, zero_ended
from mlsbom.formats.tensors import Tensors

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"


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
        self.base = base
        self.storage = Storage(blob, base)
        self.out = Hdf5(base, self.storage.version)
        self.todo: list[tuple[int, str]] = []
        self.done: set[int] = set()

    # --- the walk ----------------------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """All objects from the root on."""
        root = self.storage.superblock()
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

    def _object(self, address: int, path: str) -> None:
        dataset: dict[str, Any] = {}
        group = False
        for kind, data in self.storage.messages(address):
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
                    self._symbols(self.storage.address(data, 0), self.storage.address(data, self.storage.osize), path)
                case 0x15:
                    self._attribute_info(data, path)
        if group:
            self.out.groups.append(path)
        elif "type" in dataset and "layout" in dataset:
            self._dataset(path, dataset)

    # --- groups ------------------------------------------------------------------------------------------------------------------------

    def _symbols(self, tree: int, heap: int, path: str) -> None:
        """Entries of an old-style group, with their names in a local heap."""
        names = self.storage.local_heap(heap)
        for entry in self.storage.symbols(tree):
            self._symbol(entry, names, path)

    def _symbol(self, entry: bytes, names: bytes, path: str) -> None:
        name = zero_ended(names, self.storage.address(entry, 0))
        cache = number(entry, 2 * self.storage.osize, 4)
        if cache == 2:
            target = zero_ended(names, number(entry, 2 * self.storage.osize + 8, 4))
            self.out.outside.append(Outside("soft-link", target, f"{path}/{name}"))
        else:
            self.todo.append((self.storage.address(entry, self.storage.osize), f"{path}/{name}"))

    def _link(self, data: bytes, path: str) -> None:
        """A link message: hard, soft or external."""
        flags, at = data[1], 2
        kind = data[at] if flags & 8 else 0
        at += (1 if flags & 8 else 0) + (8 if flags & 4 else 0) + (1 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        length = number(data, at, width)
        name = data[at + width : at + width + length].decode("utf-8", "replace")
        at += width + length
        where = f"{path}/{name}"
        if kind == 0:
            self.todo.append((self.storage.address(data, at), where))
        elif kind == 1:
            size = number(data, at, 2)
            self.out.outside.append(Outside("soft-link", data[at + 2 : at + 2 + size].decode("utf-8", "replace"), where))
        elif kind == 64:
            size = number(data, at, 2)
            value = data[at + 3 : at + 2 + size]
            self.out.outside.append(Outside("external-link", value.split(b"\0")[0].decode("utf-8", "replace"), where))

    def _link_info(self, data: bytes, path: str) -> None:
        flags = data[1]
        at = 2 + (8 if flags & 1 else 0)
        heap, tree = self.storage.address(data, at), self.storage.address(data, at + self.storage.osize)
        for message in self.storage.dense(heap, tree, 4, self._unread(path)):
            self._link(message, path)

    def _attribute_info(self, data: bytes, path: str) -> None:
        flags = data[1]
        at = 2 + (2 if flags & 1 else 0)
        heap, tree = self.storage.address(data, at), self.storage.address(data, at + self.storage.osize)
        for message in self.storage.dense(heap, tree, 0, self._unread(path)):
            self._attribute(message, path)

    def _unread(self, path: str) -> Callable[[str], None]:
        """Takes down what cannot be followed below an object."""
        return lambda what: self.out.unread.append(f"{path or '/'}: {what}")

    # --- values ------------------------------------------------------------------------------------------------------------------------

    def _dataspace(self, data: bytes) -> tuple[int, ...]:
        version, rank = data[0], data[1]
        at = 8 if version == 1 else 4
        if rank > 32:
            raise Malformed(f"a dataspace of {rank} dimensions")
        return tuple(self.storage.length(data, at + n * self.storage.lsize) for n in range(rank))

    def _datatype(self, data: bytes, at: int) -> tuple[_Type, int]:
        """(type, bytes used where known)."""
        kind, size = data[at] & 15, number(data, at + 4, 4)
        bits = number(data, at + 1, 3)
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
        name_size, type_size, space_size = (number(data, n, 2) for n in (2, 4, 6))
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
                heap, index = self.storage.address(raw, 4), number(raw, 4 + self.storage.osize, 4)
                out.append(self.storage.global_text(heap, index, number(raw, 0, 4)))
            elif kind.kind == 0:
                out.append(int.from_bytes(raw, "little", signed=kind.dtype.startswith("I")))
            else:
                return None
        return out if shape else (out[0] if out else None)

    # --- datasets ------------------------------------------------------------------------------------------------------------------------

    def _layout(self, data: bytes, path: str) -> tuple[str, int, int]:
        """(class, address, size); address -1 where the bytes are in pieces."""
        version = data[0]
        if version in (1, 2):
            rank, kind = data[1], data[2]
            if kind == 1:
                return "contiguous", self.storage.address(data, 8), 0
            return ("chunked" if kind == 2 else "compact"), -1, rank
        kind = data[1]
        if kind == 1:
            return "contiguous", self.storage.address(data, 2), self.storage.length(data, 2 + self.storage.osize)
        if kind == 3:
            self._virtual(self.storage.address(data, 2), number(data, 2 + self.storage.osize, 4), path)
        return {0: "compact", 2: "chunked", 3: "virtual"}.get(kind, "unknown"), -1, 0

    def _virtual(self, heap: int, index: int, path: str) -> None:
        """The source files of a virtual dataset: a block of the global heap names file, dataset and two selections for each part."""
        raw = self.storage.global_block(heap, index)
        if number(raw, 0, 1) != 0:
            raise Malformed("the parts of a virtual dataset are of no known form")
        at = 1 + self.storage.lsize
        files: dict[str, None] = {}
        for _ in range(number(raw, 1, self.storage.lsize)):
            name = zero_ended(raw, at)
            end = raw.find(b"\0", raw.find(b"\0", at) + 1)
            if end < 0 or len(files) > 1000:
                raise Malformed("the parts of a virtual dataset cannot be told apart")
            at = after_selection(raw, after_selection(raw, end + 1))
            if name not in ("", "."):
                files[name] = None
        self.out.outside.extend(Outside("virtual-source", name, path) for name in files)

    def _external_files(self, data: bytes, path: str) -> None:
        used = number(data, 6, 2)
        names = self.storage.local_heap(self.storage.address(data, 8))
        for n in range(min(used, 1000)):
            at = 8 + self.storage.osize + n * 3 * self.storage.lsize
            self.out.outside.append(Outside("external-data", zero_ended(names, self.storage.length(data, at)), path))

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
        placed = layout == "contiguous" and 0 <= address < (1 << (8 * self.storage.osize)) - 1
        self.out.tensors.add(path.lstrip("/"), kind.dtype, shape, self.base + address if placed else -1, size or elements * kind.size)
