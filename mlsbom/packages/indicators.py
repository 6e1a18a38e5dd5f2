"""The indicators of the waves, ready to be compared with what was observed: digests, file names, hosts, addresses, strings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from mlsbom.model import AnyFact, Dependency, Mark, Place
from mlsbom.packages.waves import Wave

_PROSE = frozenset({"markdown", "html", "csv", "pdf", "xml"})
_TEXTUAL: Final[tuple[str, ...]] = ("service", "contract", "repo-description", "url")
_RUNS: Final[frozenset[str]] = frozenset({"hook", "install-script"})


class Hit(Struct, frozen=True):
    """An indicator that was met. `runs`: it stands in something that is run without being asked."""

    slug: str
    kind: str
    text: str
    runs: bool = False


def is_prose(place: Place, formats: tuple[str, ...]) -> bool:
    """Whether a place is a text for people or a table, where indicators are written about rather than used."""
    path = (place.member or place.path).lower()
    return path.endswith((".md", ".rst", ".txt", ".html", ".htm", ".csv", ".tsv", ".pdf")) or (
        not place.member and any(f in _PROSE for f in formats)
    )


def literals(table: Iterable[Wave]) -> dict[str, tuple[str, str]]:
    """Strings to look for in texts, in lower case: (kind, slug). Hosts and addresses are extracted whole instead; dropped files count where
    their path says more than a name (three parts or more)."""
    out: dict[str, tuple[str, str]] = {}
    for wave in table:
        for kind, text in wave.indicators:
            if kind in _TEXTUAL:
                out[text.lower()] = (kind, wave.slug)
            elif kind == "file" and " " not in text and text.startswith(("~/", "/")):
                path = text.removeprefix("~").lower()
                if path.count("/") >= 2:
                    out[path] = ("dropped file", wave.slug)
    return out


class Known:
    """All indicators, by kind."""

    def __init__(self, table: dict[str, Wave]) -> None:
        self._digests: dict[str, str] = {}
        self._hosts: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._bases: dict[str, list[str]] = {}  # the last part of a file name -> the names
        self._dependencies: dict[str, str] = {}
        self._literals = literals(table.values())
        self._scripts: dict[str, str] = {}
        for wave in table.values():
            for kind, text in wave.indicators:
                low = text.lower()
                if kind == "sha256":
                    self._digests[low] = wave.slug
                elif kind == "domain":
                    self._hosts[low] = wave.slug
                elif kind == "address":
                    self._addresses[low] = wave.slug
                elif kind == "dependency":
                    self._dependencies[low] = wave.slug
                elif kind in ("file", "workflow"):
                    self._named(low, wave.slug)
        for name in self._files:
            self._bases.setdefault(name.rpartition("/")[2], []).append(name)

    def _named(self, text: str, slug: str) -> None:
        """A file name, a path, or a phrase that starts with one (`setup.mjs as preinstall`: of weight only where it is run)."""
        first, _, rest = text.partition(" ")
        if not re.fullmatch(r"[\w.~/@-]+", first) or ("." not in first.rsplit("/", 1)[-1] and "/" not in first):
            return
        if rest:
            if rest.startswith("as "):
                self._scripts[first] = slug
            return
        if not text.startswith(("~", "/")):
            self._files[first] = slug

    def digest(self, sha256: str | None) -> str | None:
        """The wave that a file of this digest is of."""
        return self._digests.get(sha256 or "")

    def file(self, path: str) -> Hit | None:
        """The wave that a file of this path is named in: by its base name, or by the last parts of its path."""
        low = path.lower()
        for name in self._bases.get(low.rpartition("/")[2], ()):
            if low == name or low.endswith("/" + name):
                return Hit(self._files[name], "file", name)
        return None

    def host(self, host: str) -> Hit | None:
        """The wave whose domain a host is, or lies under; matched at a label boundary."""
        labels = host.lower().rstrip(".").split(".")
        for n in range(len(labels) - 1):
            domain = ".".join(labels[n:])
            if domain in self._hosts:
                return Hit(self._hosts[domain], "host", domain)
        return None

    def mark(self, fact: AnyFact) -> Hit | None:
        """The indicator that a recorded mark or dependency holds."""
        if isinstance(fact, Dependency):
            slug = self._dependencies.get(f"{fact.name}@{fact.resolved}".lower()) if fact.resolved else None
            return Hit(slug, "dependency", f"{fact.name}@{fact.resolved}") if slug else None
        if not isinstance(fact, Mark):
            return None
        low = fact.text.lower()
        if fact.kind == "host":
            return self.host(low)
        if fact.kind == "address":
            return Hit(self._addresses[low], "address", low) if low in self._addresses else None
        if fact.kind == "literal":
            kind, slug = self._literals.get(low, ("", ""))
            return Hit(slug, kind, fact.text) if slug else None
        if fact.kind in _RUNS:
            return self._run(low)
        return None

    def _run(self, low: str) -> Hit | None:
        for name, slug in sorted((self._files | self._scripts).items(), key=lambda pair: -len(pair[0])):
            if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", low):
                return Hit(slug, "file", name, runs=True)
        return next((h for word in re.findall(r"[\w-]+(?:\.[\w-]+)+", low) if (h := self.host(word))), None)
