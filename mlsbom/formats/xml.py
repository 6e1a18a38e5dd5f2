"""XML as events, without DTDs: entities and external subsets are noted and never followed. Source: expat with all outside access left
off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed

SIZE_LIMIT: Final = 256 << 20
DEPTH_LIMIT: Final = 1000


class Element(Struct, frozen=True):
    """A start tag: local name, attributes, path of the local names above it, line; `text` is filled in at its end, for leaves of up to 20
    kB."""

    name: str
    attributes: dict[str, str]
    path: tuple[str, ...]
    line: int
    text: str = ""


class Document(Struct):
    """`elements` in the order of their end tags; `entities`: names that the DTD declares; `external`: system identifiers; `broken`: why
    reading ended early."""

    root: str = ""
    namespace: str = ""
    elements: list[Element] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)
    external: list[str] = field(default_factory=list)
    instructions: list[tuple[str, str]] = field(default_factory=list)
    broken: str | None = None
    line: int | None = None


class _Enough(Exception):
    pass


def read(blob: Blob) -> Document:
    """The document of a blob: a reader for `Blob.parsed`. Raises TooLarge."""
    return parse(blob.data(SIZE_LIMIT))


def parse(data: bytes, *, limit: int = 500_000) -> Document:
    """Bytes to a document of at most `limit` elements; parsing ends at the first entity, so that nothing is ever expanded."""
    out = Document()
    parser = expat.ParserCreate(namespace_separator=None)
    stack: list[tuple[str, dict[str, str], int, list[str]]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        local = name.rsplit(":", 1)[-1]
        if not out.root:
            out.root, out.namespace = local, attributes.get("xmlns", "")
        if len(stack) >= DEPTH_LIMIT:
            raise Malformed(f"XML nested deeper than {DEPTH_LIMIT} levels", line=parser.CurrentLineNumber)
        stack.append((local, attributes, parser.CurrentLineNumber, []))

    def end(_: str) -> None:
        name, attributes, line, texts = stack.pop()
        out.elements.append(Element(name, attributes, tuple(s[0] for s in stack[-8:]), line, "".join(texts)[:20_000].strip()))
        if len(out.elements) > limit:
            raise Malformed(f"more than {limit} elements")

    def data_handler(text: str) -> None:
        if stack and len(stack[-1][3]) < 500:
            stack[-1][3].append(text)

    def entity(
        name: str, is_parameter: int, value: str | None, base: str | None, system: str | None, public: str | None, notation: str | None
    ) -> None:
        out.entities.append(name[:100])
        if system:
            out.external.append(system[:500])
        raise _Enough

    def doctype(name: str, system: str | None, public: str | None, internal: int) -> None:
        if system and not public:
            out.external.append(system[:500])

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = data_handler
    parser.EntityDeclHandler = entity
    parser.StartDoctypeDeclHandler = doctype
    parser.ProcessingInstructionHandler = lambda target, text: out.instructions.append((target[:100], text[:500]))
    try:
        parser.Parse(data, True)
    except _Enough:
        out.broken, out.line = "entities are declared: nothing behind them is read", parser.CurrentLineNumber
    except expat.ExpatError as e:
        out.broken, out.line = f"no valid XML: {expat.errors.messages.get(e.code, 'syntax')}", e.lineno
    except (Malformed, ValueError) as e:
        out.broken = str(e)
    return out


def named(document: Document, *names: str) -> Iterator[Element]:
    """The elements of these local names."""
    wanted = frozenset(names)
    return (e for e in document.elements if e.name in wanted)
