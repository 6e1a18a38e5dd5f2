"""In a scan: fingerprints only where the registry has something to compare, findings that say what the numbers say, silence else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mlsbom.blob import BytesBlob
from mlsbom.budget import Budget
from mlsbom.knowledge import Packs
from mlsbom.lineage.sketch import sketch
from mlsbom.model import Assessment, TensorTable
from mlsbom.resolve.lineage import RULES
from mlsbom.scan import Settings, scan

from .models import Model, network, noisy, safetensors

PAGES = Path(__file__).resolve().parents[2] / "mlsbom" / "rules"


def example(version: int) -> Model:
    """The registered example-encoder (tools/make_fingerprints.py): a 64 x 64 matrix and a small head, drawn."""
    g = np.random.default_rng(version)
    shapes = {"encoder.mix.weight": (64, 64), "encoder.head.weight": (2, 64)}
    return {name: g.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def encoder(version: int, scale: float = 0.2) -> Model:
    return noisy(example(version), scale)


def scanned(folder: Path, files: dict[str, bytes | str], settings: Settings) -> Assessment:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return scan(str(folder), settings)


def fired(a: Assessment) -> list[tuple[str, str, str]]:
    return [(f.rule, f.severity.value, f.where.path) for f in a.findings if f.rule.startswith("LINEAGE-")]


def attested(**parts: str) -> str:
    value = ", ".join(f'{k} = "{v}"' for k, v in parts.items())
    return f'[[attestation]]\nkind = "initialisation"\ncomponent = "*"\nby = "Example Labs"\ndate = 2026-01-01\nvalue = {{ {value} }}\n'


def test_rules_are_those_of_the_pages() -> None:
    for rule in RULES:
        head = (PAGES / f"{rule.id}.md").read_text("utf-8").split("---")[1]
        assert re.search(rf"^id: {rule.id}$", head, re.M)
        assert re.search(rf"^title: {re.escape(rule.title)}$", head, re.M)
        assert re.search(rf"^severity: {rule.severity.value}$", head, re.M)


def test_an_undeclared_parent(tmp_path: Path, settings: Settings) -> None:
    a = scanned(tmp_path, {"model.safetensors": safetensors(encoder(1))}, settings)
    assert fired(a) == [("LINEAGE-UNDECLARED", "medium", "model.safetensors")]
    (result,) = [r for r in a.lineage if r["verdict"] == "derived"]
    assert result["reference"] == "example-encoder 1.0"
    assert result["model"]["license"] == "CC0-1.0"
    assert result["tensors"][0]["suspect"] == "encoder.mix.weight"


def test_a_path_that_names_the_parent_softens_it(tmp_path: Path, settings: Settings) -> None:
    a = scanned(tmp_path, {"third_party/example-encoder.safetensors": safetensors(encoder(1))}, settings)
    assert fired(a) in ([("LINEAGE-UNDECLARED", "low", "third_party/example-encoder.safetensors")], [])


def test_a_declared_parent_is_no_finding(tmp_path: Path, settings: Settings) -> None:
    card = "---\nbase_model: someone/example-encoder\n---\n# Ours\n"
    a = scanned(tmp_path, {"README.md": card, "model.safetensors": safetensors(encoder(1))}, settings)
    assert fired(a) == []
    assert any(r["verdict"] == "derived" for r in a.lineage)


def test_a_declared_parent_that_does_not_show(tmp_path: Path, settings: Settings) -> None:
    card = "---\nbase_model: someone/example-encoder\n---\n# Ours\n"
    a = scanned(tmp_path, {"README.md": card, "model.safetensors": safetensors(example(9))}, settings)
    assert fired(a) == [("LINEAGE-UNCONFIRMED", "low", "model.safetensors")]
    b = scanned(
        tmp_path / "other", {"README.md": card, "model.safetensors": safetensors({"w": network(1)["layers.0.up.weight"]})}, settings
    )
    assert fired(b) == [], "nothing is comparable: nothing is said"


@pytest.mark.parametrize(
    ("name", "fires"), [("model_half.safetensors", True), ("model_legacy.safetensors", False), ("model-v1.safetensors", False)]
)
def test_a_stale_file_beside_newer_ones(name: str, fires: bool, tmp_path: Path, settings: Settings) -> None:
    a = scanned(tmp_path, {"model.safetensors": safetensors(encoder(2)), name: safetensors(example(1))}, settings)
    found = [f for f in fired(a) if f[0] == "LINEAGE-STALE"]
    assert found == ([("LINEAGE-STALE", "medium", name)] if fires else [])


@pytest.mark.parametrize(
    ("parts", "fires"),
    [
        ({"encoder": "random"}, True),
        ({"mix": "random"}, True),
        ({"decoder": "random"}, False),
        ({"enc": "random"}, False),
        ({"encoder": "pretrained:x"}, False),
    ],
)
def test_a_part_said_to_be_random(parts: dict[str, str], fires: bool, tmp_path: Path, settings: Settings) -> None:
    files = {"model.safetensors": safetensors(encoder(1)), "mlsbom.toml": attested(**parts)}
    found = [f for f in fired(scanned(tmp_path, files, settings)) if f[0] == "LINEAGE-NOT-RANDOM"]
    assert bool(found) == fires
    assert all(severity == "high" for _, severity, _ in found)


def test_independent_weights_of_the_same_shapes_are_not_accused(tmp_path: Path, settings: Settings) -> None:
    files: dict[str, bytes | str] = {f"m{seed}.safetensors": safetensors(example(seed)) for seed in range(10, 20)}
    a = scanned(tmp_path, files | {"mlsbom.toml": attested(encoder="random")}, settings)
    assert fired(a) == []
    assert {r["verdict"] for r in a.lineage} <= {"candidate-family", "no-evidence"}


def test_no_tensor_is_read_where_nothing_is_comparable() -> None:
    class Touchy(BytesBlob):
        def read_at(self, offset: int, length: int) -> bytes:
            raise AssertionError("read")

    table = TensorTable(names=("w",), dtypes=("F32",), shapes=((123, 457),), count=1, parameters=123 * 457)
    assert list(sketch(Touchy(b"x" * 100), ("safetensors",), (table,), Packs(), Budget())) == []


def test_only_comparable_tensors_are_read_of_a_file_of_other_shapes() -> None:
    import base64

    from mlsbom.lineage import form

    g = np.random.default_rng(1)
    model = {
        "big": g.normal(size=(611, 499)).astype(np.float32),
    } | example(1)
    raw = safetensors(model)
    table = TensorTable(names=tuple(model), dtypes=("F32",) * 3, shapes=tuple(x.shape for x in model.values()), count=3)
    (fact,) = sketch(BytesBlob(raw), ("safetensors",), (table,), Packs(), Budget())
    made = form.load(base64.b64decode(fact.content))
    assert [made.name(h.tensor) for h in made.hashed] == ["encoder.mix.weight"]
    assert made.header.parameters == 611 * 499 + 64 * 64 + 128


def test_the_same_scan_twice_gives_the_same_results(tmp_path: Path, settings: Settings) -> None:
    files: dict[str, bytes | str] = {"a.safetensors": safetensors(encoder(1)), "b.safetensors": safetensors(encoder(2))}
    first = scanned(tmp_path, files, settings)
    assert first.lineage == scan(str(tmp_path), settings).lineage
