"""Index files against the files that are there."""

from __future__ import annotations

import json

import pytest

from mlsbom.knowledge import Packs
from mlsbom.model import Artifact, Finding, Observed, Place, Statement, Survey, Target, ToolInfo
from mlsbom.resolve import Asked, shards
from mlsbom.rulebook import page
from mlsbom.survey.fold import fold

from .reading import read, stated


def findings(index: dict[str, object], sizes: dict[str, int], folder: str = "") -> list[str]:
    (value,) = stated(read(f"{folder}model.safetensors.index.json", json.dumps(index)), "shards")
    place = Place(path=f"{folder}model.safetensors.index.json")
    survey = Survey(
        target=Target(uri="x"),
        tool=ToolInfo(),
        artifacts=tuple(Artifact(path=p, size=s) for p, s in sizes.items()),
        observed=(Observed(place=place, by="documents.shards", fact=Statement(field="shards", value=value)),),
    )
    graph = fold(survey)
    return [o.fact.rule for o in shards.resolve(survey, graph, Packs(), Asked(now="2026-01-01T00:00:00Z")) if isinstance(o.fact, Finding)]


@pytest.mark.parametrize(
    ("names", "total", "sizes", "rules"),
    [
        (["a", "b"], 10, {"a": 8, "b": 8}, []),
        (["a", "b"], 10, {"a": 8}, ["MODEL-SHARD-MISSING"]),
        (["a"], 10, {"a": 8}, ["MODEL-SHARD-SIZE"]),
        (["../a"], 10, {"a": 80}, ["MODEL-SHARD-OUTSIDE"]),
        (["/etc/passwd"], None, {}, ["MODEL-SHARD-OUTSIDE"]),
        (["sub/a"], None, {"sub/a": 8}, []),
    ],
)
def test_shards(names: list[str], total: int | None, sizes: dict[str, int], rules: list[str]) -> None:
    index = {"metadata": {"total_size": total} if total else {}, "weight_map": {f"t{n}": name for n, name in enumerate(names)}}
    assert findings(index, sizes) == rules
    assert findings(index, {f"m/{p}": s for p, s in sizes.items()}, "m/") == rules


@pytest.mark.parametrize("rule", shards.RULES, ids=lambda r: r.id)
def test_the_pages_say_the_same(rule: object) -> None:
    shown = page(rule.id)
    assert (shown.title, shown.severity, shown.waivable) == (rule.title, rule.severity, rule.waivable)
    assert {kind for kind, _, _ in shown.cases} == {"fires", "benign"}
