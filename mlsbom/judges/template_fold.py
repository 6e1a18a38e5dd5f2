"""Constants in Jinja templates: which texts an expression can be. Bounded, side-effect free, and written here: nothing of jinja2
evaluates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from jinja2 import nodes

MANY: Final = 16
LIMIT: Final = 1 << 16
STEPS: Final = 100_000
DEPTH: Final = 40


class Folder:
    """Which constants an expression of one template can be. Names are looked up without regard to order: `bindings` holds every
    expression that a name is set to (by `set`, loops over literals, macro parameters and their arguments, namespace fields)."""

    def __init__(self, tree: nodes.Template) -> None:
        self.bindings: dict[str, list[nodes.Node]] = {}
        self.bound: set[str] = {"loop", "namespace", "dict", "range", "varargs", "kwargs", "true", "false", "none", "True", "False", "None"}
        self.blocks: set[str] = set()
        self._steps = STEPS
        self._bind(tree)

    def _bind(self, tree: nodes.Template) -> None:
        from jinja2 import nodes

        macros: dict[str, nodes.Macro] = {}
        calls: list[nodes.Call] = []
        todo: list[nodes.Node] = [tree]
        while todo:
            node = todo.pop()
            todo.extend(node.iter_child_nodes())
            match node:
                case nodes.Assign():
                    self._target(node.target, node.node)
                case nodes.AssignBlock():
                    self._target(node.target, nodes.Const(None))
                case nodes.For():
                    self._each(node.target, node.iter)
                case nodes.With():
                    for target, value in zip(node.targets, node.values, strict=False):
                        self._target(target, value)
                case nodes.Macro() | nodes.CallBlock():
                    for arg in node.args:
                        self.bound.add(arg.name)
                    for arg, default in zip(node.args[len(node.args) - len(node.defaults) :], node.defaults, strict=False):
                        self.bindings.setdefault(arg.name, []).append(default)
                    if isinstance(node, nodes.Macro):
                        self.bound.add(node.name)
                        macros[node.name] = node
                case nodes.Block():
                    self.blocks.add(node.name)
                case nodes.Call():
                    calls.append(node)
        for call in calls:
            name = call.node.name if isinstance(call.node, nodes.Name) else ""
            if name == "namespace":
                for keyword in call.kwargs:
                    self.bindings.setdefault(f".{keyword.key}", []).append(keyword.value)
            elif macro := macros.get(name):
                for arg, value in zip(macro.args, call.args, strict=False):
                    self.bindings.setdefault(arg.name, []).append(value)
                for keyword in call.kwargs:
                    self.bindings.setdefault(keyword.key, []).append(keyword.value)

    def _target(self, target: nodes.Node, value: nodes.Node) -> None:
        from jinja2 import nodes

        if isinstance(target, nodes.Name):
            self.bound.add(target.name)
            self.bindings.setdefault(target.name, []).append(value)
        elif isinstance(target, nodes.NSRef):
            self.bindings.setdefault(f".{target.attr}", []).append(value)
        elif isinstance(target, nodes.Tuple):
            values = value.items if isinstance(value, (nodes.Tuple, nodes.List)) and len(value.items) == len(target.items) else None
            for n, item in enumerate(target.items):
                self._target(item, values[n] if values else nodes.Getitem(value, nodes.Const(n), "load"))

    def _each(self, target: nodes.Node, values: nodes.Node) -> None:
        from jinja2 import nodes

        if isinstance(values, (nodes.List, nodes.Tuple)) and len(values.items) <= MANY:
            for item in values.items:
                self._target(target, item)
        else:
            self._target(target, nodes.Filter(values, "first", [], [], None, None))

    # --- values ----------------------------------------------------------------------------------------------------------------------

    def values(self, node: nodes.Node | None, depth: int = 0) -> list[Any]:
        """The constants (text, numbers, lists, dicts) that an expression can be, at most 16; none where it depends on input."""
        if node is None or depth > DEPTH or self._steps <= 0:
            return []
        self._steps -= 1
        out = self._values(node, depth + 1)
        return [v for v in out[:MANY] if not isinstance(v, (str, list, tuple)) or len(v) <= LIMIT]

    def _values(self, node: nodes.Node, depth: int) -> list[Any]:
        from jinja2 import nodes

        match node:
            case nodes.Const():
                return [node.value]
            case nodes.TemplateData():
                return [node.data]
            case nodes.Name():
                return [v for b in self.bindings.get(node.name, ())[:MANY] for v in self.values(b, depth)]
            case nodes.NSRef():
                return [v for b in self.bindings.get(f".{node.attr}", ())[:MANY] for v in self.values(b, depth)]
            case nodes.List() | nodes.Tuple():
                items = [self.values(i, depth) for i in node.items]
                return [[i[0] for i in items]] if all(items) else []
            case nodes.Dict():
                pairs = [(self.values(p.key, depth), self.values(p.value, depth)) for p in node.items]
                return [{k[0]: v[0] if v else None for k, v in pairs if isinstance(k[0], (str, int))}] if all(k for k, _ in pairs) else []
            case nodes.Concat():
                parts = [self.values(n, depth) for n in node.nodes]
                return ["".join(str(p[0]) for p in parts)] if all(parts) else []
            case nodes.Add() | nodes.Mul() | nodes.Mod() | nodes.Sub():
                return self._binary(node, depth)
            case nodes.Pow():
                powers = [(a, b) for a in self.values(node.left, depth) for b in self.values(node.right, depth)]
                whole = [(a, b) for a, b in powers if isinstance(a, int) and isinstance(b, int) and b >= 0]
                return [a**b if abs(a).bit_length() * b <= 60 else 10**18 for a, b in whole]
            case nodes.Neg():
                return [-v for v in self.values(node.node, depth) if isinstance(v, (int, float))]
            case nodes.CondExpr():
                return [*self.values(node.expr1, depth), *self.values(node.expr2, depth)]
            case nodes.Or() | nodes.And():
                return [*self.values(node.left, depth), *self.values(node.right, depth)]
            case nodes.Getitem():
                return self._item(node, depth)
            case nodes.Getattr():
                named = [v for b in self.bindings.get(f".{node.attr}", ())[:MANY] for v in self.values(b, depth)]
                return named + [v[node.attr] for v in self.values(node.node, depth) if isinstance(v, dict) and node.attr in v]
            case nodes.Filter():
                return self._filter(node, depth)
            case nodes.Call():
                return self._call(node, depth)
        return []

    def _binary(self, node: Any, depth: int) -> list[Any]:
        out: list[Any] = []
        for left in self.values(node.left, depth):
            for right in self.values(node.right, depth):
                try:
                    if node.operator == "+":
                        out.append(left + right)
                    elif node.operator == "-":
                        out.append(left - right)
                    elif node.operator == "*":
                        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
                            out.append(left * right if abs(left) < 1e12 and abs(right) < 1e12 else 10**18)
                        elif isinstance(left, (str, list)) and isinstance(right, int) and len(left) * right <= LIMIT:
                            out.append(left * right)
                    elif isinstance(left, str):
                        out.append(_percent(left, right))
                    else:
                        out.append(left % right)
                except (TypeError, ValueError, ZeroDivisionError, OverflowError):
                    continue
        return out

    def _item(self, node: nodes.Getitem, depth: int) -> list[Any]:
        from jinja2 import nodes

        out: list[Any] = []
        for base in self.values(node.node, depth):
            if isinstance(node.arg, nodes.Slice):
                bounds = [next(iter(self.values(b, depth)), None) for b in (node.arg.start, node.arg.stop, node.arg.step)]
                if isinstance(base, (str, list)) and bounds[2] != 0 and all(b is None or isinstance(b, int) for b in bounds):
                    out.append(base[slice(*bounds)])
                continue
            for key in self.values(node.arg, depth):
                try:
                    out.append(base[key])
                except (TypeError, KeyError, IndexError):
                    continue
        return out

    def _filter(self, node: nodes.Filter, depth: int) -> list[Any]:
        args = [next(iter(self.values(a, depth)), None) for a in node.args]
        bases = self.values(node.node, depth) if node.node is not None else []
        out: list[Any] = []
        for base in bases:
            try:
                out.append(_apply(node.name, base, args))
            except (TypeError, ValueError, IndexError, AttributeError, LookupError):
                continue
        return [v for v in out if v is not None]

    def _call(self, node: nodes.Call, depth: int) -> list[Any]:
        from jinja2 import nodes

        if isinstance(node.node, nodes.Name) and node.node.name == "dict":
            return [{k.key: next(iter(self.values(k.value, depth)), None) for k in node.kwargs}]
        if not isinstance(node.node, nodes.Getattr):
            return []
        args = [next(iter(self.values(a, depth)), None) for a in node.args]
        out: list[Any] = []
        for base in self.values(node.node.node, depth):
            try:
                out.append(_method(base, node.node.attr, args, {k.key: next(iter(self.values(k.value, depth)), "") for k in node.kwargs}))
            except (TypeError, ValueError, IndexError, AttributeError, LookupError):
                continue
        return [v for v in out if v is not None]

    # --- questions about what is not constant ----------------------------------------------------------------------------------------

    def is_built(self, node: nodes.Node, depth: int = 0) -> bool:
        """Whether an expression puts a name together from pieces that are not all known, in a way that an honest template does not: no
        piece with a letter in it, or a piece with two underscores."""
        from jinja2 import nodes

        if depth > DEPTH:
            return True
        if isinstance(node, nodes.Name):
            return any(self.is_built(b, depth + 1) for b in self.bindings.get(node.name, ())[:MANY] if b is not node)
        if not isinstance(node, (nodes.Concat, nodes.Add, nodes.Mod, nodes.Filter, nodes.Call)):
            return False
        if isinstance(node, nodes.Add) and any(isinstance(v, (int, float)) for side in (node.left, node.right) for v in self.values(side)):
            return False
        if isinstance(node, nodes.Filter) and node.name not in ("join", "replace", "reverse", "format", "string", "lower", "list"):
            return False
        if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Getattr) and node.node.attr in ("join", "format", "replace")):
            return False
        pieces = [c.value for c in node.find_all(nodes.Const) if isinstance(c.value, str)]
        return any("__" in p for p in pieces) or not any(ch.isalpha() for p in pieces for ch in p)

    def tainted(self, node: nodes.Node) -> bool:
        """Whether an expression holds a dunder attribute or subscript."""
        from jinja2 import nodes

        for part in (node, *node.find_all((nodes.Getattr, nodes.Getitem, nodes.Filter))):
            names = [part.attr] if isinstance(part, nodes.Getattr) else []
            if isinstance(part, nodes.Getitem):
                names = [v for v in self.values(part.arg) if isinstance(v, str)]
            elif isinstance(part, nodes.Filter) and part.name == "attr" and part.args:
                names = [v for v in self.values(part.args[0]) if isinstance(v, str)]
            if any(n.startswith("__") and n.endswith("__") for n in names):
                return True
        return False

    def length(self, node: nodes.Node) -> int:
        """The number of turns of a loop over a constant; 0 where it depends on input."""
        from jinja2 import nodes

        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "range":
            numbers = [next((v for v in self.values(a) if isinstance(v, int)), 0) for a in node.args[:3]]
            if not numbers:
                return 0
            span = numbers[1] - numbers[0] if len(numbers) > 1 else numbers[0]
            return abs(span) // max(1, abs(numbers[2]) if len(numbers) > 2 else 1)
        return max((len(v) for v in self.values(node) if isinstance(v, (str, list, dict))), default=0)


def _percent(text: str, value: Any) -> str | None:
    """`%` formatting with `%s`, `%c`, `%d`, `%x` and no widths."""
    import re

    if re.search(r"%[^scdxr%(]", text) or len(text) > 4096:
        raise ValueError("not a simple format")
    return text % (tuple(value) if isinstance(value, list) else value)


def _apply(name: str, base: Any, args: list[Any]) -> Any:
    """A pure filter."""
    match name:
        case "join":
            parts = list(base)
            glue = str(args[0]) if args and args[0] is not None else ""
            return glue.join(map(str, parts)) if len(parts) <= LIMIT else None
        case "replace" if len(args) > 1 and args[0]:
            return str(base).replace(str(args[0]), str(args[1])) if len(str(base)) * max(1, len(str(args[1]))) <= LIMIT * 64 else None
        case "reverse":
            return base[::-1]
        case "lower" | "upper" | "title" | "capitalize":
            return getattr(str(base), name)()
        case "trim":
            return str(base).strip()
        case "string" | "safe" | "e" | "escape" | "forceescape":
            return str(base)
        case "list":
            return list(base)
        case "first" | "last":
            return list(base)[0 if name == "first" else -1]
        case "format" if isinstance(base, str):
            return _percent(base, args)
        case "default" | "d":
            return base
        case "urlencode" | "int" | "length" | "count":
            return len(base) if name in ("length", "count") else base
    return None


def _method(base: Any, name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
    """A pure method of a constant."""
    if isinstance(base, dict) and name in ("get", "keys", "values", "items"):
        return base.get(args[0]) if name == "get" else list(getattr(base, name)())
    if not isinstance(base, str) or any(a is None for a in args):
        return None
    match name:
        case "join":
            return base.join(map(str, args[0]))
        case "replace" if args[0]:
            return base.replace(str(args[0]), str(args[1])) if len(base) * max(1, len(str(args[1]))) <= LIMIT * 64 else None
        case (
            "lower"
            | "upper"
            | "strip"
            | "lstrip"
            | "rstrip"
            | "title"
            | "capitalize"
            | "swapcase"
            | "removeprefix"
            | "removesuffix"
            | "split"
        ):
            return getattr(base, name)(*args)
        case "format":
            if "." in base or "[" in base or ":" in base:
                return None
            return base.format(*args, **keywords)
    return None
