"""Single-stream compression: gzip, bzip2, xz, lzma, zlib, raw deflate, lz4 frames; zstd where a decoder is installed.

Everything is expanded in pieces under the input's budget. What was expanded before damage is kept, as loaders have run it by then. Up to
`IN_MEMORY` bytes stay in memory, more goes to an unnamed temporary file.
"""

from __future__ import annotations

import bz2
import lzma
import tempfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, Final, Protocol

from msgspec import Struct

from mlsbom.blob import Blob, BytesBlob, FileBlob
from mlsbom.budget import Budget
from mlsbom.errors import BudgetExceeded, Malformed, Opaque
from mlsbom.formats import lz4

IN_MEMORY: Final = 32 << 20
PIECE: Final = 1 << 20
LZMA_MEMORY: Final = 256 << 20
"""The most memory that an lzma dictionary may ask for: xz -9 needs 65 MiB."""
Error = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


class Decoder(Protocol):
    """What `zlib`, `bz2` and `lzma` objects have in common, with output bounded by `max_length`."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""
        ...

    @property
    def unused_data(self) -> bytes:
        """The packed bytes after its end."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """The next expanded bytes, at most `max_length`."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without further bytes."""
        ...


class _Zlib:
    """`zlib.decompressobj` in the shape of the other two."""

    def __init__(self, bits: int) -> None:
        self._inner = zlib.decompressobj(bits)
        self._held = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._held + data, max_length)
        self._held = self._inner.unconsumed_tail
        return out

    @property
    def needs_input(self) -> bool:
        return not self._held

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def _zstd() -> Decoder:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ImportError:
        raise Opaque(
            "packed with zstd, which this Python cannot expand", remedy="run under Python 3.14 or newer, or unpack it first"
        ) from None
    decoder: Decoder = zstd.ZstdDecompressor()
    return decoder


def _raw_lzma(properties: bytes) -> Callable[[], Decoder]:
    """The decoder of a zip member packed with method 14: five bytes of properties stand in front of the data."""
    first = properties[0] if properties else 0
    options: dict[str, Any] = {
        "id": lzma.FILTER_LZMA1,
        "lc": first % 9,
        "lp": first // 9 % 5,
        "pb": first // 45,
        "dict_size": int.from_bytes(properties[1:5], "little"),
    }
    if options["dict_size"] > LZMA_MEMORY:
        raise Opaque(f"asks for a dictionary of {options['dict_size']} bytes to be expanded")
    return lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[options])


DECODERS: Final[dict[str, Callable[[], Decoder]]] = {
    "gzip": lambda: _Zlib(31),
    "zlib": lambda: _Zlib(15),
    "deflate": lambda: _Zlib(-15),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=LZMA_MEMORY),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=LZMA_MEMORY),
    "lz4": lz4.FrameDecoder,
    "zstd": _zstd,
}
"""Names of formats (and `deflate`, without a header) to their decoders."""


class Expanded(Struct, frozen=True, kw_only=True):
    """What came out. `consumed`: packed bytes used; `problem`: why it ends early, or None where the stream was whole; `bomb`: whether
    the budget ended it."""

    blob: Blob
    consumed: int
    problem: str | None = None
    bomb: bool = False


