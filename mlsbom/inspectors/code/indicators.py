"""Marks that a later question may ask for: hosts and addresses that texts name, and the strings that known waves left behind.

Nothing is judged here: `resolve/malicious.py` compares the marks with the waves, so that a stored survey answers for waves of tomorrow.
Hosts and addresses are kept of code and configuration up to 8 MiB; strings of known waves are looked for in all text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import PackError
from mlsbom.inspectors import Context, Yield, is_vocabulary
from mlsbom.knowledge import Packs
from mlsbom.model import Evidence, Mark, Rule, Shortfall, Status, Technique
from mlsbom.packages import waves
from mlsbom.packages.indicators import literals
from mlsbom.patterns import late
from mlsbom.search import Strings

RULES: tuple[Rule, ...] = ()
MOST: Final = 1000
"""Marks that are kept of one file."""
LARGEST: Final = 8 << 20
"""Bytes of a text that hosts and addresses are kept of; larger ones are data."""
PIECE: Final = 4 << 20
OVERLAP: Final = 256

# All three work on lower-case bytes, start with few bytes and never go back (possessive): 60 MB/s and more, measured on site-packages.
_URL = late(rb"//(?:[^\s/@\"'<>]{1,100}+@)?((?:[a-z0-9_][a-z0-9_-]*+\.)++[a-z][a-z0-9-]*+)")
_QUOTED = late(rb"[\"'`]([a-z0-9][a-z0-9-]*+(?:\.[a-z0-9-]++)++)(?::\d++)?[\"'`/]")
_ADDRESS_TAIL = late(rb"\.\d{1,3}+\.\d{1,3}+\.\d{1,3}+(?![\d.])")
_DIGITS = late(rb"(?<![\d.])\d{1,3}\Z")
_HARMLESS: Final = ((b"hxxp", b"http"), (b"[.]", b"."), (b"(.)", b"."), (b"[dot]", b"."), (b"(dot)", b"."))
_FILE_ENDS = frozenset(
    b"py js ts mjs cjs json md txt html htm css yml yaml toml cfg ini sh bat png jpg svg gif pt pth bin onnx gguf safetensors h5 csv tsv"
    b" so dll exe zip gz tar whl lock xml pdf ipynb pkl npz npy c h cc cpp rs go java rb php wav mp3 mp4"
    b" log env conf parquet arrow jsonl tsx jsx vue map".split()
)
_DATA = frozenset({"csv", "jsonl"})
_QUIET = frozenset(
    {b"localhost", b"example.com", b"example.org", b"example.net", b"www.w3.org", b"schemas.xmlsoap.org", b"json-schema.org"}
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Marks of kind host, address and literal, each text once a file."""
    if is_vocabulary(blob.name, blob.size):
        return
    try:
        wanted = context.packs.loaded("indicator-literals", Wanted)
    except PackError as e:
        yield Shortfall(status=Status.FAILED, reason=f"strings of known waves not looked for: {e}")
        wanted = Wanted()
    seen: set[tuple[str, bytes]] = set()
    keep_hosts = blob.size <= LARGEST and not _DATA & set(context.formats)
    for start, low in _pieces(blob):
        ends: list[int] = []
        for kind, text, offset in _found(low, wanted, keep_hosts):
            if (kind, text) in seen:
                continue
            seen.add((kind, text))
            if len(seen) > MOST:
                yield Shortfall(status=Status.PARTIAL, reason=f"names more than {MOST} hosts and addresses; the rest were not kept")
                return
            if not start and not ends:
                ends = list(accumulate(len(part) + 1 for part in low.split(b"\n")))
            line = bisect_right(ends, offset) + 1 if ends and offset < len(low) else None
            evidence = Evidence(line=line, offset=start + offset, technique=Technique.SOURCE, confidence=0.7)
            yield Mark(kind=kind, text=text.decode("latin-1"), evidence=evidence)


class Wanted:
    """The strings of the waves, and the spellings that make an address harmless. `word`: a single word, which has to stand alone."""

    def __init__(self, packs: Packs | None = None) -> None:
        texts = literals(waves.load(packs).values()) if packs else ()
        self.word = {text.encode(): re.fullmatch(r"[\w-]+", text) is not None for text in texts}
        self._strings = Strings([*self.word, *(odd for odd, _ in _HARMLESS)])

    def of(self, low: bytes) -> tuple[bool, list[bytes]]:
        """Whether a text has harmless spellings, and which strings of the waves it has."""
        found = self._strings.found(low)
        return any(odd in found for odd, _ in _HARMLESS) if found else False, sorted(found & self.word.keys())


def _pieces(blob: Blob) -> Iterator[tuple[int, bytes]]:
    """(offset, lower-case bytes) of a text, in overlapping pieces; zeros are dropped, so that UTF-16 is read as its ASCII."""
    start = 0
    while start < blob.size:
        raw = blob.read_at(start, PIECE + OVERLAP)
        if not raw:
            return
        yield start, raw.lower() if b"\0" not in raw else raw.replace(b"\0", b"").lower()
        start += PIECE


def _found(low: bytes, wanted: Wanted, keep_hosts: bool) -> Iterator[tuple[str, bytes, int]]:
    """(kind, text, offset) of every mark, spellings that were made harmless (`hxxp`, `[.]`) included."""
    harmless, present = wanted.of(low)
    texts = [(low, present)]
    if harmless:
        plain = low
        for odd, meant in _HARMLESS:
            plain = plain.replace(odd, meant)
        texts.append((plain, wanted.of(plain)[1]))
    for text, present in texts:
        for literal in present:
            at = text.find(literal)
            while at >= 0 and wanted.word[literal] and _inside_word(text, at, at + len(literal)):
                at = text.find(literal, at + 1)
            if at >= 0:
                yield "literal", literal, at
        if not keep_hosts:
            continue
        if b"." not in text:
            continue
        for m in _URL.finditer(text):
            if m[1] not in _QUIET and len(m[1]) < 254:
                yield "host", m[1], m.start(1)
        for m in _QUOTED.finditer(text):
            if _is_host(m[1]):
                yield "host", m[1], m.start(1)
        for m in _ADDRESS_TAIL.finditer(text):
            if first := _DIGITS.search(text, max(m.start() - 4, 0), m.start()):
                address = first[0] + m[0]
                if (
                    all(int(part) < 256 for part in address.split(b"."))
                    and not address.startswith((b"0.", b"127."))
                    and address.count(b".0") < 3
                ):
                    yield "address", address, first.start()


def _is_host(text: bytes) -> bool:
    """Whether a quoted word with dots may be a host: not a file, module, version or attribute."""
    last = text.rsplit(b".", 1)[-1]
    return len(text) < 254 and 2 <= len(last) <= 24 and last.isalpha() and last not in _FILE_ENDS and text not in _QUIET


def _inside_word(text: bytes, start: int, end: int) -> bool:
    return text[max(start - 1, 0) : start].isalnum() or text[end : end + 1].isalnum()
