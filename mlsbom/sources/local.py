"""A local folder or file. Nothing is opened before `lstat` says that it is a regular file; no link is followed out of the target, but a
Hugging Face cache's own links from a snapshot into its blobs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from mlsbom.blob import Blob, FileBlob
from mlsbom.errors import NothingToScan, Unreadable, UsageError
from mlsbom.patterns import late
from mlsbom.sources import Entry, shown

_SPECIAL = {stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket", stat.S_IFBLK: "device", stat.S_IFCHR: "device"}
_CACHE = late(rb"(?:^|.*/)((?:models|datasets|spaces)--[^/]+)/snapshots/([^/]+)/?$")
_HISTORY = frozenset({b".git/objects", b".git/lfs", b".git/logs", b".git/modules"})
_COMMIT = late("[0-9a-f]{40}")


class LocalSource:
    """A folder or a single file on this machine."""

    local = True

    def __init__(self, target: str) -> None:
        self.uri = target
        self._top = os.path.realpath(os.fsencode(target))
        try:
            mode = os.stat(self._top).st_mode
        except OSError as e:
            raise UsageError(f"{target}: {e.strerror}", remedy="name a folder, a file, or hf://ORG/NAME") from e
        self.single = not stat.S_ISDIR(mode)
        if self.single and not stat.S_ISREG(mode):
            raise UsageError(f"{target}: is neither a folder nor a regular file")
        self.kind = "file" if self.single else "folder"
        self._root = os.path.dirname(self._top) if self.single else self._top
        self.name = shown(os.path.basename(self._top)) or "root"
        self.revision: str | None = None
        self._blobs = b""
        cached = _CACHE.match(self._top)
        if cached and not self.single:
            repository = self._top[: cached.start(1)] + cached[1]
            self._blobs = os.path.join(repository, b"blobs")
            self.kind = "hf-cache"
            self.name = "/".join(shown(cached[1]).split("--")[1:])
            revision = shown(cached[2])
            self.revision = revision if _COMMIT.fullmatch(revision) else None

    def entries(self) -> Iterator[Entry]:
        """One pass of scandir; symbolic links and special files are entries with a reason and are not opened."""
        if self.single:
            base = os.path.basename(self._top)
            yield self._file(shown(base), base, os.stat(self._top))
            return
        empty = True
        todo: list[bytes] = [b""]
        while todo:
            folder = todo.pop()
            try:
                listing = os.scandir(os.path.join(self._root, folder))
            except OSError as e:
                yield Entry(path=shown(folder) or ".", raw=folder, kind="folder", reason=f"folder cannot be listed: {e.strerror}")
                continue
            with listing:
                for item in listing:
                    raw = folder + b"/" + item.name if folder else item.name
                    if item.is_dir(follow_symlinks=False):
                        if raw in _HISTORY:
                            yield Entry(path=shown(raw), raw=raw, kind="history", reason="git history, not the delivered tree: not read")
                        else:
                            todo.append(raw)
                        continue
                    empty = False
                    yield self._entry(raw, item)
        if empty:
            raise NothingToScan(f"{self.uri}: there is nothing in it")

    def _entry(self, raw: bytes, item: os.DirEntry[bytes]) -> Entry:
        path = shown(raw)
        try:
            status = item.stat(follow_symlinks=False)
        except OSError as e:
            return Entry(path=path, raw=raw, kind="file", reason=f"cannot be read: {e.strerror}")
        if stat.S_ISREG(status.st_mode):
            return self._file(path, raw, status)
        if stat.S_ISLNK(status.st_mode):
            return self._link(path, raw)
        kind = _SPECIAL.get(stat.S_IFMT(status.st_mode), "device")
        return Entry(path=path, raw=raw, kind=kind, reason=f"is a {kind}: not opened")

    @staticmethod
    def _file(path: str, raw: bytes, status: os.stat_result) -> Entry:
        key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return Entry(path=path, raw=raw, size=status.st_size, key=key)

    def _link(self, path: str, raw: bytes) -> Entry:
        full = os.path.join(self._root, raw)
        try:
            stored = os.readlink(full)
            real = os.path.realpath(full, strict=True)
            status = os.stat(real)
        except OSError as e:
            reason = "link to nothing" if isinstance(e, FileNotFoundError) else f"link that cannot be followed: {e.strerror}"
            try:
                stored = os.readlink(full)
            except OSError:
                stored = b""
            return Entry(path=path, raw=raw, kind="symlink", link=shown(stored), reason=reason)
        in_blobs = bool(self._blobs) and real.startswith(self._blobs + b"/")
        inside = in_blobs or real == self._root or real.startswith(self._root + b"/")
        entry = Entry(path=path, raw=raw, kind="symlink", link=shown(stored), inside=inside)
        if not inside:
            entry.reason = "link out of the target: not followed"
        elif stat.S_ISDIR(status.st_mode):
            entry.kind = "folder-link"  # what it shows is read where it stands
        elif not stat.S_ISREG(status.st_mode):
            entry.reason = "link to a special file: not opened"
        else:
            entry.size = status.st_size
            entry.key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return entry

    @contextmanager
    def open(self, entry: Entry) -> Iterator[Blob]:
        """The bytes of a regular file, opened without waiting; a difference to what the walk saw is Unreadable."""
        descriptor = self.descriptor(entry)
        try:
            yield FileBlob(descriptor, entry.size, entry.path.rsplit("/", 1)[-1])
        finally:
            os.close(descriptor)

    def whole(self, entry: Entry) -> bytes:
        """All bytes of a small file: what `open` would show, without a blob on an open file."""
        descriptor = self.descriptor(entry)
        try:
            data = os.read(descriptor, entry.size)
            while len(data) < entry.size and (more := os.read(descriptor, entry.size - len(data))):
                data += more
        except OSError as e:
            raise Unreadable(f"cannot be read: {e.strerror}", offset=0) from e
        finally:
            os.close(descriptor)
        if len(data) != entry.size:
            raise Unreadable(f"{len(data)} of {entry.size} bytes could be read: changed while read?")
        return data

    def descriptor(self, entry: Entry) -> int:
        """An open descriptor of a file entry, for the caller to close."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (0 if entry.kind == "symlink" else os.O_NOFOLLOW)
        try:
            descriptor = os.open(os.path.join(self._root, entry.raw), flags)
        except OSError as e:
            raise Unreadable(f"cannot be opened: {e.strerror}") from e
        if entry.key is not None and identity(descriptor) != entry.key:
            os.close(descriptor)
            raise Unreadable("changed while the target was read")
        return descriptor


def identity(descriptor: int) -> tuple[int, int, int, int, int]:
    """(device, inode, size, mtime_ns, ctime_ns): what the digest cache and the check for changes compare."""
    s = os.fstat(descriptor)
    return (s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns)
