"""The known texts, as hashes: which of them a text is made of, word by word, and what is left over.

A reference is the sequence of the CRC-32 of every five consecutive words of a text (`tools/make_licenses.py`): enough to tell which words
of a text are the reference's and which of the reference's are missing, not enough to read it back. A word counts as covered where one of
the five-word windows around it is the other side's; so one changed word costs one word, not five.
"""

from __future__ import annotations

import json
import zlib
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs

WINDOW = 5
SAMPLE = 8
"""One in so many windows is in the index that finds candidates."""
PACK = "licenses/texts.bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A known text. `needed`: how many of its words must be there (an appendix on how to apply it need not); `variant` names the text
    among those of one id."""

    id: str
    variant: str
    words: int
    needed: int
    start: int
    custom: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A reference found in a text. `covered` words of the text (positions) are its own; `missing` of its needed words are not there."""

    reference: Reference
    covered: frozenset[int]
    missing: int

    @property
    def containment(self) -> float:
        """Share of the reference's needed words that the text has."""
        return 1 - self.missing / max(1, self.reference.needed)


def windows(words: tuple[str, ...] | list[str]) -> list[int]:
    """The hash of every `WINDOW` consecutive words."""
    crc = zlib.crc32
    return [crc(" ".join(words[i : i + WINDOW]).encode()) for i in range(len(words) - WINDOW + 1)]


class References:
    """The pack, opened once."""

    def __init__(self, raw: bytes) -> None:
        end = raw.index(b"\n")
        head = json.loads(raw[:end])
        body = memoryview(raw)[end + 1 :]
        self.all = [Reference(id=i, variant=v, words=n, needed=m, start=s, custom=bool(c)) for i, v, n, m, s, c in head["texts"]]
        counts = head["counts"]
        self._hashes = _array("I", body[: 4 * counts[0]])
        self._keys = _array("I", body[4 * counts[0] : 4 * (counts[0] + counts[1])])
        self._owners = _array("H", body[4 * (counts[0] + counts[1]) :])

    def of(self, reference: Reference) -> array[int]:
        """All windows of a reference, in order."""
        return self._hashes[reference.start : reference.start + reference.words - WINDOW + 1]

    def candidates(self, hashes: list[int], most: int = 12) -> list[Reference]:
        """The references that share most with these windows, weighed by how much of the reference that is."""
        counts: Counter[int] = Counter()
        for h in set(hashes):
            if h % SAMPLE:
                continue
            at = bisect_left(self._keys, h)
            while at < len(self._keys) and self._keys[at] == h:
                counts[self._owners[at]] += 1
                at += 1
        near = sorted(counts, key=lambda n: (-counts[n] * (counts[n] / (self.all[n].needed / SAMPLE + 2)), self.all[n].id))
        return [self.all[n] for n in near[:most] if counts[n] * SAMPLE >= 0.4 * (self.all[n].needed - 24)]

    def compare(self, reference: Reference, hashes: list[int], allowed: frozenset[int] | None = None) -> Match:
        """How a text (its windows; of these only the positions in `allowed`) and a reference cover each other."""
        own = self.of(reference)
        known = set(own)
        covered: set[int] = set()
        for i, h in enumerate(hashes):
            if h in known and (allowed is None or i in allowed and i + WINDOW - 1 in allowed):
                covered.update(range(i, i + WINDOW))
        there = set(hashes) if allowed is None else {hashes[i] for i in range(len(hashes)) if i in allowed and i + WINDOW - 1 in allowed}
        got = bytearray(reference.words)
        for i, h in enumerate(own):
            if h in there:
                got[i : i + WINDOW] = b"\1" * WINDOW
        return Match(reference=reference, covered=frozenset(covered), missing=got[: reference.needed].count(0))


def _array(code: str, data: memoryview) -> array[int]:
    import sys

    out: array[int] = array(code)
    out.frombytes(data)
    if sys.byteorder == "big":  # the pack is little-endian
        out.byteswap()
    return out


def load(packs: Packs) -> References:
    """The references of these packs."""
    return packs.loaded("licenses.references", lambda p: References(p.read(PACK)))
