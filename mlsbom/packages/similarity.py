"""How much a package name looks like a better known one: candidates, the kind of each slip, features, and a small tree model.

A name is compared with the targets of `popular.py` (most downloaded names, names people type for them, a watch-list). Each near target
gives a row of numbers (`features`); the model, plain data made by tools/make_names.py, turns it into a score from 0 to 1. Nothing is
learned or imported at run time. Distance is optimal string alignment over the names without hyphens.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import exp, log2
from typing import Final, NamedTuple

import msgspec

LONGEST = 100
"""Characters of a name that are still compared; longer ones have no candidates, so that work is bounded."""
MOST_TOKENS = 12
NEAREST = 5
"""Candidates that are scored of one name."""

KINDS: Final[tuple[str, ...]] = (
    "same",
    "transpose",
    "repeat",
    "derepeat",
    "homoglyph",
    "keyboard",
    "omit",
    "insert",
    "skeleton",
    "subst",
    "edgeinsert",
    "plural",
    "two",
    "suffixdigit",
    "order",
    "affix",
    "other",
    "digit",
    "combo",
)
"""Kinds of a slip, most telling first (specs of packages, section 3)."""

WORDS: Final[dict[str, str]] = {
    "same": "the same letters with other separators",
    "transpose": "two letters swapped",
    "repeat": "one letter doubled",
    "derepeat": "a double letter written once",
    "homoglyph": "a look-alike character",
    "keyboard": "a neighbouring key",
    "omit": "one letter left out",
    "insert": "one letter put in",
    "skeleton": "look-alike characters",
    "subst": "one letter replaced",
    "edgeinsert": "one letter put at an end",
    "plural": "an s added or left out",
    "two": "two slips",
    "suffixdigit": "a digit added or left out at the end",
    "order": "the same words in another order",
    "affix": "a common ending or beginning added",
    "other": "one character differs",
    "digit": "a digit differs",
    "combo": "words added",
}

_KEYS = ("1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm")
AFFIXES: Final[tuple[str, ...]] = (
    "python",
    "tools",
    "utils",
    "tool",
    "util",
    "test",
    "lib",
    "pip",
    "dev",
    "new",
    "pro",
    "sdk",
    "api",
    "cli",
    "py",
    "js",
    "ai",
    "v2",
    "x",
    "s",
    "1",
    "2",
    "3",
)
_GENERIC = frozenset(AFFIXES) | frozenset(["core", "client", "server", "common", "helper", "helpers", "plugin", "gpu", "cpu", "ml", "data", "app", "web", "async", "base"])
_TWINS = (
    ("0", "o"),
    ("1", "l"),
    ("1", "i"),
    ("i", "l"),
    ("5", "s"),
    ("3", "e"),
    ("4", "a"),
    ("8", "b"),
    ("9", "g"),
    ("u", "v"),
    ("c", "k"),
    ("q", "g"),
)
_HOMOGLYPHS = frozenset(p for a, b in _TWINS for p in ((a, b), (b, a)))
_SKELETON = str.maketrans({"0": "o", "1": "l", "i": "l", "3": "e", "4": "a", "5": "s", "8": "b", "9": "g"})
_VOWELS = frozenset("aeiouy")


def _neighbours() -> frozenset[tuple[str, str]]:
    pairs: set[tuple[str, str]] = set()
    for row, keys in enumerate(_KEYS):
        for i, a in enumerate(keys):
            for other, shifts in ((row, (-1, 1)), (row + 1, (-1, 0)), (row - 1, (0, 1))):
                if 0 <= other < len(_KEYS):
                    pairs.update((a, _KEYS[other][i + s]) for s in shifts if 0 <= i + s < len(_KEYS[other]))
    return frozenset(pairs)


_KEYBOARD = _neighbours()


def strip(name: str) -> str:
    """A comparable name without its hyphens."""
    return name.replace("-", "")


def comparable(name: str, ecosystem: str) -> str:
    """A normalised name in the form that is compared: npm's scope, dots and underscores become hyphens."""
    return name if ecosystem == "pypi" else _SEPARATORS.sub("-", name.lower()).strip("-")


_SEPARATORS = re.compile(r"[^a-z0-9]+")


def skeleton(stripped: str) -> str:
    """Characters that look alike made equal (a part of UTS 39 for ASCII)."""
    return stripped.replace("rn", "m").replace("vv", "w").translate(_SKELETON)


