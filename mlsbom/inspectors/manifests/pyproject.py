"""pyproject.toml: PEP 621, PEP 735, PEP 518, and the tables of Poetry, uv, PDM, Hatch, Flit, setuptools and pixi."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.formats import toml
from mlsbom.inspectors import Context, ReadAs, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.inspectors.manifests.pixi import workspace
from mlsbom.model import Dependency, LicenseClaim, Rule, Scope, Statement
from mlsbom.packages import names
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
_PARSER: Final = "pyproject"
_DEV = late(r"dev|test|lint|doc|typing|ci|bench|style|format|release|build", re.IGNORECASE)


class _Page(Struct):
    """The document with a cursor for the lines of array items, and uv's sources by normal name."""

    document: toml.Document
    cursor: emit.Cursor
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)

    def seek(self, *path: str | int) -> int | None:
        """The line of a key; the cursor goes there."""
        line = self.document.line(*path)
        if line:
            self.cursor.at = self.cursor.start_of(line)
        return line

    def requirements(self, items: Any, path: tuple[str, ...], scope: Scope) -> Iterator[Yield]:
        """The requirements of an array of strings."""
        if items is None:
            return
        start, key = self.seek(*path), ".".join(path)
        if not isinstance(items, list):
            yield emit.trouble(f"{key} is no list", start)
            return
        for item in items:
            if isinstance(item, str):
                line = self.cursor.quoted(item) or start
                for fact in emit.python(item, line=line, parser=_PARSER, scope=scope, key=key):
                    yield self.placed(fact)
            elif not (isinstance(item, dict) and "include-group" in item):
                yield emit.trouble(f"{key} holds what is no requirement", start)

    def placed(self, fact: Yield) -> Yield:
        """A dependency with the source that `tool.uv.sources` gives it."""
        if not isinstance(fact, Dependency) or fact.source != "index" or fact.name not in self.sources:
            return fact
        return with_source(fact, self.sources[fact.name])


