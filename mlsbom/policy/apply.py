"""One step before the gate: severities of the profile, VEX statuses, baseline, waivers. What was set aside is shown, never dropped."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from mlsbom.model import SEVERITY_ORDER, Component, Graph, Judged, Severity, Survey
from mlsbom.policy.profile import LONGEST_WAIVER, Profile, Waiver

NOT_AFFECTED = frozenset({"not_affected", "fixed", "false_positive", "resolved", "resolved_with_pedigree"})

STRICT: Final = frozenset({"PICKLE-UNKNOWN-CALLABLE", "PICKLE-DUAL-USE", "PICKLE-PERSISTENT-ID", "EXTERNAL-CLASS", "SKOPS-REFERENCE"})
"""Rules about names in serialised objects that are neither known to be harmless nor known to be dangerous."""


class Decisions(Struct, frozen=True, kw_only=True):
    """What people decided, already read. `baseline`: ids of findings that were known; `vex`: (advisory, product) -> status."""

    profile: Profile | None = None
    baseline: frozenset[str] = frozenset()
    vex: dict[tuple[str, str], str] = field(default_factory=dict)


def decide(
    findings: tuple[Judged, ...], survey: Survey, graph: Graph, decisions: Decisions, today: date
) -> tuple[tuple[Judged, ...], tuple[str, ...]]:
    """The findings with `waived_by` set where somebody set them aside, and notes on waivers that are unused, expired or too long."""
    profile = decisions.profile
    notes: list[str] = []
    waivers = list(profile.waivers) if profile else []
    good: list[Waiver] = []
    for w in waivers:
        if w.expires < today:
            notes.append(f"waiver of {w.rule} for {w.component or w.path} expired on {w.expires}")
        elif w.expires - today > LONGEST_WAIVER:
            notes.append(f"waiver of {w.rule} for {w.component or w.path} runs longer than 365 days: not applied")
        else:
            good.append(w)
    used: set[int] = set()
    components = graph.by_ref()
    called: dict[str, set[str]] = {}
    for c in components.values() if good or decisions.vex else ():
        for name in c.names:
            called.setdefault(name, set()).update(c.names)
    digests = {h for a in survey.artifacts for _, h in a.digests} | {survey.target.digest} if good else set()
    out = []
    for f in findings:
        severity = _severity(f, profile) if profile else f.severity
        by = _set_aside(f, good, used, components.get(graph.owners.get(f.where.path, "")), digests, decisions, called)
        same = severity is f.severity and by == f.waived_by
        out.append(f if same else msgspec.structs.replace(f, severity=severity, waived_by=by))
    for n, w in enumerate(good):
        if n not in used:
            notes.append(f"waiver of {w.rule} for {w.component or w.path} was not used")
    return tuple(out), tuple(notes)


def _severity(f: Judged, profile: Profile) -> Severity:
    """The profile's severity of a rule; a strict profile takes what is not known to be harmless for high."""
    strict = Severity.HIGH if profile.strict and f.rule in STRICT and SEVERITY_ORDER[f.severity] < SEVERITY_ORDER[Severity.HIGH] else None
    return profile.severity.get(f.rule) or strict or f.severity


def _set_aside(
    f: Judged,
    waivers: list[Waiver],
    used: set[int],
    component: Component | None,
    digests: set[str],
    decisions: Decisions,
    called: dict[str, set[str]],
) -> str | None:
    """Who or what set a finding aside. Known-malicious can be waived neither by a baseline nor by a waiver."""
    if not f.waivable:
        return None
    status = _vex(f, decisions.vex, called.get(f.subject, set()))
    if status in NOT_AFFECTED:
        return f"vex: {status}"
    for n, w in enumerate(waivers):
        if w.rule != f.rule or (w.sha256 and w.sha256 not in digests):
            continue
        names = {f.subject, *called.get(f.subject, ()), *(component.names if component else ())}
        if (w.component and w.component in names) or (w.path and w.path == f.where.path):
            used.add(n)
            return f"{w.by}, until {w.expires}: {w.reason}"
    if f.id in decisions.baseline:
        return "baseline"
    return None


def _vex(f: Judged, vex: dict[tuple[str, str], str], names: set[str]) -> str | None:
    """The status that a VEX document gives: for one of the product's names, its purl without a version, or any product."""
    if not vex:
        return None
    data: dict[str, Any] = dict(f.data)
    ids = [i for key in ("advisory", "advisories", "aliases") for i in str(data.get(key, "")).replace(",", " ").split()]
    products = sorted({f.subject, str(data.get("purl", "")), *names, *(n.partition("@")[0] for n in names if n.startswith("pkg:"))} - {""})
    products.append("")
    return next((vex[(i, p)] for i in ids for p in products if (i, p) in vex), None)
