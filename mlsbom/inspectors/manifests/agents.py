"""Configurations of agents and editors that start tool servers (`.mcp.json` and its kin): what is fetched and run at every start."""

from __future__ import annotations

from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.formats import toml, yaml
from mlsbom.formats.yaml import Node
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import commands, emit
from mlsbom.inspectors.manifests.deployment import commented_json
from mlsbom.inspectors.manifests.installers import Setting
from mlsbom.inspectors.manifests.shell import Word
from mlsbom.model import Dependency, Kind, Reference, Role, Rule, Scope

RULES: tuple[Rule, ...] = emit.RULES
SETTING = Setting(parser="agent-config", scope=Scope.RUNTIME)
_TABLES = ("mcpServers", "mcp_servers", "servers", "context_servers", "mcp", "extensions")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The servers of one configuration."""
    base = (context.member or context.path).rsplit("/", 1)[-1].lower()
    if base.endswith(".toml"):
        yield from _toml(blob)
        return
    if base.endswith((".yaml", ".yml")):
        documents = blob.parsed(yaml.read)
        root = documents[0].root if documents and not documents[0].bomb else None
    else:
        root = commented_json(blob)
    if root is None:
        return
    seen: set[int] = set()
    for _, node in yaml.walk(root):
        for table in _TABLES if node.kind == "mapping" else ():
            servers = node.get(table)
            if servers is None or id(servers) in seen or servers.kind not in ("mapping", "sequence"):
                continue
            seen.add(id(servers))
            rows = servers.value if servers.kind == "mapping" else [(s.get("name") or s, s) for s in servers.value]
            for name, server in rows:
                if server.kind == "mapping" and any(server.get(k) is not None for k in ("command", "cmd", "url", "serverUrl", "httpUrl")):
                    yield from _server(str(name.value) if name.kind == "scalar" else "", server)


def _scalar(node: Node | None) -> str:
    return str(node.value) if node is not None and node.kind == "scalar" else ""


def _server(name: str, server: Node) -> Iterator[Yield]:
    url = server.get("url") or server.get("serverUrl") or server.get("httpUrl")
    command = server.get("command") or server.get("cmd")
    if command is not None and command.kind == "mapping":  # Zed: command = {path, args, env}
        server, command = command, command.get("path")
    if command is None:
        yield from _remote(name, _scalar(url), url.line if url is not None else server.line)
        return
    words = [Word(str(n.value), n.line) for n in (command.value if command.kind == "sequence" else [command]) if n.kind == "scalar"]
    if len(words) == 1 and " " in words[0].text.strip():
        words = [Word(w, words[0].line) for w in words[0].text.split()]
    arguments = server.get("args") or server.get("arguments")
    words += (
        [Word(str(n.value), n.line) for n in arguments.value if n.kind == "scalar"]
        if arguments is not None and arguments.kind == "sequence"
        else []
    )
    yield from server_command(name, words, server.line)
    env = server.get("env")
    for key, value in env.value if env is not None and env.kind == "mapping" else ():
        if key.kind == "scalar" and value.kind == "scalar":
            yield from commands.variable(key.value, value.value, value.line, SETTING)


def _remote(name: str, url: str, line: int) -> Iterator[Yield]:
    shown = emit.without_credentials(url)[0]
    host = emit.host_of(shown)
    yield from emit.credentials(url, line)
    if name or host:
        attrs = (("server", name), ("transport", "http"))
        yield Reference(
            kind=Kind.AGENT_TOOL,
            name=name or host,
            role=Role.TOOL,
            url=shown or None,
            attrs=attrs,
            evidence=emit.place(line, emit.PINNED, "url"),
        )


def server_command(name: str, words: list[Word], line: int) -> Iterator[Yield]:
    """The tool that a command line starts: the package that a runner fetches, an image, or a program of this machine."""
    if not words:
        return
    facts = list(commands.of_command(words, SETTING))
    packages = [f for f in facts if isinstance(f, Dependency)]
    program = words[0].text.replace("\\", "/").rsplit("/", 1)[-1]
    attrs = (("server", name), ("command", program))
    yield from facts
    if packages:
        first = packages[0]
        place = first.evidence
        known = (*attrs, ("ecosystem", first.ecosystem))
        yield Reference(
            kind=Kind.AGENT_TOOL, name=first.written or first.name, role=Role.TOOL, version=first.resolved, attrs=known, evidence=place
        )
    elif images := [f for f in facts if isinstance(f, Reference) and f.kind == Kind.CONTAINER]:
        yield Reference(
            kind=Kind.AGENT_TOOL,
            name=name or images[0].name,
            role=Role.TOOL,
            attrs=(*attrs, ("image", images[0].name)),
            evidence=images[0].evidence,
        )
    else:
        yield Reference(
            kind=Kind.AGENT_TOOL,
            name=name or program,
            role=Role.TOOL,
            attrs=attrs,
            evidence=emit.place(words[0].line or line, emit.PINNED, "command"),
        )


def _toml(blob: Blob) -> Iterator[Yield]:
    """Codex: `[mcp_servers.NAME]` with command, args, url."""
    document = blob.parsed(toml.read)
    servers = document.value.get("mcp_servers")
    for name, server in servers.items() if isinstance(servers, dict) else ():
        if not isinstance(server, dict):
            continue
        line = document.line("mcp_servers", name, "command") or document.line("mcp_servers", name) or 1
        if isinstance(server.get("command"), str):
            arguments = server.get("args")
            words = [server["command"], *(a for a in (arguments if isinstance(arguments, list) else []) if isinstance(a, str))]
            found = document.line("mcp_servers", name, "args") or line
            yield from server_command(name, [Word(w, line if n == 0 else found) for n, w in enumerate(words)], line)
        elif isinstance(server.get("url"), str):
            yield from _remote(name, server["url"], document.line("mcp_servers", name, "url") or line)
