"""The names that a name could be taken for: an index of targets and the candidates near a name.

Distance is optimal string alignment over the names without hyphens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from msgspec import Struct, field

from mlsbom.packages.slips import AFFIXES, KINDS, kind_of, skeleton, strip

LONGEST: Final = 100
"""Characters of a name that are still compared; longer ones have no candidates, so that work is bounded."""
MOST_TOKENS: Final = 12
NEAREST: Final = 5
"""Candidates that are scored of one name."""


class Target(NamedTuple):
    """A name that others imitate: as compared, as written, the distribution that it stands for (itself but for aliases), rank from 1."""

    name: str
    written: str
    means: str
    rank: int

    def is_own(self, written: str) -> bool:
        """Whether a name is this very target, its distribution, or of the same npm scope, which one party owns."""
        return written in (self.written, self.means) or (written[:1] == "@" and self.written.startswith(written.partition("/")[0] + "/"))


class Candidate(Struct, frozen=True):
    """A target that a name is near to. `distance` counts slips (0 for separators, order, affix, combo)."""

    target: Target
    kind: str
    distance: int


Near = list[tuple[int, str]]
"""(distance, stripped target), nearest first."""


def _reach(one: int, other: int) -> int:
    """The slips that are looked for between two names of these lengths: short ones have too many neighbours at two."""
    return 2 if min(one, other) >= 6 and max(one, other) >= 7 else 1


class Index(Struct):
    """The targets, by every key that finds candidates. Built in a few hundredths of a second for 15,000 targets."""

    by_name: dict[str, Target] = field(default_factory=dict)
    _stripped: dict[str, list[Target]] = field(default_factory=lambda: defaultdict(list))
    _skeletons: dict[str, list[Target]] = field(default_factory=lambda: defaultdict(list))
    _lengths: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    _ready: dict[str, Near] = field(default_factory=dict)
    _ordered: dict[str, list[Target]] | None = None

    @classmethod
    def of(cls, targets: Iterable[Target]) -> Index:
        """The index of targets; of two with one name the first counts."""
        index = cls()
        by_name = index.by_name
        for t in targets:
            by_name.setdefault(t.name, t)
        if not by_name:
            return index
        # All names as one text: a few long string operations instead of several for each of 15,000 names.
        every = strip("\n".join(by_name))
        stripped, skeletons, lengths = index._stripped, index._skeletons, index._lengths
        for t, s, alike in zip(by_name.values(), every.split("\n"), skeleton(every).split("\n"), strict=True):
            if s in stripped:
                stripped[s].append(t)
            else:
                stripped[s] = [t]
                if len(s) >= 3:
                    lengths[len(s)].append(s)
            if alike in skeletons:
                skeletons[alike].append(t)
            else:
                skeletons[alike] = [t]
        return index

    def _by_tokens(self) -> dict[str, list[Target]]:
        """The targets of several words by these words in order; made for the first name of several words."""
        if self._ordered is None:
            self._ordered = defaultdict(list)
            for t in self.by_name.values():
                if "-" in t.name:
                    self._ordered["-".join(sorted(t.name.split("-")))].append(t)
        return self._ordered

    def by_stripped(self, stripped: str) -> str | None:
        """The first target with these letters, as written."""
        found = self._stripped.get(stripped)
        return found[0].written if found else None

    def near(self, stripped: str) -> Near:
        """All targets within two slips (one for short names), and not equal."""
        if stripped in self._ready:
            return self._ready[stripped]
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract

        found: Near = []
        size = len(stripped)
        for n in range(size - 2, size + 3):
            if (choices := self._lengths.get(n)) and abs(n - size) <= (cut := _reach(n, size)):
                found += [(int(d), s) for s, d, _ in extract(stripped, choices, scorer=OSA.distance, score_cutoff=cut, limit=None) if d]
        return sorted(found)

    def prepare(self, names: Iterable[str]) -> None:
        """Find the near targets of many names at once: seven times faster, worth numpy's import from 500 names on."""
        import numpy as np
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import cdist

        by_size: dict[int, list[str]] = defaultdict(list)
        for s in dict.fromkeys(strip(n) for n in names if len(n) <= LONGEST):
            by_size[len(s)].append(s)
        self._ready = {}
        for size, batch in by_size.items():
            self._ready.update((s, []) for s in batch)
            for n in range(size - 2, size + 3):
                choices = self._lengths.get(n)
                if not choices or abs(n - size) > (cut := _reach(n, size)):
                    continue
                for start in range(0, len(batch), 256):
                    part = batch[start : start + 256]
                    table = cdist(part, choices, scorer=OSA.distance, score_cutoff=cut, dtype=np.uint8)
                    for i, j in np.argwhere((table <= cut) & (table > 0)).tolist():
                        self._ready[part[i]].append((int(table[i, j]), choices[j]))
        for found in self._ready.values():
            found.sort()

    def candidates(self, name: str, written: str, below: int | None = None) -> tuple[list[Candidate], int, int]:
        """The candidates of a comparable name, nearest first, and how many targets are within one and two slips. A name is never its own.
        With `below`, only targets of a better rank count."""
        if len(name) > LONGEST:
            return [], 0, 0
        s = strip(name)
        near = self.near(s)
        found: dict[str, Candidate] = {}

        def add(targets: Iterable[Target], kind: str, distance: int) -> None:
            for t in targets:
                if t.name not in found and not t.is_own(written) and (below is None or t.rank < below):
                    found[t.name] = Candidate(t, kind, distance)

        add(self._stripped.get(s, ()), "same", 0)
        for d, other in near:
            add(self._stripped[other], kind_of(s, other) if d == 1 else "two", d)
        if len(s) >= 4:
            add(self._skeletons.get(skeleton(s), ()), "skeleton", 1)
        self._added(name, s, add)
        ordered = sorted(found.values(), key=lambda c: (c.kind in ("affix", "combo"), c.distance, KINDS.index(c.kind), c.target.rank))
        return ordered[:NEAREST], sum(d == 1 for d, _ in near), len(near)

    def _added(self, name: str, stripped: str, add: Callable[[Iterable[Target], str, int], None]) -> None:
        """Candidates with the same words in another order, or with something put before or behind."""
        tokens = name.split("-")
        if 1 < len(tokens) <= MOST_TOKENS:
            add(self._by_tokens().get("-".join(sorted(tokens)), ()), "order", 0)
        for affix in AFFIXES:
            n = len(affix)
            if len(stripped) - n < 4:
                continue
            if stripped.endswith(affix):
                add(self._stripped.get(stripped[:-n], ()), "affix", 0)
            if stripped.startswith(affix):
                add(self._stripped.get(stripped[n:], ()), "affix", 0)
        if 1 < len(tokens) <= MOST_TOKENS:
            runs = ["-".join(tokens[i:j]) for i in range(len(tokens)) for j in range(i + 1, len(tokens) + 1) if j - i < len(tokens)]
            add([t for run in runs if len(run) > 3 and (t := self.by_name.get(run))], "combo", 0)
