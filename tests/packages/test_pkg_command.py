"""`mlsbom packages check` and `block`: output, order, exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mlsbom.cli.packages import command
from mlsbom.errors import MlsbomError, NothingToScan, UsageError
from mlsbom.knowledge import Packs
from mlsbom.packages import waves
from mlsbom.packages.specifiers import admits

FIELDS = {"input", "name", "ecosystem", "specifier", "verdict", "target", "score", "advisories", "why"}


def run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(command, list(args), input=stdin)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(x) for x in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["numpy", "pandas==2.2.0"], 0),
        (["litellm==1.82.7"], 1),
        (["requestss"], 1),
        (["colorinal"], 1),
        (["litellm"], 0),
        (["acme-voice-internal"], 0),
    ],
)
def test_exit_codes(names: list[str], code: int) -> None:
    assert run("check", "--format", "jsonl", *names).exit_code == code


def test_lines_have_every_field_in_order(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("# a comment\nnumpy\n\nlitellm==1.82.7\nfoo ((\n@x/y\npandas[perf]>=2 ; python_version > '3.8'\n")
    result = run("check", "--format", "jsonl", "--from", str(path))
    found = lines(result)
    assert [r["input"] for r in found] == ["numpy", "litellm==1.82.7", "foo ((", "@x/y", "pandas[perf]>=2 ; python_version > '3.8'"]
    assert all(set(r) == FIELDS for r in found if "error" not in r)
    assert [("error" in r) for r in found] == [False, False, True, True, False]
    assert result.exit_code == 1
    assert "foo ((" in result.stderr


@pytest.mark.parametrize(("text", "code"), [("numpy\n((\n", 3), ("((\n", 2)])
def test_bad_lines_are_gaps(text: str, code: int) -> None:
    assert run("check", "--from", "-", stdin=text).exit_code == code


@pytest.mark.parametrize(
    ("args", "error"), [(["--from", "/nowhere/names"], UsageError), ([], NothingToScan), (["--without", "feeed", "numpy"], UsageError)]
)
def test_wrong_use(args: list[str], error: type[MlsbomError]) -> None:
    result = run("check", *args)
    assert isinstance(result.exception, error) or result.exit_code == 2


def test_npm_takes_both_spellings() -> None:
    found = lines(
        run("check", "--format", "jsonl", "--ecosystem", "npm", "@ctrl/tinycolor@4.1.1", "@ctrl/tinycolor==4.1.1", "chalk@^5.0.0")
    )
    assert [(r["name"], r["specifier"], r["verdict"]) for r in found] == [
        ("@ctrl/tinycolor", "4.1.1", "affected"),
        ("@ctrl/tinycolor", "==4.1.1", "affected"),
        ("chalk", "^5.0.0", "possibly-affected"),
    ]


def test_the_same_names_give_the_same_bytes_alone_and_in_bulk(tmp_path: Path) -> None:
    names = [
        f"{stem}{n}"
        for n in range(60)
        for stem in ("requsts", "numpi", "acme-x-", "tensorflwo", "scikit-lern", "py-cor", "flas", "botocoer", "pandsa", "sleenium")
    ]
    path = tmp_path / "names"
    path.write_text("\n".join(names))
    bulk = lines(run("check", "--format", "jsonl", "--from", str(path)))
    few = lines(run("check", "--format", "jsonl", *names[:40]))
    assert bulk[:40] == few


def test_text_is_safe_for_a_terminal() -> None:
    result = run("check", "evil\x1b[31m", "numpy")
    assert "\x1b" not in result.stdout + result.stderr


# --- block ---------------------------------------------------------------------------------------------------------------------------


def test_constraints_keep_the_wave_out_and_nothing_else() -> None:
    result = run("block", "--wave", "teampcp")
    assert result.exit_code == 0
    rule = next(x for x in result.stdout.splitlines() if x.startswith("litellm"))
    specifier = rule.removeprefix("litellm")
    assert not admits(specifier, "1.82.7", "pypi")
    assert admits(specifier, "1.82.6", "pypi")


def test_every_release_of_every_wave_is_blocked() -> None:
    packs = Packs()
    for slug in waves.load(packs):
        found = waves.releases(packs, slug)
        deny = list(waves.block(waves.find(packs, slug), found, "deny"))
        assert len(deny) - 1 == sum(len(e.versions) for _, e in found) or not found


def test_npm_overrides_are_json() -> None:
    overrides = json.loads(run("block", "--wave", "chalk-debug", "--as", "npm").stdout)["overrides"]
    assert overrides["chalk@5.6.1"] == "0.0.0-blocked"


@pytest.mark.parametrize("name", ["hades", "HADES", "Shai_Hulud 2.0", "litellm", "mini-shai-hulud"])
def test_waves_have_other_names(name: str) -> None:
    assert waves.find(Packs(), name).slug in ("hades", "shai-hulud-2", "teampcp", "tanstack")


def test_an_unknown_wave_names_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        waves.find(Packs(), "hade")
    assert "hades" in error.value.remedy


@pytest.mark.parametrize(("name", "code"), [("numpy", 3), ("requestss", 1)])
def test_a_tampered_pack_is_said_and_is_no_pass(tmp_path: Path, name: str, code: int) -> None:
    root = tmp_path / "packs"
    shutil.copytree(Packs().root, root, ignore=shutil.ignore_patterns("licenses", "fingerprints", "pickle"))
    feed = root / "malicious" / "pypi.tsv"
    feed.write_bytes(feed.read_bytes() + b"numpy\tMAL-0\t\t*\t\n")
    result = run("check", "--signatures", str(root), name)
    assert result.exit_code == code
    assert "malicious/pypi.tsv is not what the index says" in result.stderr
