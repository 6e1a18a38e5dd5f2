"""Zip archives: both sets of records compared, every reading of every member inspected. Specification of model files, section 5."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import BudgetExceeded, Opaque, ReadError
from mlsbom.formats.identify import identify
from mlsbom.formats.torch import read_torch, root_of
from mlsbom.formats.zip import ENCRYPTED, END, STREAMED, Directory, Entry, read_zip, text_name
from mlsbom.formats.zip_members import Content, contents
from mlsbom.inspectors import Context, Member, Yield
from mlsbom.inspectors.weights import archive_rules as rules
from mlsbom.judges.callables import describe
from mlsbom.judges.paths import escape, link_escape
from mlsbom.model import Evidence, Finding, Severity, Shortfall, Status, Technique

_LIVE: Final = frozenset({"pickle", "torch-legacy", "joblib", "python", "shell", "javascript", "elf", "pe", "macho", "wasm", "script"})
_EARLY: Final = frozenset({"unknown", "text", "empty", "script", "elf", "pe", "macho", "shell", "python", "llamafile"})
"""What may stand in front of an archive without making it a polyglot: the stubs of self-extractors and of executable archives."""


def at(offset: int | None, key: str | None = None) -> Evidence:
    """Evidence at a byte or a member."""
    return Evidence(offset=offset, key=describe(key, 300) if key else None, technique=Technique.BINARY, confidence=1.0)


def shortfall(error: ReadError, name: str = "") -> Shortfall:
    """What an error says could not be read."""
    return Shortfall(
        status=Status(error.status),
        reason=f"{describe(name, 120)}: {error}" if name else str(error),
        evidence=at(error.offset, name or None),
    )


def name_findings(name: str, where: Evidence) -> Iterator[Finding]:
    """The path rule on a member's name."""
    why = escape(name)
    if why:
        yield rules.ESCAPE.finding(f"the name {describe(name, 120)} {why}", evidence=where)


def inspect_zip(blob: Blob, context: Context) -> Iterator[Yield]:
    """Findings on the container and its members; storages of torch archives stay unread."""
    directory = blob.parsed(read_zip)
    yield from _container(blob, directory)
    storages = _storages(blob, directory)
    seen: dict[str, tuple[int, int]] = {}
    hidden = {id(e) for e in directory.hidden}
    for entry in directory.entries:
        context.budget.check()
        where = at(entry.record.header, entry.name)
        for name in {n for n in (entry.name, text_name(entry.local) if entry.local else "") if n}:
            yield from name_findings(name, where)
        if entry.is_folder:
            continue
        if entry.name in storages:
            continue
        yield from _entry(blob, entry, context, where, hidden=id(entry) in hidden)
        key = (entry.record.crc, entry.record.size)
        if seen.setdefault(entry.name, key) != key:
            yield rules.DUPLICATE.finding(f"{describe(entry.name, 120)} stands twice with different content", evidence=where)


def _container(blob: Blob, directory: Directory) -> Iterator[Yield]:
    """Several directories, end records in comments, members that only local records know, and other formats around the archive."""
    if directory.problem:
        yield Shortfall(status=Status.PARTIAL, reason=f"the zip archive is not whole: {directory.problem}")
    if directory.unsearched:
        yield Shortfall(status=Status.PARTIAL, reason=f"{directory.unsearched} bytes between members were not searched for further ones")
    if directory.directories > 1:
        yield rules.RECORDS.finding(
            f"{directory.directories} central directories, of which readers take different ones",
            evidence=at(directory.ends[0] if directory.ends else None),
        )
    elif len(directory.ends) > 1 or END in directory.comment:
        yield rules.RECORDS.finding(
            "a second end record, which some readers take for the first",
            evidence=at(directory.ends[-1] if directory.ends else directory.end),
        )
    if directory.start:
        front = blob.window(0, directory.start)
        formats = [f for f in identify(front, "") if f not in _EARLY and f != "zip"]
        if formats:
            yield rules.POLYGLOT.finding(f"a zip archive behind {formats[0]} content", evidence=at(directory.start))
    if directory.end < blob.size:
        rest = blob.window(directory.end, blob.size - directory.end)
        formats = [f for f in identify(rest, "") if f not in ("unknown", "text", "empty")]
        if formats:
            yield rules.POLYGLOT.finding(f"{formats[0]} content behind the end of a zip archive", evidence=at(directory.end))
        elif rest.read_at(0, 1 << 16).strip(b"\0"):
            yield Shortfall(
                status=Status.PARTIAL, reason=f"{rest.size} bytes behind the archive are of no known kind", evidence=at(directory.end)
            )


