"""Packagings of models: Cog (`cog.yaml`), BentoML (`bentofile.yaml`), Truss (`config.yaml`), MLflow (`MLmodel`, `MLproject`), a Space's
`packages.txt` and `pre-requirements.txt`, Ray and SkyPilot `setup` commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import yaml
from mlsbom.formats.yaml import Node
from mlsbom.inspectors import Context, ReadAs, Yield
from mlsbom.inspectors.manifests import commands, emit, installers, models
from mlsbom.inspectors.manifests.conda import pip_item
from mlsbom.inspectors.manifests.installers import Setting
from mlsbom.inspectors.manifests.shell import Word
from mlsbom.model import Rule, Scope, Statement

RULES: tuple[Rule, ...] = emit.RULES


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of one file, by its name and shape."""
    base = (context.member or context.path).rsplit("/", 1)[-1].lower()
    if base == "packages.txt":
        for number, row in enumerate(blob.text().splitlines(), 1):
            for word in re.sub(r"#.*", "", row).split():
                if re.fullmatch(r"[a-z0-9][a-z0-9+.:-]+(?:=\S+)?", word):
                    name, _, version = word.partition("=")
                    yield emit.dependency(
                        "deb", name, f"={version}" if version else "", line=number, parser="packages.txt", scope=Scope.IMAGE
                    )
                else:
                    yield emit.trouble(f"no name of a Debian package: {word[:80]!r}", number)
        return
    documents = blob.parsed(yaml.read)
    if any(d.bomb for d in documents):
        raise Malformed("aliases expand to more values than a document means: a bomb")
    root = documents[0].root if documents else None
    if root is None or root.kind != "mapping":
        return
    if base in ("cog.yaml", "cog.yml"):
        yield from _cog(root)
    elif base.startswith("bentofile"):
        yield from _bento(root)
    elif base == "mlmodel":
        yield from _mlmodel(root)
    elif base == "mlproject":
        for key in ("conda_env", "python_env"):
            if (node := root.get(key)) is not None and node.kind == "scalar":
                yield ReadAs(path=str(node.value), format="conda-environment" if key == "conda_env" else "python-env", line=node.line)
        if (docker := root.get("docker_env")) is not None and (image := docker.get("image")) is not None and image.kind == "scalar":
            yield from emit.image(image.value, image.line, key="docker_env.image")
    elif any(root.get(k) is not None for k in ("model_name", "model_metadata", "base_image", "python_version", "resources")):
        yield from _truss(root)


def _items(root: Node | None, *path: str) -> list[Node]:
    node = root
    for key in path:
        node = node.get(key) if node is not None else None
    if node is None:
        return []
    return [n for n in node.value if n.kind == "scalar"] if node.kind == "sequence" else [node] if node.kind == "scalar" else []


def _debian(nodes: list[Node], parser: str) -> Iterator[Yield]:
    for node in nodes:
        name, _, version = str(node.value).partition("=")
        if re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
            yield emit.dependency("deb", name, f"={version}" if version else "", line=node.line, parser=parser, scope=Scope.IMAGE)
        else:
            yield emit.trouble(f"no name of a Debian package: {name[:80]!r}", node.line)


def _run(nodes: list[Node], parser: str) -> Iterator[Yield]:
    for node in nodes:
        first = node.line + (0 if "\n" not in str(node.value) else 1)
        yield from commands.facts(str(node.value), first, Setting(parser=parser, scope=Scope.IMAGE))


def _cog(root: Node) -> Iterator[Yield]:
    for node in _items(root, "build", "python_packages"):
        yield from pip_item(node, "cog")
    for node in _items(root, "build", "python_requirements"):
        yield ReadAs(path=str(node.value), format="requirements", line=node.line)
    yield from _debian(_items(root, "build", "system_packages"), "cog")
    yield from _run([*_items(root, "build", "run"), *_commands(root.get("build"))], "cog")
    for node in _items(root, "image"):
        yield from emit.image(str(node.value), node.line, key="image", attrs=(("use", "output"),))
    if any(str(n.value).lower() == "true" for n in _items(root, "build", "gpu")):
        yield _gpu(_items(root, "build", "gpu")[0], "build.gpu: true")


