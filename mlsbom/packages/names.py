"""Names of packages: what two spellings mean the same, and which are no names at all.

Ecosystems are the package types of the purl specification (pypi, npm, conda, deb, apk, rpm, cargo, golang, gem, composer, nuget, maven,
brew, ...), with `github-actions` for the steps of workflows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NewType

from mlsbom.patterns import late

NormalName = NewType("NormalName", str)
"""A name as only `normalise` makes it."""

_SEPARATORS = late(r"[-_.]+")
_PYPI = late(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")  # PEP 508, `identifier`
_NPM_PART = late(r"[A-Za-z0-9~!'()*_.-]+")  # what encodeURIComponent leaves alone; upper case is legacy
_CONDA = late(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_DEBIAN = late(r"[a-z0-9][a-z0-9+.-]*")
_PATH_PART = late(r"[A-Za-z0-9~!_.+-]+")
_BANG = late(r"!([a-z])")

_ALIASES: Final[dict[str, str]] = {
    "pip": "pypi",
    "python": "pypi",
    "node": "npm",
    "debian": "deb",
    "ubuntu": "deb",
    "apt": "deb",
    "go": "golang",
    "crates.io": "cargo",
    "crates": "cargo",
    "packagist": "composer",
    "rubygems": "gem",
    "github actions": "github-actions",
    "githubactions": "github-actions",
    "alpine": "apk",
}
LONGEST: Final = 214  # npm's limit, the longest of the registries; other ecosystems are checked by their grammar alone
_LIMITED = frozenset({"pypi", "npm", "conda", "deb"})


def ecosystem(written: str) -> str:
    """The ecosystem that a feed, a manifest or a user means (`PyPI`, `crates.io`, `Go`), in lower case; unknown ones are kept."""
    low = written.strip().lower()
    return _ALIASES.get(low, low)


@lru_cache(16384)
def pypi(name: str) -> NormalName:
    """PEP 503: runs of `-`, `_` and `.` are one `-`; lower case."""
    return NormalName(_SEPARATORS.sub("-", name).lower())


def normalise(name: str, eco: str) -> NormalName:
    """A name in the form in which two mentions of one package are equal.

    npm, GitHub and Maven names are compared without case by their registries, but kept as written where they are shown: the case of npm's
    legacy names tells them apart from new ones, so it is kept here; `key` folds it. A Go module path may come in the proxy's escaped form
    (`!azure` for `Azure`).
    """
    name = name.strip()
    if eco == "pypi":
        return pypi(name)
    if eco in ("conda", "deb", "apk", "composer", "github-actions", "nuget"):
        return NormalName(name.lower())
    if eco == "golang":
        return NormalName(_BANG.sub(lambda m: m[1].upper(), name))
    return NormalName(name)


def key(name: str, eco: str) -> str:
    """What names are looked up by: the normal form, without case in every ecosystem but Go's and Maven's."""
    normal = normalise(name, eco)
    return normal if eco in ("golang", "maven") else normal.lower()


def valid(name: str, eco: str) -> bool:
    """Whether a registry of this ecosystem could hold the name. Non-ASCII names cannot be held by any of them (and are look-alikes)."""
    if not name or not name.isascii() or (eco in _LIMITED and len(name) > LONGEST):
        return False
    if eco == "pypi":
        return _PYPI.fullmatch(name) is not None
    if eco == "npm":
        scope, slash, rest = name.partition("/") if name.startswith("@") else ("", "", name)
        good = _NPM_PART.fullmatch(rest) is not None and not rest.startswith((".", "_"))
        return good and (not scope or (bool(slash) and _NPM_PART.fullmatch(scope[1:]) is not None))
    if eco == "conda":
        return _CONDA.fullmatch(name) is not None
    if eco in ("deb", "apk"):
        return _DEBIAN.fullmatch(name.lower()) is not None
    return all(_PATH_PART.fullmatch(part) for part in name.replace(":", "/").removeprefix("@").split("/"))
