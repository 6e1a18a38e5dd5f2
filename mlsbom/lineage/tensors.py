"""Weights as lineage sees them: named tensors whose values are read in pieces, whatever the container.

A reader under `weights/` turns a file into `Tensor`s. Nothing is read before `open`; a tensor that a container keeps packed (a compressed
member, a chunked dataset) is expanded then, whole, within `EXPANDED`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from mlsbom.errors import Malformed, ReadError, TooLarge
from mlsbom.lineage import codes

Array = NDArray[Any]
Read = Callable[[int, int], Array]

EXPANDED = 256 << 20  # bytes of one tensor that may be held at once, where it cannot be read in pieces
PIECE = 1 << 19  # elements read at a time


class Values:
    """The opened values of one tensor, in C order. `read(start, count)` answers uint16 (bfloat16 codes), float16 or float32."""

    def __init__(self, read: Read, elements: int) -> None:
        self._read = read
        self.elements = elements

    def stored(self, start: int, count: int) -> Array:
        """Values as stored, 1-D; exactly those that exist, or Malformed."""
        count = max(0, min(count, self.elements - start))
        out = self._read(start, count)
        if len(out) != count:
            raise Malformed(f"a tensor ends after {start + len(out)} of {self.elements} values")
        return out

    def floats(self, start: int, count: int) -> Array:
        """Values as float32, 1-D."""
        x = self.stored(start, count)
        return codes.bf16_floats(x) if x.dtype == np.uint16 else x.astype(np.float32, copy=False)

    def pieces(self) -> Iterator[Array]:
        """All values as stored, in order."""
        for start in range(0, self.elements, PIECE):
            yield self.stored(start, PIECE)


class Tensor(Struct, frozen=True, kw_only=True):
    """One parameter tensor. `dtype` as the container spells it; `opener` gives the reader of its values; `raw`, of plain ones, reads them
    exactly as stored (integers that are packed codes)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    opener: Callable[[], Read]
    raw: Read | None = None

    @property
    def elements(self) -> int:
        """The number of values."""
        return math.prod(self.shape)

    def open(self) -> Values:
        """The values, ready to be read. Raises ReadError."""
        return Values(self.opener(), self.elements)


class Weights(Struct):
    """The tensors of a file or folder, with what of it could not be read. `close` frees the files behind it."""

    tensors: list[Tensor] = field(default_factory=list)
    shortfalls: list[tuple[str, str, str]] = field(default_factory=list)  # (where, status, reason)
    left_out: list[tuple[str, str]] = field(default_factory=list)  # (name, why): integers, bool and complex, which are no weights
    closers: list[Callable[[], None]] = field(default_factory=list)

    def fail(self, where: str, error: ReadError) -> None:
        """Note what could not be read."""
        self.shortfalls.append((where, error.status, str(error)))

    def close(self) -> None:
        """Close the files."""
        while self.closers:
            self.closers.pop()()

    def __enter__(self) -> Weights:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def whole(load: Callable[[], Array], nbytes: int) -> Callable[[], Read]:
    """An opener for a tensor that must be expanded at once: `load` gives all its values, `nbytes` is what they take as float32."""

    def opener() -> Read:
        if nbytes > EXPANDED:
            raise TooLarge(f"a packed tensor expands to {nbytes} bytes, more than the {EXPANDED} that are held at once")
        flat = np.ascontiguousarray(load()).reshape(-1)
        return lambda start, count: flat[start : start + count]

    return opener


def unique(tensors: list[Tensor]) -> list[Tensor]:
    """The same tensors with different names: a second `x` becomes `x#2`."""
    seen: dict[str, int] = {}
    out = []
    for t in tensors:
        seen[t.name] = n = seen.get(t.name, 0) + 1
        out.append(t if n == 1 else replace(t, name=f"{t.name}#{n}"))
    return out
