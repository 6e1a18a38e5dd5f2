"""The known texts, as hashes: which of them a text is made of, word by word, and what is left over.

A reference is the sequence of the CRC-32 of every five consecutive words of a text (`tools/make_licenses.py`): enough to tell which words
of a text are the reference's and which of the reference's are missing, not enough to read it back. A word counts as covered where one of
the five-word windows around it is the other side's; so one changed word costs one word, not five.
"""

from __future__ import annotations

import json
import re
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs

WINDOW = 5
SAMPLE = 8
"""One in so many windows is in the index that finds candidates."""
GAP = 60
"""Words that may stand between two pieces of one text: an inserted paragraph."""
SHORT = 12
"""Words of a run that may be another licence's."""
PACK = "licenses/texts.bin"


class Reference(Struct, frozen=True, kw_only=True):
    """A known text. `needed`: how many of its words must be there (an appendix on how to apply it need not); `variant` names the text
    among those of one id."""

    id: str
    variant: str
    words: int
    needed: int
    start: int
    custom: bool


class Match(Struct, frozen=True, kw_only=True):
    """A reference found in a text. `mask` has a 1 for each word of the text that is the reference's, `covered` of them; `missing` of the
    reference's needed words are not in the text."""

    reference: Reference
    mask: bytes
    covered: int
    missing: int

    @property
    def containment(self) -> float:
        """Share of the reference's needed words that the text has."""
        return 1 - self.missing / max(1, self.reference.needed)


class Windows(Struct, frozen=True, kw_only=True):
    """The windows of a text that are still to be explained: (position of the first word, hash); `words` counts the whole text."""

    live: list[tuple[int, int]]
    hashes: frozenset[int]
    words: int


def windows(words: tuple[str, ...] | list[str]) -> list[int]:
    """The hash of every `WINDOW` consecutive words."""
    crc = zlib.crc32
    return [crc(" ".join(words[i : i + WINDOW]).encode()) for i in range(len(words) - WINDOW + 1)]


def live(hashes: list[int], words: int, taken: bytes | bytearray | None = None) -> Windows:
    """The windows of a text whose first and last word are not `taken`."""
    if taken is None:
        kept = list(enumerate(hashes))
    else:
        kept = [(i, h) for i, h in enumerate(hashes) if not taken[i] and not taken[i + WINDOW - 1]]
    return Windows(live=kept, hashes=frozenset(h for _, h in kept), words=words)


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
        self._known: dict[int, dict[int, int]] = {}

    def nearest(self, text: Windows, most: int = 5) -> list[Reference]:
        """The references that share most of their windows with the text, best first."""
        counts: Counter[int] = Counter()
        for h in text.hashes:
            if h % SAMPLE == 0:
                at = bisect_left(self._keys, h)
                if at < len(self._keys) and self._keys[at] == h:
                    counts.update(self._owners[at : bisect_right(self._keys, h, at)])
        near = sorted(counts, key=lambda n: (-counts[n] * (counts[n] / (self.all[n].needed / SAMPLE + 2)), n))
        likely = [n for n in near[: 4 * most] if counts[n] * SAMPLE >= 0.4 * (self.all[n].needed - 24)]
        shared = {n: len(self._places(self.all[n]).keys() & text.hashes) for n in likely}
        best = sorted(shared, key=lambda n: (2 * abs(shared[n] - self.all[n].needed) - shared[n], n))
        return [self.all[n] for n in best[:most]]

    def compare(self, reference: Reference, text: Windows) -> Match:
        """How a text and a reference cover each other. Each part of the reference is claimed once: of a second copy, or of another
        licence that shares its sentences, nothing is taken."""
        known = self._places(reference)
        mask, one = bytearray(text.words), b"\1" * WINDOW
        hits: list[tuple[int, int]] = []
        for i, h in text.live:
            place = known.get(h)
            if place is not None:
                mask[i : i + WINDOW] = one
                hits.append((i, place))
        got = bytearray(reference.words)
        there = text.hashes
        for i, h in enumerate(self._windows(reference)):
            if h in there:
                got[i : i + WINDOW] = one
        claimed = _clusters(_once(mask, hits), reference.needed, len(mask))
        missing = got[: reference.needed].count(0)
        return Match(reference=reference, mask=claimed, covered=claimed.count(1), missing=missing)

    def _windows(self, reference: Reference) -> array[int]:
        return self._hashes[reference.start : reference.start + reference.words - WINDOW + 1]

    def _places(self, reference: Reference) -> dict[int, int]:
        """Window -> its first place in the reference."""
        if reference.start not in self._known:
            own = self._windows(reference)
            self._known[reference.start] = dict(zip(reversed(own), range(len(own) - 1, -1, -1), strict=True))
        return self._known[reference.start]


def _once(mask: bytearray, hits: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The runs of covered words, the longest first to choose, without those whose part of the reference is taken already."""
    runs = [m.span() for m in re.finditer(rb"\x01+", mask)]
    places: list[list[int]] = [[] for _ in runs]
    n = 0
    for i, place in hits:
        while i >= runs[n][1]:
            n += 1
        places[n].append(place)
    taken: set[int] = set()
    kept = []
    for n in sorted(range(len(runs)), key=lambda n: (-len(places[n]), n)):
        if 2 * sum(p not in taken for p in places[n]) >= len(places[n]):
            taken.update(places[n])
            kept.append(runs[n])
    return sorted(kept)


def _clusters(runs: list[tuple[int, int]], needed: int, words: int) -> bytes:
    """A mask of the runs without what lies scattered: licences share sentences, and those of another one must stay free for it.

    A run of fewer than `SHORT` words with gaps as long on both sides is dropped; runs are joined over gaps of up to `GAP` words, and a
    cluster with less than three tenths of the reference is dropped.
    """
    kept = [
        (a, b)
        for n, (a, b) in enumerate(runs)
        if b - a >= SHORT or (n and a - runs[n - 1][1] < SHORT) or (n + 1 < len(runs) and runs[n + 1][0] - b < SHORT)
    ]
    out = bytearray(words)
    cluster: list[tuple[int, int]] = []
    for run in [*kept, (words + 2 * GAP, words + 2 * GAP)]:
        if cluster and run[0] - cluster[-1][1] > GAP:
            if sum(b - a for a, b in cluster) >= needed * 3 // 10:
                for a, b in cluster:
                    out[a:b] = b"\1" * (b - a)
            cluster = []
        cluster.append(run)
    return bytes(out)


def _array(code: str, data: memoryview) -> array[int]:
    out: array[int] = array(code)
    out.frombytes(data)
    if sys.byteorder == "big":  # the pack is little-endian
        out.byteswap()
    return out


def load(packs: Packs) -> References:
    """The references of these packs."""
    return packs.loaded("licenses.references", lambda p: References(p.read(PACK)))
