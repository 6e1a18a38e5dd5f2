"""Locks of Python projects in TOML: uv.lock, poetry.lock, pdm.lock and pylock.toml (PEP 751).

Each gives one dependency a package with its exact version, and one more for every package that another asks for (`via`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.formats import toml
from mlsbom.formats.json import collector_held
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.model import Rule, Scope
from mlsbom.packages import names

RULES: tuple[Rule, ...] = emit.RULES
SIZE_LIMIT: Final = 64 << 20


class _Locked(Struct):
    """One package of a lock, whatever its format."""

    name: str
    version: str | None
    source: str = "index"
    ref: str | None = None
    registry: str | None = None
    registry_key: str = "source"
    scope: Scope = Scope.RUNTIME
    marker: str | None = None
    project: bool = False
    hashes: tuple[str, ...] = ()
    needs: list[str] = field(default_factory=list)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The packages of one lock."""
    name = (context.member or context.path).rsplit("/", 1)[-1].lower()
    reader, parser, array, newest = next((v for k, v in _FORMATS.items() if name.startswith(k)), _FORMATS["pylock"])
    with collector_held(blob.size):
        document = blob.parsed(toml.read)
        yield from _version(document, parser, newest)
        rows = document.value.get(array)
        if rows is None:
            rows = []
        if not isinstance(rows, list):
            yield emit.trouble(f"a lock whose `{array}` is no list", document.line(array))
            return
        registries: dict[str, int | None] = {}
        entries: dict[str, list[str | None]] = {}
        locked: list[tuple[int, _Locked]] = []
        for n, row in enumerate(rows):
            entry = reader(row) if isinstance(row, dict) and isinstance(row.get("name"), str) and names.valid(row["name"], "pypi") else None
            if entry is None:
                yield emit.trouble(f"a package without a good name in `{array}`", document.line(array, n))
                continue
            locked.append((n, entry))
            entries.setdefault(names.pypi(entry.name), []).append(entry.version)
        for n, entry in locked:
            context.budget.check()
            yield from _facts(entry, document, array, n, parser, entries)
            if entry.registry and entry.registry not in registries:
                registries[entry.registry] = document.line(array, n, *entry.registry_key.split("."))
    for url, line in registries.items():
        yield from emit.index(url, line, option=parser, key=f"{array}.source")


def _facts(
    entry: _Locked, document: toml.Document, array: str, n: int, parser: str, entries: dict[str, list[str | None]]
) -> Iterator[Yield]:
    line = document.line(array, n, "name")
    yield emit.dependency(
        "pypi",
        entry.name,
        f"=={entry.version}" if entry.version and not entry.project else "",
        line=line,
        parser=parser,
        scope=entry.scope,
        resolved=entry.version,
        locked=True,
        hashes=entry.hashes,
        marker=entry.marker,
        registry=entry.registry,
        source=entry.source,
        ref=entry.ref,
        project=entry.project,
    )
    if entry.ref:
        yield from emit.credentials(entry.ref, line)
    asked = document.line(array, n, "dependencies") if entry.needs else None
    for need in dict.fromkeys(entry.needs):
        versions = entries.get(names.pypi(need), [])
        yield emit.dependency(
            "pypi",
            need,
            "",
            line=asked,
            parser=parser,
            scope=entry.scope,
            resolved=versions[0] if len(versions) == 1 else None,
            locked=True,
            via=names.pypi(entry.name),
        )


def _version(document: toml.Document, parser: str, newest: int) -> Iterator[Yield]:
    meta = document.value.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    stated = document.value.get("version") or document.value.get("lock-version") or meta.get("lock-version") or meta.get("lock_version")
    major = str(stated).split(".", 1)[0] if stated is not None else ""
    if major.isdigit() and int(major) > newest:
        yield emit.trouble(f"{parser} of version {stated}, newer than what is known ({newest}): read as that")


def _table(row: dict[str, Any], key: str) -> dict[str, Any]:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _text(table: Any, *keys: str) -> str | None:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, str) else None


def _files(*groups: Any) -> tuple[str, ...]:
    """The hashes of file tables: `hash = "sha256:..."` or `hashes = {sha256 = "..."}`."""
    out: dict[str, None] = {}
    for group in groups:
        for item in group if isinstance(group, list) else [group]:
            if not isinstance(item, dict):
                continue
            if isinstance(item.get("hash"), str):
                out[item["hash"]] = None
            hashes = item.get("hashes")
            if isinstance(hashes, dict):
                out.update({f"{a}:{h}": None for a, h in hashes.items() if isinstance(h, str)})
    return tuple(out)


