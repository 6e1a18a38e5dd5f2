"""Locks against the manifests beside them: a lock that is empty, lacks what is asked for, or holds what the manifest rules out."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from mlsbom.errors import UsageError
from mlsbom.knowledge import Packs
from mlsbom.model import Dependency, Evidence, Graph, Observed, Place, Rule, Scope, Severity, Shortfall, Status, Survey
from mlsbom.packages.specifiers import admits
from mlsbom.patterns import late
from mlsbom.resolve import Asked

MISMATCH = Rule(id="PACKAGE-LOCK-MISMATCH", title="A lock contradicts the manifest that it was made from", severity=Severity.MEDIUM)
STALE = Rule(id="PACKAGE-LOCK-STALE", title="A lock lacks packages that the manifest beside it asks for", severity=Severity.LOW)
RULES: tuple[Rule, ...] = (MISMATCH, STALE)

BY: Final = "locks"
_PYTHON: Final = late(r"(?:uv|poetry|pdm)\.lock$|pylock(?:\.[\w-]+)?\.toml$")
_NPM: Final = frozenset({"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"})

_ENDINGS: Final = (".lock", ".toml", *_NPM)
"""Of all names that the two know: most paths of a target are told apart by these alone."""


def manifest_of(lock: str) -> tuple[str, str] | None:
    """The base name of the manifest that a lock belongs to, and its ecosystem; None for what is no lock."""
    if not lock.lower().endswith(_ENDINGS):
        return None
    base = posixpath.basename(lock).lower()
    if _PYTHON.fullmatch(base):
        return "pyproject.toml", "pypi"
    if base == "pipfile.lock":
        return "Pipfile", "pypi"
    return ("package.json", "npm") if base in _NPM else None


def resolve(survey: Survey, graph: Graph | None, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """Findings at the place of the lock; a lock without a package beside a manifest with some is a Shortfall: it may not have been read."""
    by_path: dict[str, list[Dependency]] = defaultdict(list)
    for o, fact in survey.facts.of(Dependency):
        if not o.place.member and not fact.via and not fact.installed:
            by_path[o.place.path].append(fact)
    for artifact in survey.artifacts if by_path else ():
        if (pair := manifest_of(artifact.path)) is None:
            continue
        manifest = posixpath.join(posixpath.dirname(artifact.path), pair[0])
        wanted = [f for f in by_path.get(manifest, ()) if _asked(f, pair[1])]
        held = by_path.get(artifact.path, [])
        if wanted and not any(f.locked for f in held):
            reason = f"holds no package, but {pair[0]} beside it asks for {len(wanted)}"
            yield Observed(place=Place(path=artifact.path), by=BY, fact=Shortfall(status=Status.PARTIAL, reason=reason))
        elif wanted:
            yield from _compare(artifact.path, pair[0], wanted, held)


def _asked(fact: Dependency, ecosystem: str) -> bool:
    """Whether a manifest's dependency has to be in the lock: from an index, and not for building, nor a peer of npm."""
    if fact.ecosystem != ecosystem or fact.project or fact.source != "index" or fact.scope in (Scope.BUILD, Scope.UNDECLARED):
        return False
    return fact.scope in (Scope.RUNTIME, Scope.DEV) if ecosystem == "npm" else not (fact.evidence.key or "").startswith("tool.hatch")


def _compare(lock: str, manifest: str, wanted: list[Dependency], held: list[Dependency]) -> Iterator[Observed]:
    versions: dict[str, dict[str, Dependency]] = defaultdict(dict)
    for fact in held:
        versions[fact.name][fact.resolved or ""] = fact
    missing = sorted({f.name for f in wanted if f.name not in versions and f.scope is not Scope.OPTIONAL})
    if missing:
        names = ", ".join(missing[:8]) + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
        yield Observed(
            place=Place(path=lock),
            by=BY,
            fact=STALE.finding(f"{manifest} asks for {names}, which the lock does not hold", evidence=Evidence()),
        )
    for fact in wanted:
        exact = {v: f for v, f in versions.get(fact.name, {}).items() if v and f.source == "index"}
        if not exact or not fact.specifier:
            continue
        try:
            if any(admits(fact.specifier, v, fact.ecosystem) for v in exact):
                continue
        except UsageError:
            continue
        shown = ", ".join(sorted(exact))
        because = f"locks {fact.name} at {shown}, but {manifest} asks for {fact.specifier}"
        at = next(iter(exact.values())).evidence
        yield Observed(place=Place(path=lock), by=BY, fact=MISMATCH.finding(because, evidence=at, subject=f"{fact.ecosystem}/{fact.name}"))
