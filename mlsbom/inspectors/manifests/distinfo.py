"""METADATA and PKG-INFO of installed, unpacked or archived distributions: name, version, licence, what they require.

Core metadata is a block of RFC 822 headers; it is read here with the line of every header, which `email.parser` does not keep. Checks of
RECORD need other files and belong to a resolver.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from email.utils import getaddresses
from typing import Final

from mlsbom.blob import Blob, decode
from mlsbom.errors import Malformed
from mlsbom.formats import json
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.inspectors.manifests.pyproject import url_type
from mlsbom.model import LicenseClaim, Rule, Scope, Statement, Text
from mlsbom.packages import names
from mlsbom.packages.requirement import InvalidRequirement, parse
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
SIZE_LIMIT: Final = 16 << 20
HEADERS_LIMIT: Final = 1 << 20
_HEADER = late(r"([A-Za-z][A-Za-z0-9-]*):[ \t]?(.*)$")
_EXTRA = late(r"\bextra\s*==")
_STATED: Final = {"summary": "description", "author": "author", "requires-python": "python_requires"}


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The distribution and what it requires."""
    base = (context.member or context.path).rsplit("/", 1)[-1]
    if base == "direct_url.json":
        yield from _direct_url(blob, context)
        return
    if base == "requires.txt":
        yield from _requires_txt(blob, context)
        return
    text = decode(blob.data(SIZE_LIMIT))[0]
    rows = list(headers(text))
    first: dict[str, tuple[int, str]] = {}
    for line, key, value in rows:
        first.setdefault(key, (line, value))
    name_line, name = first.get("name", (None, ""))
    version_line, version = first.get("version", (None, ""))
    if not names.valid(name, "pypi"):
        raise Malformed("metadata of a distribution without a good name")
    installed = (
        ".dist-info/" in f"{context.path}/{context.member}"
        or ".egg-info/" in f"{context.path}/{context.member}"
        or ".egg-info" in context.path
    )
    project = not context.member and context.path.count("/") <= 1
    yield emit.dependency(
        "pypi",
        name,
        f"=={version}" if version and not project else "",
        line=name_line,
        parser="metadata",
        resolved=version or None,
        source="installed" if installed else "path",
        installed=installed and not project,
        project=project,
    )
    yield Statement(field="name", value=name, about="project", evidence=emit.place(name_line, emit.LOCKED, "Name"))
    if version:
        yield Statement(field="version", value=version, about="project", evidence=emit.place(version_line, emit.LOCKED, "Version"))
    yield from _about(rows)
    yield from _requires(rows, name)
    head = "\n".join(f"{key}: {value}" for _, key, value in rows)[:HEADERS_LIMIT]
    yield Text(kind="metadata", sha256=hashlib.sha256(head.encode()).hexdigest(), content=head)


def _direct_url(blob: Blob, context: Context) -> Iterator[Yield]:
    """Where an installed copy came from (PEP 610). Its name and version are those of the folder, for the file has none."""
    folder = (context.member or context.path).rsplit("/", 2)[-2]
    m = re.fullmatch(r"([\w.]+)-([^-]+)\.dist-info", folder)
    value = blob.parsed(json.read).value
    url = value.get("url") if isinstance(value, dict) else None
    if m is None or not isinstance(url, str):
        yield emit.trouble("a direct_url.json that says nothing")
        return
    vcs, directory, archive = (value[k] if isinstance(value.get(k), dict) else {} for k in ("vcs_info", "dir_info", "archive_info"))
    hashes = archive.get("hashes")
    known = tuple(f"{a}:{h}" for a, h in hashes.items()) if isinstance(hashes, dict) else ()
    source = "vcs" if vcs else "editable" if directory.get("editable") is True else "path" if "dir_info" in value else "url"
    ref = f"{vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id')}" if vcs else url
    line = emit.Cursor(blob.text()).quoted("url")
    yield from emit.credentials(url, line)
    yield emit.dependency(
        "pypi", m[1], "", line=line, parser="direct_url", resolved=m[2], installed=True, source=source, ref=ref, hashes=known
    )


def headers(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, name in lower case, value) of every header above the body; folded lines are joined."""
    line, key, parts = 0, "", list[str]()
    size = 0
    for number, row in enumerate(text.splitlines(), 1):
        size += len(row)
        if not row.strip() or size > HEADERS_LIMIT:
            break
        if row[0] in " \t":
            parts.append(row.strip().removeprefix("|").strip())
            continue
        if key:
            yield line, key, "\n".join(parts).strip()
        m = _HEADER.match(row)
        line, key, parts = (number, m[1].lower(), [m[2].strip()]) if m else (0, "", [])
    if key:
        yield line, key, "\n".join(parts).strip()


def _about(rows: list[tuple[int, str, str]]) -> Iterator[Yield]:
    for line, key, value in rows:
        if not value or value == "UNKNOWN":
            continue
        place = emit.place(line, emit.PINNED, key)
        if key == "license-expression" or key == "license":
            short = value.split("\n", 1)[0].strip()
            if len(short) <= 200:
                yield LicenseClaim(value=short, origin="package", about="project", evidence=place)
        elif key == "classifier" and value.startswith("License ::"):
            yield LicenseClaim(value=value, origin="classifier", about="project", evidence=place)
        elif key == "author-email":
            people = [name or address for name, address in getaddresses([value])]
            if people[0] and not any(k == "author" for _, k, _ in rows):
                yield Statement(field="author", value=", ".join(people)[:2000], about="project", evidence=place)
        elif key in _STATED:
            yield Statement(field=_STATED[key], value=value[:2000], about="project", evidence=place)
        elif key in ("home-page", "project-url"):
            label, _, url = value.rpartition(",")
            if url.strip().startswith(("https://", "http://")):
                kind = url_type(label) if label else "website"
                yield Statement(
                    field="url", value={"type": kind, "url": emit.without_credentials(url.strip())[0]}, about="project", evidence=place
                )


def _requires(rows: list[tuple[int, str, str]], name: str) -> Iterator[Yield]:
    for line, key, value in rows:
        if key not in ("requires-dist", "requires"):
            continue
        try:
            wanted = parse(value.replace("\n", " "))
        except InvalidRequirement as e:
            yield emit.trouble(f"no requirement: {value[:80]!r} ({e})", line)
            continue
        scope = Scope.OPTIONAL if wanted.marker and _EXTRA.search(wanted.marker) else Scope.RUNTIME
        yield from emit.from_requirement(wanted, line=line, parser="metadata", scope=scope, via=names.pypi(name), key="Requires-Dist")


def _requires_txt(blob: Blob, context: Context) -> Iterator[Yield]:
    """egg-info's requires.txt: requirements, and `[extra]` or `[:marker]` sections."""
    folder = (context.member or context.path).rsplit("/", 2)[-2] if "/" in (context.member or context.path) else ""
    owner = re.sub(r"(?:-\d.*)?\.egg-info$", "", folder)
    scope = Scope.RUNTIME
    for number, row in enumerate(blob.text(SIZE_LIMIT).splitlines(), 1):
        body = row.strip()
        if body.startswith("["):
            scope = Scope.RUNTIME if body.startswith("[:") else Scope.OPTIONAL
        elif body and not body.startswith("#"):
            try:
                wanted = parse(body)
            except InvalidRequirement as e:
                yield emit.trouble(f"no requirement: {body[:80]!r} ({e})", number)
                continue
            via = names.pypi(owner) if names.valid(owner, "pypi") else None
            yield from emit.from_requirement(wanted, line=number, parser="metadata", scope=scope, via=via, key="requires.txt")
