"""Configurations that name what is to be built or run: `auto_map`, Hydra and HyperPyYAML targets, diffusers and sentence-transformers
components, YAML tags.

JSON and YAML alike. The names go to the SBOM whatever the verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json, yaml
from mlsbom.inspectors import Context, ReadAs, Yield
from mlsbom.inspectors.weights.common import is_vocabulary
from mlsbom.judges import marks
from mlsbom.judges.outside import leads_out
from mlsbom.judges.targets import Target, Targets, targets
from mlsbom.model import Evidence, Kind, Name, Phase, Reference, Role, Rule, Severity, Statement, Technique
from mlsbom.patterns import late

AUTO_MAP = Rule(id="AUTO-MAP", title="A configuration names code that a loader runs", severity=Severity.LOW)
REMOTE = Rule(id="REMOTE-CODE-REPOSITORY", title="A configuration names code of another repository", severity=Severity.MEDIUM)
EXTERNAL = Rule(id="EXTERNAL-CLASS", title="A component comes from a library that is not known", severity=Severity.MEDIUM)
TARGET = Rule(id="INSTANTIATION-TARGET", title="A configuration builds something that is not a component", severity=Severity.CRITICAL)
TAG = Rule(id="YAML-TAG", title="A YAML document builds Python objects", severity=Severity.HIGH)
BOMB = Rule(id="YAML-BOMB", title="Aliases of a YAML document expand without end", severity=Severity.MEDIUM)
RULES = (AUTO_MAP, REMOTE, EXTERNAL, TARGET, TAG, BOMB)

_DOTTED: Final = late(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_HYPER: Final = late(r"!?(new|name|apply|module|include|copy|ref|applyref|tuple):(.*)", re.S)
_PYTHON_TAG: Final = late(r"tag:yaml\.org,2002:python/(.+)|!python/(.+)", re.S)
_PLAIN_PYTHON: Final = frozenset({"tuple", "str", "unicode", "int", "long", "float", "complex", "list", "dict", "bool", "none", "bytes"})
_PIPELINE_LIBRARIES: Final = frozenset(
    {
        "diffusers",
        "transformers",
        "onnxruntime",
        "optimum",
        "flax",
        "controlnet_aux",
        "stable_diffusion",
        "pipelines",
        "sentence_transformers",
        "k_diffusion",
        "peft",
        "torch",
        "schedulers",
    }
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one document."""
    base = (context.member or context.path).lower().rsplit("/", 1)[-1]
    if is_vocabulary(base):
        return
    judge = targets(context.packs)
    if "yaml" in context.formats or base.endswith((".yaml", ".yml")):
        try:
            documents = blob.parsed(yaml.read)
        except Malformed:
            if b"!!python" in blob.data() or b"_target_" in blob.data():
                raise
            return  # a template of YAML, or none at all: no loader builds anything from it
        for document in documents:
            yield from _yaml(document, judge)
        return
    try:
        root = blob.parsed(json.read).value
    except Malformed:
        if base in ("config.json", "tokenizer_config.json", "model_index.json", "modules.json", "adapter_config.json"):
            raise
        return
    yield from _json(root, base, judge)


# --- JSON ------------------------------------------------------------------------------------------------------------------------------


def _json(root: Any, base: str, judge: Targets) -> Iterator[Yield]:
    if isinstance(root, dict):
        yield from _auto_maps(root, base)
    if base == "model_index.json" and isinstance(root, dict):
        yield from _components(root)
    elif base in ("modules.json", "router_config.json") or base.endswith("_modules.json"):
        yield from _modules(root, judge)
    todo: list[tuple[str, str, Any, dict[str, Any]]] = [("", "", root, {})]
    count = 0
    while todo and count < 200_000:
        path, key, value, owner = todo.pop()
        count += 1
        if isinstance(value, dict):
            todo.extend((f"{path}.{k}".lstrip("."), str(k), v, value) for k, v in value.items() if isinstance(v, (dict, list, str)))
        elif isinstance(value, list):
            todo.extend((path, key, v, owner) for v in value if isinstance(v, (dict, list, str)))
        elif isinstance(value, str):
            yield from _target(path, key, value, owner, judge, Evidence(key=path, technique=Technique.MANIFEST, confidence=0.9))


def _target(path: str, key: str, text: str, owner: dict[str, Any], judge: Targets, evidence: Evidence) -> Iterator[Yield]:
    """A text under a key that names what is built."""
    dotted = _DOTTED.fullmatch(text) is not None
    if key == "_target_" or (dotted and (key == "class_path" or (key == "target" and "params" in owner))):
        yield from _built(text, judge, evidence, sure_key=True)
    elif "_target_" in owner and dotted and key in ("path", "_args_", "func", "fn", "callable", "_self_") and judge.is_dangerous(text):
        # hydra.utils.get_method and functools.partial hand on what stands beside them
        yield TARGET.finding(f"{key} beside _target_ names {marks.quote(text, 120)}", evidence=evidence, phase=Phase.LOAD)
    elif dotted and key in ("target", "_class_", "py_class", "callable", "_component_", "cls") and judge.is_dangerous(text):
        severity = Severity.HIGH if key in ("target", "_component_") else Severity.MEDIUM
        yield TARGET.finding(f"{key} names {marks.quote(text, 120)}", evidence=evidence, severity=severity, phase=Phase.LOAD)
    elif path.endswith("custom_imports.imports") and text:
        yield TARGET.finding(
            f"imports the module {marks.quote(text, 120)}",
            evidence=evidence,
            severity=Severity.CRITICAL if judge.is_dangerous_module(text) else Severity.LOW,
            phase=Phase.LOAD,
        )


