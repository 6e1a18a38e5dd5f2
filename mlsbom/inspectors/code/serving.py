"""What serving tools run: TorchServe archives, MLflow models, Triton, BentoML, Cog and KServe configurations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json, yaml
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import state
from mlsbom.judges import marks
from mlsbom.judges.outside import leads_out
from mlsbom.judges.targets import targets
from mlsbom.model import Evidence, Name, Phase, Rule, Severity
from mlsbom.patterns import late

MANIFEST = Rule(id="MAR-MANIFEST", title="A TorchServe archive has no manifest, or one that leads outside", severity=Severity.MEDIUM)
LOADER = Rule(id="MLFLOW-LOADER", title="An MLflow model is loaded by code that is not part of MLflow", severity=Severity.MEDIUM)
BACKEND = Rule(id="SERVING-BACKEND", title="A serving configuration runs code of the repository", severity=Severity.LOW)
RULES = (MANIFEST, LOADER, BACKEND)

_BUILTIN: Final = frozenset(
    {"image_classifier", "object_detector", "text_classifier", "image_segmenter", "text_handler", "base_handler", "vision_handler"}
)
_ROW: Final = late(
    r'^\s*(backend|platform|default_model_filename|model_operations|op_library_filename)\s*:\s*\[?\s*"([^"\n]*)"', re.M
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one manifest or configuration."""
    base = (context.member or context.path).rsplit("/", 1)[-1].lower()
    if base == "manifest.json":
        yield from _manifest(blob.parsed(json.read).value)
    elif base.endswith(".mar"):
        yield from _archive(blob, context)
    elif base == "mlmodel":
        yield from _mlflow(blob, context)
    elif base == "config.pbtxt":
        yield from _triton(blob.text())
    else:
        yield from _service(blob, base)


def _manifest(root: Any) -> Iterator[Yield]:
    model = root.get("model") if isinstance(root, dict) else None
    if not isinstance(model, dict):
        return
    for key in ("handler", "serializedFile", "modelFile", "requirementsFile", "extraFiles"):
        for text in model[key].split(",") if isinstance(model.get(key), str) else ():
            if out := leads_out(text.split(":")[0] if key == "handler" else text):
                yield MANIFEST.finding(
                    f"{key} is {marks.quote(text, 120)}: the path {out[1]}",
                    evidence=Evidence(key=f"model.{key}"),
                    severity=out[0],
                    phase=Phase.LOAD,
                )
    handler = model.get("handler")
    if isinstance(handler, str):
        yield Name(
            kind="target",
            name=marks.quote(handler, 200),
            use="called",
            judged="state" if handler in _BUILTIN else "unknown",
            evidence=Evidence(key="model.handler"),
        )
    yield from state("name", model.get("modelName"), "model.modelName")
    yield from state("version", model.get("modelVersion"), "model.modelVersion")
    yield from state("producer_tool", f"torch-model-archiver {root.get('archiverVersion', '')}", "archiverVersion")


def _archive(blob: Blob, context: Context) -> Iterator[Yield]:
    if "zip" not in context.formats:
        return
    from mlsbom.formats.zip import read_zip

    names = blob.parsed(read_zip).names()
    if names and not any(n.upper().endswith("MAR-INF/MANIFEST.JSON") for n in names):
        yield MANIFEST.finding("MAR-INF/MANIFEST.json is not there: what would be run is not stated", evidence=Evidence())


def _mlflow(blob: Blob, context: Context) -> Iterator[Yield]:
    try:
        root = yaml.loads(blob.text())
    except Malformed:
        return
    if not isinstance(root, dict) or not ("flavors" in root or "artifact_path" in root):
        return
    judge = targets(context.packs)
    flavors = root.get("flavors")
    for flavor, settings in flavors.items() if isinstance(flavors, dict) else ():
        if not isinstance(settings, dict):
            continue
        loader, where = settings.get("loader_module"), Evidence(key=f"flavors.{flavor}.loader_module")
        if isinstance(loader, str):
            yield Name(kind="target", name=loader[:200], use="called", evidence=where)
            if not loader.startswith("mlflow."):
                severity = Severity.CRITICAL if judge.is_dangerous_module(loader) else None
                yield LOADER.finding(
                    f"flavor {marks.quote(str(flavor), 60)} is loaded by {marks.quote(loader, 120)}",
                    evidence=where,
                    severity=severity,
                    phase=Phase.LOAD,
                )
        for key in ("code", "model_code_path", "python_model", "model_path", "data", "pickled_model", "cloudpickle_path"):
            path = settings.get(key)
            if isinstance(path, str) and (out := leads_out(path)):
                yield LOADER.finding(
                    f"{key} is {marks.quote(path, 120)}: the path {out[1]}",
                    evidence=Evidence(key=f"flavors.{flavor}.{key}"),
                    severity=out[0],
                    phase=Phase.LOAD,
                )
        if flavor in ("sklearn", "pytorch", "tensorflow", "keras", "onnx", "transformers", "xgboost", "lightgbm"):
            yield from state("framework", str(flavor), f"flavors.{flavor}")
    run = root.get("run_id")
    yield from state("training_run", {"name": str(run)} if run else None, "run_id")
    yield from state("created", root.get("utc_time_created"), "utc_time_created")
    yield from state("producer_tool", f"mlflow {root['mlflow_version']}" if root.get("mlflow_version") else "", "mlflow_version")


def _triton(text: str) -> Iterator[Yield]:
    for row in _ROW.finditer(text):
        key, value = row[1], row[2]
        line = text.count("\n", 0, row.start()) + 1
        if key in ("backend", "platform") and value == "python":
            yield BACKEND.finding("the Python backend runs model.py", evidence=Evidence(line=line, key=key), phase=Phase.LOAD)
        elif key in ("op_library_filename", "default_model_filename") and ((out := leads_out(value)) or key == "op_library_filename"):
            yield BACKEND.finding(
                f"{key} is {marks.quote(value, 120)}",
                evidence=Evidence(line=line, key=key),
                severity=Severity.HIGH if out else Severity.MEDIUM,
                phase=Phase.LOAD,
            )
        elif key in ("backend", "platform"):
            yield from state("library", value, key)


def _service(blob: Blob, base: str) -> Iterator[Yield]:
    try:
        root = yaml.loads(blob.text())
    except Malformed:
        return
    key = {"cog.yaml": "predict", "bentofile.yaml": "service"}.get(base, "")
    entry = root.get(key) if isinstance(root, dict) else None
    if isinstance(entry, str):
        yield Name(kind="target", name=entry[:200], use="called", evidence=Evidence(key=key))
        yield from state("entry_point", entry, key, about="owner")
        if out := leads_out(entry.split(":")[0]):
            yield BACKEND.finding(
                f"{key} is {marks.quote(entry, 120)}: the path {out[1]}", evidence=Evidence(key=key), severity=out[0], phase=Phase.LOAD
            )
