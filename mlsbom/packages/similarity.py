"""The names that a name could be taken for: an index of targets and the candidates near a name.

Distance is optimal string alignment over the names without hyphens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from mlsbom.packages.places import Places
from mlsbom.packages.slips import AFFIXES, KINDS, kind_of, skeleton, strip

LONGEST: Final = 100
"""Characters of a name that are still compared; longer ones have no candidates, so that work is bounded."""
MOST_TOKENS: Final = 12
_ANY_AFFIX: Final = tuple(AFFIXES)
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


class Index:
    """The targets, by every key that finds candidates. `make` gives the target of a place in `names`; of equal names the first counts.

    A scan asks of few names and meets few of the 15,000 targets, so tables hold places, are made by operations on whole lists and texts
    (a few thousandths of a second), and a target is made when it is met.
    """

    def __init__(self, names: Sequence[str], make: Callable[[int], Target]) -> None:
        places = Places(names).first
        if len(places) < len(names):
            kept = sorted(places.values())
            names, every = [names[n] for n in kept], make
            places, make = {name: n for n, name in enumerate(names)}, lambda n: every(kept[n])
        self._names, self._by_name, self._make = names, places, make
        self._made: dict[int, Target] = {}
        text = strip("\n".join(names))
        self._stripped = Places(text.split("\n") if names else ())
        self._skeletons = Places(skeleton(text).split("\n") if names else ())
        self._sizes: dict[int, list[int]] = defaultdict(list)  # places by the number of letters
        for n, letters in enumerate(text.split("\n") if names else ()):
            self._sizes[len(letters)].append(n)
        self._lengths: dict[int, list[str]] = {}
        self._ordered: dict[int, dict[str, list[int]]] = {}
        self._ready: dict[str, Near] = {}

    @classmethod
    def of(cls, targets: Iterable[Target]) -> Index:
        """The index of targets that are there already."""
        made = list(targets)
        return cls([t.name for t in made], made.__getitem__)

    def _targets(self, places: Iterable[int]) -> list[Target]:
        made = self._made
        return [made.get(n) or made.setdefault(n, self._make(n)) for n in places]

    def _choices(self, size: int) -> list[str]:
        """The different stripped names of so many letters; shorter ones than three are like everything."""
        if (known := self._lengths.get(size)) is None:
            every = (strip(self._names[n]) for n in self._sizes.get(size, ())) if size >= 3 else ()
            known = self._lengths[size] = list(dict.fromkeys(every))
        return known

    def _by_tokens(self, name: str, size: int) -> Sequence[int]:
        """The targets of the same several words in any order. Such have the same letters: only names of that `size` are looked at."""
        if (known := self._ordered.get(size)) is None:
            known = self._ordered[size] = defaultdict(list)
            for n in self._sizes.get(size, ()):
                if "-" in self._names[n]:
                    known["-".join(sorted(self._names[n].split("-")))].append(n)
        return known.get("-".join(sorted(name.split("-"))), ())

    def by_stripped(self, stripped: str) -> str | None:
        """The first target with these letters, as written."""
        found = self._targets(self._stripped.of(stripped)[:1])
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
            if abs(n - size) <= (cut := _reach(n, size)) and (choices := self._choices(n)):
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
                if abs(n - size) > (cut := _reach(n, size)) or not (choices := self._choices(n)):
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

        def add(places: Sequence[int], kind: str, distance: int) -> None:
            for t in self._targets(places):
                if t.name not in found and not t.is_own(written) and (below is None or t.rank < below):
                    found[t.name] = Candidate(t, kind, distance)

        add(self._stripped.of(s), "same", 0)
        for d, other in near:
            add(self._stripped.of(other), kind_of(s, other) if d == 1 else "two", d)
        if len(s) >= 4:
            add(self._skeletons.of(skeleton(s)), "skeleton", 1)
        self._added(name, s, add)
        ordered = sorted(found.values(), key=lambda c: (c.kind in ("affix", "combo"), c.distance, KINDS.index(c.kind), c.target.rank))
        return ordered[:NEAREST], sum(d == 1 for d, _ in near), len(near)

    def _added(self, name: str, stripped: str, add: Callable[[Sequence[int], str, int], None]) -> None:
        """Candidates with the same words in another order, or with something put before or behind."""
        tokens = name.split("-")
        if 1 < len(tokens) <= MOST_TOKENS:
            add(self._by_tokens(name, len(stripped)), "order", 0)
        for affix in AFFIXES if stripped.startswith(_ANY_AFFIX) or stripped.endswith(_ANY_AFFIX) else ():
            n = len(affix)
            if len(stripped) - n < 4:
                continue
            if stripped.endswith(affix):
                add(self._stripped.of(stripped[:-n]), "affix", 0)
            if stripped.startswith(affix):
                add(self._stripped.of(stripped[n:]), "affix", 0)
        if 1 < len(tokens) <= MOST_TOKENS:
            runs = ["-".join(tokens[i:j]) for i in range(len(tokens)) for j in range(i + 1, len(tokens) + 1) if j - i < len(tokens)]
            add([t for run in runs if len(run) > 3 and (t := self._by_name.get(run)) is not None], "combo", 0)
