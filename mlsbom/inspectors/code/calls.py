"""One call of a source, as the readers of references ask about it: what is called, with which texts, from which line."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache

from msgspec import Struct, field

from mlsbom.formats.python import Scope, Scopes, Source, analyse
from mlsbom.formats.python_names import Names
from mlsbom.inspectors.code.values import Values, Written
from mlsbom.model import Evidence, Technique


class Code(Struct):
    """A source with what is known of its names and values. `line_of` turns its lines into those of the file (notebooks)."""

    scopes: Scopes
    names: Names
    values: Values
    line_of: Callable[[int], int] = field(default=int)
    modules: frozenset[str] = frozenset()

    @classmethod
    def of(cls, scopes: Scopes, line_of: Callable[[int], int] = int) -> Code:
        """The code of analysed scopes."""
        names = Names(scopes)
        return cls(scopes, names, Values(scopes, names), line_of, frozenset(_imported(scopes)))

    @classmethod
    def of_text(cls, module: ast.Module, text: str, line_of: Callable[[int], int]) -> Code:
        """The code of a text that is no file of its own."""
        return cls.of(analyse(Source(module, text, "utf-8", None, True)), line_of)

    def calls(self) -> Iterator[Call]:
        """Every call, in source order."""
        for node, scope in self.scopes.calls:
            yield Call(self, node, scope)

    def imports(self, *roots: str) -> bool:
        """Whether one of these modules, or something in them, is imported."""
        return any(under(m, roots) for m in self.modules)

    def evidence(self, node: ast.AST, sure: float, note: str = "") -> Evidence:
        """Evidence at the line of a node."""
        return Evidence(
            line=self.line_of(getattr(node, "lineno", 1)) or None, technique=Technique.SOURCE, confidence=sure, note=note or None
        )


def _imported(scopes: Scopes) -> Iterator[str]:
    for node, _ in scopes.imports:
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{a.name}" for a in node.names)


def under(name: str, roots: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the roots or below one."""
    return name in roots or name.startswith(_below(roots))


@lru_cache(maxsize=1024)
def _below(roots: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{root}." for root in roots)


class Call(Struct):
    """A call. `name`: the qualified name of what is called (`openai.OpenAI().chat.completions.create`), "" where it is not known;
    `tail`: the attributes as written (`client.chat.completions.create`)."""

    code: Code
    node: ast.Call
    scope: Scope
    name: str = ""
    tail: str = ""

    def __post_init__(self) -> None:
        self.tail = dotted(self.node.func)
        self.name = self.code.names.qualified(self.node.func, self.scope) or ""
        if self.name.startswith("builtins.") and self.name.endswith("()"):
            self.name = ""

    @property
    def last(self) -> str:
        """The last name of what is called: a method, a function, a class, by its own name where it was imported under another."""
        own = self.name.rpartition(".")[2]
        return own if own.isidentifier() else self.tail.rpartition(".")[2]

    @property
    def line(self) -> int:
        """The line of the name that is called: of the last line of a chain."""
        return getattr(self.node.func, "end_lineno", None) or self.node.lineno

    def keyword(self, *names: str) -> ast.expr | None:
        """The value of the first of these keywords that is given, also through `**{...}` and a mapping in a variable."""
        for name in names:
            for k in self.node.keywords:
                if k.arg == name:
                    return k.value
        for k in self.node.keywords:
            if k.arg is None and (found := self.entry(k.value, *names)) is not None:
                return found
        return None

    def entry(self, mapping: ast.expr, *names: str) -> ast.expr | None:
        """The value under one of these keys of a literal mapping, or of one in a variable."""
        for holder, _ in self.code.values.holders(mapping, self.scope):
            if isinstance(holder, ast.Dict):
                for name in names:
                    for key, value in zip(holder.keys, holder.values, strict=True):
                        if isinstance(key, ast.Constant) and key.value == name:
                            return value
        return None

    def argument(self, position: int | None, *keywords: str) -> ast.expr | None:
        """The argument under one of the keywords, else the one at a position."""
        if (found := self.keyword(*keywords)) is not None:
            return found
        if (
            position is not None
            and len(self.node.args) > position
            and not any(isinstance(a, ast.Starred) for a in self.node.args[: position + 1])
        ):
            return self.node.args[position]
        return None

    def texts(self, node: ast.expr | None) -> list[Written]:
        """What an argument can be."""
        return self.code.values.texts(node, self.scope)

    def text(self, node: ast.expr | None) -> str | None:
        """The first whole text that an argument can be."""
        return next((w.text for w in self.texts(node) if w.whole), None)

    def given(self, *names: str) -> bool:
        """Whether one of these keywords is given and is not None, False or empty."""
        value = self.keyword(*names)
        return value is not None and not (isinstance(value, ast.Constant) and not value.value)

    def evidence(self, node: ast.AST | None, sure: float) -> Evidence:
        """Evidence at an argument of this call (its own line where it has one), with the call as note."""
        at = node if node is not None and hasattr(node, "lineno") else self.node
        return self.code.evidence(at, sure, self.tail[-80:])

    def constructor(self) -> Call | None:
        """The call that made the object whose method this is (`OpenAI(...)` of `client.chat.completions.create`), where it is in sight."""
        node, scope = self.node.func, self.scope
        for _ in range(12):
            match node:
                case ast.Attribute(value=ast.Name(id=owner), attr=attr) if f"{owner}.{attr}" in self.code.scopes.module.bindings:
                    bound = self.code.scopes.module.bindings[f"{owner}.{attr}"]
                    node = next((b for b in bound if isinstance(b, ast.expr)), None)  # type: ignore[assignment]
                case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Await(value=value):
                    node = value
                case ast.Name(id=name):
                    known = scope.lookup(name) or []
                    node = next((b for b in known if isinstance(b, ast.expr) and not (isinstance(b, ast.Name) and b.id == name)), None)  # type: ignore[assignment]
                case ast.Call():
                    made = Call(self.code, node, scope)
                    if made.last[:1].isupper() or made.last in ("client", "Client", "resource") or not isinstance(node.func, ast.Attribute):
                        return made
                    node = node.func
                case _:
                    return None
        return None


def dotted(node: ast.expr) -> str:
    """The attributes of an expression as written; what is no name stands as `()`."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    else:
        parts.append("()")
    return ".".join(reversed(parts))
