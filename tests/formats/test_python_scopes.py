"""The pass over a syntax tree: it leaves out only nodes of which nothing is asked, and sees every way in which a name is bound."""

from __future__ import annotations

import ast
import contextlib
import inspect
import typing

import pytest

from mlsbom.formats import python

_QUIET = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.alias)


@pytest.mark.parametrize("module", [ast, contextlib, inspect, typing])
def test_children_are_all_but_contexts_operators_and_aliases(module: object) -> None:
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    for node in ast.walk(tree):
        assert python.children(node) == [c for c in ast.iter_child_nodes(node) if not isinstance(c, _QUIET)]


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "x: int = 1",
        "(x := 1)",
        "x, y = 1, 2",
        "[x, *y] = z",
        "for x in z: pass",
        "[x for x in z]",
        "async def f():\n async for x in z: pass",
        "with z as x: pass",
        "async def f():\n async with z as x: pass",
        "import x",
        "import z as x",
        "from z import x",
        "from z import y as x",
        "def x(): pass",
        "async def x(): pass",
        "class x: pass",
        "def f(x): pass",
        "def f(*x): pass",
        "def f(*, x=1): pass",
        "lambda x: 1",
        "try: pass\nexcept E as x: pass",
        "try: pass\nexcept* E as x: pass",
        "x = 1\nx += 2",
    ],
)
def test_every_way_to_bind_a_name_is_seen(source: str) -> None:
    read = python.analyse(python.parse(source.encode()))
    inner = [scope for _, scope in read.functions]
    assert any("x" in scope.bindings for scope in (read.module, *inner))


def test_what_is_asked_for_is_collected_in_order() -> None:
    source = "def f():\n assert g(1)\n a[0] = {1: 2}\nb = {3: {4: 5}}\nassert True\n"
    read = python.analyse(python.parse(source.encode()))
    assert [n.lineno for n in read.assertions] == [2, 5]
    assert [n.lineno for n in read.stores] == [3]
    assert [n.lineno for n in read.mappings] == [3, 4, 4]