def _built(text: str, judge: Targets, evidence: Evidence, *, sure_key: bool) -> Iterator[Yield]:
    if "${" in text or "{{" in text:
        return
    what = judge.judge(text)
    shown = marks.quote(text, 160)
    yield Name(
        kind="target",
        name=shown,
        use="built",
        judged={Target.DANGEROUS: "dangerous", Target.FINE: "state"}.get(what, "unknown"),
        evidence=evidence,
    )
    if what is Target.DANGEROUS:
        yield TARGET.finding(f"builds {shown}", evidence=evidence, phase=Phase.LOAD)
    elif what is Target.UNKNOWN and sure_key:
        yield TARGET.finding(f"builds {shown}, which no list knows", evidence=evidence, severity=Severity.MEDIUM, phase=Phase.LOAD)


def _auto_maps(root: dict[str, Any], base: str) -> Iterator[Yield]:
    """`auto_map` anywhere near the top, `auto_mapping` of adapters, `custom_pipelines`, kernels and attention from the hub."""
    code_revision = root.get("code_revision")
    for key, value in root.items():
        if key in ("auto_map", "auto_mapping") and isinstance(value, dict):
            yield from _auto_map(value, key, code_revision)
        elif key == "custom_pipelines" and isinstance(value, dict):
            for task, entry in value.items():
                if isinstance(entry, dict) and isinstance(entry.get("impl"), str):
                    yield from _mapped(entry["impl"], f"custom_pipelines.{task}.impl", code_revision)
        elif (
            key in ("_attn_implementation", "attn_implementation", "kernel_config", "use_kernels")
            and isinstance(value, str)
            and re.fullmatch(r"[\w.-]+/[\w.-]+(?:[@:][\w.:-]+)?", value)
        ):
            yield from _repository(value.split("@")[0].split(":")[0], key, value.partition("@")[2] or None)
        elif isinstance(value, dict) and isinstance(value.get("auto_map"), dict):
            yield from _auto_map(value["auto_map"], f"{key}.auto_map", code_revision)


def _auto_map(value: dict[str, Any], key: str, revision: Any) -> Iterator[Yield]:
    if key == "auto_mapping":
        parent = value.get("parent_library")
        if isinstance(parent, str) and parent.split(".")[0] not in _PIPELINE_LIBRARIES:
            module = parent.split(".")[0]
            yield EXTERNAL.finding(
                f"the adapted class comes from {marks.quote(parent, 100)}",
                evidence=Evidence(key=f"{key}.parent_library"),
                severity=Severity.LOW if module.startswith("transformers") else None,
            )
        return
    for name, entry in value.items():
        for one in entry if isinstance(entry, list) else [entry]:
            if isinstance(one, str) and one:
                yield from _mapped(one, f"{key}.{name}", revision)


def _mapped(text: str, key: str, revision: Any) -> Iterator[Yield]:
    repository, _, local = text.rpartition("--")
    fixed = revision if isinstance(revision, str) and re.fullmatch(r"[0-9a-f]{40}", revision) else None
    if repository:
        yield from _repository(repository, key, fixed)
        yield Statement(
            field="remote_code",
            value={"class": local, "module": local.rpartition(".")[0], "repository": repository},
            evidence=Evidence(key=key),
        )
        return
    module = local.rpartition(".")[0]
    yield Statement(field="remote_code", value={"class": local, "module": module}, evidence=Evidence(key=key))
    yield AUTO_MAP.finding(
        f"{marks.quote(local, 120)} is code of this repository that loaders run where remote code is trusted",
        evidence=Evidence(key=key),
        phase=Phase.LOAD,
    )
    if not re.fullmatch(r"[\w.]+", module):
        yield AUTO_MAP.finding(
            f"{marks.quote(local, 120)} is no name of a module", evidence=Evidence(key=key), severity=Severity.MEDIUM, phase=Phase.LOAD
        )
    elif module:
        yield ReadAs(path=module.replace(".", "/") + ".py", format="python-loaded")


def _repository(name: str, key: str, revision: str | None) -> Iterator[Yield]:
    pinned = "" if revision else ", not pinned to a commit"
    yield REMOTE.finding(f"code of {marks.quote(name, 120)}{pinned}", evidence=Evidence(key=key), subject=name, phase=Phase.LOAD)
    yield Reference(
        kind=Kind.CODE,
        name=name,
        role=Role.REMOTE_CODE,
        version=revision,
        hub="huggingface",
        evidence=Evidence(key=key, technique=Technique.MANIFEST, confidence=0.9),
    )


