"""Any bytes as a signature, a target or a trust root: a verdict with its reason, or one line of wrong use; never another exception."""

from __future__ import annotations

import base64
import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
import signature_stack as made
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_signature_models import Model, code

from mlsbom.errors import UsageError
from mlsbom.verify import verify
from mlsbom.verify.log import merkle_root
from mlsbom.verify.verdict import CODES

STACK = made.Stack()
ROOT = STACK.trusted_root()
BUNDLES = [
    STACK.message(b"weights"),
    STACK.message(b"weights", v2=True),
    STACK.dsse(made.statement("m", {"sha256": "0" * 64}), kind="intoto"),
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["", "AA==", "0", "-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All paths into a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for k, v in inner for p in places(v, (*path, k)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    out = copy.deepcopy(value)
    at = out
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return out


def judge(folder: Path, bundle: bytes, root: bytes) -> dict[str, Any]:
    for name, raw in (("b.json", bundle), ("root.json", root), ("m", b"weights")):
        (folder / name).write_bytes(raw)
    result = verify(folder / "m", signature=folder / "b.json", trust=(folder / "root.json",))
    assert code(result) in CODES and CODES[code(result)] == result["verdict"]
    assert "\n" not in result["reason"] and str(folder) not in result["reason"]
    json.dumps(result).encode()
    return result


@QUICK
@given(data=st.data())
def test_any_value_anywhere_in_a_bundle(tmp_path: Path, data: st.DataObject) -> None:
    bundle = data.draw(st.sampled_from(BUNDLES))
    path = data.draw(st.sampled_from(places(bundle)))
    new = data.draw(JSON)
    result = judge(tmp_path, json.dumps(put(bundle, path, new)).encode(), json.dumps(ROOT).encode())
    if result["verdict"] == "verified":
        assert (
            path
            and path[-1]
            in (
                "keyid",
                "hint",
                "timestampVerificationData",
                "rfc3161Timestamps",
                "messageDigest",
                "inclusionPromise",
                "inclusionProof",
                "keyDetails",
            )
            or put(bundle, path, new) == bundle
        ), path


@QUICK
@given(data=st.data())
def test_any_value_anywhere_in_a_trust_root(tmp_path: Path, data: st.DataObject) -> None:
    root = put(ROOT, data.draw(st.sampled_from([p for p in places(ROOT) if p and p[0] != "mediaType"])), data.draw(JSON))
    judge(tmp_path, json.dumps(BUNDLES[1]).encode(), json.dumps(root).encode())


@QUICK
@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_as_a_signature(tmp_path: Path, raw: bytes) -> None:
    assert judge(tmp_path, raw, json.dumps(ROOT).encode())["verdict"] in ("invalid", "unverifiable")


@QUICK
@given(data=st.data())
def test_any_flipped_bit_of_base64_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    bundle = data.draw(st.sampled_from(BUNDLES[:2]))
    texts = [
        p
        for p in places(bundle)
        if p
        and p[-1]
        in ("rawBytes", "canonicalizedBody", "signature", "signedTimestamp", "signedEntryTimestamp", "rootHash", "keyId", "digest")
    ]
    path = data.draw(st.sampled_from(texts))
    value = bundle
    for step in path:
        value = value[step]
    raw = bytearray(base64.b64decode(value))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    changed = put(bundle, path, made.b64(bytes(raw)))
    result = judge(tmp_path, json.dumps(changed).encode(), json.dumps(ROOT).encode())
    # Bytes of a token outside what its authority signs (a status text, the embedded certificate) may change without effect.
    assert result["verdict"] != "verified" or path[-1] == "signedTimestamp"


def reference_root(leaves: list[bytes]) -> bytes:
    import hashlib

    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + reference_root(leaves[:split]) + reference_root(leaves[split:])).digest()


def reference_proof(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*reference_proof(index, leaves[:split]), reference_root(leaves[split:])]
    return [*reference_proof(index - split, leaves[split:]), reference_root(leaves[:split])]


@given(size=st.integers(1, 40), data=st.data())
def test_inclusion_proofs_are_those_of_rfc_6962(size: int, data: st.DataObject) -> None:
    leaves = [bytes((n,)) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    proof = tuple(reference_proof(index, leaves))
    assert merkle_root(leaves[index], index, size, proof) == reference_root(leaves)
    assert merkle_root(b"x", index, size, proof) != reference_root(leaves)
    assert merkle_root(leaves[index], index, size, (*proof, bytes(32))) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{}",
        b"[]",
        b"null",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"mediaType": 1}',
        b"\xef\xbb\xbf{}",
        b"\x00" * 100,
        b'{"mediaType": "' + b"x" * 100_000 + b'"}',
        b"untrusted comment: minisign\nRWQ",
        b"-----BEGIN PGP SIGNATURE-----\n",
        b'{"payload": "", "payloadType": "", "signatures": [{"sig": "AA=="}]}',
        b"9" * 5000,
        b'{"x": 1e999}',
    ],
)
def test_files_that_are_no_signature(tmp_path: Path, raw: bytes) -> None:
    assert judge(tmp_path, raw, json.dumps(ROOT).encode())["verdict"] in ("invalid", "unverifiable")