def with_source(fact: Dependency, table: dict[str, Any]) -> Dependency:
    """A dependency as a table of uv, Poetry or Pipenv places it (`git`, `rev`, `tag`, `branch`, `url`, `path`, `editable`, `index`)."""
    import msgspec

    text = {k: v for k, v in table.items() if isinstance(v, str)}
    if "git" in text or "hg" in text:
        at = text.get("rev") or text.get("ref") or text.get("tag") or text.get("branch")
        base = text.get("git") or text["hg"]
        ref = emit.without_credentials(
            f"{'' if base.startswith(('git+', 'git@')) else 'git+' if 'git' in text else 'hg+'}{base}{f'@{at}' if at else ''}"
        )[0]
        return msgspec.structs.replace(fact, source="vcs", ref=ref, specifier=fact.specifier or ref, resolved=None)
    if "url" in text:
        ref = emit.without_credentials(text["url"])[0]
        return msgspec.structs.replace(
            fact, source="url", ref=ref, specifier=fact.specifier or ref, hashes=fact.hashes or emit.url_hashes(ref)
        )
    if "path" in text or "file" in text or table.get("workspace"):
        editable = table.get("editable") or table.get("develop") or table.get("workspace")
        path = text.get("path") or text.get("file") or fact.name
        return msgspec.structs.replace(fact, source="editable" if editable else "path", ref=path)
    named = text.get("index") or text.get("source")
    return msgspec.structs.replace(fact, index=named) if named else fact


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The project, its dependencies of every kind, and its indexes."""
    document = blob.parsed(toml.read)
    page = _Page(document, emit.Cursor(document.text))
    tool = _table(document.value, "tool")
    uv = _table(tool, "uv")
    for name, source in _table(uv, "sources").items():
        first = source[0] if isinstance(source, list) and source else source
        if isinstance(first, dict):
            page.sources[names.pypi(name)] = first
    yield from page.requirements(_table(document.value, "build-system").get("requires"), ("build-system", "requires"), Scope.BUILD)
    yield from _project(page, _table(document.value, "project"), tool)
    for group, items in _table(document.value, "dependency-groups").items():
        yield from page.requirements(items, ("dependency-groups", group), Scope.DEV if _DEV.search(group) else Scope.OPTIONAL)
    yield from _poetry(page, _table(tool, "poetry"))
    yield from _uv(page, uv)
    yield from _others(page, tool)
    if "pixi" in tool:
        yield from workspace(document, ("tool", "pixi"), "pixi")


def _table(value: Any, key: str) -> dict[str, Any]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _project(page: _Page, project: dict[str, Any], tool: dict[str, Any]) -> Iterator[Yield]:
    if not project:
        return
    name, version = project.get("name"), project.get("version")
    yield from identity(page, ("project",), name, version)
    yield from _about(page, project, ("project",))
    yield from page.requirements(project.get("dependencies"), ("project", "dependencies"), Scope.RUNTIME)
    for extra, items in _table(project, "optional-dependencies").items():
        yield from page.requirements(items, ("project", "optional-dependencies", extra), Scope.OPTIONAL)
    dynamic = project.get("dynamic")
    for what in ("dependencies", "optional-dependencies"):
        if isinstance(dynamic, list) and what in dynamic:
            yield from _dynamic(page, what, _table(tool, "setuptools"))


def _dynamic(page: _Page, what: str, setuptools: dict[str, Any]) -> Iterator[Yield]:
    """`dynamic` dependencies: followed where setuptools names files, else what they are is not known."""
    line = page.document.line("project", "dynamic")
    stated = _table(setuptools, "dynamic").get(what)
    tables = [stated] if what == "dependencies" else list(stated.values()) if isinstance(stated, dict) else []
    files = [
        f
        for t in tables
        if isinstance(t, dict)
        for f in (t["file"] if isinstance(t.get("file"), list) else [t.get("file")])
        if isinstance(f, str)
    ]
    for path in files:
        yield ReadAs(path=path, format="requirements", line=page.document.line("tool", "setuptools", "dynamic", what) or line)
    if not files:
        yield emit.trouble(f"{what} are dynamic: the build backend makes them, and this file does not say from what", line)


def identity(page: _Page, path: tuple[str, ...], name: Any, version: Any) -> Iterator[Yield]:
    """The project's own package, with its name and version as statements."""
    key = ".".join(path)
    if isinstance(name, str) and name:
        line = page.document.line(*path, "name")
        stated = version if isinstance(version, str) and version else None
        yield emit.dependency("pypi", name, "", line=line, parser=_PARSER, resolved=stated, project=True, source="path", key=f"{key}.name")
        yield Statement(field="name", value=name, about="project", evidence=emit.place(line, emit.PINNED, f"{key}.name"))
    if isinstance(version, str) and version:
        yield Statement(
            field="version",
            value=version,
            about="project",
            evidence=emit.place(page.document.line(*path, "version"), emit.PINNED, f"{key}.version"),
        )


def _about(page: _Page, project: dict[str, Any], path: tuple[str, ...]) -> Iterator[Yield]:
    """Licence, description, authors, links and the range of Pythons."""
    key = ".".join(path)

    def at(name: str) -> Any:
        return emit.place(page.document.line(*path, name), emit.PINNED, f"{key}.{name}")

    for claim in license_claims(project.get("license")):
        yield LicenseClaim(value=claim, origin="package", about="project", evidence=at("license"))
    for item in project.get("classifiers") or ():
        if isinstance(item, str) and item.startswith("License ::"):
            page.seek(*path, "classifiers")
            line = page.cursor.quoted(item)
            yield LicenseClaim(
                value=item, origin="classifier", about="project", evidence=emit.place(line, emit.PINNED, f"{key}.classifiers")
            )
    for name, wanted in (("description", "description"), ("requires-python", "python_requires")):
        if isinstance(project.get(name), str) and project[name]:
            yield Statement(field=wanted, value=project[name], about="project", evidence=at(name))
    authors = project.get("authors")
    for author in authors if isinstance(authors, list) else ():
        text = author if isinstance(author, str) else author.get("name") or author.get("email") if isinstance(author, dict) else None
        if isinstance(text, str) and text:
            yield Statement(field="author", value=text, about="project", evidence=at("authors"))
    for label, url in _table(project, "urls").items():
        if isinstance(url, str) and url.startswith(("https://", "http://")):
            line = page.document.line(*path, "urls", label)
            yield Statement(
                field="url",
                value={"type": url_type(label), "url": emit.without_credentials(url)[0]},
                about="project",
                evidence=emit.place(line, emit.PINNED),
            )


