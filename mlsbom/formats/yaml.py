"""YAML as data: composed from the event stream by a loader that constructs nothing. Tags are text, aliases are counted, lines are kept.

`nodes` gives the documents as nodes with lines; `read` and `loads` give plain values. Standard scalars become what YAML 1.1 says
(`resolve=False`: all scalars stay text). An unknown tag never fails: the value below it is read as plain data and the tag is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.blob import Blob, decode
from mlsbom.errors import Malformed, TooLarge
from mlsbom.patterns import late

SIZE_LIMIT: Final = 16 << 20
NODE_LIMIT: Final = 400_000
ALIAS_LIMIT: Final = 100_000
"""Values after all aliases are followed; beyond it a document is a bomb and `Document.bomb` is set."""
DEPTH_LIMIT: Final = 200

_STANDARD = "tag:yaml.org,2002:"


class Node(Struct, eq=False):
    """A scalar (`value` text), sequence (list of nodes) or mapping (list of (key node, value node)). `line` counts from 1. `tag` is the
    explicit tag with its handle resolved (`tag:yaml.org,2002:python/tuple`, `!new:os.system`), "" where none was written."""

    kind: str
    value: Any
    line: int
    tag: str = ""
    plain: bool = True

    def get(self, key: str) -> Node | None:
        """The value node of a key of a mapping, the last one where it occurs twice."""
        if self.kind != "mapping":
            return None
        return next((v for k, v in reversed(self.value) if k.kind == "scalar" and k.value == key), None)


class Document(Struct):
    """One document: root node (None if empty), explicit tags with their lines, keys that occur twice (name, line), alias bomb or not."""

    root: Node | None
    tags: list[tuple[str, Node]] = field(default_factory=list)
    duplicates: list[tuple[str, int]] = field(default_factory=list)
    bomb: bool = False

    def plain(self, *, resolve: bool = True) -> Any:
        """The document as plain data (aliases copied by reference). Mappings keep text keys; a key that is no scalar becomes its repr."""
        if self.bomb:
            raise Malformed("aliases expand to more values than a document means: a bomb")
        return _plain(self.root, resolve)


def read(blob: Blob) -> list[Document]:
    """The documents of a blob: a reader for `Blob.parsed`. Raises TooLarge, or Malformed with the line."""
    return nodes(decode(blob.data(SIZE_LIMIT))[0])


def loads(text: str, *, resolve: bool = True) -> Any:
    """The first document as plain data, None if there is none. Raises Malformed with the line."""
    documents = nodes(text)
    return documents[0].plain(resolve=resolve) if documents else None


def nodes(text: str) -> list[Document]:
    """The documents of a text. Raises Malformed with the line, TooLarge over 400,000 nodes."""
    import yaml

    out: list[Document] = []
    try:
        loader = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
        builder: _Builder | None = None
        for event in yaml.parse(text, loader):
            if isinstance(event, yaml.DocumentStartEvent):
                builder = _Builder()
            elif isinstance(event, yaml.DocumentEndEvent) and builder is not None:
                out.append(builder.finish())
                builder = None
            elif builder is not None:
                builder.take(event)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        raise Malformed(f"no valid YAML: {e.problem or e.context or 'syntax'}", line=mark.line + 1 if mark else None) from e
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        raise Malformed(f"no valid YAML: {' '.join(str(e).split())[:200]}") from e
    return out


class _Builder:
    """Events of one document to nodes, with a stack of its own."""

    def __init__(self) -> None:
        self.document = Document(None)
        self.stack: list[tuple[Node, list[Node]]] = []
        self.anchors: dict[str, Node] = {}
        self.weights: dict[int, int] = {}
        self.count = 0

    def take(self, event: Any) -> None:
        """One event inside the document."""
        kind = type(event).__name__
        if kind in ("SequenceEndEvent", "MappingEndEvent"):
            node, items = self.stack.pop()
            self._close(node, items)
            self._attach(node)
            return
        line = event.start_mark.line + 1
        if kind == "AliasEvent":
            self._attach(self.anchors.get(event.anchor) or Node("scalar", "", line))
            return
        self.count += 1
        if self.count > NODE_LIMIT:
            raise TooLarge(f"more than {NODE_LIMIT} values in a YAML document")
        tag = event.tag or ""
        node = Node("scalar", "", line, tag if tag != "!" else "")
        if node.tag:
            self.document.tags.append((node.tag, node))
        if event.anchor:
            self.anchors[event.anchor] = node
        if kind == "ScalarEvent":
            node.value, node.plain = event.value, event.style in (None, "")
            self._attach(node)
            return
        node.kind = "sequence" if kind == "SequenceStartEvent" else "mapping"
        node.value = []
        if len(self.stack) >= DEPTH_LIMIT:
            raise Malformed(f"YAML nested deeper than {DEPTH_LIMIT} levels", line=line)
        self.stack.append((node, []))

    def _attach(self, node: Node) -> None:
        if self.stack:
            self.stack[-1][1].append(node)
        elif self.document.root is None:
            self.document.root = node

    def _close(self, node: Node, items: list[Node]) -> None:
        total = 1 + sum(self.weights.get(id(i), 1) for i in items)
        self.weights[id(node)] = total
        self.document.bomb |= total > ALIAS_LIMIT and total > 4 * self.count
        if node.kind == "sequence":
            node.value = items
            return
        node.value = list(zip(items[::2], items[1::2], strict=False))
        seen: set[str] = set()
        for key, _ in node.value:
            if key.kind == "scalar" and key.value != "<<":
                if key.value in seen and len(self.document.duplicates) < 100:
                    self.document.duplicates.append((key.value, key.line))
                seen.add(key.value)

    def finish(self) -> Document:
        """The document."""
        return self.document


def walk(root: Node | None) -> Iterator[tuple[tuple[str, ...], Node]]:
    """(path of keys, node) of every node once, in document order; a node that aliases repeat is visited at its first place."""
    todo: list[tuple[tuple[str, ...], Node]] = [((), root)] if root is not None else []
    seen: set[int] = set()
    while todo:
        path, node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield path, node
        if node.kind == "sequence":
            todo.extend(((*path, str(n)), item) for n, item in reversed(list(enumerate(node.value))))
        elif node.kind == "mapping":
            todo.extend(((*path, k.value if k.kind == "scalar" else "?"), v) for k, v in reversed(node.value))


_INT = late(r"[-+]?(?:0|[1-9][0-9_]{0,40})\Z")
_HEX = late(r"[-+]?0x[0-9a-fA-F_]{1,40}\Z")
_FLOAT = late(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]{1,4})?|\.[0-9]+(?:[eE][-+]?[0-9]{1,4})?|[0-9]+[eE][-+]?[0-9]{1,4})\Z")
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
    ".inf": float("inf"),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}


def scalar(node: Node) -> Any:
    """The value of a scalar node as YAML 1.1 means it (dates stay text)."""
    text: str = node.value
    if not node.plain or node.tag == _STANDARD + "str" or (node.tag and not node.tag.startswith(_STANDARD)):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text.replace("_", ""))
    if _HEX.match(text):
        return int(text.replace("_", ""), 16)
    return float(text.replace("_", "")) if _FLOAT.match(text) else text


def _plain(root: Node | None, resolve: bool) -> Any:
    made: dict[int, Any] = {}

    def build(node: Node) -> Any:
        if id(node) in made:
            return made[id(node)]
        if node.kind == "scalar":
            return scalar(node) if resolve else node.value
        out: Any
        if node.kind == "sequence":
            out = made[id(node)] = []
            out.extend(build(item) for item in node.value)
            return out
        out = made[id(node)] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.kind == "scalar" and key.value == "<<":
                inner = build(value)
                for one in inner if isinstance(inner, list) else [inner]:
                    if isinstance(one, dict):
                        merged = {**one, **merged}
                continue
            out[key.value if key.kind == "scalar" else repr(build(key))] = build(value)
        if merged:
            own = dict(out)
            out.clear()
            out.update({**merged, **own})
        return out

    return None if root is None else build(root)
