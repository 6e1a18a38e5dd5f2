"""The local Hugging Face cache: what it lists, and that its snapshots are targets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlsbom.cli import cli
from mlsbom.errors import NothingToScan
from mlsbom.scan import Settings, scan
from mlsbom.sources.cache import folder, snapshots

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as huggingface_hub makes it: blobs, snapshots of links, refs."""
    top = tmp_path / "hub"
    for repository in ("models--acme--asr", "datasets--acme--speech"):
        snapshot = top / repository / "snapshots" / COMMIT
        (top / repository / "blobs").mkdir(parents=True)
        (top / repository / "refs").mkdir()
        snapshot.mkdir(parents=True)
        (top / repository / "blobs" / "b1").write_text("# Card\n")
        (snapshot / "README.md").symlink_to("../../blobs/b1")
        (top / repository / "refs" / "main").write_text(COMMIT)
    (top / "version.txt").write_text("1")
    (top / ".locks").mkdir()
    monkeypatch.setenv("HF_HUB_CACHE", str(top))
    return top


def test_what_the_cache_holds(cache):
    made = {s.name: s for s in snapshots()}
    assert set(made) == {"acme/asr", "acme/speech"}
    assert made["acme/asr"].refs == ("main",) and made["acme/asr"].files == 1
    assert made["acme/speech"].row()["uri"] == f"hf://datasets/acme/speech@{COMMIT}"


def test_the_command_lists_paths_that_scan_takes(cache):
    done = CliRunner().invoke(cli, ["scan", "hf-cache"])
    paths = done.stdout.split()
    assert done.exit_code == 0 and len(paths) == 2
    survey = scan(next(p for p in paths if "models--" in p), Settings()).survey
    assert (survey.target.name, survey.target.revision, [a.path for a in survey.artifacts]) == ("acme/asr", COMMIT, ["README.md"])
    rows = json.loads(CliRunner().invoke(cli, ["scan", "hf-cache", "-o", "json"]).stdout)
    assert [r["path"] for r in rows] == paths


def test_a_cache_with_hostile_links_is_only_listed(cache):
    (cache / "models--acme--evil").symlink_to("/")
    (cache / "models--acme--odd" / "snapshots").mkdir(parents=True)
    (cache / "models--acme--odd" / "snapshots" / COMMIT).symlink_to("/etc")
    (cache / "models--acme--asr" / "refs" / "pr").symlink_to("/etc/passwd")
    assert {s.name for s in snapshots()} == {"acme/asr", "acme/speech"}


def test_no_cache_is_nothing_to_scan(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    with pytest.raises(NothingToScan):
        snapshots()


def test_where_the_cache_stands(monkeypatch):
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", "/home/me/hf")
    assert folder() == Path("/home/me/hf/hub")
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert folder() == Path("/var/cache/me/huggingface/hub")