class Target(NamedTuple):
    """A name that others imitate: as compared, as written, the distribution that it stands for (itself but for aliases), rank from 1."""

    name: str
    written: str
    means: str
    rank: int

    def is_own(self, written: str) -> bool:
        """Whether a name is this very target, its distribution, or of the same npm scope, which one party owns."""
        return written in (self.written, self.means) or (written[:1] == "@" and self.written.startswith(written.partition("/")[0] + "/"))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target that a name is near to. `distance` counts slips (0 for separators, order, affix, combo)."""

    target: Target
    kind: str
    distance: int


@dataclass(frozen=True, slots=True)
class Match:
    """The best candidate of a name: the score is 0 to 1."""

    target: Target
    kind: str
    score: float

    @property
    def near(self) -> bool:
        """Whether one slip makes the difference."""
        return self.kind not in ("two", "order", "affix", "combo")

    @property
    def because(self) -> str:
        """In words, without ranks."""
        return f"like {self.target.written}: {WORDS[self.kind]}"

    @property
    def why(self) -> str:
        """In words."""
        known = f", a name for {self.target.means}" if self.target.means != self.target.written else ""
        return f"like {self.target.written}{known} (rank {self.target.rank}): {WORDS[self.kind]}"


class Words:
    """What names are made of: how many registered names have a word (log2), and how usual three letters in a row are (log2 of the share).

    `grams` has one byte a trigram over the 38 characters of `ALPHABET`: minus eight times the log2 of its share, capped at 255.
    """

    ALPHABET: Final = "-abcdefghijklmnopqrstuvwxyz0123456789~"

    def __init__(self, words: dict[str, float], grams: bytes) -> None:
        self.words = words
        self.grams = grams
        self._at = {c: i for i, c in enumerate(self.ALPHABET)}

    def count(self, word: str) -> float:
        """log2 of 1 + the number of names with this word; 0 for rare ones."""
        return self.words.get(word, 0.0)

    def rarity(self, name: str) -> tuple[float, float]:
        """The mean and the greatest rarity of three letters in a row, in bits."""
        at, size = self._at, len(self.ALPHABET)
        codes = [0, *[at.get(c, size - 1) for c in name], 0]
        bits = [self.grams[(a * size + b) * size + c] for a, b, c in zip(codes, codes[1:], codes[2:], strict=False)]
        return (sum(bits) / len(bits) / 8, max(bits) / 8) if bits else (0.0, 0.0)

    def halves(self, stripped: str) -> float:
        """How usual the rarer half is in the best split of the letters into two words of three letters or more (log2 count)."""
        return max((min(self.count(stripped[:i]), self.count(stripped[i:])) for i in range(3, len(stripped) - 2)), default=0.0)


# --- the kind of one slip ----------------------------------------------------------------------------------------------------------


def _prefix(a: str, b: str) -> int:
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def kind_of(name: str, target: str) -> str:
    """The kind of one slip between two stripped names at distance 1, the first that fits (specs of packages, section 3)."""
    i = _prefix(name, target)
    if len(name) == len(target):
        a, b = name[i], target[i]
        if name[i + 1 : i + 2] == b and target[i + 1 : i + 2] == a and name[i + 2 :] == target[i + 2 :]:
            return "transpose"
        if (a, b) in _HOMOGLYPHS:
            return "homoglyph"
        if a.isdigit() and b.isdigit():
            return "digit"
        return "keyboard" if (a, b) in _KEYBOARD else "digit" if a.isdigit() or b.isdigit() else "subst"
    longer, shorter, added = (name, target, True) if len(name) > len(target) else (target, name, False)
    c, last = longer[i], i == len(longer) - 1
    if i and longer[i - 1] == c and not c.isdigit():
        return "repeat" if added else "derepeat"
    if last and c.isdigit():
        return "suffixdigit"
    if last and c == "s":
        return "plural"
    if not added:
        return "omit"
    return "edgeinsert" if last or shorter == longer[1:] else "insert"


# --- the index ---------------------------------------------------------------------------------------------------------------------

Near = list[tuple[int, str]]
"""(distance, stripped target), nearest first."""


def _reach(one: int, other: int) -> int:
    """The slips that are looked for between two names of these lengths: short ones have too many neighbours at two."""
    return 2 if min(one, other) >= 6 and max(one, other) >= 7 else 1


@dataclass(slots=True)
class Index:
    """The targets, by every key that finds candidates. Built in a few hundredths of a second for 15,000 targets."""

    by_name: dict[str, Target] = field(default_factory=dict)
    _stripped: dict[str, list[Target]] = field(default_factory=lambda: defaultdict(list))
    _skeletons: dict[str, list[Target]] = field(default_factory=lambda: defaultdict(list))
    _sorted: dict[str, list[Target]] = field(default_factory=lambda: defaultdict(list))
    _lengths: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    _ready: dict[str, Near] = field(default_factory=dict)

    @classmethod
    def of(cls, targets: Iterable[Target]) -> Index:
        """The index of targets; of two with one name the first counts."""
        index = cls()
        for t in targets:
            if t.name in index.by_name:
                continue
            index.by_name[t.name] = t
            s = strip(t.name)
            if s not in index._stripped and len(s) >= 3:
                index._lengths[len(s)].append(s)
            index._stripped[s].append(t)
            index._skeletons[skeleton(s)].append(t)
            if "-" in t.name:
                index._sorted["-".join(sorted(t.name.split("-")))].append(t)
        return index

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
        """Find the near targets of many comparable names at once: seven times faster than one by one, worth numpy's import from 500 names on."""
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
            add(self._sorted.get("-".join(sorted(tokens)), ()), "order", 0)
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


