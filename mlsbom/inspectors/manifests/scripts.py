"""Scripts that install: shell scripts and Makefiles, tox.ini, noxfile.py, the inline metadata of single-file scripts
(PEP 723), and Python that calls an installer."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.formats import python
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests import commands, emit, ini
from mlsbom.inspectors.manifests.installers import Setting
from mlsbom.inspectors.manifests.notebook import calls
from mlsbom.inspectors.manifests.requirements import line_facts
from mlsbom.inspectors.manifests.shell import Word
from mlsbom.model import Rule, Scope, Statement
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
SIZE_LIMIT = 4 << 20
_BLOCK = late(r"^# /// (?P<type>[A-Za-z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$", re.MULTILINE)  # PEP 723, "Specification"
_INSTALLS = (
    "pip install",
    "pip_install",
    "subprocess",
    "os.system",
    "ServerParam",
    "MCPServerStdio",
    '"pip"',
    "'pip'",
    "huggingface-cli",
    "hf download",
)
_ASSIGNED = late(r"^(\w+)\s*[:?]?=[ \t]*([^\n#]*)", re.MULTILINE)
_MARK = late(r"^# /// script\s*$", re.MULTILINE)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """What one script installs, by its name."""
    base = (context.member or context.path).rsplit("/", 1)[-1].lower()
    if base == "tox.ini":
        yield from _tox(blob.text(SIZE_LIMIT))
    elif base == "noxfile.py":
        yield from _nox(blob)
    elif base.endswith(".py"):
        text = blob.text(SIZE_LIMIT)
        yield from _inline(text)
        if any(mark in text for mark in _INSTALLS):
            yield from calls(blob.parsed(python.tree).module, lambda n: n, Setting(parser="python-call", scope=Scope.SCRIPT))
    else:
        text, known = blob.text(SIZE_LIMIT), dict[str, str]()
        if base.startswith(("makefile", "gnumakefile")) or base.endswith(".mk"):
            text, known = _make(text)
        yield from commands.facts(text, 1, Setting(parser="shell", scope=Scope.SCRIPT), known)


def _make(text: str) -> tuple[str, dict[str, str]]:
    """The recipes of a Makefile as shell text of as many lines, and its variables."""
    known = {"PIP": "pip", "PYTHON": "python", "UV": "uv"} | {m[1]: m[2].strip() for m in _ASSIGNED.finditer(text)}
    rows = []
    for row in text.split("\n"):
        body = row.lstrip("\t @-+") if row.startswith("\t") else ""
        rows.append(re.sub(r"\$\((\w+)\)", r"${\1}", body.replace("$$", "$")))
    return "\n".join(rows), known


def _tox(text: str) -> Iterator[Yield]:
    setting = Setting(parser="tox", scope=Scope.DEV)
    for section, key, _, rows in ini.sections(text):
        if key in ("deps", "requires") and (section.startswith(("testenv", "tox", "env", "pkgenv"))):
            for number, row in rows:
                item = re.sub(r"^[\w,{}!.-]+:\s+", "", row)
                if "{" in item or not item:
                    continue
                yield from line_facts(item, number, "tox", Scope.DEV)
        elif key.startswith("commands"):
            for number, row in rows:
                yield from commands.facts(re.sub(r"\{[^}]*\}", "${TOX}", row.lstrip("- ")), number, setting)


def _nox(blob: Blob) -> Iterator[Yield]:
    """`session.install("a", "-r", "b.txt")` and `session.run("pip", "install", ...)` with literal arguments."""
    setting = Setting(parser="nox", scope=Scope.DEV)
    for node in ast.walk(blob.parsed(python.tree).module):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("install", "conda_install", "run", "run_always")
        ):
            continue
        words = [Word(a.value, a.lineno) for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        front = {"install": ("pip", "install"), "conda_install": ("conda", "install")}.get(node.func.attr, ())
        if words:
            yield from commands.of_command([*(Word(w, node.lineno) for w in front), *words], setting)


def _inline(text: str) -> Iterator[Yield]:
    blocks = [m for m in _BLOCK.finditer(text.replace("\r\n", "\n")) if m["type"] == "script"]
    if len(blocks) != 1:
        marks = list(_MARK.finditer(text))
        if blocks or marks:
            yield emit.trouble(
                "more than one block of script metadata" if blocks else "a block of script metadata that does not end",
                text.count("\n", 0, marks[0].start()) + 1,
            )
        return
    block = blocks[0]
    first = text.replace("\r\n", "\n").count("\n", 0, block.start("content")) + 1
    rows = [row[2:] if row.startswith("# ") else row[1:] for row in block["content"].splitlines()]
    try:
        value: dict[str, Any] = tomllib.loads("\n".join(rows))
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as e:
        yield emit.trouble(f"script metadata that is no TOML: {e}", first)
        return
    cursor = emit.Cursor("\n".join(rows))
    wanted = value.get("dependencies")
    for item in wanted if isinstance(wanted, list) else ():
        if isinstance(item, str):
            yield from emit.python(item, line=(cursor.quoted(item) or 1) + first - 1, parser="pep723", scope=Scope.SCRIPT)
    if isinstance(value.get("requires-python"), str):
        line = (cursor.find("requires-python") or 1) + first - 1
        yield Statement(field="python_requires", value=value["requires-python"], about="file", evidence=emit.place(line, emit.PINNED))
    tool = value.get("tool")
    uv = tool.get("uv") if isinstance(tool, dict) else None
    indexes = uv.get("index") if isinstance(uv, dict) else None
    for table in indexes if isinstance(indexes, list) else ():
        if isinstance(table, dict) and isinstance(table.get("url"), str):
            line = (cursor.quoted(table["url"]) or 1) + first - 1
            yield from emit.index(
                table["url"], line, option="tool.uv.index", extra=table.get("explicit") is not True and table.get("default") is not True
            )
