"""Clauses against the facts of use: what the profile's `[use]` table makes of them. A fact not given is not "no"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from mlsbom.licenses.clause_values import EU_MEMBERS
from mlsbom.licenses.duties import Term
from mlsbom.model import SEVERITY_ORDER, Confidence, Evidence, Finding, Severity
from mlsbom.resolve.license_rules import RULE

_SECTORS: Final[dict[str, frozenset[str]]] = {
    "defence": frozenset({"military", "weapons", "nuclear", "surveillance"}),
    "defense": frozenset({"military", "weapons", "nuclear", "surveillance"}),
    "military": frozenset({"military", "weapons", "nuclear"}),
    "police": frozenset({"law-enforcement", "biometric", "surveillance"}),
    "law-enforcement": frozenset({"law-enforcement", "biometric", "surveillance"}),
    "health": frozenset({"medical-advice"}),
    "healthcare": frozenset({"medical-advice"}),
    "medical": frozenset({"medical-advice"}),
    "legal": frozenset({"legal-advice"}),
    "energy": frozenset({"nuclear", "critical-infrastructure"}),
    "infrastructure": frozenset({"critical-infrastructure"}),
    "nuclear": frozenset({"nuclear"}),
}
"""Sectors of a profile -> fields of use that they fall under."""
_MEASURES: Final[dict[str, str]] = {
    "mau": "monthly_users",
    "dau": "daily_users",
    "visits_month": "monthly_visits",
    "revenue_year": "revenue_usd",
    "revenue_month": "revenue_usd",
}


class Bound(Struct, frozen=True, kw_only=True):
    """A clause that binds a thing: whose licence it is, and whether that is the thing's own."""

    term: Term
    license: str
    source: str
    own: bool
    assumed: bool = False


def judge(name: str, bounds: list[Bound], use: dict[str, Any]) -> Iterator[tuple[Bound, Finding]]:
    """Findings for the clauses that bind `name`: of each clause the worst, of equals the first (its own licence before an upstream's)."""
    worst: dict[str, tuple[Bound, Finding]] = {}
    for b in bounds:
        clause = "noncommercial" if b.term.clause == "research-only" else b.term.clause
        rule = _JUDGES.get(clause)
        verdict = rule(b, use) if rule else None
        if verdict is None:
            continue
        rule_id, severity, why = verdict
        if clause not in worst or SEVERITY_ORDER[severity] > SEVERITY_ORDER[worst[clause][1].severity]:
            assumed = " (assumed from the publisher)" if b.assumed else ""
            worst[clause] = (b, finding(rule_id, f"{name}: {b.license}{assumed} {why}", b, severity, name))
    yield from worst.values()


def finding(rule: str, because: str, b: Bound, severity: Severity | None, subject: str, evidence: Evidence | None = None) -> Finding:
    """A finding about a clause, with the sentence that states it. `evidence`: of its place, where that is not the clause's own."""
    data = tuple(
        (k, v)
        for k, v in (
            ("clause", b.term.clause),
            ("value", b.term.value),
            ("quote", b.term.quote),
            ("quoted_from", f"{b.term.path}:{b.term.line}" if b.term.quote else ""),
            ("license", b.license),
            ("of", b.source),
        )
        if v
    )
    return RULE[rule].finding(
        because,
        evidence=evidence or Evidence(line=b.term.line),
        severity=severity,
        subject=subject,
        sure=Confidence.HIGH if b.term.quote or b.term.sure else Confidence.MEDIUM,
        data=data,
    )


_Verdict = tuple[str, Severity, str] | None


def _noncommercial(b: Bound, use: dict[str, Any]) -> _Verdict:
    what = "licenses research use only" if b.term.clause == "research-only" else "licenses non-commercial use only"
    commercial = use.get("commercial")
    if commercial is False:
        return "LICENSE-NONCOMMERCIAL", Severity.INFO, f"{what}; the stated use is not commercial"
    return (
        "LICENSE-NONCOMMERCIAL",
        Severity.HIGH if commercial else Severity.MEDIUM,
        f"{what}; {'the stated use is commercial' if commercial else 'depends on `commercial`'}",
    )


def _territory(b: Bound, use: dict[str, Any]) -> _Verdict:
    codes = {c for c in re.split(r"[,\s]+", b.term.value) if re.fullmatch(r"[A-Z]{2}", c)}
    if not codes:
        return None
    shown, part = ", ".join(sorted(codes)), " for multimodal models" if "multimodal" in b.term.value else ""
    places = {str(use["country"]).upper()} if use.get("country") else set()
    places |= {str(p).upper() for p in use.get("outputs_territory", ())}
    if not places:
        return "LICENSE-TERRITORY", Severity.MEDIUM, f"grants nothing in {shown}{part}; depends on `country`"
    hit = {p for p in places if p in codes or (p == "UK" and "GB" in codes) or (p in EU_MEMBERS and "EU" in codes)}
    if hit:
        return "LICENSE-TERRITORY", Severity.HIGH, f"grants nothing in {', '.join(sorted(hit))}{part}"
    return "LICENSE-TERRITORY", Severity.INFO, f"grants nothing in {shown}{part}; the stated use is in {', '.join(sorted(places))}"


