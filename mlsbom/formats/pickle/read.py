"""All pickles in a blob: streams in a row, raw data between and behind them, and streams behind damage or padding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from mlsbom.blob import Blob
from mlsbom.budget import Budget
from mlsbom.errors import Malformed
from mlsbom.formats.pickle.run import run
from mlsbom.formats.pickle.storages import LEGACY_PICKLES, is_legacy, legacy_keys, storages
from mlsbom.formats.pickle.values import Stream
from mlsbom.formats.pickle.walk import walk
from mlsbom.formats.pickle.window import Window
from mlsbom.patterns import late

RESYNC_LIMIT: Final = 64 << 20
"""So many bytes of what no loader is known to read are searched for further pickles."""
STREAMS: Final = 100_000
CANDIDATES: Final = 256
PIECE: Final = 4 << 20
OVERLAP: Final = 1024
_WORD = rb"[A-Za-z_][A-Za-z0-9_.]{0,200}"
_EVIDENCE: Final = late(
    rb"(?s:\(?[ci]" + _WORD + rb"\r?\n" + _WORD + rb"\r?\n"
    rb"|(?:\x8c.|X.\x00\x00\x00|V|U.)"
    + _WORD
    + rb"\n?\x94?(?:[qh].|p[0-9]+\n)?(?:\x8c.|X.\x00\x00\x00|V|U.)"
    + _WORD
    + rb"\n?\x94?(?:[qh].|p[0-9]+\n)?\x93)"
)
"""An import: GLOBAL or INST with its two lines, or two short strings before STACK_GLOBAL."""
_PROTO: Final = late(rb"\x80[\x02-\x05]")
_START: Final = late(rb"\x80[\x00-\x05][\x80-\x98(-.01-2A-Za-z\]}]")


class Pickles(Struct, frozen=True, kw_only=True):
    """What a blob holds. `streams` in order; `raw`: (offset, length) of what is no pickle: storages, padding, damage; `legacy`: torch's
    legacy layout; `storages_at`: where its raw storages start; `unread`: bytes that were not searched."""

    streams: tuple[Stream, ...]
    raw: tuple[tuple[int, int], ...] = ()
    legacy: bool = False
    storages_at: int | None = None
    unread: int = 0

    @property
    def problem(self) -> Stream | None:
        """The first stream that ends in damage."""
        return next((s for s in self.streams if s.problem), None)


def read_pickles(blob: Blob, budget: Budget | None = None) -> Pickles:
    """All pickles from the start of a blob on. Damage is told in the streams; where none starts, what was found further on."""
    budget = budget or Budget(blob.size)
    streams: list[Stream] = []
    raw: list[tuple[int, int]] = []
    at = unread = 0
    storages_at = None
    while at < blob.size and len(streams) < STREAMS:
        if streams and not _START.match(blob.read_at(at, 3)) and not _textual_start(blob, at):
            pass
        else:
            stream = read_stream(blob, at, budget)
            if stream.stopped or not streams or stream.names or stream.extensions:
                streams.append(stream)
                at = stream.end
                if stream.stopped:
                    keys = legacy_keys(streams) if len(streams) == LEGACY_PICKLES else None
                    if keys is not None:
                        storages_at = at
                        at = _after_storages(blob, at, keys, streams)
                        if at > storages_at:
                            raw.append((storages_at, at - storages_at))
                    continue
                at = max(at, stream.problem_at + 1)
        if at >= blob.size:
            break
        found, skipped = _resync(blob, at, budget)
        unread += skipped
        streams += found
        raw.append((at, blob.size - at))
        break
    return Pickles(streams=tuple(streams), raw=tuple(raw), legacy=is_legacy(streams), storages_at=storages_at, unread=unread)


def read_stream(blob: Blob, start: int, budget: Budget) -> Stream:
    """One stream from an offset: walked, and followed by the machine where something in it could run or name something."""
    window = Window(blob, start)
    passed = walk(window, budget)
    if passed.live is None and passed.end - start > 1 << 20:
        return Stream(start=start, end=passed.end, plain=True, stopped=passed.stopped, problem=passed.problem, problem_at=passed.end)
    stream, _ = run(blob, start, budget)
    stream.plain = passed.live is None
    return stream


def _after_storages(blob: Blob, at: int, keys: list[str], streams: list[Stream]) -> int:
    """The end of the raw storages of a legacy file; as far as their counts agree with what the object pickle says."""
    known = {k: s for stream in streams for k, s in storages(stream).items()}
    for key in keys:
        count = int.from_bytes(blob.read_at(at, 8), "little")
        storage = known.get(key)
        if storage is None or at + 8 + count * storage.itemsize > blob.size:
            return at
        at += 8 + count * storage.itemsize
    return at


def _textual_start(blob: Blob, at: int) -> bool:
    """Whether a pickle of protocol 0 or 1 may start here: it imports at once, or opens with a mark or an empty container."""
    head = blob.read_at(at, OVERLAP)
    return bool(_EVIDENCE.match(head)) or head[:1] in b"(]})" or head[:1] in b"NIFSVLKJMGTUX"


def _resync(blob: Blob, start: int, budget: Budget) -> tuple[list[Stream], int]:
    """Streams with an import and a call, anywhere in the rest, and how much of it was too much to search."""
    found: list[Stream] = []
    end = min(blob.size, start + RESYNC_LIMIT)
    done = start
    tried = 0
    for at in _candidates(blob, start, end):
        budget.check()
        if at < done:
            continue
        tried += 1
        if tried > CANDIDATES:
            end = at
            break
        stream, _ = run(blob, at, budget, lenient=True)
        if stream.names and (stream.calls or stream.changes):
            stream.resynced = True
            found.append(stream)
            done = stream.end
    return found, blob.size - end


def _candidates(blob: Blob, start: int, end: int) -> Iterator[int]:
    """Offsets where a stream with an import may start: a header shortly before the import, then the import itself."""
    at = start
    while at < end:
        raw = blob.read_at(at, min(PIECE + OVERLAP, end - at))
        for found in _EVIDENCE.finditer(raw):
            if found.start() >= PIECE:
                break
            headers = [h.start() for h in _PROTO.finditer(raw, max(0, found.start() - 4096), found.start() + 1)]
            yield from (at + h for h in headers[:4])
            yield at + found.start()
        at += PIECE


def search(blob: Blob, budget: Budget) -> list[Stream]:
    """Streams with an import and a call anywhere in a blob, as far as `RESYNC_LIMIT`."""
    return _resync(blob, 0, budget)[0]


def sniff(blob: Blob) -> bool:
    """Whether a blob starts with a pickle of any protocol: an opcode walk over its start that meets a STOP, or an import that a call uses.

    Text does not pass: few bytes of English walk to a STOP, and none leaves exactly one value on the stack.
    """
    head = blob.head
    if _START.match(head) and head[1] >= 2:
        return True
    if not head or head[0] not in b"(]})NIFLSVKJMGTUXc\x80\x8c\x88\x89\x8a\x8b\x8f\x95BC\x8d\x8e\x96":
        return False
    budget = Budget(blob.size)
    if _EVIDENCE.match(head):
        return True
    try:
        passed = walk(Window(blob, 0), budget)
    except Malformed:
        return False
    if passed.live is None and not passed.stopped:
        return False
    if passed.end > 1 << 20:
        return True
    stream, _ = run(blob, 0, budget)
    return ((stream.stopped and not stream.left) or bool(stream.calls)) and stream.end > 2
