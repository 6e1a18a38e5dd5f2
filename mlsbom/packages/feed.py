"""Packages known to be malicious: which names, which releases, by which advisory, in which wave.

A pack file `malicious/<ecosystem>.tsv` has a line for each advisory of a name: name, id, date, versions (`*`, or a list with spaces), wave.
Lines are sorted. They are taken apart when their name is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final, NamedTuple

from mlsbom.errors import PackError
from mlsbom.knowledge import Packs
from mlsbom.packages.names import key
from mlsbom.packages.places import Places

EVERY: Final[tuple[str, ...]] = ("*",)
"""The versions of a row that condemns the whole name."""
SEARCHES: Final = 24
"""Names that are searched for in the text of a feed before its lines are put into a table, which takes as long as some hundred searches."""
_ROW: Final = b"\t\t\t\t\n"
_NO_FORM: Final = bytes(c for c in range(256) if c not in b"\t\n")
"""What is left out to see whether each line has five fields."""


class Entry(NamedTuple):
    """One advisory of one name. `id` is the advisory's, or `wave:<slug>` where only a list of a wave has it; `date` may be empty."""

    name: str
    id: str
    date: str
    versions: tuple[str, ...]
    wave: str = ""

    @property
    def whole(self) -> bool:
        """Whether every version is bad."""
        return "*" in self.versions


class Feed:
    """The advisories of one ecosystem. A few names are searched for in the text; for more, all lines are put under their names."""

    def __init__(self, ecosystem: str, raw: bytes) -> None:
        self.ecosystem = ecosystem
        try:
            self._text = raw.decode()
            if raw.translate(None, _NO_FORM) != _ROW * raw.count(b"\n"):
                self._check()
        except ValueError as e:
            raise PackError(f"the data pack malicious/{ecosystem}.tsv cannot be read: {e}", remedy="reinstall, or import it again") from e
        self._keys = "\n" + (self._text if ecosystem == "golang" else self._text.lower())  # a line's name stands between \n and \t
        self._searches = SEARCHES if raw.isascii() else 0  # other letters may be longer in lower case: places would not agree

    def _check(self) -> None:
        for line in self._text.split("\n"):
            if line and line.count("\t") != 4:
                name = line.partition("\t")[0]
                raise ValueError(f"a line of {name!r} has not five fields")

    @cached_property
    def _table(self) -> tuple[list[str], Places]:
        """All lines, and their places by name."""
        lines = [line for line in self._text.split("\n") if line]
        return lines, Places([line.partition("\t")[0] for line in self._keys.split("\n") if line])

    def __len__(self) -> int:
        return len(self._table[1].first)

    def find(self, name: str) -> list[Entry]:
        """The advisories of a name, as written or normalised."""
        wanted = key(name, self.ecosystem)
        if self._searches and "\t" not in wanted and "\n" not in wanted:
            self._searches -= 1
            return [_entry(line) for line in self._searched(wanted)]
        lines, places = self._table
        return [_entry(lines[n]) for n in places.of(wanted)]

    def _searched(self, wanted: str) -> Iterator[str]:
        """The lines that begin with a name."""
        at = self._keys.find(f"\n{wanted}\t")
        while at >= 0:
            end = self._text.find("\n", at)
            yield self._text[at : end if end >= 0 else None]
            at = self._keys.find(f"\n{wanted}\t", at + 1)

    def __iter__(self) -> Iterator[Entry]:
        lines, places = self._table
        names = sorted(places.first, key=places.first.__getitem__)
        return (_entry(lines[n]) for name in names for n in places.of(name))


def _entry(line: str) -> Entry:
    name, id_, date, versions, wave = line.split("\t")
    return Entry(name, id_, date, tuple(versions.split(" ")), wave)


def dump(entries: Iterable[Entry]) -> bytes:
    """The bytes of a pack file: sorted, each line once."""
    lines = {"\t".join((e.name, e.id, e.date, " ".join(sorted(e.versions)), e.wave)) for e in entries}
    return "".join(line + "\n" for line in sorted(lines)).encode()


def load(packs: Packs, ecosystem: str) -> Feed:
    """The feed of an ecosystem; empty where no row of it is known. Raises PackError."""
    return packs.loaded(("feed", ecosystem), lambda p: _load(p, ecosystem))


def _load(packs: Packs, ecosystem: str) -> Feed:
    name = f"malicious/{ecosystem}.tsv"
    listed = name in packs.index.get("files", {})
    if not listed and ecosystem not in ("pypi", "npm"):
        return Feed(ecosystem, b"")
    return Feed(ecosystem, packs.read(name))
