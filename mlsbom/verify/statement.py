"""In-toto statements about one artefact: SLSA provenance, npm's and PyPI's attestations. Which subject is meant, and is it this artefact?

Sources: in-toto Statement v0.1 and v1, SLSA provenance, PEP 740, npm provenance.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from mlsbom.verify.bundle import Bundle
from mlsbom.verify.strict import Fields
from mlsbom.verify.subject import HASHES, WEAK, Thing
from mlsbom.verify.verdict import Refused, Report

_TYPES: Final = frozenset({"https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"})
_PYPI: Final = frozenset({"https://docs.pypi" ".org/attestations/publish/v1", "https://slsa.dev/provenance/v1"})
_NPM_PUBLISH: Final = "https://github.com/npm/attestation/tree/main/specs/publish/"
_SPELLING: Final = {
    "sha2-256": "sha256",
    "sha2_256": "sha256",
    "sha2-512": "sha512",
    "sha2_512": "sha512",
    "sha3_256": "sha3-256",
    "sha3_512": "sha3-512",
}


def kind(document: dict[str, Any], bundle: Bundle) -> str:
    """The kind of attestation, for people: pep740, npm-publish, npm-provenance, slsa-provenance or sigstore-bundle."""
    predicate = str(document.get("predicateType", ""))
    if bundle.form == "pep740":
        return "pep740"
    if predicate.startswith(_NPM_PUBLISH):
        return "npm-publish"
    subjects = document.get("subject")
    name = str(subjects[0].get("name", "")) if isinstance(subjects, list) and subjects and isinstance(subjects[0], dict) else ""
    if predicate.startswith("https://slsa.dev/provenance/"):
        return "npm-provenance" if name.startswith("pkg:npm/") else "slsa-provenance"
    return "sigstore-bundle"


def check(document: dict[str, Any], bundle: Bundle, thing: Thing, report: Report) -> None:
    """Raise unless the statement is about this artefact: a subject all of whose digests that are at hand are the artefact's."""
    if str(document.get("_type")) not in _TYPES:
        raise Refused("bad-manifest", f"statement type {str(document.get('_type'))[:80]!r}")
    predicate = Fields(document, "statement", "bad-manifest").text("predicateType")
    if bundle.form == "pep740" and predicate not in _PYPI:
        raise Refused("wrong-predicate", f"{predicate[:120]!r} is no attestation of a PyPI file")
    report.signer["predicate"] = predicate
    subjects = Fields(document, "statement", "bad-manifest").list("subject", 100_000)
    if not subjects:
        raise Refused("bad-manifest", "the statement has no subject")
    if bundle.form == "pep740" and len(subjects) != 1:
        raise Refused("bad-manifest", f"{len(subjects)} subjects: a PyPI attestation has exactly one")
    compared = False
    for value in subjects:
        subject = Fields(value, "subject", "bad-manifest")
        same = _compare(subject, thing, report)
        compared = compared or same is not None
        if same:
            _name(subject.text("name", ""), bundle, thing)
            report.files.covered = 1
            return
    if not compared:
        raise Refused("unsupported-algorithm", "the statement names no digest of a kind that is at hand")
    raise Refused("digest-mismatch", "no subject of the statement has this artefact's digest")


def _compare(subject: Fields, thing: Thing, report: Report) -> bool | None:
    """Whether the artefact is this subject; None where no digest of both is at hand. Weak digests say nothing."""
    answer: bool | None = None
    digests: dict[str, Any] = subject.object("digest").raw
    for name, value in digests.items():
        algorithm: str = _SPELLING.get(name, name)
        if algorithm in WEAK or algorithm not in HASHES or not isinstance(value, str):
            continue
        found = thing.digest(algorithm)
        if found is None:
            continue
        if not re.fullmatch("[0-9a-f]+", value) or len(value) != HASHES[algorithm]:
            raise Refused("bad-manifest", f"a {algorithm} digest of the statement is not lower-case hex of {HASHES[algorithm]} digits")
        if found != value:
            return False
        answer = True
    return answer


def _name(stated: str, bundle: Bundle, thing: Thing) -> None:
    name = thing.name.rsplit("/", 1)[-1] if bundle.form == "pep740" else thing.name
    if bundle.form == "pep740":
        if not stated or _distribution(stated) != _distribution(name):
            raise Refused("name-mismatch", f"the attestation is for {stated[:120]!r}")
    elif name.startswith("pkg:") and stated.startswith("pkg:") and unquote(name) != unquote(stated):
        raise Refused("name-mismatch", f"the attestation is for {stated[:120]!r}")


def _distribution(name: str) -> tuple[Any, ...]:
    """A distribution's file name, normalised as PyPI does: name, version, and of wheels build and tags. Else the name itself."""
    from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

    try:
        if name.endswith(".whl"):
            return parse_wheel_filename(name)
        return (*parse_sdist_filename(name), name.rsplit(".", 1)[-1])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return (name,)


def publisher_identity(publisher: Any, sans: list[str]) -> str | None:
    """What a PyPI provenance object says of its publisher and the certificate does not bear out; None where it does.

    GitHub: repository and workflow; GitLab: repository, `//` and the file; Google and ActiveState: an e-mail or subject."""
    if publisher is None:
        return None
    if not isinstance(publisher, dict):
        return "the publisher is not an object"
    kind, repository = publisher.get("kind"), publisher.get("repository")
    if kind == "GitHub":
        wanted = f"https://github.com/{repository}/.github/workflows/{publisher.get('workflow')}@"
    elif kind == "GitLab":
        wanted = f"https://gitlab.com/{repository}//{publisher.get('workflow_filepath')}@"
    elif kind == "Google":
        return None if publisher.get("email") in sans else f"the publisher is {str(publisher.get('email'))[:80]!r}"
    else:
        return f"the kind of publisher {str(kind)[:40]!r} is not known"
    return None if any(s.startswith(wanted) for s in sans) else f"the publisher is {wanted[:-1][:200]!r}"
