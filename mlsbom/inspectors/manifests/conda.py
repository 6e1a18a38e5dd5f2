"""conda: environment files, recipes (`meta.yaml`, `recipe.yaml`), conda-lock, `conda-meta/*.json`; and MLflow's `python_env.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json, yaml
from mlsbom.formats.yaml import Node
from mlsbom.inspectors import Context, ReadAs, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.inspectors.manifests.installers import conda
from mlsbom.inspectors.manifests.requirements import logical_lines
from mlsbom.model import LicenseClaim, Rule, Scope, Statement
from mlsbom.packages import names
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
_JINJA_SET = late(r"\{%-?\s*set\s+(\w+)\s*=\s*[\"']?([^\"'%]*?)[\"']?\s*-?%\}")
_JINJA = late(r"\{\{\s*(.*?)\s*\}\}")
_LEFT_OUT = "__left_out__"
_SELECTOR = late(r"\s+#\s*\[.*\]\s*$")
_RECIPE = {"build": Scope.BUILD, "host": Scope.BUILD, "run": Scope.RUNTIME, "run_constrained": Scope.OPTIONAL, "requires": Scope.DEV}


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The packages of one file, by its name and shape."""
    base = (context.member or context.path).rsplit("/", 1)[-1].lower()
    if base.endswith(".json"):
        yield from _installed(blob)
        return
    if base in ("meta.yaml", "recipe.yaml", "meta.yml"):
        yield from _recipe(blob)
        return
    for document in blob.parsed(yaml.read):
        if document.bomb:
            raise Malformed("aliases expand to more values than a document means: a bomb")
        root = document.root
        if root is None or root.kind != "mapping":
            continue
        if root.get("package") is not None and root.get("metadata") is not None:
            yield from _conda_lock(root)
        elif base.startswith("python_env") or "python-env" in context.formats:
            yield from _python_env(root)
        else:
            yield from _environment(root)


def _scalars(node: Node | None) -> list[Node]:
    return [n for n in node.value if n.kind == "scalar"] if node is not None and node.kind == "sequence" else []


def _environment(root: Node) -> Iterator[Yield]:
    for channel in _scalars(root.get("channels")):
        if "://" in channel.value:
            yield from emit.index(channel.value, channel.line, option="channels", extra=True, key="channels")
    wanted = root.get("dependencies")
    if wanted is None:
        return
    if wanted.kind != "sequence":
        yield emit.trouble("dependencies is no list", wanted.line)
        return
    for item in wanted.value:
        if item.kind == "scalar":
            if item.value:
                yield from conda(item.value, item.line, "conda-environment", Scope.RUNTIME, key="dependencies")
        elif (pip := item.get("pip")) is not None:
            for one in _scalars(pip):
                yield from pip_item(one, "conda-environment")
        else:
            yield emit.trouble("dependencies holds what is no package", item.line)


def pip_item(node: Node, parser: str) -> Iterator[Yield]:
    """An item of a nested `pip:` list: a requirement, or a line of options as in a requirements file."""
    from mlsbom.inspectors.manifests.requirements import line_facts

    for _, line in logical_lines(str(node.value)):
        yield from line_facts(line, node.line, parser, Scope.RUNTIME)


def _python_env(root: Node) -> Iterator[Yield]:
    """MLflow's python_env.yaml: `build_dependencies`, `dependencies` (requirement lines)."""
    for key, scope in (("build_dependencies", Scope.BUILD), ("dependencies", Scope.RUNTIME)):
        for node in _scalars(root.get(key)):
            m = re.fullmatch(r"-r\s+(\S+)", node.value.strip())
            if m:
                yield ReadAs(path=m[1], format="requirements", line=node.line)
            else:
                yield from emit.python(node.value, line=node.line, parser="python_env", scope=scope, key=key)


