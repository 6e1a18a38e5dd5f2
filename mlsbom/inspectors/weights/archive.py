"""Archives and single-stream wrappers: what is wrong with the container, and every member for the driver to inspect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import BudgetExceeded, Malformed, Opaque, ReadError
from mlsbom.formats import codecs, sevenzip
from mlsbom.formats.tar import TarDirectory, read_tar
from mlsbom.formats.zip import read_zip
from mlsbom.inspectors import Context, Member, Yield
from mlsbom.inspectors.weights import archive_rules as rules
from mlsbom.inspectors.weights.ziparchive import at, inspect_zip, link, name_findings, shortfall
from mlsbom.judges.callables import describe
from mlsbom.judges.paths import link_escape
from mlsbom.model import Shortfall, Status
from mlsbom.patterns import late
from mlsbom.sources import shown

RULES = rules.RULES
CODECS: Final = frozenset({"gzip", "bzip2", "xz", "lzma", "zlib", "lz4", "zstd", "joblib"})
SUFFIXES: Final = late(r"\.(?:gz|gzip|bz2|xz|lzma|z|zlib|lz4|zst|zstd)$", re.I)
_ZF: Final = late(rb"ZF(?:0x[0-9a-fA-F]+\s*)?")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Everything that the blob's container formats hold. A blob that is several is opened as each."""
    formats = context.formats
    if "tar" in formats:
        yield from _tar(blob, context)
    if "zip" in formats and not ("tar" in formats and _inside_tar(blob)):
        yield from inspect_zip(blob, context)
    if "7z" in formats:
        yield from _sevenzip(blob, context)
    for codec in [f for f in formats if f in CODECS]:
        yield from _wrapped(blob, codec, context)
    if "rar" in formats:
        yield Shortfall(status=Status.OPAQUE, reason="a rar archive, for which there is no reader; unpack it first")


def _inside_tar(blob: Blob) -> bool:
    """Whether the zip archive that ends a tar is a member of it, and not one of its own."""
    try:
        zipped = blob.parsed(read_zip)
        return any(e.data <= zipped.start and zipped.end <= e.data + e.size for e in blob.parsed(read_tar).entries)
    except ReadError:
        return False


# --- single streams -------------------------------------------------------------------------------------------------------------------


def _wrapped(blob: Blob, codec: str, context: Context) -> Iterator[Yield]:
    """A compressed file: its content as one member, and what follows the stream as another."""
    start = 0
    if codec == "joblib":  # the old joblib's header in front of a zlib stream
        found = _ZF.match(blob.head)
        if not found:
            return
        start, codec = found.end(), "zlib"
    elif codec == "lzma" and codecs.sniff(blob.head) != "lzma":
        return
    name = SUFFIXES.sub("", blob.name or "content") or "content"
    try:
        got = codecs.expand(blob, codec, context.budget, name=name, start=start)
    except Opaque as e:
        yield shortfall(e)
        return
    if got.bomb:
        yield rules.BOMB.finding(f"{codec}: {got.problem}", evidence=at(0))
    if got.problem:
        yield Shortfall(status=Status.PARTIAL, reason=got.problem)
    if got.blob.size:
        yield Member(name=name, blob=got.blob)
    end = start + got.consumed
    if not got.problem and end < blob.size and blob.read_at(end, 1 << 16).strip(b"\0"):
        yield Member(name="trailing", blob=blob.window(end, blob.size - end, "trailing"))


# --- tar ------------------------------------------------------------------------------------------------------------------------------


def _tar(blob: Blob, context: Context) -> Iterator[Yield]:
    directory = blob.parsed(read_tar)
    yield from _tar_shape(blob, directory)
    contents: dict[str, tuple[int, int]] = {}
    for n, entry in enumerate(directory.entries):
        context.budget.check()
        where = at(entry.data - 512, entry.name)
        yield from name_findings(entry.name, where)
        if entry.kind in ("symbolic link", "hard link"):
            leaves = link_escape(entry.name if entry.kind == "symbolic link" else "", entry.target)
            if leaves:
                yield rules.ESCAPE.finding(f"{entry.kind} {describe(entry.name, 120)} {leaves}", evidence=where)
            else:
                yield rules.LINK.finding(f"{entry.kind} {describe(entry.name, 120)} to {describe(entry.target, 120)}", evidence=where)
        elif entry.kind not in ("file", "folder"):
            yield rules.SPECIAL.finding(f"{entry.kind}: {describe(entry.name, 120)}", evidence=where)
        elif entry.kind == "file":
            if entry.mode & 0o6000:
                yield rules.SPECIAL.finding(f"set-user-id or set-group-id file: {describe(entry.name, 120)}", evidence=where)
            if entry.name in contents and not _same(blob, contents[entry.name], (entry.data, entry.size)):
                yield rules.DUPLICATE.finding(f"{describe(entry.name, 120)} stands twice with different content", evidence=where)
            contents[entry.name] = (entry.data, entry.size)
            if entry.sparse:
                yield Shortfall(
                    status=Status.PARTIAL,
                    reason=f"{describe(entry.name, 120)} is a sparse file; its packed form was inspected",
                    evidence=where,
                )
            if entry.size:
                yield Member(
                    name=shown(entry.name.encode("utf-8", "surrogateescape")) or f"member-{n}",
                    blob=blob.window(entry.data, entry.size, entry.name.rsplit("/", 1)[-1]),
                )


def _tar_shape(blob: Blob, directory: TarDirectory) -> Iterator[Yield]:
    """Damage, members behind the end mark, and data behind the archive."""
    if directory.problem:
        yield Shortfall(status=Status.PARTIAL, reason=f"the tar archive is damaged: {directory.problem}")
    hidden = next((e for e in directory.entries if e.hidden), None)
    if hidden is not None:
        yield rules.RECORDS.finding(
            f"{describe(hidden.name, 120)} and what follows stands behind the end mark or damage, where strict readers stop",
            evidence=at(hidden.data - 512, hidden.name),
        )


def _same(blob: Blob, a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two pieces are equal; large ones by their starts and ends."""
    if a[1] != b[1]:
        return False
    size = min(a[1], 1 << 20)
    return blob.read_at(a[0], size) == blob.read_at(b[0], size) and blob.read_at(a[0] + a[1] - size, size) == blob.read_at(
        b[0] + b[1] - size, size
    )


# --- 7z -------------------------------------------------------------------------------------------------------------------------------


def _sevenzip(blob: Blob, context: Context) -> Iterator[Yield]:
    try:
        directory = sevenzip.read_sevenzip(blob, context.budget)
        for entry, content in sevenzip.members(blob, directory, context.budget):
            where = at(None, entry.name)
            yield from name_findings(entry.name, where)
            mode = entry.attributes >> 16 if entry.attributes & 0x8000 else 0
            if mode & 0o170000 == 0o120000 and isinstance(content, Blob):
                yield from link(entry.name, content, where)
            elif isinstance(content, ReadError):
                if "encrypted" in str(content):
                    yield rules.ENCRYPTED.finding(f"{describe(entry.name, 120)} is encrypted", evidence=where)
                yield shortfall(content, entry.name)
            elif isinstance(content, Blob) and content.size:
                yield Member(name=entry.name, blob=content)
    except Opaque as e:
        if "encrypted" in str(e):
            yield rules.ENCRYPTED.finding("the list of members is encrypted", evidence=at(0))
        yield shortfall(e)
    except BudgetExceeded as e:
        yield rules.BOMB.finding(str(e), evidence=at(0))
        raise
    except Malformed as e:
        yield shortfall(e)
