"""Files that deploy: Compose, Kubernetes, Helm values, dev containers. Images, command lines with model ids, environment, GPU requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import yaml
from mlsbom.formats.yaml import Node
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import commands, emit, models
from mlsbom.inspectors.manifests.installers import Setting
from mlsbom.inspectors.manifests.shell import Word, substitute
from mlsbom.model import Rule, Scope, Statement
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
_WORKLOADS: Final = frozenset(
    {
        "Pod",
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
        "Job",
        "CronJob",
        "InferenceService",
        "ServingRuntime",
        "ClusterServingRuntime",
        "RayService",
        "RayCluster",
        "RayJob",
        "PyTorchJob",
        "TFJob",
        "MPIJob",
        "Workflow",
        "WorkflowTemplate",
        "CronWorkflow",
        "Task",
        "Pipeline",
        "Service",
        "PodTemplate",
        "LeaderWorkerSet",
        "Notebook",
        "Configuration",
        "Model",
        "LLMInferenceService",
    }
)
_BLANK: Final = "${HELM}"  # no name of an image or model holds it
_TEMPLATE = late(r"\{\{.*?\}\}")
_GPU = late(r"(?:nvidia\.com|amd\.com|gpu\.intel\.com|google\.com)/(?:gpu|tpu|mig-[\w.]+)|habana\.ai/gaudi")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of all documents whose shape is one of the above; other YAML gives nothing."""
    base = (context.member or context.path).rsplit("/", 1)[-1].lower()
    if base.endswith((".json", ".jsonc")):
        yield from _devcontainer(commented_json(blob))
        return
    text = blob.text(yaml.SIZE_LIMIT)
    if "{{" in text:  # a Helm template: its expressions are blanked, so that what is literal can be read
        text = "\n".join("" if re.match(r"\s*\{\{[^}]*\}\}\s*$", row) else _TEMPLATE.sub(_BLANK, row) for row in text.split("\n"))
        documents = yaml.nodes(text)
    else:
        documents = blob.parsed(yaml.read)
    for document in documents:
        context.budget.check()
        if document.bomb:
            raise Malformed("aliases expand to more values than a document means: a bomb")
        if document.root is not None and document.root.kind == "mapping":
            yield from _document(document.root, base)


def commented_json(blob: Blob) -> Node | None:
    """JSON with comments, as YAML sees it (which takes JSON, with lines)."""
    text = re.sub(r"(?m)^\s*//.*$", "", blob.text(yaml.SIZE_LIMIT))
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL)
    documents = yaml.nodes(text.replace("\t", " "))
    return documents[0].root if documents else None


def _document(root: Node, base: str) -> Iterator[Yield]:
    kind = root.get("kind")
    services = root.get("services")
    if (
        services is not None
        and services.kind == "mapping"
        and (base.startswith(("docker-compose", "compose")) or any(v.get("image") or v.get("build") for _, v in services.value))
    ):
        for name, service in services.value:
            yield from _container(service, Setting(parser="compose", scope=Scope.IMAGE, key=f"services.{name.value}"))
    elif kind is not None and root.get("apiVersion") is not None and kind.kind == "scalar" and kind.value in _WORKLOADS:
        yield from _kubernetes(root, Setting(parser="kubernetes", scope=Scope.IMAGE))
    elif root.get("run") is not None and (root.get("setup") is not None or root.get("resources") is not None):
        yield from _task(root)
    elif base.startswith("values") or "values" in base:
        yield from _helm_values(root)


def _text(node: Node | None) -> str:
    return str(node.value) if node is not None and node.kind == "scalar" else ""


def _each(root: Node) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """Every mapping of a document, once, with its path of keys."""
    for path, node in yaml.walk(root):
        if node.kind == "mapping":
            yield node, path


