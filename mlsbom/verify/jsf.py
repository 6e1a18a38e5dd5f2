"""JSON Signature Format 0.82 inside CycloneDX: `signature` at the top, over the canonical form (RFC 8785) without its value.

`excludes` itself and the properties that it names are left out of what is signed, so nothing signs them.
"""

from __future__ import annotations

from typing import Any, Final

from mlsbom.verify import keys, paths, signature
from mlsbom.verify.signature import Asked
from mlsbom.verify.strict import parse, unbase64, unbase64url
from mlsbom.verify.trust import Anchors
from mlsbom.verify.verdict import Refused, Report

CURVES: Final = {"P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1"}
ECDSA: Final = {"ES256": ("secp256r1", "sha256", 32), "ES384": ("secp384r1", "sha384", 48), "ES512": ("secp521r1", "sha512", 66)}
RSA: Final = {"RS256": "sha256", "RS384": "sha384", "RS512": "sha512", "PS256": "sha256", "PS384": "sha384", "PS512": "sha512"}
_KNOWN: Final = frozenset({"algorithm", "value", "keyId", "publicKey", "certificatePath", "excludes"})


def canonical(document: dict[str, Any], signed: dict[str, Any]) -> bytes:
    """The bytes that are signed: RFC 8785 of the document with its signature object less the value, without excluded properties."""
    import rfc8785

    excluded = {*signed.get("excludes", ()), "signature"}
    part = {k: v for k, v in signed.items() if k not in ("value", "excludes")}
    try:
        return rfc8785.dumps({k: v for k, v in document.items() if k not in excluded} | {"signature": part})
    except (rfc8785.CanonicalizationError, ValueError, RecursionError) as e:
        raise Refused("bad-bundle", f"the document has no canonical form: {str(e)[:120]}") from e


def verify(raw: bytes, anchors: Anchors, asked: Asked, report: Report) -> None:
    """Check the enveloped signature of a CycloneDX document."""
    report.kind = "sbom-jsf"
    document = parse(raw, "the SBOM")
    signed = document.get("signature") if isinstance(document, dict) else None
    if not isinstance(signed, dict):
        raise Refused("bad-bundle", "the signature is not an object")
    if "signers" in signed or "chain" in signed:
        raise Refused("unsupported-bundle", "several signatures in one SBOM (signers, chain)")
    unknown = sorted(set(signed) - _KNOWN)
    if unknown:
        raise Refused("unsupported-bundle", f"signature property {unknown[0][:40]!r} is not known")
    algorithm = _algorithm(signed)
    excluded = _excludes(signed)
    value = unbase64url(signed.get("value"), "signature value")
    message = canonical(document, signed)
    key = _signer(signed, algorithm, value, message, anchors, asked, report)
    report.signer |= {"key": keys.describe(key), "fingerprint": keys.fingerprint(key), "algorithm": algorithm}
    report.used += [(oid, "signing key") for oid in keys.algorithms(key)]
    report.files.covered = 1
    report.files.ignored_by_signer = excluded
    if excluded and not asked.allow_uncovered:
        report.refuse("partial-coverage", f"not signed: {', '.join(excluded)}")


def _algorithm(signed: dict[str, Any]) -> str:
    name = signed.get("algorithm")
    if not isinstance(name, str):
        raise Refused("bad-bundle", "the signature names no algorithm")
    if name.lower() == "none" or name.upper().startswith("HS"):
        raise Refused("bad-signature", f"{name[:20]} is no signature")
    if name not in ECDSA and name not in RSA and name != "Ed25519":
        raise Refused("unsupported-algorithm", name[:80])
    return name


def _excludes(signed: dict[str, Any]) -> list[str]:
    found = signed.get("excludes", [])
    if not isinstance(found, list) or any(not isinstance(x, str) for x in found) or len(set(found)) != len(found):
        raise Refused("bad-bundle", "excludes is not a list of different names")
    if "signature" in found:
        raise Refused("bad-bundle", "the signature excludes itself")
    return sorted(found)


def _signer(signed: dict[str, Any], algorithm: str, value: bytes, message: bytes, anchors: Anchors, asked: Asked, report: Report) -> Any:
    report.signer["method"] = "key"
    if signed.get("certificatePath") is not None:
        return _certificate(signed, algorithm, value, message, anchors, asked, report)
    embedded = _jwk(signed["publicKey"]) if signed.get("publicKey") is not None else None
    if embedded is not None and not check(embedded, algorithm, value, message, report):
        raise Refused("bad-signature", "not made by the key in the signature, or over another document")
    for trusted in anchors.keys:
        same = (
            keys.spki(trusted.key) == keys.spki(embedded) if embedded is not None else check(trusted.key, algorithm, value, message, report)
        )
        if same:
            report.anchor = {"anchor": trusted.anchor, "sha256": trusted.sha256}
            signature.key_identity(trusted.key, asked, report)
            return trusted.key
    if embedded is None:
        raise Refused("unknown-key", "no trusted key fits, and the signature carries none")
    report.refuse("untrusted-key", f"the key in the signature is not trusted: sha256 {keys.fingerprint(embedded)}")
    signature.key_identity(embedded, asked, report)
    return embedded


