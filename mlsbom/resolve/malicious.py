"""Packages, releases and files that are known to be malicious: the feed and the waves against everything that was observed."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from mlsbom.errors import PackError, UsageError
from mlsbom.knowledge import Packs
from mlsbom.model import (
    Confidence,
    Dependency,
    Evidence,
    Finding,
    Graph,
    Kind,
    Mark,
    MemberDigest,
    Observed,
    Place,
    Rule,
    Scope,
    Severity,
    Shortfall,
    Status,
    Survey,
    Technique,
)
from mlsbom.packages import indicators, waves
from mlsbom.packages.verdict import Answer, Judge, Verdict
from mlsbom.resolve import Asked

MALICIOUS = Rule(
    id="PACKAGE-MALICIOUS", title="A dependency is a package known to be malicious", severity=Severity.CRITICAL, waivable=False
)
AFFECTED = Rule(id="PACKAGE-AFFECTED", title="A dependency is a release known to be malicious", severity=Severity.CRITICAL, waivable=False)
POSSIBLY = Rule(
    id="PACKAGE-POSSIBLY-AFFECTED", title="A dependency's range admits a release known to be malicious", severity=Severity.MEDIUM
)
INDICATOR = Rule(id="PACKAGE-INDICATOR", title="A file bears a mark of a wave of poisoned packages", severity=Severity.HIGH)
RULES: tuple[Rule, ...] = (MALICIOUS, AFFECTED, POSSIBLY, INDICATOR)

BY: Final = "malicious"
_BY_VERDICT = {Verdict.MALICIOUS: MALICIOUS, Verdict.AFFECTED: AFFECTED, Verdict.POSSIBLY: POSSIBLY}


def judge_of(packs: Packs, asked: Asked) -> Judge:
    """The judge of this assessment, with its answers so far, shared by the resolvers of packages."""
    return packs.loaded(("judge", asked.now), lambda p: Judge(p, now=asked.now))


def resolve(survey: Survey, graph: Graph, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """Findings on every dependency, installed copy and the project itself; then on files by digest, name and mark."""
    judge = judge_of(packs, asked)
    found = [(o.place, fact) for o, fact in survey.facts.of(Dependency)]
    for ecosystem in ("pypi", "npm"):
        judge.prepare({f.name for _, f in found if f.ecosystem == ecosystem}, ecosystem)
    locked = _versions_by_folder(found)
    for place, fact in found:
        try:
            answer = judge.judge(fact.name, fact.ecosystem, fact.specifier if fact.source == "index" else "", resolved=fact.resolved)
        except UsageError:  # a name or specifier that cannot be read: the parser has recorded it; names alone still count
            try:
                answer = judge.judge(fact.name, fact.ecosystem, "", resolved=fact.resolved)
            except UsageError:
                continue
        if answer.verdict in _BY_VERDICT:
            yield Observed(place=place, by=BY, fact=_finding(place, fact, answer, locked))
    yield from _undeclared(graph, judge)
    yield from _gaps(judge)
    try:
        table = waves.load(packs)
    except PackError as e:
        yield Observed(place=Place(path="."), by=BY, fact=Shortfall(status=Status.FAILED, reason=f"marks of waves not looked for: {e}"))
        return
    yield from _files(survey, indicators.Known(table))


def _undeclared(graph: Graph, judge: Judge) -> Iterator[Observed]:
    """Packages that only imports name, found by the resolver before this one. Their version is open: what may be bad weighs little."""
    for c in graph.components:
        if c.kind is not Kind.PACKAGE or c.scope is not Scope.UNDECLARED or c.ecosystem is None or not c.evidence:
            continue
        try:
            answer = judge.judge(c.name, c.ecosystem, resolved=c.version)
        except UsageError:
            continue
        if (rule := _BY_VERDICT.get(answer.verdict)) is None:
            continue
        at = c.evidence[0]
        severity = Severity.INFO if rule is POSSIBLY else answer.severity
        yield Observed(
            place=Place(path=at.path, member=at.member),
            by=BY,
            fact=rule.finding(
                f"{answer.because}; imported, and declared nowhere",
                evidence=Evidence(line=at.line, technique=at.technique, confidence=at.confidence),
                severity=severity,
                subject=f"{c.ecosystem}/{c.name}",
                sure=Confidence.LOW,
                data=(("advisories", " ".join(answer.advisories)),),
            ),
        )


def _gaps(judge: Judge) -> Iterator[Observed]:
    for part, why in sorted(judge.gaps.items()):
        yield Observed(
            place=Place(path="."), by=BY, fact=Shortfall(status=Status.FAILED, reason=f"packages judged without the {part} data: {why}")
        )


def _versions_by_folder(found: list[tuple[Place, Dependency]]) -> dict[tuple[str, str, str], set[str]]:
    """The versions that locks name, by folder, ecosystem and name."""
    out: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for place, fact in found:
        if fact.locked and fact.resolved:
            out[posixpath.dirname(place.path), fact.ecosystem, fact.name].add(fact.resolved)
    return out


def _finding(place: Place, fact: Dependency, answer: Answer, locked: dict[tuple[str, str, str], set[str]]) -> Finding:
    """The finding of one answer. A range is of no weight where a lock beside it names other versions, which are judged by themselves."""
    rule = _BY_VERDICT[answer.verdict]
    severity, because, sure = answer.severity, answer.because, Confidence.HIGH
    if answer.verdict is Verdict.POSSIBLY:
        sure = Confidence.MEDIUM
        if lock := locked.get((posixpath.dirname(place.path), fact.ecosystem, fact.name)):
            severity, because = Severity.INFO, f"{because}; the lock beside it names {', '.join(sorted(lock))}"
        elif fact.source != "index":
            severity, sure = Severity.LOW, Confidence.LOW
    held = "installed" if fact.installed else "this project itself" if fact.project else "locked" if fact.locked else "asked for"
    data = (("ecosystem", fact.ecosystem), ("held", held), ("advisories", " ".join(answer.advisories)), ("waves", " ".join(answer.waves)))
    return rule.finding(because, evidence=fact.evidence, severity=severity, subject=f"{fact.ecosystem}/{answer.name}", sure=sure, data=data)


def _files(survey: Survey, known: indicators.Known) -> Iterator[Observed]:
    """Files whose digest, name or recorded mark is an indicator of a wave."""
    for a in survey.artifacts:
        if slug := known.digest(a.sha256):
            yield _indicator(
                Place(path=a.path),
                slug,
                f"the bytes of a file of wave {slug}",
                Severity.CRITICAL,
                Evidence(technique=Technique.HASH, confidence=1.0),
            )
        elif hit := known.file(a.path):
            yield _indicator(
                Place(path=a.path),
                hit.slug,
                f"a file named as in wave {hit.slug}: {hit.text}",
                Severity.MEDIUM,
                Evidence(technique=Technique.FILENAME, confidence=0.5),
            )
    formats: dict[str, tuple[str, ...]] = {}
    for o in survey.observed:
        kind = type(o.fact)
        if kind is not MemberDigest and kind is not Mark and kind is not Dependency:
            continue
        if isinstance(o.fact, MemberDigest):
            if slug := known.digest(o.fact.sha256):
                yield _indicator(
                    o.place,
                    slug,
                    f"the bytes of a file of wave {slug}",
                    Severity.CRITICAL,
                    Evidence(technique=Technique.HASH, confidence=1.0),
                )
        elif hit := known.mark(o.fact):
            formats = formats or {a.path: a.formats for a in survey.artifacts}
            prose = indicators.is_prose(o.place, formats.get(o.place.path, ()))
            severity = Severity.INFO if prose else Severity.CRITICAL if hit.runs else Severity.HIGH
            yield _indicator(o.place, hit.slug, f"names {hit.kind} {hit.text} of wave {hit.slug}", severity, o.fact.evidence)


def _indicator(place: Place, slug: str, because: str, severity: Severity, evidence: Evidence) -> Observed:
    sure = Confidence.HIGH if severity is Severity.CRITICAL else Confidence.MEDIUM
    return Observed(
        place=place, by=BY, fact=INDICATOR.finding(because, evidence=evidence, severity=severity, sure=sure, data=(("waves", slug),))
    )
