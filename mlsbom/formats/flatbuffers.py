"""FlatBuffers without a schema compiler: tables, vectors and texts with every offset checked. Source: the FlatBuffers internals page."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from mlsbom.errors import Malformed

VECTOR_LIMIT = 1_000_000


class Table(Struct, frozen=True):
    """A table at an absolute position; fields are numbered from 0 in the order of the schema."""

    data: bytes
    at: int

    def _field(self, number: int) -> int:
        """The position of a field, 0 where it is absent."""
        vtable = self.at - _number(self.data, self.at, 4, signed=True)
        if vtable < 0 or vtable + 4 > len(self.data):
            raise Malformed("a table's layout lies outside the file", offset=self.at)
        size = _number(self.data, vtable, 2)
        where = 4 + 2 * number
        if where + 2 > size:
            return 0
        offset = _number(self.data, vtable + where, 2)
        return self.at + offset if offset else 0

    def number(self, field: int, size: int, default: int = 0, *, signed: bool = False) -> int:
        """A scalar of `size` bytes."""
        at = self._field(field)
        return _number(self.data, at, size, signed=signed) if at else default

    def text(self, field: int) -> str:
        """A string, empty where absent."""
        at = self._field(field)
        return text_at(self.data, at) if at else ""

    def table(self, field: int) -> Table | None:
        """A sub-table."""
        at = self._field(field)
        return Table(self.data, _follow(self.data, at)) if at else None

    def vector(self, field: int) -> tuple[int, int]:
        """(position of the first element, count); (0, 0) where absent."""
        at = self._field(field)
        if not at:
            return 0, 0
        start = _follow(self.data, at)
        return start + 4, _number(self.data, start, 4)

    def tables(self, field: int) -> Iterator[Table]:
        """The tables of a vector of tables."""
        start, count = self.vector(field)
        if count > VECTOR_LIMIT or start + 4 * count > len(self.data):
            raise Malformed(f"a vector of {count} tables lies outside the file", offset=start)
        for n in range(count):
            yield Table(self.data, _follow(self.data, start + 4 * n))

    def numbers(self, field: int, size: int, *, signed: bool = False) -> tuple[int, ...]:
        """The numbers of a vector of scalars."""
        start, count = self.vector(field)
        if count > VECTOR_LIMIT or start + size * count > len(self.data):
            raise Malformed(f"a vector of {count} numbers lies outside the file", offset=start)
        return tuple(_number(self.data, start + size * n, size, signed=signed) for n in range(count))

    def texts(self, field: int) -> Iterator[str]:
        """The strings of a vector of strings."""
        start, count = self.vector(field)
        if count > VECTOR_LIMIT or start + 4 * count > len(self.data):
            raise Malformed(f"a vector of {count} texts lies outside the file", offset=start)
        for n in range(count):
            yield text_at(self.data, start + 4 * n)


def root(data: bytes) -> Table:
    """The root table of a buffer."""
    return Table(data, _follow(data, 0))


def text_at(data: bytes, at: int) -> str:
    """The string that an offset points at."""
    start = _follow(data, at)
    size = _number(data, start, 4)
    if start + 4 + size > len(data):
        raise Malformed(f"a text of {size} bytes ends past the file", offset=start)
    return data[start + 4 : start + 4 + min(size, 1 << 20)].decode("utf-8", "replace")


def _follow(data: bytes, at: int) -> int:
    target = at + _number(data, at, 4)
    if not 0 <= target <= len(data) - 4:
        raise Malformed("an offset points outside the file", offset=at)
    return target


def _number(data: bytes, at: int, size: int, *, signed: bool = False) -> int:
    if at < 0 or at + size > len(data):
        raise Malformed("a number lies outside the file", offset=max(at, 0))
    return int.from_bytes(data[at : at + size], "little", signed=signed)
