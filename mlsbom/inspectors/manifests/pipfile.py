"""Pipenv: Pipfile and Pipfile.lock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.formats import json, toml
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.inspectors.manifests.pyproject import poetry_one, with_source
from mlsbom.model import Rule, Scope, Statement
from mlsbom.packages import names

RULES: tuple[Rule, ...] = emit.RULES
_SECTIONS = {"packages": Scope.RUNTIME, "default": Scope.RUNTIME, "dev-packages": Scope.DEV, "develop": Scope.DEV}


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The packages and indexes of either file."""
    if (context.member or context.path).lower().endswith(".lock"):
        yield from _lock(blob, context)
    else:
        yield from _pipfile(blob)


def _pipfile(blob: Blob) -> Iterator[Yield]:
    document = blob.parsed(toml.read)
    for section, table in document.value.items():
        if section in ("source", "requires", "pipenv", "scripts") or not isinstance(table, dict):
            continue
        for name, value in table.items():
            line = document.line(section, name)
            if names.valid(name, "pypi"):
                yield from poetry_one(name, value, line, f"{section}.{name}", _SECTIONS.get(section, Scope.OPTIONAL), "pipfile")
            else:
                yield emit.trouble(f"no name of a Python package: {name[:80]!r}", line)
    yield from _sources(document.value.get("source"), lambda n: document.line("source", n, "url"))
    requires = document.value.get("requires")
    version = requires.get("python_version") if isinstance(requires, dict) else None
    if isinstance(version, str):
        line = document.line("requires", "python_version")
        yield Statement(field="python_requires", value=version, about="project", evidence=emit.place(line, emit.PINNED))


def _sources(sources: Any, line: Any) -> Iterator[Yield]:
    for n, source in enumerate(sources if isinstance(sources, list) else ()):
        if isinstance(source, dict) and isinstance(source.get("url"), str):
            attrs = (("name", str(source.get("name", ""))),)
            yield from emit.index(source["url"], line(n), option="source", extra=n > 0, attrs=attrs)
            if source.get("verify_ssl") is False:
                yield from emit.untrusted(str(source.get("name") or "an index"), line(n), "verify_ssl = false")


def _lock(blob: Blob, context: Context) -> Iterator[Yield]:
    value = blob.parsed(json.read).value
    if not isinstance(value, dict):
        yield emit.trouble("a Pipfile.lock that is no object")
        return
    cursor = emit.Cursor(blob.text())
    for section, table in value.items():
        if section == "_meta" or not isinstance(table, dict):
            continue
        scope = _SECTIONS.get(section, Scope.OPTIONAL)
        cursor.quoted(section)
        for name, entry in table.items():
            context.budget.check()
            line = cursor.quoted(name)
            if not names.valid(name, "pypi") or not isinstance(entry, dict):
                yield emit.trouble(f"no package: {name[:80]!r}", line)
                continue
            version = str(entry.get("version") or "")
            hashes = tuple(h for h in entry.get("hashes") or () if isinstance(h, str))
            marker = entry.get("markers") if isinstance(entry.get("markers"), str) else None
            made = emit.dependency(
                "pypi",
                name,
                version,
                line=line,
                parser="Pipfile.lock",
                scope=scope,
                locked=True,
                hashes=hashes,
                marker=marker,
                key=f"{section}.{name}",
            )
            index = entry.get("index")
            yield with_source(
                made,
                {k: v for k, v in entry.items() if k in ("git", "ref", "url", "path", "file", "editable")}
                | ({"index": index} if index else {}),
            )
    meta = value.get("_meta")
    yield from _sources(meta.get("sources") if isinstance(meta, dict) else None, lambda n: cursor.quoted("url"))
