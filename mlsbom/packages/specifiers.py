"""What a specifier means: how firmly it pins, the one version that it means, and whether it admits a version.

`pypi` takes PEP 440 specifiers and, as no PEP 440 specifier looks like them, Poetry's (`^1.2`, `~1.2`, `1.2.*`, `1.2.3`, `>=1 || <0.5`);
`npm` takes ranges of node-semver; `conda` takes match specifications, where `=1.26` means `1.26.*`. Pre-releases of pypi and conda are
admitted: installers take them where nothing else fits.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Final

from mlsbom.errors import UsageError
from mlsbom.packages import semver
from mlsbom.patterns import late


class Form(StrEnum):
    """How firmly a dependency is pinned."""

    PINNED = "pinned"
    HASH_PINNED = "hash-pinned"
    RANGE = "range"
    UNPINNED = "unpinned"
    VCS = "vcs"
    URL = "url"
    PATH = "path"
    EDITABLE = "editable"


class InvalidSpecifier(UsageError):
    """A specifier that the ecosystem's grammar does not know."""


_NUMERIC = late(r"\d{1,18}(?:\.\d{1,18})*")
_CLAUSE = late(r"(===|==|~=|!=|<=|>=|<|>|\^|~|=)?\s*v?((?:\d+!)?[^\s,;|<>=!~^()]+)")
_COMMIT = late(r"(?:^|[@=#/])([0-9a-f]{40}|[0-9a-f]{64})(?:$|[#&?])")
_HASH = late(r"#(?:.*&)?sha(?:256|384|512)=[0-9a-f]{64,}", re.IGNORECASE)
_COMPARE: Final = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_ANY: Final[frozenset[str]] = frozenset({"", "*", "x", "X", "latest", "any", "stable"})


def classify(
    specifier: str, eco: str, *, source: str = "index", ref: str | None = None, hashes: tuple[str, ...] = (), locked: bool = False
) -> Form:
    """How firmly a dependency is pinned. Arguments are as in `model.Dependency`; a specifier that cannot be read counts as a range."""
    if source == "editable":
        return Form.EDITABLE
    if source == "path":
        return Form.PATH
    if source == "vcs":
        return Form.PINNED if commit(ref or specifier) else Form.VCS
    if source == "url":
        return Form.HASH_PINNED if hashes or _HASH.search(ref or specifier) else Form.URL
    try:
        pinned = locked or source == "installed" or exact(specifier, eco) is not None
    except InvalidSpecifier:
        return Form.RANGE
    if pinned:
        return Form.HASH_PINNED if hashes else Form.PINNED
    return Form.UNPINNED if specifier.strip() in _ANY or (eco == "npm" and semver.parse(specifier.strip()) is None) else Form.RANGE


def commit(ref: str) -> str | None:
    """The full commit that a VCS reference is pinned to (`git+https://...@<40 hex>`, `owner/action@<40 hex>`, a bare commit), if any."""
    m = _COMMIT.search(ref)
    return m[1] if m else None


def exact(specifier: str, eco: str) -> str | None:
    """The one version that a specifier means, or None. Raises InvalidSpecifier."""
    text = specifier.strip()
    if text in _ANY:
        return None
    if eco == "pypi":
        clauses = _clauses(text)
        pins = [version for op, version in clauses if op in ("==", "===", "") and not version.endswith("*")]
        return pins[0] if pins and "|" not in text else None
    if eco == "npm":
        return _exact_npm(text)
    if eco == "conda":
        return _exact_conda(text)
    m = re.fullmatch(r"=*\s*([^\s<>=~^*|,!]+)", text)
    return m[1] if m else None


def admits(specifier: str, version: str, eco: str) -> bool:
    """Whether a specifier admits a version; an empty one admits all. Raises InvalidSpecifier."""
    text = specifier.strip()
    if text in _ANY:
        return True
    if eco == "npm":
        answer = semver.admits(text, version)
        return answer if answer is not None else semver.parse(text) is None or same(text.lstrip("=v "), version, eco)
    if eco == "conda":
        return any(all(_conda_clause(clause.strip(), version) for clause in part.split(",")) for part in _conda_version(text).split("|"))
    if eco == "pypi":
        return any(all(_holds(op, bound, version) for op, bound in _clauses(part)) for part in text.split("|") if part.strip())
    pin = exact(text, eco)
    if pin is not None:
        return same(pin, version, eco)
    answer = semver.admits(text, version.removeprefix("v"))
    return True if answer is None else answer


def same(one: str, other: str, eco: str) -> bool:
    """Whether two versions are equal in an ecosystem (`1.4.1.0` is `1.4.1` in pypi); versions that do not parse are compared as text."""
    if one == other:
        return True
    if eco in ("pypi", "conda"):
        if (plain := _release(one)) is not None and (other_plain := _release(other)) is not None:
            return plain == other_plain
        parsed = _parsed(one)
        return parsed == _parsed(other) if parsed is not None else one.strip().lower() == other.strip().lower()
    a, b = semver.version(one), semver.version(other)
    return a == b if a is not None and b is not None else one.strip().removeprefix("v").lower() == other.strip().removeprefix("v").lower()


def parses(version: str, eco: str) -> bool:
    """Whether a version is one of its ecosystem's grammar; one that is not is compared as text."""
    return _parses(version) if eco in ("pypi", "conda") else semver.version(version) is not None if eco == "npm" else bool(version)