def _conda_lock(root: Node) -> Iterator[Yield]:
    packages = root.get("package")
    for node in packages.value if packages is not None and packages.kind == "sequence" else ():
        text = {k.value: v.value for k, v in node.value if v.kind == "scalar"} if node.kind == "mapping" else {}
        eco = "pypi" if text.get("manager") == "pip" else "conda"
        name, version = text.get("name", ""), text.get("version")
        if not names.valid(name, eco):
            yield emit.trouble(f"a package without a good name: {name[:80]!r}", node.line)
            continue
        hashes = node.get("hash")
        pairs = (
            tuple(f"{k.value}:{v.value}" for k, v in hashes.value if v.kind == "scalar")
            if hashes is not None and hashes.kind == "mapping"
            else ()
        )
        scope = Scope.DEV if text.get("category") == "dev" else Scope.OPTIONAL if text.get("optional") == "true" else Scope.RUNTIME
        yield emit.dependency(
            eco,
            name,
            f"=={version}" if version else "",
            line=node.line,
            parser="conda-lock",
            scope=scope,
            resolved=version,
            locked=True,
            hashes=pairs,
            ref=text.get("url"),
        )


def _installed(blob: Blob) -> Iterator[Yield]:
    value = blob.parsed(json.read).value
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not names.valid(value["name"], "conda"):
        yield emit.trouble("no record of an installed conda package")
        return
    cursor = emit.Cursor(blob.text())
    version = value.get("version") if isinstance(value.get("version"), str) else None
    hashes = tuple(f"{a}:{value[a]}" for a in ("sha256", "md5") if isinstance(value.get(a), str))
    yield emit.dependency(
        "conda",
        value["name"],
        f"=={version}" if version else "",
        line=cursor.quoted("name"),
        parser="conda-meta",
        resolved=version,
        installed=True,
        source="installed",
        hashes=hashes,
        ref=value["url"] if isinstance(value.get("url"), str) else None,
    )


def _recipe(blob: Blob) -> Iterator[Yield]:
    """A recipe: `{% set %}` and `{{ name }}` are put in, other expressions are left out; selectors are comments."""
    text = blob.text()
    variables = {m[1]: m[2] for m in _JINJA_SET.finditer(text)}
    rows = [re.sub(r"^\s*\{%.*%\}\s*$", "", _SELECTOR.sub("", row)) for row in text.splitlines()]
    plain = "\n".join(_JINJA.sub(lambda m: variables.get(m[1].split("|")[0].strip(), _LEFT_OUT), row) for row in rows)
    documents = yaml.nodes(plain)
    root = documents[0].root if documents else None
    if root is None or root.kind != "mapping":
        return
    package = root.get("package")
    name, version = (package.get("name"), package.get("version")) if package is not None else (None, None)
    if name is not None and name.kind == "scalar" and names.valid(name.value, "conda"):
        stated = version.value if version is not None and version.kind == "scalar" else None
        yield emit.dependency("conda", name.value, "", line=name.line, parser="conda-recipe", resolved=stated, project=True, source="path")
        yield Statement(field="name", value=name.value, about="project", evidence=emit.place(name.line, emit.PINNED, "package.name"))
    about = root.get("about")
    claim = about.get("license") if about is not None else None
    if claim is not None and claim.kind == "scalar" and claim.value:
        yield LicenseClaim(
            value=claim.value, origin="package", about="project", evidence=emit.place(claim.line, emit.PINNED, "about.license")
        )
    outputs = root.get("outputs")
    for part in [root, *(outputs.value if outputs is not None and outputs.kind == "sequence" else [])]:
        wanted = part.get("requirements")
        tests = part.get("test")
        tables = [wanted, tests]
        for table in tables:
            for key, node in table.value if table is not None and table.kind == "mapping" else ():
                for item in _scalars(node) if key.kind == "scalar" and key.value in _RECIPE else ():
                    spec = item.value.split(_LEFT_OUT)[0].rstrip(" =<>!~,")
                    if spec:
                        yield from conda(spec, item.line, "conda-recipe", _RECIPE[key.value], key=f"requirements.{key.value}")
