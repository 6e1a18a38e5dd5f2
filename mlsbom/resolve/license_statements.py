"""What the statements themselves show: missing, ambiguous, conflicting, drifting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from mlsbom.licenses import duties
from mlsbom.licenses.duties import Terms
from mlsbom.licenses.expressions import Named
from mlsbom.licenses.facts import FREE
from mlsbom.model import Component, Confidence, Evidence, Finding, Kind, Observed, Place, Severity
from mlsbom.resolve.license_rules import RULE
from mlsbom.resolve.license_sources import EMBEDDED, PACKAGED, Claim, Document, Sources, folder_of

BY: Final = "resolve.licenses"


class Subject(Struct, kw_only=True):
    """A thing of the delivery that a licence covers: a model, a data set, or the project's code."""

    component: Component
    kind: str  # model, dataset, code
    folder: str
    inherited: bool = False  # nothing is stated in its own folder: what is stated above it holds, and was judged there
    claims: list[Claim] = field(default_factory=list)
    texts: list[Document] = field(default_factory=list)
    terms: Terms = field(default_factory=lambda: Terms(expression=None, how="unknown"))

    @property
    def place(self) -> Place:
        """Where its licence is stated, else where it is."""
        if self.claims:
            return self.claims[0].place
        if self.texts:
            return self.texts[0].place
        first = next(iter(self.component.evidence), None)
        return Place(path=first.path if first else (self.component.files[0] if self.component.files else self.folder or "."))

    @property
    def evidence(self) -> Evidence:
        """The evidence of its first claim."""
        return self.claims[0].evidence if self.claims else Evidence(line=self.terms.line)


def at(place: Place, finding: Finding) -> Observed:
    """A finding in its place, marked as this resolver's."""
    return Observed(place=place, by=BY, fact=finding)


def missing(subject: Subject, sources: Sources) -> Iterator[Observed]:
    """Nothing stated, a tag that says nothing, a family instead of a licence, a text that is not there, an id that is confused."""
    name = subject.component.name
    if subject.inherited:
        return
    if not subject.claims and not subject.texts:
        yield at(
            subject.place, RULE["LICENSE-MISSING"].finding(f"{name}: no card, package metadata or file states a licence", subject=name)
        )
        return
    for claim in subject.claims:
        stands, low = claim.stands, claim.written.strip().lower()
        nothing = stands.expression in (None, "NOASSERTION")
        if nothing and not subject.texts:
            rule = "NO-LICENSE-NAME" if low == "other" else "LICENSE-MISSING"
            what = (
                "names no licence"
                if nothing and (low in sources.table.nothing or low in sources.table.tags)
                else "is not known as a licence"
            )
            yield at(
                claim.place,
                RULE[rule].finding(f"{name}: `{claim.written}` {what}, and no text is delivered", evidence=claim.evidence, subject=name),
            )
        elif stands.ambiguous and not nothing and not _resolved(claim, subject):
            rule = "LICENSE-AMBIGUOUS-FAMILY" if claim.origin in PACKAGED else "LICENSE-FAMILY-TAG"
            yield at(
                claim.place,
                RULE[rule].finding(
                    f"{name}: `{claim.written}` stands for {', '.join(stands.candidates) or 'several licences'}; no text decides",
                    evidence=claim.evidence,
                    subject=name,
                ),
            )
        elif not nothing and not subject.texts and claim.origin not in EMBEDDED and not stands.ambiguous:
            yield at(
                claim.place,
                RULE["LICENSE-TEXT-MISSING"].finding(
                    f"{name}: {stands.expression} is stated, its text is not delivered", evidence=claim.evidence, subject=name
                ),
            )
        for identifier in stands.ids:
            if identifier in sources.table.confusable:
                yield at(
                    claim.place,
                    RULE["LICENSE-CONFUSABLE-ID"].finding(
                        f"{name}: `{claim.written}` is {identifier}: {sources.table.confusable[identifier]}",
                        evidence=claim.evidence,
                        subject=name,
                    ),
                )


