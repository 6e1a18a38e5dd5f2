"""Vulnerabilities of the exact versions that were observed: from a mirrored store, or from the OSV service when the network is allowed.

Only names that the registry's snapshot knows are sent; private names stay here (`send_private` in the settings overrides). Ranges have no
version to ask for. A failure is a shortfall of the whole scan, never an empty list.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mlsbom.errors import NetworkError
from mlsbom.knowledge import Packs
from mlsbom.model import Confidence, Dependency, Finding, Graph, Observed, Place, Rule, Severity, Shortfall, Status, Survey
from mlsbom.packages import popular, snapshot
from mlsbom.packages.osv import Advisory
from mlsbom.packages.specifiers import InvalidSpecifier, exact
from mlsbom.packages.vulnerabilities import SERVICE, Release, Service, store, supported
from mlsbom.resolve import Asked

VULNERABLE = Rule(id="PACKAGE-VULNERABLE", title="A dependency is a release with a known vulnerability", severity=Severity.MEDIUM)
RULES: tuple[Rule, ...] = (VULNERABLE,)
BY: Final = "vulnerabilities"


def resolve(survey: Survey, graph: Graph | None, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """A finding for each vulnerability of each release at each place that names it."""
    places: dict[Release, list[tuple[Place, Dependency]]] = defaultdict(list)
    for o, fact in survey.facts.of(Dependency):
        if (version := _version(fact)) and not fact.project:
            places[Release(fact.ecosystem, fact.name, version)].append((o.place, fact))
    if asked.online:
        found, shortfalls = _online(sorted(places), packs, asked)
    else:
        found, shortfalls = _offline(sorted(places), packs), []
    for release, advisories in found.items():
        for place, fact in places[release]:
            yield from (Observed(place=place, by=BY, fact=_finding(release, a, fact)) for a in advisories)
    for reason in shortfalls:
        yield Observed(place=Place(path="."), by=BY, fact=Shortfall(status=Status.FAILED, reason=reason))


def _version(fact: Dependency) -> str | None:
    if fact.resolved or fact.source not in ("index", "installed"):
        return fact.resolved
    try:
        return exact(fact.specifier, fact.ecosystem)
    except InvalidSpecifier:
        return None


def _offline(releases: list[Release], packs: Packs) -> dict[Release, list[Advisory]]:
    stores = {eco: store(packs, eco) for eco in {r.ecosystem for r in releases}}
    return {r: s.find(r) for r in releases if (s := stores[r.ecosystem]) is not None}


def _online(releases: list[Release], packs: Packs, asked: Asked) -> tuple[dict[Release, list[Advisory]], list[str]]:
    """Advisories, and what was not asked or not answered."""
    public = [r for r in releases if supported(r.ecosystem) and (asked.settings.get("send_private") or _public(r, packs))]
    kept = sum(supported(r.ecosystem) for r in releases) - len(public)
    shortfalls = [f"vulnerabilities not checked: {kept} packages, whose names are not known to be public and were not sent"] if kept else []
    if not public:
        return {}, shortfalls
    service = Service(base=str(asked.settings.get("osv_service") or SERVICE), cache=_cache())
    try:
        return service.find(public), shortfalls
    except NetworkError as e:
        return {}, [*shortfalls, f"vulnerabilities not checked: {len(public)} packages: {e}"]


def _public(release: Release, packs: Packs) -> bool:
    """Whether the registry has the name; where no snapshot tells, whether it is a popular one."""
    known = snapshot.load(packs, release.ecosystem)
    if known is not None:
        return release.name in known
    ranked = popular.load(packs, release.ecosystem)
    return ranked is not None and release.name in ranked.ranks


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlsbom" / "osv.sqlite"


def _finding(release: Release, a: Advisory, fact: Dependency) -> Finding:
    names = " ".join((a.id, *a.aliases))
    scored = f", CVSS {a.score}" if a.score is not None else ", not scored"
    remedy = f"; fixed in {', '.join(a.fixed)}" if a.fixed else "; no fixed version is known"
    because = f"{release.name} {release.version} has {a.id}: {a.summary}"
    data = (
        ("advisory", a.id),
        ("aliases", " ".join(a.aliases)),
        ("purl", f"pkg:{release.ecosystem}/{release.name}@{release.version}"),
        ("fixed", " ".join(a.fixed)),
        ("scored", scored.lstrip(", ")),
        ("names", names),
    )
    return VULNERABLE.finding(
        because + remedy,
        evidence=fact.evidence,
        severity=_capped(Severity(a.severity)),
        subject=f"{release.ecosystem}/{release.name}",
        sure=Confidence.HIGH,
        data=data,
    )


def _capped(severity: Severity) -> Severity:
    """At most high: critical is for what is hostile, and nothing shows that a vulnerable release's flaw is reached."""
    return Severity.HIGH if severity == Severity.CRITICAL else severity
