"""Sigstore bundles of every form under a private root, what is wrong with them one thing at a time, and sigstore-python as the oracle."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import signature_stack as made
from signature_stack import IDENTITY, ISSUER, NOW, Stack, b64, statement

DATA = b"weights"
SHA256 = hashlib.sha256(DATA).hexdigest()
Check = Callable[..., dict[str, Any]]

FORMS: dict[str, Callable[[Stack], dict[str, Any]]] = {
    "message": lambda s: s.message(DATA),
    "message-v0.1-promise-only": lambda s: s.message(DATA, media="application/vnd.dev.sigstore.bundle+json;version=0.1", checkpoint=False),
    "message-v0.2": lambda s: s.message(DATA, media="application/vnd.dev.sigstore.bundle+json;version=0.2"),
    "message-timestamped": lambda s: s.message(DATA, stamp_at=NOW),
    "message-rekor-2": lambda s: s.message(DATA, v2=True),
    "dsse": lambda s: s.dsse(statement("model.bin", {"sha256": SHA256})),
    "dsse-rekor-2": lambda s: s.dsse(statement("model.bin", {"sha256": SHA256}), v2=True),
    "intoto": lambda s: s.dsse(statement("model.bin", {"sha256": SHA256}), kind="intoto"),
    "intoto-promise-only": lambda s: s.dsse(
        statement("model.bin", {"sha256": SHA256}),
        kind="intoto",
        checkpoint=False,
        media="application/vnd.dev.sigstore.bundle+json;version=0.1",
    ),
}


def code(result: dict[str, Any]) -> str:
    return str(result["reason"]).split(":")[0]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_verified_and_is_of_nothing_else(form: str, stack: Stack, check: Check) -> None:
    bundle = FORMS[form](stack)
    good = check(bundle, identity=IDENTITY, issuer=ISSUER)
    assert (good["verdict"], good["reason"]) == ("verified", "ok")
    assert good["trusted_by"]["anchor"] == "trusted_root.json" and len(good["trusted_by"]["sha256"]) == 64
    assert good["signer"]["sans"] == [IDENTITY] and good["signer"]["time"] == "2026-01-01T00:00:00Z" and good["files"]["covered"] == 1
    assert check(bundle, data=b"other")["verdict"] == "invalid"
    assert code(check(bundle, identity=IDENTITY[:-1])) == "identity-mismatch"
    assert code(check(bundle, identity=IDENTITY, issuer=ISSUER + "/")) == "issuer-mismatch"
    assert check(bundle)["signer"]["policy"] == "any identity under this root"
    stranger = check(bundle, root=made.Stack().trusted_root())
    assert stranger["verdict"] in ("unverifiable", "verified-by-untrusted-identity") and stranger["trusted_by"] is None


@pytest.mark.parametrize("form", [f for f in FORMS if "intoto" not in f and "promise-only" not in f])
def test_sigstore_python_agrees(form: str, stack: Stack) -> None:
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier, policy
    from sigstore_models.trustroot import v1

    bundle = FORMS[form](stack)
    verifier = Verifier(trusted_root=TrustedRoot(v1.TrustedRoot.from_json(json.dumps(stack.trusted_root()))))
    parsed, who = Bundle.from_json(json.dumps(bundle)), policy.Identity(identity=IDENTITY, issuer=ISSUER)
    if "messageSignature" in bundle:
        verifier.verify_artifact(DATA, parsed, who)
    else:
        verifier.verify_dsse(parsed, who)


def entry(bundle: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = bundle["verificationMaterial"]["tlogEntries"][0]
    return found


def flip(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return b64(bytes(raw))


def body(bundle: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> None:
    """Change the entry's body: its proofs no longer fit."""
    value = json.loads(base64.b64decode(entry(bundle)["canonicalizedBody"]))
    change(value)
    entry(bundle)["canonicalizedBody"] = b64(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], None], set[str]]] = {
    "signature": (lambda b: b["messageSignature"].update(signature=flip(b["messageSignature"]["signature"])), {"bad-signature"}),
    "digest hint": (lambda b: b["messageSignature"]["messageDigest"].update(digest=b64(bytes(32))), {"digest-mismatch"}),
    "promise": (
        lambda b: entry(b)["inclusionPromise"].update(signedEntryTimestamp=flip(entry(b)["inclusionPromise"]["signedEntryTimestamp"])),
        {"bad-log-entry"},
    ),
    "integrated time": (lambda b: entry(b).update(integratedTime=str(int(NOW.timestamp()) + 1)), {"bad-log-entry"}),
    "log index": (lambda b: entry(b).update(logIndex="2"), {"bad-log-entry"}),
    "negative index": (lambda b: entry(b).update(logIndex="-1"), {"bad-bundle"}),
    "proof hash": (lambda b: entry(b)["inclusionProof"].update(hashes=[b64(bytes(32))]), {"bad-log-entry"}),
    "proof without hash": (lambda b: entry(b)["inclusionProof"].update(hashes=[]), {"bad-log-entry"}),
    "proof with one more hash": (lambda b: entry(b)["inclusionProof"]["hashes"].append(b64(bytes(32))), {"bad-log-entry"}),
    "root hash": (lambda b: entry(b)["inclusionProof"].update(rootHash=b64(bytes(32))), {"bad-log-entry"}),
    "tree size": (lambda b: entry(b)["inclusionProof"].update(treeSize="3"), {"bad-log-entry"}),
    "proof index": (lambda b: entry(b)["inclusionProof"].update(logIndex="5"), {"bad-log-entry"}),
    "checkpoint text": (lambda b: entry(b)["inclusionProof"]["checkpoint"].update(envelope="x"), {"bad-log-entry"}),
    "checkpoint origin": (
        lambda b: entry(b)["inclusionProof"]["checkpoint"].update(envelope="evil" + entry(b)["inclusionProof"]["checkpoint"]["envelope"]),
        {"bad-log-entry"},
    ),
    "no checkpoint": (lambda b: entry(b)["inclusionProof"].pop("checkpoint"), {"no-inclusion-proof"}),
    "no proof": (lambda b: entry(b).pop("inclusionProof"), {"no-inclusion-proof"}),
    "no entry": (lambda b: b["verificationMaterial"].update(tlogEntries=[]), {"no-log-entry"}),
    "two entries": (lambda b: b["verificationMaterial"]["tlogEntries"].append(entry(b)), {"bad-bundle"}),
    "entry of another kind": (lambda b: entry(b)["kindVersion"].update(kind="rfc3161"), {"unsupported-log-entry"}),
    "kind unlike the body's": (lambda b: entry(b)["kindVersion"].update(version="0.0.2"), {"bad-log-entry"}),
    "log of a stranger": (lambda b: entry(b)["logId"].update(keyId=b64(bytes(32))), {"no-trust-root"}),
    "body of another file": (lambda b: body(b, lambda v: v["spec"]["data"]["hash"].update(value="0" * 64)), {"bad-log-entry"}),
    "body of another signature": (lambda b: body(b, lambda v: v["spec"]["signature"].update(content=b64(b"x"))), {"bad-log-entry"}),
    "media type": (lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v9+json"), {"unsupported-bundle"}),
    "no material": (lambda b: b.update(verificationMaterial={}), {"bad-bundle"}),
    "two kinds of material": (lambda b: b["verificationMaterial"].update(publicKey={"hint": "x"}), {"bad-bundle"}),
    "empty chain": (
        lambda b: b["verificationMaterial"].update(certificate=None, x509CertificateChain={"certificates": []}),
        {"bad-bundle"},
    ),
    "no content": (lambda b: b.pop("messageSignature"), {"bad-bundle"}),
    "snake case": (lambda b: b["verificationMaterial"].update(tlog_entries=[]), {"bad-bundle"}),
    "certificate cut": (lambda b: b["verificationMaterial"].update(certificate={"rawBytes": b64(b"0\x82")}), {"bad-chain"}),
    "too many timestamps": (
        lambda b: b["verificationMaterial"].update(
            timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": b64(bytes((n,)))} for n in range(33)]}
        ),
        {"bad-timestamp"},
    ),
    "garbage timestamp": (
        lambda b: b["verificationMaterial"].update(timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": b64(b"x")}]}),
        {"bad-timestamp"},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_change_is_told_by_its_reason(change: str, stack: Stack, check: Check) -> None:
    apply, reasons = CHANGES[change]
    bundle = copy.deepcopy(stack.message(DATA))
    apply(bundle)
    result = check(bundle)
    assert code(result) in reasons and result["verdict"] in ("invalid", "unverifiable"), result["reason"]


@pytest.mark.parametrize("kind", ["dsse", "intoto"])
def test_entry_of_another_bundle_is_refused(kind: str, stack: Stack, check: Check) -> None:
    signed = statement("model.bin", {"sha256": SHA256})
    one, other = stack.dsse(signed, kind=kind), stack.dsse(signed, kind=kind)
    one["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]
    assert code(check(one)) == "bad-log-entry"
    of_other_payload = stack.dsse(statement("model.bin", {"sha256": "0" * 64}), kind=kind)
    assert code(check(of_other_payload)) == "digest-mismatch"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"sct": "none"}, "bad-sct"),
        ({"sct": "forged"}, "bad-sct"),
        ({"signs": False}, "wrong-key-usage"),
        ({"eku": False}, "wrong-key-usage"),
        ({"start": NOW + timedelta(minutes=1)}, "not-yet-valid"),
        ({"end": NOW - timedelta(minutes=1)}, "expired"),
    ],
)
def test_certificate_rules(options: dict[str, Any], reason: str, stack: Stack, check: Check) -> None:
    private = made.key()
    assert code(check(stack.message(DATA, private=private, certificate=stack.certificate(private, **options)))) == reason


@pytest.mark.parametrize(
    ("part", "window", "reason"),
    [
        ("tlogs", {"start": "2026-01-01T00:00:01Z"}, "bad-log-entry"),
        ("tlogs", {"start": "2020-01-01T00:00:00Z", "end": "2025-12-31T23:59:59Z"}, "bad-log-entry"),
        ("tlogs", {}, "bad-trust-root"),
        ("tlogs", {"start": "yesterday"}, "bad-trust-root"),
        ("tlogs", {"start": "2026-01-01T00:00:00"}, "bad-trust-root"),
        ("ctlogs", {"start": "2026-02-01T00:00:00Z"}, "bad-sct"),
        ("ctlogs", None, "no-trust-root"),
        ("certificateAuthorities", {"start": "2026-02-01T00:00:00Z"}, "bad-chain"),
        ("certificateAuthorities", None, "incomplete-chain"),
    ],
)
def test_windows_of_the_root(part: str, window: Any, reason: str, stack: Stack, check: Check) -> None:
    assert code(check(stack.message(DATA), root=stack.trusted_root(**{part: window}))) == reason


def test_windows_are_closed_intervals(stack: Stack, check: Check) -> None:
    at = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
    assert check(stack.message(DATA, v2=True), root=stack.trusted_root(tlogs=at, timestampAuthorities=at))["verdict"] == "verified"


def test_rekor_2_needs_a_timestamp_by_a_trusted_authority(stack: Stack, check: Check) -> None:
    bundle = stack.message(DATA, v2=True)
    without = copy.deepcopy(bundle)
    without["verificationMaterial"]["timestampVerificationData"] = {}
    assert code(check(without)) == "no-timestamp"
    assert code(check(bundle, root=stack.trusted_root(timestampAuthorities=None))) == "no-timestamp"
    assert code(check(bundle, root=stack.trusted_root(timestampAuthorities={"start": "2026-01-01T00:00:01Z"}))) == "bad-timestamp"
    assert code(check(stack.message(DATA, v2=True, stamp_at=NOW + timedelta(hours=1)))) == "expired"
    twice = copy.deepcopy(bundle)
    twice["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"] *= 2
    assert code(check(twice)) == "bad-timestamp"
    other = copy.deepcopy(bundle)
    other["verificationMaterial"]["timestampVerificationData"] = stack.message(DATA, v2=True)["verificationMaterial"][
        "timestampVerificationData"
    ]
    assert code(check(other)) == "bad-timestamp"


def test_key_bundle_with_log_entry(stack: Stack, check: Check) -> None:
    private = made.key()
    bundle = stack.message(DATA, private=private, certificate=False)
    root = json.dumps(stack.trusted_root()).encode()
    good = check(bundle, trust={"k.pem": made.pem(private), "trusted_root.json": root})
    assert good["verdict"] == "verified" and good["trusted_by"]["anchor"] == "k.pem" and good["signer"]["time"] == "2026-01-01T00:00:00Z"
    assert check(bundle, trust={"k.pem": made.pem(private)})["verdict"] == "verified"
    assert code(check(bundle, trust={"k.pem": made.pem(made.key()), "trusted_root.json": root})) == "unknown-key"
    broken = copy.deepcopy(bundle)
    entry(broken)["inclusionPromise"]["signedEntryTimestamp"] = b64(b"x")
    assert code(check(broken, trust={"k.pem": made.pem(private), "trusted_root.json": root})) == "bad-log-entry"
    fingerprint = hashlib.sha256(made.spki(private)).hexdigest()
    assert check(bundle, trust={"k.pem": made.pem(private)}, identity=f"sha256:{fingerprint}")["verdict"] == "verified"
    assert code(check(bundle, trust={"k.pem": made.pem(private)}, identity=IDENTITY)) == "identity-mismatch"


def npm_keys(private: Any, usage: str, end: str | None = None) -> bytes:
    hint = "SHA256:" + b64(hashlib.sha256(made.spki(private)).digest()).rstrip("=")
    valid = {"start": "2022-01-01T00:00:00Z"} | ({"end": end} if end else {})
    return json.dumps(
        {"keys": [{"keyId": hint, "keyUsage": usage, "publicKey": {"rawBytes": b64(made.spki(private)), "validFor": valid}}]}
    ).encode()


def test_npm_publish_key_list(stack: Stack, check: Check) -> None:
    private = made.key()
    signed = statement(
        "pkg:npm/%40scope/tiny@1.0.0",
        {"sha512": hashlib.sha512(DATA).hexdigest()},
        "https://github.com/npm/attestation/tree/main/specs/publish/v0.1",
    )
    bundle = stack.dsse(signed, kind="intoto", private=private, certificate=False)
    root = json.dumps(stack.trusted_root()).encode()
    about = {"target": "pkg:npm/@scope/tiny@1.0.0", "digest": "sha512:" + hashlib.sha512(DATA).hexdigest()}

    def run(keys: bytes, **options: Any) -> dict[str, Any]:
        return check(bundle, trust={"keys.json": keys, "trusted_root.json": root}, **(about | options))

    good = run(npm_keys(private, "npm:attestations"))
    assert good["verdict"] == "verified" and good["kind"] == "npm-publish"
    assert run(npm_keys(private, "npm:attestations", "2026-01-01T00:00:00Z"))["verdict"] == "verified"
    assert code(run(npm_keys(private, "npm:attestations", "2025-12-31T00:00:00Z"))) == "expired"
    assert code(run(npm_keys(private, "npm:signatures"))) == "unknown-key"
    assert code(run(npm_keys(private, "npm:attestations"), target="pkg:npm/other@1.0.0")) == "name-mismatch"
    assert code(run(npm_keys(private, "npm:attestations"), digest="sha512:" + "0" * 128)) == "digest-mismatch"
    assert code(run(npm_keys(private, "npm:attestations"), digest="sha256:" + "0" * 64)) == "unsupported-algorithm"


def attestation(bundle: dict[str, Any]) -> dict[str, Any]:
    material, envelope = bundle["verificationMaterial"], bundle["dsseEnvelope"]
    return {
        "version": 1,
        "verification_material": {"certificate": material["certificate"]["rawBytes"], "transparency_entries": material["tlogEntries"]},
        "envelope": {"statement": envelope["payload"], "signature": envelope["signatures"][0]["sig"]},
    }


def test_pypi_attestations(stack: Stack, check: Check) -> None:
    workflow = "https://github.com/example/tiny/.github/workflows/release.yml@refs/tags/v1"
    private = made.key()
    cert = stack.certificate(private, identity=workflow)
    signed = statement("tiny_asr-1.0-py3-none-any.whl", {"sha256": SHA256}, "https://docs.pypi" ".org/attestations/publish/v1")
    one = attestation(stack.dsse(signed, private=private, certificate=cert))
    about = {"target": "Tiny.ASR-1.0.0-py3-none-any.whl", "digest": f"sha256:{SHA256}"}
    assert check(one, **about)["verdict"] == "verified", "names are compared as the index normalises them"
    same = {"target": "tiny_asr-1.0-py3-none-any.whl", "digest": f"sha256:{SHA256}", "identity": workflow}
    good = check(one, **same)
    assert (good["verdict"], good["kind"]) == ("verified", "pep740")
    assert code(check(one, **(same | {"target": "other-1.0-py3-none-any.whl"}))) == "name-mismatch"
    publisher = {"kind": "GitHub", "repository": "example/tiny", "workflow": "release.yml"}
    provenance = {"version": 1, "attestation_bundles": [{"publisher": publisher, "attestations": [one]}]}
    assert check(provenance, **same)["verdict"] == "verified"
    provenance["attestation_bundles"][0]["publisher"]["workflow"] = "other.yml"  # type: ignore[index]
    assert code(check(provenance, **same)) == "identity-mismatch"
    assert code(check(one | {"version": 2}, **same)) == "unsupported-bundle"
    wrong = attestation(stack.dsse(signed | {"predicateType": "https://example.com/x"}, private=private, certificate=cert))
    assert code(check(wrong, **same)) == "wrong-predicate"


def test_json_lines_of_several_artefacts(stack: Stack, check: Check) -> None:
    ours, theirs = (stack.dsse(statement(n, {"sha256": d})) for n, d in (("model.bin", SHA256), ("other.bin", "0" * 64)))
    lines = (json.dumps(theirs) + "\n" + json.dumps(ours) + "\n").encode()
    assert check(lines)["verdict"] == "verified"
    assert code(check((json.dumps(theirs) + "\n" + json.dumps(theirs)).encode())) == "digest-mismatch"
    broken = copy.deepcopy(ours)
    broken["dsseEnvelope"]["signatures"][0]["sig"] = b64(b"x")
    assert code(check((json.dumps(ours) + "\n" + json.dumps(broken)).encode())) == "bad-signature"


def test_statements_with_weak_or_conflicting_digests(stack: Stack, check: Check) -> None:
    weak = {"sha1": hashlib.sha1(DATA).hexdigest(), "md5": hashlib.md5(DATA).hexdigest()}
    assert code(check(stack.dsse(statement("m", weak)))) == "unsupported-algorithm"
    assert code(check(stack.dsse(statement("m", {"sha256": SHA256, "sha512": "0" * 128})))) == "digest-mismatch"
    assert code(check(stack.dsse(statement("m", {"sha256": SHA256.upper()})))) == "bad-manifest"
    twice = json.dumps(statement("m", {"sha256": SHA256})).replace('"predicate":', '"subject": [], "predicate":').encode()
    assert code(check(stack.dsse(twice))) == "duplicate-json-key"
    two = stack.dsse(statement("m", {"sha256": SHA256}))
    two["dsseEnvelope"]["signatures"] *= 2
    assert code(check(two)) == "bad-bundle"
