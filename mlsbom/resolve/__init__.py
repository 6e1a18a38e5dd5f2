"""What the data packs know of what was observed: one module a resolver, run in the order of `ORDER`, each over the fold of those before.

A resolver is a module with

    RULES: tuple[Rule, ...]
    def resolve(survey: Survey, graph: Graph, packs: Packs, asked: Asked) -> Iterator[Observed]    # GRAPHLESS: Graph | None

It is pure: no byte of the target, no network (unless `asked.online`), no clock. What it yields is marked with its name in `by` and is
thrown away whole when asked again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field

ORDER: Final[tuple[str, ...]] = (
    "shards",
    "imports",
    "malicious",
    "lookalike",
    "vulnerabilities",
    "confusion",
    "locks",
    "signatures",
    "lineage",
    "licenses",
)
"""Names of modules under mlsbom.resolve, in the order in which they run."""
GRAPHLESS: Final = frozenset({"shards", "imports", "vulnerabilities", "confusion", "locks", "signatures"})
"""Those that ask the facts alone, and are given None where no fold is at hand: a fold of a large target is made when it is needed."""


class Asked(Struct, frozen=True, kw_only=True):
    """What the caller decided: the time (RFC 3339), the profile's use facts, trust anchors, and whether the network may be used."""

    now: str
    use: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    trust: tuple[Path, ...] = ()
    identity: str | None = None
    issuer: str | None = None
    online: bool = False
