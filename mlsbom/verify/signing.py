"""`sign`: OpenSSF Model Signing bundles over folders, JSON signatures inside CycloneDX, bundles beside any other file.

What is written is verified in the same process, under the signer's own key, before it takes its name. Private keys are never shown.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from mlsbom.errors import MlsbomError, NetworkError, UsageError
from mlsbom.verify import algorithms, judge, keys, manifest, paths, trust
from mlsbom.verify.bundle import IN_TOTO, Envelope
from mlsbom.verify.coverage import under
from mlsbom.verify.engine import FOLDER_SIGNATURE, asked_time, default_packs
from mlsbom.verify.signature import Asked
from mlsbom.verify.strict import LIMIT, parse
from mlsbom.verify.subject import DiskFile, DiskTree, Want
from mlsbom.verify.trust import Anchors, TrustedCertificate, TrustedKey
from mlsbom.verify.verdict import Refused, Report, Verdict, some, text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

    from mlsbom.knowledge import Packs

MEDIA: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_DIGEST_NAMES: Final = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}


class Signer(Struct, frozen=True, kw_only=True):
    """A private key with the certificates that go with it, leaf first; none: a bare key."""

    key: PrivateKeyTypes
    chain: tuple[Certificate, ...] = ()

    @property
    def public(self) -> Any:
        """The public key."""
        return self.key.public_key()

    def anchors(self) -> Anchors:
        """Trust in this signer alone, to verify what it made."""
        if self.chain:
            return Anchors(certificates=[TrustedCertificate(certificate=self.chain[-1], anchor="own chain", sha256="")])
        return Anchors(keys=[TrustedKey(key=self.public, anchor="own key", sha256="")])

    def material(self) -> dict[str, Any]:
        """The verification material of a bundle."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        if self.chain:
            return {
                "x509CertificateChain": {"certificates": [{"rawBytes": _b64(c.public_bytes(Encoding.DER))} for c in self.chain]},
                "tlogEntries": [],
            }
        pem = self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return {"publicKey": {"hint": hashlib.sha256(pem).hexdigest()}, "tlogEntries": []}

    def sign(self, message: bytes) -> bytes:
        """ECDSA with the hash of the curve. Raises UsageError for another kind of key."""
        from cryptography.hazmat.primitives.asymmetric import ec

        if not isinstance(self.key, ec.EllipticCurvePrivateKey) or self.key.curve.name not in keys.CURVES:
            raise UsageError(f"bundles are signed with ECDSA keys on P-256, P-384 or P-521, this one is {keys.describe(self.public)}")
        return self.key.sign(message, ec.ECDSA(keys.hash_of(self.digest)))

    @property
    def digest(self) -> str:
        """The hash of the key's curve."""
        name = getattr(getattr(self.key, "curve", None), "name", "")
        return keys.CURVES[name][1] if name in keys.CURVES else "sha256"


def sign(
    target: str | os.PathLike[str],
    *,
    key: str | os.PathLike[str] | None = None,
    password: bytes | None = None,
    certificate: str | os.PathLike[str] | None = None,
    chain: tuple[str | os.PathLike[str], ...] = (),
    sigstore: bool = False,
    online: bool = False,
    output: str | os.PathLike[str] | None = None,
    ignore: tuple[str, ...] = (),
    detached: bool = False,
    at: str | None = None,
    packs: Packs | None = None,
) -> dict[str, Any]:
    """Sign a model folder, an SBOM or a file; the document of `verify` for the result, and its path as `signature`.

    By `key` (PEM; encrypted: with `password`), with `certificate` and `chain` where it has them, or by `sigstore`, which needs `online`.
    A folder gives `model.sig` in it; CycloneDX JSON is signed in place; with `detached`, and for any other file, a bundle goes beside it.
    Raises UsageError for what cannot be signed, and leaves no signature behind where the result does not verify.
    """
    time, source = asked_time(at)
    asked = Asked(at=time, at_source=source)
    if sigstore == (key is not None):
        raise UsageError("sign with either --key or --sigstore")
    if sigstore and not online:
        raise UsageError(
            "--sigstore asks an identity provider, a certificate authority and a log", remedy="allow the network with --online"
        )
    signer = None if key is None else _signer(Path(key), password, certificate, chain, time)
    gate = algorithms.load("default", packs or default_packs())
    path = os.fsdecode(target)
    if os.path.isdir(path):
        return _folder(path, signer, output, ignore, asked, gate)
    if not os.path.isfile(path):
        raise UsageError(f"{text(path)}: is neither a folder nor a file")
    return _file(path, signer, output, asked, gate, detached=detached)


# --- what is signed ----------------------------------------------------------------------------------------------------------------