def license_claims(value: Any) -> list[str]:
    """What a `license` field says: an expression, or the first line of a text; a file's name says nothing."""
    if isinstance(value, dict):
        value = value.get("text")
    text = value.strip() if isinstance(value, str) else ""
    return [text.split("\n", 1)[0].strip()[:200]] if text else []


def url_type(label: str) -> str:
    """The type of external reference of CycloneDX for a label of `[project.urls]`."""
    low = re.sub(r"[^a-z]", "", label.lower())
    table = {
        "source": "vcs",
        "sourcecode": "vcs",
        "repository": "vcs",
        "code": "vcs",
        "github": "vcs",
        "documentation": "documentation",
        "docs": "documentation",
        "issues": "issue-tracker",
        "tracker": "issue-tracker",
        "bugtracker": "issue-tracker",
        "changelog": "release-notes",
        "releasenotes": "release-notes",
        "homepage": "website",
        "download": "distribution",
    }
    return table.get(low, "other")


def _poetry(page: _Page, poetry: dict[str, Any]) -> Iterator[Yield]:
    if not poetry:
        return
    base = ("tool", "poetry")
    yield from identity(page, base, poetry.get("name"), poetry.get("version"))
    yield from _about(page, poetry, base)
    yield from _poetry_table(page, _table(poetry, "dependencies"), (*base, "dependencies"), Scope.RUNTIME)
    yield from _poetry_table(page, _table(poetry, "dev-dependencies"), (*base, "dev-dependencies"), Scope.DEV)
    for group, table in _table(poetry, "group").items():
        scope = Scope.DEV if _DEV.search(group) else Scope.OPTIONAL if _table(poetry, "group")[group].get("optional") else Scope.RUNTIME
        yield from _poetry_table(page, _table(table, "dependencies"), (*base, "group", group, "dependencies"), scope)
    sources = poetry.get("source")
    for n, source in enumerate(sources if isinstance(sources, list) else ()):
        url = source.get("url") if isinstance(source, dict) else None
        if isinstance(url, str):
            priority = str(source.get("priority", "primary"))
            extra = priority == "supplemental" or bool(source.get("secondary"))
            attrs = (("name", str(source.get("name", ""))), ("priority", priority))
            yield from emit.index(url, page.document.line(*base, "source", n, "url"), option="tool.poetry.source", extra=extra, attrs=attrs)


def _poetry_table(page: _Page, table: dict[str, Any], path: tuple[str, ...], scope: Scope) -> Iterator[Yield]:
    for name, value in table.items():
        line, key = page.document.line(*path, name), ".".join((*path, name))
        if name == "python":
            if isinstance(value, str):
                yield Statement(field="python_requires", value=value, about="project", evidence=emit.place(line, emit.PINNED, key))
            continue
        if not names.valid(name, "pypi"):
            yield emit.trouble(f"no name of a Python package: {name[:80]!r}", line)
            continue
        for one in value if isinstance(value, list) else [value]:
            yield from poetry_one(name, one, line, key, scope)


