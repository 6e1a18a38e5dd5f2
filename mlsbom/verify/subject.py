"""What a signature is over: a folder as a tree of entries, or a thing of which only digests are known. Nothing here knows signatures.

A tree is walked once; files are opened by the walk's own device and inode numbers, never through a link, never one that would block.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from msgspec import Struct

from mlsbom.patterns import late
from mlsbom.verify.verdict import Refused

BUFFER: Final = 1 << 20
SMALL: Final = 4 << 20
DEPTH: Final = 256
HASHES: Final[Mapping[str, int]] = {
    "sha256": 64,
    "sha384": 96,
    "sha512": 128,
    "sha3-256": 64,
    "sha3-384": 96,
    "sha3-512": 128,
    "blake2b": 128,
    "blake3": 64,
}
"""Digests that count, with the length of their hex."""
WEAK: Final = frozenset(
    {
        "md2",
        "md4",
        "md5",
        "sha1",
        "sha-1",
        "sha224",
        "sha3-224",
        "ripemd160",
        "sha512-224",
        "sha512-256",
        "sha512_224",
        "sha512_256",
        "blake2s",
    }
)
"""Digests that never count: broken, or shorter than what they are named after."""
_CACHE: Final = late(rb"(.*/(?:models|datasets|spaces)--[^/]+)/snapshots/[^/]+")
_local = threading.local()


def read_regular(path: str | bytes, limit: int) -> bytes:
    """At most `limit` bytes and one more of a regular file that a caller named; never waits. Raises OSError with a `strerror`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except ValueError as e:
        raise OSError(errno.EINVAL, str(e)) from e
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no regular file")
        parts, left = [], limit + 1
        while left > 0 and (piece := os.read(descriptor, min(left, BUFFER))):
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)
    finally:
        os.close(descriptor)


class Entry(Struct, frozen=True, kw_only=True):
    """A place of a tree. `kind`: file, symlink or special. `key`: (device, inode, size) of a file on disk. `name` as in `Tree.entries`."""

    name: str
    kind: str
    size: int = 0
    key: tuple[int, int, int] | None = None
    target: str = ""
    raw: bytes = b""
    linked: bool = False  # reached through a link that stays inside
    problem: str = ""


class Want(Struct, frozen=True, kw_only=True):
    """A digest to compute: of `entry`, or of its bytes from `start` to `end`."""

    entry: Entry
    algorithm: str
    start: int = 0
    end: int | None = None


class Tree(Protocol):
    """A folder. Names are relative, with `/`; bytes that are no UTF-8 stand as lone surrogates, and such an entry has a problem."""

    @property
    def name(self) -> str: ...

    @property
    def entries(self) -> Mapping[str, Entry]: ...

    def digests(self, wanted: list[Want]) -> list[str | None]:
        """Lower-case hex in the order asked; None where the bytes cannot be read. Raises unsupported-algorithm."""
        ...


def new_hash(algorithm: str) -> Any:
    """A hash object; `unsupported-algorithm` for one that is not known."""
    if algorithm == "blake3":
        try:
            import blake3
        except ImportError as e:
            raise Refused("unsupported-algorithm", "blake3: its package is not installed") from e
        return blake3.blake3()
    if algorithm not in HASHES:
        raise Refused("unsupported-algorithm", f"digest {algorithm[:40]!r}")
    return hashlib.new(algorithm.replace("-", "_"))


def hash_descriptor(descriptor: int, algorithms: Iterable[str], start: int = 0, end: int | None = None) -> dict[str, str]:
    """Digests of bytes `start` to `end` of a descriptor, in one pass."""
    hashers = {a: new_hash(a) for a in algorithms}
    try:
        buffer = _local.buffer
    except AttributeError:
        buffer = _local.buffer = memoryview(bytearray(BUFFER))
    at = start
    while end is None or at < end:
        got = os.preadv(descriptor, [buffer if end is None else buffer[: min(BUFFER, end - at)]], at)
        if not got:
            break
        for h in hashers.values():
            h.update(buffer[:got])
        at += got
    if end is not None and at < end:
        raise OSError(f"ends at {at} of {end} bytes")
    return {a: h.hexdigest() for a, h in hashers.items()}


