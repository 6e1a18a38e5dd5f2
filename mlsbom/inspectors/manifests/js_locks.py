"""Locks of yarn (v1 and berry), pnpm and bun."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, Opaque
from mlsbom.formats import json, yaml
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.inspectors.manifests.npm import Hosts, integrity, locked, scope_of
from mlsbom.model import Rule
from mlsbom.packages import names
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
SIZE_LIMIT: Final = 128 << 20
_TRAILING = late(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
_KEYED = late(r"/?((?:@[^/@\s]+/)?[^/@\s()]+)[@/](\d[^()\s]*?)(?:\(.*\)|_.*)?$")


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
    else:
        yield from _bun(blob)


# --- yarn ---------------------------------------------------------------------------------------------------------------------------


def _yarn(text: str, context: Context) -> Iterator[Yield]:
    """v1: blocks of `"name@range", name@range2:` followed by indented `version "1.2.3"`, `resolved "..."`, `integrity ...`, tables."""
    hosts = Hosts("yarn.lock")
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
        yield locked(
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
            "npm",
            name,
            version or "",
            line=key.line,
            parser="yarn.lock",
            resolved=version,
            locked=True,
            source="path" if local else "vcs" if vcs else "index",
            ref=vcs[1] if vcs else None,
            project=project,
            hashes=(f"sha512:{checksum}",) if re.fullmatch(r"[0-9a-f]{128}", checksum) else (),
        )
        table = node.get("dependencies")
        for wanted, _ in table.value if table is not None and table.kind == "mapping" else ():
            if names.valid(str(wanted.value), "npm"):
                yield emit.dependency("npm", str(wanted.value), "", line=wanted.line, parser="yarn.lock", locked=True, via=name)


# --- pnpm and bun ------------------------------------------------------------------------------------------------------------------


def _pnpm(blob: Blob) -> Iterator[Yield]:
    hosts = Hosts("pnpm-lock")
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


def _pnpm_package(key: yaml.Node, node: yaml.Node, hosts: Hosts) -> Iterator[Yield]:
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
        "npm",
        name,
        version or "",
        line=key.line,
        parser="pnpm-lock",
        scope=scope_of(entry),
        resolved=version,
        locked=True,
        hashes=integrity(fields.get("integrity")),
        registry=hosts.add(tarball, key.line) if source == "index" else None,
        source=source,
        ref=vcs,
        key=str(key.value),
    )


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
    cursor, hosts = emit.Cursor(text), Hosts("bun.lock")
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
        digest = next((w for w in row[1:] if isinstance(w, str) and re.match(r"sha\d+-", w)), None)
        registry = hosts.add(row[1] if len(row) > 1 else None, line)
        yield emit.dependency(
            "npm",
            m[1],
            version or "",
            line=line,
            parser="bun.lock",
            resolved=version,
            locked=True,
            hashes=integrity(digest),
            registry=registry,
            source="path" if local else "vcs" if vcs else "index",
            ref=vcs,
        )
        table = next((w for w in row[1:] if isinstance(w, dict)), {})
        wanted = table.get("dependencies")
        for name in wanted if isinstance(wanted, dict) else ():
            if names.valid(name, "npm"):
                yield emit.dependency("npm", name, "", line=line, parser="bun.lock", locked=True, via=m[1])
    yield from hosts.facts()
