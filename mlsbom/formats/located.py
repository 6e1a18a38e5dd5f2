"""Values with their lines: one view over YAML, JSON and TOML documents, so that what is taken from any of them can cite its place.

A `Located` wraps a node of `mlsbom.formats.yaml`, which JSON and TOML texts are turned into as well. Nothing is converted before it is
asked for.
"""

from __future__ import annotations

import json as _json
import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from mlsbom.blob import Blob
from mlsbom.formats import json, yaml
from mlsbom.formats.yaml import Node
from mlsbom.patterns import late

LINES_LIMIT: Final = 2 << 20
"""Bytes of JSON up to which lines are kept; a larger document is read without."""

_TOKEN = late(r'"(?:[^"\\]|\\.)*+"|[{}\[\]]|[^\s{}\[\],:"]+', re.S)


class Located(Struct, frozen=True, eq=False):
    """A value of a document: `node` with its line, and the dotted path to it."""

    node: Node
    path: str = ""

    @property
    def line(self) -> int | None:
        """The line, where it is known."""
        return self.node.line or None

    @property
    def kind(self) -> str:
        """scalar, sequence or mapping."""
        return self.node.kind

    @property
    def value(self) -> Any:
        """The value as plain data."""
        return yaml.Document(self.node).plain()

    @property
    def raw(self) -> str:
        """The scalar as written (`no` stays `no`), or "" where this is none."""
        return str(self.node.value).strip() if self.node.kind == "scalar" else ""

    @property
    def text(self) -> str:
        """The scalar as text where it means one or a number, else "" (null, true, a list)."""
        value = yaml.scalar(self.node) if self.node.kind == "scalar" else None
        return self.raw if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""

    def get(self, *keys: str) -> Located | None:
        """The value below these keys of nested mappings, or None."""
        at: Located | None = self
        for key in keys:
            node = at.node.get(key) if at else None
            if at is None or node is None:
                return None
            at = Located(node, f"{at.path}.{key}" if at.path else key)
        return at

    def items(self) -> Iterator[tuple[str, Located]]:
        """The pairs of a mapping; nothing for what is none."""
        if self.node.kind == "mapping":
            for key, value in self.node.value:
                if key.kind == "scalar":
                    yield key.value, Located(value, f"{self.path}.{key.value}" if self.path else key.value)

    def each(self) -> Iterator[Located]:
        """The items of a sequence, or this value itself: what may be written once or as a list."""
        if self.node.kind == "sequence":
            for number, item in enumerate(self.node.value):
                yield Located(item, f"{self.path}[{number}]")
        else:
            yield self

    def renamed(self, text: str) -> Located:
        """The same place with another text: a part of what is written there."""
        return Located(Node("scalar", text, self.node.line, plain=False), self.path)

    def walk(self) -> Iterator[tuple[str, Located]]:
        """(key, value) of every pair of every mapping below, in document order, each node once."""
        for path, node in yaml.walk(self.node):
            for key, value in node.value if node.kind == "mapping" else ():
                if key.kind == "scalar":
                    yield key.value, Located(value, ".".join((*path, key.value)))


class Document(Struct, frozen=True):
    """A document: its root, and the keys that occur twice with the line of the second (0 where lines are not known)."""

    root: Located
    duplicates: tuple[tuple[str, int], ...] = ()


def read_json(blob: Blob) -> Document:
    """A JSON blob: a reader for `Blob.parsed`. Raises as `json.read`."""
    document = blob.parsed(json.read)
    if blob.size > LINES_LIMIT:
        return Document(Located(plain_node(document.value)), tuple((d, 0) for d in document.duplicates))
    return Document(Located(_json_node(blob.text())), tuple((d, 0) for d in document.duplicates))


def read_yaml(blob: Blob) -> Document:
    """The first document of a YAML blob: a reader for `Blob.parsed`. Raises as `yaml.read`, and Malformed for a bomb of aliases."""
    documents = blob.parsed(yaml.read)
    return of_yaml(documents[0]) if documents else Document(Located(Node("scalar", "", 1)))


def of_yaml(document: yaml.Document) -> Document:
    """A parsed YAML document. Raises Malformed for a bomb of aliases."""
    if document.bomb:
        document.plain()
    return Document(Located(document.root or Node("scalar", "", 1)), tuple(document.duplicates))


def read_toml(blob: Blob) -> Document:
    """A TOML blob: a reader for `Blob.parsed`. Raises Malformed. Lines are those of keys; of values inside arrays, the array's."""
    from mlsbom.formats import toml

    document = blob.parsed(toml.read)
    root = plain_node(document.value)
    _toml_lines(root, (), document.lines, 0)
    return Document(Located(root))


def plain_node(value: Any) -> Node:
    """Plain data as nodes without lines."""
    if isinstance(value, dict):
        return Node("mapping", [(Node("scalar", str(k), 0, plain=False), plain_node(v)) for k, v in value.items()], 0)
    if isinstance(value, list):
        return Node("sequence", [plain_node(v) for v in value], 0)
    if isinstance(value, str):
        return Node("scalar", value, 0, plain=False)
    return Node("scalar", "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value), 0)


def _json_node(text: str) -> Node:
    """Valid JSON to nodes with lines, without recursion."""
    root: Node | None = None
    stack: list[tuple[Node, list[Node]]] = []
    line, at = 1, 0
    for token in _TOKEN.finditer(text):
        line += text.count("\n", at, token.start())
        at = token.start()
        word = token[0]
        if word in "]}":
            node, items = stack.pop()
            node.value = items if node.kind == "sequence" else list(zip(items[::2], items[1::2], strict=False))
        elif word in "[{":
            node = Node("sequence" if word == "[" else "mapping", [], line)
            stack[-1][1].append(node) if stack else None
            stack.append((node, []))
        else:
            quoted = word.startswith('"')
            node = Node("scalar", _json.loads(word, strict=False) if quoted else word, line, plain=not quoted)
            stack[-1][1].append(node) if stack else None
        root = root or node
    return root or Node("scalar", "", 1)


def _toml_lines(node: Node, path: tuple[str, ...], lines: dict[tuple[str, ...], int], above: int) -> None:
    """Gives the nodes of a TOML document the lines of their keys; what has none of its own has that of what it is in."""
    node.line = lines.get(path, above)
    pairs = ((k.value, v) for k, v in node.value) if node.kind == "mapping" else ()
    items = ((str(n), v) for n, v in enumerate(node.value)) if node.kind == "sequence" else ()
    for key, value in (*pairs, *items):
        _toml_lines(value, (*path, key), lines, node.line)