def _resolved(claim: Claim, subject: Subject) -> bool:
    """Whether a text, or an unambiguous claim beside it, tells which of a family is meant."""
    families = {duties.family(c) for c in claim.stands.candidates}
    others = [i for d in subject.texts if d.identified and d.identified.expression for i in d.identified.expression.split()]
    others += [i for c in subject.claims if c is not claim and not c.stands.ambiguous for i in c.stands.ids]
    return any(i in claim.stands.candidates or duties.family(i) in families for i in others) or bool(subject.texts)


def conflicts(sources: Sources) -> Iterator[Observed]:
    """Every claim against the texts and cards that govern its place; the odd one is the finding's place."""
    for claim in sources.claims:
        if not claim.stands.expression or claim.stands.expression == "NOASSERTION":
            continue
        folder = folder_of(claim.place)
        parts = {"card": ("model",) if claim.about == "owner" else ("dataset",)}.get(
            claim.origin, ("code",) if claim.origin in PACKAGED else ("model",)
        )
        texts = (
            []
            if claim.origin == "card" and claim.about == "dataset" and not any(folder_of(d.place) == folder for d in sources.texts)
            else sources.governing(folder, parts)
        )
        against = [(d.place, d.shown, d.identified.expression or "", d.identified.kind) for d in texts if d.identified]
        if claim.origin in EMBEDDED:
            against += [
                (c.place, c.shown, c.stands.expression, sources.terms_of_claim(c).kind)
                for c in sources.cards(folder)
                if c.stands.expression not in (None, "NOASSERTION") and c.place != claim.place
            ]
        if not against or any(agree(claim.stands, expression) for _, _, expression, _ in against):
            continue
        yield at(claim.place, _conflict(claim, against, sources))


def _conflict(claim: Claim, against: list[tuple[Place, str, str, str]], sources: Sources) -> Finding:
    kinds = {sources.terms_of_claim(claim).kind, *(k for _, _, _, k in against)}
    said = "; ".join(dict.fromkeys(f"{place} says {shown}" for place, shown, _, _ in against))
    severity = Severity.HIGH if kinds - FREE else Severity.INFO
    return RULE["LICENSE-CARD-FILE-CONFLICT"].finding(
        f"{claim.place} says {claim.shown}, but {said}",
        evidence=claim.evidence,
        severity=severity,
        data=(("stated", claim.stands.expression or ""), ("against", "; ".join(dict.fromkeys(e for _, _, e, _ in against)))),
    )


def agree(stands: Named, expression: str) -> bool:
    """Whether a claim and another statement can mean the same: one's ids are among the other's, a family's candidate, a like name."""
    mine, theirs = {_same(i) for i in stands.ids}, {_same(i) for i in Named(written="", expression=expression).ids}
    if not mine or not theirs or mine <= theirs or theirs <= mine:
        return True
    candidates = {_same(c) for c in stands.candidates}
    if theirs & candidates or (stands.ambiguous and {duties.family(c) for c in stands.candidates} & {duties.family(t) for t in theirs}):
        return True
    return any("licenseref" in a + b and _bare(a) == _bare(b) for a in mine for b in theirs)


def _same(identifier: str) -> str:
    return re.sub(r"-(?:only|or-later)$", "", identifier).lower()


def _bare(identifier: str) -> str:
    return re.sub(r"licenseref|license|licence|agreement|version|[^a-z0-9.]", "", identifier)


def drift(sources: Sources) -> Iterator[Observed]:
    """Texts that are not what their file name says, or differ from the text known under their title."""
    for d in sources.texts:
        if not d.identified or not d.identified.expression:
            continue
        base = (d.place.member or d.place.path).rsplit("/", 1)[-1]
        promised = _promised(base)
        ids = Named(written="", expression=d.identified.expression).ids
        if promised and not any(i.lower().startswith(promised) for i in ids):
            severity = Severity.INFO if d.identified.kind in FREE else Severity.MEDIUM
            yield at(
                d.place,
                RULE["LICENSE-DRIFT"].finding(
                    f"{base} holds {d.shown}: not what its name says", severity=severity, evidence=Evidence(line=1)
                ),
            )
        elif (m := re.search(r"differs from the nearest known text, (\S+), in (\d+) of (\d+) words", d.identified.why)) and m[1] in ids:
            yield at(
                d.place,
                RULE["LICENSE-DRIFT"].finding(
                    f"{base} is titled {m[1]}, but {m[2]} of its {m[3]} words are not those of a known text: only its own clauses were r"
                    f"ead",
                    evidence=Evidence(line=1),
                    sure=Confidence.MEDIUM,
                ),
            )


