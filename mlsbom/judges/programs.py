"""Whether a text is a Python program that reaches the system. Parsed, never compiled."""

from __future__ import annotations

import ast
import textwrap
import warnings
from collections.abc import Iterator
from typing import Final

from mlsbom.judges.callables import Callables
from mlsbom.patterns import late

LIMIT: Final = 64 << 10
_LIKELY: Final = late(r"\bimport\b|\b(?:exec|eval|compile|open|__import__|getattr)\s*\(|\b[a-z_]+\.[a-z_.]+\(")


def program(text: str, judge: Callables) -> str | None:
    """The first call in a text that no honest data make (`os.system`), dotted; None for prose, other code and what does not parse."""
    if len(text) > LIMIT or "(" not in text or not _LIKELY.search(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    known = dict(_imports(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            path = _dotted(node.func)
            head, _, rest = path.partition(".")
            full = f"{known[head]}.{rest}".rstrip(".") if head in known else f"builtins.{path}" if path and not rest else path
            if full and _reaches(full, judge):
                return full.removeprefix("builtins.")
    return None


def _reaches(full: str, judge: Callables) -> bool:
    if full in ("builtins.open", "builtins.input", "builtins.print"):
        return False
    judged = judge.judge_path(full)
    return judged.listed and judged.bad


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Local names and what they stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for a in node.names:
                yield (a.asname, a.name) if a.asname else (a.name.split(".")[0], a.name.split(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.module:
            for a in node.names:
                yield a.asname or a.name, f"{node.module}.{a.name}"


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "__import__"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        parts.append(str(node.args[0].value))
    else:
        return ""
    return ".".join(reversed(parts))
