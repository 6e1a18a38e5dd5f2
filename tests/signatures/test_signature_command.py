"""The commands: exit codes, forms, streams, nothing written, no cache believed, no network, light imports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import signature_stack as made
from click.testing import CliRunner
from test_signature_models import Model

from mlsbom.cli import cli
from mlsbom.knowledge import Packs
from mlsbom.verify import EXIT, Verdict, signing, verify
from mlsbom.verify.verdict import CODES


def run(*arguments: object, **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [str(a) for a in arguments], env=environment, standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return int(result.return_value or 0) if not isinstance(result.exception, SystemExit) else int(result.exception.code or 0), result.output


@pytest.fixture
def model(tmp_path: Path) -> Model:
    made_here = Model(tmp_path)
    made_here.sign(made_here.statement())
    return made_here


def test_exit_codes_are_the_same_in_every_form(model: Model, tmp_path: Path) -> None:
    other = tmp_path / "o.pem"
    other.write_bytes(made.pem(made.key()))
    cases: list[tuple[tuple[object, ...], int, str]] = [
        ((model.root, "--trust", model.trust), 0, "verified"),
        ((model.root, "--trust", other), 3, "unverifiable"),
        ((model.root, "--trust", model.trust, "--identity", "x"), 1, "verified-by-untrusted-identity"),
        ((model.root / "weights",), 1, "unsigned"),
        ((model.root, "--signature", model.root / "config.json"), 3, "unverifiable"),
    ]
    for arguments, exit_code, verdict in cases:
        for form in ("text", "json", "jsonl"):
            got, out = run("verify", *arguments, "--format", form, "--offline")
            assert (got, verdict in out) == (exit_code, True), out
        document = json.loads(run("verify", *arguments, "--format", "json")[1])
        assert document == json.loads(run("verify", *arguments, "--format", "jsonl")[1])
        assert set(document) >= {"target", "verdict", "reason", "kind", "signer", "trusted_by", "files"}
    (model.root / "config.json").write_bytes(b"x")
    assert run("verify", model.root, "--trust", model.trust)[0] == 1


def test_text_is_safe_for_a_terminal(model: Model) -> None:
    (model.root / "evil\x1b[2J\u202e.py").write_bytes(b"")
    code, out = run("verify", model.root, "--trust", model.trust)
    assert code == 1 and "\x1b" not in out and "\u202e" not in out and "\\x1b" in out


def test_sign_and_verify_from_the_shell(tmp_path: Path) -> None:
    model, private = Model(tmp_path), made.key()
    (tmp_path / "p.pem").write_bytes(made.private_pem(private))
    (tmp_path / "pub.pem").write_bytes(made.pem(private))
    code, out = run("sign", model.root, "--key", tmp_path / "p.pem", "--format", "json")
    assert code == 0 and json.loads(out)["verdict"] == "verified" and "PRIVATE" not in out
    assert run("verify", model.root, "--trust", tmp_path / "pub.pem")[0] == 0
    first = (model.root / "model.sig").read_bytes()
    assert run("sign", model.root, "--key", tmp_path / "p.pem")[0] == 0
    assert first != (model.root / "model.sig").read_bytes(), "ECDSA is randomised, and the old signature is not in the new list"
    assert run("verify", model.root, "--trust", tmp_path / "pub.pem")[0] == 0


def test_encrypted_key_by_environment(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    model = Model(tmp_path)
    (tmp_path / "p.pem").write_bytes(model.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open")))
    code, out = run("sign", model.root, "--key", tmp_path / "p.pem", MLSBOM_KEY_PASSWORD="open")
    assert code == 0 and "open" not in out.split("signature")[0]


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in sorted(folder.rglob("*"))}


def test_nothing_is_written_and_no_cache_is_believed(stack: made.Stack, tmp_path: Path, home: Path) -> None:
    """A cached root of another stack below the home folder changes nothing: only what the caller names, or the data packs, is trusted."""
    (tmp_path / "m").write_bytes(b"weights")
    (tmp_path / "m.sigstore.json").write_text(json.dumps(stack.message(b"weights")))
    before = snapshot(tmp_path)
    assert verify(tmp_path / "m")["verdict"] in ("unverifiable", "invalid")
    for place in (".cache/sigstore-python/tuf/x", ".local/share/sigstore-python/tuf/x", ".sigstore/root/targets"):
        (home / place).mkdir(parents=True)
        (home / place / "trusted_root.json").write_text(json.dumps(stack.trusted_root()))
    planted = snapshot(home)
    assert verify(tmp_path / "m")["verdict"] in ("unverifiable", "invalid")
    assert snapshot(tmp_path) == before and snapshot(home) == planted


def test_home_that_cannot_be_made_and_light_imports(model: Model, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    program = (
        "import sys; from mlsbom.verify import verify; r = verify(sys.argv[1], trust=(sys.argv[2],)); "
        "heavy = {'sigstore', 'pydantic', 'requests', 'rfc3161_client', 'numpy', 'jinja2', 'cyclonedx', 'packaging'} & set(sys.modules); "
        "print(r['verdict'], sorted(heavy))"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "plain" / "home"), "SOURCE_DATE_EPOCH": "1767225600"}
    out = subprocess.run(
        [sys.executable, "-c", program, model.root, model.trust], capture_output=True, text=True, env=environment, check=True
    )
    assert out.stdout == "verified []\n"


def test_default_root_is_of_the_packs(tmp_path: Path) -> None:
    from mlsbom.verify import trust

    anchors = trust.default(trust.load(()), Packs())
    assert [r.problem for r in anchors.roots] == [""] and anchors.roots[0].logs and anchors.roots[0].timestamps
    assert anchors.keys == [] and anchors.certificates == []
    given = tmp_path / "k.pem"
    given.write_bytes(made.pem(made.key()))
    assert trust.default(trust.load((given,)), Packs()).roots == [], "what the caller names is all that is trusted"


def test_keyless_signing_hands_sigstore_the_statement(tmp_path: Path, stack: made.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's part is stood in for by a stack of our own; what is signed, written and verified is real."""
    model, seen = Model(tmp_path), []
    model.signature.unlink(missing_ok=True)
    monkeypatch.setattr(signing, "_sigstore_statement", lambda payload: payload)

    class Fake:
        def sign_dsse(self, payload: bytes) -> dict[str, Any]:
            seen.append(payload)
            return stack.dsse(payload)

    monkeypatch.setattr(signing, "_keyless", lambda work: json.dumps(work(Fake())).encode())
    root = tmp_path / "root.json"
    root.write_text(json.dumps(stack.trusted_root()))
    from mlsbom.verify import trust

    monkeypatch.setattr(signing, "_anchors", lambda signer: trust.load((root,)))
    result = signing.sign(model.root, sigstore=True, online=True)
    assert result["verdict"] == "verified" and result["kind"] == "oms-sigstore" and b"model_signing/signature" in seen[0]
    assert verify(model.root, trust=(root,), identity=made.IDENTITY, issuer=made.ISSUER)["verdict"] == "verified"


