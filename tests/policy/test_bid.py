"""The bid package: whole, checkable, and every change to it named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlsbom.collect import Options, collect
from mlsbom.errors import UsageError
from mlsbom.report.bid import MANIFEST, check, make, profile_bytes
from mlsbom.scan import Settings, assess, scan
from mlsbom.sources.local import LocalSource
from mlsbom.survey.document import load


@pytest.fixture
def package(repository: Path, tmp_path: Path) -> Path:
    settings = Settings(cache=False, profile="commercial")
    out = tmp_path / "bid"
    make(scan(str(repository), settings), out, profile_bytes("commercial", settings.packs.read))
    return out


def wrong(package: Path, target: Path | None = None) -> set[tuple[str, str]]:
    settings = Settings(cache=False, profile=str(package / "profile.toml"))
    survey = collect(LocalSource(str(target)), Options(cache=False)) if target else None
    rows = check(package, lambda raw: assess(load(raw), settings), survey, (settings.packs.digest, settings.packs.date))
    return {(r["what"], r["where"]) for r in rows}


def test_a_package_holds(package: Path, repository: Path) -> None:
    assert wrong(package, repository) == set()
    assert {"sbom.cdx.json", "sbom.spdx.json", "sbom.spdx3.json", "report.ko.html", "svr.json"} <= {p.name for p in package.iterdir()}


def test_changes_are_named(package: Path, repository: Path) -> None:
    (package / "svr.json").write_text("{}")
    (package / "report.ko.html").unlink()
    (package / "note.txt").write_text("hello")
    (repository / "added.txt").write_text("x")
    assert wrong(package, repository) == {
        ("tampered", "svr.json"),
        ("missing", "report.ko.html"),
        ("extra", "note.txt"),
        ("delivered", "added.txt"),
    }


def test_a_raised_grade_is_found_by_recomputing(package: Path) -> None:
    import hashlib

    doc = json.loads((package / "scan.json").read_bytes())
    doc["grades"][0]["level"] = 3 if doc["grades"][0]["level"] != 3 else 0
    raw = json.dumps(doc).encode()
    (package / "scan.json").write_bytes(raw)
    manifest = json.loads((package / MANIFEST).read_bytes())
    manifest["files"]["scan.json"] = {"sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    (package / MANIFEST).write_text(json.dumps(manifest))
    assert {w for w, _ in wrong(package)} == {"grade"}


def test_another_profile_and_older_packs_are_named(package: Path) -> None:
    manifest = json.loads((package / MANIFEST).read_bytes())
    manifest["profile"]["sha256"] = "0" * 64
    manifest["signatures"] = {"digest": "1" * 64, "date": "2020-01-01"}
    (package / MANIFEST).write_text(json.dumps(manifest))
    assert wrong(package) == {("profile", "profile.toml"), ("packs", "signatures")}


def test_no_package_is_an_error(tmp_path: Path, package: Path, repository: Path) -> None:
    with pytest.raises(UsageError, match=MANIFEST):
        wrong(tmp_path / "nothing")
    with pytest.raises(UsageError, match="not empty"):
        make(scan(str(repository), Settings(cache=False)), package, b"")
