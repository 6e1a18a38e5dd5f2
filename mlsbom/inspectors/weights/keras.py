"""Keras configurations, wherever they stand: `config.json` of a `.keras` archive, attributes of HDF5 files, TF.js topologies, SavedModel
metadata.

`judge(config)` walks every object that names a class, module or function. Source of the forms: `keras.saving.serialization_lib` (Keras 3),
the legacy
serialiser of Keras 2, and the advisories listed in `signatures/keras/pack.toml`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob, BytesBlob
from mlsbom.errors import Malformed
from mlsbom.formats import hdf5, json
from mlsbom.formats.hdf5 import Hdf5
from mlsbom.formats.tensors import main_dtype
from mlsbom.inspectors import Context, Member, Yield
from mlsbom.inspectors.weights.common import is_vocabulary, seen, state
from mlsbom.judges import marks
from mlsbom.judges.callables import callables
from mlsbom.judges.outside import leads_out
from mlsbom.judges.targets import targets
from mlsbom.knowledge import Packs
from mlsbom.model import Evidence, Name, Phase, Rule, Severity, Shortfall, Status
from mlsbom.patterns import late

REFERENCE = Rule(
    id="KERAS-DANGEROUS-REFERENCE",
    title="A Keras configuration names a function that runs code or fetches files",
    severity=Severity.CRITICAL,
)
LAMBDA = Rule(id="KERAS-LAMBDA", title="A Keras layer carries compiled Python", severity=Severity.HIGH)
PICKLE = Rule(id="KERAS-EMBEDDED-PICKLE", title="A Keras layer carries a pickle", severity=Severity.HIGH)
VOCABULARY = Rule(id="KERAS-VOCABULARY-PATH", title="A Keras layer reads its vocabulary from a file or address", severity=Severity.HIGH)
CUSTOM = Rule(id="KERAS-CUSTOM-CLASS", title="A Keras configuration needs a class that is not part of Keras", severity=Severity.MEDIUM)
EXTERNAL = Rule(id="HDF5-EXTERNAL", title="An HDF5 file takes data from another file", severity=Severity.HIGH)
RULES = (REFERENCE, LAMBDA, PICKLE, VOCABULARY, CUSTOM, EXTERNAL)

_NAMING: Final = frozenset(
    {
        "fn",
        "func",
        "function",
        "callable",
        "call",
        "activation",
        "initializer",
        "loss",
        "metric",
        "target",
        "_target_",
        "method",
        "hook",
        "callback",
    }
)
_LOOKUPS: Final = frozenset({"StringLookup", "IntegerLookup", "TextVectorization", "Vocabulary", "IndexLookup", "Hashing"})
_CONFIG_ATTRIBUTES: Final = ("model_config", "training_config", "layer_config", "optimizer_config")
_URL = late(r"[A-Za-z][A-Za-z0-9+.-]*://")


class _Tables:
    def __init__(self, packs: Packs) -> None:
        classes, danger = packs.toml("keras/classes.toml"), packs.toml("keras/dangerous.toml")
        self.classes = frozenset(classes["classes"]) | frozenset(danger["unexported"])
        self.functions = frozenset(classes["functions"]) - frozenset(danger["functions"])
        self.dangerous = frozenset(danger["functions"])
        self.with_address = frozenset(danger["with_address"])
        self.pickles = frozenset(danger["pickles"])
        self.loaders = frozenset(danger["loaders"])
        self.forms = frozenset(danger["forms"])
        self.packages = frozenset(danger["packages"])


def judge(
    config: Any, packs: Packs, where: str, evidence: Evidence | None = None, *, cut: bool = False, revived: bool = False
) -> Iterator[Yield]:
    """Findings on one configuration (plain JSON data), names of its classes, and bytes that it carries as members. `cut`: it was taken
    from a
    damaged file, so that a Lambda layer without its function counts as one whose function was lost. `revived`: it stands beside a graph
    (SavedModel), from which classes that are not known are built."""
    yield from _Judge(packs, where, evidence or seen(where), cut, revived).walk(config)


class _Judge:
    def __init__(self, packs: Packs, where: str, evidence: Evidence, cut: bool, revived: bool) -> None:
        self.cut = cut
        self.revived = revived
        self.tables = packs.loaded("inspectors.keras", _Tables)
        self.targets = targets(packs)
        self.callables = callables(packs)
        self.where, self.evidence = where, evidence
        self.names: dict[str, int] = {}
        self.said: set[tuple[str, str]] = set()

    def walk(self, config: Any) -> Iterator[Yield]:
        """Every object, in order, without recursion."""
        todo: list[tuple[Any, str]] = [(config, "")]
        while todo:
            value, key = todo.pop()
            if isinstance(value, dict):
                yield from self._object(value, key)
                todo.extend((v, str(k)) for k, v in reversed(value.items()))
            elif isinstance(value, list):
                todo.extend((v, key) for v in reversed(value) if isinstance(v, (dict, list)))
        for name, count in sorted(self.names.items()):
            yield Name(kind="layer", name=name, count=count, evidence=self.evidence)

    def _say(self, rule: Rule, because: str, severity: Severity | None = None) -> Iterator[Yield]:
        if rule is CUSTOM and self.revived:
            severity = Severity.LOW
        if (rule.id, because) not in self.said and len(self.said) < 200:
            self.said.add((rule.id, because))
            yield rule.finding(because, evidence=self.evidence, severity=severity, phase=Phase.LOAD)

    def _object(self, value: dict[str, Any], key: str) -> Iterator[Yield]:
        kind = value.get("class_name")
        module = value.get("module")
        module = module if isinstance(module, str) else ""
        inner = value.get("config")
        if isinstance(kind, str):
            self.names[f"{module}.{kind}" if module else kind] = self.names.get(f"{module}.{kind}" if module else kind, 0) + 1
            yield from self._class(kind, module, inner, value)
        for name, one in value.items():
            if isinstance(one, str) and one:
                yield from self._text(str(name), one, value, isinstance(kind, str))

    def _class(self, kind: str, module: str, inner: Any, value: dict[str, Any]) -> Iterator[Yield]:
        if kind == "__lambda__":
            code = inner.get("code") if isinstance(inner, dict) else inner
            yield from self._say(LAMBDA, f"compiled Python in a Lambda layer{_decoded(code)}")
        elif kind == "__bytes__":
            yield from self._bytes(inner.get("value") if isinstance(inner, dict) else inner)
        elif kind == "function":
            yield from self._function(module, inner if isinstance(inner, str) else str(value.get("registered_name") or ""))
        elif kind == "Lambda" and not module.startswith("torch"):
            yield from self._lambda(inner)
        elif kind in self.tables.pickles:
            yield from self._say(PICKLE, f"layer {kind} is loaded by unpickling")
        elif kind in self.tables.loaders:
            path = inner.get("filepath") if isinstance(inner, dict) else None
            out = leads_out(path) if isinstance(path, str) else None
            yield from self._say(
                VOCABULARY if out else CUSTOM,
                f"layer {kind} loads another model: {marks.quote(str(path or 'by a path'), 120)}",
                None if out else Severity.MEDIUM,
            )
        else:
            yield from self._named(kind, module, value)
        if kind in _LOOKUPS and isinstance(inner, dict):
            yield from self._vocabulary(kind, inner)

    def _named(self, kind: str, module: str, value: dict[str, Any]) -> Iterator[Yield]:
        """A class by module and name."""
        if kind in self.tables.forms:
            return
        full = f"{module}.{kind}" if module else kind
        if module and (self.targets.is_dangerous_module(module) or self.targets.is_dangerous(full)):
            yield from self._say(REFERENCE, f"class {marks.quote(full, 120)}")
            return
        registered = value.get("registered_name")
        custom = (
            isinstance(registered, str)
            and ">" in registered
            and not registered.startswith(("keras", "Keras", "tf.", "Addons>", "TensorFlow"))
        )
        top = module.split(".")[0]
        if top in self.tables.packages and not custom:
            if kind in self.tables.classes or top != "keras" or module.count(".") >= 1:
                return
        elif (not module and not custom and (kind in self.tables.classes or kind in self.tables.functions)) or (
            module and not custom and self.callables.judge(module, kind).good
        ):
            return
        yield from self._say(CUSTOM, f"class {marks.quote(str(registered) if custom else full, 120)}")

    def _function(self, module: str, name: str) -> Iterator[Yield]:
        """A function by reference."""
        full = f"{module}.{name}" if module else name
        last = name.rsplit(".", 1)[-1]
        if (
            last in self.tables.dangerous
            or self.targets.is_dangerous(full)
            or (module != "builtins" and self.targets.is_dangerous_module(module))
        ) or (module == "builtins" and self.callables.judge("builtins", name).bad and self.callables.judge("builtins", name).listed):
            yield from self._say(REFERENCE, f"function {marks.quote(full, 120)}")
        elif last not in self.tables.functions and module.split(".")[0] not in self.tables.packages:
            yield from self._say(CUSTOM, f"function {marks.quote(full, 120)}")

    def _lambda(self, inner: Any) -> Iterator[Yield]:
        function = inner.get("function") if isinstance(inner, dict) else None
        if isinstance(function, list):
            yield from self._say(LAMBDA, f"compiled Python in a Lambda layer{_decoded(function[0] if function else None)}")
        elif isinstance(function, dict):
            yield from self._say(LAMBDA, "a Lambda layer", Severity.LOW)  # what it names is judged where the walk meets it
        elif isinstance(function, str) and function.lstrip().startswith(("lambda ", "lambda:", "def ")):
            yield from self._say(LAMBDA, f"Python source in a Lambda layer: {marks.quote(function, 120)}")
        elif isinstance(function, str) and isinstance(inner, dict) and inner.get("function_type") == "lambda":
            yield from self._say(LAMBDA, f"compiled Python in a Lambda layer{_decoded(function)}")
        elif isinstance(function, str) and function in self.tables.functions:
            yield from self._say(LAMBDA, f"a Lambda layer around {function}", Severity.LOW)
        elif function is None and self.cut:
            yield from self._say(LAMBDA, "a Lambda layer whose function is lost in the damage")
        else:
            what = f"function {marks.quote(function, 100)}" if isinstance(function, str) else "a function that is not part of Keras"
            yield from self._say(CUSTOM, f"a Lambda layer around {what}")

    def _vocabulary(self, kind: str, inner: dict[str, Any]) -> Iterator[Yield]:
        path = inner.get("vocabulary")
        if not isinstance(path, str) or not path:
            return
        severity = Severity.HIGH if leads_out(path) or _URL.match(path) else Severity.LOW
        yield from self._say(VOCABULARY, f"the vocabulary of a {kind} layer is read from {marks.quote(path, 120)}", severity)

    def _bytes(self, text: Any) -> Iterator[Yield]:
        raw = b""
        if isinstance(text, str):
            try:
                raw = base64.b64decode(text[: 64 << 20])
            except (ValueError, binascii.Error):
                raw = text.encode("utf-8", "replace")
        yield from self._say(PICKLE, f"{len(raw)} bytes stand in the configuration", Severity.MEDIUM)
        if raw:
            yield Member(name=f"{self.where}/__bytes__", blob=BytesBlob(raw, "__bytes__"))

    def _text(self, key: str, text: str, owner: dict[str, Any], classed: bool) -> Iterator[Yield]:
        """A text under a key that names a module or function."""
        low = key.lower()
        if low.endswith("module") and not (low == "module" and classed and owner.get("class_name") in ("function", *self.tables.forms)):
            if self.targets.is_dangerous_module(text) and len(text) < 200:
                yield from self._say(REFERENCE, f"module {marks.quote(text, 120)} under {key}")
        elif low in _NAMING or low.endswith(("_fn", "_function", "_func")):
            last = text.rsplit(".", 1)[-1]
            if last in self.tables.with_address and not any(_URL.match(t) for t in _texts(owner)):
                return
            if (last in self.tables.dangerous and last not in ("compile", "deserialize", "open")) or (
                "." in text and self.targets.is_dangerous(text)
            ):
                yield from self._say(REFERENCE, f"function {marks.quote(text, 120)} under {key}")


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value, at most 1,000."""
    todo, count = [value], 0
    while todo and count < 1000:
        one = todo.pop()
        count += 1
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)


