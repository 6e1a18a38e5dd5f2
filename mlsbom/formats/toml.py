"""TOML as data, with the lines of its keys. Source of the line rules: the TOML 1.0 grammar; values are read by `tomllib`."""

from __future__ import annotations

import tomllib
from typing import Any, Final

from msgspec import Struct

from mlsbom.blob import Blob, decode
from mlsbom.errors import Malformed
from mlsbom.patterns import late

SIZE_LIMIT: Final = 16 << 20

_LINE = late(r"line (\d+)")
_HEADER = late(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = late(r"""^\s*((?:"[^"\n]*"|'[^'\n]*'|[\w-]+)(?:\s*\.\s*(?:"[^"\n]*"|'[^'\n]*'|[\w-]+))*)\s*=""")
_PART = late(r"""\s*(?:"([^"\n]*)"|'([^'\n]*)'|([\w-]+))\s*\.?""")


class Document(Struct, frozen=True):
    """A parsed document. `lines`: dotted path of a key (array-of-table indexes as numbers) -> line, for keys at the start of a line."""

    value: dict[str, Any]
    text: str
    lines: dict[tuple[str, ...], int]

    def line(self, *path: str | int) -> int | None:
        """The line of a key; for an element of an array, the first line at or after its key that holds the element's text, if any."""
        parts = tuple(map(str, path))
        while parts and parts not in self.lines:
            parts = parts[:-1]
        return self.lines.get(parts)

    def line_of_text(self, text: str, *path: str | int) -> int | None:
        """The first line from the key's own on that holds a piece of text; the key's line where none does."""
        start = self.line(*path)
        rows = self.text.splitlines()
        return next((n for n in range(start or 1, len(rows) + 1) if text in rows[n - 1]), start)


def read(blob: Blob) -> Document:
    """The document of a blob: a reader for `Blob.parsed`. Raises TooLarge, or Malformed with the line."""
    return loads(decode(blob.data(SIZE_LIMIT))[0])


def loads(text: str) -> Document:
    """Text to a document. Raises Malformed with the line."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        where = _LINE.search(str(e))
        raise Malformed(f"no valid TOML: {e}", line=int(where[1]) if where else None) from e
    except (RecursionError, ValueError) as e:
        raise Malformed(f"no valid TOML: {e}") from e
    return Document(value, text, _lines(text))


def _lines(text: str) -> dict[tuple[str, ...], int]:
    out: dict[tuple[str, ...], int] = {}
    counts: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    inside = ""  # the closing quotes of a multi-line string
    for number, line in enumerate(text.splitlines(), 1):
        if inside:
            inside = "" if inside in line else inside
            continue
        if header := _HEADER.match(line):
            table = _path(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, str(counts[table]))
            else:
                table = next(
                    ((*p, str(n), *table[len(p) :]) for p, n in counts.items() if len(table) > len(p) and table[: len(p)] == p), table
                )
            out.setdefault(table, number)
        elif key := _KEY.match(line):
            out.setdefault((*table, *_path(key[1])), number)
        for quotes in ('"""', "'''"):
            if line.count(quotes) % 2:
                inside = quotes
    return out


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(next((g for g in part.groups() if g is not None), "") for part in _PART.finditer(dotted))
