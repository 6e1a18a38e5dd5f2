"""Findings as facts become findings in their places, with a fingerprint that lasts over packs, lines and severities."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from mlsbom.model import SEVERITY_ORDER, STATUS_ORDER, Facts, Finding, Graph, Judged, Place, Shortfall, Source, Status
from mlsbom.patterns import late
from mlsbom.survey.drafts import source_of

_NUMBER = late(r"\b\d+\b")


def judged(facts: Facts, graph: Graph, remedy: Callable[[str], str] = lambda rule: "") -> tuple[Judged, ...]:
    """All findings, worst first, each once. `remedy` gives the text of a rule's page."""
    components = graph.by_ref()
    best: dict[str, Judged] = {}
    for o, fact in facts.of(Finding):
        owner = components.get(graph.owners.get(o.place.path, ""), graph.root)
        subject = fact.subject or (owner.name if owner is not graph.root else str(o.place))
        one = Judged(
            id=fingerprint(fact, o.place),
            rule=fact.rule,
            severity=fact.severity,
            confidence=fact.sure,
            subject=subject,
            message=fact.because,
            where=source_of(o),
            phase=fact.phase,
            waivable=fact.waivable,
            remedy=remedy(fact.rule),
            data=fact.data,
        )
        known = best.get(one.id)
        if known is None or SEVERITY_ORDER[one.severity] > SEVERITY_ORDER[known.severity]:
            best[one.id] = one
    return tuple(
        sorted(
            best.values(),
            key=lambda f: (-SEVERITY_ORDER[f.severity], f.rule, f.where.path, f.where.member, f.where.line or 0, f.message, f.id),
        )
    )


def fingerprint(fact: Finding, place: Place) -> str:
    """16 hex of SHA-256 over rule, place or subject, and the normalised reason: no line, pack or severity."""
    because = " ".join(_NUMBER.sub("#", fact.because).split()).lower()
    text = "\0".join((fact.rule, str(place), fact.subject or "", because))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def coverage(facts: Facts) -> tuple[tuple[Place, Status, str], ...]:
    """Every shortfall by place: (place, status, reason), worst first within a place; what is not listed was read in full."""
    rows = {
        (o.place.path, o.place.member, -STATUS_ORDER[fact.status], fact.reason): (o.place, fact.status, fact.reason)
        for o, fact in facts.of(Shortfall)
    }
    return tuple(rows[key] for key in sorted(rows))


def where_text(source: Source) -> str:
    """A place for people: `path!/member:line`."""
    text = f"{source.path}!/{source.member}" if source.member else source.path
    return f"{text}:{source.line}" if source.line else text
