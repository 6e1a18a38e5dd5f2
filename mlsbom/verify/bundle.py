"""What a signature file says, parsed strictly: Sigstore bundles 0.1 to 0.3, PEP 740 attestations, bare DSSE envelopes.

Sources: sigstore protobuf-specs (`sigstore_bundle.proto`), DSSE 1.0, PEP 740, npm's attestation list. Nothing is verified here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from mlsbom.verify.strict import Fields, parse, unbase64
from mlsbom.verify.verdict import Refused

_MEDIA: Final[dict[str, str]] = {
    **{f"application/vnd.dev.sigstore.bundle+json;version={v}": v for v in ("0.1", "0.2", "0.3")},
    "application/vnd.dev.sigstore.bundle.v0.3+json": "0.3",
}
IN_TOTO: Final = "application/vnd.in-toto+json"
_DIGESTS: Final = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
TIMESTAMPS: Final = 32  # sigstore client specification: more are refused


class Envelope(Struct, frozen=True, kw_only=True):
    """A DSSE envelope with its one signature."""

    payload_type: str
    payload: bytes
    signature: bytes

    @property
    def pae(self) -> bytes:
        """What is signed: DSSE's pre-authentication encoding, lengths in bytes."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)


class Message(Struct, frozen=True, kw_only=True):
    """A signature over the bytes of a file; the digest is a hint."""

    signature: bytes
    algorithm: str | None = None
    digest: bytes | None = None


