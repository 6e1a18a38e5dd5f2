"""The top-level modules that Python code imports: sources and notebook cells.

A linear scan over the text with strings and comments blanked answers for nearly every file; a syntax tree is built only where the scan says
that it cannot be sure (an import inside `try` or `if`, dynamic imports, brackets that do not match). A property test holds the scan
against the tree. Modules of the standard library and relative imports are left out: they are no packages.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import json, python
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.manifests.emit import Cursor
from mlsbom.inspectors.manifests.notebook import cells, line_of, python_of
from mlsbom.model import Evidence, Import, Rule, Shortfall, Status, Technique
from mlsbom.packages.imports import load
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = ()
SURE: Final = 0.6  # specs of the SBOM, section 5: import only
_MODULES = 2_000  # modules of one file that are kept

_LITERAL = late(
    r'"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""'
    r"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
    r"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'|#[^\n]*|\\\r?\n",
    re.DOTALL,
)
_STATEMENT = late(
    r"(?P<before>[\n;:])[ \t\f]*(?:import[ \t]+(?P<names>[\w.][^\n;]*)|from[ \t]+(?P<module>[\w.]+)[ \t]+import\b)",
    re.ASCII,
)
_ODD_SPACE = late(r"[^\S \t\n\r\f]")
_BLANKS: Final = frozenset(" \t\f")
_NO_BRACKETS: Final = bytes(sorted(set(range(256)) - set(b"()[]{}")))
_NAME = late(r"\s*([A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)")
_DYNAMIC = ("import_module", "__import__")
_CATCHES: Final = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


_NAMESPACES: Final = frozenset({"google", "google.cloud", "azure", "azure.ai", "azure.cognitiveservices", "pyannote", "ruamel"})
"""Packages that several distributions share: what is imported from them says which one."""


class Found(Struct):
    """One top-level module: dotted names, the line to cite, whether every mention is optional."""

    line: int
    optional: bool
    modules: set[str] = field(default_factory=set)


class Unsure(Exception):
    """Raised by `scan` where only a syntax tree can tell."""


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The imports of one file that are no modules of the standard library."""
    known = load(context.packs).stdlib
    notebook = "notebook" in context.formats or (context.member or context.path).lower().endswith(".ipynb")
    found, shortfalls = _notebook(blob) if notebook else _source(blob)
    yield from shortfalls
    rows = [(name, f) for name, f in sorted(found.items()) if name not in known and name.isidentifier()]
    for name, f in rows[:_MODULES]:
        place = Evidence(line=f.line, technique=Technique.SOURCE, confidence=SURE)
        yield Import(module=name, modules=tuple(sorted(f.modules)), optional=f.optional, evidence=place)
    if len(rows) > _MODULES:
        yield Shortfall(status=Status.PARTIAL, reason=f"imports {len(rows)} modules; {_MODULES} are kept")


def _source(blob: Blob) -> tuple[dict[str, Found], list[Shortfall]]:
    data = blob.data(python.SOURCE_LIMIT)
    if b"\0" in data:
        raise Malformed("no valid Python: a NUL byte", offset=data.index(b"\0"))
    text, encoding, declared, _ = python.decode(data)
    bad = encoding == "iso8859-1" and (declared or "utf-8").lower().replace("_", "-") not in (
        "iso8859-1",
        "iso-8859-1",
        "latin-1",
        "latin1",
        "l1",
    )
    shortfalls = [Shortfall(status=Status.PARTIAL, reason=f"bytes that are no {declared or 'UTF-8'}: read as Latin-1")] if bad else []
    try:
        return scan(text), shortfalls
    except Unsure:
        return by_tree(blob.parsed(python.tree).module, any(word in text for word in _DYNAMIC)), shortfalls


