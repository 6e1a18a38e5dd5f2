"""Controllable: who can read it, change it, cut it off (criteria, CO1 to CO8)."""

from __future__ import annotations

import re
from typing import Final

from mlsbom.assess.view import NA, Check, Outcome, View, failed, failed_by, not_shown, passed
from mlsbom.model import Component, Kind
from mlsbom.survey.licensing import expression_of

C = "controllable"
GRADED: Final = frozenset({Kind.MODEL, Kind.APPLICATION, Kind.SERVICE})
RUN: Final = frozenset({Kind.MODEL, Kind.APPLICATION})
WHOLE: Final = frozenset({Kind.APPLICATION})
MODELS: Final = frozenset({Kind.MODEL})
REMOTE: Final = ("LICENSE-REMOTE-RESTRICTION", "LICENSE-REVOCABLE")
INDEX: Final = frozenset({"index"})


def co1(v: View, c: Component) -> Outcome:
    if c.kind == Kind.SERVICE:
        return failed("runs elsewhere")
    if c.kind == Kind.MODEL and not c.local and not v.runs(c):
        return NA  # an ancestor or a model that data were tested on: its files are not needed to run
    away = [
        u.detail
        for u in v.graph.unknowns
        if u.reason == "not-fetched" and u.field == "content" and (u.ref == c.ref or c.kind == Kind.APPLICATION)
    ]
    if away:
        return failed(away[0])
    if c.kind == Kind.MODEL and not c.local:
        return failed("its files are not in the target: they would be fetched when it runs")
    fetched = sorted(v.by_ref[ref].name for ref in v.running if not v.by_ref[ref].local) if c.kind == Kind.APPLICATION else v.carriers(c)
    return failed(f"needs files that are not in the target: {', '.join(fetched[:3])}") if fetched else passed()


def co2(v: View, c: Component) -> Outcome:
    a = v.attestation(c, "jurisdiction")
    if a is not None:
        return passed(f"attested by {a.by}")
    law = _law(v, c)
    if c.supplier and law:
        return passed(f"{c.supplier}; {law}")
    return not_shown("not recorded: " + " and ".join(n for n, x in (("supplier", c.supplier), ("governing law", law)) if not x))


def _law(v: View, c: Component) -> str:
    """The governing law that its licences name, or that a licence whose text is known names none; "" where that is not known."""
    said = []
    rows = v.licenses(c)
    for row in [x for x in rows if x.role != "declared"] or rows:
        expression = expression_of(row)
        for identifier in re.findall(r"[\w.+-]+", expression or ""):
            if identifier not in ("AND", "OR", "WITH"):
                law = v.laws(identifier)
                said.append("" if law is None else f"{identifier}: {law or 'names no governing law'}")
    return "; ".join(dict.fromkeys(said)) if said and all(said) else ""


def co3(v: View, c: Component) -> Outcome:
    """A static check: what code and configuration call. The package index is needed to build, not to run."""
    if c.kind == Kind.MODEL and not c.local:
        return NA
    called = [
        (s, r)
        for r in v.graph.relationships
        if r.kind == "calls" and (s := v.by_ref[r.target]).kind == Kind.SERVICE and r.relation not in INDEX
    ]
    remote = [b.name for b in v.edges(v.graph.root, "depends-on") if b.kind == Kind.MODEL and not b.local]
    if c.kind == Kind.MODEL:
        return failed("loads code from another repository") if v.edges(c, "loads-code") else passed()
    if v.attestation(c, "isolated-start"):
        return passed("started in an isolated network, as attested")
    if called:
        return failed(f"calls {', '.join(sorted({s.name for s, _ in called})[:3])}")
    if remote:
        return failed(f"fetches {', '.join(sorted(remote)[:3])} when it runs")
    dials = v.findings_of(c, "CODE-NETWORK", "CODE-EXFILTRATION")
    if dials:
        return not_shown(f"its code can open connections ({dials[0].message} in {dials[0].where.path}): whether it needs them is not shown")
    return passed("no endpoint, key or telemetry in code and configuration")


def co4(v: View, c: Component) -> Outcome:
    return v.attested_or(c, "custody", "who holds the keys")


def co5(v: View, c: Component) -> Outcome:
    wrong = v.findings_of(c, *REMOTE)
    if wrong:
        return failed_by(wrong)
    return passed() if v.licenses(c) else not_shown("no licence is stated")


def co6(v: View, c: Component) -> Outcome:
    return v.attested_or(c, "isolated-start", "a start log from an isolated network")


def co7(v: View, c: Component) -> Outcome:
    return v.attested_or(c, "modify", "right and means to modify")


def co8(v: View, c: Component) -> Outcome:
    return v.attested_or(c, "signing-root", "that the buyer holds the signing root for updates")


CHECKS = (
    Check(
        id="CO1",
        criterion=C,
        level=1,
        title="Every file is at hand locally",
        remedy="Deliver the files themselves, not pointers or names.",
        run=co1,
        kinds=GRADED,
    ),
    Check(
        id="CO2",
        criterion=C,
        level=1,
        title="Supplier and governing law are recorded",
        remedy='Attest kind = "jurisdiction".',
        run=co2,
        kinds=GRADED,
    ),
    Check(
        id="CO3",
        criterion=C,
        level=2,
        title="No endpoint, key or telemetry is needed to run",
        remedy="Remove the calls, or make them optional and attest an isolated start.",
        run=co3,
        kinds=RUN,
    ),
    Check(
        id="CO4",
        criterion=C,
        level=2,
        title="Key custody is stated",
        remedy='Attest kind = "custody" with the holder.',
        run=co4,
        kinds=WHOLE,
    ),
    Check(
        id="CO5",
        criterion=C,
        level=2,
        title="Licence has no remote restriction and ends on breach alone",
        remedy="Choose a component whose licence cannot be cut off.",
        run=co5,
        kinds=MODELS,
    ),
    Check(
        id="CO6",
        criterion=C,
        level=3,
        title="Start log from an isolated network",
        remedy='Attest kind = "isolated-start" with the log.',
        run=co6,
        kinds=WHOLE,
    ),
    Check(id="CO7", criterion=C, level=3, title="Right and means to modify", remedy='Attest kind = "modify".', run=co7, kinds=WHOLE),
    Check(
        id="CO8",
        criterion=C,
        level=3,
        title="The buyer holds the signing root for updates",
        remedy='Attest kind = "signing-root".',
        run=co8,
        kinds=WHOLE,
    ),
)