def _promised(base: str) -> str:
    """The beginning of the identifier that a file name promises (`LICENSE-MIT`), or ""."""
    low = base.lower()
    if re.search(r"model.*licen[sc]e.*agreement|community", low):
        return "licenseref-"
    m = re.fullmatch(r"(?:licen[sc]e|copying)[-_.](mit|apache|bsd|gpl|lgpl|agpl|mpl|isc|cc0|unlicense)[-_.\d]*(?:txt|md)?", low)
    return m[1] if m else ""


def concluded(subject: Subject) -> Iterator[Observed]:
    """The licence of a thing whose declaration and text agree; a disagreement is a finding, never a choice."""
    from mlsbom.model import LicenseClaim

    texts = [d for d in subject.texts if d.identified and d.identified.expression]
    claims = [c for c in subject.claims if c.stands.expression not in (None, "NOASSERTION")]
    if (
        subject.inherited
        or not texts
        or not claims
        or not all(any(agree(c.stands, d.identified.expression or "") for d in texts if d.identified) for c in claims)
    ):
        return
    chosen = next(d for d in texts if d.identified and agree(claims[0].stands, d.identified.expression or ""))
    assert chosen.identified
    own = claims[0].stands.expression or ""
    expression = (
        own
        if not claims[0].stands.ambiguous and re.sub(r"-or-later", "-only", own) == chosen.identified.expression
        else chosen.identified.expression
    )
    about = {"dataset": "dataset", "code": "project"}.get(subject.kind, "owner")
    yield Observed(
        place=claims[0].place,
        by=BY,
        fact=LicenseClaim(
            value=expression or own,
            role="concluded",
            part=subject.kind,
            origin="resolved",
            text_sha256=chosen.sha256,
            about=about,
            evidence=Evidence(line=claims[0].evidence.line, confidence=0.95, note=f"declared and text agree: {chosen.place}"),
        ),
    )


def subjects(sources: Sources, components: tuple[Component, ...], variants: set[str], derived: set[str]) -> list[Subject]:
    """The models, data sets and projects of the delivery that a licence has to cover."""
    out = []
    for c in components:
        if not c.local or c.unit is None or c.ref in variants or c.unit.startswith("bases/") or c.unit == "bases":
            continue
        if c.kind == Kind.MODEL:
            claims = [x for x in sources.claims if x.origin == "card" and x.about == "owner" and folder_of(x.place) == c.unit]
            if claims or c.files or c.ref in derived:
                texts = sources.governing(c.unit, ("model",))
                if not claims and not texts:
                    claims, texts = sources.packaged({x.source.path for x in c.licenses})
                above = bool(c.unit) and not claims and not any(folder_of(d.place) == c.unit for d in texts)
                subject = _subject(sources, c, "model", c.unit, claims or (sources.cards(c.unit) if above else []), texts)
                subject.inherited = above and bool(subject.claims or texts)
                out.append(subject)
        elif c.kind == Kind.DATASET:
            claims = [x for x in sources.claims if x.origin == "card" and x.about == "dataset" and folder_of(x.place) == c.unit]
            if claims:
                out.append(_subject(sources, c, "dataset", c.unit, claims, [d for d in sources.texts if folder_of(d.place) == c.unit]))
        elif c.kind == Kind.PACKAGE and c.unit is not None:
            claims = [x for x in sources.claims if x.origin in PACKAGED and x.about == "project" and folder_of(x.place) == c.unit]
            if claims:
                out.append(_subject(sources, c, "code", c.unit, claims, sources.governing(c.unit, ("code",))))
    return out


def _subject(sources: Sources, component: Component, kind: str, folder: str, claims: list[Claim], texts: list[Document]) -> Subject:
    return Subject(
        component=component,
        kind=kind,
        folder=folder,
        claims=claims,
        texts=texts,
        terms=sources.effective(claims, texts, [d for d in sources.policies if folder_of(d.place) == folder]),
    )


__all__ = ["Subject", "agree", "at", "concluded", "conflicts", "drift", "missing", "subjects"]
