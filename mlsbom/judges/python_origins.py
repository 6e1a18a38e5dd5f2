"""Where a value in Python source comes from: out of a decoder, or from the network."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from mlsbom.formats.python import Scope
from mlsbom.formats.python_names import Names
from mlsbom.judges import python_calls as calls


class Origins:
    """Follows the values of one source back through their bindings. Answers are remembered by node and scope."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._known: dict[tuple[str, int, int], bool] = {}

    def is_decoded(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a value comes out of a decoder."""
        return self._comes(self._decodes, node, scope, 0)

    def is_fetched(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a value comes from the network."""
        return self._comes(self._fetches, node, scope, 0)

    def _comes(self, by: Callable[[ast.Call, Scope], bool], node: ast.expr, scope: Scope, depth: int) -> bool:
        key = (by.__name__, id(node), id(scope))
        if key not in self._known:
            self._known[key] = False  # ends cycles
            self._known[key] = depth <= 8 and self._comes_at(by, node, scope, depth)
        return self._known[key]

    def _comes_at(self, by: Callable[[ast.Call, Scope], bool], node: ast.expr, scope: Scope, depth: int) -> bool:
        for part in _below(node):
            if isinstance(part, ast.Call) and by(part, scope):
                return True
            if isinstance(part, ast.Name):
                for binding in (scope.lookup(part.id) or ())[-16:]:
                    if isinstance(binding, ast.expr) and binding is not node and self._comes(by, binding, scope, depth + 1):
                        return True
        return False

    def _decodes(self, call: ast.Call, scope: Scope) -> bool:
        if self.names.qualified(call.func, scope) in calls.DECODERS:
            return True
        if not isinstance(call.func, ast.Attribute):
            return False
        if call.func.attr in ("fromhex", "b64decode", "decompress", "a2b_base64", "unhexlify"):
            return True
        return call.func.attr == "join" and any(isinstance(c, ast.Call) and getattr(c.func, "id", "") == "chr" for c in _below(call))

    def _fetches(self, call: ast.Call, scope: Scope) -> bool:
        name = self.names.qualified(call.func, scope)
        return bool(name and calls.NETWORK.fullmatch(name.removesuffix("()")))


def _below(node: ast.expr) -> Iterator[ast.AST]:
    """At most 400 nodes of an expression."""
    for count, part in enumerate(ast.walk(node)):
        if count >= 400:
            return
        yield part
