"""Notices, the command line, and the tool that makes the packs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from mlsbom.cli.licenses import command
from mlsbom.errors import UsageError
from mlsbom.export.notices import write
from mlsbom.knowledge import Packs
from mlsbom.licenses.references import References, live, windows
from mlsbom.scan import Settings, scan

from .conftest import card


@pytest.fixture
def derivative(tmp_path: Path, mit: str) -> Path:
    """A model over a base with text, notice and policy."""
    root = tmp_path / "acme-chat"
    files = {
        "README.md": card("license: llama3.1\nbase_model: example-org/base\n"),
        "bases/example-org/base/README.md": "---\nlicense: llama3.1\n---\n# base\n",
        "bases/example-org/base/LICENSE": 'LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\n\nYou shall prominently display "Built with Llama".\n',
        "bases/example-org/base/NOTICE": "Base is by Example.\n",
        "bases/example-org/base/USE_POLICY.md": "You agree not to use the model for military purposes.\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


def test_what_a_release_must_carry_is_collected(derivative: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = Settings(cache=False)
    rows = write(scan(str(derivative), settings), out, settings.packs)
    files = sorted(str(p.relative_to(out)).split("/")[0] for p in out.rglob("*") if p.is_file())
    assert files == ["LICENSES", "NOTICE.txt", "POLICIES", "obligations.json"]
    assert "Base is by Example." in (out / "NOTICE.txt").read_text("utf-8")
    assert any("Llama" in r["what"] and r["status"] == "stated" for r in rows)
    assert json.loads((out / "obligations.json").read_text("utf-8"))["obligations"] == msgspec.to_builtins(rows)
    assert any(r["status"] == "missing" and r["component"] == "acme-chat" for r in rows)


def test_notices_are_never_written_over_something(derivative: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "y").write_text("z")
    settings = Settings(cache=False)
    with pytest.raises(UsageError, match="not empty"):
        write(scan(str(derivative), settings), tmp_path / "x", settings.packs)


def test_the_commands_print_what_the_interface_says(tmp_path: Path, mit: str) -> None:
    text = tmp_path / "LICENSE"
    text.write_text(mit, "utf-8")
    run = CliRunner().invoke(command, ["identify", "--format", "jsonl", str(text), str(tmp_path / "absent")])
    first, second = map(json.loads, run.stdout.splitlines())
    assert (run.exit_code, first["expression"], second["expression"]) == (3, "MIT", None)
    assert set(first) == {"file", "expression", "licenses", "why"}
    assert {"id", "name", "kind", "score", "clauses"} <= set(first["licenses"][0])
    assert "absent" in second["file"]
    tags = CliRunner().invoke(command, ["tag", "--format", "jsonl", "llama3.1", "openrail"])
    one, other = map(json.loads, tags.stdout.splitlines())
    assert (one["ambiguous"], other["ambiguous"]) == (False, True)
    assert one["licenses"][0]["kind"] == "custom-community"


def test_special_files_are_reported_and_never_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "LICENSE"
    os.mkfifo(fifo)
    run = CliRunner().invoke(command, ["identify", "--format", "jsonl", str(fifo), str(tmp_path)])
    assert run.exit_code == 3
    assert [json.loads(line)["expression"] for line in run.stdout.splitlines()] == [None, None]


def test_the_tool_packs_texts_that_the_matcher_opens(mit: str) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
    try:
        import make_licenses
    finally:
        sys.path.pop(0)
    other = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    raw = make_licenses.pack_texts(
        {"MIT": {"licenseText": mit}, "GPL-9.9": {"licenseText": other}}, [("LicenseRef-x", "v1", other.upper().encode() + b" extra")]
    )
    references = References(raw)
    assert {r.id for r in references.all} == {"MIT", "GPL-9.9-only", "LicenseRef-x"}
    words = tuple(other.split())
    exact = next(r for r in references.all if r.id == "GPL-9.9-only")
    match = references.compare(exact, live(windows(words), len(words)))
    assert (match.missing, match.covered) == (0, len(words))
    changed = (*words[:7], "changed", *words[8:])
    match = references.compare(exact, live(windows(changed), len(words)))
    assert (match.missing, match.mask[7]) == (1, 0)


def test_the_shipped_pack_holds_no_text() -> None:
    raw = Packs().read("licenses/texts.bin")
    names, _, body = raw.partition(b"\n")
    assert b"Permission is hereby granted" not in names
    assert b"permission" not in body.lower()
