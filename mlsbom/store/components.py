"""Components of a document, as far as the store needs them, and the rows that they make."""

from __future__ import annotations

from typing import Any

import msgspec

from mlsbom.store.rows import Rows, ecosystem, indexed, package, short, text


class Where(msgspec.Struct, frozen=True):
    path: str | None = None
    member: str | None = None
    line: int | None = None


class License(msgspec.Struct):
    license: str | None = None


class Specifier(msgspec.Struct):
    specifier: str | None = None
    path: str | None = None
    line: int | None = None
    resolved: str | None = None
    scope: str | None = None


class Component(msgspec.Struct):
    ref: str = ""
    kind: str = ""
    name: str | None = None
    version: str | None = None
    purl: str | None = None
    licenses: list[License | str] | None = None
    supplier: Any = None
    scope: str | None = None
    specifiers: list[Specifier] | None = None
    evidence: list[Where] | None = None
    ecosystem: str | None = None


def add(rows: Rows, c: Component, how: str | None, via: str | None = None) -> None:
    """The rows of one component: a package's dependencies, or the component itself; its licences."""
    name = text(c.name) or ""
    first = c.evidence[0] if c.evidence else Where()
    path, since = text(first.path), rows.head.created
    if c.kind == "package":
        eco = c.ecosystem or ecosystem(c.purl) or "pypi"
        key = package(name, eco)
        if key:
            specifiers = c.specifiers or [Specifier(path=first.path, line=first.line, resolved=c.version)]
            rows.tables["dependency"].extend(
                (eco, key, indexed(s.resolved), text(s.path), since, indexed(s.specifier), s.line, via, s.scope or c.scope)
                for s in specifiers
            )
    else:
        rows.tables["component"].append(
            (c.kind, short(name), text(c.version), path, since, name, c.kind, how, text(c.supplier), first.line)
        )
    if c.licenses:
        found = {x if isinstance(x, str) else x.license for x in c.licenses}
        rows.tables["license"].extend(("license", short(x), name, path, first.line) for x in sorted(filter(None, found)))
