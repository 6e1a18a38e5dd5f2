"""A licence file made comparable: decoded, stripped of markup, cut into words, each with its line in the file.

The same function prepares the reference texts, so nothing here needs to be right, only to be the same on both sides (specs of licences,
section 1.2, step 1).
"""

from __future__ import annotations

import codecs
import hashlib
import html
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from msgspec import Struct

from mlsbom.blob import decode
from mlsbom.patterns import late

LIMIT = 2 << 20
"""Bytes that are read of a longer file: half from its start, half from its end."""

_TAG = late(r"<(?:script|style)\b.{0,200000}?</(?:script|style)>|<!--.{0,20000}?-->|</?[a-zA-Z!][^<>]{0,2000}>", re.S | re.I)
_PAGE = late(r"\A\s{0,200}(?:<\?xml[^>]{0,200}>\s{0,50})?(?:<!doctype\s+html|<html|<head|<body)", re.I)
_ERROR_PAGE = late(r"(?i)<title>[^<]{0,80}(?:404|403|40\d|50\d|not found|access denied|sign in|log in|forbidden|error)")
_MARKS = late(r"^[\s>|]*(?:(?://+|/\*+|\*+/?|#+|;+|--+|%+|dnl\b|rem\b|<!--|'''|\"\"\")[\s>]*)*", re.I)
_INLINE = late(r"\*\*|__|`+|\\(?=[_*#\[\]()])|-->|[\u00ad\u200b-\u200f\u2060\ufeff]")
_LINK = late(r"\[([^\]]{1,200})\]\((?:https?:|#|mailto:|www\.)[^)\s]{0,300}\)")
_PATH = late(r"\s*(?:[\w.-]+/)+(?:LICEN[CS]E|COPYING)[\w.-]*\s*", re.I)
_URL = late(r"(?:https?|ftp)://\S+|\bwww\.\S+|\S+@\S+\.\S+")
_COPYRIGHT = late(
    r"^\W{0,12}(?:(?:portions\s+)?(?:copyright|copr\.)\s*(?:\(c\)|©|ⓒ|:|\d{4}|[<\[{(]|by\b)|\(c\)\s*"
    r"(?:copyright|\d{4})|[©ⓒ]).*|^\W{0,6}all rights reserved\W{0,3}$",
    re.I,
)
_BULLET = late(r"^\s*(?:\(?(?:[ivxIVX]{1,4}|[a-zA-Z]|\d{1,2}(?:\.\d{1,2}){0,3})[.)]|[-•·‣▪o])\s+")
_WORD = late(r"[a-z0-9]+(?:\.[0-9]+)*|[\u3400-\u9fff]|[가-힣]+|[а-яё]+|[à-ÿœ]+")
_SAME = {
    "licence": "license",
    "licences": "licenses",
    "sublicence": "sublicense",
    "licenced": "licensed",
    "organisation": "organization",
    "acknowledgement": "acknowledgment",
    "favour": "favor",
    "noninfringement": "non infringement",
    "whilst": "while",
}
_CONTROL = bytes(b for b in range(32) if b not in b"\t\n\r\f\v\x1b")
_HIGH = bytes(range(128, 256))


class Gap(Struct, frozen=True, kw_only=True):
    """Why a file holds no licence text that can be read."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class LicenseText:
    """A prepared text. `raw` are the lines of the file, `lines` the same with markup removed; word `i` stands on line `at[i]`, counted
    from 1. `notes` say what was done to the bytes; `partial` why not all of them were read."""

    lines: tuple[str, ...]
    raw: tuple[str, ...]
    words: tuple[str, ...]
    at: tuple[int, ...]
    notes: tuple[str, ...] = ()
    partial: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the words: the same for the same text in another wrapping."""
        return hashlib.sha256(" ".join(self.words).encode()).hexdigest()

    @cached_property
    def flat(self) -> str:
        """The lines as one string, blank lines as line ends: what the patterns read."""
        return "".join(line.strip() + " " if line.strip() else "\n" for line in self.lines)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """For each line, the offset in `flat` where it begins."""
        out, at = [], 0
        for line in self.lines:
            out.append(at)
            at += len(line.strip()) + 1 if line.strip() else 1
        return tuple(out)


