"""The fingerprint of a model and its file: what is kept so that others can be compared with the model without its weights.

    magic `MLSBOMFP` · version, width (2 x u16) · hashed, kept, header and expanded header bytes (4 x u32) · content digest (32 bytes)
    · hashed tensors (45 bytes each) · kept matrices (13 bytes each) · kept rows (k x 128 int8 each) · header (canonical JSON, zlib)

Little-endian. The same weights give the same bytes: there is no time, path or host in it. It holds no vocabulary, merges or
configuration; 32 projected rows of 8 bits do not give weights back. A file is read as hostile: every length is checked.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct

from mlsbom.errors import Malformed
from mlsbom.lineage.codes import ValueHash
from mlsbom.lineage.matrices import KEPT, WIDTH
from mlsbom.lineage.tensors import Array

FORM: Final = "mlsbom/fingerprint/1"
MAGIC: Final = b"MLSBOMFP"
VERSION: Final = 1
PREFIX: Final = struct.Struct("<8sHHIIII32s")
HASHED: Final = np.dtype([("tensor", "<u4"), ("elements", "<u8"), ("solid", "u1"), ("bf16", "u1", 16), ("f16", "u1", 16)])
MATRIX: Final = np.dtype([("tensor", "<u4"), ("n", "<u4"), ("m", "<u4"), ("k", "u1")])
MAX_HASHED: Final = 1_000_000
MAX_MATRICES: Final = 64
MAX_HEADER: Final = 64 << 20


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """A tensor by name and shape."""

    name: str
    shape: tuple[int, ...]


class Left(msgspec.Struct, frozen=True, array_like=True):
    """A tensor that was left out of all tests and of the coverage, and why: optimizer, not-finite, or a kind of table."""

    name: str
    why: str


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a fingerprint says besides hashes and rows. `parameters`: values of all tensors that count. `shortfalls`: (where, status,
    reason) of what could not be read."""

    tensors: tuple[Listed, ...] = ()
    parameters: int = 0
    left_out: tuple[Left, ...] = ()
    shortfalls: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A kept matrix: the number of its tensor, rows, columns (as sketched), and its kept rows, k x 128 int8."""

    tensor: int
    n: int
    m: int
    rows: Array = field(compare=False)


class Hashed(Struct, frozen=True, kw_only=True):
    """The value hash of a tensor. `solid`: evidence by itself (two-dimensional, or large)."""

    tensor: int
    key: ValueHash
    solid: bool


class Fingerprint(Struct, frozen=True, kw_only=True):
    """What is kept of a model. `header.tensors` lists the tensors that count, in file order; the others refer to it by number."""

    header: Header
    hashed: tuple[Hashed, ...] = ()
    matrices: tuple[Matrix, ...] = ()

    def name(self, tensor: int) -> str:
        """The name of a tensor."""
        return self.header.tensors[tensor].name

    @property
    def content(self) -> bytes:
        """SHA-256 over the value hashes and shapes, in any order: equal for two files with the same weights under other names."""
        rows = sorted((h.key.elements, h.key.bf16, h.key.f16) for h in self.hashed)
        return hashlib.sha256(msgspec.json.encode([self.header.parameters, *((n, b.hex(), f.hex()) for n, b, f in rows)])).digest()

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The distinct shapes of two axes and more, sorted: what a family is recognised by."""
        return tuple(sorted({t.shape for t in self.header.tensors if len(t.shape) > 1}))


def dump(fingerprint: Fingerprint) -> bytes:
    """The bytes of a fingerprint file."""
    hashed = np.zeros(len(fingerprint.hashed), HASHED)
    for row, h in zip(hashed, fingerprint.hashed, strict=True):
        row["tensor"], row["elements"], row["solid"] = h.tensor, h.key.elements, h.solid
        row["bf16"], row["f16"] = np.frombuffer(h.key.bf16, np.uint8), np.frombuffer(h.key.f16, np.uint8)
    matrices = np.array([(x.tensor, x.n, x.m, len(x.rows)) for x in fingerprint.matrices], MATRIX)
    rows = b"".join(np.ascontiguousarray(x.rows, np.int8).tobytes() for x in fingerprint.matrices)
    header = msgspec.json.encode(fingerprint.header, order="deterministic")
    packed = zlib.compress(header, 9)
    prefix = PREFIX.pack(MAGIC, VERSION, WIDTH, len(hashed), len(matrices), len(packed), len(header), fingerprint.content)
    return prefix + hashed.tobytes() + matrices.tobytes() + rows + packed