def _storages(blob: Blob, directory: Directory) -> frozenset[str]:
    """The members of a torch archive that are raw storages by its pickle: sized, not read."""
    root = root_of(directory)
    if root is None:
        return frozenset()
    try:
        read = blob.parsed(read_torch)
    except ReadError:
        return frozenset()
    sizes = {f"{root}data/{key}": s.size for key, s in read.storages.items()}
    return frozenset(e.name for e in directory.entries if e.name in sizes and e.size == sizes[e.name] and not disagreement(e))


def disagreement(entry: Entry) -> str | None:
    """How the central and the local record of a member differ where they must not, or None."""
    central, local = entry.central, entry.local
    if central is None:
        return None
    if local is None:
        return "no local record stands where the directory says"
    if central.name != local.name:
        return f"the directory calls it {describe(text_name(central), 80)}, its own record {describe(text_name(local), 80)}"
    if central.method != local.method:
        return f"packed by method {central.method} in the directory, {local.method} in its own record"
    if (central.flags ^ local.flags) & (ENCRYPTED | STREAMED):
        return f"flags {central.flags:#06x} in the directory, {local.flags:#06x} in its own record"
    if not local.flags & STREAMED and local.size and (central.size, central.packed) != (local.size, local.packed):
        return f"{central.size} bytes in the directory, {local.size} in its own record"
    return None


def _entry(blob: Blob, entry: Entry, context: Context, where: Evidence, *, hidden: bool) -> Iterator[Yield]:
    """One member by all its readings."""
    differs = disagreement(entry) or ("no directory lists it" if hidden else None)
    mode = entry.record.mode
    try:
        readings = contents(blob, entry, context.budget)
    except Opaque as e:
        if any(r is not None and r.flags & ENCRYPTED for r in (entry.central, entry.local)):
            yield rules.ENCRYPTED.finding(f"{describe(entry.name, 120)} is encrypted", evidence=where)
        if differs:
            yield rules.RECORDS.finding(f"{describe(entry.name, 120)}: {differs}", evidence=where)
        yield shortfall(e)
        return
    except BudgetExceeded:
        raise
    except ReadError as e:
        if differs:
            yield rules.RECORDS.finding(f"{describe(entry.name, 120)}: {differs}", evidence=where)
        yield shortfall(e)
        return
    if differs is None and any(r is not None and r.flags & ENCRYPTED for r in (entry.central, entry.local)):
        differs = "its flags say that it is encrypted, and it is not"
    if differs is None and all(c.by != "central" for c in readings):
        differs = f"it is not packed by method {entry.record.method}, as its records say"
    if differs:
        live = any(set(identify(c.blob, entry.name.rsplit("/", 1)[-1])) & _LIVE for c in readings) or entry.name.endswith((".py", ".pkl"))
        yield rules.RECORDS.finding(f"{describe(entry.name, 120)}: {differs}", evidence=where, severity=Severity.HIGH if live else None)
    if stat.S_ISLNK(mode):
        yield from link(entry.name, readings[0].blob, where)
        return
    if mode and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode)):
        yield rules.SPECIAL.finding(f"device, FIFO or socket: {describe(entry.name, 120)}", evidence=where)
    elif mode & (stat.S_ISUID | stat.S_ISGID):
        yield rules.SPECIAL.finding(f"set-user-id or set-group-id file: {describe(entry.name, 120)}", evidence=where)
    yield from _readings(entry, readings, where)


def _readings(entry: Entry, readings: list[Content], where: Evidence) -> Iterator[Yield]:
    for n, content in enumerate(readings):
        if content.bomb:
            yield rules.BOMB.finding(f"{describe(entry.name, 120)}: {content.problem}", evidence=where)
        if content.problem:
            yield Shortfall(status=Status.PARTIAL, reason=f"{describe(entry.name, 120)}: {content.problem}", evidence=where)
        if content.crc_good is False or (
            entry.central and entry.local and entry.local.crc and entry.central.crc != entry.local.crc and not n
        ):
            yield rules.CRC.finding(f"the checksum of {describe(entry.name, 120)} is wrong", evidence=where)
        if content.blob.size:
            yield Member(name=entry.name if n == 0 else f"{entry.name} ({content.by})", blob=content.blob)


def link(name: str, content: Blob, where: Evidence) -> Iterator[Yield]:
    """A symbolic link, whose target is its content."""
    target = content.read_at(0, 4096).decode("utf-8", "replace")
    leaves = link_escape(name, target)
    if leaves:
        yield rules.ESCAPE.finding(f"symbolic link {describe(name, 120)} {leaves}", evidence=where)
    else:
        yield rules.LINK.finding(f"symbolic link {describe(name, 120)} to {describe(target, 120)}", evidence=where)
