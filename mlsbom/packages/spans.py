"""Ranges of versions as advisories mean them: by plain order, pre-releases included (OSV schema, evaluation), not as installers choose.

A span is a text such as `>=1.0,<1.5`, `<=2.0` or `*`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from mlsbom.packages import semver
from mlsbom.packages.specifiers import same
from mlsbom.patterns import late

_BOUND: Final = late(r"(>=|<=|<|>)(.+)")


def span(low: str, high: str) -> str:
    """A span from a first version (`0` or empty: from the beginning) and an end (`<version`, `<=version`, or none)."""
    return ",".join(part for part in (f">={low}" if low not in ("", "0") else "", high) if part) or "*"


def holds(text: str, version: str, ecosystem: str) -> bool:
    """Whether a span holds a version. A version or bound that cannot be ordered is held: an advisory is not set aside by odd spelling."""
    if text == "*":
        return True
    for part in text.split(","):
        m = _BOUND.fullmatch(part.strip())
        if m is None:
            return same(version, part, ecosystem)
        found, bound = _order(version, ecosystem), _order(m[2], ecosystem)
        if found is None or bound is None:
            continue
        if not {">=": found >= bound, "<=": found <= bound, "<": found < bound, ">": found > bound}[m[1]]:
            return False
    return True


def _order(version: str, ecosystem: str) -> Any:
    """What versions of an ecosystem are ordered by, or None."""
    if ecosystem in ("pypi", "conda"):
        from packaging.version import InvalidVersion, Version

        try:
            return Version(version)
        except InvalidVersion:
            return None
    plain = version.strip().removeprefix("v")
    numbers = re.fullmatch(r"(\d+(?:\.\d+)?)", plain)
    return semver.version(plain + ".0" * (2 - plain.count(".")) if numbers else plain)