def _field(b: Bound, use: dict[str, Any]) -> _Verdict:
    fields = {f for f in b.term.value.split(",") if f}
    sector = str(use.get("sector", "")).lower()
    hit = fields & _SECTORS.get(sector, frozenset({sector}))
    if hit:
        return "LICENSE-FIELD-OF-USE", Severity.HIGH, f"bars {', '.join(sorted(hit))} use; the stated sector is {sector}"
    return "LICENSE-FIELD-OF-USE", Severity.INFO, f"bars uses: {', '.join(sorted(fields)) or 'see its list'}"


def _outputs(b: Bound, use: dict[str, Any]) -> _Verdict:
    if b.term.value not in ("barred", ""):
        return None
    training = use.get("train_on_outputs")
    if training:
        return "LICENSE-OUTPUT-TRAINING", Severity.HIGH, "bars training other models on its outputs; the stated use does so"
    # a right that only some use; where a profile states uses and not this one, it is listed, not held against the release
    return (
        "LICENSE-OUTPUT-TRAINING",
        Severity.INFO if training is False or use else Severity.MEDIUM,
        "bars training other models on its outputs" + ("" if training is False else "; depends on `train_on_outputs`"),
    )


def _threshold(b: Bound, use: dict[str, Any]) -> _Verdict:
    limits = re.findall(r"(\w+)=(\d+)", b.term.value)
    effect = "a display duty" if "must-display" in b.term.value else "another licence is needed"
    if not limits:
        return "LICENSE-THRESHOLD", Severity.MEDIUM, f"changes rights above a threshold; above it {effect}"
    shown = " or ".join(f"{int(n):,} ({m})" for m, n in limits)
    facts = [(use.get(_MEASURES.get(m, m)), int(n) * (12 if m == "revenue_month" else 1)) for m, n in limits]
    if any(isinstance(v, (int, float)) and v > limit for v, limit in facts):
        return "LICENSE-THRESHOLD", Severity.HIGH, f"changes rights above {shown}: the stated use is above, {effect}"
    if all(isinstance(v, (int, float)) for v, _ in facts):
        return "LICENSE-THRESHOLD", Severity.INFO, f"changes rights above {shown}: the stated use is below"
    needed = ", ".join(dict.fromkeys(f"`{_MEASURES.get(m, m)}`" for m, _ in limits))
    return "LICENSE-THRESHOLD", Severity.MEDIUM, f"changes rights above {shown}, where {effect}; depends on {needed}"


def _competitor(b: Bound, use: dict[str, Any]) -> _Verdict:
    rivals = [str(r).lower() for r in use.get("competes_with", ())]
    if "competes_with" in use:
        hit = [r for r in rivals if r in b.license.lower() or r in b.source.lower() or r in b.term.quote.lower()]
        return (
            "LICENSE-COMPETITOR",
            Severity.HIGH if hit else Severity.INFO,
            f"bars competing products or models{'; the stated use competes with ' + ', '.join(hit) if hit else ''}",
        )
    return "LICENSE-COMPETITOR", Severity.MEDIUM, "bars competing products or models; depends on `competes_with`"


def _separate(b: Bound, use: dict[str, Any]) -> _Verdict:
    commercial, distribute, kind = use.get("commercial"), use.get("distribute"), b.term.value
    what = {"registration": "asks for a registration before commercial use"}.get(
        kind, "asks for a separate agreement for some use" + (f" ({kind})" if kind else "")
    )
    if commercial is False:
        return "LICENSE-SEPARATE-AGREEMENT", Severity.INFO, what
    if commercial and distribute and kind != "registration":
        return "LICENSE-SEPARATE-AGREEMENT", Severity.HIGH, f"{what}; the stated use is commercial and distributes it"
    return "LICENSE-SEPARATE-AGREEMENT", Severity.MEDIUM, f"{what}; depends on `commercial` and `distribute`"


def _remote(b: Bound, use: dict[str, Any]) -> _Verdict:
    return "LICENSE-REMOTE-RESTRICTION", Severity.MEDIUM, "keeps a right to restrict use remotely or otherwise"


def _changeable(b: Bound, use: dict[str, Any]) -> _Verdict:
    return "LICENSE-CHANGEABLE", Severity.MEDIUM, "may be changed by the licensor" + (f" ({b.term.value})" if b.term.value else "")


def _revocable(b: Bound, use: dict[str, Any]) -> _Verdict:
    return "LICENSE-REVOCABLE", Severity.MEDIUM, "is revocable" + (" at will" if b.term.value == "at will" else "")


_JUDGES: Final = {
    "noncommercial": _noncommercial,
    "territory": _territory,
    "field-of-use": _field,
    "output-training": _outputs,
    "threshold": _threshold,
    "competitor": _competitor,
    "separate-agreement": _separate,
    "remote-restriction": _remote,
    "changeable": _changeable,
    "revocable": _revocable,
}
