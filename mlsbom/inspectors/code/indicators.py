"""Marks that a later question may ask for: hosts and addresses that texts name, and the strings that known waves left behind.

Nothing is judged here: `resolve/malicious.py` compares the marks with the waves, so that a stored survey answers for waves of tomorrow.
Hosts and addresses are kept of code and configuration up to 8 MiB; strings of known waves are looked for in all text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import PackError
from mlsbom.inspectors import Context, Yield
from mlsbom.knowledge import Packs
from mlsbom.model import Evidence, Mark, Rule, Shortfall, Status, Technique
from mlsbom.packages import waves
from mlsbom.packages.indicators import literals

RULES: tuple[Rule, ...] = ()
MOST: Final = 1000
"""Marks that are kept of one file."""
LARGEST: Final = 8 << 20
"""Bytes of a text that hosts and addresses are kept of; larger ones are data."""
PIECE: Final = 4 << 20
OVERLAP: Final = 256

_URL = re.compile(rb"(?:\w|:)//(?:[^\s/@\"'<>]{1,100}@)?((?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.){1,8}[a-z][a-z0-9-]{1,30})\b", re.IGNORECASE)
_QUOTED = re.compile(rb"[\"'`]((?:[a-z0-9](?:[a-z0-9-]{0,62})\.){1,8}[a-z]{2,24})(?::\d{1,5})?[\"'`/]", re.IGNORECASE)
_ADDRESS = re.compile(rb"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])")
_DEFANGED = re.compile(rb"\[\.\]|\(\.\)|\[dot\]|\(dot\)|hxxp", re.IGNORECASE)
_FILE_ENDS = frozenset(
    b"py js ts mjs cjs json md txt html htm css yml yaml toml cfg ini sh bat png jpg svg gif pt pth bin onnx gguf safetensors h5 csv tsv so dll exe zip gz"
    b" tar whl lock xml pdf ipynb pkl npz npy c h cc cpp rs go java rb php wav mp3 mp4 log env conf parquet arrow jsonl tsx jsx vue map".split()
)
_DATA = frozenset({"csv", "jsonl"})
_QUIET = frozenset({b"localhost", b"example.com", b"example.org", b"example.net", b"www.w3.org", b"schemas.xmlsoap.org", b"json-schema.org"})


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Marks of kind host, address and literal, each text once a file."""
    try:
        wanted = context.packs.loaded("indicator-literals", _literals)
    except PackError as e:
        yield Shortfall(status=Status.FAILED, reason=f"strings of known waves not looked for: {e}")
        wanted = {}
    seen: set[tuple[str, bytes]] = set()
    keep_hosts = blob.size <= LARGEST and not _DATA & set(context.formats)
    for start, low in _pieces(blob):
        for kind, text, offset in _found(low, wanted, keep_hosts):
            if (kind, text) in seen:
                continue
            seen.add((kind, text))
            if len(seen) > MOST:
                yield Shortfall(status=Status.PARTIAL, reason=f"names more than {MOST} hosts and addresses; the rest were not kept")
                return
            line = low.count(b"\n", 0, offset) + 1 if not start else None
            evidence = Evidence(line=line, offset=start + offset, technique=Technique.SOURCE, confidence=0.7)
            yield Mark(kind=kind, text=text.decode("latin-1"), evidence=evidence)


def _literals(packs: Packs) -> dict[bytes, bool]:
    """The strings of the waves. True where a string is a single word, which then has to stand alone."""
    return {text.encode(): re.fullmatch(r"[\w-]+", text) is not None for text in literals(waves.load(packs).values())}


def _pieces(blob: Blob) -> Iterator[tuple[int, bytes]]:
    """(offset, lower-case bytes) of a text, in overlapping pieces; zeros are dropped, so that UTF-16 is read as its ASCII."""
    start = 0
    while start < blob.size:
        raw = blob.read_at(start, PIECE + OVERLAP)
        if not raw:
            return
        yield start, raw.lower() if b"\0" not in raw else raw.replace(b"\0", b"").lower()
        start += PIECE


def _found(low: bytes, wanted: dict[bytes, bool], keep_hosts: bool) -> Iterator[tuple[str, bytes, int]]:
    """(kind, text, offset) of every mark, spellings that were made harmless (`hxxp`, `[.]`) included."""
    texts = [low]
    if (b"[" in low or b"(" in low or b"hxxp" in low) and _DEFANGED.search(low):
        texts.append(_DEFANGED.sub(lambda m: b"http" if m[0] == b"hxxp" else b".", low))
    for text in texts:
        for literal, word in wanted.items():
            at = text.find(literal)
            if at >= 0 and not (word and _inside_word(text, at, at + len(literal))):
                yield "literal", literal, at
        if not keep_hosts:
            continue
        if b"//" in text:
            yield from (("host", m[1], m.start(1)) for m in _URL.finditer(text) if m[1] not in _QUIET)
        for m in _QUOTED.finditer(text):
            if m[1].rsplit(b".", 1)[-1] not in _FILE_ENDS and m[1] not in _QUIET:
                yield "host", m[1], m.start(1)
        for m in _ADDRESS.finditer(text):
            if not m[0].startswith((b"0.", b"127.")) and m[0].count(b".0") < 3:
                yield "address", m[0], m.start()


def _inside_word(text: bytes, start: int, end: int) -> bool:
    return text[max(start - 1, 0) : start].isalnum() or text[end : end + 1].isalnum()
