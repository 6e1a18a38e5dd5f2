"""Who owns a place: the nearest folder upward that is something of its own (a model, an adapter, a data set, an upstream)."""

from __future__ import annotations

import re

from msgspec import Struct, field

from mlsbom.formats import FAMILY
from mlsbom.model import Dependency, LicenseClaim, Observed, Reference, Role, Statement, Survey, TensorTable
from mlsbom.patterns import late

MODEL_FIELDS = frozenset({"architecture", "architecture_family", "task", "library", "component_class", "metric"})
_UPSTREAM = late(r"^bases/(datasets/)?([^/]+/[^/]+)(?:/|$)")
_POINTED = tuple(
    ".safetensors .bin .pt .pth .ckpt .gguf .onnx .h5 .keras .pkl .joblib .tflite .msgpack .nemo .npz .pb".split()  # noqa: SIM905
)
_WRITTEN = tuple(".toml .md .txt .py .pyi .json .yaml .yml .cfg .ini .csv .tsv .rst .sh .lock .html .js .ts".split())  # noqa: SIM905
_RAW = late(r"\.data-\d{5}-of-\d{5}$|\.mlpackage/Data/.+/weights?/[^/]+\.bin$|\.onnx[._]data(?:_\d+)?$", re.I)
"""Bytes without a format of their own that belong to a TensorFlow checkpoint, a Core ML package, an ONNX model."""
_SHARD = late(r"\.bin$|-shard\d+(?:of\d+)?(?:\.\w+)?$", re.I)
"""The same of TensorFlow.js and OpenVINO, which count only beside the file that describes them."""
_CARD = late(r"(^|/)(readme|model_?card|modelcard|dataset_?card)[^/]*\.(md|markdown|txt|rst)$", re.I)


class Unit(Struct):
    """A folder that is something of its own. `folder` has no trailing slash, "" is the root. `upstream`: the hub name under `bases/`."""

    folder: str
    model: bool = False
    dataset: bool = False
    upstream: str | None = None
    weights: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    facts: list[Observed] = field(default_factory=list)

    @property
    def depth(self) -> int:
        return self.folder.count("/") + 1 if self.folder else 0


def folder_of(path: str) -> str:
    """The folder of a path, "" for the root."""
    return path.rpartition("/")[0]


