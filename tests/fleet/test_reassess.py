"""New packs over stored surveys: what changed, once, and only that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlsbom.knowledge import Packs
from mlsbom.scan import Settings, assess
from mlsbom.store import reassess as module
from mlsbom.store.database import Database
from mlsbom.store.ingest import ingest
from mlsbom.store.reassess import reassess, told
from mlsbom.survey.document import load
from tests.fleet.conftest import Overlay, make_scans, record


def changes(db: Database, packs: Packs, **options: Any) -> dict[str, str]:
    result = reassess(db, Settings(packs=packs, cache=False), **options)
    told(db, result)
    return {row["target"].rsplit("/", 1)[-1]: row["verdict"] for row in result["changed"]}


def test_only_what_changed_and_only_once(db: Database, scans: Path, overlay: Overlay) -> None:
    ingest(db, [str(scans)])
    assert changes(db, Packs()) == {}
    bad = overlay(record("ember-graph-kit", ["3.1.4"]))
    assert changes(db, bad) == {"pinned": "affected"}, "a range that leaves the release out is no change"
    assert changes(db, bad) == {}
    withdrawn = overlay(record("ember-graph-kit", ["3.1.4"], withdrawn="2026-11-03T00:00:00Z"), over=bad)
    assert changes(db, withdrawn) == {"pinned": "resolved"}


def test_only_targets_that_hold_the_package_are_looked_at(
    db: Database, scans: Path, overlay: Overlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(db, [str(scans)])
    looked: list[int] = []
    real = module._full

    def counted(document: bytes, settings: Settings) -> dict[str, dict[str, Any]]:
        looked.append(len(document))
        return real(document, settings)

    monkeypatch.setattr(module, "_full", counted)
    assert changes(db, overlay(record("requests", ["2.32.3"]))) == {"other": "affected"}
    assert len(looked) == 1


def test_no_byte_of_a_model_is_read(db: Database, estate: Path, tmp_path: Path, overlay: Overlay) -> None:
    ingest(db, [str(make_scans(estate, tmp_path / "scans"))])
    estate.rename(estate.with_name("away"))
    assert changes(db, overlay(record("quartz-loader", None))) == {"pinned": "malicious", "ranged": "malicious", "locked": "malicious"}


def test_the_same_packs_give_the_same_assessment(scans: Path) -> None:
    for path in scans.iterdir():
        doc = json.loads(path.read_text())
        again = assess(load(path.read_bytes()), Settings(cache=False))
        assert [f.id for f in again.findings] == [f["id"] for f in doc["findings"]]


def test_a_change_that_was_not_told_is_told_the_next_time(db: Database, scans: Path, overlay: Overlay) -> None:
    ingest(db, [str(scans)])
    one = overlay(record("ember-graph-kit", ["3.1.4"]))
    two = overlay(record("numpy", ["1.26.4"], 2), over=one)
    settings = Settings(packs=one, cache=False)
    assert len(reassess(db, settings)["changed"]) == 1  # and then the process died
    result = reassess(db, Settings(packs=two, cache=False))
    assert {a["subject"] for row in result["changed"] for a in row["added"]} == {"pypi/ember-graph-kit", "pypi/numpy"}


def test_worker_processes_answer_the_same(db: Database, scans: Path, overlay: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(db, [str(scans)])
    monkeypatch.setattr(module, "ALONE", 1)
    assert changes(db, overlay(record("quartz-loader", ["0.9.3"])), workers=2) == {
        "pinned": "affected",
        "locked": "affected",
        "ranged": "possibly-affected",
    }


def test_documents_without_facts_and_of_others(db: Database, scans: Path, tmp_path: Path, overlay: Overlay) -> None:
    doc = json.loads((scans / "pinned.json").read_text())
    del doc["facts"]
    (tmp_path / "lean.json").write_text(json.dumps(doc))
    vendor = {
        "bomFormat": "CycloneDX",
        "metadata": {"component": {"name": "app", "purl": "pkg:generic/app@1"}},
        "components": [{"type": "library", "name": "ember-graph-kit", "version": "3.1.4", "purl": "pkg:pypi/ember-graph-kit@3.1.4"}],
    }
    (tmp_path / "vendor.json").write_text(json.dumps(vendor))
    ingest(db, [str(tmp_path / "lean.json"), str(tmp_path / "vendor.json")])
    assert changes(db, Packs()) == {}
    bad = overlay(record("ember-graph-kit", ["3.1.4"]))
    assert changes(db, bad) == {"pinned": "affected", "app@1": "affected"}
    assert changes(db, bad) == {}


def test_targets_whose_bytes_are_needed_are_named(db: Database, scans: Path) -> None:
    doc = json.loads((scans / "pinned.json").read_text())
    doc["tool"]["signatures"]["digest"] = "0" * 64
    (scans / "pinned.json").write_text(json.dumps(doc))
    ingest(db, [str(scans)])
    for _ in range(2):  # until it is scanned again
        result = reassess(db, Settings(cache=False))
        assert [(Path(r["target"]).name, r["why"]) for r in result["bytes_needed"]] == [
            ("pinned", "scanned with packs that are not known here")
        ]


def test_packs_of_inspectors_need_bytes_of_their_formats_alone(db: Database, scans: Path, tmp_path: Path) -> None:
    from mlsbom.knowledge.updates import change

    doc = json.loads((scans / "other.json").read_text())
    doc["artifacts"].append({**doc["artifacts"][0], "path": "net.onnx", "format": "onnx"})
    (scans / "other.json").write_text(json.dumps(doc))
    ingest(db, [str(scans)])

    def edit(staged: Path) -> list[str]:
        path = next(p for p in sorted((staged / "operators").iterdir()) if p.name != "pack.toml")
        path.write_bytes(path.read_bytes() + b"\n")
        return ["operators"]

    change(tmp_path / "new", Packs().root, "a test", edit, "2026-11-02")
    result = reassess(db, Settings(packs=Packs(tmp_path / "new"), cache=False))
    needed = {Path(r["target"]).name for r in result["bytes_needed"]}
    assert "other" in needed
    assert "pinned" not in needed
    assert result["changed"] == []
