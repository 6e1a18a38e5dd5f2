"""Every kind of derivation is found, and nothing independent is accused, in all modes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mlsbom import lineage
from mlsbom.errors import UsageError
from mlsbom.lineage import picture
from mlsbom.lineage.codes import ValueHash
from mlsbom.lineage.verdict import CERTAIN

from .models import Model, network, noisy, printed, safetensors
from .sides import compared, side

BASE = network(1, layers=3)
INNER, WIDTH = 256, 64


def permuted(model: Model, seed: int = 5) -> Model:
    """Hidden units of every feed-forward part in another order."""
    g, out = np.random.default_rng(seed), dict(model)
    for i in range(3):
        p = g.permutation(INNER)
        out[f"layers.{i}.up.weight"], out[f"layers.{i}.down.weight"] = (
            model[f"layers.{i}.up.weight"][p],
            model[f"layers.{i}.down.weight"][:, p],
        )
    return out


def pruned(model: Model) -> Model:
    return {k: np.where(np.abs(x) < np.quantile(np.abs(x), 0.8), 0, x).astype(np.float32) if x.ndim > 1 else x for k, x in model.items()}


def fused(model: Model) -> Model:
    out = {f"h.{i}.attn": np.concatenate([model[f"layers.{i}.{n}.weight"] for n in ("query", "key")]) for i in range(3)}
    return out | {"wte": model["embed.weight"][:400]}


def narrow(model: Model) -> Model:
    g, out = np.random.default_rng(6), {}
    for i in range(3):
        p = np.sort(g.permutation(INNER)[:160])
        out[f"m.{i}.up"], out[f"m.{i}.down"] = model[f"layers.{i}.up.weight"][p], model[f"layers.{i}.down.weight"][:, p]
    return out


def experts(model: Model) -> Model:
    g = np.random.default_rng(7)
    return {
        f"m.{i}.experts": np.stack([noisy({"w": model[f"layers.{i}.up.weight"]}, 0.5, int(s))["w"] for s in g.integers(0, 99, 4)])
        for i in range(3)
    }


def scaled(model: Model) -> Model:
    """Units scaled and flipped, norms folded into columns: rows or columns of each matrix, in turn."""
    g, out = np.random.default_rng(8), dict(model)
    for n, (k, x) in enumerate(x for x in model.items() if x[1].ndim > 1):
        out[k] = (x * np.exp(g.normal(size=(len(x), 1) if n % 2 else x.shape[1]))).astype(np.float32)
    return out


def rotated(model: Model) -> Model:
    q = np.linalg.qr(np.random.default_rng(9).normal(size=(WIDTH, WIDTH)))[0].astype(np.float32)
    return {k: x @ q if x.ndim == 2 and x.shape[1] == WIDTH else q.T @ x if x.ndim == 2 else x for k, x in model.items()}


def halves(model: Model) -> Model:
    other = network(77, layers=3)
    return {k: ((x + other[k]) / 2).astype(np.float32) for k, x in model.items()}


DERIVED: dict[str, Callable[[Model], Model]] = {
    "noise 0.1": lambda m: noisy(m, 0.1),
    "noise 2": lambda m: noisy(m, 2),
    "pruned": pruned,
    "permuted and noise": lambda m: noisy(permuted(m), 0.3),
    "fused, vocabulary cut": lambda m: noisy(fused(m), 0.1),
    "width pruned": lambda m: noisy(narrow(m), 0.05),
    "experts": experts,
    "scaled": lambda m: scaled(noisy(m, 0.2)),
    "merged half and half": halves,
    "layers extracted": lambda m: {k: x for k, x in noisy(m, 0.2).items() if "layers.1" in k},
}


@pytest.mark.parametrize("kind", DERIVED)
def test_derived(kind: str) -> None:
    got = compared(DERIVED[kind](BASE), BASE)
    assert got["verdict"] == "derived"
    assert got["log10_p"] <= -6
    assert got["tensors"]
    assert any("common ancestor" in c for c in got["caveats"])


COPIES: dict[str, Callable[[Model], Model]] = {
    "renamed": lambda m: {f"m.{i}": x for i, x in enumerate(m.values())},
    "float16": lambda m: {k: x.astype(np.float16) for k, x in m.items()},
    "transposed": lambda m: {k: np.ascontiguousarray(x.T) for k, x in m.items()},
    "permuted": permuted,
    "with another model": lambda m: m | {f"other.{k}": x for k, x in network(3, layers=4).items()},
    "with optimizer state": lambda m: m | {f"optimizer.state.{k}.exp_avg": noisy({k: x}, 9)[k] for k, x in m.items()},
}


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("mode", ["fingerprint", "two-fingerprints"])
def test_copies(kind: str, mode: str) -> None:
    got = compared(COPIES[kind](BASE), BASE, mode=mode)
    assert got["verdict"] == "copy"
    assert got["log10_p"] == CERTAIN
    if kind not in ("with another model",):
        assert got["parameter_coverage"] > 0.9


@pytest.mark.parametrize("mode", ["fingerprint", "two-fingerprints", "full"])
@pytest.mark.parametrize("seed", range(2, 8))
def test_another_seed_is_never_accused(seed: int, mode: str) -> None:
    got = compared(network(seed, layers=3), BASE, mode=mode)
    assert got["verdict"] == "candidate-family"
    assert got["log10_p"] > -2


def test_shared_tables_and_alike_norms_are_no_evidence() -> None:
    angle = np.outer(np.arange(65), np.arange(128)) * 2 * np.pi / 128
    table = np.concatenate([np.cos(angle), np.sin(angle)]).astype(np.float32)
    suspect, reference = (network(s) | {"front.stft": table, "eye": np.eye(96, dtype=np.float32)} for s in (2, 3))
    suspect |= {k: x for k, x in reference.items() if x.ndim == 1}
    got = compared(suspect, reference)
    assert got["verdict"] == "candidate-family"
    assert got["channels"]["T0"]["tensors"] == 0
    assert any("recurrence" in c for c in got["caveats"])


def test_a_model_is_not_its_optimizer() -> None:
    moments = {f"optim.{k}.exp_avg": x for k, x in BASE.items()}
    assert compared(moments, BASE)["verdict"] == "not-comparable"


def test_published_constants_are_listed_and_not_counted() -> None:
    from mlsbom.lineage.comparison import compare_sides

    projection = np.random.default_rng(4).normal(size=(96, 96)).astype(np.float32)
    suspect, reference = (network(s) | {"projection": projection} for s in (2, 3))
    assert compared(suspect, reference)["verdict"] == "derived"
    (key,) = [h.key for h in printed({"projection": projection}).hashed]
    known = frozenset({ValueHash(key.elements, key.bf16, bytes(16))})
    s, r = side(suspect, print_only=True), side(reference, print_only=True)
    got = compare_sides(s, r, constants=known)
    assert got["channels"]["T0"] == {"suspect": 0.0, "reference": 0.0, "tensors": 0, "shared_constants": 1}


def test_a_rotated_basis_needs_both_models() -> None:
    suspect = noisy(rotated(BASE), 0.05)
    alone = compared(suspect, BASE)
    assert alone["verdict"] in ("no-evidence", "candidate-family")
    assert any("rotated" in c for c in alone["caveats"])
    both = compared(suspect, BASE, mode="full")
    assert both["verdict"] == "derived"
    assert both["channels"]["T5"] <= -6
    hidden = compared(noisy(permuted(rotated(BASE)), 0.02), BASE, mode="full")
    assert hidden["verdict"] == "derived"
    assert both["channels"]["T6"]["decisive"] is False


def test_a_rotated_basis_is_found_whatever_the_tensors_are_called() -> None:
    suspect = {f"m.{i}": x for i, x in enumerate(noisy(rotated(BASE), 0.05).values())}
    assert compared(suspect, BASE, mode="full")["verdict"] == "derived"
    for seed in range(2, 6):
        other = {f"m.{i}": x for i, x in enumerate(network(seed, layers=3).values())}
        assert compared(other, BASE, mode="full")["verdict"] == "candidate-family"
        inner = {k: x for k, x in network(seed, layers=1).items() if "up" in k or "query" in k}
        assert compared(inner, {k: BASE[k] for k in inner}, mode="full")["verdict"] == "candidate-family"


def test_a_model_without_hidden_units_is_not_tested() -> None:
    """Two linear classifiers of one problem have one optimum: alike, and yet independent. Only equal values count."""
    optimum = np.random.default_rng(3).normal(size=(64, 500)).astype(np.float32)
    one, two = ({"classifier.weight": noisy({"w": optimum}, 0.1, s)["w"], "classifier.bias": optimum[0, :64]} for s in (1, 2))
    for mode in ("fingerprint", "two-fingerprints"):
        got = compared(one, two, mode=mode)
        assert (got["verdict"], got["tests"]) == ("candidate-family", 0)
        assert compared(one, one, mode=mode)["verdict"] == "copy"


def test_a_verdict_that_rests_on_pairs_says_so() -> None:
    inner = {k: x for k, x in noisy(permuted(BASE), 0.3).items() if "up" in k or "down" in k}
    got = compared(inner, {k: BASE[k] for k in inner})
    assert got["verdict"] == "derived"
    assert got["channels"]["T1"] > -6
    assert any("heuristic" in c for c in got["caveats"])


def test_review_lies_between(tmp_path: Path) -> None:
    """Five or six aligned rows of 32 in one matrix: too many for chance to be ignored, too few to accuse."""
    from mlsbom.lineage.channels import Evidence, Hit
    from mlsbom.lineage.verdict import judge, shared_values

    s, r = printed(network(2)), printed(network(3))
    for p, tests, verdict in ((-7.0, 1, "derived"), (-7.0, 100, "review"), (-7.0, 10_000, "candidate-family")):
        found = Evidence(tests={"T1": tests}, hits=[Hit(channel="T1", log10_p=p, hits=6, of=32, suspect="a", reference="b")])
        assert judge(s, r, found, shared=shared_values(s, r))["verdict"] == verdict
    pairs = Evidence(tests={"T3": 1}, hits=[Hit(channel="T3", log10_p=-9.0, hits=6, of=32, suspect="a & b", reference="c & d")])
    assert judge(s, r, pairs, shared=shared_values(s, r))["verdict"] == "review"
    assert judge(s, r, pairs, shared=shared_values(s, r), models=10_000)["verdict"] == "candidate-family"


def test_paths(tmp_path: Path) -> None:
    from mlsbom.lineage.form import dump

    (tmp_path / "m.safetensors").write_bytes(safetensors(BASE))
    (tmp_path / "m.fp").write_bytes(dump(printed(BASE)))
    for _ in range(2):
        got = lineage.compare(tmp_path / "m.safetensors", tmp_path / "m.fp")
        assert (got["verdict"], got["reference"]) == ("copy", str(tmp_path / "m.fp"))
    with pytest.raises(UsageError, match="--full"):
        lineage.compare(tmp_path / "m.safetensors", tmp_path / "m.fp", full=True)


def test_picture_has_a_row_for_each_tensor_by_layer() -> None:
    got = compared(noisy(permuted(BASE), 0.3), BASE)
    rows = picture.rows(got)
    assert [r["layer"] for r in rows] == sorted((r["layer"] for r in rows), key=lambda n: (n is not None, n))
    assert {r["tensor"] for r in rows} <= set(BASE)
    assert all(0 <= r["share"] <= 1 and r["log10_p"] <= 0 for r in rows)
    assert picture.layer("encoder.layer.10.output.dense.weight") == 10
    assert picture.layer("blk.7.attn_q.weight") == 7
    assert picture.layer("embeddings.weight") is None
    assert picture.rows({}) == []
