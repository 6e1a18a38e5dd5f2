"""A signature file over a target, judged: every bundle of it, its files, and the verdict of all together. Reads no file by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct

from mlsbom.verify import coverage, jsf, manifest, signature, statement
from mlsbom.verify.algorithms import Profile
from mlsbom.verify.bundle import Bundle, read
from mlsbom.verify.signature import MEMORY, Asked, Signed
from mlsbom.verify.subject import OneFile, Thing, Tree
from mlsbom.verify.trust import Anchors
from mlsbom.verify.verdict import Refused, Report, Verdict

_ORDER: Final = (Verdict.INVALID, Verdict.UNVERIFIABLE, Verdict.UNTRUSTED, Verdict.VERIFIED)


class Target(Struct, frozen=True, kw_only=True):
    """What is verified: a folder (`tree`, called with whether links may be followed) or a `thing`; `label` as the caller wrote it.

    `signature`: the signature's own path inside the tree, if it is inside."""

    label: str
    tree: Callable[[bool], Tree] | None = None
    thing: Thing | None = None
    signature: str | None = None
    sbom: bool = False


def signature_file(raw: bytes, target: Target, anchors: Anchors, asked: Asked, profile: Profile) -> Report:
    """The verdict of a signature file: of several bundles the worst of those that are about the target."""
    whole = Report(target=target.label, kind="sigstore-bundle")
    try:
        bundles = read(raw)
    except Refused as e:
        whole.refusals.append(e)
        return whole
    reports = []
    for bundle in bundles:
        report = Report(target=target.label, kind="sbom-bundle" if target.sbom else "sigstore-bundle")
        with _told(report):
            _bundle(bundle, target, anchors, asked, report)
        _gate(report, profile)
        reports.append(report)
    return reports[0] if len(reports) == 1 else _together(reports, bundles)


def enveloped(raw: bytes, target: Target, anchors: Anchors, asked: Asked, profile: Profile) -> Report:
    """The verdict of the signature inside a CycloneDX document."""
    report = Report(target=target.label, kind="sbom-jsf")
    with _told(report):
        jsf.verify(raw, anchors, asked, report)
    _gate(report, profile)
    return report


@contextmanager
def _told(report: Report) -> Iterator[None]:
    """What stops the work is noted in the report."""
    try:
        yield
    except Refused as e:
        if e not in report.refusals:
            report.refusals.append(e)


def _gate(report: Report, profile: Profile) -> None:
    """The algorithm profile speaks only where all else is good: a named algorithm never hides what is wrong."""
    if report.verdict in (Verdict.VERIFIED, Verdict.UNTRUSTED):
        profile.gate(report)


def _together(reports: list[Report], bundles: list[Bundle]) -> Report:
    """JSON lines may hold attestations of several artefacts: those of others are left out, if one is about this one."""
    about = [r for r, b in zip(reports, bundles, strict=True) if b.form == "pep740" or r.worst.code != "digest-mismatch"]
    chosen = min(about or reports, key=lambda r: _ORDER.index(r.verdict))
    chosen.signer["attestations"] = [
        {"kind": r.kind, "verdict": r.verdict.value, "reason": str(r.worst), "sans": r.signer.get("sans", [])} for r in reports
    ]
    if about and len(about) < len(reports):
        chosen.note(f"{len(reports) - len(about)} attestations are about other artefacts")
    return chosen


def _bundle(bundle: Bundle, target: Target, anchors: Anchors, asked: Asked, report: Report) -> None:
    document, problem = _statement(bundle)
    model = manifest.is_model(document)
    if bundle.envelope is not None and document is not None and not target.sbom:
        report.kind = f"oms-{bundle.method}" if model else statement.kind(document, bundle)
    elif target.tree is not None:
        report.kind = f"oms-{bundle.method}"
    authentic = True
    try:
        signature.verify(bundle, _signed(bundle, target, document), anchors, asked, report)
    except Refused as e:
        if e not in report.refusals:
            report.refusals.append(e)
        if e.verdict is Verdict.INVALID:
            return
        authentic = False
    if problem is not None:
        raise problem
    if document is None:
        if target.thing is None:
            raise Refused("bad-bundle", "a signature over the bytes of one file, and the target is a folder")
        report.files.covered = int(authentic)
    elif model:
        _model(document, target, report, asked, authentic=authentic)
    elif target.thing is None:
        raise Refused("wrong-predicate", f"{str(document.get('predicateType'))[:120]!r} is no model signature")
    elif authentic:
        statement.check(document, bundle, target.thing, report)
        other = statement.publisher_identity(bundle.publisher, report.signer.get("sans", []))
        if other is not None:
            report.refuse("identity-mismatch", other)


def _statement(bundle: Bundle) -> tuple[dict[str, Any] | None, Refused | None]:
    """The statement, or what is wrong with it: told only after the signature was judged."""
    if bundle.envelope is None:
        return None, None
    try:
        return manifest.statement(bundle.envelope.payload, bundle.envelope.payload_type), None
    except Refused as e:
        return {}, e


def _signed(bundle: Bundle, target: Target, document: dict[str, Any] | None) -> Signed:
    thing = target.thing

    def digest(algorithm: str) -> str | None:
        return thing.digest(algorithm) if thing is not None else None

    envelope = bundle.envelope
    if envelope is None:
        if thing is None:
            raise Refused("bad-bundle", "a signature over the bytes of one file, and the target is a folder")
        return Signed(message=lambda: thing.data(MEMORY), digest=digest, file=True)
    legacy = None
    if document is not None and document.get("predicateType") == manifest.OLD_PREDICATE:
        kind, payload = envelope.payload_type, envelope.payload
        legacy = f"DSSEV1 {len(kind)} {kind} {len(payload)} {payload!r}".encode()  # the encoding of v0.2.0, as it was
    return Signed(message=lambda: envelope.pae, digest=digest, legacy=legacy)


def _model(document: dict[str, Any], target: Target, report: Report, asked: Asked, *, authentic: bool) -> None:
    found = manifest.read(document)
    for note in found.notes:
        report.note(note)
    if not authentic:
        return
    if target.tree is not None:
        coverage.compare(found, target.tree(found.follow), target.signature, report, allow_uncovered=asked.allow_uncovered)
    elif target.thing is not None:
        coverage.compare(found, OneFile(target.thing), None, report, allow_uncovered=asked.allow_uncovered)