def poetry_one(name: str, value: Any, line: int | None, key: str, scope: Scope, parser: str = _PARSER) -> Iterator[Yield]:
    """A dependency as Poetry and Pipenv write it: a range, or a table with version, extras, markers and source."""
    if isinstance(value, str):
        yield emit.dependency("pypi", name, value, line=line, parser=parser, scope=scope, key=key)
        return
    if not isinstance(value, dict):
        yield emit.trouble(f"{key} is no requirement", line)
        return
    version = value.get("version")
    extras = tuple(e for e in value.get("extras") or () if isinstance(e, str))
    marker = value.get("markers") if isinstance(value.get("markers"), str) else None
    if value.get("optional") is True and scope == Scope.RUNTIME:
        scope = Scope.OPTIONAL
    for where in ("git", "url", "path"):
        if isinstance(value.get(where), str):
            yield from emit.credentials(value[where], line, key)
    made = emit.dependency(
        "pypi",
        name,
        version if isinstance(version, str) else "",
        line=line,
        parser=parser,
        scope=scope,
        extras=extras,
        marker=marker,
        key=key,
    )
    yield with_source(made, value)


def _uv(page: _Page, uv: dict[str, Any]) -> Iterator[Yield]:
    base = ("tool", "uv")
    yield from page.requirements(uv.get("dev-dependencies"), (*base, "dev-dependencies"), Scope.DEV)
    for key in ("constraint-dependencies", "override-dependencies", "build-constraint-dependencies"):
        yield from page.requirements(uv.get(key), (*base, key), Scope.OPTIONAL)
    indexes = uv.get("index")
    for n, table in enumerate(indexes if isinstance(indexes, list) else ()):
        url = table.get("url") if isinstance(table, dict) else None
        if isinstance(url, str):
            explicit, default = table.get("explicit") is True, table.get("default") is True
            attrs = (
                ("name", str(table.get("name", ""))),
                *((("explicit", "true"),) if explicit else ()),
                *((("default", "true"),) if default else ()),
            )
            yield from emit.index(
                url, page.document.line(*base, "index", n, "url"), option="tool.uv.index", extra=not (explicit or default), attrs=attrs
            )
    for key, extra in (("index-url", False), ("extra-index-url", True), ("find-links", True)):
        values = uv.get(key)
        for url in values if isinstance(values, list) else [values]:
            if isinstance(url, str):
                yield from emit.index(url, page.document.line(*base, key), option=f"tool.uv.{key}", extra=extra)
    if str(uv.get("index-strategy", "")).startswith("unsafe"):
        yield emit.INSECURE.finding(
            f"uv's index-strategy {uv['index-strategy']} takes a package from any index that has it",
            evidence=emit.place(page.document.line(*base, "index-strategy"), emit.PINNED, "tool.uv.index-strategy"),
        )


def _others(page: _Page, tool: dict[str, Any]) -> Iterator[Yield]:
    """PDM, Hatch and Flit."""
    pdm = _table(tool, "pdm")
    for group, items in _table(pdm, "dev-dependencies").items():
        yield from page.requirements(items, ("tool", "pdm", "dev-dependencies", group), Scope.DEV)
    sources = pdm.get("source")
    for n, source in enumerate(sources if isinstance(sources, list) else ()):
        if isinstance(source, dict) and isinstance(source.get("url"), str):
            line = page.document.line("tool", "pdm", "source", n, "url")
            yield from emit.index(
                source["url"],
                line,
                option="tool.pdm.source",
                extra=source.get("name") != "pypi",
                attrs=(("name", str(source.get("name", ""))),),
            )
            if source.get("verify_ssl") is False:
                yield from emit.untrusted(str(source.get("name") or "an index"), line, "verify_ssl = false")
    for env, table in _table(_table(tool, "hatch"), "envs").items():
        for key in ("dependencies", "extra-dependencies"):
            if isinstance(table, dict):
                yield from page.requirements(table.get(key), ("tool", "hatch", "envs", env, key), Scope.DEV)
    flit = _table(_table(tool, "flit"), "metadata")
    yield from page.requirements(flit.get("requires"), ("tool", "flit", "metadata", "requires"), Scope.RUNTIME)
    for extra, items in _table(flit, "requires-extra").items():
        yield from page.requirements(items, ("tool", "flit", "metadata", "requires-extra", extra), Scope.OPTIONAL)
    for table in ("setuptools", "scikit-build"):
        yield from page.requirements(_table(tool, table).get("setup-requires"), ("tool", table, "setup-requires"), Scope.BUILD)
