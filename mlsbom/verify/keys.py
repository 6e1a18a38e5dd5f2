"""Public keys: reading, naming, fingerprints, and the check of one signature.

Algorithms: ECDSA with SHA-256/384/512 on P-256/384/521, Ed25519, RSA PKCS #1 v1.5 and PSS, ML-DSA where `cryptography` has it.
Anything else is `unsupported-algorithm` with its OID, never a guess.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from mlsbom.verify.verdict import Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

CURVES: Final[dict[str, tuple[str, str]]] = {
    # name in cryptography: (OID of the curve, its hash)
    "secp256r1": ("1.2.840.10045.3.1.7", "sha256"),
    "secp384r1": ("1.3.132.0.34", "sha384"),
    "secp521r1": ("1.3.132.0.35", "sha512"),
}
HASH_OIDS: Final[dict[str, str]] = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "sha3-256": "2.16.840.1.101.3.4.2.8",
    "sha3-384": "2.16.840.1.101.3.4.2.9",
    "sha3-512": "2.16.840.1.101.3.4.2.10",
    "blake2b": "1.3.6.1.4.1.1722.12.2.1.16",
    "blake3": "blake3",
}
"""OIDs of file digests; BLAKE3 has none and stands by its name."""
ECDSA_OIDS: Final = {"sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3", "sha512": "1.2.840.10045.4.3.4"}
RSA_OIDS: Final = {"sha256": "1.2.840.113549.1.1.11", "sha384": "1.2.840.113549.1.1.12", "sha512": "1.2.840.113549.1.1.13"}
PSS_OID: Final = "1.2.840.113549.1.1.10"
ED25519_OID: Final = "1.3.101.112"
ML_DSA_OIDS: Final = {
    "MLDSA44PublicKey": "2.16.840.1.101.3.4.3.17",
    "MLDSA65PublicKey": "2.16.840.1.101.3.4.3.18",
    "MLDSA87PublicKey": "2.16.840.1.101.3.4.3.19",
}


def load(raw: bytes, what: str) -> PublicKeyTypes:
    """A key from PEM, DER SubjectPublicKeyInfo or DER PKCS #1. Raises ValueError where it is none (also a point off its curve)."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    try:
        return load_pem_public_key(raw) if raw.lstrip().startswith(b"-----BEGIN") else load_der_public_key(raw)
    except UnsupportedAlgorithm as e:
        raise Refused("unsupported-algorithm", f"{what}: {str(e)[:120]}") from e


def spki(key: PublicKeyTypes) -> bytes:
    """The DER SubjectPublicKeyInfo."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: PublicKeyTypes) -> str:
    """Lower-case hex SHA-256 of the DER SubjectPublicKeyInfo."""
    return hashlib.sha256(spki(key)).hexdigest()


def hints(key: PublicKeyTypes) -> frozenset[str]:
    """The ways a bundle may hint at this key: hex SHA-256 of its PEM (OMS), base64 SHA-256 of the SPKI (cosign), `SHA256:` of it (npm)."""
    import base64

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(spki(key)).digest()).decode()
    return frozenset(
        {
            hashlib.sha256(pem).hexdigest(),
            hashlib.sha256(pem.rstrip()).hexdigest(),
            digest,
            "SHA256:" + digest.rstrip("="),
            fingerprint(key),
        }
    )


def algorithms(key: PublicKeyTypes) -> tuple[str, ...]:
    """The OIDs that a key stands for: of the curve or scheme; `rsa-BITS` for RSA. Raises unsupported-algorithm."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in CURVES:
            raise Refused("unsupported-algorithm", f"elliptic curve {key.curve.name}")
        return (CURVES[key.curve.name][0],)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return (ED25519_OID,)
    if isinstance(key, rsa.RSAPublicKey):
        return (f"rsa-{key.key_size}",)
    oid = _ml_dsa(key)
    if oid:
        return (oid,)
    raise Refused("unsupported-algorithm", f"key of type {type(key).__name__.removesuffix('PublicKey').lstrip('_')}")


def _ml_dsa(key: Any) -> str:
    return next((ML_DSA_OIDS[c.__name__] for c in type(key).__mro__ if c.__name__ in ML_DSA_OIDS), "")


def describe(key: PublicKeyTypes) -> str:
    """A key's kind for people: `ECDSA secp256r1`, `RSA 3072`, `Ed25519`."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    return f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__.removesuffix("PublicKey").lstrip("_")


def check(key: PublicKeyTypes, signature: bytes, message: bytes, *, hashes: tuple[str, ...] = ()) -> str:
    """The OID of the scheme under which a signature over `message` is good, or "". ECDSA: the curve's hash, then those of `hashes`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    oid = algorithms(key)[0]
    if signs_digests(key):
        names = (CURVES[key.curve.name][1], *hashes) if isinstance(key, ec.EllipticCurvePublicKey) else ("sha256", "sha384", "sha512")
        tried = (check_digest(key, signature, hashlib.new(name, message).digest(), name) for name in dict.fromkeys(names))
        return next((found for found in tried if found), "")
    try:
        key.verify(signature, message)  # type: ignore[union-attr, call-arg]
    except InvalidSignature:
        return ""
    return ED25519_OID if isinstance(key, ed25519.Ed25519PublicKey) else oid


def signs_digests(key: PublicKeyTypes) -> bool:
    """Whether a signature of this key can be checked with the message's digest alone: ECDSA and RSA."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    return isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey))


def check_digest(key: PublicKeyTypes, signature: bytes, digest: bytes, name: str) -> str:
    """As `check`, over a digest: ECDSA, RSA PKCS #1 v1.5, then RSA PSS. Others need the message: `unsupported-algorithm`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    algorithms(key)
    if name not in ECDSA_OIDS:
        raise Refused("unsupported-algorithm", f"signature over a {name} digest")
    hashed = Prehashed(hash_of(name))
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            key.verify(signature, digest, ec.ECDSA(hashed))
            return ECDSA_OIDS[name]
        except InvalidSignature:
            return ""
    if not isinstance(key, rsa.RSAPublicKey):
        raise Refused("unsupported-algorithm", f"{describe(key)} signs the message itself, and only its digest is at hand")
    for oid, scheme in ((RSA_OIDS[name], padding.PKCS1v15()), (PSS_OID, padding.PSS(padding.MGF1(hash_of(name)), padding.PSS.AUTO))):
        try:
            key.verify(signature, digest, scheme, hashed)
            return oid
        except InvalidSignature:
            continue
    return ""


def hash_of(name: str) -> Any:
    """A hash of SHA-2 for `cryptography`."""
    from cryptography.hazmat.primitives import hashes

    found: dict[str, Any] = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
    return found[name]()
