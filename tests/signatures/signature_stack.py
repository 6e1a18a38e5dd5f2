"""A private Sigstore in memory, and a private CA: everything that a signed artefact needs, made by the test that uses it.

One stack has a certificate authority (root and intermediate), a CT log, a Rekor v1 log, a Rekor v2 log and a timestamp authority, and
writes the `trusted_root.json` that names them. Every part can be made wrong by an argument.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = datetime(2026, 1, 1, tzinfo=UTC)  # SOURCE_DATE_EPOCH of the tests
YEAR = timedelta(days=365)
ISSUER = "https://issuer.example/oauth"
IDENTITY = "release@vendor.example"
IN_TOTO = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def key(curve: Any = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def spki(private: Any) -> bytes:
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(private: Any) -> bytes:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(private: Any) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def sign(private: Any, data: bytes) -> bytes:
    chosen = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[private.curve.key_size]
    return private.sign(data, ec.ECDSA(chosen))


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def pae(payload: bytes, kind: str = IN_TOTO) -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


@dataclass
class Ca:
    """A certificate with its key, able to issue."""

    key: Any
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def authority(
    common: str,
    by: Ca | None = None,
    *,
    start: datetime = NOW - YEAR,
    end: datetime = NOW + YEAR,
    ca: bool | None = True,
    path_length: int | None = None,
    key_usage: bool | None = True,
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    private: Any = None,
) -> Ca:
    """A certificate authority; `ca` None leaves basic constraints out, `key_usage` False forbids signing certificates."""
    private = private or key()
    builder = x509.CertificateBuilder().subject_name(name(common)).issuer_name(by.certificate.subject if by else name(common))
    builder = (
        builder.public_key(private.public_key()).serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=path_length if ca else None), critical=True)
    if key_usage is not None:
        builder = builder.add_extension(usage(sign=False, certificates=key_usage), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    return Ca(private, builder.sign((by.key if by else private), hashes.SHA256()))


def usage(*, sign: bool, certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=not sign,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def leaf(
    by: Ca,
    private: Any,
    *,
    start: datetime = NOW - YEAR,
    end: datetime = NOW + YEAR,
    names: tuple[x509.GeneralName, ...] = (x509.RFC822Name(IDENTITY),),
    eku: tuple[ObjectIdentifier, ...] | None = (ExtendedKeyUsageOID.CODE_SIGNING,),
    signs: bool | None = True,
    subject: str = "Release",
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
) -> Ca:
    """A signing certificate."""
    builder = x509.CertificateBuilder().subject_name(name(subject) if subject else x509.Name([])).issuer_name(by.certificate.subject)
    builder = (
        builder.public_key(private.public_key()).serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not subject)
    if eku is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
    if signs is not None:
        builder = builder.add_extension(usage(sign=signs), critical=True)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    return Ca(private, builder.sign(by.key, hashes.SHA256()))


def crl(
    by: Ca,
    revoked: dict[int, datetime],
    *,
    start: datetime = NOW - timedelta(days=9),
    end: datetime = NOW + timedelta(days=9),
    signer: Ca | None = None,
) -> bytes:
    """A revocation list in PEM: serial number -> time."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(by.certificate.subject).last_update(start).next_update(end)
    for serial, at in revoked.items():
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build())
    return builder.sign((signer or by).key, hashes.SHA256()).public_bytes(Encoding.PEM)


# --- RFC 3161, by hand -------------------------------------------------------------------------------------------------------------


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(size))) + size + body


def oid(text: str) -> bytes:
    first, second, *rest = (int(n) for n in text.split("."))
    out = bytearray([40 * first + second])
    for number in rest:
        chunk = [number & 0x7F]
        while number := number >> 7:
            chunk.append(0x80 | number & 0x7F)
        out += bytes(reversed(chunk))
    return der(6, bytes(out))


