"""Signatures beside artefacts: bundles, model signatures, attestations, and the signature inside a CycloneDX document.

Yields the text with every digest that it names; nothing is judged here. A signature of another kind (OpenPGP, minisign) is kept by its
kind alone, so that it is told as not verified and never read as good.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.errors import TooLarge
from mlsbom.inspectors import Context, Yield
from mlsbom.model import Bundle, Evidence, Rule, Shortfall, Status, Technique
from mlsbom.patterns import late
from mlsbom.verify.named import beside, named

RULES: tuple[Rule, ...] = ()
LIMIT = 1 << 20
_SBOM = late(r".*(?:\.cdx\.json|\.bom\.json|\.sbom\.json)|s?bom\.json")
_KINDS = (b"dsseEnvelope", b"messageSignature", b"verification_material", b"attestation_bundles", b"payloadType", b"mediaType")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """One Bundle: kind `bundle`, `jsf` (the SBOM itself) or `other`; over 1 MB only its kind is kept, which is a shortfall."""
    evidence = Evidence(technique=Technique.ATTESTATION, confidence=1.0)
    inside = _SBOM.fullmatch(blob.name.lower()) is not None
    try:
        raw = blob.data(LIMIT)
    except TooLarge:
        yield Shortfall(
            status=Status.PARTIAL,
            reason=f"a signature of {blob.size} bytes is more than the {LIMIT} that a survey keeps: use `mlsbom verify`",
        )
        return
    if inside:
        if _enveloped(raw):
            yield Bundle(kind="jsf", content=raw.decode("utf-8"), evidence=evidence)
        return
    if not any(kind in raw for kind in _KINDS) and blob.name.lower() != "model.sig":
        yield Bundle(kind="other", content="", evidence=evidence)
        return
    try:
        content = raw.decode("utf-8")
    except UnicodeDecodeError:
        yield Bundle(kind="bundle", content="\x00", evidence=evidence)  # no JSON: judged as the broken signature that it is
        return
    yield Bundle(kind="bundle", content=content, digests=_digests(raw, blob.name), evidence=evidence)


def _digests(raw: bytes, name: str) -> tuple[tuple[str, str, str], ...]:
    """Names relative to the signature's folder, algorithms as hashlib spells them; what names no file is about the file beside."""
    return tuple((n or beside(name) or name, a.replace("sha3-", "sha3_"), h) for n, a, h in named(raw).digests)


def _enveloped(raw: bytes) -> bool:
    import json

    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("bomFormat") == "CycloneDX" and "signature" in document
