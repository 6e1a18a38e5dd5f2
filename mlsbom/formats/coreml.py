"""Core ML models by the wire format: description, layers with their custom classes and parameters, paths of linked models and blobs.

Source: Model.proto, NeuralNetwork.proto, MIL.proto, LinkedModel.proto of coremltools 9 (field numbers below).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import protobuf
from mlsbom.formats.protobuf import View

NETWORKS: Final = frozenset({303, 403, 500})
PIPELINES: Final = frozenset({200, 201, 202})
KINDS: Final[dict[int, str]] = {
    200: "pipelineClassifier", 201: "pipelineRegressor", 202: "pipeline", 300: "glmRegressor", 301: "supportVectorRegressor",
    302: "treeEnsembleRegressor",
    303: "neuralNetworkRegressor", 304: "bayesianProbitRegressor", 400: "glmClassifier", 401: "supportVectorClassifier",
    402: "treeEnsembleClassifier",
    403: "neuralNetworkClassifier", 404: "kNearestNeighborsClassifier", 500: "neuralNetwork", 501: "itemSimilarityRecommender",
    502: "mlProgram", 555: "customModel",
    556: "linkedModel", 560: "classConfidenceThresholding", 600: "oneHotEncoder", 601: "imputer", 602: "featureVectorizer",
    603: "dictVectorizer", 604: "scaler",
    606: "categoricalMapping", 607: "normalizer", 609: "arrayFeatureExtractor", 610: "nonMaximumSuppression", 900: "identity",
    2000: "textClassifier", 2001: "wordTagger",
    2002: "visionFeaturePrint", 2003: "soundAnalysisPreprocessing", 2004: "gazetteer", 2005: "wordEmbedding", 2006: "audioFeaturePrint",
    3000: "serializedModel",
}  # fmt: skip
CUSTOM_LAYER: Final = 500
DEPTH_LIMIT: Final = 16


class Custom(Struct, frozen=True):
    """A custom layer or model: class and text parameters."""

    class_name: str
    parameters: tuple[tuple[str, str], ...]
    at: int


class CoreMl(Struct):
    """`metadata`: user-defined keys and values; `paths`: other files that are named."""

    version: int = 0
    kinds: list[str] = field(default_factory=list)
    description: str = ""
    model_version: str = ""
    author: str = ""
    license: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    layers: int = 0
    custom: list[Custom] = field(default_factory=list)
    paths: list[tuple[str, int]] = field(default_factory=list)
    broken: str | None = None
    broken_at: int = 0


def read(blob: Blob) -> CoreMl:
    """The model of a blob: a reader for `Blob.parsed`. `broken` says where the message breaks."""
    out = CoreMl()
    try:
        _model(blob.parsed(protobuf.view), 0, out, 0)
    except Malformed as e:
        out.broken, out.broken_at = str(e), e.offset or 0
    return out


def _model(data: View, base: int, out: CoreMl, depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise Malformed("pipelines nested too deep", offset=base)
    for number, _, value, at in protobuf.fields(data, base):
        body = protobuf.message(value)
        if number == 1 and isinstance(value, int) and not depth:
            out.version = value
        elif number == 2 and not depth:
            _description(body, at, out)
        elif number in KINDS:
            out.kinds.append(KINDS[number])
            if number in PIPELINES:
                _pipeline(body, at, out, depth, number)
            elif number in NETWORKS:
                _network(body, at, out)
            elif number == 555:
                out.custom.append(_custom(body, at, 10, 30))
            elif number == 556:
                _linked(body, at, out)
            elif number == 502:
                _program(body, at, out)


def _pipeline(data: View, base: int, out: CoreMl, depth: int, kind: int) -> None:
    for number, _, value, at in protobuf.fields(data, base):
        if kind != 202 and number == 1 and not isinstance(value, int):
            _pipeline(value, at, out, depth, 202)
        elif kind == 202 and number == 1 and not isinstance(value, int):
            _model(value, at, out, depth + 1)


def _description(data: View, base: int, out: CoreMl) -> None:
    for number, _, value, at in protobuf.fields(data, base):
        body = protobuf.message(value)
        if number in (1, 10):
            name = next((protobuf.text(v)[:200] for n, _, v, _ in protobuf.fields(body, at) if n == 1), "")
            (out.inputs if number == 1 else out.outputs).append(name)
        elif number == 100:
            for inner, _, part, at2 in protobuf.fields(body, at):
                match inner:
                    case 1:
                        out.description = protobuf.text(part)[:20_000]
                    case 2:
                        out.model_version = protobuf.text(part)[:200]
                    case 3:
                        out.author = protobuf.text(part)[:500]
                    case 4:
                        out.license = protobuf.text(part)[:20_000]
                    case 100:
                        key, text = _entry(protobuf.message(part), at2)
                        out.metadata[key] = text


def _entry(data: View, base: int) -> tuple[str, str]:
    out = ["", ""]
    for number, _, value, _ in protobuf.fields(data, base):
        if number in (1, 2):
            out[number - 1] = protobuf.text(value)[:20_000]
    return out[0], out[1]


def _network(data: View, base: int, out: CoreMl) -> None:
    for number, _, value, at in protobuf.fields(data, base):
        if number == 1 and not isinstance(value, int):
            out.layers += 1
            for inner, _, part, at2 in protobuf.fields(value, at):
                if inner == CUSTOM_LAYER and not isinstance(part, int):
                    out.custom.append(_custom(part, at2, 10, 30))


def _custom(data: View, base: int, name_field: int, parameters_field: int) -> Custom:
    name = ""
    parameters: list[tuple[str, str]] = []
    for number, _, value, at in protobuf.fields(data, base):
        if number == name_field:
            name = protobuf.text(value)[:300]
        elif number == parameters_field and not isinstance(value, int):
            key, text = "", ""
            for inner, _, part, at2 in protobuf.fields(value, at):
                if inner == 1:
                    key = protobuf.text(part)[:300]
                elif inner == 2 and not isinstance(part, int):
                    text = next((protobuf.text(v)[:20_000] for n, _, v, _ in protobuf.fields(part, at2) if n == 20), "")
            parameters.append((key, text))
    return Custom(name, tuple(parameters), base)


def _linked(data: View, base: int, out: CoreMl) -> None:
    """Names and search paths of a linked model (LinkedModelFile: fields 1 and 2 are StringParameters with a default in field 1)."""
    for _, _, value, at in protobuf.fields(data, base):
        if isinstance(value, int):
            continue
        for _, _, part, at2 in protobuf.fields(value, at):
            if not isinstance(part, int):
                out.paths.extend(
                    (protobuf.text(v)[:4096], at2) for n, _, v, _ in protobuf.fields(part, at2) if n == 1 and not isinstance(v, int)
                )


def _program(data: View, base: int, out: CoreMl) -> None:
    """Paths of blob files in an ML program: the values under BlobFileValue (field 5 of Value), found by their shape, iteratively."""
    todo: list[tuple[View, int, int]] = [(data, base, 0)]
    seen: set[str] = set()
    steps = 0
    while todo:
        body, where, depth = todo.pop()
        steps += 1
        if steps > 2_000_000:
            raise Malformed("an ML program of more than two million messages", offset=where)
        try:
            parts = list(protobuf.fields(body, where))
        except Malformed:
            continue  # a text or packed numbers, which only looked like a message
        for number, _, value, at in parts:
            if isinstance(value, int) or len(value) < 3:
                continue
            if (
                number == 1
                and len(value) < 4096
                and bytes(value[:1]) in (b"@", b"/", b".", b"~", b"f")
                and any(isinstance(v, int) and n == 2 for n, _, v, _ in parts)
            ):
                text = protobuf.text(value)
                if text.isprintable() and text not in seen and len(seen) < 1000:
                    seen.add(text)
                    out.paths.append((text.removeprefix("@model_path/"), at))
            elif depth < 64:
                todo.append((value, at, depth + 1))
