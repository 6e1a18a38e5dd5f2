"""The registry: relatives are found among many, damaged files are said, thousands cost little; and the shipped one is whole."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mlsbom import lineage
from mlsbom.cli.lineage import command
from mlsbom.errors import UsageError
from mlsbom.knowledge import Packs
from mlsbom.lineage import form
from mlsbom.lineage.known import families, known, models

from .models import network, noisy, printed, safetensors


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    folder = tmp_path / "registry"
    folder.mkdir()
    for seed in range(1, 6):
        (folder / f"net-{seed}.fp").write_bytes(form.dump(printed(network(seed))))
    return folder


def test_relatives_are_found_and_no_other_is_accused(registry: Path, tmp_path: Path) -> None:
    (tmp_path / "s.safetensors").write_bytes(safetensors(noisy(network(3), 0.5)))
    rows = list(lineage.search(tmp_path / "s.safetensors", registry))
    assert [(r["reference"], r["verdict"]) for r in rows[:1]] == [("net-3.fp", "derived")]
    assert {r["verdict"] for r in rows[1:]} <= {"candidate-family"}
    again = list(lineage.search(registry / "net-3.fp", registry))
    assert (again[0]["reference"], again[0]["verdict"]) == ("net-3.fp", "copy")


def test_damaged_fingerprints_are_listed(registry: Path) -> None:
    (registry / "cut.fp").write_bytes((registry / "net-1.fp").read_bytes()[:200])
    (registry / "other.fp").write_bytes(b"hello")
    rows = {r["reference"]: r for r in lineage.search(registry / "net-1.fp", registry)}
    assert rows["cut.fp"]["verdict"] == rows["other.fp"]["verdict"] == "not-comparable"
    assert "cut" in rows["cut.fp"]["caveats"][0]


def test_thousands_of_other_architectures_cost_under_a_second(tmp_path: Path) -> None:
    g = np.random.default_rng(1)
    raw = {w: form.dump(printed({"w": g.normal(size=(96, w)).astype(np.float32)})) for w in range(100, 140)}
    for i in range(2000):
        (tmp_path / f"{i:05}.fp").write_bytes(raw[100 + i % 40])
    (tmp_path / "mine.fp").write_bytes(form.dump(printed(network(1))))
    list(lineage.search(tmp_path / "mine.fp", tmp_path / ".."))  # imports, outside the clock
    start = time.perf_counter()
    rows = list(lineage.search(tmp_path / "mine.fp", tmp_path))
    assert time.perf_counter() - start < 2  # a second, on a machine that does nothing else
    assert [r["reference"] for r in rows] == ["mine.fp"]


def test_no_folder_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(safetensors(network(1)))
    with pytest.raises(UsageError):
        list(lineage.search(tmp_path / "m.safetensors", tmp_path / "none"))


def test_the_shipped_registry_is_whole_and_its_models_are_told_apart() -> None:
    from mlsbom.lineage.comparison import Side
    from mlsbom.lineage.registry import Registry, search_side

    packs = Packs()
    registry = known(packs)
    assert {e.name for e in registry.entries} == set(registry.models) == set(models(packs))
    assert all(len(e.raw) <= 150_000 for e in registry.entries)
    for e in registry.entries:
        found = dict(search_side(Side(e.name, e.fingerprint), Registry(registry.entries, ())))
        assert found[e.name]["verdict"] == "copy"
        mine = registry.models[e.name].product
        others = {n: r["verdict"] for n, r in found.items() if registry.models[n].product != mine}
        assert not {n: v for n, v in others.items() if v in ("copy", "derived", "review")}


def test_models_are_recognised_by_name() -> None:
    m = models(Packs())["all-minilm-l6-v2-0.1.0.fp"]
    assert m.named_by("sentence-transformers/all-MiniLM-L6-v2")
    assert m.named_by("my_all_minilm_l6_v2.onnx")
    assert not m.named_by("minilm")


def test_families_are_candidates_by_dimensions() -> None:
    shapes = {(32000, 4096), (11008, 4096), (4096, 11008), (4096, 4096)}
    assert [f.name for f in families(Packs()) if f.fits(shapes)] == ["llama-7b"]
    assert not [f for f in families(Packs()) if f.fits({(32000, 4096), (4096, 4096)})]


@pytest.mark.parametrize(
    ("suspect", "code", "verdict"),
    [("copy", 1, "copy"), ("noise", 1, "derived"), ("other", 0, "candidate-family"), ("text", 3, "not-comparable")],
)
def test_command_compare(suspect: str, code: int, verdict: str, tmp_path: Path) -> None:
    import json

    files = {"base": network(1), "copy": network(1), "noise": noisy(network(1), 0.3), "other": network(2)}
    for name, model in files.items():
        (tmp_path / name).write_bytes(safetensors(model))
    (tmp_path / "text").write_bytes(b"hello\n")
    done = CliRunner().invoke(command, ["compare", str(tmp_path / suspect), str(tmp_path / "base"), "--format", "json"])
    row = json.loads(done.stdout)
    assert (done.exit_code, row["verdict"]) == (code, verdict)
    assert set(row) >= {"suspect", "reference", "verdict", "log10_p", "tests", "parameter_coverage", "channels", "tensors", "caveats"}
    text = CliRunner().invoke(command, ["compare", str(tmp_path / suspect), str(tmp_path / "base")])
    assert verdict in text.stdout


def test_command_fingerprint_and_search(tmp_path: Path) -> None:
    import json

    (tmp_path / "m").write_bytes(safetensors(network(1)))
    out = tmp_path / "r" / "m.fp"
    out.parent.mkdir()
    done = CliRunner().invoke(command, ["fingerprint", str(tmp_path / "m"), "-o", str(out), "--format", "json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["bytes"] == out.stat().st_size
    (tmp_path / "bad").write_bytes(b"GGUF")
    bad = CliRunner().invoke(command, ["fingerprint", str(tmp_path / "bad"), "-o", str(tmp_path / "bad.fp"), "--format", "json"])
    assert bad.exit_code == 3
    assert json.loads(bad.stdout)["coverage"][0]["status"] == "partial"
    found = CliRunner().invoke(command, ["search", str(tmp_path / "m"), "--registry", str(out.parent), "--format", "jsonl"])
    assert found.exit_code == 1
    assert [json.loads(line)["verdict"] for line in found.stdout.splitlines()] == ["copy"]
    none = CliRunner().invoke(command, ["search", str(tmp_path / "m"), "--registry", str(tmp_path)])
    assert none.exit_code == 0
    assert "no evidence" in none.stdout
    unread = CliRunner().invoke(command, ["search", str(tmp_path / "bad"), "--registry", str(out.parent), "--format", "jsonl"])
    assert unread.exit_code == 3
    assert [json.loads(line)["verdict"] for line in unread.stdout.splitlines()] == ["not-comparable"]