class Body(msgspec.Struct, frozen=True):
    """A fingerprint file taken apart, names still packed: what a search through thousands needs."""

    hashed: Any  # array of HASHED
    matrices: Any  # array of MATRIX
    content: bytes
    header_size: int
    packed: bytes
    rows: bytes


def is_fingerprint(head: bytes) -> bool:
    """Whether these first bytes open a fingerprint file."""
    return head.startswith(MAGIC)


def split(raw: bytes) -> Body:
    """Take a fingerprint file apart. Raises Malformed where a length, count or number does not hold."""
    if len(raw) < PREFIX.size or not is_fingerprint(raw):
        raise Malformed("not a fingerprint: it does not begin with MLSBOMFP", offset=0)
    _, version, width, n_hashed, n_kept, packed, size, content = PREFIX.unpack_from(raw)
    if version != VERSION or width != WIDTH:
        raise Malformed(f"a fingerprint of version {version}, width {width}: this program reads version {VERSION}, width {WIDTH}", offset=8)
    if n_hashed > MAX_HASHED or n_kept > MAX_MATRICES or size > MAX_HEADER:
        raise Malformed("a fingerprint with more entries than any model has", offset=12)
    at = PREFIX.size + n_hashed * HASHED.itemsize
    end = at + n_kept * MATRIX.itemsize
    if end > len(raw):
        raise Malformed("a fingerprint that is cut off", offset=len(raw))
    hashed = np.frombuffer(raw, HASHED, n_hashed, PREFIX.size)
    matrices = np.frombuffer(raw, MATRIX, n_kept, at)
    if (matrices["k"] > KEPT).any():
        raise Malformed("a fingerprint with more rows of a matrix than are kept", offset=at)
    body = int(matrices["k"].astype(np.int64).sum()) * WIDTH
    if end + body + packed != len(raw):
        raise Malformed("a fingerprint whose lengths do not add up to its size", offset=end)
    return Body(hashed=hashed, matrices=matrices, content=content, header_size=size, packed=raw[end + body :], rows=raw[end : end + body])


def load(raw: bytes) -> Fingerprint:
    """Read a fingerprint file. Raises Malformed."""
    body = split(raw)
    expand = zlib.decompressobj()
    try:
        text = expand.decompress(body.packed, body.header_size + 1)
        header = msgspec.json.decode(text, type=Header)
    except (zlib.error, msgspec.DecodeError, RecursionError) as e:
        raise Malformed(f"the header of a fingerprint cannot be read: {e}") from e
    count = len(header.tensors)
    if len(text) != body.header_size or any(n < 0 for t in header.tensors for n in t.shape) or header.parameters < 0:
        raise Malformed("the header of a fingerprint is not what its lengths say")
    if (body.hashed["tensor"] >= count).any() or (body.matrices["tensor"] >= count).any():
        raise Malformed("a fingerprint that refers to a tensor it does not list")
    hashed = tuple(
        Hashed(tensor=int(r["tensor"]), key=ValueHash(int(r["elements"]), r["bf16"].tobytes(), r["f16"].tobytes()), solid=bool(r["solid"]))
        for r in body.hashed
    )
    matrices, at = [], 0
    for r in body.matrices:
        k, n = int(r["k"]), int(r["n"])
        if k > n:
            raise Malformed("a fingerprint that keeps more rows than a matrix has")
        rows = np.frombuffer(body.rows, np.int8, k * WIDTH, at).reshape(k, WIDTH)
        matrices.append(Matrix(tensor=int(r["tensor"]), n=n, m=int(r["m"]), rows=rows))
        at += k * WIDTH
    return Fingerprint(header=header, hashed=hashed, matrices=tuple(matrices))
