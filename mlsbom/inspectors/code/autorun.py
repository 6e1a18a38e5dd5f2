"""What runs without being asked, besides what `hooks` covers for packages: git hooks and settings, direnv, pre-commit, scripts of agents,
MCP servers,
instructions with hidden characters, notebook shells, odd folders in `.pth` files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json
from mlsbom.inspectors import Context, Yield
from mlsbom.judges import marks
from mlsbom.model import Confidence, Evidence, Mark, Phase, Rule, Severity, Technique
from mlsbom.patterns import late

STARTUP = Rule(id="STARTUP-HOOK", title="A file runs whenever the interpreter starts", severity=Severity.HIGH)
TOOL = Rule(id="TOOL-HOOK", title="Opening the folder in a tool runs a command", severity=Severity.MEDIUM)
HIDDEN = Rule(
    id="HIDDEN-INSTRUCTION", title="Instructions to an assistant hold characters that a reader does not see", severity=Severity.MEDIUM
)
NOTEBOOK = Rule(id="NOTEBOOK-SHELL", title="A notebook pipes a download into a shell", severity=Severity.MEDIUM)
RULES = (STARTUP, TOOL, HIDDEN, NOTEBOOK)

_ODD_FOLDER: Final = late(r"(?:^|/)(?:tmp|dev/shm|var/tmp)(?:/|$)|^\.\.|/\.\./|^~|^\\\\")
_INVISIBLE: Final = late(
    "[\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0001-\U000e007f\U000e0100-\U000e01ef]"
)
_INSTRUCTIONS: Final = frozenset(
    {"claude.md", "agents.md", ".cursorrules", ".windsurfrules", ".clinerules", "gemini.md", "copilot-instructions.md"}
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one hook file, by its name and place."""
    path = (context.member or context.path).lower()
    base = path.rsplit("/", 1)[-1]
    if base.endswith(".pth"):
        if "text" not in context.formats:
            return  # weights under the same suffix
        yield from _pth(blob.text(1 << 20))
    elif base in _INSTRUCTIONS or base.endswith((".mdc", ".instructions.md")):
        yield from _instructions(blob.text())
    elif "notebook" in context.formats or base.endswith(".ipynb"):
        yield from _notebook(blob)
    elif base in (".envrc", ".pre-commit-config.yaml"):
        yield from _shell(blob, base)
    elif base == "config" and "/.git/" in f"/{path}":
        yield from _git_config(blob.text(1 << 20))
    elif "/.git/hooks/" in f"/{path}" or ("/.husky/" in f"/{path}" and "/_/" not in path):
        if not base.endswith(".sample"):
            yield from _hook(blob.text(1 << 20), base, "a git hook")
    else:
        yield from _tool(blob, base, path)


def _pth(text: str) -> Iterator[Yield]:
    """Lines that are paths; those that are code are judged by `hooks`."""
    for number, line in enumerate(text.splitlines(), 1):
        path = line.strip()
        if path and not path.startswith(("#", "import ", "import\t")) and _ODD_FOLDER.search(path):
            yield STARTUP.finding(
                f"a folder for imports outside the usual places: {marks.quote(path, 120)}",
                severity=Severity.MEDIUM,
                phase=Phase.IMPORT,
                evidence=Evidence(line=number, technique=Technique.SOURCE, confidence=0.9),
            )


def _instructions(text: str) -> Iterator[Yield]:
    body = text.removeprefix("\ufeff")
    found = _INVISIBLE.findall(re.sub("[\u200d\ufe0f]", "", body))
    tags = sum(1 for c in found if ord(c) >= 0xE0000)
    if tags or len(found) >= 3:
        decoded = "".join(chr(ord(c) - 0xE0000) for c in found if 0xE0020 <= ord(c) <= 0xE007E)
        yield HIDDEN.finding(
            f"{len(found)} invisible characters{': ' + marks.quote(decoded, 120) if decoded else ''}",
            evidence=Evidence(line=1, technique=Technique.SOURCE),
        )
    command = marks.command(body)
    if command and command[0] in ("decodes and runs", "opens a shell to another host"):
        because = f"instructions with a command that {command[0]}: {marks.quote(command[1], 120)}"
        yield TOOL.finding(because, evidence=Evidence(line=1), sure=Confidence.LOW)