def _decoded(code: Any) -> str:
    """What the constants of a marshalled code object show: printable names, for the evidence; the code is not unmarshalled."""
    if not isinstance(code, str):
        return ""
    try:
        raw = base64.b64decode(code[:200_000])
    except (ValueError, binascii.Error):
        return ""
    words = [w.decode() for w in re.findall(rb"[A-Za-z_][\w./:-]{3,60}", raw)]
    shown = ", ".join(dict.fromkeys(w for w in words if not w.endswith(".py")))
    return f" (names in it: {marks.quote(shown, 120)})" if shown else ""


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of a configuration in JSON (`config.json`, `model.json`) or of an HDF5 file."""
    if "hdf5" in context.formats:
        yield from _hdf5(blob, context)
        return
    if is_vocabulary(context.member or context.path):
        return
    root = blob.parsed(json.read).value
    if not isinstance(root, dict) or not _is_keras(root):
        return
    yield from judge(root, context.packs, (context.member or context.path).rsplit("/", 1)[-1])
    compiled = root.get("compile_config")
    if isinstance(compiled, dict) and isinstance(compiled.get("optimizer"), dict):
        yield from state(
            "hyperparameter", {"name": "optimizer", "value": compiled["optimizer"].get("class_name")}, "compile_config.optimizer"
        )


def _is_keras(root: dict[str, Any]) -> bool:
    """Whether a document is a Keras configuration and not one of the many other `config.json`."""
    return "class_name" in root or isinstance(root.get("modelTopology"), dict) or isinstance(root.get("model_config"), dict)


def _hdf5(blob: Blob, context: Context) -> Iterator[Yield]:
    read = blob.parsed(hdf5.read)
    for one in read.outside:
        if one.kind == "soft-link":
            continue
        out = leads_out(one.path)
        yield EXTERNAL.finding(
            f"{one.kind} to {marks.quote(one.path, 160)}",
            evidence=seen(one.where),
            severity=Severity.HIGH if out else Severity.MEDIUM,
            phase=Phase.LOAD,
        )
    found = False
    for (path, name), value in sorted(read.attributes.items()):
        if name in _CONFIG_ATTRIBUTES and isinstance(value, str):
            found |= name == "model_config"
            yield from _attribute(value, context, f"{path}@{name}")
    if read.unread:
        for reason in read.unread[:5]:
            yield Shortfall(status=Status.PARTIAL, reason=f"HDF5 structure: {reason}")
        if not found:
            yield from _searched(blob, context)
    yield from _describe(read)


def _attribute(text: str, context: Context, where: str) -> Iterator[Yield]:
    try:
        config = json.loads(text).value
    except Malformed as e:
        yield Shortfall(status=Status.PARTIAL, reason=f"{where}: {e}")
        yield from judge(_balanced(text), context.packs, where, cut=True)
        return
    yield from judge(config, context.packs, where)


_SEARCHED: Final = 64 << 20
_TRIES: Final = 50
_SALVAGED: Final = 2 << 20
_TOKEN = late(r'"(?:[^"\\]|\\.)*+("?)|[{}\[\]]', re.S)


def _searched(blob: Blob, context: Context) -> Iterator[Yield]:
    """Configurations in the bytes of a damaged file: what stands around `"class_name"`, up to the next zero byte."""
    data = blob.read_at(0, _SEARCHED)
    at = data.find(b'"class_name"')
    for _ in range(_TRIES):
        start = data.rfind(b"{", 0, at) if at >= 0 else -1
        if start < 0:
            return
        end = data.find(b"\0", at)
        end = len(data) if end < 0 else end
        text = data[start : min(end, start + _SALVAGED)].decode("utf-8", "replace")
        yield from judge(_balanced(text), context.packs, f"bytes at {start}", seen(offset=start), cut=True)
        at = data.find(b'"class_name"', end)


def _balanced(text: str) -> Any:
    """The value of a JSON text that ends early: closed where it breaks off; else its innermost objects and the classes that it names."""
    closing: list[str] = []
    open_text = False
    for token in _TOKEN.finditer(text):
        if token[0] in "{[":
            closing.append("}" if token[0] == "{" else "]")
        elif token[0] in "}]":
            if closing:
                closing.pop()
            if not closing:
                text = text[: token.end()]
                break
        else:
            open_text = not token[1]
    try:
        return json.loads(text + ('"' if open_text else "") + "".join(reversed(closing))).value
    except Malformed:
        pieces = [_loose(piece) for piece in re.findall(r"\{[^{}]*+\}", text)[:5000]]
        classes = [{"class_name": name} for name in dict.fromkeys(re.findall(r'"class_name":\s*"([^"\\]{1,200})"', text))]
        codes = re.findall(r'"function":\s*\[\s*"([A-Za-z0-9+/=\\n]{16,})', text)[:10]
        return [*pieces, *classes, *({"class_name": "Lambda", "config": {"function": [code]}} for code in codes)]


def _loose(piece: str) -> Any:
    try:
        return json.loads(piece).value
    except Malformed:
        return None


def _describe(read: Hdf5) -> Iterator[Yield]:
    if len(read.tensors):
        table = read.tensors.table()
        yield table
        yield from state("parameters", table.parameters, "datasets")
        yield from state("dtype", main_dtype(table), "datasets")
    version, backend = read.attributes.get(("/", "keras_version")), read.attributes.get(("/", "backend"))
    if isinstance(version, str):
        yield from state("producer_tool", f"keras {version}", "keras_version")
        yield from state("library", "keras", "keras_version")
    if isinstance(backend, str):
        yield from state("framework", backend, "backend")
    yield from state("format_version", f"HDF5 superblock {read.version}", "superblock")