class Proof(Struct, frozen=True, kw_only=True):
    """An inclusion proof (RFC 6962) with its checkpoint, "" where there is none."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


class Entry(Struct, frozen=True, kw_only=True):
    """A transparency log entry. `time` is the integrated time in seconds since 1970, None where there is none."""

    kind: str
    version: str
    log_id: bytes
    index: int
    time: int | None
    promise: bytes | None
    proof: Proof | None
    body: bytes


class Bundle(Struct, frozen=True, kw_only=True):
    """A parsed bundle. `method`: key, certificate (own CA) or sigstore. `form`: bundle, pep740 or dsse."""

    form: str
    version: str
    method: str
    chain: tuple[bytes, ...] = ()  # DER, leaf first
    hint: str = ""
    embedded: bytes | None = None  # key that the bundle carries, PEM or DER
    envelope: Envelope | None = None
    message: Message | None = None
    entry: Entry | None = None
    timestamps: tuple[bytes, ...] = ()
    publisher: Any = None

    @property
    def signature(self) -> bytes:
        """The raw signature bytes: what timestamps are over."""
        part = self.envelope or self.message
        assert part is not None
        return part.signature


def _envelope(fields: Fields) -> tuple[Envelope, dict[str, Any]]:
    signatures = fields.list("signatures", 100)
    if len(signatures) != 1:
        raise Refused("bad-bundle", f"{len(signatures)} signatures in the DSSE envelope: exactly one is allowed")
    one = Fields(signatures[0], "signature")
    if one.has("keyid"):
        one.text("keyid")
    payload = unbase64(fields.text("payload"), "payload")
    return Envelope(payload_type=fields.text("payloadType"), payload=payload, signature=one.bytes("sig")), signatures[0]


def _entry(value: Any) -> Entry:
    fields = Fields(value, "log entry")
    kind = fields.object("kindVersion")
    proof = None
    if fields.has("inclusionProof"):
        part = fields.object("inclusionProof")
        checkpoint = part.object("checkpoint").text("envelope", "") if part.has("checkpoint") else ""
        hashes = tuple(unbase64(h, "hash of the inclusion proof") for h in part.list("hashes", 64))
        proof = Proof(
            index=part.integer("logIndex", 0),
            size=part.integer("treeSize"),
            root=part.bytes("rootHash"),
            hashes=hashes,
            checkpoint=checkpoint,
        )
    promise = None
    if fields.has("inclusionPromise"):
        raw = fields.object("inclusionPromise").text("signedEntryTimestamp", "")
        promise = unbase64(raw, "signedEntryTimestamp") or None
    return Entry(
        kind=kind.text("kind"),
        version=kind.text("version"),
        log_id=fields.object("logId").bytes("keyId"),
        index=fields.integer("logIndex", 0),
        time=fields.integer("integratedTime", 0) or None,
        promise=promise,
        proof=proof,
        body=fields.bytes("canonicalizedBody"),
    )


def _one_entry(entries: list[Any]) -> Entry | None:
    if len(entries) > 1:
        raise Refused("bad-bundle", f"{len(entries)} log entries: exactly one is allowed")
    return _entry(entries[0]) if entries else None


def _material(fields: Fields, version: str) -> dict[str, Any]:
    given = [name for name in ("publicKey", "x509CertificateChain", "certificate") if fields.has(name)]
    if len(given) != 1:
        raise Refused("bad-bundle", "the verification material has " + (" and ".join(given) if given else "neither key nor certificate"))
    entry = _one_entry(fields.list("tlogEntries"))
    out: dict[str, Any] = {"entry": entry}
    if given[0] == "publicKey":
        key = fields.object("publicKey")
        out |= {"method": "key", "hint": key.text("hint", ""), "embedded": key.bytes("rawBytes") if key.has("rawBytes") else None}
    elif given[0] == "certificate":
        out |= {"method": "sigstore", "chain": (fields.object("certificate").bytes("rawBytes"),)}
    else:
        chain = tuple(Fields(c, "certificate").bytes("rawBytes") for c in fields.object("x509CertificateChain").list("certificates", 20))
        if not chain:
            raise Refused("bad-bundle", "the certificate chain is empty")
        out |= {"method": "certificate" if version == "0.3" and entry is None else "sigstore", "chain": chain}
    if fields.has("timestampVerificationData"):
        stamps = fields.object("timestampVerificationData").list("rfc3161Timestamps")
        if len(stamps) > TIMESTAMPS:
            raise Refused("bad-timestamp", f"{len(stamps)} timestamps are more than {TIMESTAMPS}")
        out["timestamps"] = tuple(Fields(s, "timestamp").bytes("signedTimestamp") for s in stamps)
        if len(set(out["timestamps"])) != len(stamps):
            raise Refused("bad-timestamp", "the same timestamp stands twice")
    return out


def _bundle(document: dict[str, Any]) -> Bundle:
    fields = Fields(document, "bundle")
    media = fields.text("mediaType")
    version = _MEDIA.get(media)
    if version is None:
        raise Refused("unsupported-bundle", f"media type {media[:100]!r} is not known")
    out = _material(fields.object("verificationMaterial"), version)
    if fields.has("dsseEnvelope") == fields.has("messageSignature"):
        raise Refused("bad-bundle", "a bundle holds either an envelope or a message signature")
    if fields.has("dsseEnvelope"):
        out["envelope"] = _envelope(fields.object("dsseEnvelope"))[0]
    else:
        part = fields.object("messageSignature")
        algorithm = digest = None
        if part.has("messageDigest"):
            hint = part.object("messageDigest")
            name = hint.text("algorithm")
            if name not in _DIGESTS:
                raise Refused("unsupported-algorithm", f"message digest {name[:40]!r}")
            algorithm, digest = _DIGESTS[name], hint.bytes("digest")
        out["message"] = Message(signature=part.bytes("signature"), algorithm=algorithm, digest=digest)
    return Bundle(form="bundle", version=version, **out)


def _pep740(document: dict[str, Any], publisher: Any = None) -> Bundle:
    if document.get("version") != 1:
        raise Refused("unsupported-bundle", f"attestation version {str(document.get('version'))[:20]!r} is not known")
    material = Fields(document.get("verification_material"), "verification_material")
    envelope = Fields(document.get("envelope"), "envelope")
    return Bundle(
        form="pep740",
        version="0.3",
        method="sigstore",
        publisher=publisher,
        chain=(material.bytes("certificate"),),
        entry=_one_entry(material.list("transparency_entries")),
        envelope=Envelope(payload_type=IN_TOTO, payload=envelope.bytes("statement"), signature=envelope.bytes("signature")),
    )


def _bare(document: dict[str, Any]) -> Bundle:
    envelope, signature = _envelope(Fields(document, "envelope"))
    certificate = signature.get("cert")
    if certificate is not None:
        return Bundle(form="dsse", version="0.1", method="sigstore", chain=_pem_chain(certificate), envelope=envelope)
    return Bundle(form="dsse", version="0.1", method="key", hint=signature.get("keyid") or "", envelope=envelope)


def _pem_chain(text: Any) -> tuple[bytes, ...]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return tuple(c.public_bytes(Encoding.DER) for c in x509.load_pem_x509_certificates(str(text).encode()))
    except (ValueError, x509.InvalidVersion) as e:
        raise Refused("bad-bundle", "the certificate beside the signature is no PEM") from e


def _several(document: Any) -> Iterator[Bundle]:
    if not isinstance(document, dict):
        raise Refused("unsupported-bundle", "the signature is not a JSON object")
    if "mediaType" in document:
        yield _bundle(document)
    elif "verification_material" in document:
        yield _pep740(document)
    elif "attestation_bundles" in document:
        if document.get("version") != 1:
            raise Refused("unsupported-bundle", "provenance of an unknown version")
        for group in Fields(document, "provenance").list("attestation_bundles"):
            fields = Fields(group, "attestation bundle")
            for one in fields.list("attestations"):
                yield _pep740(Fields(one, "attestation").raw, publisher=fields.get("publisher"))
    elif "payload" in document and "signatures" in document:
        yield _bare(document)
    elif isinstance(document.get("attestations"), list):
        for one in Fields(document, "attestations").list("attestations"):
            yield _bundle(Fields(Fields(one, "attestation").get("bundle"), "bundle").raw)
    else:
        raise Refused("unsupported-bundle", "neither a Sigstore bundle, nor a PEP 740 attestation, nor a DSSE envelope")


def read(raw: bytes) -> list[Bundle]:
    """All bundles of a signature file: one, or those of a provenance object, an attestation list or JSON lines. Raises Refused."""
    lines = [line for line in raw.split(b"\n") if line.strip()] if len(raw) <= 64 << 20 else []
    if len(lines) > 1 and _is_line(lines[0]):
        found = [b for line in lines[:1000] for b in _several(parse(line, "the signature"))]
        if len(lines) > 1000:
            raise Refused("bad-bundle", "more than 1000 attestations in one file")
    else:
        document = parse(raw, "the signature")
        found = list(_several(document))
    if not found:
        raise Refused("bad-bundle", "the signature file holds no signature")
    return found


def _is_line(line: bytes) -> bool:
    """Whether the first line is a JSON object by itself: then the file is JSON lines."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