def _notebook(blob: Blob) -> tuple[dict[str, Found], list[Shortfall]]:
    """Imports of all code cells, with the lines of the file."""
    found: dict[str, Found] = {}
    shortfalls: list[Shortfall] = []
    cursor = Cursor(blob.text())
    for number, source in cells(blob.parsed(json.read).value):
        if re.match(r"\s*%%(?!time|capture|timeit|prun)", source) or "import" not in source:
            continue
        rows = source.split("\n")
        plain = python_of(source)
        try:
            here = scan(plain)
        except Unsure:
            try:
                here = by_tree(python.parse_text(plain))
            except Malformed as e:
                shortfalls.append(Shortfall(status=Status.PARTIAL, reason=f"cell {number}: {e}"))
                continue
        for name, one in sorted(here.items(), key=lambda p: p[1].line):
            line = line_of(cursor, rows[one.line - 1]) or 1
            _add(found, name, one.modules, line, one.optional)
    return found, shortfalls


def _add(found: dict[str, Found], name: str, modules: set[str], line: int, optional: bool) -> None:
    known = found.get(name)
    if known is None:
        found[name] = Found(line, optional, set(modules))
        return
    known.modules |= modules
    if (optional, line) < (known.optional, known.line):
        known.line = line
    known.optional &= optional


# --- the scan ----------------------------------------------------------------------------------------------------------------------


def scan(text: str) -> dict[str, Found]:
    """The imports of a source, without a syntax tree. Raises Unsure where it cannot tell them, or that the source is one at all."""
    if any(word in text for word in _DYNAMIC):
        raise Unsure
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    blank = _LITERAL.sub(lambda m: " " * len(m[0]), text) if any(c in text for c in "\"'#\\") else text
    if '"' in blank or "'" in blank or "\\" in blank or (not blank.isascii() and _ODD_SPACE.search(blank)):
        raise Unsure
    _balanced(blank)
    found: dict[str, Found] = {}
    if "import" not in blank:
        return found
    blank = "\n" + blank  # so that every statement has something before it; lines then count from 0
    lines = "\n" + text  # strings are blank, and so are the line ends in them
    line, counted = 0, 0
    known: set[str] = set()  # statements at the margin: said again, they add nothing
    for m in _statements(blank):
        if m[0] in known:
            continue
        end = m.end("before")
        line += lines.count("\n", counted, end)
        counted = end
        if m["before"] == "\n" and blank[end] not in _BLANKS:  # nearly every import
            if m["module"] not in _NAMESPACES:
                known.add(m[0])
            _collect(found, m, blank, line, False)
            continue
        row_start = blank.rfind("\n", 0, m.start() + 1) + 1
        first = row_start
        while blank[first : first + 1] in _BLANKS:
            first += 1
        if m["before"] != "\n" and (first > row_start or ":" in blank[row_start : m.start() + 1]):
            raise Unsure  # `if x: import y`
        _collect(found, m, blank, line, first > row_start and _in_function(blank, row_start))
    return found


def _statements(blank: str) -> Iterator[re.Match[str]]:
    """All statements, in order: only rows with the word are searched."""
    at = blank.find("import")
    while at >= 0:
        stop = blank.find("\n", at)
        stop = len(blank) if stop < 0 else stop
        yield from _STATEMENT.finditer(blank, blank.rfind("\n", 0, at), stop)
        at = blank.find("import", stop)


def _members(module: str, rest: str) -> set[str]:
    """The dotted names that `from MODULE import REST` means: of a namespace, each of its members."""
    if module not in _NAMESPACES:
        return {module}
    rest = rest.lstrip(" \t")
    names = rest[1:].split(")", 1)[0] if rest.startswith("(") else re.split(r"[\n;]", rest, maxsplit=1)[0]
    found = {part.split(None, 1)[0] for part in names.split(",") if part.strip()}
    return {f"{module}.{name}" for name in found if name.isidentifier()} or {module}


def _collect(found: dict[str, Found], m: re.Match[str], blank: str, line: int, optional: bool) -> None:
    if m["module"]:
        module = m["module"]
        if not module.startswith("."):
            _add(found, module.split(".", 1)[0], _members(module, blank[m.end() :]), line, optional)
        return
    for part in m["names"].split(","):
        name = _NAME.match(part)
        if name is None or not re.fullmatch(r"\s*(?:as\s+\w+\s*)?", part[name.end() :]):
            raise Unsure
        dotted = re.sub(r"\s", "", name[1])
        _add(found, dotted.split(".", 1)[0], {dotted}, line, optional)


