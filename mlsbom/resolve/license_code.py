"""Code to code: dependencies and bundled files against the project's own licence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlsbom.licenses import code
from mlsbom.model import Dependency, Evidence, Mark, Observed, Place, Scope, Severity, Survey
from mlsbom.resolve.license_rules import RULE
from mlsbom.resolve.license_sources import Claim, Sources, folder_of
from mlsbom.resolve.license_statements import Subject, at


def check(survey: Survey, projects: list[Subject], sources: Sources, use: dict[str, Any]) -> Iterator[Observed]:
    """Findings for each project of the target."""
    for project in projects:
        outbound = project.terms.expression
        if outbound is None:
            continue
        yield from _dependencies(survey, project, outbound, sources, use)
        yield from _bundled(project, outbound, sources, use)


def _dependencies(survey: Survey, project: Subject, outbound: str, sources: Sources, use: dict[str, Any]) -> Iterator[Observed]:
    seen: set[str] = set()
    for o, fact in survey.facts.of(Dependency):
        if fact.project or fact.scope in (Scope.DEV, Scope.BUILD) or o.place.path.startswith("bases/") or fact.name in seen:
            continue
        inbound = _package(sources.packages.get(fact.name.lower(), []), sources)
        if inbound:
            seen.add(fact.name)
            yield from _pair(project.component.name, outbound, inbound, f"the dependency {fact.name}", o.place, fact.evidence, sources, use)


def _package(claims: list[Claim], sources: Sources) -> str | None:
    """The licence of a package by its metadata: a valid expression or name before classifiers."""
    for origin in ("package", "classifier"):
        found = [c.stands.expression for c in claims if c.origin == origin and c.stands.expression]
        if found:
            return found[0]
    return None


def _bundled(project: Subject, outbound: str, sources: Sources, use: dict[str, Any]) -> Iterator[Observed]:
    """Texts below the project's folder, and SPDX tags in its files; one finding a folder and licence."""
    inside = f"{project.folder}/" if project.folder else ""
    said: set[tuple[str, str]] = set()
    for d in sources.texts:
        folder = folder_of(d.place)
        if d.identified and d.identified.expression and folder != project.folder and folder.startswith(inside) and d.part != "model":
            said.add((folder, d.identified.expression))
            yield from _pair(
                project.component.name,
                outbound,
                d.identified.expression,
                f"the code bundled in {folder}/",
                d.place,
                Evidence(line=1),
                sources,
                use,
            )
    for o in sources.tags:
        folder = folder_of(o.place)
        if isinstance(o.fact, Mark) and (not inside or o.place.path.startswith(inside)) and (folder, o.fact.text) not in said:
            said.add((folder, o.fact.text))
            yield from _pair(project.component.name, outbound, o.fact.text, f"the file {o.place}", o.place, o.fact.evidence, sources, use)


def _pair(
    name: str, outbound: str, inbound: str, what: str, place: Place, evidence: Evidence, sources: Sources, use: dict[str, Any]
) -> Iterator[Observed]:
    internal = use.get("distribute") is False
    strong = code.weaker_than(outbound, inbound, sources.table)
    if strong:
        network = sources.table.kind(strong) == "network-copyleft" and use.get("network_service")
        severity = Severity.MEDIUM if internal and not network else Severity.HIGH
        yield at(
            place,
            RULE["LICENSE-STRONG-COPYLEFT"].finding(
                f"{name} is {outbound}, {what} is {inbound}: distributed together, {strong} asks for the whole under its terms",
                evidence=evidence,
                severity=severity,
                subject=name,
            ),
        )
    clash = code.incompatible(outbound, inbound)
    if clash:
        yield at(
            place,
            RULE["LICENSE-INCOMPATIBLE"].finding(
                f"{name} is {outbound}, {what} is {inbound}: {clash[0]} and {clash[1]} cannot be met together",
                evidence=evidence,
                severity=Severity.MEDIUM if internal else None,
                subject=name,
            ),
        )
