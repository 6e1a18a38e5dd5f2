"""Python source: decoded as the interpreter would, parsed to a syntax tree under limits, never compiled or run.

`tree` and `scopes` are readers for `Blob.parsed`, so that all inspectors of one file share one tree. What names mean (`os.system` behind
an alias, an assignment, a `getattr`, an `__import__`) is told by `mlsbom.formats.python_names`.
"""

from __future__ import annotations

import ast
import codecs
import re
import warnings
from typing import Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.patterns import late

SOURCE_LIMIT: Final = 4 << 20
"""Bytes; a longer source raises TooLarge (CPython's parser needs about 1 s and 300 MB for it)."""

PLAIN_ENCODINGS: Final = frozenset({"utf-8", "ascii", "iso8859-1"})
"""Codec names (as `codecs.lookup` gives them) that an honest source declares."""

_COOKIE = late(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK = late(rb"^[ \t\f]*(?:#[^\r\n]*)?$")

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Source(Struct, frozen=True):
    """A parsed source. `declared`: the encoding that its cookie names, or None; `plain`: whether that is one that honest sources use."""

    module: ast.Module
    text: str
    encoding: str
    declared: str | None
    plain: bool


class Scope(Struct, eq=False):
    """A module, class or function body. `bindings`: what each name is bound to here: an expression, a qualified name (of an import), the
    element of an iterable (`Item`) or `None` where nothing is known (parameters). Lookups go outward as Python's do."""

    node: ast.Module | ast.ClassDef | Function
    parent: Scope | None
    bindings: dict[str, list[ast.expr | str | None]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The name of the class or function; "" for the module, "<lambda>" for a lambda."""
        return "" if isinstance(self.node, ast.Module) else getattr(self.node, "name", "<lambda>")

    @property
    def function(self) -> Scope | None:
        """The innermost function around (or this one), None at module or class level."""
        at: Scope | None = self
        while at is not None and isinstance(at.node, (ast.Module, ast.ClassDef)):
            at = at.parent
        return at

    def lookup(self, name: str) -> list[ast.expr | str | None] | None:
        """The bindings of a name as seen from here, or None where it is not bound (a builtin, or unknown)."""
        at: Scope | None = self
        first = True
        while at is not None:
            if (first or not isinstance(at.node, ast.ClassDef)) and name not in at.outer and name in at.bindings:
                return at.bindings[name]
            at, first = at.parent, False
        return None


class Scopes(Struct, frozen=True):
    """A source with the scope of every call, attribute, subscript and class in it, in source order; its mappings, assertions and
    assignments to subscripts."""

    source: Source
    module: Scope
    calls: tuple[tuple[ast.Call, Scope], ...]
    loads: tuple[tuple[ast.expr, Scope], ...]
    classes: tuple[tuple[ast.ClassDef, Scope], ...]
    functions: tuple[tuple[Function, Scope], ...]
    imports: tuple[tuple[ast.Import | ast.ImportFrom, Scope], ...]
    mappings: tuple[ast.Dict, ...]
    assertions: tuple[ast.Assert, ...]
    stores: tuple[ast.Assign, ...]


def tree(blob: Blob) -> Source:
    """The syntax tree of a blob. Raises TooLarge, or Malformed with the line for what is no Python 3 of a depth that can be handled."""
    return parse(blob.data(SOURCE_LIMIT))


def scopes(blob: Blob) -> Scopes:
    """The tree with its scopes. Raises as `tree`."""
    return analyse(blob.parsed(tree))


def parse(data: bytes) -> Source:
    """Bytes to a tree; see `tree`."""
    text, encoding, declared, plain = decode(data)
    return Source(parse_text(text), text, encoding, declared, plain)


def parse_text(text: str) -> ast.Module:
    """Text to a tree. Raises Malformed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as e:
        raise Malformed(f"no valid Python: {e.msg}", line=e.lineno) from e
    except ValueError as e:
        raise Malformed(f"no valid Python: {e}") from e
    except (RecursionError, MemoryError, OverflowError) as e:
        raise Malformed("Python nested too deep to be parsed") from e


def decode(data: bytes) -> tuple[str, str, str | None, bool]:
    """(text, encoding used, encoding declared, whether plain) by PEP 263: BOM, then a cookie in the first two lines, else UTF-8.

    Codecs that are no text encodings, or unknown to Python, are not applied: the text is then Latin-1, as it is for invalid UTF-8.
    """
    body = data.removeprefix(codecs.BOM_UTF8)
    declared = None
    for line in re.split(rb"\r\n?|\n", body[:2048], maxsplit=2)[:2]:
        if cookie := _COOKIE.match(line):
            declared = cookie[1].decode("latin-1")
            break
        if not _BLANK.match(line):
            break
    try:
        info = codecs.lookup(declared or "utf-8")
    except (LookupError, ValueError):
        return body.decode("latin-1"), "iso8859-1", declared, False
    plain = info.name in PLAIN_ENCODINGS
    if getattr(info, "_is_text_encoding", True):
        try:
            return body.decode(info.name), info.name, declared, plain
        except (UnicodeError, ValueError):
            pass
    return body.decode("latin-1"), "iso8859-1", declared, plain


def analyse(source: Source) -> Scopes:
    """One pass over the tree, without recursion: bindings by scope, and every call, load, class, function and import with its scope."""
    module = Scope(source.module, None)
    out = _Collected()
    calls, loads = out.calls, out.loads
    todo: list[tuple[ast.AST, Scope]] = [(source.module, module)]
    while todo:
        node, scope = todo.pop()
        inner, kind = scope, type(node)
        if kind is ast.Call:
            calls.append((node, scope))  # type: ignore[arg-type]
        elif kind in _READ:
            if type(node.ctx) is ast.Load:  # type: ignore[attr-defined]
                loads.append((node, scope))  # type: ignore[arg-type]
        elif kind in _TELLING:
            inner = _enter(node, scope, out)
        if inner is scope:
            todo.extend([(child, scope) for child in reversed(children(node))])
        else:
            todo.extend([(child, inner if where else scope) for child, where in reversed(_apart(node))])
    return Scopes(source, module, *(tuple(getattr(out, name)) for name in _Collected.__struct_fields__))


class _Collected(Struct):
    calls: list[tuple[ast.Call, Scope]] = field(default_factory=list)
    loads: list[tuple[ast.expr, Scope]] = field(default_factory=list)
    classes: list[tuple[ast.ClassDef, Scope]] = field(default_factory=list)
    functions: list[tuple[Function, Scope]] = field(default_factory=list)
    imports: list[tuple[ast.Import | ast.ImportFrom, Scope]] = field(default_factory=list)
    mappings: list[ast.Dict] = field(default_factory=list)
    assertions: list[ast.Assert] = field(default_factory=list)
    stores: list[ast.Assign] = field(default_factory=list)


_READ: Final = frozenset({ast.Attribute, ast.Subscript, ast.Name})
_TELLING: Final = frozenset(
    {
        *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Dict, ast.Assert, ast.Assign),
        *(ast.AnnAssign, ast.NamedExpr, ast.AugAssign, ast.For, ast.AsyncFor, ast.comprehension, ast.With, ast.AsyncWith, ast.Global),
        *(ast.Nonlocal, ast.ExceptHandler),
    }
)
_LEAVES: Final = frozenset({ast.Constant, ast.Name, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal})
_NO_NODES: Final = frozenset({"ctx", "op", "ops", "attr", "arg", "name", "type_comment", "conversion", "is_async", "simple"})
_fields: dict[type[ast.AST], tuple[str, ...]] = {}


def children(node: ast.AST) -> list[ast.AST]:
    """The children of a node in source order, as `ast.iter_child_nodes` but for contexts, operators and aliases, of which nothing is asked:
    a third of the nodes and two thirds of the time."""
    kind = type(node)
    names = _fields.get(kind)
    if names is None:
        names = _fields[kind] = () if kind in _LEAVES else tuple(name for name in kind._fields if name not in _NO_NODES)
    out: list[ast.AST] = []
    for name in names:
        value = getattr(node, name, None)
        if type(value) is list:
            out.extend([item for item in value if isinstance(item, ast.AST)])
        elif isinstance(value, ast.AST):
            out.append(value)
    return out


def _apart(node: ast.AST) -> list[tuple[ast.AST, bool]]:
    """The children of a node that opens a scope; True for those inside. Decorators, defaults, bases run outside."""
    body = getattr(node, "body", [])
    inside = set(map(id, body)) if isinstance(body, list) else {id(body)}
    if isinstance(node, ast.ClassDef):
        return [(child, id(child) in inside) for child in children(node)]
    args: ast.arguments = node.args  # type: ignore[attr-defined]
    outside = [child for child in children(node) if id(child) not in inside and not isinstance(child, ast.arguments)]
    defaults = [*args.defaults, *(d for d in args.kw_defaults if d is not None)]
    return [*((child, False) for child in (*outside, *defaults)), *((child, True) for child in children(node) if id(child) in inside)]


def _enter(node: ast.AST, scope: Scope, out: _Collected) -> Scope:
    """Note what a node binds and is; the scope of its inside."""
    match node:
        case ast.Dict():
            out.mappings.append(node)
        case ast.Assert():
            out.assertions.append(node)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            inner = Scope(node, scope)
            args = node.args
            for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, (args.vararg, args.kwarg))):
                inner.bindings[arg.arg] = [None]
            _bind_defaults(args, inner)
            if not isinstance(node, ast.Lambda):
                scope.bindings.setdefault(node.name, []).append(None)
            out.functions.append((node, inner))
            return inner
        case ast.ClassDef():
            scope.bindings.setdefault(node.name, []).append(None)
            inner = Scope(node, scope)
            out.classes.append((node, inner))
            return inner
        case ast.Import() | ast.ImportFrom():
            out.imports.append((node, scope))
            _bind_import(node, scope)
        case _:
            _bind(node, scope, out)
    return scope


