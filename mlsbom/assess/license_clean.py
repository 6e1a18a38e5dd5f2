"""Licence-clean: is the licence known, its text there, its conditions met down the chain (criteria, LI1 to LI7)."""

from __future__ import annotations

from mlsbom.assess.view import NA, PASSED, Check, Outcome, View, failed_by, not_shown, passed
from mlsbom.model import SEVERITY_ORDER, Component, Kind, License, Severity
from mlsbom.survey.licensing import as_expression, expression_of

C = "license-clean"
NONE = (Kind.SERVICE, Kind.CONTAINER, Kind.TOKENIZER, Kind.TEMPLATE, Kind.AGENT_TOOL)
AGREE = ("LICENSE-CARD-FILE-CONFLICT", "LICENSE-CONFUSABLE-ID", "LICENSE-VERSION-MISMATCH", "LICENSE-DRIFT")
DUTIES = ("LICENSE-NOTICE-MISSING", "LICENSE-NAMING", "LICENSE-DISPLAY", "LICENSE-USE-RESTRICTION-PASSTHROUGH")
NOT_LASTING = ("LICENSE-REVOCABLE", "LICENSE-CHANGEABLE", "LICENSE-REMOTE-RESTRICTION", "LICENSE-FIELD-OF-USE")


def li1(v: View, c: Component) -> Outcome:
    if c.kind in NONE:
        return NA
    rows = v.licenses(c)
    if not rows:
        return not_shown("no licence is stated")
    return passed(as_expression(c) or _named(rows))


def _named(rows: tuple[License, ...]) -> str:
    return " AND ".join(sorted({expression_of(x) or x.name or x.written for x in rows}))


def li2(v: View, c: Component) -> Outcome:
    if c.kind in NONE:
        return NA
    text = next((x for x in v.licenses(c) if x.text_sha256 or x.origin == "file"), None)
    if text is not None:
        return passed(text.source.path)
    missing = v.findings_of(c, "LICENSE-TEXT-")
    if missing:
        return failed_by(missing)
    return not_shown("the text of its licence is not in the delivery")


def li3(v: View, c: Component) -> Outcome:
    if c.kind in NONE:
        return NA
    wrong = v.findings_of(c, *AGREE)
    if wrong:
        return failed_by(wrong)
    return passed() if v.licenses(c) else not_shown("nothing to compare")


def li4(v: View, c: Component) -> Outcome:
    if c.kind in NONE:
        return NA
    wrong = [f for f in v.findings_of(c, "LICENSE-") if SEVERITY_ORDER[f.severity] >= SEVERITY_ORDER[Severity.HIGH]]
    if wrong:
        return failed_by(wrong)
    return passed() if v.licenses(c) else not_shown("without a licence nothing is allowed")


def li5(v: View, c: Component) -> Outcome:
    if c.kind in NONE:
        return NA
    if v.attestation(c, "notices"):
        return passed("attested")
    wrong = v.findings_of(c, *DUTIES)
    if wrong:
        return failed_by(wrong)
    if not v.licenses(c):
        return not_shown("its duties are not known")
    if c.local and li2(v, c).state != PASSED:
        return not_shown("it is passed on here without the text of its licence")
    return passed()


def li6(v: View, c: Component) -> Outcome:
    if c.kind in NONE:
        return NA
    upstream = v.edges(c, "derived-from", "trained-on", "source-dataset")
    if not upstream and c.kind == Kind.MODEL and not v.attestation(c, "initialisation"):
        return not_shown("no upstream is stated, and none is ruled out by an attestation")
    low = [u.name for u in upstream if v.grades.get((C, u.ref), 0) < 2]
    return not_shown(f"upstream below level 2: {', '.join(sorted(low)[:3])}") if low else passed()


def li7(v: View, c: Component) -> Outcome:
    if c.kind in NONE:
        return NA
    wrong = v.findings_of(c, *NOT_LASTING)
    if wrong:
        return failed_by(wrong)
    return passed() if v.licenses(c) else not_shown("no licence is stated")


CHECKS = (
    Check(
        id="LI1",
        criterion=C,
        level=1,
        title="Licence known",
        remedy="State it: license in the card, an SPDX expression in metadata.",
        run=li1,
    ),
    Check(id="LI2", criterion=C, level=2, title="Its text is present", remedy="Put the licence text beside the model (LICENSE).", run=li2),
    Check(
        id="LI3",
        criterion=C,
        level=2,
        title="Card, file and detected text agree",
        remedy="Correct the source that is wrong; each finding names both values.",
        run=li3,
    ),
    Check(
        id="LI4",
        criterion=C,
        level=2,
        title="No error for the profile's use",
        remedy="Change the use, the component, or get another licence.",
        run=li4,
    ),
    Check(
        id="LI5",
        criterion=C,
        level=2,
        title="Notices, naming and pass-on terms are met",
        remedy="Collect them: mlsbom licenses notices TARGET -o DIR.",
        run=li5,
    ),
    Check(
        id="LI6",
        criterion=C,
        level=3,
        title="Every upstream is at level 2 or better",
        remedy="Bring the named upstreams to level 2, or replace them.",
        run=li6,
    ),
    Check(
        id="LI7",
        criterion=C,
        level=3,
        title="Not revocable at will, not changeable, no remote or field restriction",
        remedy="Choose a component whose licence lasts.",
        run=li7,
    ),
)
