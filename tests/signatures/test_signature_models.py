"""Model signatures by key: the manifest's rules, the walk, coverage of every file, and old forms."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import signature_stack as made
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from signature_stack import IN_TOTO, b64, pae

from mlsbom.verify import verify

FILES = {"README.md": b"# tiny\n", "config.json": b"{}", "weights/model.safetensors": b"\x00" * 300}
Manifest = dict[str, Any]


def code(result: dict[str, Any]) -> str:
    return str(result["reason"]).split(":")[0]


class Model:
    """A folder that is signed as the test wants it. `statement` is changed by the test before `sign`."""

    def __init__(self, root: Path, private: Any = None) -> None:
        self.root = root / "model"
        self.key = private or made.key()
        self.trust = root / "k.pem"
        self.trust.write_bytes(made.pem(self.key))
        for name, raw in FILES.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_bytes(raw)
        self.signature = self.root / "model.sig"

    def statement(self, algorithm: str = "sha256", digest: Callable[[bytes], str] | None = None, **serialization: Any) -> Manifest:
        make = digest or (lambda raw: hashlib.new(algorithm, raw).hexdigest())
        names = sorted(
            os.path.relpath(p, self.root) for p in self.root.rglob("*") if p.is_file() and not p.is_symlink() and p != self.signature
        )
        resources = [{"name": n, "algorithm": algorithm, "digest": make((self.root / n).read_bytes())} for n in names]
        return seal(
            {
                "_type": "https://in-toto.io/Statement/v1",
                "subject": [{"name": "model", "digest": {"sha256": ""}}],
                "predicateType": "https://model_signing/signature/v1.0",
                "predicate": {
                    "serialization": {"method": "files", "hash_type": algorithm, "allow_symlinks": False, "ignore_paths": ["model.sig"]}
                    | serialization,
                    "resources": resources,
                },
            }
        )

    def sign(
        self,
        statement: Manifest | bytes,
        *,
        material: dict[str, Any] | None = None,
        kind: str = IN_TOTO,
        encode: Callable[..., bytes] = pae,
        **envelope: Any,
    ) -> None:
        payload = statement if isinstance(statement, bytes) else json.dumps(statement).encode()
        signature = made.sign(self.key, encode(payload, kind))
        material = material or {"publicKey": {"hint": hashlib.sha256(made.pem(self.key)).hexdigest()}, "tlogEntries": []}
        body = {"payload": b64(payload), "payloadType": kind, "signatures": [{"sig": b64(signature), "keyid": ""}]} | envelope
        self.signature.write_text(json.dumps({"mediaType": made.BUNDLE, "verificationMaterial": material, "dsseEnvelope": body}))

    def verify(self, **options: Any) -> dict[str, Any]:
        return verify(self.root, trust=options.pop("trust", (self.trust,)), **options)


def seal(statement: Manifest) -> Manifest:
    """Put the root digest that fits the resources."""
    whole = b"".join(bytes.fromhex(r["digest"]) for r in statement["predicate"]["resources"])
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(whole).hexdigest()
    return statement


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "blake2b"])
def test_valid(tmp_path: Path, curve: Any, algorithm: str) -> None:
    model = Model(tmp_path, made.key(curve))
    model.sign(model.statement(algorithm))
    result = model.verify()
    assert result["reason"] == "ok" and result["kind"] == "oms-key"
    assert result["files"] == {
        "covered": 3,
        "mismatched": [],
        "missing": [],
        "unsigned": [],
        "ignored_by_signer": [],
        "ignored_by_default": [],
    }
    assert result["trusted_by"] == {"anchor": "k.pem", "sha256": hashlib.sha256(model.trust.read_bytes()).hexdigest()}


def test_blake3(model: Model) -> None:
    import blake3

    model.sign(model.statement("blake3", lambda raw: blake3.blake3(raw).hexdigest()))
    assert model.verify()["verdict"] == "verified"


@pytest.mark.parametrize(
    ("change", "reason", "field", "names"),
    [
        (lambda r: (r / "config.json").write_bytes(b"{}\n"), "digest-mismatch", "mismatched", ["config.json"]),
        (lambda r: (r / "config.json").unlink(), "missing-file", "missing", ["config.json"]),
        (lambda r: (r / "run.py").write_bytes(b""), "unsigned-file", "unsigned", ["run.py"]),
        (lambda r: (r / "config.json").rename(r / "Config.json"), "missing-and-unsigned-file", "unsigned", ["Config.json"]),
        (lambda r: (r / ".git").mkdir() or (r / ".git" / "x").write_bytes(b""), "ok", "ignored_by_default", [".git/x"]),
        (
            lambda r: (r / "weights" / ".git").mkdir() or (r / "weights" / ".git" / "x").write_bytes(b""),
            "unsigned-file",
            "unsigned",
            ["weights/.git/x"],
        ),
        (lambda r: (r / "code").symlink_to("weights"), "symlink", "covered", 3),
        (lambda r: (r / "a").symlink_to("nowhere"), "symlink", "covered", 3),
        (lambda r: os.mkfifo(r / "pipe"), "special-file", "covered", 3),
        (lambda r: (Path(os.fsdecode(os.fsencode(r) + b"/\xff.bin"))).write_bytes(b""), "bad-path", "unsigned", ["%FF.bin"]),
    ],
)
def test_changes_after_signing(model: Model, change: Callable[[Path], Any], reason: str, field: str, names: Any) -> None:
    model.sign(model.statement())
    change(model.root)
    result = model.verify()
    assert code(result) == reason, result["reason"]
    assert result["files"][field] == names


def test_unicode_twins_are_different_names(model: Model) -> None:
    composed, apart = (unicodedata.normalize(form, "가중치.txt") for form in ("NFC", "NFD"))
    (model.root / composed).write_bytes(b"x")
    model.sign(model.statement())
    assert model.verify()["verdict"] == "verified"
    (model.root / composed).rename(model.root / apart)
    result = model.verify()
    assert (code(result), result["files"]["missing"], result["files"]["unsigned"]) == ("missing-and-unsigned-file", [composed], [apart])


def resources(change: Callable[[list[dict[str, Any]]], Any], *, again: bool = True) -> Callable[[Manifest], Any]:
    def apply(statement: Manifest) -> None:
        change(statement["predicate"]["resources"])
        if again:
            seal(statement)

    return apply


def how(**serialization: Any) -> Callable[[Manifest], Any]:
    return lambda s: s["predicate"]["serialization"].update(serialization)


RULES: dict[str, tuple[Callable[[Manifest], Any], str]] = {
    "nothing": (lambda s: None, "ok"),
    "empty": (resources(lambda r: r.clear()), "empty-manifest"),
    "root digest": (lambda s: s["subject"][0]["digest"].update(sha256="0" * 64), "bad-manifest"),
    "two subjects": (lambda s: s["subject"].append(s["subject"][0]), "bad-manifest"),
    "statement type": (lambda s: s.update(_type="https://in-toto.io/Statement/v2"), "bad-manifest"),
    "predicate": (lambda s: s.update(predicateType="https://example.com/other"), "wrong-predicate"),
    "not sorted": (resources(lambda r: r.reverse()), "bad-manifest"),
    "name twice": (resources(lambda r: r.insert(1, r[0] | {"digest": "0" * 64})), "duplicate-name"),
    "absolute": (resources(lambda r: r[0].update(name="/etc/passwd")), "bad-path"),
    "parent": (resources(lambda r: r[0].update(name="../README.md")), "bad-path"),
    "dot": (resources(lambda r: r[0].update(name="./README.md")), "bad-path"),
    "double slash": (resources(lambda r: r[2].update(name="weights//model.safetensors")), "bad-path"),
    "backslash": (resources(lambda r: r[2].update(name="weights\\model.safetensors")), "bad-path"),
    "nul": (resources(lambda r: r[0].update(name="README.md\x00")), "bad-path"),
    "upper-case hex": (
        lambda s: s["predicate"]["resources"][0].update(digest=s["predicate"]["resources"][0]["digest"].upper()),
        "bad-manifest",
    ),
    "short digest": (resources(lambda r: r[0].update(digest=r[0]["digest"][:32])), "bad-manifest"),
    "weak resource": (resources(lambda r: r[0].update(algorithm="md5")), "weak-hash"),
    "other resource hash": (resources(lambda r: r[0].update(algorithm="sha512")), "bad-manifest"),
    "weak list": (how(hash_type="sha1"), "weak-hash"),
    "unknown hash": (how(hash_type="kangaroo12"), "unsupported-algorithm"),
    "unknown method": (how(method="tree"), "unsupported-algorithm"),
    "links as text": (how(allow_symlinks="true"), "bad-manifest"),
    "ignore dot": (how(ignore_paths=["."]), "bad-path"),
    "ignore all": (how(ignore_paths=["*"]), "bad-path"),
    "ignore absolute": (how(ignore_paths=["/"]), "bad-path"),
    "ignore parent": (how(ignore_paths=["../model"]), "bad-path"),
    "ignore number": (how(ignore_paths=[1]), "bad-manifest"),
    "unknown fields": (resources(lambda r: r[0].update(mode="0755")), "ok"),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_of_the_manifest(model: Model, rule: str) -> None:
    change, reason = RULES[rule]
    statement = model.statement()
    change(statement)
    model.sign(statement)
    result = model.verify()
    assert code(result) == reason, result["reason"]
    if reason != "ok":
        assert result["files"]["covered"] == 0 and not any(result["files"][k] for k in ("unsigned", "missing", "mismatched"))


def test_order_by_path_part_is_what_model_signing_writes(model: Model) -> None:
    (model.root / "a").mkdir()
    (model.root / "a" / "b").write_bytes(b"1")
    (model.root / "a.txt").write_bytes(b"2")
    statement = model.statement()
    statement["predicate"]["resources"].sort(key=lambda r: r["name"].split("/"))
    model.sign(seal(statement))
    assert model.verify()["verdict"] == "verified"


@pytest.mark.parametrize("payload", [b'{"a": 1, "a": 1}', b"[1]", b"{", b"\xff", b"[" * 100_000, b'{"x": NaN}', b'{"x": "\\ud800"}', b""])
def test_payloads_that_are_no_statement(model: Model, payload: bytes) -> None:
    model.sign(payload)
    assert model.verify()["verdict"] == "invalid"


def test_envelopes(model: Model, tmp_path: Path) -> None:
    statement = model.statement()
    model.sign(statement, payloadType="text/plain")
    assert code(model.verify()) == "bad-signature"
    model.sign(statement, kind="text/plain")
    assert model.verify()["verdict"] == "invalid"
    model.sign(statement, signatures=[])
    assert code(model.verify()) == "bad-bundle"
    model.sign(statement, material={"publicKey": {"hint": "unknown"}})
    assert model.verify()["verdict"] == "verified", "a hint is a hint"
    other = tmp_path / "o.pem"
    other.write_bytes(made.pem(made.key()))
    model.sign(statement)
    assert code(model.verify(trust=(other,))) == "unknown-key"
    assert model.verify(trust=(other, model.trust))["verdict"] == "verified"
    assert code(model.verify(trust=())) == "unknown-key"
    model.sign(statement, material={"publicKey": {"rawBytes": b64(made.pem(model.key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256"}})
    stranger = model.verify(trust=(other,))
    assert (stranger["verdict"], code(stranger), stranger["files"]["covered"]) == ("verified-by-untrusted-identity", "untrusted-key", 3)
    (model.root / "config.json").write_bytes(b"evil")
    assert code(model.verify(trust=(other,))) == "digest-mismatch", "identity is judged last"


def test_signed_ignore_paths_and_allow_uncovered(model: Model) -> None:
    model.sign(model.statement(ignore_paths=["model.sig", "cache", ".git"]))
    (model.root / "cache").mkdir()
    (model.root / "cache" / "payload.pkl").write_bytes(b"x")
    (model.root / ".git").mkdir()
    (model.root / ".git" / "HEAD").write_bytes(b"x")
    result = model.verify()
    assert result["verdict"] == "verified"
    assert result["files"]["ignored_by_signer"] == [".git/HEAD", "cache/payload.pkl"] and result["files"]["ignored_by_default"] == []
    (model.root / "cached.pkl").write_bytes(b"x")
    assert code(model.verify()) == "unsigned-file"
    allowed = model.verify(allow_uncovered=True)
    assert allowed["verdict"] == "verified" and allowed["files"]["unsigned"] == ["cached.pkl"]


def test_links_that_the_signer_allowed(model: Model, tmp_path: Path) -> None:
    (model.root / "again.json").symlink_to("config.json")
    (model.root / "more").symlink_to("weights")
    statement = model.statement(allow_symlinks=True)
    listed = statement["predicate"]["resources"]
    for name in ("again.json", "more/model.safetensors"):
        listed.append({"name": name, "algorithm": "sha256", "digest": hashlib.sha256((model.root / name).read_bytes()).hexdigest()})
    listed.sort(key=lambda r: r["name"])
    model.sign(seal(statement))
    assert model.verify()["files"]["covered"] == 5 and model.verify()["verdict"] == "verified"
    (model.root / "weights" / "loop").symlink_to("..")
    assert code(model.verify()) in ("symlink", "unsigned-file")
    (model.root / "weights" / "loop").unlink()
    (tmp_path / "outside.json").write_bytes(b"{}")
    (model.root / "again.json").unlink()
    (model.root / "again.json").symlink_to("../outside.json")
    assert code(model.verify()) == "symlink"


def test_hugging_face_cache(model: Model, tmp_path: Path) -> None:
    model.sign(model.statement())
    snapshot, blobs = tmp_path / "models--a--b" / "snapshots" / ("0" * 40), tmp_path / "models--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for n, path in enumerate(p for p in model.root.rglob("*") if p.is_file()):
        (blobs / str(n)).write_bytes(path.read_bytes())
        link = snapshot / path.relative_to(model.root)
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(os.path.relpath(blobs / str(n), link.parent))
    assert verify(snapshot, trust=(model.trust,))["verdict"] == "verified"
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(model.root / "config.json")
    assert code(verify(snapshot, trust=(model.trust,))) == "symlink"


def shards(
    model: Model, size: int, *, written: Any = None, name: Callable[[str, int, int], str] = lambda n, a, b: f"{n}:{a}:{b}"
) -> Manifest:
    statement = model.statement(method="shards", shard_size=size if written is None else written)
    out = []
    for resource in statement["predicate"]["resources"]:
        raw = (model.root / resource["name"]).read_bytes()
        for at in range(0, len(raw), size):
            end = min(at + size, len(raw))
            out.append(
                {
                    "name": name(resource["name"], at, end),
                    "algorithm": f"sha256-sharded-{size}",
                    "digest": hashlib.sha256(raw[at:end]).hexdigest(),
                }
            )
    statement["predicate"]["resources"] = out
    return seal(statement)


def test_shards(model: Model) -> None:
    model.sign(shards(model, 100, written=100.0))
    assert model.verify()["verdict"] == "verified"
    (model.root / "weights" / "model.safetensors").write_bytes(b"\x00" * 301)
    assert code(model.verify()) == "digest-mismatch"
    (model.root / "weights" / "model.safetensors").write_bytes(b"\x00" * 299 + b"\x01")
    assert model.verify()["files"]["mismatched"] == ["weights/model.safetensors"]
    (model.root / "weights" / "model.safetensors").write_bytes(b"\x00" * 300)
    (model.root / "empty").write_bytes(b"")
    assert code(model.verify()) == "unsigned-file", "an empty file has no shards"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.pop(2), "bad-manifest"),
        (lambda r: r[2].update(name="weights/model.safetensors:0:99"), "bad-manifest"),
        (lambda r: r.insert(3, dict(r[3])), "duplicate-name"),
        (lambda r: r[0].update(name="README.md"), "bad-manifest"),
        (lambda r: r[0].update(name="README.md:0:07"), "bad-manifest"),
        (lambda r: r[0].update(name="README.md:1:8"), "bad-manifest"),
        (lambda r: r[0].update(name="../README.md:0:7"), "bad-path"),
    ],
)
def test_shards_leave_no_gap(model: Model, change: Callable[[Any], Any], reason: str) -> None:
    statement = shards(model, 100)
    change(statement["predicate"]["resources"])
    model.sign(seal(statement))
    assert code(model.verify()) == reason


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "100", None, float(1 << 60)])
def test_shard_sizes(model: Model, size: Any) -> None:
    statement = shards(model, 1000)
    statement["predicate"]["serialization"]["shard_size"] = size
    model.sign(statement)
    assert model.verify()["verdict"] == ("verified" if size == float(1 << 60) else "invalid")


def test_a_model_of_one_file_without_a_name(tmp_path: Path) -> None:
    model = Model(tmp_path)
    for name in ("README.md", "config.json"):
        (model.root / name).unlink()
    (model.root / "weights" / "model.safetensors").rename(model.root / "only.bin")
    (model.root / "weights").rmdir()
    statement = model.statement()
    statement["predicate"]["resources"][0]["name"] = "."
    del statement["predicate"]["serialization"]["ignore_paths"]
    statement["subject"][0]["name"] = "only.bin"
    model.sign(statement)
    assert model.verify()["verdict"] == "verified"
    assert verify(model.root / "only.bin", signature=model.signature, trust=(model.trust,))["verdict"] == "verified"
    (model.root / "more.py").write_bytes(b"")
    assert model.verify()["files"]["unsigned"] == ["more.py"]
    (model.root / "only.bin").write_bytes(b"x")
    assert code(verify(model.root / "only.bin", signature=model.signature, trust=(model.trust,))) == "digest-mismatch"


def test_before_1_0(model: Model) -> None:
    def broken_pae(payload: bytes, kind: str) -> bytes:
        return f"DSSEV1 {len(kind)} {kind} {len(payload)} {payload!r}".encode()

    named = [{"name": r["name"], "digest": {"sha256": r["digest"]}} for r in model.statement()["predicate"]["resources"]]
    old = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": named,
        "predicateType": "https://model_signing/Digests/v0.1",
        "predicate": {},
    }
    model.sign(old, encode=broken_pae)
    assert model.verify()["verdict"] == "verified"
    model.sign(model.statement(), encode=broken_pae)
    assert code(model.verify()) == "bad-signature", "the broken encoding is of the old form alone"
    (model.root / "config.json").write_bytes(b"x")
    model.sign(old, encode=broken_pae)
    assert code(model.verify()) == "digest-mismatch"


def test_signature_elsewhere_and_below(model: Model, tmp_path: Path) -> None:
    model.sign(model.statement(ignore_paths=[]))
    outside = tmp_path / "release.sig"
    model.signature.rename(outside)
    assert model.verify(signature=outside)["verdict"] == "verified"
    below = model.root / "weights" / "model.sig"
    below.write_bytes(outside.read_bytes())
    result = model.verify()
    assert (result["verdict"], code(result)) == ("unsigned", "no-signature") and "weights/model.sig" in result["notes"][0]
    assert model.verify(signature=below)["verdict"] == "verified", "the signature file itself is left out everywhere"
    model.signature.symlink_to(outside)
    assert code(model.verify()) == "symlink"


@pytest.mark.parametrize("make", [lambda: ed25519.Ed25519PrivateKey.generate(), lambda: rsa.generate_private_key(65537, 2048)])
def test_other_kinds_of_key(tmp_path: Path, make: Callable[[], Any]) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    model, private = Model(tmp_path), make()
    model.trust.write_bytes(made.pem(private))
    payload = json.dumps(model.statement()).encode()
    for scheme in (
        (None,) if isinstance(private, ed25519.Ed25519PrivateKey) else (padding.PKCS1v15(), padding.PSS(padding.MGF1(hashes.SHA256()), 32))
    ):
        signature = private.sign(pae(payload)) if scheme is None else private.sign(pae(payload), scheme, hashes.SHA256())
        model.sign(payload, signatures=[{"sig": b64(signature)}])
        assert model.verify()["verdict"] == "verified"
        allowed = scheme is not None and not isinstance(scheme, padding.PKCS1v15)
        assert code(model.verify(algorithms="kr-validated")) == ("ok" if allowed else "algorithm-not-allowed")


def test_algorithm_profiles(tmp_path: Path) -> None:
    model = Model(tmp_path)
    model.sign(model.statement("blake2b"))
    assert model.verify()["verdict"] == "verified"
    result = model.verify(algorithms="nist")
    assert code(result) == "algorithm-not-allowed" and "1.3.6.1.4.1.1722.12.2.1.16" in result["reason"]
    own = tmp_path / "own.toml"
    own.write_text('allowed = ["1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2", "2.16.840.1.101.3.4.2.1"]\n')
    assert code(model.verify(algorithms=str(own))) == "algorithm-not-allowed"
    model.sign(model.statement())
    assert model.verify(algorithms=str(own))["verdict"] == "verified"
    (model.root / "config.json").write_bytes(b"x")
    assert code(model.verify(algorithms="nist")) == "digest-mismatch", "the profile speaks only where all else is good"


def test_small_rsa_and_odd_curves_are_not_accepted(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    model, small = Model(tmp_path), rsa.generate_private_key(65537, 1024)
    model.trust.write_bytes(made.pem(small))
    payload = json.dumps(model.statement()).encode()
    model.sign(payload, signatures=[{"sig": b64(small.sign(pae(payload), padding.PKCS1v15(), hashes.SHA256()))}])
    assert code(model.verify()) == "algorithm-not-allowed"
    odd = ec.generate_private_key(ec.SECP256K1())
    model.trust.write_bytes(made.pem(odd))
    model.sign(payload, signatures=[{"sig": b64(odd.sign(pae(payload), ec.ECDSA(hashes.SHA256())))}])
    assert code(model.verify()) == "unsupported-algorithm"
