"""How much a package name looks like a better known one: candidates, the kind of each slip, features, and a small tree model.

A name is compared with the targets of `popular.py` (most downloaded names, names people type for them, a watch-list). Each near target
gives a row of numbers (`features`); the model, plain data made by tools/make_names.py, turns it into a score from 0 to 1. Nothing is
learned or imported at run time. Distance is optimal string alignment over the names without hyphens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import log2
from typing import Final, NamedTuple

LONGEST = 100
"""Characters of a name that are still compared; longer ones have no candidates, so that work is bounded."""
MOST_TOKENS = 12
NEAREST = 5
"""Candidates that are scored of one name."""

KINDS: Final[tuple[str, ...]] = (
    "same", "transpose", "repeat", "derepeat", "homoglyph", "keyboard", "omit", "insert", "skeleton", "subst", "edgeinsert", "plural", "two",
    "suffixdigit", "order", "affix", "other", "digit", "combo",
)
"""Kinds of a slip, most telling first (specs of packages, section 3)."""

WORDS: Final[dict[str, str]] = {
    "same": "the same letters with other separators", "transpose": "two letters swapped", "repeat": "one letter doubled",
    "derepeat": "a double letter written once", "homoglyph": "a look-alike character", "keyboard": "a neighbouring key", "omit": "one letter left out",
    "insert": "one letter put in", "skeleton": "look-alike characters", "subst": "one letter replaced", "edgeinsert": "one letter put at an end",
    "plural": "an s added or left out", "two": "two slips", "suffixdigit": "a digit added or left out at the end", "order": "the same words in another order",
    "affix": "a common ending or beginning added", "other": "one character differs", "digit": "a digit differs", "combo": "words added",
}

_KEYS = ("1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm")
AFFIXES: Final[tuple[str, ...]] = (
    "python", "tools", "utils", "tool", "util", "test", "lib", "pip", "dev", "new", "pro", "sdk", "api", "cli", "py", "js", "ai", "v2", "x", "s", "1", "2", "3",
)
_GENERIC = frozenset(AFFIXES) | frozenset("core client server common helper helpers plugin gpu cpu ml data app web async base".split())
_TWINS = (("0", "o"), ("1", "l"), ("1", "i"), ("i", "l"), ("5", "s"), ("3", "e"), ("4", "a"), ("8", "b"), ("9", "g"), ("u", "v"), ("c", "k"), ("q", "g"))
_HOMOGLYPHS = frozenset(p for a, b in _TWINS for p in ((a, b), (b, a)))
_SKELETON = str.maketrans({"0": "o", "1": "l", "i": "l", "3": "e", "4": "a", "5": "s", "8": "b", "9": "g"})
_VOWELS = frozenset("aeiouy")


def _neighbours() -> frozenset[tuple[str, str]]:
    pairs = set()
    for row, keys in enumerate(_KEYS):
        for i, a in enumerate(keys):
            for other, shifts in ((row, (-1, 1)), (row + 1, (-1, 0)), (row - 1, (0, 1))):
                if 0 <= other < len(_KEYS):
                    pairs.update((a, _KEYS[other][i + s]) for s in shifts if 0 <= i + s < len(_KEYS[other]))
    return frozenset(pairs)


_KEYBOARD = _neighbours()


def strip(name: str) -> str:
    """The name without hyphens (and, for npm, without scope marks, dots and underscores)."""
    return name.translate(_MARKS)


_MARKS = str.maketrans("", "", "-_.@/")


def skeleton(stripped: str) -> str:
    """Characters that look alike made equal (a part of UTS 39 for ASCII)."""
    return stripped.replace("rn", "m").replace("vv", "w").translate(_SKELETON)


class Target(NamedTuple):
    """A name that others imitate. `means` is the distribution it stands for (itself but for aliases); `rank` counts from 1."""

    name: str
    means: str
    rank: int


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
    def why(self) -> str:
        """In words."""
        known = f", a name for {self.target.means}" if self.target.means != self.target.name else ""
        return f"like {self.target.name}{known} (rank {self.target.rank}): {WORDS[self.kind]}"


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


@dataclass(slots=True)
class Index:
    """The targets, by every key that finds candidates. Built in a few hundredths of a second for 16,000 targets."""

    by_name: dict[str, Target] = field(default_factory=dict)
    _stripped: dict[str, list[Target]] = field(default_factory=lambda: defaultdict(list))
    _skeletons: dict[str, list[Target]] = field(default_factory=lambda: defaultdict(list))
    _sorted: dict[str, list[Target]] = field(default_factory=lambda: defaultdict(list))
    _lengths: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, targets: Iterable[Target]) -> Index:
        """The index of targets; of two with one name the better known counts."""
        index = cls()
        for t in targets:
            if t.name in index.by_name:
                continue
            index.by_name[t.name] = t
            s = strip(t.name)
            if s not in index._stripped:
                index._lengths[len(s)].append(s)
            index._stripped[s].append(t)
            index._skeletons[skeleton(s)].append(t)
            if "-" in t.name:
                index._sorted["-".join(sorted(t.name.split("-")))].append(t)
        return index

    def near(self, stripped: str) -> list[tuple[int, str]]:
        """(distance, stripped target) of all within distance 2 (1 where one of both is shorter than 7), targets of under 4 letters left out."""
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract

        found: list[tuple[int, str]] = []
        size = len(stripped)
        reach = 2 if size >= 6 else 1
        for n in range(max(3, size - reach), size + reach + 1):
            choices = self._lengths.get(n)
            if choices:
                cut = 2 if min(n, size) >= 6 and max(n, size) >= 7 else 1
                found += [(int(d), s) for s, d, _ in extract(stripped, choices, scorer=OSA.distance, score_cutoff=cut, limit=None) if d]
        return found

    def candidates(self, name: str) -> tuple[list[Candidate], int, int]:
        """The candidates of a name, nearest first, and how many targets are within one and two slips. A name is never its own candidate."""
        if len(name) > LONGEST:
            return [], 0, 0
        s = strip(name)
        near = self.near(s)
        found: dict[str, Candidate] = {}

        def add(targets: Sequence[Target], kind: str, distance: int) -> None:
            for t in targets:
                if t.name != name and t.name not in found:
                    found[t.name] = Candidate(t, kind, distance)

        add(self._stripped.get(s, ()), "same", 0)
        for d, other in sorted(near):
            add(self._stripped[other], kind_of(s, other) if d == 1 else "two", d)
        if len(s) >= 4:
            add(self._skeletons.get(skeleton(s), ()), "skeleton", 1)
        tokens = name.split("-")
        if 1 < len(tokens) <= MOST_TOKENS:
            add(self._sorted.get("-".join(sorted(tokens)), ()), "order", 0)
        self._affixed(name, s, add)
        if len(tokens) <= MOST_TOKENS:
            runs = ["-".join(tokens[i:j]) for i in range(len(tokens)) for j in range(i + 1, len(tokens) + 1) if j - i < len(tokens)]
            add([t for run in runs if len(run) > 3 and (t := self.by_name.get(run))], "combo", 0)
        ordered = sorted(found.values(), key=lambda c: (c.kind in ("affix", "combo"), c.distance, KINDS.index(c.kind), c.target.rank))
        return ordered[:NEAREST], sum(d == 1 for d, _ in near), len(near)

    def _affixed(self, name: str, stripped: str, add: object) -> None:
        for affix in AFFIXES:
            n = len(affix)
            if len(stripped) - n < 4:
                continue
            for rest in ((stripped[:-n],) if stripped.endswith(affix) else ()) + ((stripped[n:],) if stripped.startswith(affix) else ()):
                add(self._stripped.get(rest, ()), "affix", 0)  # type: ignore[operator]


# --- features and model ------------------------------------------------------------------------------------------------------------

FEATURES: Final[tuple[str, ...]] = (
    "kind", "distance", "length", "longer", "rank", "same_first", "same_last", "prefix", "suffix", "tokens", "target_tokens", "new_tokens",
    "new_count_min", "new_count_max", "lost_count_min", "hyphens", "digits", "near1", "near2", "mean_rarity", "most_rarity", "rarer", "more_rare",
    "halves", "generic", "vowel", "alias", "target_count", "name_count", "share",
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
        KINDS.index(c.kind), c.distance, len(t), len(s) - len(t), log2(c.target.rank), s[:1] == t[:1], s[-1:] == t[-1:], i, j, len(tokens), len(wanted),
        len(new), min(counts, default=20.0), max(counts, default=20.0), min((words.count(x) for x in lost), default=20.0),
        name.count("-") - target.count("-"), sum(x.isdigit() for x in s) - sum(x.isdigit() for x in t), near1, near2, mean, most, mean - mean_t, most - most_t,
        words.halves(s), sum(x in _GENERIC for x in new), changed[:1] in _VOWELS, c.target.means != target, words.count(t), words.count(s),
        len(t) / max(len(s), 1),
    ]


@dataclass(frozen=True, slots=True)
class Model:
    """Boosted trees as plain data. A tree is five lists, by node: feature, threshold, left, right (a negative child n is leaf -n-1), leaves.

    A value goes left where it is at most the threshold. The score is the logistic of the sum of one leaf a tree, plus `bias`.
    """

    trees: tuple[tuple[list[int], list[float], list[int], list[int], list[float]], ...]
    strict: float
    loose: float
    bias: float = 0.0

    def score(self, row: Sequence[float]) -> float:
        """0 to 1."""
        from math import exp

        total = self.bias
        for feature, threshold, left, right, leaves in self.trees:
            n = 0 if feature else -1
            while n >= 0:
                n = left[n] if row[feature[n]] <= threshold[n] else right[n]
            total += leaves[-n - 1]
        return 1 / (1 + exp(-total))


def best(name: str, index: Index, words: Words, model: Model) -> Match | None:
    """The candidate of a name with the highest score, the nearest of equals."""
    candidates, near1, near2 = index.candidates(name)
    if not candidates:
        return None
    scored = [(model.score(features(name, c, near1, near2, words)), c) for c in candidates]
    score, c = max(scored, key=lambda pair: pair[0])
    return Match(c.target, c.kind, round(score, 4))
