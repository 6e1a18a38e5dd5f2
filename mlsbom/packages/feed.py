"""Packages known to be malicious: which names, which releases, by which advisory, in which wave.

A pack file `malicious/<ecosystem>.tsv` has a line for each advisory of a name: name, id, date, versions (`*`, or a list with spaces), wave.
Lines are sorted. Reading 22,000 of them takes about 10 ms; lines are taken apart when their name is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from mlsbom.errors import PackError
from mlsbom.knowledge import Packs
from mlsbom.packages.names import key

EVERY: Final[tuple[str, ...]] = ("*",)
"""The versions of a row that condemns the whole name."""


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
    """The advisories of one ecosystem."""

    def __init__(self, ecosystem: str, raw: bytes) -> None:
        self.ecosystem = ecosystem
        self._lines: dict[str, list[str]] = {}
        try:
            for line in raw.decode().split("\n"):
                if line:
                    name, _, rest = line.partition("\t")
                    self._lines.setdefault(name if ecosystem == "golang" else name.lower(), []).append(line)
                    if rest.count("\t") != 3:
                        raise ValueError(f"a line of {name!r} has not five fields")
        except ValueError as e:
            raise PackError(f"the data pack malicious/{ecosystem}.tsv cannot be read: {e}", remedy="reinstall, or import it again") from e

    def __len__(self) -> int:
        return len(self._lines)

    def find(self, name: str) -> list[Entry]:
        """The advisories of a name, as written or normalised."""
        return [_entry(line) for line in self._lines.get(key(name, self.ecosystem), ())]

    def __iter__(self) -> Iterator[Entry]:
        return (_entry(line) for lines in self._lines.values() for line in lines)


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
