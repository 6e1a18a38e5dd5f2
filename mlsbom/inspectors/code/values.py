"""What texts an argument can be: constants, variables, defaults of the environment, of the command line, of parameters and of classes.

Unlike `Names.fold`, which answers with the one constant that an expression is, this answers with every text that the source writes down
for it, and says whether it stands there literally. Nothing is guessed: what depends on anything else is not answered.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from mlsbom.formats.python import Scope, Scopes
from mlsbom.formats.python_constants import UNKNOWN
from mlsbom.formats.python_names import Names
from mlsbom.patterns import late

LITERAL: Final = 0.9
RESOLVED: Final = 0.7
"""Confidences of a literal argument and of a resolved one (specs of the SBOM, section 5)."""

_DEPTH = 12
_MANY = 64
_HOLE = "{}"
_PERCENT = late(r"%(?:\(\w+\))?[-+ #0-9.]*[sdrif]")
_DEFAULTING = frozenset(
    {
        "os.environ.get",
        "os.getenv",
        "os.environ.setdefault",
        "os.environ.pop",
        "environ.get",
        "decouple.config",
        "streamlit.text_input",
        "typer.Option",
        "typer.Argument",
        "click.Option",
        "pydantic.Field",
        "pydantic_settings.Field",
        "dataclasses.field",
        "gradio.Textbox",
        "starlette.config.Config()",
        "environs.Env().str",
    }
)
_CLASS_PARSERS = frozenset({"HfArgumentParser", "TrlParser", "H4ArgumentParser", "cli", "ArgumentParser", "wrap", "parse"})
"""Parsers that take data classes for options: transformers, TRL, tyro, simple_parsing, pyrallis, draccus."""
_PASSING = frozenset({"builtins.str", "os.path.expandvars", "os.fspath", "builtins.getattr"})


class Written(Struct, frozen=True):
    """A text that the source writes down. `sure`: confidence; `whole` is False where a part is not known and stands as `{}`."""

    text: str
    sure: float = LITERAL
    whole: bool = True


class Values:
    """The texts of expressions of one source."""

    def __init__(self, scopes: Scopes, names: Names) -> None:
        self.scopes = scopes
        self.names = names
        self._options: dict[str, list[tuple[ast.expr, Scope]]] | None = None
        self._classes = {c.name: inner for c, inner in scopes.classes}

    def texts(self, node: ast.expr | None, scope: Scope) -> list[Written]:
        """Every text that the expression can be, each once, in the order written; at most 64."""
        found: dict[str, Written] = {}
        for written in self._texts(node, scope, 0) if node is not None else ():
            if written.text and written.text not in found:
                found[written.text] = written
            if len(found) >= _MANY:
                break
        return list(found.values())

    def _texts(self, node: ast.expr, scope: Scope, depth: int) -> Iterator[Written]:
        if depth > _DEPTH:
            return
        match node:
            case ast.Constant(value=str() as text):
                yield Written(text, LITERAL if depth == 0 else RESOLVED)
            case ast.Name(id=name):
                yield from self._bound(name, scope, depth)
            case ast.Attribute():
                yield from self._attribute(node, scope, depth)
            case ast.JoinedStr(values=parts):
                yield from self._joined([p.value if isinstance(p, ast.FormattedValue) else p for p in parts], scope, depth)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from self._joined([left, right], scope, depth)
            case ast.BinOp(left=left, op=ast.Mod()):
                yield from (Written(_PERCENT.sub(_HOLE, w.text), w.sure, False) for w in self._texts(left, scope, depth + 1))
            case ast.BoolOp(values=parts):
                for part in parts:
                    yield from self._texts(part, scope, depth + 1)
            case ast.IfExp(body=body, orelse=other):
                yield from self._texts(body, scope, depth + 1)
                yield from self._texts(other, scope, depth + 1)
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                yield from self._texts(value, scope, depth + 1)
            case ast.Subscript(value=value, slice=index):
                for item, where in self._items(value, index, scope, depth, any_item=not hasattr(node, "lineno")):
                    yield from self._texts(item, where, depth + 1)
            case ast.Call():
                yield from self._call(node, scope, depth)

    def _bound(self, name: str, scope: Scope, depth: int) -> Iterator[Written]:
        bindings = (scope.lookup(name) or [])[:8]
        for binding in bindings:
            if isinstance(binding, ast.expr) and not (isinstance(binding, ast.Name) and binding.id == name):
                yield from self._texts(binding, scope, depth + 1)
        if bindings == [None] and _is_command(scope.node):  # a parameter that click fills from its option
            for default, where in self.options().get(name, ()):
                yield from self._texts(default, where, depth + 1)

    def _attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> Iterator[Written]:
        """`self.x`, `Config.x`, `Config().x`, `args.x`: assignments, class bodies, options of the command line."""
        found = False
        if isinstance(node.value, ast.Name):
            for binding in (self.scopes.module.bindings.get(f"{node.value.id}.{node.attr}") or ())[:4]:
                if isinstance(binding, ast.expr):
                    for written in self._texts(binding, self._where(binding, scope), depth + 1):
                        found = True
                        yield written
        if found:
            return
        for inner in self._class_of(node.value, scope, depth):
            for binding in inner.bindings.get(node.attr) or ():
                if isinstance(binding, ast.expr):
                    yield from self._texts(binding, inner, depth + 1)
                    found = True
        if (
            not found
            and (name := self.names.qualified(node.value, scope) or (node.value.id if isinstance(node.value, ast.Name) else ""))
            and ("parse_" in name or name.endswith(("args", "opt", "opts", "flags.FLAGS", "cfg")))
        ):
            for default, where in self.options().get(node.attr, ()):
                yield from self._texts(default, where, depth + 1)

    def _where(self, binding: ast.expr, scope: Scope) -> Scope:
        """The scope that an assignment to an attribute stands in: the innermost function around its line, else this one."""
        line = getattr(binding, "lineno", 0)
        inside = [s for f, s in self.scopes.functions if f.lineno <= line <= (f.end_lineno or 0)]
        return max(inside, key=lambda s: getattr(s.node, "lineno", 0), default=scope)

    def _class_of(self, node: ast.expr, scope: Scope, depth: int) -> Iterator[Scope]:
        if isinstance(node, ast.Name) and node.id in ("self", "cls"):
            at: Scope | None = scope
            while at is not None:
                if isinstance(at.node, ast.ClassDef):
                    yield at
                    return
                at = at.parent
            return
        if isinstance(node, ast.Call):
            node = node.func
        if isinstance(node, ast.Name):
            if node.id in self._classes:
                yield self._classes[node.id]
                return
            for binding in (scope.lookup(node.id) or ())[:4]:
                if isinstance(binding, ast.Call) and depth < _DEPTH:
                    yield from self._class_of(binding, scope, depth + 1)

    def _joined(self, parts: list[ast.expr], scope: Scope, depth: int) -> Iterator[Written]:
        rows: list[tuple[str, bool]] = [("", True)]
        for part in parts:
            here = [(w.text, w.whole) for w in self._texts(part, scope, depth + 1)][:8]
            if not here:
                value = self.names.fold(part, scope)
                here = [(str(value), True)] if value is not UNKNOWN and isinstance(value, (str, int)) else [(_HOLE, False)]
            rows = [(a + b, x and y) for a, x in rows for b, y in here][:_MANY]
        sure = LITERAL if depth == 0 and all(isinstance(p, ast.Constant) for p in parts) else RESOLVED
        yield from (Written(text, sure, whole) for text, whole in rows if text != _HOLE)

    def _items(self, value: ast.expr, index: ast.expr, scope: Scope, depth: int, *, any_item: bool) -> Iterator[tuple[ast.expr, Scope]]:
        """The elements that a subscript can mean. Loops stand in the bindings as subscripts without a line: any element then."""
        key = self.names.fold(index, scope) if not isinstance(index, ast.Slice) else UNKNOWN
        for holder, where in self.holders(value, scope, depth):
            if isinstance(holder, ast.Dict):
                for k, v in zip(holder.keys, holder.values, strict=True):
                    named = self.names.fold(k, where) if k is not None else UNKNOWN
                    if any_item and k is not None:
                        yield k, where
                    elif key is UNKNOWN or named == key:
                        yield v, where
            elif isinstance(holder, (ast.List, ast.Tuple, ast.Set)):
                whole = any_item and key == 0 and not _is_loop_item(value)
                for number, item in enumerate(holder.elts[:_MANY]):
                    if whole or key is UNKNOWN or key == number:
                        yield item, where

    def holders(self, value: ast.expr, scope: Scope, depth: int = 0) -> Iterator[tuple[ast.expr, Scope]]:
        """The literal containers that an expression can be."""
        if depth > _DEPTH:
            return
        match value:
            case ast.Dict() | ast.List() | ast.Tuple() | ast.Set():
                yield value, scope
            case ast.Name(id=name):
                for binding in (scope.lookup(name) or ())[:4]:
                    if isinstance(binding, ast.expr):
                        yield from self.holders(binding, scope, depth + 1)
            case ast.Attribute(value=ast.Name(id=owner), attr=attr):
                for binding in (self.scopes.module.bindings.get(f"{owner}.{attr}") or ())[:4]:
                    if isinstance(binding, ast.expr):
                        yield from self.holders(binding, scope, depth + 1)
                for inner in self._class_of(value.value, scope, depth):
                    for binding in inner.bindings.get(attr) or ():
                        if isinstance(binding, ast.expr):
                            yield from self.holders(binding, inner, depth + 1)
            case ast.Subscript(value=inner_value, slice=index):
                for item, where in self._items(inner_value, index, scope, depth + 1, any_item=not hasattr(value, "lineno")):
                    yield from self.holders(item, where, depth + 1)
            case ast.Call(func=ast.Attribute(value=inner_value, attr="values" | "items" as attr)):
                for holder, where in self.holders(inner_value, scope, depth + 1):
                    if isinstance(holder, ast.Dict):
                        rows = [
                            v if attr == "values" else ast.Tuple(elts=[k, v], ctx=ast.Load())
                            for k, v in zip(holder.keys, holder.values, strict=True)
                            if k is not None
                        ]
                        yield ast.List(elts=rows, ctx=ast.Load()), where
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords) if all(k.arg for k in keywords):
                rows = [ast.Constant(k.arg) for k in keywords]
                yield ast.Dict(keys=list(rows), values=[k.value for k in keywords]), scope
            case ast.Call(func=ast.Name(id="list" | "sorted" | "tuple" | "set" | "enumerate" | "tqdm"), args=[first, *_]):
                yield from self.holders(first, scope, depth + 1)

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Iterator[Written]:
        name = self.names.qualified(node.func, scope) or ""
        default = next((k.value for k in node.keywords if k.arg in ("default", "fallback", "value")), None)
        if name in _DEFAULTING:
            first_is_default = name.startswith(("typer.", "pydantic", "dataclasses."))
            default = default or next(iter(node.args[0 if first_is_default else 1 :]), None)
            yield from self._texts(default, scope, depth + 1) if default is not None else ()
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
            for item, where in self._items(node.func.value, node.args[0], scope, depth, any_item=False):
                yield from self._texts(item, where, depth + 1)
            if len(node.args) > 1:
                yield from self._texts(node.args[1], scope, depth + 1)
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            for written in self._texts(node.func.value, scope, depth + 1):
                value = self.names.fold(node, scope)
                yield Written(value, RESOLVED) if isinstance(value, str) else Written(written.text, RESOLVED, False)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in ("strip", "rstrip", "lstrip", "removesuffix"):
            yield from (Written(w.text, RESOLVED, w.whole) for w in self._texts(node.func.value, scope, depth + 1))
        elif name in _PASSING and node.args:
            yield from self._texts(node.args[2] if name == "builtins.getattr" and len(node.args) > 2 else node.args[0], scope, depth + 1)
        elif name.endswith("urljoin") and len(node.args) > 1:
            yield from self._joined(node.args[:2], scope, depth)
        else:
            value = self.names.fold(node, scope)
            if isinstance(value, str):
                yield Written(value, RESOLVED)

    def options(self) -> dict[str, list[tuple[ast.expr, Scope]]]:
        """Defaults of the options of the command line (argparse, click, absl) by the name of their variable."""
        if self._options is None:
            self._options = {}
            for call, scope in self.scopes.calls:
                attr = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
                if attr in _CLASS_PARSERS:
                    self._class_options(call, self._options)
                    continue
                if attr not in ("add_argument", "add_option", "option", "DEFINE_string", "define"):
                    continue
                flags = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                default = next(
                    (k.value for k in call.keywords if k.arg == "default"),
                    call.args[1] if attr.startswith("DEFINE") and len(call.args) > 1 else None,
                )
                if flags and default is not None:
                    long = next((f for f in flags if f.startswith("--")), flags[0])
                    dest = next(
                        (k.value.value for k in call.keywords if k.arg == "dest" and isinstance(k.value, ast.Constant)),
                        long.lstrip("-").replace("-", "_"),
                    )
                    self._options.setdefault(str(dest), []).append((default, scope))
        return self._options

    def _class_options(self, call: ast.Call, out: dict[str, list[tuple[ast.expr, Scope]]]) -> None:
        """The defaults of data classes that are given to a parser, also as a tuple of them."""
        holders = [e for a in call.args for e in (a.elts if isinstance(a, (ast.Tuple, ast.List)) else [a])]
        for holder in holders:
            inner = self._classes.get(holder.id) if isinstance(holder, ast.Name) else None
            for name, bindings in inner.bindings.items() if inner is not None else ():
                out.setdefault(name, []).extend((b, inner) for b in bindings if isinstance(b, ast.expr) and inner is not None)


def _is_command(node: ast.AST | None) -> bool:
    """Whether a function is decorated with options of click."""
    decorators = node.decorator_list if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else []
    return any(isinstance(d, ast.Call) and isinstance(d.func, ast.Attribute) and d.func.attr == "option" for d in decorators)


def _is_loop_item(node: ast.expr) -> bool:
    """Whether an expression is itself the element of a loop: a subscript of it takes a part of the element, not any element."""
    return isinstance(node, ast.Subscript) and not hasattr(node, "lineno")
