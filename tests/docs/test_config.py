"""Options of `scan` from mlsbom.toml and pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from mlsbom.cli import cli
from mlsbom.cli.config import ALLOWED, CLOSED, defaults
from mlsbom.cli.scan import command
from mlsbom.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("name", "table"), [("mlsbom.toml", "mlsbom"), ("pyproject.toml", "tool.mlsbom")])
def test_values_become_defaults(folder, name, table):
    (folder / name).write_text(f'[{table}]\nfail_on = "critical"\nrequire = "license-clean=2"\njobs = 1\noutput = ["json"]\nquiet = true\n')
    assert defaults(command, folder) == {
        "fail_on": "critical",
        "require": ["license-clean=2"],
        "jobs": 1,
        "outputs": ["json"],
        "quiet": True,
    }


def test_the_command_line_counts_more(folder):
    (folder / "README.md").write_text("# nothing\n")
    (folder / "mlsbom.toml").write_text('[mlsbom]\noutput = "json"\nprofile = "no-such-profile"\n')
    done = CliRunner().invoke(cli, ["scan", "README.md"])
    assert "no-such-profile" in str(done.exception)
    done = CliRunner().invoke(cli, ["scan", "README.md", "--profile", "ci"])
    assert done.exit_code == 0 and done.stdout.startswith("{")
    assert "options from mlsbom.toml [mlsbom]" in done.stderr


def test_unknown_keys_name_the_nearest(folder):
    (folder / "mlsbom.toml").write_text('[mlsbom]\nfail-onn = "low"\n')
    with pytest.raises(UsageError) as error:
        defaults(command, folder)
    assert error.value.remedy == "did you mean fail_on?"


@pytest.mark.parametrize("key", sorted(CLOSED))
def test_a_repository_opens_no_network_and_chooses_no_trust(folder, key):
    (folder / "pyproject.toml").write_text(f"[tool.mlsbom]\n{key} = true\n")
    with pytest.raises(UsageError, match="may not stand"):
        defaults(command, folder)


def test_every_option_is_either_allowed_or_closed():
    options = {o.lstrip("-").replace("-", "_") for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("--")}
    assert options - {"at"} == ALLOWED | CLOSED


@pytest.mark.parametrize("text", ["[mlsbom\n", "mlsbom = 3\n", "[mlsbom]\njobs = {a = 1}\n", "[mlsbom]\nrequire = [1, 2]\n"])
def test_files_that_are_wrong(folder, text):
    (folder / "mlsbom.toml").write_text(text)
    with pytest.raises(UsageError):
        defaults(command, folder)


def test_files_without_the_table_say_nothing(folder):
    (folder / "mlsbom.toml").write_text("[[attestation]]\nkind = 'review'\n")
    (folder / "pyproject.toml").write_text("this is no TOML")
    assert defaults(command, folder) == {}
