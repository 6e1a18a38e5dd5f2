"""XGBoost (JSON, UBJSON, binary), LightGBM text, CatBoost: sizes that do not fit, objectives, features and versions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json, ubjson
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import METADATA_CODE, is_vocabulary, seen, state, text_finding
from mlsbom.judges import marks
from mlsbom.model import Rule, Severity, Shortfall, Status

BOUNDS = Rule(id="BOOSTER-BOUNDS", title="Sizes in a boosted-tree model do not fit the file", severity=Severity.MEDIUM)
RULES = (BOUNDS, METADATA_CODE)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one model."""
    first = context.formats[0] if context.formats else ""
    if first == "lightgbm":
        yield from _lightgbm(blob.text(256 << 20))
    elif first == "catboost":
        yield from _catboost(blob)
    elif first == "xgboost" and blob.head.startswith(b"binf"):
        yield from state("framework", "xgboost", "magic")
    elif first == "xgboost":
        try:
            root = ubjson.loads(blob.data(512 << 20))
        except Malformed as e:
            yield BOUNDS.finding(str(e), evidence=seen(offset=e.offset))
            yield Shortfall(status=Status.PARTIAL, reason=str(e), evidence=seen(offset=e.offset))
            return
        yield from _xgboost(root)
    elif not is_vocabulary(context.member or context.path):
        root = blob.parsed(json.read).value
        if isinstance(root, dict) and isinstance(root.get("learner"), dict):
            yield from _xgboost(root)


def _xgboost(root: Any) -> Iterator[Yield]:
    learner = root.get("learner") if isinstance(root, dict) else None
    if not isinstance(learner, dict):
        return
    yield from state("framework", "xgboost", "learner")
    version = root.get("version")
    if isinstance(version, list) and all(isinstance(v, int) for v in version):
        yield from state("producer_tool", f"xgboost {'.'.join(map(str, version))}", "version")
    objective = learner.get("objective")
    if isinstance(objective, dict):
        yield from state("hyperparameter", {"name": "objective", "value": str(objective.get("name"))[:200]}, "learner.objective")
    parameters = learner.get("learner_model_param")
    parameters = parameters if isinstance(parameters, dict) else {}
    for key in ("num_feature", "num_class", "num_target"):
        value = str(parameters.get(key, ""))
        if value and not re.fullmatch(r"\d{1,9}", value):
            yield BOUNDS.finding(f"{key} is {marks.quote(value, 60)}", evidence=seen(f"learner_model_param.{key}"))
        elif value and value != "0":
            yield from state("dimension", {"name": key, "value": int(value)}, f"learner_model_param.{key}")
    booster = learner.get("gradient_booster")
    model = booster.get("model") if isinstance(booster, dict) else None
    said = (
        model.get("gbtree_model_param", {}).get("num_trees")
        if isinstance(model, dict) and isinstance(model.get("gbtree_model_param"), dict)
        else None
    )
    trees = model.get("trees") if isinstance(model, dict) else None
    if said is not None and isinstance(trees, list) and str(said) != str(len(trees)):
        yield BOUNDS.finding(
            f"{marks.quote(str(said), 40)} trees are said, {len(trees)} are there", evidence=seen("gbtree_model_param.num_trees")
        )
    for name in (learner.get("feature_names") or [])[:500]:
        yield from state("input", str(name)[:200], "learner.feature_names")
    attributes = learner.get("attributes")
    for key, value in attributes.items() if isinstance(attributes, dict) else ():
        if isinstance(value, str):
            yield from text_finding(f"attribute {marks.quote(str(key), 60)}", value)


def _lightgbm(text: str) -> Iterator[Yield]:
    head = dict(re.findall(r"^(\w+)=(.*)$", text[:200_000], re.M))
    yield from state("framework", "lightgbm", "header")
    yield from state("format_version", f"LightGBM {head.get('version', '')}", "version")
    yield from state(
        "hyperparameter", {"name": "objective", "value": head.get("objective", "")[:200]} if head.get("objective") else None, "objective"
    )
    for name in head.get("feature_names", "").split()[:500]:
        yield from state("input", name[:200], "feature_names")
    limit, said = head.get("max_feature_idx", ""), len(head.get("feature_names", "").split())
    if limit and (not re.fullmatch(r"\d{1,9}", limit) or (said and int(limit) + 1 != said)):
        yield BOUNDS.finding(f"max_feature_idx is {marks.quote(limit, 40)}, {said} features are named", evidence=seen("max_feature_idx"))
    for match in re.finditer(r"^\[?(\w+)(?:=|:\s)(.{6,400}?)\]?$", text[:200_000], re.M):
        if marks.command(match[2]):
            yield from text_finding(match[1], match[2])


def _catboost(blob: Blob) -> Iterator[Yield]:
    size = int.from_bytes(blob.head[4:8], "little")
    yield from state("framework", "catboost", "magic")
    if size > blob.size - 8:
        yield BOUNDS.finding(f"the core says {size} bytes, the file has {blob.size - 8}", evidence=seen(offset=4))
        yield Shortfall(status=Status.PARTIAL, reason="the file ends inside its core", evidence=seen(offset=8))
    core = blob.read_at(8, min(size, 64 << 20))
    for run in re.finditer(rb"[\x20-\x7e]{16,2000}", core[: 1 << 20]):
        yield from text_finding("model info", run[0].decode())
