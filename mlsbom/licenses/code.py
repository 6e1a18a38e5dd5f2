"""Code to code: whether code under one licence may go into a work under another. AI and data licences never come here.

Only what the licences' own texts settle is decided; any other pair is "not decided", never "compatible" (specs of licences, section 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mlsbom.licenses.expressions import parse_ids

if TYPE_CHECKING:
    from mlsbom.licenses.facts import Table

STRONG: Final[frozenset[str]] = frozenset({"copyleft", "network-copyleft"})
_WEAKER: Final[frozenset[str]] = frozenset({"permissive", "public-domain", "weak-copyleft"})
_NOT_WITH_GPL2: Final[frozenset[str]] = frozenset(
    {"Apache-2.0", "GPL-3.0-only", "GPL-3.0-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "AGPL-3.0-only", "AGPL-3.0-or-later"}
)
_NOT_WITH_ANY_GPL: Final[frozenset[str]] = frozenset(
    {"BSD-4-Clause", "BSD-4-Clause-UC", "CDDL-1.0", "CDDL-1.1", "EPL-1.0", "JSON", "CPL-1.0", "MPL-1.1"}
)
"""Named as incompatible by the FSF's own list of licences."""


def weaker_than(outbound: str, inbound: str, table: Table) -> str | None:
    """The strong copyleft identifier of `inbound` that `outbound` does not keep, if no choice avoids it."""
    node, out = parse_ids(inbound), parse_ids(outbound)
    if node is None or out is None:
        return None
    kinds = {table.kind(i) for i in out.leaves()}
    if not kinds <= _WEAKER | {"unknown"}:
        return None
    binding = node.fold(
        lambda i: [i] if table.kind(i) in STRONG and not i.startswith("CC-") else [],
        lambda parts: [x for p in parts for x in p],
        lambda parts: min(parts, key=len),
    )
    return binding[0] if binding else None


def incompatible(outbound: str, inbound: str) -> tuple[str, str] | None:
    """A pair of identifiers whose terms cannot be met together, if no choice avoids it."""
    node, out = parse_ids(inbound), parse_ids(outbound)
    if node is None or out is None:
        return None
    inner: list[str] = node.fold(_one, _all, _common)
    outer: list[str] = out.fold(_one, _all, _common)
    return next(((o, i) for o in outer for i in inner if _clash(o, i) or _clash(i, o)), None)


def _one(identifier: str) -> list[str]:
    return [identifier]


def _common(choices: list[list[str]]) -> list[str]:
    """What binds whichever choice is taken."""
    return [i for i in choices[0] if all(i in c for c in choices)]


def _all(parts: list[list[str]]) -> list[str]:
    return [i for p in parts for i in p]


def _clash(a: str, b: str) -> bool:
    if a == "GPL-2.0-only" and b in _NOT_WITH_GPL2:
        return True
    return b in _NOT_WITH_ANY_GPL and a.startswith(("GPL-", "AGPL-"))
