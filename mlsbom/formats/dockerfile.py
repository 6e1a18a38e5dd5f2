"""A Dockerfile as instructions: continuations, comments, here-documents, the JSON form, flags, stages, the escape directive, ARG and ENV.

Source of the grammar: Docker's reference of the Dockerfile (BuildKit). Nothing is built; unknown instructions are kept as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.patterns import late

SIZE_LIMIT: Final = 4 << 20
INSTRUCTIONS: Final = 20_000

_DIRECTIVE = late(r"#\s*([A-Za-z][\w-]*)\s*=\s*(\S.*?)\s*$")
_WORD = late(r"([A-Za-z]+)(?:\s+|$)")
_FLAG = late(r"\s*(--[a-z][\w-]*)(?:=(?:\"([^\"]*)\"|'([^']*)'|(\S*)))?(?:\s+|$)")
_HERE = late(r"(?<!<)<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")
_PAIR = late(r"""([A-Za-z_][\w.-]*)=((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])*)""", re.DOTALL)
_VARIABLE = late(r"(?<!\\)\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+?])([^{}]*))?\})")
_SHELL_FORMS: Final = frozenset({"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK", "SHELL"})


class Instruction(Struct, frozen=True):
    """One instruction. `name` in upper case; `text`: what follows the flags, with its line breaks (one a physical line, so that an offset
    tells the line); `words`: of the JSON form, else None; `heredocs`: (delimiter, first line, body); `stage`: index of the build stage."""

    name: str
    line: int
    text: str
    flags: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] | None = None
    heredocs: tuple[tuple[str, int, str], ...] = ()
    stage: int = -1

    def flag(self, name: str) -> str | None:
        """The value of a flag (`--from`)."""
        return next((v for k, v in self.flags if k == name), None)


class Document(Struct):
    """The instructions in order, and the names of the build stages."""

    instructions: list[Instruction] = field(default_factory=list)
    stages: dict[str, int] = field(default_factory=dict)
    escape: str = "\\"
    cut: bool = False


def read(blob: Blob) -> Document:
    """The document of a blob: a reader for `Blob.parsed`. Raises TooLarge."""
    return loads(blob.text(SIZE_LIMIT))


def loads(text: str) -> Document:
    """Text to a document. Never fails: what is no instruction is one with an odd name."""
    rows = text.split("\n")
    document = Document()
    at = _directives(rows, document)
    stage = -1
    while at < len(rows):
        row = rows[at].strip()
        if not row or row.startswith("#"):
            at += 1
            continue
        if len(document.instructions) >= INSTRUCTIONS:
            document.cut = True
            break
        start = at
        parts, at = _logical(rows, at, document.escape)
        body = "\n".join(parts)
        heredocs, at = _heredocs(rows, at, body)
        name, flags, rest = _head(body)
        if name == "FROM":
            stage += 1
            if m := re.search(r"\s+as\s+([\w.-]+)\s*$", rest, re.IGNORECASE):
                document.stages[m[1].lower()] = stage
        words = _json_form(rest) if name in _SHELL_FORMS or name in ("COPY", "ADD", "VOLUME") else None
        document.instructions.append(Instruction(name, start + 1, rest, flags, words, heredocs, stage))
    return document


def _directives(rows: list[str], document: Document) -> int:
    """The parser directives at the top; the index of the first row after them."""
    at = 0
    while at < len(rows) and (m := _DIRECTIVE.match(rows[at].strip())):
        if m[1].lower() == "escape" and m[2] in ("\\", "`"):
            document.escape = m[2]
        at += 1
    return at


def _logical(rows: list[str], at: int, escape: str) -> tuple[list[str], int]:
    """The physical rows of one instruction, without escapes at their ends; comments between continued rows are blanked."""
    parts: list[str] = []
    while at < len(rows):
        row = rows[at].rstrip("\r")
        at += 1
        body = row.strip()
        if parts and (body.startswith("#") or not body):
            parts.append("")
            continue
        stripped = row.rstrip()
        if stripped.endswith(escape):
            parts.append(stripped[:-1])
            continue
        parts.append(row)
        break
    return parts, at


def _heredocs(rows: list[str], at: int, body: str) -> tuple[tuple[tuple[str, int, str], ...], int]:
    if not re.match(r"\s*(?:RUN|COPY|ADD)\b", body, re.IGNORECASE):
        return (), at
    found = []
    for m in _HERE.finditer(body):
        begin, lines = at, []
        while at < len(rows) and rows[at].rstrip("\r").strip() != m[2]:
            lines.append(rows[at].rstrip("\r"))
            at += 1
        at += 1
        found.append((m[2], begin + 1, "\n".join(lines)))
    return tuple(found), at


def _head(body: str) -> tuple[str, tuple[tuple[str, str], ...], str]:
    """Name, flags and the rest; breaks that are skipped are kept in the rest, so that its lines count from the instruction's own."""
    stripped = body.lstrip()
    m = _WORD.match(stripped)
    if m is None:
        return stripped.split(None, 1)[0].upper() if stripped else "", (), ""
    breaks, rest = m[0].count("\n"), stripped[m.end() :]
    flags: list[tuple[str, str]] = []
    while m[1].upper() in ("FROM", "RUN", "COPY", "ADD", "HEALTHCHECK") and (f := _FLAG.match(rest)):
        flags.append((f[1], f[2] or f[3] or f[4] or ""))
        breaks += f[0].count("\n")
        rest = rest[f.end() :]
    return m[1].upper(), tuple(flags), "\n" * breaks + rest


def _json_form(text: str) -> tuple[str, ...] | None:
    body = text.strip()
    if not body.startswith("["):
        return None
    try:
        value = json.loads(body.replace("\n", " "))
    except (ValueError, RecursionError):
        return None
    return tuple(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else None


def pairs(instruction: Instruction) -> Iterator[tuple[str, str, int]]:
    """(name, value, line) of an ENV, ARG or LABEL; the old form `ENV name value` too. An ARG without a value gives ""."""
    text = instruction.text
    found = list(_PAIR.finditer(text))
    if not found or (instruction.name == "ENV" and not re.match(r"\s*[\w.-]+=", text)):
        parts = text.split(None, 1)
        if instruction.name == "ARG":
            for name in text.split():
                yield name.partition("=")[0], "", instruction.line
        elif len(parts) == 2:
            yield parts[0], parts[1].strip(), instruction.line + _breaks_before(text)
        return
    for m in found:
        value = re.sub(r"\\(.)", r"\1", re.sub(r"""^(["'])(.*)\1$""", r"\2", m[2], flags=re.DOTALL))
        yield m[1], value, instruction.line + text.count("\n", 0, m.start())


def _breaks_before(text: str) -> int:
    return text[: len(text) - len(text.lstrip())].count("\n")


def substitute(text: str, variables: dict[str, str]) -> str:
    """Variables put in as BuildKit does, with `:-` and `:+`; unknown ones stay as written."""

    def one(m: re.Match[str]) -> str:
        name, operator, word = m[1] or m[2], m[3], m[4] or ""
        value = variables.get(name)
        if operator and operator.endswith("-"):
            return value if value else word
        if operator and operator.endswith("+"):
            return word if value else ""
        return value if value else m[0]

    return _VARIABLE.sub(one, text) if "$" in text else text