class DiskTree:
    """A folder on disk, walked when made. With `follow`, links that stay inside are followed and named by the link's path.

    In a snapshot of a Hugging Face cache, links into the blobs of the same repository count as files.
    """

    def __init__(self, root: str | bytes, *, follow: bool = False) -> None:
        self._root = os.path.realpath(os.fsencode(root))
        self._follow = follow
        cached = _CACHE.fullmatch(self._root)
        self._blobs = cached[1] + b"/blobs/" if cached else b""
        self.name = os.fsdecode(os.path.basename(self._root))
        self.entries: dict[str, Entry] = {}
        self._walk(b"", (self._root,), linked=False)

    def _walk(self, folder: bytes, above: tuple[bytes, ...], *, linked: bool) -> None:
        if len(above) > DEPTH:
            self._add(folder, kind="special", problem=f"nested deeper than {DEPTH} folders")
            return
        try:
            with os.scandir(os.path.join(self._root, folder)) as listing:
                items = sorted(listing, key=lambda item: item.name)
        except OSError as e:
            self._add(folder, kind="special", problem=f"folder cannot be listed: {e.strerror}")
            return
        for item in items:
            raw = folder + b"/" + item.name if folder else item.name
            try:
                status = item.stat(follow_symlinks=False)
            except OSError as e:
                self._add(raw, kind="special", problem=f"cannot be read: {e.strerror}")
                continue
            if stat.S_ISDIR(status.st_mode):
                self._walk(raw, (*above, os.path.join(above[-1], item.name)), linked=linked)
            elif stat.S_ISREG(status.st_mode):
                self._file(raw, status, linked=linked)
            elif stat.S_ISLNK(status.st_mode):
                self._link(raw, above)
            else:
                self._add(raw, kind="special", problem="is no regular file")

    def _add(self, raw: bytes, *, kind: str, **more: Any) -> None:
        name = raw.decode("utf-8", "surrogateescape")
        if not more.get("problem") and not name.isascii() and name.encode("utf-8", "replace") != raw:
            more["problem"] = "name is not UTF-8"
        self.entries[name] = Entry(name=name, kind=kind, raw=raw, **more)

    def _file(self, raw: bytes, status: os.stat_result, *, linked: bool) -> None:
        self._add(raw, kind="file", size=status.st_size, key=(status.st_dev, status.st_ino, status.st_size), linked=linked)

    def _link(self, raw: bytes, above: tuple[bytes, ...]) -> None:
        full = os.path.join(self._root, raw)
        try:
            target = os.fsdecode(os.readlink(full))
            real = os.path.realpath(full, strict=True)
            status = os.stat(real)
        except OSError as e:
            self._add(raw, kind="symlink", problem=f"link that cannot be followed: {e.strerror}")
            return
        blob = bool(self._blobs) and real.startswith(self._blobs) and stat.S_ISREG(status.st_mode)
        inside = real.startswith(self._root + b"/")
        if blob or (self._follow and inside and stat.S_ISREG(status.st_mode)):
            self._file(raw, status, linked=True)
        elif self._follow and inside and stat.S_ISDIR(status.st_mode) and real not in above:
            self._walk(raw, (*above, real), linked=True)
        else:
            self._add(raw, kind="symlink", target=target)

    def open(self, entry: Entry) -> int:
        """A descriptor of a file, for the caller to close; OSError where it is not the file that the walk saw."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if entry.linked else os.O_NOFOLLOW)
        descriptor = os.open(os.path.join(self._root, entry.raw), flags)
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino, status.st_size) != entry.key or not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise OSError("changed while it was verified")
        return descriptor

    def digests(self, wanted: list[Want]) -> list[str | None]:
        """One file a thread above 4 MiB in all: hashlib frees the interpreter lock."""
        for algorithm in {w.algorithm for w in wanted}:
            new_hash(algorithm)
        total = sum((w.entry.size if w.end is None else w.end) - w.start for w in wanted)
        threads = min(len(wanted), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
        if total < SMALL or threads < 2:
            return [self._digest(w) for w in wanted]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self._digest, wanted))

    def _digest(self, want: Want) -> str | None:
        try:
            descriptor = self.open(want.entry)
        except OSError:
            return None
        try:
            return hash_descriptor(descriptor, (want.algorithm,), want.start, want.end)[want.algorithm]
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def read(self, name: str, limit: int) -> bytes:
        """All bytes of a file of the tree, at most `limit` and one more. Raises OSError."""
        descriptor = self.open(self.entries[name])
        with os.fdopen(descriptor, "rb") as f:
            return f.read(limit + 1)


class Thing(Protocol):
    """What a signature over one artefact is over. `name`: of the file, or as the caller said."""

    @property
    def name(self) -> str: ...

    def digest(self, algorithm: str) -> str | None:
        """Lower-case hex; None where it is not at hand. Raises unsupported-algorithm."""
        ...

    def data(self, limit: int) -> bytes | None:
        """All bytes, where they are at hand and not more than `limit`."""
        ...


class KnownDigests(Struct, frozen=True):
    """A thing whose bytes are elsewhere."""

    name: str
    digests: Mapping[str, str]

    def digest(self, algorithm: str) -> str | None:
        """The digest that was given."""
        return self.digests.get(algorithm)

    def data(self, limit: int) -> bytes | None:
        """Never at hand."""
        return None


class DiskFile:
    """A regular file on disk, hashed at most once an algorithm. Raises OSError where it is none."""

    def __init__(self, path: str | bytes, name: str) -> None:
        self.name = name
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        status = os.fstat(self._descriptor)
        self.regular = stat.S_ISREG(status.st_mode)
        self.size = status.st_size
        self._known: dict[str, str] = {}

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def digest(self, algorithm: str) -> str | None:
        """Computed when first asked for; None where the bytes cannot be read."""
        if algorithm not in self._known:
            try:
                self._known |= hash_descriptor(self._descriptor, (algorithm,), 0, self.size)
            except OSError:
                return None
        return self._known[algorithm]

    def data(self, limit: int) -> bytes | None:
        """All bytes."""
        if self.size > limit:
            return None
        try:
            return os.pread(self._descriptor, self.size, 0)
        except OSError:
            return None

    def pieces(self, want: Want) -> str | None:
        """A digest of a part of the file."""
        try:
            return hash_descriptor(self._descriptor, (want.algorithm,), want.start, want.end)[want.algorithm]
        except OSError:
            return None


class OneFile:
    """A thing as a tree of one file, for a model that is one file."""

    def __init__(self, thing: Thing) -> None:
        self._thing = thing
        self.name = thing.name
        base = thing.name.rsplit("/", 1)[-1]
        self.entries: dict[str, Entry] = {base: Entry(name=base, kind="file", size=thing.size if isinstance(thing, DiskFile) else 0)}

    def digests(self, wanted: list[Want]) -> list[str | None]:
        """The thing's own digests; of parts, where its bytes are at hand."""
        return [self._digest(w) for w in wanted]

    def _digest(self, want: Want) -> str | None:
        if want.end is None and not want.start:
            found = self._thing.digest(want.algorithm)
        else:
            found = self._thing.pieces(want) if isinstance(self._thing, DiskFile) else None
        if found is None and not isinstance(self._thing, DiskFile):
            raise Refused("unsupported-algorithm", f"the signed {want.algorithm} digest cannot be compared: the bytes are not at hand")
        return found
