"""What names and constant expressions in Python source mean, found without running anything.

`Names(scopes).qualified(node, scope)` follows import aliases, simple assignments, `getattr`, `__import__`, `importlib.import_module`,
`sys.modules`, `__dict__`, `vars`, `globals` and `attrgetter` to a dotted name (`os.system`, `builtins.eval`). `fold` computes constants, by
the operators, methods and functions of `python_constants`; both within bounds of size and depth, and both answer "not known" rather than
guess.
"""

from __future__ import annotations

import ast
import builtins
from typing import Any, Final

from mlsbom.formats import python_constants as constants
from mlsbom.formats.python import Scope, Scopes
from mlsbom.formats.python_constants import LIMIT, UNKNOWN

DEPTH: Final = 24
STEPS: Final = 200_000

_BUILTINS = frozenset(dir(builtins))
_IMPORTERS = frozenset({"builtins.__import__", "importlib.import_module", "importlib.__import__", "imp.load_module", "pydoc.locate"})
_IDENTITY = frozenset({"functools.partial", "builtins.staticmethod", "builtins.classmethod"})


class Names:
    """Resolves names and constants of one source. Results are remembered by node and scope."""

    def __init__(self, scopes: Scopes) -> None:
        self.scopes = scopes
        self._names: dict[tuple[int, int], str | None] = {}
        self._steps = STEPS

    # --- names ---------------------------------------------------------------------------------------------------------------------

    def qualified(self, node: ast.expr, scope: Scope, depth: int = 0) -> str | None:
        """The dotted name that an expression means, or None. A name that is nowhere bound is `builtins.` where Python has such a builtin,
        else itself. Of several bindings the first that leads to a dotted name counts."""
        key = (id(node), id(scope))
        if key in self._names:
            return self._names[key]
        if depth > DEPTH or self._steps <= 0:
            return None
        self._steps -= 1
        if depth == 0 or not isinstance(node, ast.Name):
            self._names[key] = None  # ends cycles
        found = self._qualified(node, scope, depth + 1)
        if found is not None or depth == 0:
            self._names[key] = found
        else:
            self._names.pop(key, None)
        return found

    def _qualified(self, node: ast.expr, scope: Scope, depth: int) -> str | None:
        match node:
            case ast.Name(id=name):
                return self._bound(name, scope, depth)
            case ast.Attribute(value=value, attr=attr):
                return self._attribute(value, attr, scope, depth)
            case ast.Subscript(value=value, slice=index):
                return self._subscript(value, index, scope, depth)
            case ast.Call(func=func, args=args):
                return self._call(func, args, scope, depth)
            case ast.NamedExpr(value=value) | ast.Await(value=value) | ast.Starred(value=value):
                return self.qualified(value, scope, depth)
            case ast.IfExp(body=body, orelse=other):
                return self.qualified(body, scope, depth) or self.qualified(other, scope, depth)
            case ast.BoolOp(values=values):
                return next(filter(None, (self.qualified(v, scope, depth) for v in values)), None)
        return None

    def _bound(self, name: str, scope: Scope, depth: int) -> str | None:
        bindings = scope.lookup(name)
        if bindings is None and name not in _BUILTINS and (stars := scope.lookup("*")):
            return next((s[:-1] + name for s in stars if isinstance(s, str)), None)  # `from os import *`
        if bindings is None:
            return f"builtins.{name}" if name in _BUILTINS else "builtins" if name == "__builtins__" else name
        known: str | None = None
        for binding in bindings[:8]:
            found = binding if isinstance(binding, str) else None
            if isinstance(binding, ast.expr) and not (isinstance(binding, ast.Name) and binding.id == name):
                found = self.qualified(binding, scope, depth)
            elif isinstance(binding, ast.Name):
                outer = scope.parent
                found = self._bound(name, outer, depth) if outer else (f"builtins.{name}" if name in _BUILTINS else None)
            if found and (known is None or "." in found):
                known = found
        return known

    def _attribute(self, value: ast.expr, attr: str, scope: Scope, depth: int) -> str | None:
        if isinstance(value, ast.Name):
            assigned = self.scopes.module.bindings.get(f"{value.id}.{attr}")
            for binding in assigned or ():
                if isinstance(binding, ast.expr) and (found := self.qualified(binding, scope, depth)) and "." in found:
                    return found
        base = self.qualified(value, scope, depth)
        if base is None:
            return None
        if attr == "__dict__":
            return f"{base}.__dict__"
        if base.endswith(".__dict__") and attr in ("get", "__getitem__"):
            return f"{base}.get"
        if attr in ("__call__", "__func__", "__wrapped__") and "." in base:
            return base
        return f"{base}.{attr}"

    def _subscript(self, value: ast.expr, index: ast.expr, scope: Scope, depth: int) -> str | None:
        if isinstance(value, (ast.List, ast.Tuple)) and value.elts:
            number = self.fold(index, scope, depth)
            if isinstance(number, int) and -len(value.elts) <= number < len(value.elts):
                return self.qualified(value.elts[number], scope, depth)
            return None
        if isinstance(value, ast.Dict):
            key = self.fold(index, scope, depth)
            for k, v in zip(value.keys, value.values, strict=True):
                if k is not None and key is not UNKNOWN and self.fold(k, scope, depth) == key:
                    return self.qualified(v, scope, depth)
            return None
        if isinstance(value, ast.Name):
            for binding in scope.lookup(value.id) or ():
                if isinstance(binding, (ast.Dict, ast.List, ast.Tuple)) and (found := self._subscript(binding, index, scope, depth)):
                    return found
        base = self.qualified(value, scope, depth)
        return self._item(base, self.fold(index, scope, depth)) if base is not None else None

    def _item(self, base: str | None, key: Any) -> str | None:
        if base is None or not isinstance(key, str):
            return None
        if base == "sys.modules":
            return key
        if base in ("builtins.globals()", "builtins.locals()", "builtins.vars()"):
            return "builtins" if key == "__builtins__" else key
        if base.endswith(".__dict__"):
            return f"{base.removesuffix('.__dict__')}.{key}"
        return f"builtins.{key}" if base == "builtins" else None

    def _call(self, func: ast.expr, args: list[ast.expr], scope: Scope, depth: int) -> str | None:
        name = self.qualified(func, scope, depth)
        if name is None:
            return None
        if name == "operator.attrgetter()" and args and isinstance(func, ast.Call) and func.args:
            base, attr = self.qualified(args[0], scope, depth), self.fold(func.args[0], scope, depth)
            return f"{base}.{attr}" if base and isinstance(attr, str) else None
        if name in ("builtins.globals", "builtins.locals", "builtins.vars") and not args:
            return f"{name}()"
        if not args:
            return f"{name}()"
        if name in _IMPORTERS:
            module = self.fold(args[0], scope, depth)
            return module if isinstance(module, str) and module else None
        if name in ("builtins.getattr", "inspect.getattr_static", "builtins.object.__getattribute__") and len(args) > 1:
            base, attr = self.qualified(args[0], scope, depth), self.fold(args[1], scope, depth)
            return f"{base}.{attr}" if base and isinstance(attr, str) else None
        if name.endswith((".__getattribute__", ".__getattr__")):
            attr = self.fold(args[0], scope, depth)
            return f"{name.rpartition('.')[0]}.{attr}" if isinstance(attr, str) else None
        if name == "builtins.vars":
            base = self.qualified(args[0], scope, depth)
            return f"{base}.__dict__" if base else None
        if name.endswith((".__dict__.get", "sys.modules.get", "globals().get", "__builtins__.get")):
            return self._item(name.rpartition(".")[0], self.fold(args[0], scope, depth))
        if name in _IDENTITY:
            return self.qualified(args[0], scope, depth)
        return f"{name}()"

    # --- constants -----------------------------------------------------------------------------------------------------------------

    def fold(self, node: ast.expr, scope: Scope, depth: int = 0) -> Any:
        """The constant that an expression means (str, bytes, int, float, bool, None, tuple, list, dict), or UNKNOWN."""
        if depth > DEPTH or self._steps <= 0:
            return UNKNOWN
        self._steps -= 1
        value = self._fold(node, scope, depth + 1)
        return UNKNOWN if isinstance(value, (str, bytes, list, tuple)) and len(value) > LIMIT else value

    def text(self, node: ast.expr | None, scope: Scope) -> str | None:
        """The constant text of an expression, or None. Bytes count as text where they are UTF-8."""
        value = self.fold(node, scope) if node is not None else UNKNOWN
        if isinstance(value, bytes):
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
        return value if isinstance(value, str) else None

    def _fold(self, node: ast.expr, scope: Scope, depth: int) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._fold_name(name, scope, depth)
            case ast.JoinedStr(values=values):
                parts = [self.fold(v.value if isinstance(v, ast.FormattedValue) else v, scope, depth) for v in values]
                return "".join(map(str, parts)) if UNKNOWN not in parts else UNKNOWN
            case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
                if len(elts) > 20_000:
                    return UNKNOWN
                items = [self.fold(e, scope, depth) for e in elts]
                return UNKNOWN if any(i is UNKNOWN for i in items) else items
            case ast.BinOp(left=left, op=op, right=right):
                return constants.binary(op, self.fold(left, scope, depth), self.fold(right, scope, depth))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.fold(operand, scope, depth)
                return -value if isinstance(value, (int, float)) else UNKNOWN
            case ast.Subscript(value=inner, slice=index):
                return self._fold_subscript(inner, index, scope, depth)
            case ast.ListComp() | ast.GeneratorExp():
                return self._fold_comprehension(node, scope, depth)
            case ast.Call():
                return self._fold_call(node, scope, depth)
        return UNKNOWN

    def _fold_name(self, name: str, scope: Scope, depth: int) -> Any:
        for binding in reversed((scope.lookup(name) or [])[-16:]):
            if isinstance(binding, ast.expr):
                value = self.fold(binding, scope, depth)
                if value is not UNKNOWN:
                    return value
        return UNKNOWN

    def _fold_subscript(self, inner: ast.expr, index: ast.expr, scope: Scope, depth: int) -> Any:
        if isinstance(inner, ast.Dict):
            key = self.fold(index, scope, depth)
            for k, v in zip(inner.keys, inner.values, strict=True):
                if k is not None and key is not UNKNOWN and self.fold(k, scope, depth) == key:
                    return self.fold(v, scope, depth)
            return UNKNOWN
        value = self.fold(inner, scope, depth)
        if not isinstance(value, (str, bytes, list, tuple)):
            return UNKNOWN
        if isinstance(index, ast.Slice):
            bounds = [None if b is None else self.fold(b, scope, depth) for b in (index.lower, index.upper, index.step)]
            ok = all(b is None or isinstance(b, int) for b in bounds) and bounds[2] != 0
            return value[slice(*bounds)] if ok else UNKNOWN
        at = self.fold(index, scope, depth)
        return value[at] if isinstance(at, int) and -len(value) <= at < len(value) else UNKNOWN

    def _fold_comprehension(self, node: ast.ListComp | ast.GeneratorExp, scope: Scope, depth: int) -> Any:
        if len(node.generators) != 1 or node.generators[0].ifs or not isinstance(node.generators[0].target, ast.Name):
            return UNKNOWN
        values = self.fold(node.generators[0].iter, scope, depth)
        if not isinstance(values, (list, tuple, str, bytes)) or len(values) > 20_000:
            return UNKNOWN
        inner = Scope(ast.parse("lambda: 0", mode="eval").body, scope)  # type: ignore[arg-type]
        out = []
        for value in values:
            inner.bindings[node.generators[0].target.id] = [ast.Constant(value=value)]
            out.append(self.fold(node.elt, inner, depth))
            if out[-1] is UNKNOWN:
                return UNKNOWN
        return out

    def _fold_call(self, node: ast.Call, scope: Scope, depth: int) -> Any:
        if any(k.arg is None for k in node.keywords) or any(isinstance(a, ast.Starred) for a in node.args):
            return UNKNOWN
        args = [self.fold(a, scope, depth) for a in node.args]
        keywords = {k.arg: self.fold(k.value, scope, depth) for k in node.keywords if k.arg}
        if isinstance(node.func, ast.Attribute):
            base = self.fold(node.func.value, scope, depth)
            if base is not UNKNOWN:
                return constants.method(base, node.func.attr, args, keywords)
        name = self.qualified(node.func, scope, depth)
        return constants.function(name, args) if name and UNKNOWN not in args else UNKNOWN


def names(blob: Any) -> Names:
    """The resolver of a blob: a reader for `Blob.parsed`. Raises as `python.tree`."""
    from mlsbom.formats.python import scopes

    return Names(blob.parsed(scopes))