def _container(node: Node, setting: Setting) -> Iterator[Yield]:
    """A service of Compose or a container of a pod: image, command and arguments, environment, GPUs."""
    if node.kind != "mapping":
        return
    environment = dict(_environment(node))
    variables = {name: value for name, (value, _) in environment.items()}
    image = node.get("image")
    if image is not None and image.kind == "scalar" and image.value:
        name = substitute(image.value, {})
        if "$" in name and _BLANK not in name:  # what a chart fills in stands in its values
            yield emit.trouble(f"the image is a variable: {image.value[:80]!r}", image.line)
        elif "$" not in name:
            yield from emit.image(name, image.line, key=f"{setting.key}.image" if setting.key else "image")
    words = [*_words(node.get("entrypoint"), variables), *_words(node.get("command"), variables), *_words(node.get("args"), variables)]
    yield from _command_line(words, variables, setting)
    for name, (value, line) in environment.items():
        yield from commands.variable(name, value, line, setting)
    yield from _gpus(node)


def _command_line(words: list[Word], variables: dict[str, str], setting: Setting) -> Iterator[Yield]:
    at = next((n for n, w in enumerate(words[:-1]) if re.fullmatch(r"-\w*c", w.text)), None)
    if at is not None and re.search(r"(?:^|/)(?:ba|da|z|a)?sh$", words[at - 1].text if at else ""):
        yield from commands.facts(words[at + 1].text, words[at + 1].line, setting, variables)
    elif words:
        yield from commands.of_command(words, setting)


def _words(node: Node | None, variables: dict[str, str]) -> list[Word]:
    """The words of a command: a list, or a text that is split as a shell does."""
    if node is None:
        return []
    if node.kind == "sequence":
        return [Word(_known(i.value, variables), i.line) for i in node.value if i.kind == "scalar"]
    if node.kind != "scalar" or not node.value:
        return []
    return _split(str(node.value), node.line, variables)


def _split(text: str, line: int, variables: dict[str, str]) -> list[Word]:
    from mlsbom.inspectors.manifests.shell import commands as simple

    return [w for command in simple(text.replace("\n", " \\\n"), line, variables) for w in command]


def _known(text: str, variables: dict[str, str]) -> str:
    return substitute(re.sub(r"\$\((\w+)\)", r"${\1}", text), variables)


def _environment(node: Node) -> Iterator[tuple[str, tuple[str, int]]]:
    """(name, (value, line)) of `environment:` (map or list) and `env:` (list of name and value)."""
    for key in ("environment", "env", "containerEnv", "remoteEnv"):
        table = node.get(key)
        if table is None:
            continue
        if table.kind == "mapping":
            merged = [v for k, v in table.value if k.kind == "scalar" and k.value == "<<"]
            tables = [t for m in merged for t in (m.value if m.kind == "sequence" else [m]) if t.kind == "mapping"]
            for k, v in [pair for t in (*tables, table) for pair in t.value]:
                if k.kind == "scalar" and v.kind == "scalar":
                    yield k.value, (substitute(v.value, {}), v.line)
            continue
        for item in table.value if table.kind == "sequence" else ():
            if item.kind == "scalar" and "=" in item.value:
                name, _, value = item.value.partition("=")
                yield name, (substitute(value, {}), item.line)
            elif item.kind == "mapping" and item.get("name") is not None:
                yield _text(item.get("name")), (_text(item.get("value")), item.line)


def _gpus(node: Node) -> Iterator[Yield]:
    for inner, path in _each(node):
        for key, value in inner.value:
            if key.kind == "scalar" and (
                _GPU.search(key.value) or (key.value == "driver" and _text(value) == "nvidia") or (key.value == "gpus" and path == ())
            ):
                what = f"{key.value}: {_text(value)}" if value.kind == "scalar" else key.value
                yield Statement(
                    field="infrastructure",
                    value=f"requests a GPU ({what})"[:200],
                    about="root",
                    evidence=emit.place(key.line, emit.PINNED, key.value),
                )
                return


def _kubernetes(root: Node, setting: Setting) -> Iterator[Yield]:
    for node, _ in _each(root):
        if node.get("image") is not None and (
            node.get("name") is not None or node.get("command") is not None or node.get("args") is not None
        ):
            yield from _container(node, setting)
        uri = node.get("storageUri") or node.get("storage_uri") or node.get("uri")
        if uri is not None and (m := re.match(r"hf://([\w.-]+/[\w.-]+)(?::([\w.-]+))?$", _text(uri))):
            yield models.model_reference(Word(m[1], uri.line), setting, version=m[2])