def _commands(build: Node | None) -> list[Node]:
    """`run: [{command: …, mounts: …}]`."""
    run = build.get("run") if build is not None else None
    entries = [e.get("command") for e in run.value if e.kind == "mapping"] if run is not None and run.kind == "sequence" else []
    return [e for e in entries if e is not None and e.kind == "scalar"]


def _gpu(node: Node, what: str) -> Statement:
    return Statement(field="infrastructure", value=f"requests a GPU ({what})", about="root", evidence=emit.place(node.line, emit.PINNED))


def _bento(root: Node) -> Iterator[Yield]:
    for node in _items(root, "python", "packages"):
        yield from pip_item(node, "bentofile")
    for node in _items(root, "python", "requirements_txt"):
        yield ReadAs(path=str(node.value), format="requirements", line=node.line)
    for key, extra in (("index_url", False), ("extra_index_url", True), ("find_links", True)):
        for node in _items(root, "python", key):
            yield from emit.index(str(node.value), node.line, option=f"python.{key}", extra=extra)
    for node in _items(root, "python", "trusted_host"):
        yield from emit.untrusted(str(node.value), node.line, "trusted_host")
    for node in _items(root, "conda", "dependencies"):
        yield from installers.conda(str(node.value), node.line, "bentofile", Scope.RUNTIME)
    for node in _items(root, "docker", "base_image"):
        yield from emit.image(str(node.value), node.line, key="docker.base_image")
    yield from _debian(_items(root, "docker", "system_packages"), "bentofile")
    for node in _items(root, "models"):
        if models.looks_like_hub_id(str(node.value).split(":")[0]) and "/" in str(node.value):
            yield models.model_reference(Word(str(node.value).split(":")[0], node.line), Setting(parser="bentofile", scope=Scope.RUNTIME))


def _truss(root: Node) -> Iterator[Yield]:
    for node in _items(root, "requirements"):
        yield from pip_item(node, "truss")
    for node in _items(root, "requirements_file"):
        yield ReadAs(path=str(node.value), format="requirements", line=node.line)
    yield from _debian(_items(root, "system_packages"), "truss")
    for node in _items(root, "base_image", "image"):
        yield from emit.image(str(node.value), node.line, key="base_image.image")
    yield from _run(_items(root, "build_commands"), "truss")
    cache = root.get("model_cache") or root.get("hf_cache")
    for entry in cache.value if cache is not None and cache.kind == "sequence" else ():
        repo, revision = entry.get("repo_id"), entry.get("revision")
        if repo is not None and repo.kind == "scalar":
            version = str(revision.value) if revision is not None and revision.kind == "scalar" else None
            yield models.model_reference(Word(str(repo.value), repo.line), Setting(parser="truss", scope=Scope.RUNTIME), version=version)


def _mlmodel(root: Node) -> Iterator[Yield]:
    """MLflow's MLmodel: the flavours with the versions of the libraries that saved them, and the environment files beside it."""
    flavors = root.get("flavors")
    for key, flavor in flavors.value if flavors is not None and flavors.kind == "mapping" else ():
        for inner, node in flavor.value if flavor.kind == "mapping" else ():
            name = str(inner.value)
            m = re.fullmatch(r"(\w+?)_version", name)
            library = {"sklearn": "scikit-learn", "pytorch": "torch", "python": ""}.get(m[1], m[1]) if m else ""
            if library and node.kind == "scalar" and re.match(r"\d", str(node.value)) and m and m[1] in (key.value, "pytorch", "sklearn"):
                yield emit.dependency(
                    "pypi",
                    library.replace("_", "-"),
                    f"=={node.value}",
                    line=node.line,
                    parser="mlmodel",
                    key=f"flavors.{key.value}.{name}",
                )
    version = root.get("mlflow_version")
    if version is not None and version.kind == "scalar":
        yield Statement(
            field="producer_tool", value=f"mlflow {version.value}", evidence=emit.place(version.line, emit.PINNED, "mlflow_version")
        )
