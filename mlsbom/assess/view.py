"""What checks look at: an assessment's facts with the indexes that they need, made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from mlsbom.model import (
    Component,
    Dependency,
    Fingerprint,
    Graph,
    Judged,
    Kind,
    Observed,
    Place,
    Reference,
    Relationship,
    Status,
    Survey,
    TensorTable,
    Text,
)
from mlsbom.policy.attestation import Attestation, attestations

PASSED: Final = "passed"
FAILED: Final = "failed"
NOT_SHOWN: Final = "not-shown"
NOT_APPLICABLE: Final = "not-applicable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one check for one component: passed, failed, not-shown or not-applicable, and why."""

    state: str
    why: str = ""
    waived: bool = False


def passed(why: str = "") -> Outcome:
    """The check holds."""
    return Outcome(PASSED, why)


def failed(why: str) -> Outcome:
    """Evidence against it."""
    return Outcome(FAILED, why)


def failed_by(findings: list[Judged]) -> Outcome:
    """Failed for the first finding that nobody set aside; where all are, failed and waived: a waiver raises no level."""
    open_ones = [f for f in findings if f.waived_by is None]
    return Outcome(FAILED, (open_ones or findings)[0].message, waived=not open_ones)


def not_shown(why: str) -> Outcome:
    """No evidence for it."""
    return Outcome(NOT_SHOWN, why)


NA: Final = Outcome(NOT_APPLICABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of the rubric. `remedy`: what a vendor does to meet it."""

    id: str
    criterion: str
    level: int
    title: str
    remedy: str
    run: Callable[[View, Component], Outcome]
    kinds: frozenset[Kind] | None = None  # of which components it is asked; None: of all


@dataclass(slots=True)
class View:
    """Everything a check may ask, by component."""

    survey: Survey
    graph: Graph
    observed: tuple[Observed, ...]
    findings: tuple[Judged, ...]
    coverage: tuple[tuple[Place, Status, str], ...]
    verdicts: tuple[dict[str, Any], ...]
    lineage: tuple[dict[str, Any], ...]
    use: dict[str, Any]
    today: date
    attested: tuple[Attestation, ...] = ()
    by_ref: dict[str, Component] = field(default_factory=dict)
    out: dict[str, list[Relationship]] = field(default_factory=dict)
    found: dict[str, list[Judged]] = field(default_factory=dict)
    unread: dict[str, list[tuple[Place, Status, str]]] = field(default_factory=dict)
    formats: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sha256: dict[str, str | None] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    tensors: dict[str, list[TensorTable]] = field(default_factory=dict)
    fingerprinted: set[str] = field(default_factory=set)
    hashed_packages: set[tuple[str, str]] = field(default_factory=set)
    services: list[Component] = field(default_factory=list)
    grades: dict[tuple[str, str], int] = field(default_factory=dict)
    clauses: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.attested = attestations(self.survey)
        self.by_ref = self.graph.by_ref()
        for r in self.graph.relationships:
            self.out.setdefault(r.source, []).append(r)
        names: dict[str, list[str]] = {}
        for c in self.by_ref.values():
            for name in {c.name, c.purl or c.name, c.ref}:
                names.setdefault(name, []).append(c.ref)
        for f in self.findings:
            refs = set(names.get(f.subject, ()))
            if not refs:
                refs = {self.graph.owners.get(f.where.path, self.graph.root.ref)}
            for ref in refs | {self.graph.root.ref}:
                self.found.setdefault(ref, []).append(f)
        for row in self.coverage:
            owner = self.graph.owners.get(row[0].path, self.graph.root.ref)
            for ref in {owner, self.graph.root.ref}:
                self.unread.setdefault(ref, []).append(row)
        for a in self.survey.artifacts:
            self.formats[a.path] = a.formats
            self.sha256[a.path] = a.sha256
        for o in self.observed:
            fact = o.fact
            if isinstance(fact, Text):
                self.texts.add(o.place.path)
            elif isinstance(fact, TensorTable):
                self.tensors.setdefault(o.place.path, []).append(fact)
            elif isinstance(fact, Fingerprint):
                self.fingerprinted.add(o.place.path)
            elif isinstance(fact, Dependency) and fact.hashes:
                self.hashed_packages.add((fact.ecosystem, fact.name))
            elif isinstance(fact, Reference):
                continue
        self.services = [c for c in self.graph.components if c.kind == Kind.SERVICE]

    def edges(self, c: Component, *kinds: str) -> list[Component]:
        """The components that `c` reaches by edges of these kinds."""
        return [self.by_ref[r.target] for r in self.out.get(c.ref, ()) if r.kind in kinds]

    def findings_of(self, c: Component, *prefixes: str) -> list[Judged]:
        """Findings about a component, waived ones too, by the beginning of their rule."""
        return [f for f in self.found.get(c.ref, ()) if not prefixes or f.rule.startswith(prefixes)]

    def attestation(self, c: Component, *kinds: str) -> Attestation | None:
        """The newest attestation of a kind about a component that counts."""
        rows = [a for a in self.attested if a.kind in kinds and a.about(c) and a.counts]
        return max(rows, key=lambda a: a.date or date.min, default=None)

    def attested_or(self, c: Component, kind: str, what: str) -> Outcome:
        """Passed where it is attested; else not shown, with why an attestation that is there does not count."""
        a = self.attestation(c, kind)
        if a is not None:
            return passed(f"attested by {a.by} on {a.date}")
        void = next((x for x in self.attested if x.kind == kind and x.about(c)), None)
        return not_shown(f"{what}: the attestation does not count, {void.why_not}" if void else f"{what}: not attested in mlsbom.toml")
