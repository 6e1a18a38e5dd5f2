"""`mlsbom doctor --online`: whether the Hub answers."""

from __future__ import annotations

import json

from click.testing import CliRunner

from mlsbom.cli import cli


def rows(*options: str) -> dict[str, dict]:
    done = CliRunner().invoke(cli, ["doctor", "--format", "json", *options])
    assert done.exit_code == 0, done.output
    return {r["what"]: r for r in json.loads(done.stdout)}


def test_without_online_nothing_is_asked(hub):
    there = hub()
    assert "not asked" in rows()["network"]["found"] and not there.requests


def test_a_hub_that_answers_and_one_that_does_not(hub, monkeypatch):
    hub()
    assert "answers" in rows("--online")["network"]["found"]
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    silent = rows("--online")["network"]
    assert not silent["ok"] and silent["optional"] and "HF_ENDPOINT" in silent["remedy"]