def _helm_values(root: Node) -> Iterator[Yield]:
    """Images as charts state them (`image: {registry, repository, tag, digest}` or a string), command lines and environment."""
    setting = Setting(parser="helm-values", scope=Scope.IMAGE)
    for node, path in _each(root):
        repository, tag = node.get("repository"), node.get("tag")
        if repository is not None and repository.kind == "scalar" and (tag is not None or (path and "image" in path[-1].lower())):
            registry, digest = _text(node.get("registry")), _text(node.get("digest"))
            name = "/".join(p for p in (registry, _text(repository)) if p)
            yield from emit.image(
                f"{name}:{_text(tag)}@{digest}" if digest else f"{name}:{_text(tag)}" if _text(tag) else name,
                repository.line,
                key=".".join(path),
            )
        image = node.get("image")
        if image is not None and image.kind == "scalar" and re.search(r"[/:]", str(image.value)):
            yield from emit.image(image.value, image.line, key=".".join((*path, "image")))
        words = [*_words(node.get("command"), {}), *_words(node.get("args"), {}), *_words(node.get("extraArgs"), {})]
        yield from _command_line(words, {}, setting)
        for name, (value, line) in _environment(node):
            yield from commands.variable(name, value, line, setting)


def _task(root: Node) -> Iterator[Yield]:
    """A task of SkyPilot (or dstack): what `setup` installs and `run` serves, its environment, image and accelerators."""
    setting = Setting(parser="skypilot", scope=Scope.SCRIPT)
    environment = dict(_environment(root)) | {k.value: (_text(v), v.line) for k, v in _pairs(root.get("envs"))}
    for name, (value, line) in environment.items():
        yield from commands.variable(name, value, line, setting)
    for key in ("setup", "run"):
        node = root.get(key)
        if node is not None and node.kind == "scalar":
            first = node.line + (0 if node.plain or "\n" not in str(node.value) else 1)
            yield from commands.facts(str(node.value), first, setting, {k: v for k, (v, _) in environment.items()})
    resources = root.get("resources")
    image = resources.get("image_id") if resources is not None else None
    if image is not None and _text(image).startswith("docker:"):
        yield from emit.image(_text(image).removeprefix("docker:"), image.line, key="resources.image_id")
    wanted = resources.get("accelerators") if resources is not None else None
    if wanted is not None and wanted.kind == "scalar":
        what = f"requests a GPU (accelerators: {_text(wanted)})"[:200]
        yield Statement(field="infrastructure", value=what, about="root", evidence=emit.place(wanted.line, emit.PINNED, "resources"))


def _pairs(node: Node | None) -> list[tuple[Node, Node]]:
    return [(k, v) for k, v in node.value if k.kind == "scalar"] if node is not None and node.kind == "mapping" else []


def _devcontainer(root: Node | None) -> Iterator[Yield]:
    if root is None or root.kind != "mapping":
        return
    setting = Setting(parser="devcontainer", scope=Scope.DEV)
    yield from _container(root, setting)
    for key in (
        "postCreateCommand",
        "onCreateCommand",
        "updateContentCommand",
        "postStartCommand",
        "postAttachCommand",
        "initializeCommand",
    ):
        node = root.get(key)
        for one in [v for _, v in node.value] if node is not None and node.kind == "mapping" else [node]:
            if one is not None and one.kind == "scalar":
                yield from commands.facts(one.value, one.line, setting)
            elif one is not None:
                yield from commands.of_command(_words(one, {}), setting)
    features = root.get("features")
    for key, _ in features.value if features is not None and features.kind == "mapping" else ():
        if "/" in str(key.value) and not str(key.value).startswith("."):
            yield from emit.image(str(key.value), key.line, attrs=(("use", "feature"),), key="features")
