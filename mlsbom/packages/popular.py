"""The names that others imitate: most downloaded ones in rank order, names people type for them, a watch-list of well-known projects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mlsbom.knowledge import Packs
from mlsbom.packages.score import FEATURES, Model, Words
from mlsbom.packages.similarity import Index, Target
from mlsbom.packages.slips import comparable, comparables

ECOSYSTEMS: Final[tuple[str, ...]] = ("pypi", "npm")
"""Ecosystems with a list of popular names."""


@dataclass(frozen=True)
class Popular:
    """The popular names of one ecosystem: `ranks` by normalised name, `watch` the watch-list, `aliases` what people type for them."""

    ecosystem: str
    ranks: dict[str, int]
    watch: frozenset[str]
    aliases: dict[str, str]
    watch_rank: int

    @cached_property
    def index(self) -> Index:
        """All targets, indexed when the first name is compared: most scans meet popular names alone and never need it."""
        return targets(self.ranks, self.aliases, self.watch, self.watch_rank, self.ecosystem)


def targets(ranks: dict[str, int], aliases: dict[str, str], watch: frozenset[str], watch_rank: int, ecosystem: str) -> Index:
    """The targets: popular names first, then watch-list and aliases. A popular name that is also an alias has the better of both ranks."""

    def rank(name: str) -> int:
        own = ranks.get(name, watch_rank if name in watch else len(ranks))
        return min(own, ranks.get(aliases.get(name, ""), own), watch_rank if name in watch else own)

    names = [*ranks, *sorted(watch - ranks.keys())]
    typed = [name for name in aliases if name not in ranks and name not in watch]
    special = watch | aliases.keys()
    written = names + typed
    compared = [*comparables(names, ecosystem), *(comparable(name, ecosystem) for name in typed)]

    def make(n: int) -> Target:
        name = written[n]
        return Target(compared[n], name, name if n < len(names) else aliases[name], rank(name) if name in special else ranks[name])

    return Index(compared, make)


def load(packs: Packs, ecosystem: str) -> Popular | None:
    """The popular names of an ecosystem, or None where there is no list of it. Raises PackError."""
    if ecosystem not in ECOSYSTEMS:
        return None
    return packs.loaded(("popular", ecosystem), lambda p: _load(p, ecosystem))


def _load(packs: Packs, ecosystem: str) -> Popular:
    names = packs.read(f"names/popular-{ecosystem}.txt").decode().split("\n")
    ranks = {name: n for n, name in enumerate(names, 1) if name}
    extra = packs.toml("names/aliases.toml")
    watch = frozenset(extra["watch"][ecosystem])
    aliases = {name: means for name, means in extra["alias"][ecosystem].items() if means in ranks}
    return Popular(ecosystem, ranks, watch, aliases, extra["watch"]["rank"])


def words(packs: Packs) -> Words:
    """How usual words and letters are in registered names. Raises PackError."""
    return packs.loaded("words", _load_words)


def _load_words(packs: Packs) -> Words:
    table: dict[str, float] = {}
    for line in packs.read("names/words.txt").decode().splitlines():
        count, *words = line.split(" ")
        table.update(dict.fromkeys(words, float(count)))
    return Words(table, packs.read("names/grams.bin"))


def model(packs: Packs) -> Model:
    """The model of the look-alike score. Raises PackError."""
    return packs.loaded("similarity", _load_model)


def _load_model(packs: Packs) -> Model:
    import msgspec

    from mlsbom.errors import PackError

    try:
        found = msgspec.json.decode(packs.read("names/similarity.json"), type=Model)
    except msgspec.DecodeError as e:
        raise PackError(f"the data pack names/similarity.json cannot be read: {e}", remedy="reinstall") from e
    if found.features != FEATURES:
        raise PackError("the data pack names/similarity.json is for another version of this program", remedy="update both")
    return found
