"""setup.cfg and setup.py. The latter is parsed and never run: literals, names bound to literals, sums of lists, and files read beside it
are understood; what is computed otherwise is a Shortfall."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob
from mlsbom.formats import python
from mlsbom.inspectors import Context, ReadAs, Yield
from mlsbom.inspectors.manifests import emit, ini
from mlsbom.model import Evidence, LicenseClaim, Rule, Scope, Statement, Technique
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
_LISTS: Final = {"install_requires": Scope.RUNTIME, "setup_requires": Scope.BUILD, "tests_require": Scope.DEV}
_DEV = late(r"dev|test|lint|doc|typing|ci", re.IGNORECASE)
_REQUIREMENTS = late(r"[\w./-]*\.(?:txt|in|pip)$")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The project and its dependencies."""
    if (context.member or context.path).lower().endswith(".py"):
        yield from _setup_py(blob)
    else:
        yield from _setup_cfg(blob)


def _setup_cfg(blob: Blob) -> Iterator[Yield]:
    for section, key, line, rows in ini.sections(blob.text()):
        value = " ".join(t for _, t in rows)
        if section == "metadata":
            yield from _metadata(key, value, rows, line)
        elif section == "options" and key in _LISTS:
            yield from _rows(rows, _LISTS[key], line)
        elif section == "options" and key == "python_requires":
            yield Statement(field="python_requires", value=value, about="project", evidence=emit.place(line, emit.PINNED, key))
        elif section == "options.extras_require":
            yield from _rows(rows, Scope.DEV if _DEV.search(key) else Scope.OPTIONAL, line)


def _metadata(key: str, value: str, rows: ini.Rows, line: int) -> Iterator[Yield]:
    place = emit.place(line, emit.PINNED, f"metadata.{key}")
    if key == "name" and re.fullmatch(r"[A-Za-z0-9][\w.-]*", value):
        yield emit.dependency("pypi", value, "", line=line, parser="setup.cfg", project=True, source="path", key="metadata.name")
        yield Statement(field="name", value=value, about="project", evidence=place)
    elif key == "version" and re.match(r"\d", value):
        yield Statement(field="version", value=value, about="project", evidence=place)
    elif key == "license" and value:
        yield LicenseClaim(value=value, origin="package", about="project", evidence=place)
    elif key in ("classifiers", "classifier"):
        for number, item in rows:
            if item.startswith("License ::"):
                yield LicenseClaim(value=item, origin="classifier", about="project", evidence=emit.place(number, emit.PINNED))
    elif key in ("description", "author") and value:
        yield Statement(field=key, value=value, about="project", evidence=place)


def _rows(rows: ini.Rows, scope: Scope, line: int) -> Iterator[Yield]:
    for number, item in rows:
        if item.startswith("file:"):
            for path in re.split(r"[,\s]+", item[5:].strip()):
                if path:
                    yield ReadAs(path=path, format="requirements", line=number)
        else:
            # A value on the line of its key is a list with semicolons (setuptools, "list-semi"); below it, one requirement a line.
            for part in item.split(";") if number == line else [item]:
                if part.strip():
                    yield from emit.python(part, line=number, parser="setup.cfg", scope=scope)


# --- setup.py ----------------------------------------------------------------------------------------------------------------------


class _Unknown:
    """A value that is computed in a way that is not followed. `line`: where."""

    def __init__(self, line: int) -> None:
        self.line = line


class _Files:
    """The lines of a file beside the script."""

    def __init__(self, path: str, line: int) -> None:
        self.path, self.line = path, line