def _notebook(blob: Blob) -> Iterator[Yield]:
    try:
        root = blob.parsed(json.read).value
    except Malformed:
        return
    for n, cell in enumerate(root.get("cells", []) if isinstance(root, dict) else []):
        source = cell.get("source", "") if isinstance(cell, dict) and cell.get("cell_type") == "code" else ""
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        for line in text.splitlines():
            if line.lstrip().startswith(("!", "%%bash", "%%sh", "%sx")) or text.lstrip().startswith(("%%bash", "%%sh", "%%script")):
                found = marks.command(line)
                if found and found[0] != "runs a shell command":
                    yield NOTEBOOK.finding(
                        f"a cell {found[0]}: {marks.quote(line.strip(), 120)}",
                        evidence=Evidence(key=f"cells.{n}", technique=Technique.SOURCE),
                    )


def _shell(blob: Blob, base: str) -> Iterator[Yield]:
    text = blob.text(1 << 20)
    if base == ".envrc":
        yield from _hook(text, base, "a direnv script", severity=Severity.LOW)
        return
    for match in re.finditer(r"^\s*entry:\s*(.+)$", text, re.M):
        found = marks.command(match[1])
        if found and found[0] != "runs a shell command":
            yield TOOL.finding(
                f"a local hook {found[0]}: {marks.quote(match[1], 120)}",
                evidence=Evidence(line=text.count(chr(10), 0, match.start()) + 1),
                severity=Severity.HIGH,
            )


def _git_config(text: str) -> Iterator[Yield]:
    for match in re.finditer(
        r"^\s*(fsmonitor|sshCommand|hooksPath|pager|editor|external|textconv|smudge|clean|process|helper|askPass)\s*=\s*(.+)$",
        text,
        re.M | re.I,
    ):
        if match[2].strip().lower() not in ("true", "false", "store", "cache", "osxkeychain", "git-lfs filter-process") and not match[
            2
        ].strip().startswith("git-lfs"):
            yield TOOL.finding(
                f"git runs {match[1]} = {marks.quote(match[2].strip(), 120)}",
                evidence=Evidence(line=text.count("\n", 0, match.start()) + 1),
                severity=Severity.HIGH,
                phase=Phase.LOAD,
            )


def _hook(text: str, base: str, what: str, severity: Severity | None = None) -> Iterator[Yield]:
    found = marks.hostile(text)
    strong = found is not None and found[0] not in ("runs a shell command", "runs a process")
    yield TOOL.finding(
        f"{what} {base}{': ' + marks.quote(found[1], 120) if strong and found else ''}",
        evidence=Evidence(line=1, technique=Technique.SOURCE),
        severity=Severity.HIGH if strong else severity,
        phase=Phase.LOAD,
    )
    yield Mark(kind="hook", text=text[:2000], evidence=Evidence(line=1))


def _tool(blob: Blob, base: str, path: str) -> Iterator[Yield]:
    """Scripts and servers of agents. Comments are allowed in their JSON."""
    text = blob.text(4 << 20)
    if "/.claude/" in f"/{path}":
        yield from _hook(text, base, "a script of an agent")
        return
    try:
        root = json.loads(re.sub(r"^\s*//.*$|,(?=\s*[}\]])", "", text, flags=re.M)).value
    except Malformed:
        return
    if isinstance(root, dict):
        yield from _servers(root)


def _servers(root: dict[str, Any]) -> Iterator[Yield]:
    servers = root.get("mcpServers") or root.get("servers")
    for name, server in servers.items() if isinstance(servers, dict) else ():
        if not isinstance(server, dict):
            continue
        args = server.get("args") if isinstance(server.get("args"), list) else []
        command = " ".join(map(str, (server.get("command", ""), *(args or [])))).strip()
        evidence = Evidence(key=f"mcpServers.{name}", technique=Technique.MANIFEST, confidence=0.9)
        found = marks.command(command)
        if found and found[0] != "runs a shell command":
            yield TOOL.finding(
                f"MCP server {marks.quote(str(name), 60)} {found[0]}: {marks.quote(command, 120)}",
                evidence=evidence,
                severity=Severity.HIGH,
                phase=Phase.LOAD,
            )
