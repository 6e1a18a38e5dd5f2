"""`modelCard` of a model: parameters, metrics, considerations. Nothing is invented; an energy figure needs energy, not CO2 alone."""

from __future__ import annotations

from typing import Any, Final

from mlsbom.export.cyclonedx.values import prop
from mlsbom.export.index import Index
from mlsbom.model import Component, Value

Tree = dict[str, Any]
APPROACHES: Final = frozenset({"supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised"})
TRAINING: Final = ("training", "training_data", "preprocessing", "hyperparameter", "training_run", "hardware")
MOST: Final = 100


def model_card(c: Component, index: Index, version: str) -> Tree | None:
    """The card, or None where nothing at all is known."""
    datasets = sorted({r.target for r in index.out(c.ref, "trained-on", "tested-on")})
    approach = next((v.value for v in c.all("approach") if v.value in APPROACHES), None)
    parameters: Tree = {
        "approach": {"type": approach} if approach else None,
        "task": _text(c.value("task")),
        "architectureFamily": _text(c.value("architecture_family")),
        "modelArchitecture": _text(c.value("architecture")),
        "datasets": [{"ref": ref} for ref in datasets],
        "inputs": [{"format": _short(v)} for v in _unique(c.all("input"))],
        "outputs": [{"format": _short(v)} for v in _unique(c.all("output"))],
    }
    metrics = [_metric(v) for v in c.all("metric")[:MOST] if isinstance(v.value, dict)]
    texts = {
        name: [_short(v) for v in _unique(c.all(name))]
        for name in ("intended_use", "limitation", "out_of_scope", "bias", "ethics", "tradeoff")
    }
    considerations: Tree = {
        "useCases": texts["intended_use"],
        "technicalLimitations": texts["limitation"] + texts["out_of_scope"],
        "performanceTradeoffs": texts["tradeoff"],
        "ethicalConsiderations": [{"name": t} for t in texts["bias"] + texts["ethics"]],
    }
    co2 = c.value("co2_grams")
    if version != "1.5":
        considerations["environmentalConsiderations"] = {"properties": [prop("co2_grams", co2), prop("energy_kwh", c.value("energy_kwh"))]}
    own = [
        prop(f"train:{name}" if name in ("hyperparameter", "hardware") else name, v.value) for name in TRAINING for v in c.all(name)[:MOST]
    ]
    if version == "1.5":
        own += [prop("co2_grams", co2), prop("energy_kwh", c.value("energy_kwh"))]
    return {
        "modelParameters": parameters,
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "considerations": considerations,
        "properties": own,
    }


def _metric(v: Value) -> Tree:
    m = v.value
    return {
        "type": str(m.get("name") or m.get("type") or "metric"),
        "value": str(m["value"]) if "value" in m else None,
        "slice": str(m.get("slice") or m.get("dataset") or "") or None,
    }


def _unique(values: list[Value]) -> list[Value]:
    return list({str(v.value): v for v in values[:MOST]}.values())


def _short(v: Value) -> str:
    return str(v.value)[:2000]


def _text(value: Any) -> str | None:
    return str(value) if value else None