def _setup_py(blob: Blob) -> Iterator[Yield]:
    module = blob.parsed(python.tree).module
    names: dict[str, ast.expr] = {}
    functions: dict[str, ast.FunctionDef] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            names.update({t.id: node.value for t in node.targets if isinstance(t, ast.Name)})
            for target in node.targets:
                if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and isinstance(target.slice, ast.Constant):
                    _into_table(names, target.value.id, target.slice, node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            names[node.target.id] = node.value
        elif isinstance(node, ast.With):
            for item in node.items:
                if isinstance(item.optional_vars, ast.Name):
                    names[item.optional_vars.id] = item.context_expr
        elif isinstance(node, ast.FunctionDef):
            functions[node.name] = node
    reader = _Reader(names, functions)
    calls = [n for n in ast.walk(module) if isinstance(n, ast.Call) and _called(n.func) == "setup"]
    for call in calls:
        arguments = {k.arg: k.value for k in call.keywords if k.arg}
        for keyword in call.keywords:
            if keyword.arg is None:
                table = reader.resolve(keyword.value)
                arguments |= {k: v for k, v in table.items() if isinstance(k, str)} if isinstance(table, dict) else {}
        yield from _arguments(arguments, reader)


def _into_table(names: dict[str, ast.expr], table: str, key: ast.Constant, value: ast.expr) -> None:
    known = names.get(table)
    if isinstance(known, ast.Dict):
        names[table] = ast.copy_location(ast.Dict(keys=[*known.keys, key], values=[*known.values, value]), known)


def _called(func: ast.expr) -> str:
    return func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""


def _arguments(arguments: dict[str, ast.expr], reader: _Reader) -> Iterator[Yield]:
    def literal(name: str) -> tuple[str | None, int | None]:
        node = arguments.get(name)
        value = reader.value(node) if node is not None else None
        return (value, node.lineno if node is not None else None) if isinstance(value, str) and value else (None, None)

    name, line = literal("name")
    version, version_line = literal("version")
    if name and re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        yield emit.dependency("pypi", name, "", line=line, parser="setup.py", resolved=version, project=True, source="path")
        yield Statement(field="name", value=name, about="project", evidence=_at(line))
    if version:
        yield Statement(field="version", value=version, about="project", evidence=_at(version_line))
    claim, claim_line = literal("license")
    if claim:
        yield LicenseClaim(value=claim, origin="package", about="project", evidence=_at(claim_line))
    wanted, wanted_line = literal("python_requires")
    if wanted:
        yield Statement(field="python_requires", value=wanted, about="project", evidence=_at(wanted_line))
    for item in reader.items(arguments.get("classifiers")):
        if isinstance(item, tuple) and item[0].startswith("License ::"):
            yield LicenseClaim(value=item[0], origin="classifier", about="project", evidence=_at(item[1]))
    for key, scope in _LISTS.items():
        yield from _listed(reader.items(arguments.get(key)), key, scope)
    extras = reader.resolve(arguments["extras_require"]) if "extras_require" in arguments else {}
    if isinstance(extras, dict):
        for extra, node in extras.items():
            yield from _listed(reader.items(node), "extras_require", Scope.DEV if _DEV.search(str(extra)) else Scope.OPTIONAL)
    else:
        yield emit.trouble("extras_require is computed", arguments["extras_require"].lineno)


def _at(line: int | None) -> Evidence:
    return Evidence(line=line, technique=Technique.SOURCE, confidence=emit.PINNED)


def _listed(items: list[Any], key: str, scope: Scope) -> Iterator[Yield]:
    for item in items:
        if isinstance(item, _Unknown):
            yield emit.trouble(f"{key} is computed: not all of it could be read", item.line)
        elif isinstance(item, _Files):
            yield ReadAs(path=item.path, format="requirements", line=item.line)
        else:
            for text in item[0].splitlines():
                if text.strip() and not text.strip().startswith("#"):
                    yield from emit.python(text, line=item[1], parser="setup.py", scope=scope)


class _Reader:
    """Values of expressions, without running anything. Depth is bounded: names may be bound to themselves."""

    def __init__(self, names: dict[str, ast.expr], functions: dict[str, ast.FunctionDef]) -> None:
        self.names, self.functions = names, functions

    def value(self, node: ast.expr, depth: int = 0) -> Any:
        """A string that is literal, concatenated, formatted from literals, or bound to one; else None."""
        if depth > 20:
            return None
        match node:
            case ast.Constant(value=str() as text):
                return text
            case ast.Name(id=name) if name in self.names:
                return self.value(self.names[name], depth + 1)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                one, other = self.value(left, depth + 1), self.value(right, depth + 1)
                return one + other if isinstance(one, str) and isinstance(other, str) and len(one) < 10_000 else None
            case ast.JoinedStr(values=values):
                parts = [self.value(v.value if isinstance(v, ast.FormattedValue) else v, depth + 1) for v in values]
                return "".join(parts) if all(isinstance(p, str) for p in parts) else None
        return None

    def resolve(self, node: ast.expr, depth: int = 0) -> dict[Any, ast.expr] | ast.expr:
        """A table of expressions for a dict display, `dict(...)`, or a name bound to one; anything else as it is."""
        if depth > 20:
            return node
        if isinstance(node, ast.Name) and node.id in self.names:
            return self.resolve(self.names[node.id], depth + 1)
        if isinstance(node, ast.Dict):
            return {self.value(k) or "": v for k, v in zip(node.keys, node.values, strict=True) if k is not None}
        if isinstance(node, ast.Call) and _called(node.func) == "dict":
            return {k.arg: k.value for k in node.keywords if k.arg}
        return node

    def items(self, node: ast.expr | None, depth: int = 0) -> list[Any]:
        """The items of a list of strings: (text, line), a file beside the script, or an _Unknown for what is computed."""
        if node is None:
            return []
        if depth > 20:
            return [_Unknown(node.lineno)]
        text = self.value(node)
        if isinstance(text, str):
            return [(text, node.lineno)]
        match node:
            case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
                return [i for e in elts for i in self.items(e.value if isinstance(e, ast.Starred) else e, depth + 1)]
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return [*self.items(left, depth + 1), *self.items(right, depth + 1)]
            case ast.Name(id=name) if name in self.names:
                return self.items(self.names[name], depth + 1)
            case ast.Subscript(value=value, slice=key):
                table = self.resolve(value)
                chosen = table.get(self.value(key)) if isinstance(table, dict) else None
                if chosen is not None:
                    return self.items(chosen, depth + 1)
            case ast.Call(func=func) if _called(func) in ("list", "sorted", "set", "tuple") and node.args:
                return self.items(node.args[0], depth + 1)
        return self._file(node)

    def _file(self, node: ast.expr) -> list[Any]:
        """A file whose lines the expression reads: a literal `*.txt` in it, or in the function that it calls."""
        places: list[ast.AST] = [node]
        for n in ast.walk(node):
            if isinstance(n, ast.Call) and _called(n.func) in self.functions:
                places.append(self.functions[_called(n.func)])
            if isinstance(n, ast.Name) and n.id in self.names:
                places.append(self.names[n.id])
        for where in places:
            for n in ast.walk(where):
                if (
                    isinstance(n, ast.Constant)
                    and isinstance(n.value, str)
                    and _REQUIREMENTS.fullmatch(n.value)
                    and "readme" not in n.value.lower()
                ):
                    return [_Files(n.value, node.lineno)]
        return [_Unknown(node.lineno)]
