"""Digests: small files in the main thread with the read that inspection uses, large ones in threads beside it (hashlib frees the lock).

Measured (benchmarks/hashing.py): buffers of 2 MiB, which stay in the cache of a core, and a switch interval of 0.05 ms keep hash threads
near full speed while the main thread runs Python; with the default interval of 5 ms a busy main thread starves them. No mmap: a mapped
file counts as memory.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from mlsbom.errors import Unreadable

BUFFER = 2 << 20
INTERVAL = 0.00005  # seconds
SETTLED_NS = 2_000_000_000  # a file changed this recently is never taken from the cache: its clock may not have ticked
_local = threading.local()


def digest(
    descriptor: int, size: int, algorithms: tuple[str, ...] = ("sha256",), deadline: float | None = None
) -> tuple[tuple[str, str], ...]:
    """Digests of the first `size` bytes of a descriptor, in one pass, as (algorithm, hex). Raises Unreadable where bytes are missing."""
    try:
        buffer = _local.buffer
    except AttributeError:
        buffer = _local.buffer = memoryview(bytearray(BUFFER))
    hashers = [hashlib.new(a) for a in algorithms]
    at = 0
    while at < size:
        try:
            got = os.preadv(descriptor, [buffer[: min(BUFFER, size - at)]], at)
        except OSError as e:
            raise Unreadable(f"cannot be read: {e.strerror}", offset=at) from e
        if not got:
            raise Unreadable(f"ends at {at} of {size} bytes: changed while read", offset=at)
        if deadline is not None and time.monotonic() > deadline:
            raise Unreadable("the time allowed for this scan is used up: not hashed to the end", offset=at)
        for h in hashers:
            h.update(buffer[:got])
        at += got
    return tuple(zip(algorithms, (h.hexdigest() for h in hashers), strict=True))


class DigestCache:
    """SHA-256 by (device, inode, size, mtime_ns, ctime_ns), on this host alone. Broken or locked, it is simply not there."""

    def __init__(self, path: Path | None) -> None:
        self._rows: dict[tuple[int, ...], str] = {}
        self._new: dict[tuple[int, ...], str] = {}
        self._path = path
        if path is None or not path.exists():
            return
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.2) as db:
                self._rows = {tuple(r[:5]): r[5] for r in db.execute("SELECT device, inode, size, mtime, ctime, sha256 FROM digest")}
            db.close()
        except sqlite3.Error:
            self._rows = {}

    def get(self, key: tuple[int, int, int, int, int]) -> str | None:
        """The digest of content known by this key, unless the file changed within the last two seconds."""
        return self._rows.get(key) if time.time_ns() - max(key[3], key[4]) > SETTLED_NS else None

    def put(self, key: tuple[int, int, int, int, int], sha256: str) -> None:
        """Remember a digest of a file that was the same before and after."""
        if self._path is not None and self._rows.get(key) != sha256:
            self._new[key] = sha256

    def close(self) -> None:
        """Write what is new; a cache that cannot be written is no error."""
        if not self._new or self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, timeout=0.5)
            with db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS digest (device, inode, size, mtime, ctime, sha256, "
                    "PRIMARY KEY (device, inode, size, mtime, ctime))"
                )
                db.executemany("INSERT OR REPLACE INTO digest VALUES (?, ?, ?, ?, ?, ?)", [(*k, v) for k, v in self._new.items()])
            db.close()
        except (sqlite3.Error, OSError):
            return


def cache_path() -> Path:
    """Where the digest cache stands: XDG_CACHE_HOME or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "mlsbom" / "digests.sqlite"


@contextmanager
def responsive() -> Iterator[None]:
    """A short switch interval, put back afterwards."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


Digests = tuple[tuple[str, str], ...]


class Hashers:
    """A pool of hash threads; `submit` gives a future of digests or of the ReadError that stood in the way."""

    def __init__(self, jobs: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="mlsbom-hash")

    def submit(self, work: Callable[[], Digests]) -> Future[Digests]:
        """Queue one file."""
        return self._pool.submit(work)

    def close(self) -> None:
        """Drop what has not begun and wait for the rest."""
        self._pool.shutdown(wait=True, cancel_futures=True)
