"""Who owns a place: the nearest folder upward that is something of its own (a model, an adapter, a data set, an upstream)."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct, field

from mlsbom.formats import FAMILY
from mlsbom.model import Dependency, Facts, LicenseClaim, Observed, Reference, Role, Statement, Survey, TensorTable
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
    names: list[tuple[Observed, Statement]] = field(default_factory=list)
    """What its files say their names, or its own, are."""
    bases: list[tuple[Observed, Reference]] = field(default_factory=list)


def folder_of(path: str) -> str:
    """The folder of a path, "" for the root."""
    return path.rpartition("/")[0]


class Units:
    """All units of a survey; `owner(path)` is the nearest one upward."""

    def __init__(self, survey: Survey, observed: tuple[Observed, ...], facts: Facts) -> None:
        self.units: dict[str, Unit] = {"": Unit("")}
        self._nearest: dict[str, Unit] = {}
        statements = facts.of(Statement)
        weights = weights_of(survey, facts)
        weight_folders = {folder_of(p) for p in weights}
        pipelines = {folder_of(o.place.path) for o, fact in statements if fact.field == "component_class"}
        # under `bases/` each mention makes or changes its unit; elsewhere only these kinds of fact say something of the folder
        below = [o for o in observed if o.place.path.startswith("bases/")]
        told = (
            *(o for o, s in statements if s.about == "dataset" or (s.about == "owner" and s.field in MODEL_FIELDS)),
            *(o for o, r in facts.of(Reference) if r.role == Role.BASE and r.about == "owner"),
            *(o for o, _ in facts.of(LicenseClaim)),
        )
        for o in (*below, *(o for o in told if not o.place.path.startswith("bases/"))):
            self._consider(o, pipelines, weight_folders)
        for folder in {folder_of(a.path) for a in survey.artifacts if a.path.startswith("bases/")}:
            self._upstream(folder)
        for o, name in statements:
            if name.field == "name" and not o.place.member:
                self.owner(o.place.path).names.append((o, name))
        for o, base in facts.of(Reference):
            if base.role == Role.BASE and not o.place.member:
                self.owner(o.place.path).bases.append((o, base))
        for path in weights:
            self.owner(path).weights.append(path)
        if any(unit.dataset for unit in self.units.values()):
            self._data(survey, set(weights))
        for unit in self.units.values():
            unit.model = unit.model or bool(unit.weights and not unit.dataset)

    def _data(self, survey: Survey, weights: set[str]) -> None:
        for a in survey.artifacts:
            unit = self.owner(a.path)
            if unit.dataset and a.path not in weights and is_data(a.path, a.formats):
                unit.data.append(a.path)

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
        match = _UPSTREAM.match(folder + "/") if folder.startswith("bases/") else None
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


def weights_of(survey: Survey, facts: Facts) -> list[str]:
    """The paths of everything that holds weights: by format, by the tensors that a JSON manifest lists, and the raw bytes that such a file
    describes."""
    manifests = {o.place.path for o, _ in facts.of(TensorTable) if not o.place.member and o.place.path.endswith(".json")}
    described = {folder_of(p) for p in manifests} | {folder_of(a.path) for a in survey.artifacts if "openvino" in a.formats}

    def holds(path: str, formats: tuple[str, ...]) -> bool:
        if is_weights(formats, path) or path in manifests:
            return True
        raw = not formats or formats[0] == "unknown"
        return raw and bool(_RAW.search(path) or (folder_of(path) in described and _SHARD.search(path)))

    # few lists of formats are those of weights or of raw bytes: most artifacts are told apart by a look into this set
    likely = {formats for formats in {a.formats for a in survey.artifacts} if formats[:1] in ((), ("unknown",)) or any(_told(formats))}
    return [a.path for a in survey.artifacts if (a.formats in likely or a.path in manifests) and holds(a.path, a.formats)]


def is_weights(formats: tuple[str, ...], path: str = "") -> bool:
    """Whether an artifact holds weights, by its formats; of a pointer, by the name of what it stands for."""
    pointer, found = _told(formats)
    if pointer:
        return path.lower().endswith(_POINTED)
    if found == {"pickle"} and path.lower().endswith(_WRITTEN):  # text that could be unpickled is judged as such, and is no model
        return False
    return bool(found)


@lru_cache(1024)
def _told(formats: tuple[str, ...]) -> tuple[bool, frozenset[str]]:
    """Whether formats say that an artifact is a pointer, and those of them that hold weights. Many files share few lists of formats."""
    families = [(f, FAMILY.get(f)) for f in formats]
    return any(family == "pointer" for _, family in families), frozenset(f for f, family in families if family == "weights")


def is_data(path: str, formats: tuple[str, ...]) -> bool:
    """Whether an artifact of a data set is data (not its card, code or configuration)."""
    if any(f in ("parquet", "arrow", "tfrecord", "csv", "jsonl", "npy", "npz", "image", "audio", "video") for f in formats):
        return True
    return path.lower().endswith(
        (".jsonl", ".csv", ".tsv", ".parquet", ".arrow", ".tar", ".txt", ".json", ".zip", ".gz", ".zst")
    ) and not _CARD.search(path)


def projects(facts: Facts) -> dict[str, Dependency]:
    """The repository's own packages, by the path of the manifest that says so."""
    return {o.place.path: fact for o, fact in facts.of(Dependency) if fact.project}