def test_a_bundle_of_100_mb(tmp_path: Path) -> None:
    model = Model(tmp_path)
    with model.signature.open("wb") as f:
        f.truncate(100 << 20)
    assert "larger than 64 MiB" in model.verify()["reason"]


def test_things_that_are_no_file(tmp_path: Path) -> None:
    model = Model(tmp_path)
    model.sign(model.statement())
    assert code(verify(model.root, signature=tmp_path, trust=(model.trust,))) == "bad-bundle"
    os.mkfifo(tmp_path / "pipe")
    assert code(verify(model.root, signature=tmp_path / "pipe", trust=(model.trust,))) == "bad-bundle"
    assert code(verify(tmp_path / "pipe", trust=(model.trust,))) == "special-file"
    model.signature.unlink()
    model.signature.mkdir()
    (model.signature / "x").write_bytes(b"")
    assert verify(model.root)["verdict"] == "unsigned"
    model.signature.joinpath("x").unlink()
    model.signature.rmdir()
    os.mkfifo(model.signature)
    assert code(verify(model.root)) == "special-file"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"digest": "sha1:" + "0" * 40}, "too weak"),
        ({"digest": "sha256:zz"}, "no digest"),
        ({"digest": "crc32:00"}, "no digest"),
        ({"at": "soon"}, "no time"),
        ({"algorithms": "none-such"}, "no algorithm profile"),
        ({"signature": "absent.sig"}, "absent.sig"),
        ({"trust": ("absent.pem",)}, "absent.pem"),
    ],
)
def test_wrong_use(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        verify(Model(tmp_path).root, **options)
    with pytest.raises(UsageError):
        verify(tmp_path / "absent")


def test_unreadable_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlsbom.verify import subject

    model = Model(tmp_path)
    model.sign(model.statement())
    real = subject.DiskTree.open

    def denied(self: subject.DiskTree, entry: subject.Entry) -> int:
        if entry.name == "config.json":
            raise PermissionError(13, "Permission denied")
        return real(self, entry)

    monkeypatch.setattr(subject.DiskTree, "open", denied)
    result = model.verify()
    assert (result["verdict"], code(result), result["files"]["covered"]) == ("unverifiable", "unreadable-file", 2)


@QUICK
@given(data=st.data())
def test_any_value_anywhere_in_a_signed_manifest(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    model = Model(tmp_path_factory.mktemp("m"))
    statement = model.statement()
    path = data.draw(st.sampled_from(places(statement)))
    changed = put(statement, path, data.draw(JSON))
    model.sign(changed)
    result = model.verify()
    assert CODES[code(result)] == result["verdict"]
    if result["verdict"] == "verified":
        assert changed == statement or path[-1] in ("name", "ignore_paths", "allow_symlinks") or path[-2:-1] == ("ignore_paths",), path
    json.dumps(result).encode()


@QUICK
@given(data=st.data())
def test_any_value_anywhere_in_a_signed_sbom(tmp_path: Path, data: st.DataObject) -> None:
    from test_signature_sbom import BOM, jsf

    key = made.key()
    document = jsf(BOM, key)
    path = data.draw(st.sampled_from([p for p in places(document) if p and p != ("bomFormat",)]))
    changed = put(document, path, data.draw(JSON))
    (tmp_path / "bom.json").write_text(json.dumps(changed))
    (tmp_path / "k.pem").write_bytes(made.pem(key))
    result = verify(tmp_path / "bom.json", trust=(tmp_path / "k.pem",))
    assert CODES[code(result)] == result["verdict"]
    assert (
        result["verdict"] != "verified"
        or changed == document
        or json.dumps(changed, sort_keys=True) == json.dumps(document, sort_keys=True)
        or path == ("x", 0)
    )


@QUICK
@given(data=st.data())
def test_any_value_anywhere_in_a_signed_statement(tmp_path: Path, data: st.DataObject) -> None:
    import hashlib

    private = made.key()
    statement = made.statement("m", {"sha256": hashlib.sha256(b"weights").hexdigest()})
    changed = put(statement, data.draw(st.sampled_from(places(statement))), data.draw(JSON))
    payload = json.dumps(changed).encode()
    envelope = {
        "payload": made.b64(payload),
        "payloadType": made.IN_TOTO,
        "signatures": [{"sig": made.b64(made.sign(private, made.pae(payload)))}],
    }
    (tmp_path / "m").write_bytes(b"weights")
    (tmp_path / "k.pem").write_bytes(made.pem(private))
    (tmp_path / "b.json").write_text(
        json.dumps({"mediaType": made.BUNDLE, "verificationMaterial": {"publicKey": {"hint": ""}}, "dsseEnvelope": envelope})
    )
    result = verify(tmp_path / "m", signature=tmp_path / "b.json", trust=(tmp_path / "k.pem",))
    assert CODES[code(result)] == result["verdict"]