# --- features and model ------------------------------------------------------------------------------------------------------------

FEATURES: Final[tuple[str, ...]] = (
    "kind",
    "distance",
    "length",
    "longer",
    "rank",
    "same_first",
    "same_last",
    "prefix",
    "suffix",
    "tokens",
    "target_tokens",
    "new_tokens",
    "new_count_min",
    "new_count_max",
    "lost_count_min",
    "hyphens",
    "digits",
    "near1",
    "near2",
    "mean_rarity",
    "most_rarity",
    "rarer",
    "more_rare",
    "halves",
    "generic",
    "vowel",
    "alias",
    "target_count",
    "name_count",
    "share",
)


def features(name: str, c: Candidate, near1: int, near2: int, words: Words) -> list[float]:
    """The numbers of one candidate, in the order of FEATURES. Counts are log2 of names; rarities are bits."""
    target = c.target.name
    s, t = strip(name), strip(target)
    tokens, wanted = name.split("-"), target.split("-")
    new = [x for x in tokens if x not in wanted]
    lost = [x for x in wanted if x not in tokens]
    counts = [words.count(x) for x in new]
    mean, most = words.rarity(name)
    mean_t, most_t = words.rarity(target)
    i = _prefix(s, t)
    j = _prefix(s[::-1], t[::-1])
    changed = t[i : len(t) - j] if i + j < len(t) else s[i : len(s) - j]
    return [
        KINDS.index(c.kind),
        c.distance,
        len(t),
        len(s) - len(t),
        log2(c.target.rank),
        s[:1] == t[:1],
        s[-1:] == t[-1:],
        i,
        j,
        len(tokens),
        len(wanted),
        len(new),
        min(counts, default=20.0),
        max(counts, default=20.0),
        min((words.count(x) for x in lost), default=20.0),
        name.count("-") - target.count("-"),
        sum(x.isdigit() for x in s) - sum(x.isdigit() for x in t),
        near1,
        near2,
        mean,
        most,
        mean - mean_t,
        most - most_t,
        words.halves(s),
        sum(x in _GENERIC for x in new),
        changed[:1] in _VOWELS,
        c.target.means != c.target.written,
        words.count(t),
        words.count(s),
        len(t) / max(len(s), 1),
    ]


Tree = tuple[list[int], list[float], list[int], list[int], list[float]]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """Boosted trees as plain data. A tree is five lists, by node: feature, threshold, left, right (a negative child n is leaf -n-1), leaves.

    A value goes left where it is at most the threshold. The score is the logistic of the sum of one leaf a tree. `strict` and `loose` are
    the scores above which 0.5 % and 2 % of unpopular names lie (with some reserve), `absent` the threshold for names that the registry
    does not have. `features` must be FEATURES; `measured` is what the training program found.
    """

    trees: tuple[Tree, ...]
    strict: float
    loose: float
    absent: float
    features: tuple[str, ...] = FEATURES
    measured: dict[str, float] = {}

    def score(self, row: Sequence[float]) -> float:
        """0 to 1."""
        total = 0.0
        for feature, threshold, left, right, leaves in self.trees:
            n = 0 if feature else -1
            while n >= 0:
                n = left[n] if row[feature[n]] <= threshold[n] else right[n]
            total += leaves[-n - 1]
        return 1 / (1 + exp(-total))


def best(name: str, written: str, index: Index, words: Words, model: Model, *, below: int | None = None) -> Match | None:
    """The candidate of a comparable name with the highest score, the nearest of equals."""
    candidates, near1, near2 = index.candidates(name, written, below)
    if not candidates:
        return None
    scored = [(model.score(features(name, c, near1, near2, words)), c) for c in candidates]
    score, c = max(scored, key=lambda pair: pair[0])
    return Match(c.target, c.kind, round(score, 4))
