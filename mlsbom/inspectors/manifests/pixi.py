"""pixi: `pixi.toml`, `[tool.pixi]` of pyproject.toml, and `pixi.lock`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.formats import toml, yaml
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.model import Rule, Scope
from mlsbom.packages import names
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
_TABLES = {
    "dependencies": ("conda", Scope.RUNTIME),
    "host-dependencies": ("conda", Scope.BUILD),
    "build-dependencies": ("conda", Scope.BUILD),
    "pypi-dependencies": ("pypi", Scope.RUNTIME),
}
_CONDA_FILE = late(r"([A-Za-z0-9_][\w.-]*)-([^-]+)-([^-]+?)\.(?:conda|tar\.bz2)$")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """A workspace (TOML) or a lock (YAML)."""
    if (context.member or context.path).endswith(".lock"):
        yield from _lock(blob)
    else:
        yield from workspace(blob.parsed(toml.read), (), "pixi")


def workspace(document: toml.Document, path: tuple[str, ...], parser: str) -> Iterator[Yield]:
    """The dependencies of a workspace, of its features and targets. `path`: of the table that holds them."""
    table: Any = document.value
    for key in path:
        table = table.get(key) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        return
    yield from _tables(document, table, path, parser, None)
    for outer in ("feature", "target"):
        inner = table.get(outer)
        for name, feature in inner.items() if isinstance(inner, dict) else ():
            if isinstance(feature, dict):
                scope = Scope.DEV if outer == "feature" else None
                yield from _tables(document, feature, (*path, outer, name), parser, scope)
    project = table.get("workspace") or table.get("project")
    channels = project.get("channels") if isinstance(project, dict) else None
    for channel in channels if isinstance(channels, list) else ():
        url = channel.get("channel") if isinstance(channel, dict) else channel
        if isinstance(url, str) and "://" in url:
            yield from emit.index(
                url, document.line(*path, "workspace" if "workspace" in table else "project", "channels"), option="channels", extra=True
            )


def _tables(document: toml.Document, table: dict[str, Any], path: tuple[str, ...], parser: str, scope: Scope | None) -> Iterator[Yield]:
    from mlsbom.inspectors.manifests.pyproject import poetry_one

    for key, (eco, usual) in _TABLES.items():
        rows = table.get(key)
        for name, value in rows.items() if isinstance(rows, dict) else ():
            line, where = document.line(*path, key, name), ".".join((*path, key, name))
            wanted = scope if scope is not None and usual == Scope.RUNTIME else usual
            if not names.valid(name, eco):
                yield emit.trouble(f"no name of a package: {name[:80]!r}", line)
            elif eco == "pypi":
                yield from poetry_one(name, value, line, where, wanted, parser)
            else:
                version = value.get("version", "") if isinstance(value, dict) else value
                yield emit.dependency("conda", name, str(version), line=line, parser=parser, scope=wanted, key=where)


def _lock(blob: Blob) -> Iterator[Yield]:
    documents = blob.parsed(yaml.read)
    root = documents[0].root if documents else None
    packages = root.get("packages") if root else None
    if packages is None or packages.kind != "sequence":
        yield emit.trouble("a lock without a list of packages")
        return
    indexes: set[str] = set()
    for node in packages.value:
        fields = {k.value: v for k, v in node.value if k.kind == "scalar"} if node.kind == "mapping" else {}
        text = {k: str(v.value) for k, v in fields.items() if v.kind == "scalar"}
        eco = "pypi" if "pypi" in text or text.get("kind") == "pypi" else "conda"
        url = text.get(eco) or text.get("url") or ""
        name, version = text.get("name"), text.get("version")
        if eco == "conda" and not (name and version) and (m := _CONDA_FILE.search(url)):
            name, version = m[1], m[2]
        if not name or not names.valid(name, eco):
            yield emit.trouble(f"a package without a name: {url[:120]!r}", node.line)
            continue
        hashes = tuple(f"{a}:{text[a]}" for a in ("sha256", "md5") if a in text)
        line = fields["name"].line if "name" in fields else node.line
        local = not url.startswith("http")
        yield emit.dependency(
            eco,
            name,
            f"=={version}" if version else "",
            line=line,
            parser="pixi.lock",
            resolved=version,
            locked=True,
            hashes=hashes,
            source="path" if local and eco == "pypi" else "index",
            ref=url or None,
        )
        host = re.match(r"https?://[^/]+", url)
        if host and host[0] not in indexes:
            indexes.add(host[0])