# --- pypi --------------------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=65536)
def _release(version: str) -> tuple[int, ...] | None:
    """The numbers of a plain release, without its final zeros, or None where packaging is needed."""
    if not _NUMERIC.fullmatch(version):
        return None
    numbers = [int(n) for n in version.split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _parses(version: str) -> bool:
    return _release(version) is not None or _parsed(version) is not None


@lru_cache(maxsize=16384)
def _parsed(version: str) -> object | None:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version)
    except InvalidVersion:
        return None


@lru_cache(maxsize=16384)
def _clauses(text: str) -> tuple[tuple[str, str], ...]:
    """(operator, version) of every clause; raises InvalidSpecifier. `=` of conda-like spellings counts as `==`."""
    body = text.strip()
    if body.startswith("(") and body.endswith(")"):
        body = body[1:-1]
    clauses: list[tuple[str, str]] = []
    for part in body.replace("|", ",").split(","):
        part = part.strip()
        words = re.findall(r"(?:===|==|~=|!=|<=|>=|<|>|\^|~|=)?\s*[^\s<>=!~^]+", part) if " " in part else [part]
        for word in words if part else ():
            m = _CLAUSE.fullmatch(word)
            if m is None or not (m[2] == "*" or m[1] == "===" or _good(m[2].removesuffix(".*"))):
                raise InvalidSpecifier(f"not a version specifier: {text[:80]!r}")
            clauses.append(("==" if m[1] == "=" else m[1] or "", m[2]))
    return tuple(clauses)


def _good(version: str) -> bool:
    return _parses(version) or re.fullmatch(r"[0-9][\w.+!-]*", version) is not None


def _holds(op: str, bound: str, version: str) -> bool:
    """Whether one clause admits a version."""
    if bound == "*":
        return True
    if op == "===":
        return bound.lower() == version.lower()
    if op in ("^", "~"):
        return _holds(">=", bound, version) and _holds("<", _poetry_end(op, bound), version)
    op = op or "=="
    star = bound.endswith(".*")
    plain_bound, plain = _release(bound.removesuffix(".*")), _release(version)
    if plain_bound is not None and plain is not None:
        return _holds_plain(op, bound.removesuffix(".*"), plain_bound, version, plain, star)
    if _parsed(version) is None or _parsed(bound.removesuffix(".*")) is None:
        # A version outside PEP 440 sorts before all others, as it did where installers still took it.
        return same(bound, version, "pypi") if op == "==" else op in ("<", "<=", "!=") and _parsed(version) is None and bound != version
    from packaging.specifiers import InvalidSpecifier as Invalid
    from packaging.specifiers import Specifier

    try:
        return Specifier(op + bound).contains(version, prereleases=True)
    except Invalid as e:
        raise InvalidSpecifier(f"not a version specifier: {op}{bound}") from e


def _holds_plain(op: str, bound_text: str, bound: tuple[int, ...], version_text: str, version: tuple[int, ...], star: bool) -> bool:
    """The same for plain releases on both sides, without packaging; a test holds it against packaging."""
    if (star and op in ("==", "!=")) or op == "~=":
        prefix = [int(n) for n in bound_text.split(".")]
        if op == "~=":
            if len(prefix) < 2:
                raise InvalidSpecifier(f"not a version specifier: ~={bound_text}")
            if version < bound:
                return False
            prefix.pop()
        numbers = [int(n) for n in version_text.split(".")]
        fits = (numbers + [0] * len(prefix))[: len(prefix)] == prefix
        return not fits if op == "!=" else fits
    return bool(_COMPARE[op](version, bound))


def _poetry_end(op: str, bound: str) -> str:
    """The first version beyond `^bound` or `~bound`, in Poetry's sense."""
    numbers = [int(n) for n in re.findall(r"\d+", re.match(r"[\d.]*", bound)[0])] or [0]  # type: ignore[index]
    if op == "~":
        at = 1 if len(numbers) > 1 else 0
    else:
        at = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
    return ".".join(map(str, [*numbers[:at], numbers[at] + 1]))


# --- npm and conda -----------------------------------------------------------------------------------------------------------------


def _exact_npm(text: str) -> str | None:
    if semver.version(text) is not None:
        return text.lstrip("v= ")
    m = re.fullmatch(r"\^\s*v?(0\.0\.\d+)", text)  # ^0.0.3 admits 0.0.3 alone
    return m[1] if m else None


def _conda_version(text: str) -> str:
    """The version part of a match specification's `version[=build]`; with a build (`=1.26=py311_0`) the version is exact."""
    m = re.fullmatch(r"=?=?([^=<>!~|,\s]+)\s*[=\s]\s*[^=<>!~|,]+", text)
    return f"=={m[1]}" if m and not m[1].endswith("*") else text


def _exact_conda(text: str) -> str | None:
    m = re.fullmatch(r"(?:==)?\s*([^\s=<>!~|,*^$]+)", _conda_version(text))
    return m[1] if m else None


def _conda_clause(clause: str, version: str) -> bool:
    m = re.fullmatch(r"(===|==|~=|!=|<=|>=|<|>|=)?\s*([^\s=<>!~|,]+)", clause)
    if m is None:
        raise InvalidSpecifier(f"not a version specifier of conda: {clause[:80]!r}")
    op, bound = m[1] or "==", m[2]
    if bound in ("*", ".*"):
        return op != "!="
    if op == "=" or bound.endswith("*"):
        prefix = bound.rstrip("*").rstrip(".")
        glob = bound.endswith("*") and not bound.endswith(".*")
        fits = version.startswith(prefix if glob else (prefix + ".", prefix + "-", prefix + "_")) or same(prefix, version, "conda")
        return not fits if op == "!=" else fits
    return _holds(op, bound, version)