def _bind_defaults(args: ast.arguments, scope: Scope) -> None:
    positional = [*args.posonlyargs, *args.args]
    pairs = [
        *zip(positional[len(positional) - len(args.defaults) :], args.defaults, strict=False),
        *zip(args.kwonlyargs, args.kw_defaults, strict=False),
    ]
    for arg, default in pairs:
        if default is not None:
            scope.bindings[arg.arg].append(default)


def _bind_import(node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            scope.bindings.setdefault(name, []).append(alias.name if alias.asname else name)
        return
    module = "." * node.level + (node.module or "")
    for alias in node.names:
        scope.bindings.setdefault(alias.asname or alias.name, []).append(
            f"{module}.{alias.name}" if not module.endswith(".") else module + alias.name
        )


def _bind(node: ast.AST, scope: Scope, out: _Collected) -> None:
    """Bindings of statements and expressions other than imports and definitions."""
    match node:
        case ast.Assign():
            if isinstance(node.targets[0], ast.Subscript):
                out.stores.append(node)
            for target in node.targets:
                _bind_target(target, node.value, scope)
        case ast.AnnAssign(value=ast.expr() as value) | ast.NamedExpr(value=value):
            _bind_target(node.target, value, scope)
        case ast.AugAssign(target=ast.Name(id=name)):
            previous = scope.lookup(name)
            if previous and isinstance(previous[-1], ast.expr):
                joined = ast.BinOp(left=previous[-1], op=node.op, right=node.value)
                scope.bindings.setdefault(name, []).append(ast.copy_location(joined, node))
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            _bind_target(node.target, ast.Subscript(value=node.iter, slice=ast.Constant(value=0), ctx=ast.Load()), scope)
        case ast.With() | ast.AsyncWith():
            for item in node.items:
                if item.optional_vars is not None:
                    _bind_target(item.optional_vars, item.context_expr, scope)
        case ast.Global() | ast.Nonlocal():
            scope.outer.update(node.names)
        case ast.ExceptHandler(name=str() as name):
            scope.bindings.setdefault(name, []).append(None)


def _bind_target(target: ast.expr, value: ast.expr, scope: Scope) -> None:
    if isinstance(target, ast.Name):
        where = scope
        if target.id in scope.outer:
            while where.parent is not None:
                where = where.parent
        where.bindings.setdefault(target.id, []).append(value)
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        where = scope
        while where.parent is not None:
            where = where.parent
        where.bindings.setdefault(f"{target.value.id}.{target.attr}", []).append(value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts) else None
        for n, part in enumerate(target.elts):
            if isinstance(part, ast.Starred):
                part = part.value
            _bind_target(part, parts[n] if parts else ast.Subscript(value=value, slice=ast.Constant(value=n), ctx=ast.Load()), scope)
