"""Rarer forms: other log entries, bare envelopes, lists of attestations, other key lists, several roots, hub caches, publishers, Ed25519."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import signature_stack as made
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from signature_stack import IN_TOTO, ISSUER, NOW, Stack, b64, statement
from test_signature_models import Model, code, shards

from mlsbom.errors import NetworkError
from mlsbom.scan import Settings, scan
from mlsbom.verify import sign, signing, verify

DATA = b"weights"
SHA256 = hashlib.sha256(DATA).hexdigest()
Check = Callable[..., dict[str, Any]]


def dsse_in_rekor_2(stack: Stack, payload: bytes) -> dict[str, Any]:
    private = made.key()
    bundle = stack.dsse(payload, private=private, v2=True)
    raw, signature = bundle["verificationMaterial"]["certificate"]["rawBytes"], bundle["dsseEnvelope"]["signatures"][0]["sig"]
    body = {
        "apiVersion": "0.0.2",
        "kind": "dsse",
        "spec": {
            "dsseV002": {
                "payloadHash": {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(payload).digest())},
                "signatures": [
                    {"content": signature, "verifier": {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": raw}}}
                ],
            }
        },
    }
    bundle["verificationMaterial"]["tlogEntries"] = [stack.entry("dsse", "0.0.2", body, v2=True)]
    return bundle


def test_dsse_entry_of_rekor_2(stack: Stack, check: Check) -> None:
    good = dsse_in_rekor_2(stack, json.dumps(statement("m", {"sha256": SHA256})).encode())
    assert check(good)["verdict"] == "verified"
    other = dsse_in_rekor_2(stack, json.dumps(statement("n", {"sha256": SHA256})).encode())
    good["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]
    assert code(check(good)) == "bad-log-entry"


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()])
def test_larger_curves_in_certificates(stack: Stack, check: Check, curve: Any) -> None:
    private = made.key(curve)
    certificate = stack.certificate(private)
    assert check(stack.message(DATA, private=private, certificate=certificate))["verdict"] == "verified"
    assert check(stack.dsse(statement("m", {"sha256": SHA256}), private=private, certificate=certificate))["verdict"] == "verified"


def test_bare_envelopes(stack: Stack, check: Check) -> None:
    private = made.key()
    payload = json.dumps(statement("m", {"sha256": SHA256})).encode()
    signature: dict[str, Any] = {"sig": b64(made.sign(private, made.pae(payload))), "keyid": "release"}
    envelope = {"payload": b64(payload), "payloadType": IN_TOTO, "signatures": [signature]}
    assert check(envelope, trust={"k.pem": made.pem(private)})["verdict"] == "verified"
    assert code(check(envelope, trust={"k.pem": made.pem(made.key())})) == "unknown-key"
    signature["cert"] = stack.certificate(private).public_bytes(Encoding.PEM).decode()
    assert code(check(envelope)) == "no-log-entry"
    signature["cert"] = "no certificate"
    assert code(check(envelope)) == "bad-bundle"


def test_attestation_lists_of_npm(stack: Stack, check: Check) -> None:
    good = stack.dsse(statement("pkg:npm/tiny@1.0.0", {"sha512": hashlib.sha512(DATA).hexdigest()}), kind="intoto")
    listed = {"attestations": [{"predicateType": "https://slsa.dev/provenance/v1", "bundle": b} for b in (good, good)]}
    result = check(listed)
    assert result["verdict"] == "verified" and result["kind"] == "npm-provenance" and len(result["signer"]["attestations"]) == 2
    broken = copy.deepcopy(listed)
    broken["attestations"][1]["bundle"]["dsseEnvelope"]["signatures"][0]["sig"] = b64(b"x")  # type: ignore[index]
    assert code(check(broken)) == "bad-signature", "one bad attestation is not outvoted"
    assert code(check({"attestations": [{"bundle": None}]})) == "bad-bundle"


def test_key_list_as_the_registry_answers(stack: Stack, check: Check) -> None:
    private = made.key()
    signed = statement(
        "pkg:npm/tiny@1.0.0",
        {"sha512": hashlib.sha512(DATA).hexdigest()},
        "https://github.com/npm/attestation/tree/main/specs/publish/v0.1",
    )
    bundle = stack.dsse(signed, kind="intoto", private=private, certificate=False)
    root = json.dumps(stack.trusted_root()).encode()
    for expires, reason in ((None, "ok"), ("2025-01-01T00:00:00.000Z", "expired")):
        listed = {
            "keys": [
                {
                    "expires": expires,
                    "keyid": "SHA256:x",
                    "keytype": "ecdsa-sha2-nistp256",
                    "scheme": "ecdsa-sha2-nistp256",
                    "key": b64(made.spki(private)),
                }
            ]
        }
        assert code(check(bundle, trust={"keys.json": json.dumps(listed).encode(), "root.json": root})) == reason


def test_client_trust_config_and_several_roots(stack: Stack, check: Check) -> None:
    config = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": stack.trusted_root(),
        "signingConfig": {},
    }
    assert check(stack.message(DATA), root=config)["verdict"] == "verified"
    del config["signingConfig"]
    assert code(check(stack.message(DATA), root=config)) == "bad-trust-root"
    roots = {"other.json": json.dumps(Stack().trusted_root()).encode(), "ours.json": json.dumps(stack.trusted_root()).encode()}
    assert check(stack.message(DATA), trust=roots)["trusted_by"]["anchor"] == "ours.json"


def test_bundles_of_another_kind_of_target(stack: Stack, tmp_path: Path) -> None:
    model = Model(tmp_path)
    root, signature = tmp_path / "root.json", tmp_path / "b.json"
    root.write_text(json.dumps(stack.trusted_root()))
    for bundle, reason in ((stack.message(DATA), "bad-bundle"), (stack.dsse(statement("m", {"sha256": SHA256})), "wrong-predicate")):
        signature.write_text(json.dumps(bundle))
        assert code(verify(model.root, signature=signature, trust=(root,))) == reason
    signature.write_text(json.dumps(stack.message(DATA)))
    known = {"digest": f"sha256:{SHA256}", "signature": signature, "trust": (root,)}
    assert verify("elsewhere.bin", **known)["verdict"] == "verified"  # type: ignore[arg-type]
    assert code(verify("elsewhere.bin", digest="sha256:" + "0" * 64, signature=signature, trust=(root,))) == "digest-mismatch"
    assert verify("elsewhere.bin", digest=f"sha256:{SHA256}", trust=(root,))["verdict"] == "unsigned"


def test_an_authority_that_issued_for_a_stranger(stack: Stack, check: Check) -> None:
    """Logged in the trusted logs, certified by an authority of the same name that is not in the root."""
    stranger = Stack()
    stranger.rekor, stranger.ct = stack.rekor, stack.ct
    assert code(check(stranger.message(DATA))) == "incomplete-chain"
    forged = Stack()
    forged.rekor, forged.ct = stack.rekor, stack.ct
    private = made.key()
    known = x509.AuthorityKeyIdentifier.from_issuer_public_key(stack.ca.key.public_key())
    builder = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(stack.ca.certificate.subject).public_key(private.public_key())
    )
    builder = builder.serial_number(7).not_valid_before(NOW).not_valid_after(NOW).add_extension(known, critical=False)
    from cryptography.hazmat.primitives import hashes

    certificate = builder.sign(forged.ca.key, hashes.SHA256())
    assert code(check(forged.message(DATA, private=private, certificate=certificate))) == "bad-chain"


def test_ed25519_over_a_file(check: Check) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    bundle = {
        "mediaType": made.BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": "x"}},
        "messageSignature": {"signature": b64(private.sign(DATA))},
    }
    assert check(bundle, trust={"k.pem": made.pem(private)})["verdict"] == "verified"
    assert code(check(bundle, data=b"other", trust={"k.pem": made.pem(private)})) == "unknown-key"
    result = check(bundle, trust={"k.pem": made.pem(private)}, target="elsewhere", digest=f"sha256:{SHA256}")
    assert code(result) == "unsupported-algorithm", "pure Ed25519 needs the bytes"


def test_shards_in_a_scan_and_over_one_file(tmp_path: Path) -> None:
    model = Model(tmp_path)
    model.sign(shards(model, 100))
    verdicts = scan(str(model.root), Settings(cache=False, trust=(model.trust,))).verdicts
    assert [code(v) for v in verdicts] == ["unsupported-algorithm"]
    model.sign(shards(model, 1000))
    assert [v["verdict"] for v in scan(str(model.root), Settings(cache=False, trust=(model.trust,))).verdicts] == ["verified"], (
        "one shard is the whole file"
    )
    for name in ("README.md", "config.json"):
        (model.root / name).unlink()
    only = model.root / "weights" / "model.safetensors"
    only.rename(model.root / "model.safetensors")
    only.parent.rmdir()
    model.sign(shards(model, 100))
    assert verify(model.root / "model.safetensors", signature=model.signature, trust=(model.trust,))["verdict"] == "verified"


def cached(model: Model, at: Path) -> Path:
    snapshot, blobs = at / "snapshots" / ("0" * 40), at / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for path in (p for p in model.root.rglob("*") if p.is_file()):
        name = hashlib.sha256(path.read_bytes()).hexdigest()
        (blobs / name).write_bytes(path.read_bytes())
        link = snapshot / path.relative_to(model.root)
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(os.path.relpath(blobs / name, link.parent))
    return snapshot


def test_hub_cache_in_a_scan(tmp_path: Path) -> None:
    model = Model(tmp_path)
    model.sign(model.statement())
    snapshot = cached(model, tmp_path / "models--vendor--tiny")
    assert [v["verdict"] for v in scan(str(snapshot), Settings(cache=False, trust=(model.trust,))).verdicts] == ["verified"]


def test_publishers_are_named_and_namesakes_told(stack: Stack, tmp_path: Path) -> None:
    model, private = Model(tmp_path), made.key()
    root = tmp_path / "root.json"
    root.write_text(json.dumps(stack.trusted_root()))
    for identity, issuer, expected in (
        ("Granite-sign@ibm.com", "https://sigstore.verify.ibm.com/oauth2", "IBM Granite"),
        (made.IDENTITY, ISSUER, None),
    ):
        certificate = stack.certificate(private, identity=identity, issuer=issuer)
        model.signature.write_text(json.dumps(stack.dsse(model.statement(), private=private, certificate=certificate)))
        snapshot = cached(model, tmp_path / f"n{len(identity)}" / "models--ibm-granite--tiny")
        verdict = scan(str(snapshot), Settings(cache=False, trust=(root,))).verdicts[0]
        assert verdict["verdict"] == "verified" and verdict["signer"].get("publisher") == expected
        assert any("signs as" in note for note in verdict["notes"]) == (expected is None)


def test_keyless_signing_asks_sigstore(tmp_path: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """sigstore-python's own classes are replaced at their seams: configuration, identity and signer; what comes back is real."""
    import sigstore.models
    import sigstore.oidc
    import sigstore.sign

    target, root = tmp_path / "a.bin", tmp_path / "root.json"
    target.write_bytes(DATA)
    root.write_text(json.dumps(stack.trusted_root()))
    monkeypatch.setattr(sigstore.models.ClientTrustConfig, "production", staticmethod(lambda: SimpleNamespace()))
    monkeypatch.setattr(sigstore.oidc, "detect_credential", lambda: "token")
    monkeypatch.setattr(sigstore.oidc, "IdentityToken", lambda token: token)

    class Signer:
        def __enter__(self) -> Signer:
            return self

        def __exit__(self, *_: object) -> None: ...

        def sign_artifact(self, data: bytes) -> Any:
            return SimpleNamespace(to_json=lambda: json.dumps(stack.message(data)))

    context = SimpleNamespace(signer=lambda identity: Signer())
    monkeypatch.setattr(sigstore.sign.SigningContext, "from_trust_config", staticmethod(lambda config: context))
    from mlsbom.verify import trust

    monkeypatch.setattr(signing, "_anchors", lambda signer: trust.load((root,)))
    assert sign(str(target), sigstore=True, online=True)["verdict"] == "verified"
    assert verify(target, trust=(root,), identity=made.IDENTITY)["verdict"] == "verified"

    def unreachable() -> Any:
        raise OSError("no route")

    monkeypatch.setattr(sigstore.models.ClientTrustConfig, "production", staticmethod(unreachable))
    with pytest.raises(NetworkError, match="did not sign"):
        sign(str(target), sigstore=True, online=True)
