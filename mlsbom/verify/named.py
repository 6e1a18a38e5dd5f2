"""What a signature file names, without judging it: so that a scan computes the digests that will be compared, and knows what is meant."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from mlsbom.patterns import late
from mlsbom.verify import manifest
from mlsbom.verify.bundle import Bundle, read
from mlsbom.verify.subject import HASHES
from mlsbom.verify.verdict import Refused

LIMIT = 100_000
_SUFFIX = late(
    r"(.+?)(?:\.sigstore\.json|\.sigstore|\.sig|\.intoto\.jsonl|\.(?:publish\.|provenance\.)?attestations?(?:\.json)?|\.provenance|\.bundle\.json)"
)


class Named(Struct, frozen=True, kw_only=True):
    """`model`: signs a folder. `digests`: (name, algorithm, hex); a name of "" is the file beside. Pieces of files are not listed."""

    model: bool = False
    digests: tuple[tuple[str, str, str], ...] = ()
    subjects: tuple[str, ...] = field(default=())


def named(raw: bytes) -> Named:
    """Tolerant: what cannot be read names nothing, and is told when it is judged."""
    try:
        bundles = read(raw)
    except Refused:
        return Named()
    model = False
    found: list[tuple[str, str, str]] = []
    subjects: list[str] = []
    for bundle in bundles:
        if bundle.message is not None and bundle.message.digest is not None:
            found.append(("", bundle.message.algorithm or "", bundle.message.digest.hex()))
        document = _document(bundle)
        if manifest.is_model(document):
            model = True
            found += _resources(document)
        else:
            found += _subjects(document, subjects)
    return Named(model=model, digests=tuple(dict.fromkeys(found))[:LIMIT], subjects=tuple(dict.fromkeys(subjects))[:LIMIT])


def _document(bundle: Bundle) -> dict[str, Any]:
    if bundle.envelope is None:
        return {}
    try:
        return manifest.statement(bundle.envelope.payload, bundle.envelope.payload_type)
    except Refused:
        return {}


def _resources(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    try:
        found = manifest.read(document)
    except Refused:
        return []
    return [(name, found.algorithm, pieces[0].digest) for name, pieces in found.files.items() if pieces[0].end is None]


def _subjects(document: dict[str, Any], names: list[str]) -> list[tuple[str, str, str]]:
    found = []
    listed = document.get("subject")
    for subject in listed if isinstance(listed, list) else []:
        digests = subject.get("digest") if isinstance(subject, dict) else None
        if not isinstance(digests, dict):
            continue
        name = str(subject.get("name", ""))
        names.append(name)
        found += [(name, a, v) for a, v in digests.items() if a in HASHES and isinstance(v, str)]
    return found


def beside(path: str) -> str | None:
    """The file that a signature is named after, or None where its name says nothing."""
    found = _SUFFIX.fullmatch(path)
    return found[1] if found else None
