"""The commands, as a responder runs them."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.conftest import record


def run(*arguments: str, code: int | None = 0) -> str:
    done = subprocess.run([sys.executable, "-m", "mlsbom", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    assert code is None or done.returncode == code, done.stderr
    return done.stdout


def test_from_a_list_to_an_answer(estate: Path, tmp_path: Path) -> None:
    url, out = f"sqlite:///{tmp_path / 'fleet.db'}", str(tmp_path / "out")
    run("fleet", "scan", str(estate), "--out", out, "-q", code=None)
    assert json.loads(run("fleet", "ingest", out, "--db", url, "--format", "json"))["new"] == 4
    question = ("fleet", "query", "--db", url, "--package", "quartz-loader==0.9.3", "--format")
    answer = json.loads(run(*question, "json", code=1))
    verdicts = [(Path(h["target"]).name, h["verdict"]) for h in answer["hits"]]
    assert verdicts == [("locked", "affected"), ("locked", "affected"), ("pinned", "affected"), ("ranged", "possibly-affected")]
    assert answer["elapsed_ms"] < 50
    assert [r["verdict"] for r in csv.DictReader(io.StringIO(run(*question, "csv", code=1)))] == [v for _, v in verdicts]
    assert [json.loads(line)["verdict"] for line in run(*question, "jsonl", code=1).splitlines()] == [v for _, v in verdicts]
    assert run(*question, "markdown", code=1).count("\n| ") == 5
    assert "by way of outer" in run(*question, "text", code=1)
    assert json.loads(run("fleet", "query", "--db", url, "--package", "no-such", "--format", "json"))["hits"] == []
    run("fleet", "query", "--db", url, code=2)
    run("fleet", "query", "--db", f"sqlite:///{tmp_path}/none.db", "--package", "a", code=2)
    run("fleet", "ingest", str(tmp_path / "none"), "--db", url, code=2)


def test_watch_reports_only_what_is_new(scans: Path, tmp_path: Path) -> None:
    feed = tmp_path / "feed.json"
    feed.write_text(json.dumps([record("ember-graph-kit", ["3.1.4"])]))
    assert run("fleet", "watch", str(scans)) == ""
    run("signatures", "import", str(feed))
    told = run("fleet", "watch", str(scans), "--format", "jsonl", code=1).splitlines()
    assert [Path(json.loads(line)["target"]).name for line in told] == ["pinned"]
    assert run("fleet", "watch", str(scans)) == ""
    (scans / "half.json").write_text("{")
    run("fleet", "watch", str(scans), code=3)


@pytest.mark.skipif(os.name != "posix", reason="a closed pipe is a thing of POSIX")
def test_a_change_that_could_not_be_written_is_told_again(scans: Path, tmp_path: Path) -> None:
    feed = tmp_path / "feed.json"
    feed.write_text(json.dumps([record("ember-graph-kit", ["3.1.4"])]))
    run("fleet", "watch", str(scans))
    run("signatures", "import", str(feed))
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "mlsbom", "fleet", "watch", str(scans)]
        lost = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=120, check=False)
    assert lost.returncode != 0
    assert "pinned" in run("fleet", "watch", str(scans), code=1)
