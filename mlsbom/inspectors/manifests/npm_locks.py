"""Locks of npm: package-lock.json and npm-shrinkwrap.json, v1 to v3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.inspectors.manifests.npm import Hosts, locked, scope_of
from mlsbom.model import Rule
from mlsbom.packages import names

RULES: tuple[Rule, ...] = emit.RULES


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The packages of one lock, and the registries that they come from."""
    yield from _npm(blob, context)


def _npm(blob: Blob, context: Context) -> Iterator[Yield]:
    value = blob.parsed(json.read).value
    if not isinstance(value, dict):
        raise Malformed("a lock of npm that is no object")
    cursor, hosts = emit.Cursor(blob.text()), Hosts("package-lock")
    version = value.get("lockfileVersion")
    if isinstance(version, int) and version > 3:
        yield emit.trouble(f"a lock of version {version}, newer than what is known (3): read as that")
    packages = value.get("packages")
    if isinstance(packages, dict):
        cursor.quoted("packages")
        yield from _npm_paths(packages, cursor, hosts, context)
    elif isinstance(value.get("dependencies"), dict):
        yield from _npm_project(value, cursor.find('"name"'))
        cursor.quoted("dependencies")
        yield from _npm_nested(value["dependencies"], cursor, hosts, context, None, 0)
    elif "packages" in value or not isinstance(value.get("dependencies", {}), dict):
        yield emit.trouble("a lock of npm without a table of packages")
    yield from hosts.facts()


def _npm_project(entry: dict[str, Any], line: int | None) -> Iterator[Yield]:
    name, version = entry.get("name"), entry.get("version")
    if isinstance(name, str) and names.valid(name, "npm"):
        stated = version if isinstance(version, str) and version else None
        yield emit.dependency("npm", name, "", line=line, parser="package-lock", resolved=stated, source="path", locked=True, project=True)


def _npm_paths(packages: dict[str, Any], cursor: emit.Cursor, hosts: Hosts, context: Context) -> Iterator[Yield]:
    known = {path: _npm_name(path, entry) for path, entry in packages.items() if isinstance(entry, dict)}
    for path, entry in packages.items():
        context.budget.check()
        line = cursor.quoted(path)
        if not isinstance(entry, dict):
            yield emit.trouble(f"no package: {path[:80]!r}", line)
            continue
        if path == "":
            yield from _npm_project(entry, line)
            continue
        name, version = known[path], entry.get("version")
        if not names.valid(name, "npm"):
            yield emit.trouble(f"a package without a good name: {path[:80]!r}", line)
            continue
        version = version if isinstance(version, str) else None
        yield locked(
            name,
            version,
            entry.get("resolved"),
            entry,
            line,
            hosts,
            f"packages.{path}",
            local=entry.get("link") is True or "node_modules/" not in path,
        )
        asked: dict[str, Any] = {}
        for section in ("dependencies", "optionalDependencies"):
            table = entry.get(section)
            asked |= table if isinstance(table, dict) else {}
        for wanted, specifier in asked.items():
            target = _found(path, wanted, packages)
            if target is not None and names.valid(known[target], "npm"):
                resolved = packages[target].get("version")
                text = specifier if isinstance(specifier, str) and "//" not in specifier else ""
                yield emit.dependency(
                    "npm",
                    known[target],
                    text,
                    line=line,
                    parser="package-lock",
                    resolved=resolved if isinstance(resolved, str) else None,
                    locked=True,
                    via=name,
                    scope=scope_of(entry),
                )


def _npm_name(path: str, entry: dict[str, Any]) -> str:
    stated = entry.get("name")
    return (
        stated
        if isinstance(stated, str) and stated
        else path.rsplit("node_modules/", 1)[-1]
        if "node_modules/" in path
        else path.rsplit("/", 1)[-1]
    )


def _found(path: str, wanted: str, packages: dict[str, Any]) -> str | None:
    """Where Node finds a package from a path: its own node_modules, then those outward."""
    at = path
    while True:
        candidate = f"{at}/node_modules/{wanted}" if at else f"node_modules/{wanted}"
        if isinstance(packages.get(candidate), dict):
            return candidate
        if not at:
            return None
        at = at.rsplit("/node_modules/", 1)[0] if "/node_modules/" in at else ""


def _npm_nested(table: dict[str, Any], cursor: emit.Cursor, hosts: Hosts, context: Context, via: str | None, depth: int) -> Iterator[Yield]:
    """v1: a package's own copies of its dependencies stand below it."""
    for name, entry in table.items():
        context.budget.check()
        line = cursor.quoted(name)
        if not isinstance(entry, dict) or not names.valid(name, "npm"):
            yield emit.trouble(f"no package: {name[:80]!r}", line)
            continue
        version = entry.get("version") if isinstance(entry.get("version"), str) else None
        if version and (m := re.fullmatch(r"npm:((?:@[^/@]+/)?[^@]+)@(.+)", version)):
            name, version = m[1], m[2]
        yield locked(name, version, entry.get("resolved"), entry, line, hosts, f"dependencies.{name}", local=False)
        requires = entry.get("requires")
        for wanted in requires if isinstance(requires, dict) else ():
            if names.valid(wanted, "npm"):
                yield emit.dependency("npm", wanted, "", line=line, parser=hosts.parser, locked=True, via=name, scope=scope_of(entry))
        inner = entry.get("dependencies")
        if isinstance(inner, dict):
            if depth > 100:
                yield emit.trouble("nested deeper than 100 levels", line)
            else:
                yield from _npm_nested(inner, cursor, hosts, context, name, depth + 1)
