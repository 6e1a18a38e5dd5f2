"""model-signing, the reference implementation, both ways: what we sign it verifies, what it signs we verify; and what only we refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import signature_stack as made
from cryptography.hazmat.primitives.asymmetric import ec
from test_signature_models import Model, code

from mlsbom.errors import UsageError
from mlsbom.verify import sign, verify

model_signing = pytest.importorskip("model_signing")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = Model(tmp_path)
    (model.root / "a").mkdir()
    (model.root / "a" / "b").write_bytes(b"1")
    (model.root / "a.txt").write_bytes(b"2")
    (model.root / "가중치.txt").write_bytes(b"3")
    return model.root


def write(folder: Path, **files: bytes) -> dict[str, Path]:
    out = {}
    for name, raw in files.items():
        out[name] = folder.parent / f"{name}.pem"
        out[name].write_bytes(raw)
    return out


def keys(folder: Path, curve: Any) -> dict[str, Path]:
    private = made.key(curve)
    return write(folder, private=made.private_pem(private), public=made.pem(private))


def ours_then_theirs(folder: Path) -> Any:
    import model_signing.verifying as theirs

    return theirs.Config().set_hashing_config(model_signing.hashing.Config().set_ignored_paths(paths=[folder / "model.sig"]))


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_what_we_sign_by_key_it_verifies(folder: Path, curve: Any) -> None:
    pair = keys(folder, curve)
    result = sign(str(folder), key=pair["private"])
    assert result["verdict"] == "verified" and result["signature"] == str(folder / "model.sig")
    config = ours_then_theirs(folder).use_elliptic_key_verifier(public_key=pair["public"])
    config.verify(folder, folder / "model.sig")
    (folder / "a.txt").write_bytes(b"x")
    with pytest.raises(ValueError):
        config.verify(folder, folder / "model.sig")


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
@pytest.mark.parametrize("hashing", ["sha256", "blake2", "blake3"])
def test_what_it_signs_by_key_we_verify(folder: Path, curve: Any, hashing: str) -> None:
    import model_signing.signing as theirs

    pair = keys(folder, curve)
    config = (
        model_signing.hashing.Config().use_file_serialization(hashing_algorithm=hashing).set_ignored_paths(paths=[folder / "model.sig"])
    )
    theirs.Config().use_elliptic_key_signer(private_key=pair["private"]).set_hashing_config(config).sign(folder, folder / "model.sig")
    result = verify(folder, trust=(pair["public"],))
    assert result["reason"] == "ok" and result["files"]["covered"] == 6
    (folder / "a.txt").write_bytes(b"x")
    assert code(verify(folder, trust=(pair["public"],))) == "digest-mismatch"


def test_what_it_signs_in_shards_we_verify(folder: Path) -> None:
    import model_signing.signing as theirs

    pair = keys(folder, ec.SECP256R1())
    config = model_signing.hashing.Config().use_shard_serialization(shard_size=100).set_ignored_paths(paths=[folder / "model.sig"])
    theirs.Config().use_elliptic_key_signer(private_key=pair["private"]).set_hashing_config(config).sign(folder, folder / "model.sig")
    assert verify(folder, trust=(pair["public"],))["reason"] == "ok"


def certificates(folder: Path, **options: Any) -> dict[str, Path]:
    root = made.authority("root")
    middle = made.authority("middle", root)
    release = made.leaf(middle, made.key(), **options)
    return write(folder, private=made.private_pem(release.key), leaf=release.pem, middle=middle.pem, root=root.pem)


def test_certificates_both_ways(folder: Path) -> None:
    import model_signing.signing as their_signing

    pair = certificates(folder)
    sign(str(folder), key=pair["private"], certificate=pair["leaf"], chain=(pair["middle"], pair["root"]))
    assert verify(folder, trust=(pair["root"],), identity=made.IDENTITY)["verdict"] == "verified"
    ours_then_theirs(folder).use_certificate_verifier(certificate_chain=[pair["root"]]).verify(folder, folder / "model.sig")
    (folder / "model.sig").unlink()
    config = model_signing.hashing.Config().set_ignored_paths(paths=[folder / "model.sig"])
    signer = their_signing.Config().use_certificate_signer(
        private_key=pair["private"], signing_certificate=pair["leaf"], certificate_chain=[pair["middle"]]
    )
    signer.set_hashing_config(config).sign(folder, folder / "model.sig")
    assert verify(folder, trust=(pair["root"],), identity=made.IDENTITY)["reason"] == "ok"


def test_what_only_we_refuse(folder: Path) -> None:
    """An expired certificate: model-signing judges it at its own notBefore."""
    import model_signing.signing as their_signing

    pair = certificates(folder, end=made.NOW - made.timedelta(days=1))
    config = model_signing.hashing.Config().set_ignored_paths(paths=[folder / "model.sig"])
    signer = their_signing.Config().use_certificate_signer(
        private_key=pair["private"], signing_certificate=pair["leaf"], certificate_chain=[pair["middle"]]
    )
    signer.set_hashing_config(config).sign(folder, folder / "model.sig")
    ours_then_theirs(folder).use_certificate_verifier(certificate_chain=[pair["root"]]).verify(folder, folder / "model.sig")
    assert code(verify(folder, trust=(pair["root"],))) == "expired"
    with pytest.raises(UsageError, match="expired"):
        sign(str(folder), key=pair["private"], certificate=pair["leaf"], chain=(pair["middle"], pair["root"]))


def test_what_cannot_be_signed(folder: Path) -> None:
    pair = keys(folder, ec.SECP256R1())
    (folder / "link").symlink_to("a.txt")
    with pytest.raises(UsageError, match="link"):
        sign(str(folder), key=pair["private"])
    assert sign(str(folder), key=pair["private"], ignore=("link",))["verdict"] == "verified"
    assert verify(folder, trust=(pair["public"],))["files"]["ignored_by_signer"] == ["link"]
    (folder / "link").unlink()
    empty = folder.parent / "empty"
    empty.mkdir()
    for arguments, message in (
        ({"key": pair["public"]}, "private key"),
        ({"key": pair["private"], "ignore": ("*/x/",)}, "--ignore"),
        ({}, "either"),
        ({"sigstore": True}, "--sigstore asks"),
        ({"key": pair["private"], "chain": (pair["public"],)}, "--chain"),
        ({"key": pair["private"], "certificate": certificates(folder)["leaf"]}, "another key"),
    ):
        pair = keys(folder, ec.SECP256R1())
        with pytest.raises(UsageError, match=message):
            sign(str(folder), **({k: (pair[Path(v).stem] if k == "key" else v) for k, v in arguments.items()}))
    with pytest.raises(UsageError, match="no file"):
        sign(str(empty), key=pair["private"])
    assert list(empty.iterdir()) == []


def test_encrypted_keys_and_other_files(folder: Path) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    private = made.key()
    locked = folder.parent / "locked.pem"
    locked.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open")))
    public = write(folder, public=made.pem(private))["public"]
    with pytest.raises(UsageError, match="encrypted"):
        sign(str(folder), key=locked)
    with pytest.raises(UsageError, match="password"):
        sign(str(folder), key=locked, password=b"wrong")
    target = folder / "a.txt"
    assert sign(str(target), key=locked, password=b"open")["signature"] == f"{target}.sigstore.json"
    assert verify(target, trust=(public,))["verdict"] == "verified"
    assert json.loads(Path(f"{target}.sigstore.json").read_text())["messageSignature"]["messageDigest"]["algorithm"] == "SHA2_256"
