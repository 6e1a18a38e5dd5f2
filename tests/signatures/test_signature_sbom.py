"""Signatures of SBOMs: JSF inside CycloneDX, a bundle beside, and what is neither."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
import signature_stack as made
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from test_signature_models import code

from mlsbom.verify import sign, verify

BOM = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "version": 1,
    "components": [{"type": "library", "name": "tiny", "version": "1.0"}],
    "x": [1e21, 0.5, "é€\u2028"],
}


def url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk(public: Any) -> dict[str, str]:
    numbers = public.public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": url(numbers.x.to_bytes(32)), "y": url(numbers.y.to_bytes(32))}


def jsf(document: dict[str, Any], private: Any, **signature: Any) -> dict[str, Any]:
    """Signed without any code of ours: the oracle of the format."""
    head = {"algorithm": "ES256", "publicKey": jwk(private.public_key())} | signature
    left_out = set(head.get("excludes", ()))
    part = {k: v for k, v in document.items() if k not in left_out} | {"signature": {k: v for k, v in head.items() if k != "excludes"}}
    r, s = decode_dss_signature(private.sign(rfc8785.dumps(part), ec.ECDSA(hashes.SHA256())))
    return document | {"signature": head | {"value": url(r.to_bytes(32) + s.to_bytes(32))}}


@pytest.fixture
def key() -> Any:
    return made.key()


@pytest.fixture
def bom(tmp_path: Path) -> Path:
    return tmp_path / "bom.cdx.json"


def run(bom: Path, document: Any, private: Any, **options: Any) -> dict[str, Any]:
    bom.write_text(document if isinstance(document, str) else json.dumps(document, indent=1, ensure_ascii=False))
    trust = bom.parent / "k.pem"
    trust.write_bytes(made.pem(private))
    return verify(bom, trust=(trust,), **options)


def test_jsf(bom: Path, key: Any) -> None:
    good = run(bom, jsf(BOM, key), key)
    assert (good["verdict"], good["kind"], good["files"]["covered"]) == ("verified", "sbom-jsf", 1)
    assert run(bom, dict(reversed(jsf(BOM, key).items())), key)["verdict"] == "verified", "order and white space are not signed"
    stranger = run(bom, jsf(BOM, key), made.key())
    assert (stranger["verdict"], code(stranger)) == ("verified-by-untrusted-identity", "untrusted-key")
    assert code(run(bom, jsf(BOM, key) | {"version": 2}, key)) == "bad-signature"
    assert run(bom, jsf(BOM, key, publicKey=None) | {}, key)["verdict"] in ("verified", "invalid")
    hinted = jsf(BOM, key, keyId="release")
    assert run(bom, hinted, key)["verdict"] == "verified"
    twice = json.dumps(jsf(BOM, key)).replace('"version": 1', '"version": 2, "version": 1')
    assert code(run(bom, twice, key)) == "duplicate-json-key"


def test_jsf_excludes(bom: Path, key: Any) -> None:
    signed = jsf(BOM, key, excludes=["components"])
    result = run(bom, signed | {"components": []}, key)
    assert (code(result), result["files"]["ignored_by_signer"]) == ("partial-coverage", ["components"])
    assert run(bom, signed, key, allow_uncovered=True)["verdict"] == "verified"
    assert code(run(bom, jsf(BOM, key, excludes=["signature"]), key)) == "bad-bundle"
    assert code(run(bom, jsf(BOM, key, excludes=["components"]), made.key())) == "partial-coverage", "identity is judged last"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"algorithm": "none"}, "invalid"),
        ({"algorithm": "HS256"}, "invalid"),
        ({"algorithm": "ES384"}, "invalid"),
        ({"algorithm": "Ed448"}, "unverifiable"),
        ({"algorithm": 1}, "invalid"),
        ({"value": "x y"}, "invalid"),
        ({"value": ""}, "invalid"),
        ({"value": None}, "invalid"),
        ({"signers": []}, "unverifiable"),
        ({"chain": []}, "unverifiable"),
        ({"extensions": ["x"]}, "unverifiable"),
        ({"excludes": "components"}, "invalid"),
        ({"publicKey": {"kty": "EC"}}, "unverifiable"),
        ({"publicKey": {"kty": "oct", "k": "AA"}}, "unverifiable"),
        ({"publicKey": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, "invalid"),
        ({"publicKey": {"kty": "EC", "crv": "P-256", "x": url(bytes(32)), "y": url(bytes(32))}}, "invalid"),
        ({"publicKey": []}, "invalid"),
    ],
)
def test_jsf_that_is_wrong(bom: Path, key: Any, change: dict[str, Any], verdict: str) -> None:
    document = jsf(BOM, key)
    document["signature"] |= change
    assert run(bom, document, key)["verdict"] == verdict


def test_jsf_numbers_and_der_values(bom: Path, key: Any) -> None:
    document = jsf(BOM, key) | {"serial": 2**53 + 1}
    assert run(bom, document, key)["verdict"] == "invalid"
    document = jsf(BOM, key)
    document["signature"]["value"] = url(key.sign(b"x", ec.ECDSA(hashes.SHA256())))
    assert code(run(bom, document, key)) == "bad-signature"
    assert code(run(bom, json.dumps(jsf(BOM, key)).replace("1e+21", "1e999"), key)) == "bad-bundle"


@pytest.mark.parametrize(
    "make",
    [
        made.key,
        lambda: made.key(ec.SECP384R1()),
        lambda: made.key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 2048),
    ],
)
def test_sign_in_place(bom: Path, make: Any) -> None:
    private = make()
    bom.write_text(json.dumps(BOM))
    (bom.parent / "p.pem").write_bytes(made.private_pem(private))
    result = sign(str(bom), key=bom.parent / "p.pem")
    assert result["verdict"] == "verified"
    document = json.loads(bom.read_text())
    assert {k: v for k, v in document.items() if k != "signature"} == BOM
    assert run(bom, document, private)["verdict"] == "verified"
    signature = document["signature"]
    message = rfc8785.dumps(document | {"signature": {k: v for k, v in signature.items() if k != "value"}})
    raw = base64.urlsafe_b64decode(signature["value"] + "==")
    public = private.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(raw, message)
    elif isinstance(public, rsa.RSAPublicKey):
        public.verify(raw, message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    else:
        assert len(raw) == 2 * ((public.curve.key_size + 7) // 8)


def test_certificate_in_the_signature(bom: Path) -> None:
    top = made.authority("root")
    release = made.leaf(top, made.key())
    files = {"p.pem": made.private_pem(release.key), "c.pem": release.pem, "root.pem": top.pem}
    for name, raw in files.items():
        (bom.parent / name).write_bytes(raw)
    bom.write_text(json.dumps(BOM))
    sign(str(bom), key=bom.parent / "p.pem", certificate=bom.parent / "c.pem", chain=(bom.parent / "root.pem",))
    good = verify(bom, trust=(bom.parent / "root.pem",), identity=made.IDENTITY)
    assert good["verdict"] == "verified" and good["signer"]["sans"] == [made.IDENTITY]
    assert code(verify(bom, trust=(bom.parent / "root.pem",), identity="nobody@vendor.example")) == "identity-mismatch"
    assert code(verify(bom, trust=(bom.parent / "root.pem",), at="2030-01-01T00:00:00Z")) == "expired"


def test_bundle_beside(bom: Path, key: Any) -> None:
    bom.write_text(json.dumps(BOM))
    (bom.parent / "p.pem").write_bytes(made.private_pem(key))
    (bom.parent / "k.pem").write_bytes(made.pem(key))
    sign(str(bom), key=bom.parent / "p.pem", detached=True)
    found = verify(bom, trust=(bom.parent / "k.pem",))
    assert (found["verdict"], found["kind"]) == ("verified", "sbom-bundle")
    bom.write_text(json.dumps(BOM, indent=1))
    assert code(verify(bom, trust=(bom.parent / "k.pem",))) == "digest-mismatch", "a bundle is over the bytes"


def test_unsigned_and_xml(bom: Path) -> None:
    bom.write_text(json.dumps(BOM))
    assert verify(bom)["verdict"] == "unsigned"
    xml = bom.with_name("bom.xml")
    xml.write_text('<bom xmlns="http://cyclonedx.org/schema/bom/1.6"><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></bom>')
    assert verify(xml)["verdict"] == "unverifiable"
    inside = BOM | {"components": [{"type": "library", "name": "a", "signature": {"algorithm": "ES256"}}]}
    bom.write_text(json.dumps(inside))
    assert verify(bom)["verdict"] == "unsigned", "a signature of a component does not cover the document"
    assert hashlib.sha256(xml.read_bytes()).hexdigest()