def _folder(
    path: str, signer: Signer | None, output: Any, ignore: tuple[str, ...], asked: Asked, gate: algorithms.Profile
) -> dict[str, Any]:
    tree = DiskTree(path)
    out = os.fsdecode(output) if output is not None else os.path.join(path, FOLDER_SIGNATURE)
    own = _relative(path, out)
    payload = _payload(tree, own, ignore)
    envelope = Envelope(payload_type=IN_TOTO, payload=payload, signature=b"")
    if signer is None:
        raw = _keyless(lambda s: s.sign_dsse(_sigstore_statement(payload)))
    else:
        raw = _bundle(
            signer.material(),
            "dsseEnvelope",
            {
                "payload": _b64(payload),
                "payloadType": IN_TOTO,
                "signatures": [{"sig": _b64(signer.sign(envelope.pae)), "keyid": ""}],
            },
        )
    target = judge.Target(label=text(path), tree=lambda follow: tree, signature=own)
    return _commit(out, raw, judge.signature_file(raw, target, _anchors(signer), asked, gate), signer)


def _payload(tree: DiskTree, own: str | None, ignore: tuple[str, ...]) -> bytes:
    """The statement of a folder: sorted names, SHA-256, what is left out, and the root digest."""
    for name in ignore:
        try:
            manifest.check_name(name)
        except Refused as e:
            raise UsageError(f"--ignore {name}: {e}", remedy="name a path relative to the folder, without patterns") from e
    ignored = {*manifest.DEFAULT_IGNORED, *ignore, *([own] if own else [])}
    entries = [e for n, e in sorted(tree.entries.items()) if not under(n, frozenset(ignored))]
    bad = [e.name for e in entries if e.kind != "file" or e.problem]
    if bad:
        raise UsageError(
            f"cannot be signed: {some(bad)}: links, special files and names that are no UTF-8",
            remedy="remove them, or leave them out with --ignore",
        )
    if not entries:
        raise UsageError("there is no file to sign")
    for entry in entries:
        try:
            manifest.check_name(entry.name)
        except Refused as e:
            raise UsageError(f"cannot be signed: {e}") from e
    digests = tree.digests([Want(entry=e, algorithm="sha256") for e in entries])
    unread = [e.name for e, d in zip(entries, digests, strict=True) if d is None]
    if unread:
        raise UsageError(f"cannot be read: {some(unread)}")
    resources = [{"name": e.name, "algorithm": "sha256", "digest": d} for e, d in zip(entries, digests, strict=True)]
    root = hashlib.sha256(b"".join(bytes.fromhex(d) for d in digests if d)).hexdigest()
    return json.dumps(
        {
            "_type": manifest.STATEMENT,
            "subject": [{"name": text(tree.name), "digest": {"sha256": root}}],
            "predicateType": manifest.PREDICATE,
            "predicate": {
                "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": sorted(ignored)},
                "resources": resources,
            },
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def _file(path: str, signer: Signer | None, output: Any, asked: Asked, gate: algorithms.Profile, *, detached: bool) -> dict[str, Any]:
    label = text(path)
    thing = DiskFile(path, os.path.basename(path))
    try:
        data = thing.data(LIMIT)
        document = _cyclonedx(data) if data is not None and not detached and signer is not None else None
        if document is not None and signer is not None:
            raw = _enveloped(document, signer)
            report = judge.enveloped(raw, judge.Target(label=label, sbom=True), _anchors(signer), asked, gate)
            return _commit(os.fsdecode(output) if output is not None else path, raw, report, signer)
        out = os.fsdecode(output) if output is not None else path + ".sigstore.json"
        if signer is None:
            if data is None:
                raise UsageError(f"{label}: too large for --sigstore")
            raw = _keyless(lambda s: s.sign_artifact(data))
        else:
            raw = _message(thing, signer)
        return _commit(out, raw, judge.signature_file(raw, judge.Target(label=label, thing=thing), _anchors(signer), asked, gate), signer)
    finally:
        thing.close()


def _message(thing: DiskFile, signer: Signer) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    digest = thing.digest(signer.digest)
    if digest is None:
        raise UsageError(f"{thing.name}: cannot be read")
    if not isinstance(signer.key, ec.EllipticCurvePrivateKey):
        raise UsageError(f"bundles are signed with ECDSA keys on P-256, P-384 or P-521, this one is {keys.describe(signer.public)}")
    value = signer.key.sign(bytes.fromhex(digest), ec.ECDSA(Prehashed(keys.hash_of(signer.digest))))
    return _bundle(
        signer.material(),
        "messageSignature",
        {
            "messageDigest": {"algorithm": _DIGEST_NAMES[signer.digest], "digest": _b64(bytes.fromhex(digest))},
            "signature": _b64(value),
        },
    )


def _cyclonedx(data: bytes) -> dict[str, Any] | None:
    if data.lstrip()[:1] != b"{" or b'"CycloneDX"' not in data:
        return None
    try:
        document = parse(data, "the SBOM")
    except Refused as e:
        raise UsageError(f"the SBOM cannot be signed: {e}") from e
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        return None
    if "signature" in document:
        raise UsageError("the SBOM has a signature already", remedy="remove it, or sign a bundle beside it with --detached")
    return document


def _enveloped(document: dict[str, Any], signer: Signer) -> bytes:
    from mlsbom.verify import jsf

    signed = jsf.describe_signer(signer.key, signer.chain)
    signed["value"] = jsf.sign(signer.key, signed["algorithm"], jsf.canonical(document, signed))
    return (json.dumps(document | {"signature": signed}, indent=2, ensure_ascii=False) + "\n").encode()


# --- who signs ---------------------------------------------------------------------------------------------------------------------


def _signer(key: Path, password: bytes | None, certificate: Any, chain: tuple[Any, ...], at: datetime) -> Signer:
    private = _private_key(key, password)
    if certificate is None:
        if chain:
            raise UsageError("--chain goes with --certificate")
        return Signer(key=private)
    certificates = [c for path in (certificate, *chain) for c in _certificates(Path(path))]
    if keys.spki(certificates[0].public_key()) != keys.spki(private.public_key()):
        raise UsageError("the certificate is of another key")
    found = paths.find(certificates[0], certificates[1:], certificates[-1:])
    try:
        best = found[0]
        paths.check(best, at)
    except Refused as e:
        raise UsageError(f"the certificate cannot sign: {e}") from e
    return Signer(key=private, chain=best.certificates)


def _private_key(path: Path, password: bytes | None) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(path.read_bytes(), password)
    except OSError as e:
        raise UsageError(f"key {path}: {e.strerror}") from e
    except TypeError as e:
        raise UsageError(
            f"key {path}: " + ("is encrypted" if password is None else "is not encrypted, and a password was given"),
            remedy="give its password in MLSBOM_KEY_PASSWORD" if password is None else "",
        ) from e
    except (ValueError, UnsupportedAlgorithm) as e:
        raise UsageError(f"key {path}: is no private key in PEM, or the password is wrong") from e


def _certificates(path: Path) -> list[Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as e:
        raise UsageError(f"certificate {path}: {e.strerror}") from e
    except (ValueError, x509.InvalidVersion) as e:
        raise UsageError(f"certificate {path}: is no certificate in PEM") from e


def _keyless(work: Any) -> bytes:
    """Sign by Sigstore: an ambient identity (a CI job), else one from the browser; certificate and log entry come over the network."""
    from sigstore.errors import Error
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken, Issuer, detect_credential
    from sigstore.sign import SigningContext

    try:
        config = ClientTrustConfig.production()
        token = detect_credential()
        identity = IdentityToken(token) if token else Issuer(config.signing_config.get_oidc_url()).identity_token()
        with SigningContext.from_trust_config(config).signer(identity) as signer:
            raw: str = work(signer).to_json()
    except (Error, OSError) as e:
        raise NetworkError(f"Sigstore did not sign: {str(e)[:200]}", remedy="check the network, or sign with --key") from e
    return raw.encode()


def _sigstore_statement(payload: bytes) -> Any:
    from sigstore.dsse import Statement

    return Statement(payload)


def _anchors(signer: Signer | None) -> Anchors:
    if signer is not None:
        return signer.anchors()
    return trust.default(trust.load(()), default_packs())


# --- what is written ---------------------------------------------------------------------------------------------------------------


def _bundle(material: dict[str, Any], name: str, content: dict[str, Any]) -> bytes:
    return (json.dumps({"mediaType": MEDIA, "verificationMaterial": material, name: content}, separators=(",", ":")) + "\n").encode()


def _commit(out: str, raw: bytes, report: Report, signer: Signer | None) -> dict[str, Any]:
    """Write what verifies, under a temporary name first. Raises MlsbomError where it does not verify: then nothing was written."""
    if report.verdict is not Verdict.VERIFIED:
        raise MlsbomError(f"the signature just made does not verify: {report.worst}")
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".mlsbom-", dir=os.path.dirname(os.path.abspath(out)))
        try:
            with os.fdopen(descriptor, "wb") as f:
                f.write(raw)
            os.chmod(temporary, 0o644)
            os.replace(temporary, out)
        except OSError:
            os.unlink(temporary)
            raise
    except OSError as e:
        raise UsageError(f"{text(out)}: cannot be written: {e.strerror}") from e
    if signer is not None and report.anchor is not None:
        report.anchor["sha256"] = keys.fingerprint(signer.public) if not signer.chain else _fingerprint(signer.chain[-1])
    return report.document() | {"signature": text(out)}


def _fingerprint(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _relative(folder: str, path: str) -> str | None:
    root = os.path.realpath(folder)
    at = os.path.join(os.path.realpath(os.path.dirname(os.path.abspath(path))), os.path.basename(path))
    return os.path.relpath(at, root) if at.startswith(root.rstrip("/") + "/") else None


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