def _components(root: dict[str, Any]) -> Iterator[Yield]:
    """model_index.json of diffusers: slot -> [library, class]."""
    for slot, pair in root.items():
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(p, str) for p in pair):
            library, name = pair
            yield Statement(field="component_class", value={"slot": slot, "library": library, "class": name}, evidence=Evidence(key=slot))
            if library.split(".")[0] not in _PIPELINE_LIBRARIES:
                yield EXTERNAL.finding(
                    f"component {marks.quote(slot, 60)} is {marks.quote(library, 80)}.{marks.quote(name, 80)}",
                    evidence=Evidence(key=slot),
                    phase=Phase.LOAD,
                )
                if re.fullmatch(r"\w+", library):
                    yield ReadAs(path=f"{slot}/{library}.py", format="python-loaded")
    custom = root.get("_class_name")
    if isinstance(custom, list) and len(custom) == 2 and all(isinstance(c, str) for c in custom):
        yield EXTERNAL.finding(
            f"the pipeline is {marks.quote(custom[0], 80)}.{marks.quote(custom[1], 80)}",
            evidence=Evidence(key="_class_name"),
            severity=Severity.LOW,
            phase=Phase.LOAD,
        )
        yield ReadAs(path=f"{custom[0]}.py", format="python-loaded")


def _modules(root: Any, judge: Targets) -> Iterator[Yield]:
    """modules.json of sentence-transformers: a list of {idx, name, path, type}."""
    for n, entry in enumerate(root if isinstance(root, list) else []):
        kind = entry.get("type") if isinstance(entry, dict) else None
        if not isinstance(kind, str):
            continue
        evidence = Evidence(key=f"{n}.type")
        yield Name(kind="target", name=marks.quote(kind, 160), use="built", evidence=evidence)
        if not kind.startswith(("sentence_transformers.", "pylate.", "setfit.")):
            severity = Severity.CRITICAL if judge.is_dangerous(kind) else None
            yield EXTERNAL.finding(f"module {marks.quote(kind, 120)}", evidence=evidence, severity=severity, phase=Phase.LOAD)
        path = entry.get("path")
        if isinstance(path, str) and path and (out := leads_out(path)):
            yield EXTERNAL.finding(
                f"module path {marks.quote(path, 120)}: it {out[1]}", evidence=Evidence(key=f"{n}.path"), severity=out[0], phase=Phase.LOAD
            )


# --- YAML ------------------------------------------------------------------------------------------------------------------------------


def _yaml(document: yaml.Document, judge: Targets) -> Iterator[Yield]:
    if document.bomb:
        yield BOMB.finding(
            "aliases that expand to more values than a document means", evidence=Evidence(line=1, technique=Technique.MANIFEST)
        )
    for tag, node in document.tags:
        yield from _tag(tag, node, judge)
    for path, node in yaml.walk(document.root):
        if node.kind == "mapping":
            keys = {k.value for k, _ in node.value if k.kind == "scalar"}
            owner = dict.fromkeys(keys)
            for key, value in node.value:
                if key.kind != "scalar":
                    continue
                if key.value == "auto_map" and value.kind == "mapping":
                    for name, entry in value.value:
                        if entry.kind == "scalar" and name.kind == "scalar":
                            yield from _mapped(entry.value, f"auto_map.{name.value}", None)
                for item in value.value if value.kind == "sequence" else [value]:
                    if item.kind == "scalar" and item.value:
                        where = ".".join((*path, key.value))
                        yield from _target(
                            where,
                            key.value,
                            item.value,
                            owner,
                            judge,
                            Evidence(line=item.line, key=where, technique=Technique.MANIFEST, confidence=0.9),
                        )


def _tag(tag: str, node: yaml.Node, judge: Targets) -> Iterator[Yield]:
    evidence = Evidence(line=node.line, technique=Technique.MANIFEST, confidence=0.9)
    if match := _PYTHON_TAG.match(tag):
        what = match[1] or match[2]
        kind, _, name = what.partition(":")
        if kind in _PLAIN_PYTHON:
            return
        builds = kind.startswith("object")
        dangerous = judge.is_dangerous(name) or judge.is_dangerous_module(name)
        severity = Severity.CRITICAL if builds and dangerous else Severity.HIGH if builds else Severity.MEDIUM
        yield TAG.finding(f"tag !!python/{marks.quote(what, 120)}", evidence=evidence, severity=severity, phase=Phase.LOAD)
    elif match := _HYPER.match(tag):
        kind, name = match[1], match[2]
        if kind == "include":
            if out := leads_out(name):
                yield TARGET.finding(
                    f"includes {marks.quote(name, 120)}: the path {out[1]}", evidence=evidence, severity=out[0], phase=Phase.LOAD
                )
        elif kind in ("new", "name", "apply", "module", "applyref") and name:
            yield from _built(name, judge, evidence, sure_key=True)
