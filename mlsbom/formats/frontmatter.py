"""Markdown with YAML in front: the front matter with lines, and the body as headings and paragraphs.

A front matter that is no valid YAML is read key by key: what can be read is given, and `problem` says what could not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, ReadError
from mlsbom.formats import located, yaml
from mlsbom.formats.located import Located
from mlsbom.formats.yaml import Node
from mlsbom.patterns import late

SIZE_LIMIT: Final = 8 << 20

_FRONT = late(r"\A\s*---[ \t]*\r?\n(.*?)(?:^---[ \t]*(?:\r?\n|\Z)|\Z)", re.S | re.M)
_KEY = late(r"[A-Za-z_][\w.-]*[ \t]*:(?:\s|\Z)")
_ATX = late(r"\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*\Z")
_FENCE = late(r"\s{0,3}(```+|~~~+)")
_HTML_HEADING = late(r"\s*<h([1-6])[^>]*>(.*?)</h\1>", re.I)
_TAG = late(r"<[^>]{1,400}>")
_IMAGE = late(r"\[?!\[[^\]]*\]\([^)]*\)(?:\]\([^)]*\))?")
_LINKED = late(r"\[([^\]]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)")
_MARKS = late(r"(\*\*|__|`+|~~)|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)")


class Section(Struct, frozen=True):
    """A heading with the lines (number, text) below it, down to the next heading of any level. The text before all headings has the
    title "" and level 0."""

    title: str
    level: int
    line: int
    rows: tuple[tuple[int, str], ...] = ()


class Card(Struct):
    """A document. `front` is None where there is none; `problem` is what is wrong with it; `sections` are those of the body."""

    front: Located | None
    duplicates: tuple[tuple[str, int], ...] = ()
    problem: ReadError | None = None
    sections: list[Section] = field(default_factory=list)


def read(blob: Blob) -> Card:
    """The card of a blob: a reader for `Blob.parsed`. Raises TooLarge."""
    return loads(blob.text(SIZE_LIMIT))


def loads(text: str) -> Card:
    """The card of a text."""
    match = _FRONT.match(text)
    closed = bool(match) and re.search(r"^---[ \t]*\r?\Z", match[0].rstrip("\n"), re.M) is not None if match else False
    keyed = match is not None and any(_KEY.match(row) for row in match[1].splitlines()[:400])
    if match is None or (not keyed and not (closed and not match[1].strip())) or (not closed and not _KEY.match(match[1].lstrip())):
        return Card(None, sections=list(_sections(text, 1)))
    first = text.count("\n", 0, match.start(1)) + 1
    card = _front(match[1], first)
    if not closed and card.problem is None:
        card.problem = Malformed("the front matter is not closed", line=1)
    card.sections = list(_sections(text[match.end() :], text.count("\n", 0, match.end()) + 1))
    return card


def _front(text: str, first: int) -> Card:
    try:
        documents = yaml.nodes("\n" * (first - 1) + text)
        document = located.of_yaml(documents[0]) if documents else None
    except ReadError as problem:
        return Card(_pieces(text, first), problem=problem)
    if document is None:
        return Card(None)
    if document.root.kind != "mapping":
        return Card(None, problem=Malformed("the front matter is no mapping", line=first) if document.root.raw else None)
    return Card(document.root, document.duplicates)


def _pieces(text: str, first: int) -> Located:
    """What can be read of a front matter that as a whole is no YAML: each top-level key with its lines by itself."""
    pairs: list[tuple[Node, Node]] = []
    chunk: list[str] = []
    start = first

    def close() -> None:
        if chunk and len(pairs) < 200:
            try:
                part = located.of_yaml(next(iter(yaml.nodes("\n" * (start - 1) + "\n".join(chunk))))).root
            except (ReadError, StopIteration):
                return
            if part.kind == "mapping":
                pairs.extend(part.node.value)

    for number, row in enumerate(text.splitlines(), first):
        if _KEY.match(row):
            close()
            chunk, start = [], number
        chunk.append(row)
    close()
    return Located(Node("mapping", pairs, first))


def _sections(text: str, first: int) -> Iterator[Section]:
    """The sections of Markdown: ATX, setext and HTML headings; fenced code is text, HTML comments are not."""
    text = re.sub(r"<!--.*?(?:-->|\Z)", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    title, level, line = "", 0, first
    rows: list[tuple[int, str]] = []
    fence = ""
    lines = text.splitlines()
    for number, row in enumerate(lines, first):
        if mark := _FENCE.match(row):
            if not fence:
                fence = mark[1][:3]
            elif mark[1].startswith(fence):
                fence = ""
        found = None
        if not fence:
            if atx := _ATX.match(row):
                found = (atx[2], len(atx[1]), number)
            elif html := _HTML_HEADING.match(row):
                found = (html[2], int(html[1]), number)
            elif (
                re.fullmatch(r"\s{0,3}(?:=+|-{3,})\s*", row)
                and rows
                and rows[-1][0] == number - 1
                and rows[-1][1].strip()
                and not rows[-1][1].lstrip().startswith(("|", "-", "*", ">"))
            ):
                found = (rows.pop()[1], 1 if "=" in row else 2, number - 1)
        if found is not None:
            yield Section(title, level, line, tuple(rows))
            (title, level, line), rows = (plain(found[0]), found[1], found[2]), []
        else:
            rows.append((number, row))
    yield Section(title, level, line, tuple(rows))


def plain(text: str) -> str:
    """Markdown of one line or paragraph as plain text: no images, tags, emphasis; links as their words."""
    text = _LINKED.sub(r"\1", _TAG.sub(" ", _IMAGE.sub(" ", text)))
    return " ".join(_MARKS.sub("", text).split())


def paragraphs(section: Section) -> Iterator[tuple[int, str]]:
    """(line, plain text) of the paragraphs of prose: no lists, tables, code, quotes, badges."""
    block: list[str] = []
    start = 0
    fence = False
    for number, row in (*section.rows, (0, "")):
        if _FENCE.match(row):
            fence = not fence
            row = ""
        if fence or not row.strip() or re.match(r"\s*(?:[-*+]\s|\d+[.)]\s|\||>|<(?!a\b|b\b|i\b|em\b|strong\b)|!\[|\[!\[|\[\[)|\s{4,}", row):
            if block and (text := plain(" ".join(block))):
                yield start, text
            block = []
        else:
            start = start if block else number
            block.append(row.strip())
