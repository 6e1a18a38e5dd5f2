"""The `inspect` command: lines, verdicts, exit codes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlsbom.cli import cli
from mlsbom.inspection import exit_code, inspect, verdict
from tests.pickle.build import call, name, text


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A file for each verdict, and a folder."""
    data = {
        "clean.pkl": pickle.dumps({"a": [1]}), "bad.pkl": call("os", "system", text("true")), "odd.pkl": b"\x80\x04" + name("acme.nets", "Net") + b")\x81.",
        "cut.pkl": b"\x80\x04}" + text("a"), "folder/x.pkl": pickle.dumps([1]), "folder/notes.md": b"# words\n",
    }  # fmt: skip
    for path, raw in data.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(raw)
    return {p.split("/")[0].split(".")[0]: str(tmp_path / p.split("/")[0]) for p in data}


def test_one_line_a_path_in_order(files: dict[str, str]) -> None:
    result = CliRunner().invoke(cli, ["inspect", "--format", "jsonl", *files.values()], standalone_mode=False)
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert [line["path"] for line in lines] == list(files.values())
    assert [line["verdict"] for line in lines] == ["clean", "malicious", "suspicious", "incomplete", "clean"]
    assert all(set(line) >= {"path", "verdict", "severity", "findings", "coverage", "imports"} for line in lines)
    assert lines[1]["findings"][0]["rule"] == "PICKLE-DANGEROUS-CALL" and lines[1]["imports"][0]["use"] == "called"
    assert any(c["status"] == "partial" and c["reason"] for c in lines[3]["coverage"])


@pytest.mark.parametrize(
    ("which", "code"), [(["clean"], 0), (["odd"], 0), (["cut"], 3), (["bad", "cut"], 1), (["clean", "cut"], 3), (["folder"], 0)]
)
def test_exit_codes(files: dict[str, str], which: list[str], code: int) -> None:
    assert exit_code(inspect([files[w] for w in which])) == code


def test_a_path_that_is_not_there(files: dict[str, str]) -> None:
    lines = list(inspect([files["clean"], "/nowhere/x.pkl"]))
    assert lines[1]["verdict"] == "incomplete" and "error" in lines[1] and exit_code(lines) == 2


@pytest.mark.parametrize(
    ("severity", "unread", "word"),
    [
        (None, False, "clean"),
        ("low", False, "clean"),
        ("low", True, "incomplete"),
        ("medium", True, "suspicious"),
        ("high", True, "malicious"),
        ("critical", False, "malicious"),
    ],
)
def test_verdict_words(severity: str | None, unread: bool, word: str) -> None:
    assert verdict(severity, unread) == word


def test_text_says_what_and_where(files: dict[str, str]) -> None:
    result = CliRunner().invoke(cli, ["inspect", files["bad"]], standalone_mode=False)
    assert "malicious" in result.output and "PICKLE-DANGEROUS-CALL" in result.output and "at byte" in result.output
