"""Jupyter notebooks: what cells install (`!pip`, `%pip`, `%conda`, `subprocess` lists) and download. Outputs and prose are not read."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json, python
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import agents, commands, emit
from mlsbom.inspectors.manifests.installers import Setting
from mlsbom.inspectors.manifests.shell import Word
from mlsbom.model import Rule, Scope
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
SETTING = Setting(parser="notebook", scope=Scope.SCRIPT)
_BANG = late(r"^[ \t]*(?:\w+\s*=\s*)?!{1,2}(.*)$")
_MAGIC = late(r"^[ \t]*%((?:pip|conda|mamba|micromamba|uv)\b.*)$")
_CELL = late(r"^\s*%%(?:bash|sh|script\s+(?:ba)?sh|!)\b.*$")
_NOT_PYTHON = late(r"(\s*)(?:[!%?]|[\w., ]+=\s*[!%]|[^#'\"]*[\w)\]]\?{1,2}\s*$)")
_IMAGES = {
    "pip_install": ("pip", "install"),
    "uv_pip_install": ("pip", "install"),
    "apt_install": ("apt-get", "install"),
    "micromamba_install": ("micromamba", "install"),
}
"""Methods of Modal's Image that install, as command lines."""
_SERVERS = frozenset({"StdioServerParameters", "MCPServerStdio", "StdioTransport", "StdioServerParams"})
"""Classes of the clients of MCP (its SDK, pydantic-ai, openai-agents, autogen) that start a server by its command line."""
_CALLERS = frozenset({"run", "call", "check_call", "check_output", "Popen", "system", "getoutput"})


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of all code cells, with the lines of the file where the file has a line a line of source."""
    notebook = blob.parsed(json.read).value
    cursor = emit.Cursor(blob.text())
    for number, source in cells(notebook):
        context.budget.check()
        yield from _cell(source, cursor, f"cells[{number}]")


def cells(notebook: Any) -> Iterator[tuple[int, str]]:
    """(index, source) of every code cell. Raises Malformed for what is no notebook."""
    if not isinstance(notebook, dict):
        raise Malformed("no notebook: not an object")
    found = notebook.get("cells")
    if not isinstance(found, list):
        sheets = notebook.get("worksheets")
        found = [c for s in sheets if isinstance(s, dict) for c in s.get("cells") or ()] if isinstance(sheets, list) else None
    if found is None:
        raise Malformed("no notebook: it has no cells")
    for number, cell in enumerate(found):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            text = "".join(s for s in source if isinstance(s, str)) if isinstance(source, list) else source
            if isinstance(text, str):
                yield number, text


def python_of(source: str) -> str:
    """The source of a cell as plain Python, line by line: magics, shell lines and their continuations become `pass` and blank lines."""
    out: list[str] = []
    inside = False
    for row in source.split("\n"):
        if inside:
            inside = row.rstrip().endswith("\\")
            out.append("")
        elif m := _NOT_PYTHON.match(row):
            inside = row.rstrip().endswith("\\")
            out.append(f"{m[1]}pass")
        else:
            out.append(row)
    return "\n".join(out)


def line_of(cursor: emit.Cursor, row: str) -> int | None:
    """The line of the file that holds a row of a cell's source, as JSON writes it."""
    import json as plain

    words = row.strip()
    return cursor.find(plain.dumps(words)[1:-1], plain.dumps(words, ensure_ascii=False)[1:-1]) if words else None


def _cell(source: str, cursor: emit.Cursor, key: str) -> Iterator[Yield]:
    setting = Setting(parser=SETTING.parser, scope=SETTING.scope, key=key)
    rows = source.split("\n")
    if rows and _CELL.match(rows[0]):
        for n, row in enumerate(rows[1:]):
            line = line_of(cursor, row) or 1
            yield from commands.facts(row if not row.rstrip().endswith("\\") else "\n".join(rows[1 + n :]), line, setting)
        return
    at = 0
    while at < len(rows):
        m = _BANG.match(rows[at]) or _MAGIC.match(rows[at])
        first = rows[at]
        at += 1
        if m is None:
            continue
        text = m[1]
        while text.rstrip().endswith("\\") and at < len(rows):
            text = text.rstrip()[:-1] + " " + rows[at]
            at += 1
        variables = re.sub(r"\{(\w+)\}", r"$\1", text)
        yield from commands.facts(variables, line_of(cursor, first) or 1, setting)
    if any(
        name in source
        for name in ("subprocess", "os.system", "pip_install", "ServerParam", "MCPServerStdio", "get_ipython", "pip._internal", "pip.main")
    ):
        plain = source.split("\n")
        try:
            module = python.parse_text(python_of(source))
        except Malformed:
            return
        yield from calls(module, lambda n: line_of(cursor, plain[n - 1]) or 1, setting)


def calls(module: ast.Module, line: Callable[[int], int], setting: Setting) -> Iterator[Yield]:
    """What calls of subprocess, os.system and their kin with literal words install or download. `line`: the line of the file for one of the
    module's."""
    known = _constants(module)
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)) and (node.args or node.keywords)):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        if (front := _IMAGES.get(name)) is not None and isinstance(node.func, ast.Attribute):
            literal = [e for a in node.args for e in (a.elts if isinstance(a, ast.List) else [a])]
            words = [Word(e.value, line(e.lineno)) for e in literal if isinstance(e, ast.Constant) and isinstance(e.value, str)]
            if words:
                yield from commands.of_command([*(Word(w, line(node.lineno)) for w in front), *words], setting)
            continue
        if name in _SERVERS:
            yield from _tool_server(node, line)
        if name not in _CALLERS or not node.args:
            continue
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield from commands.facts(first.value, line(node.lineno), setting)
        elif isinstance(first, ast.List):
            row = [Word(_word(e, known), line(node.lineno)) for e in first.elts]
            yield from commands.of_command(row, setting)


def _word(node: ast.expr, known: dict[str, str]) -> str:
    """A word of a command line: a literal, a constant of the module, the interpreter; what is not known is `$?`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return known.get(node.id, "$?") if isinstance(node, ast.Name) else "python" if _is_python(node) else "$?"


def _tool_server(node: ast.Call, line: Callable[[int], int]) -> Iterator[Yield]:
    """The tool server that a client of MCP starts: `StdioServerParameters(command="npx", args=[…])`, also as a mapping under `params`."""
    given = {k.arg: k.value for k in node.keywords if k.arg}
    if isinstance(params := given.get("params"), ast.Dict):
        pairs = zip(params.keys, params.values, strict=True)
        given |= {k.value: v for k, v in pairs if isinstance(k, ast.Constant) and isinstance(k.value, str)}
    command = given.get("command") or next(iter(node.args), None)
    args = given.get("args")
    parts = [command, *(args.elts if isinstance(args, (ast.List, ast.Tuple)) else ())]
    words = [Word(p.value, line(p.lineno)) for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)]
    if command is not None and words and isinstance(command, ast.Constant):
        yield from agents.server_command("", words, line(node.lineno))


def _constants(module: ast.Module) -> dict[str, str]:
    """Texts that the module binds to one name each."""
    return {
        n.targets[0].id: n.value.value
        for n in module.body
        if isinstance(n, ast.Assign)
        and isinstance(n.targets[0], ast.Name)
        and isinstance(n.value, ast.Constant)
        and isinstance(n.value.value, str)
    }


def _is_python(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "executable"
