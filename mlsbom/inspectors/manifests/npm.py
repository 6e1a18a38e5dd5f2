"""package.json, in the tree and installed, with every form of specifier that npm, yarn, pnpm and bun take; and what their locks share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob
from mlsbom.formats import json
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.model import LicenseClaim, Rule, Scope, Statement
from mlsbom.packages import names
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
SECTIONS: Final = {
    "dependencies": Scope.RUNTIME,
    "devDependencies": Scope.DEV,
    "optionalDependencies": Scope.OPTIONAL,
    "peerDependencies": Scope.OPTIONAL,
}
_ALIAS = late(r"npm:((?:@[^/@\s]+/)?[^@\s]+)(?:@(.*))?$")
_LOCAL = late(r"(?:file|link|portal|workspace):|\.{1,2}/|~/|/")
_SHORT = late(r"(?:github:|gitlab:|bitbucket:|gist:)?[\w.-]+/[\w.-]+(?:#.*)?$")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The project or installed package, and what it asks for."""
    value = blob.parsed(json.read).value
    if not isinstance(value, dict):
        yield emit.trouble("a package.json that is no object")
        return
    cursor = emit.Cursor(blob.text())
    path = f"/{context.member or context.path}"
    installed = "/node_modules/" in path
    name, version = value.get("name"), value.get("version")
    version = version if isinstance(version, str) and version else None
    own = None
    if isinstance(name, str) and names.valid(name, "npm"):
        own = name
        line = cursor.find('"name"')
        source = "installed" if installed else "path"
        yield emit.dependency(
            "npm", name, "", line=line, parser="package.json", resolved=version, source=source, installed=installed, project=not installed
        )
        if not installed:
            yield Statement(field="name", value=name, about="project", evidence=emit.place(line, emit.PINNED, "name"))
            if version:
                yield Statement(
                    field="version", value=version, about="project", evidence=emit.place(cursor.find('"version"'), emit.PINNED, "version")
                )
    yield from _license(value, cursor)
    for section, scope in SECTIONS.items():
        table = value.get(section)
        cursor.at = 0
        if isinstance(table, dict):
            cursor.quoted(section)
            for wanted, specifier in table.items():
                context.budget.check()
                yield from specified(
                    wanted, specifier, cursor.quoted(wanted), "package.json", scope, f"{section}.{wanted}", via=own if installed else None
                )
        elif table:
            yield emit.trouble(f"{section} is no object", cursor.quoted(section))
    for section in ("overrides", "resolutions"):
        cursor.at = 0
        cursor.quoted(section)
        yield from _overrides(value.get(section), cursor, section)
    pnpm = value.get("pnpm")
    yield from _overrides(pnpm.get("overrides") if isinstance(pnpm, dict) else None, cursor, "pnpm.overrides")


def _license(value: dict[str, Any], cursor: emit.Cursor) -> Iterator[Yield]:
    claims = value.get("license", value.get("licenses"))
    for claim in claims if isinstance(claims, list) else [claims]:
        text = claim.get("type") if isinstance(claim, dict) else claim
        if isinstance(text, str) and text:
            line = cursor.find('"license"', '"licenses"')
            yield LicenseClaim(value=text, origin="package", about="project", evidence=emit.place(line, emit.PINNED, "license"))


def _overrides(table: Any, cursor: emit.Cursor, section: str, depth: int = 0) -> Iterator[Yield]:
    """Overrides force versions deep in the tree; nested tables and `a>b` selectors name the package last."""
    for selector, value in table.items() if isinstance(table, dict) and depth < 20 else ():
        line = cursor.quoted(selector)
        if isinstance(value, dict):
            yield from _overrides(value, cursor, section, depth + 1)
            continue
        m = re.search(r"((?:@[^/@\s>]+/)?[^/@\s>]+)(?:@[^@]*)?$", selector.replace("/**/", ">"))
        if isinstance(value, str) and m and names.valid(m[1], "npm") and not value.startswith(("$", "-")):
            yield from specified(m[1], value, line, "package.json", Scope.OPTIONAL, f"{section}.{selector}")


def specified(
    name: str, specifier: Any, line: int | None, parser: str, scope: Scope, key: str, *, via: str | None = None
) -> Iterator[Yield]:
    """The dependency that a name and its specifier mean: range, tag, alias, path, URL or repository."""
    if not isinstance(specifier, str) or not names.valid(name, "npm"):
        yield emit.trouble(f"no dependency of npm: {name[:80]!r}", line)
        return
    text = specifier.strip()
    if text.startswith("patch:"):
        m = re.match(r"patch:(?:@[^/@]+/)?[^@]+@(?:npm(?::|%3A))?([^#]*)", text)
        text = m[1] if m else ""
    if text.startswith("catalog:"):
        text = ""
    if m := _ALIAS.fullmatch(text):
        name, text = m[1], m[2] or ""
    source, ref = "index", None
    if _LOCAL.match(text):
        ranged = text.removeprefix("workspace:")
        source, ref, text = "path", text, ranged if re.match(r"[\d^~]", ranged) else ""
    elif (
        re.match(r"(?:git(?:\+\w+)?:|git@|ssh:)", text)
        or re.search(r"\.git(?:#|$)", text)
        or (_SHORT.fullmatch(text) and not text.startswith("@"))
    ):
        source, ref = "vcs", text
    elif re.match(r"https?:", text):
        source, ref = "url", text
    if ref and source != "path":
        yield from emit.credentials(ref, line, key)
        text = emit.without_credentials(text)[0]
    yield emit.dependency("npm", name, text, line=line, parser=parser, scope=scope, source=source, ref=ref, key=key, via=via)


# --- what all locks share


class Hosts:
    """The registries that a lock fetches from, each once, with the first line."""

    def __init__(self, parser: str) -> None:
        self.parser, self.seen = parser, dict[str, int | None]()

    def add(self, url: Any, line: int | None) -> str | None:
        """The registry of a tarball's URL."""
        if not isinstance(url, str) or not url.startswith(("http:", "https:")):
            return None
        base = re.sub(r"^(https?://[^/?#]*).*$", r"\1/", url, flags=re.DOTALL)
        self.seen.setdefault(base, line)
        return base

    def facts(self) -> Iterator[Yield]:
        """References to the registries that are not the public one."""
        for base, line in self.seen.items():
            yield from emit.index(base, line, option=self.parser)


def integrity(value: Any) -> tuple[str, ...]:
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


def scope_of(entry: dict[str, Any]) -> Scope:
    """What an entry of a lock is for."""
    return (
        Scope.DEV
        if entry.get("dev") or entry.get("devOptional")
        else Scope.OPTIONAL
        if entry.get("optional") or entry.get("peer")
        else Scope.RUNTIME
    )


def locked(
    name: str, version: str | None, resolved: Any, entry: dict[str, Any], line: int | None, hosts: Hosts, key: str, *, local: bool
) -> Yield:
    """The dependency that an entry of a lock means, with the registry noted in `hosts`."""
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
        "npm",
        name,
        exact or "",
        line=line,
        parser=hosts.parser,
        scope=scope_of(entry),
        resolved=exact,
        locked=True,
        hashes=integrity(entry.get("integrity")),
        registry=registry,
        source=source,
        ref=ref,
        key=key,
    )