class Units:
    """All units of a survey; `owner(path)` is the nearest one upward."""

    def __init__(self, survey: Survey, observed: tuple[Observed, ...]) -> None:
        self.units: dict[str, Unit] = {"": Unit("")}
        self._nearest: dict[str, Unit] = {}
        pipelines: set[str] = set()
        weights = weights_of(survey, observed)
        weight_folders = {folder_of(p) for p in weights}
        for o in observed:
            if isinstance(o.fact, Statement) and o.fact.field == "component_class":
                pipelines.add(folder_of(o.place.path))
        for o in observed:
            self._consider(o, pipelines, weight_folders)
        for folder in {folder_of(a.path) for a in survey.artifacts}:
            self._upstream(folder)
        for o in observed:
            self.owner(o.place.path).facts.append(o)
        for path in weights:
            self.owner(path).weights.append(path)
        for a in survey.artifacts:
            unit = self.owner(a.path)
            if unit.dataset and a.path not in unit.weights and is_data(a.path, a.formats):
                unit.data.append(a.path)
        for unit in self.units.values():
            unit.model = unit.model or bool(unit.weights and not unit.dataset)

    def _consider(self, o: Observed, pipelines: set[str], weight_folders: set[str]) -> None:
        fact, folder = o.fact, folder_of(o.place.path)
        upstream = self._upstream(folder)
        if o.place.member:
            return
        if isinstance(fact, Statement) and fact.about == "dataset":
            (upstream or self._at(folder)).dataset = True
        card = bool(_CARD.search(o.place.path))
        if isinstance(fact, Reference) and fact.role == Role.BASE and fact.about == "owner":
            # a pipeline's parts (unet/, vae/, 1_Pooling/) belong to the pipeline; anything else that names its own base is a model
            if not self._inside(folder, pipelines) or card:
                (upstream or self._at(folder)).model = True
        elif isinstance(fact, Statement) and fact.about == "owner" and fact.field in MODEL_FIELDS:
            if (
                folder == ""
                or card
                or (
                    folder in weight_folders
                    and fact.field in ("architecture", "architecture_family")
                    and not self._inside(folder, pipelines)
                )
            ):
                (upstream or self._at(folder)).model = True
        elif isinstance(fact, LicenseClaim) and card and fact.origin == "card" and fact.about == "owner":
            (upstream or self._at(folder)).model = True

    @staticmethod
    def _inside(folder: str, pipelines: set[str]) -> bool:
        while folder:
            folder = folder_of(folder)
            if folder in pipelines:
                return True
        return False

    def _upstream(self, folder: str) -> Unit | None:
        match = _UPSTREAM.match(folder + "/")
        if not match:
            return None
        unit = self._at(folder[: match.end()].rstrip("/"))
        if match[2].startswith("pypi/"):
            return None
        unit.upstream = match[2]
        unit.dataset = unit.dataset or bool(match[1])
        unit.model = not unit.dataset
        return unit

    def _at(self, folder: str) -> Unit:
        if folder not in self.units:
            self.units[folder] = Unit(folder)
        return self.units[folder]

    def owner(self, path: str) -> Unit:
        """The unit that owns a path."""
        folder = folder_of(path)
        known = self._nearest.get(folder)
        if known is None:
            at = folder
            while at and at not in self.units:
                at = folder_of(at)
            known = self._nearest[folder] = self.units[at]
        return known


def weights_of(survey: Survey, observed: tuple[Observed, ...]) -> list[str]:
    """The paths of everything that holds weights: by format, by the tensors that a JSON manifest lists, and the raw bytes that such a file
    describes."""
    manifests = {
        o.place.path for o in observed if isinstance(o.fact, TensorTable) and not o.place.member and o.place.path.endswith(".json")
    }
    described = {folder_of(p) for p in manifests} | {folder_of(a.path) for a in survey.artifacts if "openvino" in a.formats}

    def holds(path: str, formats: tuple[str, ...]) -> bool:
        if is_weights(formats, path) or path in manifests:
            return True
        raw = formats[:1] in ((), ("unknown",))
        return raw and bool(_RAW.search(path) or (folder_of(path) in described and _SHARD.search(path)))

    return [a.path for a in survey.artifacts if holds(a.path, a.formats)]


def is_weights(formats: tuple[str, ...], path: str = "") -> bool:
    """Whether an artifact holds weights, by its formats; of a pointer, by the name of what it stands for."""
    if any(FAMILY.get(f) == "pointer" for f in formats):
        return path.lower().endswith(_POINTED)
    found = {f for f in formats if FAMILY.get(f) == "weights"}
    if found == {"pickle"} and path.lower().endswith(_WRITTEN):  # text that could be unpickled is judged as such, and is no model
        return False
    return bool(found)


def is_data(path: str, formats: tuple[str, ...]) -> bool:
    """Whether an artifact of a data set is data (not its card, code or configuration)."""
    if any(f in ("parquet", "arrow", "tfrecord", "csv", "jsonl", "npy", "npz", "image", "audio", "video") for f in formats):
        return True
    return path.lower().endswith(
        (".jsonl", ".csv", ".tsv", ".parquet", ".arrow", ".tar", ".txt", ".json", ".zip", ".gz", ".zst")
    ) and not _CARD.search(path)


def projects(observed: tuple[Observed, ...]) -> dict[str, Dependency]:
    """The repository's own packages, by the path of the manifest that says so."""
    return {o.place.path: o.fact for o in observed if isinstance(o.fact, Dependency) and o.fact.project}
