"""Locks of JavaScript projects: package-lock.json and npm-shrinkwrap.json (v1 to v3), yarn.lock (v1 and berry), pnpm-lock.yaml, bun.lock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, Opaque
from mlsbom.formats import json, yaml
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.model import Rule, Scope
from mlsbom.packages import names

RULES: tuple[Rule, ...] = emit.RULES
SIZE_LIMIT: Final = 128 << 20
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
_KEYED = re.compile(r"/?((?:@[^/@\s]+/)?[^/@\s()]+)[@/](\d[^()\s]*?)(?:\(.*\)|_.*)?$")


class _Hosts:
    """The registries that a lock fetches from, each once, with the first line."""

    def __init__(self, parser: str) -> None:
        self.parser, self.seen = parser, dict[str, int | None]()

    def add(self, url: Any, line: int | None) -> str | None:
        """The registry of a tarball's URL."""
        if not isinstance(url, str) or not url.startswith(("http:", "https:")):
            return None
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}/"
        self.seen.setdefault(base, line)
        return base

    def facts(self) -> Iterator[Yield]:
        """References to the registries that are not the public one."""
        for base, line in self.seen.items():
            yield from emit.index(base, line, option=self.parser)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The packages of one lock, by its name."""
    base = (context.member or context.path).rsplit("/", 1)[-1].lower()
    if base == "bun.lockb":
        raise Opaque("a binary lock of bun: its packages cannot be read", remedy="commit bun.lock, the text form")
    if base == "yarn.lock":
        text = blob.text(SIZE_LIMIT)
        yield from _yarn_berry(blob) if "__metadata:" in text else _yarn(text, context)
    elif base.startswith("pnpm-lock"):
        yield from _pnpm(blob)
    elif base == "bun.lock":
        yield from _bun(blob)
    else:
        yield from _npm(blob, context)


def _integrity(value: Any) -> tuple[str, ...]:
    """`sha512-<base64>` as `sha512:<hex>`."""
    import base64
    import binascii

    out = []
    for word in value.split() if isinstance(value, str) else ():
        algorithm, _, encoded = word.partition("-")
        try:
            out.append(f"{algorithm}:{base64.b64decode(encoded, validate=True).hex()}")
        except (binascii.Error, ValueError):
            continue
    return tuple(out)


def _scope(entry: dict[str, Any]) -> Scope:
    return (
        Scope.DEV
        if entry.get("dev") or entry.get("devOptional")
        else Scope.OPTIONAL
        if entry.get("optional") or entry.get("peer")
        else Scope.RUNTIME
    )


# --- npm ---------------------------------------------------------------------------------------------------------------------------


def _npm(blob: Blob, context: Context) -> Iterator[Yield]:
    value = blob.parsed(json.read).value
    if not isinstance(value, dict):
        raise Malformed("a lock of npm that is no object")
    cursor, hosts = emit.Cursor(blob.text()), _Hosts("package-lock")
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


def _npm_paths(packages: dict[str, Any], cursor: emit.Cursor, hosts: _Hosts, context: Context) -> Iterator[Yield]:
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
        yield _entry(
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
                    "npm", known[target], text, line=line, parser="package-lock", resolved=resolved if isinstance(resolved, str) else None, locked=True, via=name,
                    scope=_scope(entry),
                )  # fmt: skip


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


def _entry(
    name: str, version: str | None, resolved: Any, entry: dict[str, Any], line: int | None, hosts: _Hosts, key: str, *, local: bool
) -> Yield:
    source, ref = "index", None
    if local or str(resolved).startswith("file:") or (version or "").startswith(("file:", "link:")):
        source, ref = "path", str(resolved) if resolved else None
    elif str(resolved).startswith("git") or (version or "").startswith(("git", "github:")):
        source, ref = "vcs", str(resolved) if str(resolved).startswith("git") else version
    elif version and version.startswith("http"):
        source, ref = "url", version
    exact = version if version and re.match(r"\d", version) else None
    registry = hosts.add(resolved, line) if source == "index" else None
    return emit.dependency(
        "npm", name, exact or "", line=line, parser=hosts.parser, scope=_scope(entry), resolved=exact, locked=True, hashes=_integrity(entry.get("integrity")),
        registry=registry, source=source, ref=ref, key=key,
    )  # fmt: skip


def _npm_nested(
    table: dict[str, Any], cursor: emit.Cursor, hosts: _Hosts, context: Context, via: str | None, depth: int
) -> Iterator[Yield]:
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
        yield _entry(name, version, entry.get("resolved"), entry, line, hosts, f"dependencies.{name}", local=False)
        requires = entry.get("requires")
        for wanted in requires if isinstance(requires, dict) else ():
            if names.valid(wanted, "npm"):
                yield emit.dependency("npm", wanted, "", line=line, parser=hosts.parser, locked=True, via=name, scope=_scope(entry))
        inner = entry.get("dependencies")
        if isinstance(inner, dict):
            if depth > 100:
                yield emit.trouble("nested deeper than 100 levels", line)
            else:
                yield from _npm_nested(inner, cursor, hosts, context, name, depth + 1)


# --- yarn ---------------------------------------------------------------------------------------------------------------------------


def _yarn(text: str, context: Context) -> Iterator[Yield]:
    """v1: blocks of `"name@range", name@range2:` followed by indented `version "1.2.3"`, `resolved "..."`, `integrity ...`, tables."""
    hosts = _Hosts("yarn.lock")
    block: dict[str, str] = {}
    asked: list[str] = []
    selectors, start, section = list[str](), 0, ""

    def done() -> Iterator[Yield]:
        if not selectors:
            return
        name = _selector_name(selectors[0])
        if name is None or "version" not in block:
            yield emit.trouble(f"a package that cannot be read: {selectors[0][:80]!r}", start)
            return
        resolved = block.get("resolved", "")
        yield _entry(
            name,
            block["version"],
            resolved,
            {"integrity": block.get("integrity")},
            start,
            hosts,
            selectors[0],
            local=resolved.startswith("file:"),
        )
        for wanted in asked:
            if names.valid(wanted, "npm"):
                yield emit.dependency("npm", wanted, "", line=start, parser=hosts.parser, locked=True, via=name)

    for number, row in enumerate(text.splitlines(), 1):
        context.budget.check()
        if not row.strip() or row.lstrip().startswith("#"):
            continue
        if not row[0].isspace():
            yield from done()
            selectors = [s.strip().strip('"') for s in re.split(r",\s*(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", row.strip().rstrip(":"))]
            block, asked, start, section = {}, [], number, ""
            if not row.rstrip().endswith(":"):
                yield emit.trouble(f"no block of a lock: {row[:80]!r}", number)
                selectors = []
            continue
        key, _, value = row.strip().partition(" ")
        if row.strip().endswith(":") and not value:
            section = row.strip()[:-1]
        elif row.startswith("    ") and section in ("dependencies", "optionalDependencies"):
            asked.append(key.strip('"'))
        else:
            block[key] = value.strip().strip('"')
    yield from done()
    yield from hosts.facts()


def _selector_name(selector: str) -> str | None:
    """The real name behind `name@range`, `alias@npm:real@range`, `"@scope/name@patch:..."`."""
    m = re.match(r"((?:@[^/@\s]+/)?[^@\s]+)@(.*)$", selector)
    if m is None:
        return None
    alias = re.match(r"npm:((?:@[^/@\s]+/)?[^@\s\d^~*<>=][^@\s]*)@", m[2])
    name = alias[1] if alias else m[1]
    return name if names.valid(name, "npm") else None


def _yarn_berry(blob: Blob) -> Iterator[Yield]:
    documents = blob.parsed(yaml.read)
    root = documents[0].root if documents else None
    for key, node in root.value if root is not None and root.kind == "mapping" else ():
        if key.value == "__metadata":
            continue
        text = {k.value: v.value for k, v in node.value if v.kind == "scalar"} if node.kind == "mapping" else {}
        resolution = text.get("resolution", "")
        name = _selector_name(resolution) or _selector_name(key.value.split(",")[0])
        if name is None:
            yield emit.trouble(f"a package that cannot be read: {str(key.value)[:80]!r}", key.line)
            continue
        local = bool(re.search(r"@(?:workspace|link|portal|file):", resolution))
        project = resolution.endswith("@workspace:.")
        version = None if local else text.get("version")
        checksum = text.get("checksum", "").split("/")[-1]
        vcs = re.search(r"@((?:git|ssh|https?)[^@]*\.git#commit=[0-9a-f]+|git@.*)$", resolution)
        yield emit.dependency(
            "npm", name, version or "", line=key.line, parser="yarn.lock", resolved=version, locked=True, source="path" if local else "vcs" if vcs else "index",
            ref=vcs[1] if vcs else None, project=project, hashes=(f"sha512:{checksum}",) if re.fullmatch(r"[0-9a-f]{128}", checksum) else (),
        )  # fmt: skip
        table = node.get("dependencies")
        for wanted, _ in table.value if table is not None and table.kind == "mapping" else ():
            if names.valid(str(wanted.value), "npm"):
                yield emit.dependency("npm", str(wanted.value), "", line=wanted.line, parser="yarn.lock", locked=True, via=name)


# --- pnpm and bun ------------------------------------------------------------------------------------------------------------------


def _pnpm(blob: Blob) -> Iterator[Yield]:
    hosts = _Hosts("pnpm-lock")
    for document in blob.parsed(yaml.read):
        root = document.root
        if root is None or root.kind != "mapping":
            continue
        version = root.get("lockfileVersion")
        major = str(version.value).split(".")[0] if version is not None else ""
        if major.isdigit() and int(major) > 9:
            yield emit.trouble(f"a lock of version {version.value if version else ''}, newer than what is known (9): read as that")
        packages, snapshots = root.get("packages"), root.get("snapshots")
        for key, node in packages.value if packages is not None and packages.kind == "mapping" else ():
            yield from _pnpm_package(key, node, hosts)
        for table in (packages, snapshots):
            for key, node in table.value if table is not None and table.kind == "mapping" else ():
                yield from _pnpm_edges(str(key.value), node)
    yield from hosts.facts()


def _pnpm_package(key: yaml.Node, node: yaml.Node, hosts: _Hosts) -> Iterator[Yield]:
    text = {k.value: v.value for k, v in node.value if v.kind == "scalar"} if node.kind == "mapping" else {}
    resolution = node.get("resolution")
    fields = (
        {k.value: v.value for k, v in resolution.value if v.kind == "scalar"}
        if resolution is not None and resolution.kind == "mapping"
        else {}
    )
    m = _KEYED.match(str(key.value))
    name, version = (text.get("name") or m[1], text.get("version") or m[2]) if m else (text.get("name"), text.get("version"))
    if name is None and (r := re.match(r"/?((?:@[^/@\s]+/)?[^/@\s()]+)@", str(key.value))):
        name = r[1]
    if name is None or not names.valid(name, "npm"):
        yield emit.trouble(f"a package that cannot be read: {str(key.value)[:80]!r}", key.line)
        return
    local, tarball = fields.get("type") == "directory" or "directory" in fields, fields.get("tarball", "")
    vcs = f"git+{fields['repo']}#{fields.get('commit', '')}" if "repo" in fields else tarball if "codeload" in tarball else None
    source = "path" if local else "vcs" if vcs else "index"
    entry = {"dev": text.get("dev") == "true", "optional": text.get("optional") == "true"}
    yield emit.dependency(
        "npm", name, version or "", line=key.line, parser="pnpm-lock", scope=_scope(entry), resolved=version, locked=True, hashes=_integrity(fields.get("integrity")),
        registry=hosts.add(tarball, key.line) if source == "index" else None, source=source, ref=vcs, key=str(key.value),
    )  # fmt: skip


def _pnpm_edges(key: str, node: yaml.Node) -> Iterator[Yield]:
    m = _KEYED.match(key)
    for section in ("dependencies", "optionalDependencies") if m and node.kind == "mapping" else ():
        table = node.get(section)
        for wanted, value in table.value if table is not None and table.kind == "mapping" else ():
            name = str(wanted.value)
            version = str(value.value) if value.kind == "scalar" else ""
            if alias := _KEYED.match(version):
                name, version = alias[1], alias[2]
            version = re.sub(r"[(_].*$", "", version)
            if m and names.valid(name, "npm"):
                exact = version if re.match(r"\d", version) else None
                yield emit.dependency("npm", name, "", line=wanted.line, parser="pnpm-lock", resolved=exact, locked=True, via=m[1])


def _bun(blob: Blob) -> Iterator[Yield]:
    """JSON with comments and trailing commas; `packages`: name -> [`name@version`, registry, {dependencies}, integrity]."""
    text = blob.text(SIZE_LIMIT)
    value = json.loads(_TRAILING.sub(lambda m: m[1] or "", text)).value
    packages = value.get("packages") if isinstance(value, dict) else None
    if not isinstance(packages, dict):
        raise Malformed("a lock of bun without a table of packages")
    cursor, hosts = emit.Cursor(text), _Hosts("bun.lock")
    cursor.quoted("packages")
    for key, row in packages.items():
        line = cursor.quoted(key)
        first = row[0] if isinstance(row, list) and row and isinstance(row[0], str) else ""
        m = re.match(r"((?:@[^/@\s]+/)?[^@\s]+)@(.*)$", first)
        if m is None or not names.valid(m[1], "npm"):
            yield emit.trouble(f"a package that cannot be read: {key[:80]!r}", line)
            continue
        version = m[2] if re.match(r"\d", m[2]) else None
        local = m[2].startswith(("workspace:", "file:", "link:"))
        vcs = None if local or version else m[2]
        integrity = next((w for w in row[1:] if isinstance(w, str) and re.match(r"sha\d+-", w)), None)
        registry = hosts.add(row[1] if len(row) > 1 else None, line)
        yield emit.dependency(
            "npm", m[1], version or "", line=line, parser="bun.lock", resolved=version, locked=True, hashes=_integrity(integrity), registry=registry,
            source="path" if local else "vcs" if vcs else "index", ref=vcs,
        )  # fmt: skip
        table = next((w for w in row[1:] if isinstance(w, dict)), {})
        wanted = table.get("dependencies")
        for name in wanted if isinstance(wanted, dict) else ():
            if names.valid(name, "npm"):
                yield emit.dependency("npm", name, "", line=line, parser="bun.lock", locked=True, via=m[1])
    yield from hosts.facts()
