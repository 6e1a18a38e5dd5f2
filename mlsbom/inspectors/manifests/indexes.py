"""Settings of package indexes: pip.conf, .pypirc, uv.toml, .npmrc, .yarnrc, .yarnrc.yml, bunfig.toml, .condarc, .env."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.formats import toml, yaml
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import commands, emit, ini
from mlsbom.inspectors.manifests.installers import Setting
from mlsbom.model import Rule, Scope
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
SETTING = Setting(parser="settings", scope=Scope.RUNTIME)
_SECRET = late(r"(?:_authToken|_auth|_password|:password|npmAuthToken|npmAuthIdent)$", re.IGNORECASE)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The indexes of one file of settings, by its name."""
    base = (context.member or context.path).rsplit("/", 1)[-1].lower()
    if base in (".npmrc", "npmrc", ".yarnrc"):
        yield from _npmrc(blob.text())
    elif base in (".yarnrc.yml", ".condarc", "condarc"):
        yield from _yaml(blob)
    elif base in ("uv.toml", "bunfig.toml"):
        yield from _toml(blob, base)
    elif base.startswith(".env") or base.endswith(".env"):
        yield from _env(blob.text())
    else:
        yield from _pip(blob.text())


def _pip(text: str) -> Iterator[Yield]:
    for _, key, line, rows in ini.sections(text):
        if key in ("index-url", "extra-index-url", "find-links", "index", "repository"):
            for number, value in rows:
                for url in value.split():
                    yield from emit.index(url, number, option=key, extra=key in ("extra-index-url", "find-links"))
        elif key == "trusted-host":
            for number, value in rows:
                for host in value.split():
                    yield from emit.untrusted(host, number, key)
        elif key == "password" and rows:
            yield emit.CREDENTIALS.finding(
                "a password of a package index stands in a file of settings", evidence=emit.place(line, emit.PINNED, key)
            )


def _npmrc(text: str) -> Iterator[Yield]:
    for number, row in enumerate(text.splitlines(), 1):
        key, _, value = (p.strip().strip('"') for p in (row.partition("=") if "=" in row else row.partition(" ")))
        if not value or key.startswith(("#", ";")):
            continue
        if key == "registry":
            yield from emit.index(value, number, option="registry")
        elif key.startswith("@") and key.endswith(":registry"):
            yield from emit.index(value, number, option="registry", attrs=(("for", key.removesuffix(":registry")),))
        elif _SECRET.search(key) and not value.startswith("${"):
            host = key.removeprefix("//").split("/")[0] if key.startswith("//") else "a registry"
            yield emit.CREDENTIALS.finding(
                f"credentials for {host} stand in a file of settings", evidence=emit.place(number, emit.PINNED), subject=host
            )
        elif key in ("strict-ssl", "strictSSL") and value == "false":
            yield from emit.untrusted("every registry", number, "strict-ssl=false")


def _yaml(blob: Blob) -> Iterator[Yield]:
    documents = blob.parsed(yaml.read)
    root = documents[0].root if documents and not documents[0].bomb else None
    for path, node in yaml.walk(root):
        if node.kind != "scalar" or not path:
            continue
        key, value = path[-1] if not path[-1].isdigit() else path[-2] if len(path) > 1 else "", str(node.value)
        if key == "npmRegistryServer":
            scope = (("for", f"@{path[1]}"),) if path[0] == "npmScopes" and len(path) > 1 else ()
            yield from emit.index(value, node.line, option=key, attrs=scope)
        elif key in ("channels", "default_channels", "channel_alias") and "://" in value:
            yield from emit.index(value, node.line, option=key, extra=key == "channels")
        elif _SECRET.search(key) and value and not value.startswith("${"):
            yield emit.CREDENTIALS.finding(
                "credentials for a registry stand in a file of settings", evidence=emit.place(node.line, emit.PINNED, key)
            )
        elif key in ("ssl_verify", "enableStrictSsl") and value.lower() == "false":
            yield from emit.untrusted("every index", node.line, f"{key}: false")


def _toml(blob: Blob, base: str) -> Iterator[Yield]:
    document = blob.parsed(toml.read)
    value: Any = document.value
    if base == "bunfig.toml":
        install = value.get("install")
        registry = install.get("registry") if isinstance(install, dict) else None
        if isinstance(registry, str):
            yield from emit.index(registry, document.line("install", "registry"), option="install.registry")
        return
    tables = value.get("index")
    for n, table in enumerate(tables if isinstance(tables, list) else ()):
        if isinstance(table, dict) and isinstance(table.get("url"), str):
            explicit, default = table.get("explicit") is True, table.get("default") is True
            attrs = (("explicit", "true"),) if explicit else ()
            yield from emit.index(
                table["url"], document.line("index", n, "url"), option="index", extra=not (explicit or default), attrs=attrs
            )
    for key, extra in (("index-url", False), ("extra-index-url", True), ("find-links", True)):
        urls = value.get(key)
        for url in urls if isinstance(urls, list) else [urls]:
            if isinstance(url, str):
                yield from emit.index(url, document.line(key), option=key, extra=extra)


def _env(text: str) -> Iterator[Yield]:
    for number, row in enumerate(text.splitlines(), 1):
        name, eq, value = row.strip().removeprefix("export ").partition("=")
        if eq and not name.startswith("#"):
            yield from commands.variable(name.strip(), value.strip().strip("\"'"), number, SETTING)