def _certificate(
    signed: dict[str, Any], algorithm: str, value: bytes, message: bytes, anchors: Anchors, asked: Asked, report: Report
) -> Any:
    given = signed["certificatePath"]
    if not isinstance(given, list) or not given or len(given) > 20:
        raise Refused("bad-bundle", "certificatePath is not a list of certificates")
    chain = [paths.load(_der(text)) for text in given]
    key = paths.public_key(chain[0])
    if signed.get("publicKey") is not None and keys.spki(_jwk(signed["publicKey"])) != keys.spki(key):
        raise Refused("bad-bundle", "public key and certificate differ")
    if not check(key, algorithm, value, message, report):
        raise Refused("bad-signature", "not made by the key of the certificate, or over another document")
    signature.by_private_certificate(chain[0], chain[1:], anchors, asked, report)
    return key


def _der(text: Any) -> bytes:
    return unbase64(text, "certificate") if isinstance(text, str) and not set(text) & set("-_") else unbase64url(text, "certificate")


def _jwk(value: Any) -> Any:
    """The key of a JWK: EC, RSA or OKP Ed25519."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if not isinstance(value, dict):
        raise Refused("bad-bundle", "the public key is not an object")

    def part(name: str) -> bytes:
        return unbase64url(value.get(name), f"{name} of the public key")

    kind, curve = str(value.get("kty")), str(value.get("crv"))
    try:
        if kind == "EC" and curve in CURVES:
            size = ECDSA[{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[curve]][2]
            if len(part("x")) != size or len(part("y")) != size:
                raise Refused("bad-bundle", "a coordinate of the public key has the wrong length")
            curves: dict[str, Any] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
            return ec.EllipticCurvePublicNumbers(int.from_bytes(part("x")), int.from_bytes(part("y")), curves[curve]()).public_key()
        if kind == "RSA":
            return rsa.RSAPublicNumbers(int.from_bytes(part("e")), int.from_bytes(part("n"))).public_key()
        if kind == "OKP" and curve == "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(part("x"))
    except ValueError as e:
        raise Refused("bad-bundle", f"the public key cannot be read: {str(e)[:80]}") from e
    raise Refused("unsupported-algorithm", f"public key of kind {kind[:20]} {curve[:20]}")


def check(key: Any, algorithm: str, value: bytes, message: bytes, report: Report) -> bool:
    """Whether a JSF value is good under exactly this algorithm: ECDSA values are r and s side by side, not DER (RFC 7518, 3.4)."""
    import hashlib

    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    if algorithm in ECDSA:
        curve, name, size = ECDSA[algorithm]
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != curve or len(value) != 2 * size:
            return False
        der = encode_dss_signature(int.from_bytes(value[:size]), int.from_bytes(value[size:]))
        found = keys.check_digest(key, der, hashlib.new(name, message).digest(), name)
    elif algorithm in RSA:
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        name = RSA[algorithm]
        if algorithm.startswith("RS"):
            found = keys.check_digest(key, value, hashlib.new(name, message).digest(), name)
            found = found if found == keys.RSA_OIDS[name] else ""
        else:
            mode = keys.hash_of(name)
            try:
                key.verify(value, message, padding.PSS(padding.MGF1(mode), mode.digest_size), mode)
                found = keys.PSS_OID
            except InvalidSignature:
                found = ""
    else:
        found = keys.check(key, value, message) if isinstance(key, ed25519.Ed25519PublicKey) else ""
    if found:
        report.used.append((found, "signature"))
    return bool(found)


def describe_signer(key: Any, chain: tuple[Any, ...]) -> dict[str, Any]:
    """The signature object of a private key before its value: algorithm, public key, certificates where there are any."""
    import base64

    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    def part(number: int, size: int) -> str:
        return base64.urlsafe_b64encode(number.to_bytes(size)).rstrip(b"=").decode()

    public = key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in CURVES.values():
        name, (_, _, size) = next((n, v) for n, v in ECDSA.items() if v[0] == public.curve.name)
        numbers = public.public_numbers()
        curve = next(c for c, n in CURVES.items() if n == public.curve.name)
        out: dict[str, Any] = {
            "algorithm": name,
            "publicKey": {"kty": "EC", "crv": curve, "x": part(numbers.x, size), "y": part(numbers.y, size)},
        }
    elif isinstance(public, rsa.RSAPublicKey):
        n, e = public.public_numbers().n, public.public_numbers().e
        out = {
            "algorithm": "PS256",
            "publicKey": {"kty": "RSA", "n": part(n, (n.bit_length() + 7) // 8), "e": part(e, (e.bit_length() + 7) // 8)},
        }
    elif isinstance(public, ed25519.Ed25519PublicKey):
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        out = {
            "algorithm": "Ed25519",
            "publicKey": {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()},
        }
    else:
        raise Refused("unsupported-algorithm", keys.describe(public))
    if chain:
        out["certificatePath"] = [base64.b64encode(c.public_bytes(Encoding.DER)).decode() for c in chain]
    return out


def sign(key: Any, algorithm: str, message: bytes) -> str:
    """The base64url value of a signature: r and s side by side for ECDSA (RFC 7518, 3.4)."""
    import base64

    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    if algorithm in ECDSA:
        _, name, size = ECDSA[algorithm]
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(keys.hash_of(name))))
        raw = r.to_bytes(size) + s.to_bytes(size)
    elif algorithm in RSA:
        mode = keys.hash_of(RSA[algorithm])
        raw = key.sign(message, padding.PSS(padding.MGF1(mode), mode.digest_size), mode)
    else:
        raw = key.sign(message)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
