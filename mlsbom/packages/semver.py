"""Ranges of npm versions, as node-semver 7 reads them.

`univers` was measured and left as a test oracle for the simple forms alone: it takes `1.2` and the empty range as exact, refuses unions
that overlap (`1.x || >=2.5.0 || 5.0.0 - 7.2.3`), and finds nothing in `^0.x`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mlsbom.patterns import late

Pre = tuple[tuple[int, int, str], ...]
Version = tuple[int, int, int, bool, Pre]
"""Major, minor, patch, whether it is a release (which sorts after its pre-releases), and the identifiers of the pre-release."""

Comparator = tuple[str, Version]

_VERSION = late(r"[v=\s]*(\d{1,16})\.(\d{1,16})\.(\d{1,16})(?:-([0-9A-Za-z.-]+)|([A-Za-z][0-9A-Za-z.-]*))?(?:\+[0-9A-Za-z.-]+)?\s*")
_PARTIAL = late(
    r"(\^|~>?|>=|<=|>|<|=*)[v=]*(\d{1,16}|[xX*])(?:\.(\d{1,16}|[xX*])(?:\.(\d{1,16}|[xX*])(?:-?([0-9A-Za-z][0-9A-Za-z.-]*))?)?)?(?:\+[0-9A-Za-z.-]+)?"
)
_HYPHEN = late(r"\s*(\S+)\s+-\s+(\S+)\s*")
_GAP = late(r"(\^|~>?|>=|<=|>|<|=)\s+(?=[v=\dxX*])")
LOWEST: Pre = ((0, 0, ""),)


def _pre(text: str | None) -> Pre:
    return tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in text.split(".")) if text else ()


@lru_cache(maxsize=65536)
def version(text: str) -> Version | None:
    """A full version, `v` and `=` in front allowed, build metadata dropped; None for anything else (a tag, a partial version)."""
    m = _VERSION.fullmatch(text)
    return (int(m[1]), int(m[2]), int(m[3]), not (m[4] or m[5]), _pre(m[4] or m[5])) if m else None


def _below(*parts: int) -> Comparator:
    return ("<", (parts[0], parts[1], parts[2], False, LOWEST))


def _expand(op: str, partial: re.Match[str]) -> list[Comparator]:
    """One comparator with its wildcards and shorthands as plain comparators; an empty list admits every version."""
    numbers = [int(g) if g and g.isdigit() else None for g in partial.groups()[1:4]]
    if numbers[0] is None:
        return [("<", (0, 0, 0, False, LOWEST))] if op in ("<", ">") else []
    if numbers[1] is None:
        numbers[2] = None
    major, minor, patch = numbers[0], numbers[1] or 0, numbers[2] or 0
    pre = partial[5] if numbers[2] is not None else None
    low: Version = (major, minor, patch, not pre, _pre(pre))
    given = 1 if numbers[1] is None else 2 if numbers[2] is None else 3
    after = _below(major + 1, 0, 0) if given == 1 else _below(major, minor + 1, 0)
    if op == "^":
        if major or given == 1:
            after = _below(major + 1, 0, 0)
        elif minor or given == 2:
            after = _below(0, minor + 1, 0)
        else:
            after = _below(0, 0, patch + 1)
        return [(">=", low), after]
    if op.startswith("~"):
        return [(">=", low), after]
    if given == 3:
        return [(op if op.strip("=") else "=", low)]
    if op == ">":
        return [(">=", (after[1][0], after[1][1], after[1][2], True, ()))]
    if op == "<":
        return [_below(major, minor, patch)]
    return [(">=", low)] if op == ">=" else [after] if op == "<=" else [(">=", low), after]


@lru_cache(maxsize=16384)
def parse(text: str) -> tuple[tuple[Comparator, ...], ...] | None:
    """The alternatives of a range, each a list of comparators that must all hold; None where this is no range (a tag, a URL)."""
    sets = []
    for part in text.split("||"):
        hyphen = _HYPHEN.fullmatch(part)
        words = [f">={hyphen[1]}", f"<={hyphen[2]}"] if hyphen else _GAP.sub(r"\1", part.replace(",", " ")).split()
        found: list[Comparator] = []
        for word in words:
            m = _PARTIAL.fullmatch(word)
            if m is None:
                return None
            found += _expand(m[1], m)
        sets.append(tuple(found))
    return tuple(sets)


def _holds(op: str, found: Version, bound: Version) -> bool:
    if op == "=":
        return found == bound
    if op == ">=":
        return found >= bound
    if op == "<=":
        return found <= bound
    return found > bound if op == ">" else found < bound


def admits(text: str, candidate: str) -> bool | None:
    """Whether a range admits a version; None where the range or the version is not in npm's grammar.

    A pre-release is admitted only where a comparator of its alternative names a pre-release of the same major.minor.patch: npm never
    installs another.
    """
    sets, found = parse(text), version(candidate)
    if sets is None or found is None:
        return None
    for comparators in sets:
        if all(_holds(op, found, bound) for op, bound in comparators) and (
            found[3] or any(not bound[3] and bound[:3] == found[:3] for _, bound in comparators)
        ):
            return True
    return False