def _needs(row: dict[str, Any]) -> list[str]:
    """What a package asks for, where `dependencies` is a list of tables with a `name`."""
    needs = row.get("dependencies")
    return [
        d["name"]
        for d in (needs if isinstance(needs, list) else [])
        if isinstance(d, dict) and isinstance(d.get("name"), str) and names.valid(d["name"], "pypi")
    ]


def _uv(row: dict[str, Any]) -> _Locked:
    entry = _Locked(row["name"], _text(row, "version"), hashes=_files(row.get("sdist"), row.get("wheels") or []))
    source = _table(row, "source")
    if "registry" in source:
        entry.registry = _text(source, "registry")
    elif "git" in source:
        ref = str(source["git"])
        url, _, commit = ref.partition("#")
        entry.source, entry.ref = "vcs", f"git+{url.split('?', 1)[0]}@{commit}" if commit else f"git+{url}"
    elif "url" in source:
        entry.source, entry.ref = "url", _text(source, "url")
    else:
        path = _text(source, "editable") or _text(source, "virtual") or _text(source, "directory") or _text(source, "path")
        if path is not None:
            entry.source, entry.ref = "editable" if "editable" in source else "path", path
            entry.project = path == "."
    entry.needs = _needs(row)
    return entry


def _poetry(row: dict[str, Any]) -> _Locked:
    entry = _Locked(
        row["name"], _text(row, "version"), hashes=_files(row.get("files") or []), marker=_text(row, "markers"), registry_key="source.url"
    )
    groups = row.get("groups")
    if row.get("category") == "dev" or (isinstance(groups, list) and groups and "main" not in groups):
        entry.scope = Scope.DEV
    elif row.get("optional") is True:
        entry.scope = Scope.OPTIONAL
    source = _table(row, "source")
    kind, url = source.get("type"), _text(source, "url")
    if kind in ("git", "hg"):
        entry.source, entry.ref = "vcs", f"{kind}+{url}@{source.get('resolved_reference') or source.get('reference')}"
    elif kind in ("directory", "file"):
        entry.source, entry.ref = "path", url
    elif kind == "url":
        entry.source, entry.ref = "url", url
    elif kind == "legacy":
        entry.registry = url
    needs = row.get("dependencies")
    entry.needs = [n for n in needs if names.valid(n, "pypi")] if isinstance(needs, dict) else []
    return entry


def _pdm(row: dict[str, Any]) -> _Locked:
    entry = _Locked(row["name"], _text(row, "version"), hashes=_files(row.get("files") or []), marker=_text(row, "marker"))
    groups = row.get("groups")
    if isinstance(groups, list) and groups and "default" not in groups:
        entry.scope = Scope.DEV
    if _text(row, "git"):
        entry.source, entry.ref = "vcs", f"git+{row['git']}@{row.get('revision') or row.get('ref')}"
    elif _text(row, "url"):
        entry.source, entry.ref = "url", _text(row, "url")
    elif _text(row, "path"):
        entry.source, entry.ref = "editable" if row.get("editable") else "path", _text(row, "path")
    needs = row.get("dependencies")
    words = [str(d).replace("[", " ").split(" ", 1)[0] for d in (needs if isinstance(needs, list) else [])]
    entry.needs = [w for w in (_leading(w) for w in words) if names.valid(w, "pypi")]
    return entry


def _leading(text: str) -> str:
    """The name at the start of a requirement."""
    end = next((i for i, c in enumerate(text) if c in "<>=!~;@ ("), len(text))
    return text[:end]


def _pylock(row: dict[str, Any]) -> _Locked:
    entry = _Locked(row["name"], _text(row, "version"), hashes=_files(row.get("sdist"), row.get("wheels") or [], row.get("archive")))
    entry.marker, entry.registry, entry.registry_key = _text(row, "marker"), _text(row, "index"), "index"
    if isinstance(row.get("vcs"), dict):
        vcs = row["vcs"]
        at = vcs.get("commit-id") or vcs.get("requested-revision")
        entry.source, entry.ref = "vcs", f"{vcs.get('type', 'git')}+{vcs.get('url') or vcs.get('path')}" + (f"@{at}" if at else "")
    elif isinstance(row.get("directory"), dict):
        entry.source = "editable" if row["directory"].get("editable") else "path"
        entry.ref = _text(row, "directory", "path")
        entry.project = entry.ref in (".", "./")
    elif isinstance(row.get("archive"), dict):
        entry.source, entry.ref = (
            ("url", _text(row, "archive", "url")) if _text(row, "archive", "url") else ("path", _text(row, "archive", "path"))
        )
    entry.needs = _needs(row)
    return entry


_FORMATS: Final = {
    "uv": (_uv, "uv.lock", "package", 1),
    "poetry": (_poetry, "poetry.lock", "package", 2),
    "pdm": (_pdm, "pdm.lock", "package", 4),
    "pylock": (_pylock, "pylock.toml", "packages", 1),
}