def integer(value: int) -> bytes:
    return der(2, value.to_bytes(value.bit_length() // 8 + 1))


def timestamp(tsa: Ca, message: bytes, at: datetime, *, embed: bool = True) -> bytes:
    """A granted time-stamp response over `message` (RFC 3161, RFC 5652)."""
    sha256 = der(0x30, oid("2.16.840.1.101.3.4.2.1"), b"\x05\x00")
    info = der(
        0x30,
        integer(1),
        oid("1.3.6.1.4.1.57264.2"),
        der(0x30, sha256, der(4, hashlib.sha256(message).digest())),
        integer(7),
        der(0x18, at.strftime("%Y%m%d%H%M%SZ").encode()),
    )
    attributes = sorted(
        (
            der(0x30, oid("1.2.840.113549.1.9.3"), der(0x31, oid("1.2.840.113549.1.9.16.1.4"))),
            der(0x30, oid("1.2.840.113549.1.9.4"), der(0x31, der(4, hashlib.sha256(info).digest()))),
        )
    )
    signature = tsa.key.sign(der(0x31, *attributes), ec.ECDSA(hashes.SHA256()))
    who = der(0x30, tsa.certificate.issuer.public_bytes(), integer(tsa.certificate.serial_number))
    signer = der(0x30, integer(1), who, sha256, der(0xA0, *attributes), der(0x30, oid("1.2.840.10045.4.3.2")), der(4, signature))
    content = der(0x30, oid("1.2.840.113549.1.9.16.1.4"), der(0xA0, der(4, info)))
    certificates = der(0xA0, tsa.der) if embed else b""
    signed = der(0x30, integer(3), der(0x31, sha256), content, certificates, der(0x31, signer))
    return der(0x30, der(0x30, integer(0)), der(0x30, oid("1.2.840.113549.1.7.2"), der(0xA0, signed)))


# --- the stack ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Stack:
    """A private Sigstore. `wrong` names what this stack does wrong: see the methods."""

    root: Ca = field(default_factory=lambda: authority("root"))
    ca: Ca = field(init=False)
    tsa_root: Ca = field(default_factory=lambda: authority("tsa root"))
    tsa: Ca = field(init=False)
    ct: Any = field(default_factory=key)
    rekor: Any = field(default_factory=key)
    rekor2: Any = field(default_factory=key)

    def __post_init__(self) -> None:
        self.ca = authority(
            "intermediate", self.root, path_length=0, extra=((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),)
        )
        private = key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(name("tsa"))
            .issuer_name(self.tsa_root.certificate.subject)
            .public_key(private.public_key())
        )
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - YEAR).not_valid_after(NOW + YEAR)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True).add_extension(
            usage(sign=True), critical=True
        )
        self.tsa = Ca(private, builder.sign(self.tsa_root.key, hashes.SHA256()))

    def trusted_root(self, **windows: Any) -> dict[str, Any]:
        """The root. `windows`: validFor of tlogs, ctlogs, certificateAuthorities, timestampAuthorities; None leaves the part out."""
        always = {"start": "2020-01-01T00:00:00Z"}

        def log(private: Any, host: str, window: Any) -> dict[str, Any]:
            return {
                "baseUrl": f"https://{host}",
                "hashAlgorithm": "SHA2_256",
                "logId": {"keyId": b64(hashlib.sha256(spki(private)).digest())},
                "publicKey": {"rawBytes": b64(spki(private)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": window},
            }

        def chain(*cas: Ca) -> dict[str, Any]:
            return {"certificates": [{"rawBytes": b64(c.der)} for c in cas]}

        get = lambda part: windows.get(part, always)  # noqa: E731
        document: dict[str, Any] = {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}
        if get("tlogs") is not None:
            document["tlogs"] = [log(self.rekor, "rekor.example", get("tlogs")), log(self.rekor2, "log2.example", get("tlogs"))]
        if get("ctlogs") is not None:
            document["ctlogs"] = [log(self.ct, "ct.example", get("ctlogs"))]
        if get("certificateAuthorities") is not None:
            document["certificateAuthorities"] = [
                {
                    "subject": {"organization": "example", "commonName": "x"},
                    "uri": "https://x.example",
                    "certChain": chain(self.ca, self.root),
                    "validFor": get("certificateAuthorities"),
                }
            ]
        if get("timestampAuthorities") is not None:
            document["timestampAuthorities"] = [
                {
                    "subject": {"organization": "example", "commonName": "x"},
                    "uri": "https://x.example",
                    "certChain": chain(self.tsa, self.tsa_root),
                    "validFor": get("timestampAuthorities"),
                }
            ]
        return document

    def certificate(
        self, private: Any, *, at: datetime = NOW, identity: str = IDENTITY, issuer: str = ISSUER, sct: str = "good", **options: Any
    ) -> x509.Certificate:
        """A certificate of ten minutes with a CT receipt (`sct`: good, none, forged)."""
        options = {"start": at - timedelta(minutes=5), "end": at + timedelta(minutes=5), "subject": "", **options}
        general = x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)
        claims = [
            (x509.UnrecognizedExtension(ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{n}"), v), False)
            for n, v in ((1, issuer.encode()), (8, der(12, issuer.encode())))
        ]
        serial = x509.random_serial_number()

        def make(*more: tuple[x509.ExtensionType, bool]) -> x509.Certificate:
            builder = (
                x509.CertificateBuilder()
                .subject_name(x509.Name([]))
                .issuer_name(self.ca.certificate.subject)
                .public_key(private.public_key())
            )
            builder = builder.serial_number(serial).not_valid_before(options["start"]).not_valid_after(options["end"])
            for extension, critical in (
                (usage(sign=options.get("signs", True)), True),
                (x509.SubjectAlternativeName([general]), True),
                (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca.key.public_key()), False),
                *claims,
                *more,
            ):
                builder = builder.add_extension(extension, critical=critical)
            if options.get("eku", True):
                builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            return builder.sign(self.ca.key, hashes.SHA256(), ecdsa_deterministic=True)

        if sct == "none":
            return make()
        tbs = make().tbs_certificate_bytes
        milliseconds = int(at.timestamp() * 1000)
        entry = hashlib.sha256(spki(self.ca.key)).digest() + len(tbs).to_bytes(3) + tbs
        signed = struct.pack("!BBQH", 0, 0, milliseconds, 1) + entry + struct.pack("!H", 0)
        signature = sign(key() if sct == "forged" else self.ct, signed)
        one = (
            b"\x00"
            + hashlib.sha256(spki(self.ct)).digest()
            + struct.pack("!QH", milliseconds, 0)
            + b"\x04\x03"
            + len(signature).to_bytes(2)
            + signature
        )
        listed = (len(one) + 2).to_bytes(2) + len(one).to_bytes(2) + one
        # cryptography writes extensions in the order in which they were added: the receipt goes in front of the last one, as it is cut out again
        return make((x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), der(4, listed)), False))

    def entry(
        self,
        kind: str,
        version: str,
        body: dict[str, Any],
        *,
        at: datetime = NOW,
        v2: bool = False,
        promise: bool = True,
        checkpoint: bool = True,
    ) -> dict[str, Any]:
        """A log entry with its promise (v1 alone), inclusion proof (a tree of two leaves) and checkpoint."""
        log, host = (self.rekor2, "log2.example") if v2 else (self.rekor, "rekor.example")
        log_id = hashlib.sha256(spki(log)).digest()
        raw = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        sibling = hashlib.sha256(b"other").digest()
        root = hashlib.sha256(b"\x01" + sibling + hashlib.sha256(b"\x00" + raw).digest()).digest()
        note = f"{host} - 42\n2\n{b64(root)}\n" if not v2 else f"{host}\n2\n{b64(root)}\n"
        line = f"\u2014 {host} {b64(log_id[:4] + sign(log, note.encode()))}\n"
        proof: dict[str, Any] = {"logIndex": "1", "rootHash": b64(root), "treeSize": "2", "hashes": [b64(sibling)]}
        if checkpoint:
            proof["checkpoint"] = {"envelope": note + "\n" + line}
        out: dict[str, Any] = {
            "logIndex": "1",
            "logId": {"keyId": b64(log_id)},
            "kindVersion": {"kind": kind, "version": version},
            "inclusionProof": proof,
            "canonicalizedBody": b64(raw),
        }
        if not v2:
            out["integratedTime"] = str(int(at.timestamp()))
            if promise:
                payload = {"body": b64(raw), "integratedTime": int(at.timestamp()), "logID": log_id.hex(), "logIndex": 1}
                out["inclusionPromise"] = {
                    "signedEntryTimestamp": b64(sign(log, json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()))
                }
        return out

    def verifier(self, private: Any, certificate: x509.Certificate | None) -> bytes:
        return certificate.public_bytes(Encoding.PEM) if certificate is not None else pem(private)

    def message(
        self,
        data: bytes,
        *,
        private: Any = None,
        certificate: x509.Certificate | None | bool = True,
        v2: bool = False,
        at: datetime = NOW,
        media: str = BUNDLE,
        stamp_at: datetime | None = None,
        **entry: Any,
    ) -> dict[str, Any]:
        """A bundle over the bytes of a file, by certificate or (`certificate` False) by key."""
        private = private or key()
        cert = self.certificate(private, at=at) if certificate is True else certificate or None
        digest = hashlib.sha256(data).digest()
        signature = private.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        if v2:
            verifier = {"keyDetails": "PKIX_ECDSA_P256_SHA_256"}
            verifier |= (
                {"x509Certificate": {"rawBytes": b64(cert.public_bytes(Encoding.DER))}}
                if cert
                else {"publicKey": {"rawBytes": b64(spki(private))}}
            )
            body = {
                "apiVersion": "0.0.2",
                "kind": "hashedrekord",
                "spec": {
                    "hashedRekordV002": {
                        "data": {"algorithm": "SHA2_256", "digest": b64(digest)},
                        "signature": {"content": b64(signature), "verifier": verifier},
                    }
                },
            }
        else:
            body = {
                "apiVersion": "0.0.1",
                "kind": "hashedrekord",
                "spec": {
                    "data": {"hash": {"algorithm": "sha256", "value": digest.hex()}},
                    "signature": {"content": b64(signature), "publicKey": {"content": b64(self.verifier(private, cert))}},
                },
            }
        made = self.entry("hashedrekord", body["apiVersion"], body, v2=v2, at=at, **entry)
        material = self._material(private, cert, signature, made, at if v2 and stamp_at is None else stamp_at, media)
        return {
            "mediaType": media,
            "verificationMaterial": material,
            "messageSignature": {"messageDigest": {"algorithm": "SHA2_256", "digest": b64(digest)}, "signature": b64(signature)},
        }

    def dsse(
        self,
        statement: dict[str, Any] | bytes,
        *,
        kind: str = "dsse",
        private: Any = None,
        certificate: x509.Certificate | None | bool = True,
        at: datetime = NOW,
        media: str = BUNDLE,
        v2: bool = False,
        **entry: Any,
    ) -> dict[str, Any]:
        """A bundle over an in-toto statement: entry kinds dsse/0.0.1, intoto/0.0.2, or hashedrekord/0.0.2 with `v2`."""
        private = private or key()
        cert = self.certificate(private, at=at) if certificate is True else certificate or None
        payload = statement if isinstance(statement, bytes) else json.dumps(statement).encode()
        signature = sign(private, pae(payload))
        verifier, hashed = b64(self.verifier(private, cert)), {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
        if v2:
            who = (
                {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": b64(cert.public_bytes(Encoding.DER))}}
                if cert
                else {}
            )
            body: dict[str, Any] = {
                "apiVersion": "0.0.2",
                "kind": "hashedrekord",
                "spec": {
                    "hashedRekordV002": {
                        "data": {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(pae(payload)).digest())},
                        "signature": {"content": b64(signature), "verifier": who},
                    }
                },
            }
        elif kind == "dsse":
            body = {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
                    "payloadHash": hashed,
                    "signatures": [{"signature": b64(signature), "verifier": verifier}],
                },
            }
        else:
            body = {
                "apiVersion": "0.0.2",
                "kind": "intoto",
                "spec": {
                    "content": {
                        "hash": hashed,
                        "payloadHash": hashed,
                        "envelope": {"payloadType": IN_TOTO, "signatures": [{"publicKey": verifier, "sig": b64(b64(signature).encode())}]},
                    }
                },
            }
        made = self.entry(body["kind"], body["apiVersion"], body, v2=v2, at=at, **entry)
        material = self._material(private, cert, signature, made, at if v2 else None, media)
        return {
            "mediaType": media,
            "verificationMaterial": material,
            "dsseEnvelope": {"payload": b64(payload), "payloadType": IN_TOTO, "signatures": [{"sig": b64(signature), "keyid": ""}]},
        }

    def _material(
        self, private: Any, cert: x509.Certificate | None, signature: bytes, entry: dict[str, Any], stamp: datetime | None, media: str
    ) -> dict[str, Any]:
        raw = {"rawBytes": b64(cert.public_bytes(Encoding.DER))} if cert else {}
        who: dict[str, Any] = (
            {"certificate": raw} if media == BUNDLE else {"x509CertificateChain": {"certificates": [raw, {"rawBytes": b64(self.ca.der)}]}}
        )
        if not cert:
            who = {"publicKey": {"hint": b64(hashlib.sha256(spki(private)).digest())}}
        stamps = [{"signedTimestamp": b64(timestamp(self.tsa, signature, stamp))}] if stamp else []
        return {**who, "tlogEntries": [entry], "timestampVerificationData": {"rfc3161Timestamps": stamps}}


def statement(subject: str, digests: dict[str, str], predicate: str = "https://slsa.dev/provenance/v1") -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": subject, "digest": digests}],
        "predicateType": predicate,
        "predicate": {},
    }
