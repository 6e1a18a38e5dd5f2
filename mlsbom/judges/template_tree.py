"""The syntax tree of a Jinja template.

Only `Environment.parse` of jinja2 is used: its compiler is not, because the optimiser in it evaluates constants.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from mlsbom.errors import Malformed
from mlsbom.patterns import late

if TYPE_CHECKING:
    from jinja2 import nodes

DEPTH: Final = 100


def parse(source: str) -> nodes.Template:
    """The syntax tree, with loop controls, `do` and the `generation` block of transformers. Raises Malformed with the line."""
    import jinja2

    if _too_deep(source):
        raise Malformed(f"a template nested deeper than {DEPTH} levels")
    try:
        tree: nodes.Template = _environment().parse(source)
        return tree
    except jinja2.TemplateSyntaxError as e:
        raise Malformed(f"no valid template: {e.message}", line=e.lineno) from e
    except (RecursionError, ValueError, OverflowError, MemoryError) as e:
        raise Malformed(f"no valid template: {e}") from e


_made: list[Any] = []


def _environment() -> Any:
    if not _made:
        import jinja2
        from jinja2 import nodes
        from jinja2.ext import Extension

        class Generation(Extension):
            """`{% generation %}`: marks what an assistant wrote, for training masks."""

            tags = {"generation"}

            def parse(self, parser: Any) -> Any:
                line = next(parser.stream).lineno
                return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(line)

        extensions: list[str | type[Extension]] = ["jinja2.ext.loopcontrols", "jinja2.ext.do", Generation]
        _made.append(jinja2.Environment(extensions=extensions, autoescape=False))  # noqa: S701 - never rendered
    return _made[0]


_OPEN = late(r"[\[({]+|[\])}]+")


def _too_deep(source: str) -> bool:
    depth = 0
    for run in _OPEN.finditer(source):
        depth = max(0, depth + (len(run[0]) if run[0][0] in "[({" else -len(run[0])))
        if depth > DEPTH * 8:
            return True
    return False


def walk(node: nodes.Node) -> Iterator[nodes.Node]:
    """The node and all below it, in source order, without recursion."""
    todo = [node]
    while todo:
        at = todo.pop()
        yield at
        todo.extend(reversed(list(at.iter_child_nodes())))


def walk_all(many: list[nodes.Node]) -> Iterator[nodes.Node]:
    """All below several nodes."""
    for node in many:
        yield from walk(node)
