"""Certificate paths under an own CA: validity, usage, constraints, revocation, forged and missing links."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import signature_stack as made
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import ObjectIdentifier
from signature_stack import IDENTITY, NOW, YEAR, Ca, authority, b64, leaf
from test_signature_models import Model, code

from mlsbom.verify import verify

DAY = timedelta(days=1)


class Signed:
    """A model signed by a certificate; `chain` goes into the bundle, `trust` is written beside it."""

    def __init__(self, root: Path, chain: list[Ca], trust: dict[str, bytes]) -> None:
        self.model = Model(root, chain[0].key)
        self.trust = []
        for name, raw in trust.items():
            (root / name).write_bytes(raw)
            self.trust.append(root / name)
        material = {"x509CertificateChain": {"certificates": [{"rawBytes": b64(c.der)} for c in chain]}, "tlogEntries": []}
        self.model.sign(self.model.statement(), material=material)

    def verify(self, **options: Any) -> dict[str, Any]:
        return verify(self.model.root, trust=tuple(self.trust), **options)


@pytest.fixture(scope="module")
def root() -> Ca:
    return authority("root")


@pytest.fixture(scope="module")
def middle(root: Ca) -> Ca:
    return authority("middle", root, path_length=0)


def test_valid(tmp_path: Path, root: Ca, middle: Ca) -> None:
    release = leaf(middle, made.key(), names=(x509.RFC822Name(IDENTITY), x509.UniformResourceIdentifier("https://vendor.example/ai")))
    signed = Signed(tmp_path, [release, middle], {"root.pem": root.pem, "crl.pem": made.crl(middle, {})})
    result = signed.verify(identity=IDENTITY)
    assert result["reason"] == "ok" and result["kind"] == "oms-certificate" and result["trusted_by"]["anchor"] == "root.pem"
    assert result["notes"] == ["revocation not checked: no list of CN=root"]
    assert signed.verify(identity="https://vendor.example/ai")["verdict"] == "verified"
    for other in ("Release", "https://vendor.example", "vendor.example", IDENTITY.upper()):
        assert code(signed.verify(identity=other)) == "identity-mismatch"
    assert signed.verify(at="2028-01-01T00:00:00Z")["verdict"] == "invalid"
    assert signed.verify(at="2026-06-01")["signer"]["time"] == "2026-06-01T00:00:00Z"
    (signed.model.root / "config.json").write_bytes(b"x")
    assert code(signed.verify(identity="nobody")) == "digest-mismatch"


LEAVES: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"end": NOW - DAY}, "expired"),
    "not yet valid": ({"start": NOW + DAY}, "not-yet-valid"),
    "for servers": ({"eku": (Usage.SERVER_AUTH,)}, "wrong-key-usage"),
    "for mail": ({"eku": (Usage.EMAIL_PROTECTION,)}, "wrong-key-usage"),
    "for anything": ({"eku": (Usage.ANY_EXTENDED_KEY_USAGE,)}, "ok"),
    "for no stated use": ({"eku": None}, "ok"),
    "for encryption": ({"signs": False}, "wrong-key-usage"),
    "no key usage": ({"signs": None}, "ok"),
    "unknown critical extension": ({"extra": ((x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),)}, "bad-chain"),
    "unknown extension": ({"extra": ((x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False),)}, "ok"),
}


@pytest.mark.parametrize("case", LEAVES)
def test_rules_of_the_leaf(tmp_path: Path, root: Ca, middle: Ca, case: str) -> None:
    options, reason = LEAVES[case]
    release = leaf(middle, made.key(), **options)
    assert code(Signed(tmp_path, [release, middle], {"root.pem": root.pem}).verify()) == reason


ISSUERS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"end": NOW - DAY}, "expired"),
    "no authority": ({"ca": False}, "bad-chain"),
    "no basic constraints": ({"ca": None}, "bad-chain"),
    "may not sign certificates": ({"key_usage": False}, "bad-chain"),
    "for servers alone": ({"extra": ((x509.ExtendedKeyUsage([Usage.SERVER_AUTH]), False),)}, "wrong-key-usage"),
    "unknown critical extension": ({"extra": ((x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),)}, "bad-chain"),
    "names permitted": ({"extra": ((x509.NameConstraints([x509.RFC822Name("vendor.example")], None), True),)}, "ok"),
    "names not permitted": ({"extra": ((x509.NameConstraints([x509.RFC822Name("other.example")], None), True),)}, "bad-chain"),
    "subdomain of mail not permitted": (
        {"extra": ((x509.NameConstraints([x509.RFC822Name(".vendor.example")], None), True),)},
        "bad-chain",
    ),
    "names excluded": ({"extra": ((x509.NameConstraints(None, [x509.RFC822Name(IDENTITY)]), True),)}, "bad-chain"),
    "subject not permitted": ({"extra": ((x509.NameConstraints([x509.DirectoryName(made.name("Other"))], None), True),)}, "bad-chain"),
    "addresses constrained": ({"extra": ((x509.NameConstraints([x509.IPAddress(ip_network("192.0.2.0/24"))], None), True),)}, "ok"),
}


@pytest.mark.parametrize("case", ISSUERS)
def test_rules_of_the_issuer(tmp_path: Path, root: Ca, case: str) -> None:
    options, reason = ISSUERS[case]
    issuer = authority("middle", root, **options)
    assert code(Signed(tmp_path, [leaf(issuer, made.key()), issuer], {"root.pem": root.pem}).verify()) == reason


def test_path_length_and_leaves_that_issue(tmp_path: Path, root: Ca, middle: Ca) -> None:
    below = authority("below", middle)
    assert code(Signed(tmp_path, [leaf(below, made.key()), below, middle], {"root.pem": root.pem}).verify()) == "bad-chain"
    release = leaf(middle, made.key())
    assert code(Signed(tmp_path, [leaf(release, made.key()), release, middle], {"root.pem": root.pem}).verify()) == "bad-chain"


def test_self_issued_leaf_that_calls_itself_an_authority(tmp_path: Path) -> None:
    """The reference tests' certificate: its subject is its issuer's, CA:TRUE without keyCertSign."""
    top = authority("same")
    release = leaf(top, made.key(), subject="same", extra=((x509.BasicConstraints(ca=True, path_length=None), True),))
    assert Signed(tmp_path, [release, top], {"root.pem": top.pem}).verify()["verdict"] == "verified"


def test_missing_and_untrusted_tops(tmp_path: Path, root: Ca, middle: Ca) -> None:
    release = leaf(middle, made.key())
    assert code(Signed(tmp_path, [release], {"root.pem": root.pem}).verify()) == "incomplete-chain"
    assert Signed(tmp_path, [release], {"root.pem": root.pem, "middle.pem": middle.pem}).verify()["verdict"] == "verified"
    stranger = authority("root")
    other = authority("middle", stranger)
    signed = Signed(tmp_path, [leaf(other, made.key()), other, stranger], {"root.pem": root.pem})
    assert (signed.verify()["verdict"], code(signed.verify())) == ("verified-by-untrusted-identity", "untrusted-root")
    assert signed.verify()["trusted_by"] is None and signed.verify()["files"]["covered"] == 3
    assert code(Signed(tmp_path, [release, middle, root], {}).verify()) == "no-trust-root"


def test_forged_link(tmp_path: Path, root: Ca, middle: Ca) -> None:
    forged = leaf(Ca(made.key(), middle.certificate), made.key())
    builder_like = leaf(middle, made.key())
    assert code(Signed(tmp_path, [forged, middle], {"root.pem": root.pem}).verify()) in ("bad-chain", "incomplete-chain")
    swapped = Ca(made.key(), builder_like.certificate)
    assert code(Signed(tmp_path, [swapped, middle], {"root.pem": root.pem}).verify()) == "bad-signature"


REVOCATIONS: dict[str, tuple[Callable[[Ca, Ca], bytes], str, str]] = {
    "revoked": (lambda m, r: made.crl(m, {r.certificate.serial_number: NOW - DAY}), "revoked", ""),
    "revoked later": (lambda m, r: made.crl(m, {r.certificate.serial_number: NOW + DAY}), "ok", ""),
    "another revoked": (lambda m, r: made.crl(m, {1: NOW - DAY}), "ok", ""),
    "stale": (
        lambda m, r: made.crl(m, {r.certificate.serial_number: NOW - 3 * DAY}, start=NOW - 3 * DAY, end=NOW - DAY),
        "ok",
        "stale since",
    ),
    "from the future": (
        lambda m, r: made.crl(m, {r.certificate.serial_number: NOW - DAY}, start=NOW + DAY),
        "ok",
        "after the time of the check",
    ),
    "by a stranger": (
        lambda m, r: made.crl(m, {r.certificate.serial_number: NOW - DAY}, signer=authority("middle")),
        "ok",
        "not signed by its issuer",
    ),
    "of another authority": (
        lambda m, r: made.crl(authority("other"), {r.certificate.serial_number: NOW - DAY}),
        "ok",
        "its issuer is not in the path",
    ),
}


@pytest.mark.parametrize("case", REVOCATIONS)
def test_revocation(tmp_path: Path, root: Ca, middle: Ca, case: str) -> None:
    make, reason, note = REVOCATIONS[case]
    release = leaf(middle, made.key())
    result = Signed(tmp_path, [release, middle], {"root.pem": root.pem, "crl.pem": make(middle, release)}).verify()
    assert code(result) == reason and any(note in n for n in result["notes"]) == bool(note or result["notes"])
    revoked_middle = made.crl(root, {middle.certificate.serial_number: NOW - DAY})
    assert code(Signed(tmp_path, [release, middle], {"root.pem": root.pem, "crl.pem": revoked_middle}).verify()) == "revoked"


def test_a_trusted_timestamp_sets_the_time(tmp_path: Path, stack: made.Stack) -> None:
    """The certificate has expired since; an authority of a given Sigstore root saw the signature while it was valid."""
    top = authority("root", start=NOW - 2 * YEAR, end=NOW + YEAR)
    release = leaf(top, made.key(), start=NOW - 2 * DAY, end=NOW - DAY)
    signed = Signed(tmp_path, [release, top], {"root.pem": top.pem, "trusted_root.json": json.dumps(stack.trusted_root()).encode()})
    assert code(signed.verify()) == "expired"
    document = json.loads(signed.model.signature.read_text())
    import base64

    token = made.timestamp(stack.tsa, base64.b64decode(document["dsseEnvelope"]["signatures"][0]["sig"]), NOW - DAY - DAY / 2)
    document["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(token)}]}
    signed.model.signature.write_text(json.dumps(document))
    result = signed.verify()
    assert result["verdict"] == "verified" and result["signer"]["time_source"] == "timestamp"
    signed.trust.pop()
    assert code(signed.verify()) == "expired"


def test_anchors_that_cannot_be_used(tmp_path: Path, root: Ca) -> None:
    from mlsbom.errors import UsageError

    model = Model(tmp_path)
    model.sign(model.statement())
    off_curve = bytearray(made.spki(made.key()))
    off_curve[-1] ^= 1
    bad = {
        "empty": b"",
        "text": b"hello",
        "private": made.private_pem(made.key()),
        "cut": root.pem[:-40],
        "json": b'{"a": 1}',
        "broken": b"{",
        "list": b'{"keys": [1]}',
        "curve": b"-----BEGIN PUBLIC KEY-----\n" + b64(bytes(off_curve)).encode() + b"\n-----END PUBLIC KEY-----\n",
        "kind": b"-----BEGIN DH PARAMETERS-----\nAA==\n-----END DH PARAMETERS-----\n",
    }
    for name, raw in bad.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(UsageError, match="trust anchor"):
            verify(model.root, trust=(tmp_path / name,))
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageError):
            verify(model.root, trust=(path,))
