"""How much a name looks like a better known one: features of each candidate, and a small model of boosted trees.

The model is plain data made by tools/train_similarity.py; nothing is learned, and no learning library imported, at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log2
from typing import Final

import msgspec
from msgspec import Struct

from mlsbom.packages.similarity import Candidate, Index, Target
from mlsbom.packages.slips import AFFIXES, KINDS, WORDS, prefix, strip

_GENERIC = frozenset(AFFIXES) | frozenset(
    ["core", "client", "server", "common", "helper", "helpers", "plugin", "gpu", "cpu", "ml", "data", "app", "web", "async", "base"]
)
_VOWELS = frozenset("aeiouy")


class Match(Struct, frozen=True):
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
    i = prefix(s, t)
    j = prefix(s[::-1], t[::-1])
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
    """Boosted trees as plain data. A tree is five lists: by node feature, threshold, left, right (a negative child n is leaf -n-1); leaves.

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

    def scores(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """`score` of many rows at once: the same numbers by numpy, some twenty times faster from a few hundred rows on."""
        import numpy as np

        table = np.asarray(rows, dtype=np.float64)
        total = np.zeros(len(table))
        everyone = np.arange(len(table))
        for feature, threshold, left, right, leaves in self.trees:
            values = np.asarray(leaves)
            if not feature:
                total += values[0]
                continue
            features_, bounds = np.asarray(feature), np.asarray(threshold)
            lefts, rights = np.asarray(left), np.asarray(right)
            node = np.zeros(len(table), dtype=np.int64)
            going = everyone
            while len(going):
                at = node[going]
                node[going] = np.where(table[going, features_[at]] <= bounds[at], lefts[at], rights[at])
                going = going[node[going] >= 0]
            total += values[-node - 1]
        return [1 / (1 + exp(-t)) for t in total.tolist()]


def best_of_many(
    asked: Sequence[tuple[str, str, int | None]], index: Index, words: Words, model: Model
) -> dict[tuple[str, str, int | None], Match | None]:
    """`best` of many (comparable name, written name, below), scored together."""
    rows: list[list[float]] = []
    spans: list[tuple[tuple[str, str, int | None], list[Candidate], int]] = []
    for key in asked:
        candidates, near1, near2 = index.candidates(*key)
        spans.append((key, candidates, len(rows)))
        rows += [features(key[0], c, near1, near2, words) for c in candidates]
    scores = model.scores(rows) if rows else []
    out: dict[tuple[str, str, int | None], Match | None] = {}
    for key, candidates, start in spans:
        if not candidates:
            out[key] = None
            continue
        n = max(range(len(candidates)), key=lambda i: scores[start + i])
        out[key] = Match(candidates[n].target, candidates[n].kind, round(scores[start + n], 4))
    return out


def best(name: str, written: str, index: Index, words: Words, model: Model, *, below: int | None = None) -> Match | None:
    """The candidate of a comparable name with the highest score, the nearest of equals."""
    candidates, near1, near2 = index.candidates(name, written, below)
    if not candidates:
        return None
    scored = [(model.score(features(name, c, near1, near2, words)), c) for c in candidates]
    score, c = max(scored, key=lambda pair: pair[0])
    return Match(c.target, c.kind, round(score, 4))
