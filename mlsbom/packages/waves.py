"""Waves of poisoned packages: slugs, other names, indicators, releases, and what blocks them."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from mlsbom.errors import UsageError
from mlsbom.knowledge import Packs
from mlsbom.packages import feed
from mlsbom.packages.feed import Entry

_META = ("title", "date", "aliases")


class Wave(Struct, frozen=True, kw_only=True):
    """A wave. `indicators`: (type, text) pairs; types: sha256, domain, url, address, file, workflow, service, contract, dependency,
    repo-description."""

    slug: str
    title: str
    date: str
    aliases: tuple[str, ...]
    indicators: tuple[tuple[str, str], ...]


def load(packs: Packs) -> dict[str, Wave]:
    """All waves by slug. Raises PackError."""
    return packs.loaded("waves", lambda p: {slug: _wave(slug, about) for slug, about in p.toml("waves/waves.toml").items()})


def _wave(slug: str, about: dict[str, Any]) -> Wave:
    marks = tuple((kind, text) for kind, texts in about.items() if kind not in _META for text in texts)
    return Wave(slug=slug, title=about["title"], date=about["date"], aliases=tuple(about["aliases"]), indicators=marks)


def find(packs: Packs, name: str) -> Wave:
    """The wave of this slug or other name, in any case and with any separators. Raises UsageError naming the nearest."""
    table = load(packs)
    plain = _plain(name)
    for wave in table.values():
        if plain in {_plain(n) for n in (wave.slug, *wave.aliases)}:
            return wave
    every = sorted({n for w in table.values() for n in (w.slug, *w.aliases)})
    near = difflib.get_close_matches(name.lower(), every, 3, 0.5)
    raise UsageError(
        f"no wave is called {name!r}", remedy=f"near are {', '.join(near)}" if near else f"known are {', '.join(sorted(table))}"
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def releases(packs: Packs, slug: str) -> list[tuple[str, Entry]]:
    """(ecosystem, advisory) of every bad release of a wave, sorted."""
    return packs.loaded("releases", _releases).get(slug, [])


def _releases(packs: Packs) -> dict[str, list[tuple[str, Entry]]]:
    found: dict[str, list[tuple[str, Entry]]] = defaultdict(list)
    for name in packs.names("malicious"):
        eco = name.removeprefix("malicious/").removesuffix(".tsv")
        for e in feed.load(packs, eco):
            found[e.wave].append((eco, e))
    return {slug: sorted(rows) for slug, rows in found.items() if slug}


def block(wave: Wave, found: list[tuple[str, Entry]], shape: str) -> Iterator[str]:
    """Lines that keep a wave out: pip constraints (`name!=version`; `name<0` where every version is bad, which pip cannot satisfy), npm
    `overrides` that lead to no version, or plain `ecosystem name version` lines. `auto`: pip, with the rest as comments."""
    yield from (() if shape == "npm" else (f"# wave {wave.slug}: {wave.title} ({wave.date})",))
    if shape == "npm":
        yield from _npm(found)
        return
    for eco, e in found:
        if shape == "deny":
            yield from (f"{eco} {e.name} {v}" for v in e.versions)
        elif eco == "pypi":
            yield f"{e.name}<0" if e.whole else e.name + ",".join(f"!={v}" for v in e.versions)
        elif shape == "auto":
            yield from (f"# {eco} {e.name} {v}" for v in e.versions)
    if not found:
        yield "# no release of this wave is in the feed: its indicators are searched for by `mlsbom scan`"


def _npm(found: list[tuple[str, Entry]]) -> Iterator[str]:
    """An `overrides` object for package.json: every bad release is sent to a version that does not exist, so that npm stops."""
    import json

    bad = {f"{e.name}@{v}" if v != "*" else e.name: "0.0.0-blocked" for eco, e in found if eco == "npm" for v in e.versions}
    yield json.dumps({"overrides": bad}, indent=2)
