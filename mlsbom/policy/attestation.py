"""Attestations: what a scan cannot see, said by somebody in `mlsbom.toml` beside the model, with a date, a party, a digest and a file.

[[attestation]]
kind = "review"                     # one of KINDS
component = "acme-asr"              # name, purl or ref; "*" for all
sha256 = ["<digest>"]               # of files of the component, or the target's digest; an attestation about other digests does not count
by = "Example Audit"                # who says so
role = "third-party"                # producer, buyer or third-party
date = 2026-06-01
file = "evidence/review.pdf"        # hashed with everything else
value = { ... }                     # what the kind asks for
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.model import Component, Observed, Statement, Survey

KINDS: Final[dict[str, tuple[str, ...]]] = {
    "initialisation": ("AU8",),
    "training-data": ("AU5", "AU10"),
    "review": ("SE7",),
    "code-review": ("SE4",),
    "alternative": ("RE2",),
    "swap-test": ("RE5",),
    "swap-ci": ("RE6",),
    "retune": ("RE8",),
    "jurisdiction": ("CO2",),
    "custody": ("CO4",),
    "isolated-start": ("CO3", "CO6"),
    "modify": ("CO7",),
    "signing-root": ("CO8",),
    "notices": ("LI5",),
    "provenance": ("AU9",),
}
"""Kind -> the checks that it can show."""


class Attestation(Struct, frozen=True, kw_only=True):
    """One statement. `counts` is False, with the reason in `why_not`, where it names no party or digests or files that are not here."""

    kind: str
    component: str
    by: str
    role: str
    date: date | None
    file: str | None
    sha256: tuple[str, ...]
    value: dict[str, Any] = field(default_factory=dict)
    counts: bool = True
    why_not: str = ""

    def about(self, c: Component) -> bool:
        """Whether it is about this component."""
        return self.component == "*" or self.component in c.names


def attestations(survey: Survey) -> tuple[Attestation, ...]:
    """All attestations that stand in the survey, each with whether it counts."""
    found = [o for o, fact in survey.facts.of(Statement) if fact.field == "attestation" and isinstance(fact.value, dict)]
    if not found:
        return ()
    digests = {h for a in survey.artifacts for _, h in a.digests} | {survey.target.digest}
    paths = {a.path for a in survey.artifacts}
    return tuple(_read(o, digests, paths) for o in found)


def _read(o: Observed, digests: set[str], paths: set[str]) -> Attestation:
    row = o.fact.value if isinstance(o.fact, Statement) else {}
    folder = o.place.path.rpartition("/")[0]
    named = row.get("sha256") or []
    named = tuple(str(x).lower() for x in (named if isinstance(named, list) else [named]))
    file = str(row["file"]) if row.get("file") else None
    try:
        day = date.fromisoformat(str(row.get("date", ""))[:10])
    except ValueError:
        day = None
    why = ""
    if row.get("kind") not in KINDS:
        why = f"kind {row.get('kind')!r} is not known"
    elif not row.get("by") or day is None:
        why = "it names no party or no date"
    elif not named:
        why = "it names no digest"
    elif not set(named) <= digests:
        why = "it is about other digests"
    elif file and (f"{folder}/{file}" if folder else file) not in paths:
        why = f"its file {file} is not in the target"
    value = row.get("value")
    return Attestation(
        kind=str(row.get("kind", "")),
        component=str(row.get("component", "*")),
        by=str(row.get("by", "")),
        role=str(row.get("role", "producer")),
        date=day,
        file=file,
        sha256=named,
        value=value if isinstance(value, dict) else {},
        counts=not why,
        why_not=why,
    )
