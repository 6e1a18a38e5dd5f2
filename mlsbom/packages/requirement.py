"""One Python requirement as text (`torch[cuda]>=2,<3; python_version > "3.9"`, `flash-attn @ git+https://...`).

The plain form that nearly all have is read without packaging, whose import alone takes 33 ms; everything else is packaging's. A
property test holds the short way against it.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from mlsbom.errors import UsageError
from mlsbom.patterns import late

LONGEST: Final = 8192
"""Characters of one requirement; a longer one is refused."""


class InvalidRequirement(UsageError):
    """Text that is no requirement of the packaging specifications."""


class Requirement(Struct, frozen=True):
    """`specifier` without spaces, `marker` as written, `url` of a direct reference."""

    name: str
    extras: tuple[str, ...] = ()
    specifier: str = ""
    url: str | None = None
    marker: str | None = None


_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE = r"(?:(?:[<>]=?|!=)\s*v?\d[\w.+!-]*|(?:==|~=)\s*v?\d[\w.+!-]*(?:\.\*)?)"
_VARIABLE = r"(?:python_(?:full_)?version|os_name|sys_platform|platform_\w+|implementation_\w+|extras?|dependency_groups)"
_TEST = rf"\(*\s*{_VARIABLE}\s*(?:[<>]=?|[!=]=|~=|in|not\s+in)\s*(?:\"[^\"]*\"|'[^']*')\s*\)*"
_MARKER = late(rf"{_TEST}(?:\s*(?:and|or)\s+{_TEST})*")
_PLAIN = late(
    rf"({_NAME})\s*(?:\[([\w.,\s-]*)\])?\s*(\(?)\s*({_CLAUSE}(?:\s*,\s*{_CLAUSE})*)?\s*,?\s*(\)?)\s*(?:;\s*(.+?))?\s*", re.ASCII
)
_DIRECT = late(rf"({_NAME})\s*(?:\[([\w.,\s-]*)\])?\s*@\s*(\S+)(?:\s+;\s*(.+?)|\s*;\s+(.+?))?\s*", re.ASCII)
_SPACE = late(r"\s+")


def parse(text: str) -> Requirement:
    """A requirement. Raises InvalidRequirement for what the specifications do not allow."""
    if len(text) > LONGEST:
        raise InvalidRequirement(f"a requirement of {len(text)} characters")
    m = _PLAIN.fullmatch(text)
    if m and bool(m[3]) == bool(m[5]) and (m[4] or not m[3]) and (m[6] is None or _good_marker(m[6])) and _good_versions(m[4]):
        return Requirement(m[1], _extras(m[2]), _SPACE.sub("", m[4] or ""), None, m[6])
    if direct := _DIRECT.fullmatch(text):
        return Requirement(direct[1], _extras(direct[2]), "", direct[3], direct[4] or direct[5])
    return _by_packaging(text)


def _extras(text: str | None) -> tuple[str, ...]:
    return tuple(sorted({e.strip() for e in text.split(",") if e.strip()})) if text else ()


def _good_marker(text: str) -> bool:
    return text.count("(") == text.count(")") and _MARKER.fullmatch(text.strip()) is not None


_VERSION = late(r"\d+(?:\.\d+)*(?:(?:a|b|rc|\.post|\.dev)\d+)*(?:\+[a-z0-9.]+)?(?:\.\*)?")


def _good_versions(specifier: str | None) -> bool:
    """Whether every version has the plain form; others are packaging's to judge."""
    if not specifier:
        return True
    for clause in specifier.split(","):
        operator, version = clause.strip()[:2], clause.strip().lstrip("<>=!~ ")
        if (
            not _VERSION.fullmatch(version)
            or ("+" in version and operator not in ("==", "!="))
            or (operator == "~=" and "." not in version)
        ):
            return False
        if version.endswith(".*") and (operator not in ("==", "!=") or not version[:-2].replace(".", "").isdigit()):
            return False
    return True


_LEGACY_STAR = late(r"((?:[<>]=?|~=)\s*\d[\d.]*?)\.\*")  # `>=1.0.*`, which older metadata hold, means `>=1.0`


def _by_packaging(text: str) -> Requirement:
    from packaging.requirements import InvalidRequirement as Invalid
    from packaging.requirements import Requirement as Packaged

    try:
        found = Packaged(text)
    except (Invalid, ValueError, RecursionError) as e:
        if (modern := _LEGACY_STAR.sub(r"\1", text)) != text:
            return _by_packaging(modern)
        raise InvalidRequirement(" ".join(str(e).split("\n", 1)[0].split())[:200]) from e
    return Requirement(
        found.name, tuple(sorted(found.extras)), str(found.specifier), found.url, str(found.marker) if found.marker else None
    )