def prepare(data: bytes) -> LicenseText | Gap:
    """A file's bytes as a text, or why they are none."""
    if not data.strip(b" \t\r\n\0"):
        return Gap(reason="empty file")
    if data.startswith(b"version https://git-lfs.github.com/spec/"):
        return Gap(reason="Git LFS pointer: the text itself is not here")
    if data.startswith(b"%PDF-"):
        return Gap(reason="PDF: not read")
    partial = ""
    if len(data) > LIMIT:
        partial = f"{len(data)} bytes: the first and the last {LIMIT // 2} were read"
        data = data[: LIMIT // 2] + b"\n\n" + data[-LIMIT // 2 :]
    text, encoding = _decoded(data)
    if encoding == "binary":
        return Gap(reason="binary, not text")
    notes = [] if encoding == "utf-8" else [f"encoding {encoding}"]
    if _PAGE.match(text):
        if _ERROR_PAGE.search(text[:4000]):
            return Gap(reason="a saved web page that reports an error or asks to log in")
        text = html.unescape(_TAG.sub(lambda m: "\n" * m[0].count("\n") or " ", text))
        notes.append("saved web page")
    elif "&quot;" in text or "&amp;" in text or "&nbsp;" in text:
        text = html.unescape(text)
    return from_lines(text.splitlines(), tuple(notes), partial)


def from_lines(lines: list[str], notes: tuple[str, ...] = (), partial: str = "") -> LicenseText:
    """A text already decoded."""
    clean, words, at = [], [], []
    for n, line in enumerate(lines, 1):
        shown = _shown(line, n == 1)
        clean.append(shown)
        for word in line_words(shown):
            words.append(word)
            at.append(n)
    return LicenseText(lines=tuple(clean), raw=tuple(lines), words=tuple(words), at=tuple(at), notes=notes, partial=partial)


def line_words(line: str) -> list[str]:
    """The words of one line, without bullets, addresses, copyright statements, single letters and small numbers."""
    if not line or _COPYRIGHT.match(line):
        return []
    low = line.lower()
    if "/" in low or "@" in low or "www." in low:
        low = _URL.sub(" ", low)
    return [
        _SAME.get(w, w) for w in _WORD.findall(_BULLET.sub("", low)) if len(w) > 2 or not (w.isdigit() or (len(w) == 1 and w.isascii()))
    ]


def _shown(line: str, first: bool) -> str:
    if len(line) > 65536:
        line = line[:65536]
    if not line.isascii():
        line = unicodedata.normalize("NFKC", line)
    line = _MARKS.sub("", line, count=1)
    if "*" in line or "_" in line or "`" in line or "\\" in line or not line.isascii() or "-->" in line:
        line = _INLINE.sub("", line)
    if "](" in line:
        line = _LINK.sub(r"\1", line)
    return "" if first and _PATH.fullmatch(line) else line.rstrip()


def _decoded(data: bytes) -> tuple[str, str]:
    if data[:3] == codecs.BOM_UTF8 or data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or (b"\0" in data[:1024]):
        text, encoding = decode(data)
        control = sum(c < " " and c not in "\t\n\r\f\v" for c in text[:4096])
        if control > len(text[:4096]) // 50 or text[:4096].count("\ufffd") > len(text[:4096]) // 50:
            return "", "binary"
        return text, "utf-8" if encoding == "utf-8" else encoding
    sample = data[:8192]
    if len(sample) - len(sample.translate(None, _CONTROL)) > len(sample) // 50:
        return "", "binary"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    high = len(sample) - len(sample.translate(None, _HIGH))
    if high * 20 > len(sample):  # mostly not ASCII: an East Asian code page, else no text at all
        for name, found in (("cp949", re.compile("[가-힣]")), ("gb18030", re.compile("[\u4e00-\u9fff]"))):
            try:
                text = data.decode(name)
            except UnicodeDecodeError:
                continue
            if len(found.findall(text)) * 3 > high // 2:
                return text, name
        return "", "binary"
    return data.decode("utf-8", "replace") if _mostly_utf8(data) else data.decode("cp1252", "replace"), "utf-8 with errors" if _mostly_utf8(
        data
    ) else "cp1252"


def _mostly_utf8(data: bytes) -> bool:
    return data.decode("utf-8", "replace").count("\ufffd") <= 2 and any(b > 0xE0 for b in data)
