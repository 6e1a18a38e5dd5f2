"""Signatures in a scan: judged with the digests of the same read, and again from the stored survey."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import signature_stack as made
from test_signature_models import Model

from mlsbom.model import Severity
from mlsbom.scan import Settings, assess, scan
from mlsbom.verify import sign, verify


def found(model: Model, *trust: Path, **settings: Any) -> tuple[list[dict[str, Any]], list[str]]:
    result = scan(str(model.root), Settings(cache=False, trust=trust, **settings))
    return list(result.verdicts), sorted(f.rule for f in result.findings if f.rule.startswith("SIGNATURE-"))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    made_here = Model(tmp_path)
    made_here.sign(made_here.statement(ignore_paths=["model.sig", "cache"]))
    return made_here


def test_verdict_is_that_of_verify(model: Model) -> None:
    verdicts, rules = found(model, model.trust)
    assert rules == [] and len(verdicts) == 1
    same = verify(model.root, trust=(model.trust,))
    assert {k: v for k, v in verdicts[0].items() if k != "target"} == {k: v for k, v in same.items() if k != "target"}


def test_findings(model: Model, tmp_path: Path) -> None:
    assert found(model)[1] == ["SIGNATURE-UNVERIFIABLE"]
    assert found(model, model.trust, identity="someone@vendor.example")[1] == ["SIGNATURE-UNTRUSTED"]
    (model.root / "cache").mkdir()
    (model.root / "cache" / "run.py").write_bytes(b"print()\n")
    assert found(model, model.trust)[1] == ["SIGNATURE-UNCOVERED"]
    (model.root / "cache" / "run.py").rename(model.root / "cache" / "notes.txt")
    assert found(model, model.trust)[1] == []
    (model.root / "config.json").write_bytes(b'{"a": 1}')
    assert found(model, model.trust)[1] == ["SIGNATURE-INVALID"]
    model.signature.unlink()
    assert found(model, model.trust) == ([], [])


def test_other_digests_are_computed_for_the_signature(model: Model) -> None:
    for algorithm in ("blake2b", "sha512"):
        model.sign(model.statement(algorithm))
        verdicts, rules = found(model, model.trust)
        assert rules == [] and verdicts[0]["verdict"] == "verified"


def test_a_signed_part_of_a_repository(model: Model, tmp_path: Path) -> None:
    (tmp_path / "loose.py").write_bytes(b"print()\n")
    result = scan(str(tmp_path), Settings(cache=False, trust=(model.trust,)))
    assert [v["target"] for v in result.verdicts] == ["model"] and result.verdicts[0]["verdict"] == "verified"


def test_a_stored_survey_answers_a_new_trust_root(model: Model) -> None:
    stored = scan(str(model.root), Settings(cache=False))
    assert stored.verdicts[0]["verdict"] == "unverifiable"
    (model.root / "config.json").write_bytes(b"changed since: not read again")
    again = assess(stored.survey, Settings(cache=False, trust=(model.trust,)))
    assert again.verdicts[0]["verdict"] == "verified"


def test_links_are_what_they_were_seen_to_be(model: Model) -> None:
    (model.root / "again.json").symlink_to("config.json")
    verdicts, rules = found(model, model.trust)
    assert rules == ["SIGNATURE-INVALID"] and verdicts[0]["reason"].startswith("symlink")


def test_files_with_bundles_beside_and_provenance(tmp_path: Path) -> None:
    private = made.key()
    folder = tmp_path / "dist"
    folder.mkdir()
    (tmp_path / "p.pem").write_bytes(made.private_pem(private))
    (tmp_path / "k.pem").write_bytes(made.pem(private))
    for name in ("a.bin", "b.bin"):
        (folder / name).write_bytes(name.encode())
    sign(str(folder / "a.bin"), key=tmp_path / "p.pem")
    import hashlib

    stack = made.Stack()
    (tmp_path / "root.json").write_text(json.dumps(stack.trusted_root()))
    provenance = stack.dsse(made.statement("b.bin", {"sha256": hashlib.sha256(b"b.bin").hexdigest()}))
    (folder / "multiple.intoto.jsonl").write_text(json.dumps(provenance) + "\n")
    result = scan(str(folder), Settings(cache=False, trust=(tmp_path / "k.pem", tmp_path / "root.json")))
    assert {(v["target"], v["verdict"]) for v in result.verdicts} == {("a.bin", "verified"), ("b.bin", "verified")}
    (folder / "b.bin").write_bytes(b"changed")
    result = scan(str(folder), Settings(cache=False, trust=(tmp_path / "k.pem", tmp_path / "root.json")))
    assert {(v["target"], v["verdict"]) for v in result.verdicts} == {("a.bin", "verified"), ("b.bin", "invalid")}


def test_other_kinds_are_told_and_plain_repositories_are_not(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"x")
    assert scan(str(tmp_path), Settings(cache=False)).verdicts == ()
    (tmp_path / "weights.bin.sig").write_bytes(b"\x89\x02gpg")
    result = scan(str(tmp_path), Settings(cache=False))
    assert [(v["target"], v["verdict"]) for v in result.verdicts] == [("weights.bin", "unverifiable")]
    assert [f.severity for f in result.findings if f.rule == "SIGNATURE-UNVERIFIABLE"] == [Severity.LOW]


def test_signed_sbom_inside(tmp_path: Path) -> None:
    private = made.key()
    (tmp_path / "p.pem").write_bytes(made.private_pem(private))
    (tmp_path / "k.pem").write_bytes(made.pem(private))
    folder = tmp_path / "repo"
    folder.mkdir()
    bom = folder / "bom.json"
    bom.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": []}))
    sign(str(bom), key=tmp_path / "p.pem")
    assert [v["verdict"] for v in scan(str(folder), Settings(cache=False, trust=(tmp_path / "k.pem",))).verdicts] == ["verified"]
    bom.write_text(bom.read_text().replace('"version": 1', '"version": 3'))
    assert [v["verdict"] for v in scan(str(folder), Settings(cache=False, trust=(tmp_path / "k.pem",))).verdicts] == ["invalid"]