class Sink:
    """Collects expanded bytes; a temporary file takes over above `IN_MEMORY`."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self.size += len(data)
        if self._file is None and self.size > IN_MEMORY:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the blob
            self._file.writelines(self._parts)
            self._parts.clear()
        if self._file is not None:
            self._file.write(data)
        else:
            self._parts.append(data)

    def blob(self, name: str) -> Blob:
        """All bytes so far as a blob."""
        if self._file is None:
            return BytesBlob(b"".join(self._parts), name)
        self._file.flush()
        return _SpooledBlob(self._file, self.size, name)


class _SpooledBlob(FileBlob):
    """A blob in an unnamed temporary file, which lives as long as the blob."""

    def __init__(self, file: IO[bytes], size: int, name: str) -> None:
        super().__init__(file.fileno(), size, name)
        self._keep = file


def sniff(head: bytes) -> str | None:
    """The codec of bytes that have no telling magic number: `zlib` or the old `lzma` format, else None. The head alone is tried."""
    if head[:1] == b"\x78" and len(head) > 2 and int.from_bytes(head[:2], "big") % 31 == 0 and _starts("zlib", head):
        return "zlib"
    if (
        len(head) > 13
        and head[0] == 0x5D
        and head[1:2] == b"\0"
        and (head[5:13] == b"\xff" * 8 or int.from_bytes(head[5:13], "little") < 1 << 40)
        and _starts("lzma", head)
    ):
        return "lzma"
    return None


def _starts(codec: str, head: bytes) -> bool:
    decoder = DECODERS[codec]()
    try:
        return bool(decoder.decompress(head[:4096], 4096)) or decoder.eof or not decoder.needs_input
    except Error:
        return False


def expand(blob: Blob, codec: str, budget: Budget, *, name: str = "", start: int = 0, length: int | None = None) -> Expanded:
    """All that `codec` makes of `length` bytes from `start`. gzip, bzip2, xz and lz4 streams in a row are one, as their tools have it.

    Raises Opaque for a codec without a decoder; damage and an exhausted budget end the result early and are told in it.
    """
    if codec not in DECODERS:
        raise Opaque(f"packed with {codec}, for which there is no decoder")
    return expand_with(DECODERS[codec], blob, budget, name=name, start=start, length=length, repeat=codec in ("gzip", "bzip2", "xz", "lz4"))


def expand_raw_lzma(
    properties: bytes, blob: Blob, budget: Budget, *, name: str = "", start: int = 0, length: int | None = None
) -> Expanded:
    """The same for the raw lzma of zip members; `properties` are the bytes of the zip lzma header after its version and size."""
    return expand_with(_raw_lzma(properties), blob, budget, name=name, start=start, length=length)


def expand_with(
    make: Callable[[], Decoder],
    blob: Blob,
    budget: Budget,
    *,
    name: str = "",
    start: int = 0,
    length: int | None = None,
    repeat: bool = False,
) -> Expanded:
    """Drive a decoder over a piece of a blob."""
    end = blob.size if length is None else min(blob.size, start + length)
    sink, state = Sink(), _State(start)
    problem, bomb = None, False
    try:
        for piece in _pieces(make, blob, state, end, repeat):
            budget.spend(len(piece))
            sink.write(piece)
            budget.ratio(state.at - start, sink.size)
        if not state.whole:
            problem = "the packed stream ends early"
    except BudgetExceeded as e:
        problem, bomb = str(e), True
    except Malformed as e:
        problem = str(e)
    except Error as e:
        problem = f"the packed stream is damaged: {e}"
    return Expanded(blob=sink.blob(name or blob.name), consumed=state.at - start, problem=problem, bomb=bomb)


class _State(Struct):
    """Where the packed input was read up to, and whether a stream's end was met there."""

    at: int
    whole: bool = False


def _pieces(make: Callable[[], Decoder], blob: Blob, state: _State, end: int, repeat: bool) -> Iterator[bytes]:
    """Expanded pieces; `state.at` is exact at the ends of streams."""
    decoder = make()
    fed = state.at
    data = b""
    while True:
        if not data and decoder.needs_input:
            data = blob.read_at(fed, min(PIECE, end - fed))
            if not data:
                return
            fed += len(data)
            state.at = fed
        out = decoder.decompress(data, PIECE)
        data = b""
        if out:
            yield out
        if decoder.eof:
            data = decoder.unused_data
            state.at, state.whole = fed - len(data), True
            if not repeat or not (data or fed < end):
                return
            peek = data[:6] or blob.read_at(fed, 6)
            if not peek.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x04\x22\x4d\x18")):
                return
            decoder, state.whole = make(), False