def _balanced(blank: str) -> None:
    """Raise Unsure where brackets do not match or nest deeper than CPython's parser allows (200): the tree says what is wrong."""
    left = blank.encode("utf-8", "surrogatepass").translate(None, _NO_BRACKETS)
    for _ in range(80):
        if not left:
            return
        left = left.replace(b"()", b"").replace(b"[]", b"").replace(b"{}", b"")  # the innermost pairs: one level of nesting a turn
    if left:
        raise Unsure


def _in_function(blank: str, row_start: int) -> bool:
    """True where an indented statement stands in a function; Unsure where the block around it is anything else but a class."""
    indent = _width(blank, row_start)
    at = row_start
    while at > 0 and indent > 0:
        previous = blank.rfind("\n", 0, at - 1) + 1
        row = blank[previous : at - 1]
        at = previous
        words = row.strip(" \t\f")
        if not words or words[0] in ")]}":
            continue
        width = _width(blank, previous)
        if width >= indent:
            continue
        indent = width
        if re.match(r"(?:async[ \t]+)?def\b", words):
            return True
    raise Unsure


def _width(blank: str, row_start: int) -> int:
    end = row_start
    while blank[end : end + 1] == " ":
        end += 1
    if blank[end : end + 1] in ("\t", "\f"):
        raise Unsure
    return end - row_start


# --- the tree ----------------------------------------------------------------------------------------------------------------------


def by_tree(module: ast.Module, dynamic: bool = True) -> dict[str, Found]:
    """The imports of a syntax tree; with `dynamic`, also literal `import_module("x")` and `__import__("x")`, for which expressions are
    walked, too."""
    found: dict[str, Found] = {}
    todo: list[tuple[ast.AST, bool]] = [(module, False)]
    while todo:
        node, optional = todo.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                _add(found, alias.name.split(".", 1)[0], {alias.name}, node.lineno, optional)
        elif isinstance(node, ast.ImportFrom):
            if not node.level and node.module:
                names = {f"{node.module}.{a.name}" for a in node.names if a.name != "*"} if node.module in _NAMESPACES else {node.module}
                _add(found, node.module.split(".", 1)[0], names or {node.module}, node.lineno, optional)
        elif isinstance(node, ast.Call) and (name := _dynamic(node)):
            _add(found, name.split(".", 1)[0], {name}, node.lineno, optional)
        inner = optional or _optional(node)
        todo.extend([(child, inner) for child in python.children(node) if dynamic or not isinstance(child, ast.expr)])
    return found


def _dynamic(node: ast.Call) -> str | None:
    func = node.func
    called = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    first = node.args[0] if node.args else None
    if (
        called in _DYNAMIC
        and isinstance(first, ast.Constant)
        and isinstance(first.value, str)
        and re.fullmatch(r"[A-Za-z_][\w.]*", first.value)
    ):
        return first.value
    return None


def _optional(node: ast.AST) -> bool:
    """Whether what stands inside may be missing: a function, a `try` that handles ImportError, TYPE_CHECKING, suppress(ImportError)."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            return True
        case ast.Try(handlers=handlers) | ast.TryStar(handlers=handlers):
            return any(h.type is None or _names(h.type) & _CATCHES for h in handlers)
        case ast.If(test=test):
            return "TYPE_CHECKING" in _names(test)
        case ast.With(items=items):
            return any(isinstance(i.context_expr, ast.Call) and "suppress" in _names(i.context_expr.func) for i in items)
    return False


def _names(node: ast.expr) -> set[str]:
    if isinstance(node, ast.Tuple):
        return {n for e in node.elts for n in _names(e)}
    return {node.id} if isinstance(node, ast.Name) else {node.attr} if isinstance(node, ast.Attribute) else set()
