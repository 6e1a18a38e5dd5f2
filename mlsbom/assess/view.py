"""What checks look at: an assessment's facts with the indexes that they need, made once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.model import (
    Component,
    Dependency,
    Facts,
    Fingerprint,
    Graph,
    Judged,
    Kind,
    License,
    Place,
    Relationship,
    Status,
    Survey,
    TensorTable,
)
from mlsbom.policy.attestation import Attestation, attestations

PASSED: Final = "passed"
FAILED: Final = "failed"
NOT_SHOWN: Final = "not-shown"
NOT_APPLICABLE: Final = "not-applicable"


class Outcome(Struct, frozen=True):
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


class Check(Struct, frozen=True, kw_only=True):
    """One check of the rubric. `remedy`: what a vendor does to meet it."""

    id: str
    criterion: str
    level: int
    title: str
    remedy: str
    run: Callable[[View, Component], Outcome]
    kinds: frozenset[Kind] | None = None  # of which components it is asked; None: of all


def _homes(path: str) -> list[str]:
    """The folders of whose distribution a licence text at `path` is: its own, and metadata folders above it."""
    at = path.rpartition("/")[0]
    homes = [at]
    while at := at.rpartition("/")[0]:
        if at.endswith((".dist-info", ".egg-info")):
            homes.append(at)
    return homes


class View(Struct):
    """Everything a check may ask, by component."""

    survey: Survey
    graph: Graph
    facts: Facts
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
    sha512: set[str] = field(default_factory=set)  # paths whose SHA-512 is known
    tensors: dict[str, list[TensorTable]] = field(default_factory=dict)
    fingerprinted: set[str] = field(default_factory=set)
    hashed_packages: set[tuple[str, str]] = field(default_factory=set)
    services: list[Component] = field(default_factory=list)
    grades: dict[tuple[str, str], int] = field(default_factory=dict)
    laws: Callable[[str], str | None] = lambda _: None  # governing law that a licence's text names, "" where it names none, None: not known
    owned: dict[str, list[str]] = field(default_factory=dict)
    licensed: dict[str, tuple[License, ...]] = field(default_factory=dict)
    _running: set[str] | None = None

    def __post_init__(self) -> None:
        self.attested = attestations(self.survey)
        self.by_ref = self.graph.by_ref()
        for r in self.graph.relationships:
            self.out.setdefault(r.source, []).append(r)
        names: dict[str, list[str]] = {}
        for c in self.by_ref.values():
            for name in c.names:
                names.setdefault(name, []).append(c.ref)
        for f in self.findings:
            refs = set(names.get(f.subject, ()))
            if not refs:
                refs = {self.graph.owners.get(f.where.path, self.graph.root.ref)}
            for ref in refs | {self.graph.root.ref}:
                self.found.setdefault(ref, []).append(f)
        self._files()
        self.services = [c for c in self.graph.components if c.kind == Kind.SERVICE]
        self._licenses()

    def _files(self) -> None:
        owners, root = self.graph.owners, self.graph.root.ref
        for row in self.coverage:
            owner = owners.get(row[0].path, root)
            self.unread.setdefault(root, []).append(row)
            if owner != root:
                self.unread.setdefault(owner, []).append(row)
        self.formats = {a.path: a.formats for a in self.survey.artifacts}
        self.sha256 = {a.path: a.sha256 for a in self.survey.artifacts}
        self.sha512 = {a.path for a in self.survey.artifacts for algorithm, value in a.digests if algorithm == "sha512" and value}
        for path in self.formats:
            self.owned.setdefault(owners.get(path, root), []).append(path)
        self.fingerprinted = {o.place.path for o, _ in self.facts.of(Fingerprint)}
        self.hashed_packages = {(fact.ecosystem, fact.name) for _, fact in self.facts.of(Dependency) if fact.hashes}
        for o, table in self.facts.of(TensorTable):
            self.tensors.setdefault(o.place.path, []).append(table)

    def _licenses(self) -> None:
        """A distribution's licence texts stand in its `.dist-info`; an application without a licence of its own has that of its project."""
        texts: dict[str, list[License]] = {}
        for x in (x for c in self.by_ref.values() for x in c.licenses if x.role == "observed"):
            for folder in _homes(x.source.path):
                texts.setdefault(folder, []).append(x)
        project: tuple[License, ...] = ()
        for c in self.graph.components:
            rows = c.licenses
            home = next((s.path.rpartition("/")[0] for s in c.evidence if c.kind == Kind.PACKAGE and c.local), None)
            if home is not None:
                rows = (*rows, *dict.fromkeys(x for x in texts.get(home, ()) if x not in c.licenses))
                if home.count("/") == 0:
                    project = project or rows
            self.licensed[c.ref] = rows
        main = next((c.licenses for c in self.graph.components if c.primary), ())
        self.licensed[self.graph.root.ref] = self.graph.root.licenses or project or main

    @property
    def running(self) -> set[str]:
        """Models that are loaded when the application runs: what it depends on and contains, and the bases that their adapters need."""
        if self._running is None:
            rows = {r.target for r in self.graph.relationships if r.kind in ("depends-on", "contains")}
            rows |= {r.target for r in self.graph.relationships if r.kind == "derived-from" and r.relation == "adapter"}
            self._running = {ref for ref in rows if self.by_ref[ref].kind == Kind.MODEL}
        return self._running

    def runs(self, c: Component) -> bool:
        """Whether a model is loaded when the application runs."""
        return c.ref in self.running

    def carriers(self, c: Component) -> list[str]:
        """The bases that a model cannot run without, and that are not in the target: those of an adapter."""
        return [
            self.by_ref[r.target].name
            for r in self.out.get(c.ref, ())
            if r.kind == "derived-from" and r.relation == "adapter" and not self.by_ref[r.target].local
        ]

    def licenses(self, c: Component) -> tuple[License, ...]:
        """The licences that are known of a component, those of its distribution among them."""
        return self.licensed[c.ref]

    def edges(self, c: Component, *kinds: str) -> list[Component]:
        """The components that `c` reaches by edges of these kinds."""
        return [self.by_ref[r.target] for r in self.out.get(c.ref, ()) if r.kind in kinds]

    def findings_of(self, c: Component, *prefixes: str) -> list[Judged]:
        """Findings about a component, waived ones too, by the beginning of their rule."""
        rows = self.found.get(c.ref)
        return [f for f in rows if not prefixes or f.rule.startswith(prefixes)] if rows else []

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