def test_every_code_has_a_verdict_and_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "signatures.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", text, re.M))
    assert documented >= set(CODES)
    assert set(CODES.values()) == set(Verdict) and set(EXIT) == set(Verdict)


def test_publishers_pack() -> None:
    table = Packs().toml("identities/publishers.toml")
    issuers = {i["url"] for i in table["issuer"]}
    for publisher in table["publisher"]:
        assert publisher["issuer"] in issuers and publisher["identities"] and publisher["name"]


def test_the_target_is_printed_as_the_caller_wrote_it(model: Model, stack: made.Stack, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(json.dumps(stack.message(b"weights")))
    result = verify("pkg:npm/%40scope/tiny@1.0.0", digest="sha256:" + "0" * 64, signature=tmp_path / "b.json")
    assert result["target"] == "pkg:npm/%40scope/tiny@1.0.0"
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff%41"))
    model.root.rename(odd)
    assert verify(odd, trust=(model.trust,))["target"] == f"{tmp_path}/%FF%2541"
    assert (
        "/" in json.dumps(signing.sign(odd, key=_key(tmp_path, model.key))) and verify(odd, trust=(model.trust,))["verdict"] == "verified"
    )


def _key(folder: Path, private: Any) -> Path:
    (folder / "p.pem").write_bytes(made.private_pem(private))
    return folder / "p.pem"
