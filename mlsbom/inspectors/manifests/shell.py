"""Shell text to simple commands: words with the line on which each starts. Nothing is expanded but variables that the caller knows.

A reader for what build files hold, not a shell: quotes, escapes, continuations, comments, separators, redirections, here-documents and
`sh -c '...'` are understood; a `>` inside a word stays (`pip install torch>=2` says what its author meant, not what the shell does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from mlsbom.patterns import late

WORDS: Final = 200_000
"""Words that are read of one text; what is beyond it is the caller's Shortfall (`Script.cut`)."""


class Word(Struct, frozen=True):
    """One word of a command: quotes and escapes resolved, known variables put in."""

    text: str
    line: int


Command = list[Word]

_TOKEN = late(
    r"""(?P<join>\\\r?\n)|(?P<line>\r?\n)|(?P<space>[ \t\r\f\v]+)|(?P<sep>&&|\|\||;;|[;|()`]|&(?!>))"""
    r"""|(?P<here><<-?\s*['"]?(?P<mark>\w+)['"]?)"""
    r"""|(?P<redirect>(?:\d*|&)(?:>>|>\||>&|<<<|<&|[<>])(?:\s*&?[\w./$-]+)?)"""
)
_PART = late(
    r"""(?P<join>\\\r?\n)|'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escape>.)|(?P<command>\$\()"""
    r"""|(?P<plain>[^ \t\r\n\f\v'"\\;|&()`$]+|\$|&(?=>))|(?P<odd>['"\\])""",
    re.DOTALL,
)
_PLAIN_ROW = late(r"""([^'"\\;|&()`$<>#\n]+)(?=\n|\Z)""")
_SPACED = late(r"[^ \t\r\f\v]+")
_VARIABLE = late(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^{}]*))?\})")
_ESCAPES = late(r"\\([\\\"$`\n])")
_KEYWORDS: Final = frozenset(
    {
        "if",
        "then",
        "else",
        "elif",
        "do",
        "while",
        "until",
        "!",
        "{",
        "time",
        "exec",
        "sudo",
        "nohup",
        "command",
        "builtin",
        "eval",
        "stdbuf",
    }
)


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Known variables and defaults (`$A`, `${A}`, `${A:-x}`, `${A:+x}`) put in; unknown ones stay as written."""

    def one(m: re.Match[str]) -> str:
        name = m[1] or m[2]
        value = variables.get(name)
        if m[3] and m[3].endswith("-"):
            return value if value else m[4]
        if m[3]:
            return m[4] if value else ""
        return value if value is not None else m[0]

    return _VARIABLE.sub(one, text) if "$" in text else text


def commands(text: str, line: int = 1, variables: Mapping[str, str] | None = None) -> Iterator[Command]:
    """The simple commands of a text that starts at `line`, in order. Assignments before a command are its first words."""
    known = dict(variables or {})
    current: Command = []
    at, end, count = 0, len(text), 0
    pending: list[str] = []
    while at < end and count < WORDS:
        if not current and not pending and (plain := _PLAIN_ROW.match(text, at)):  # nothing but words: most rows of most files
            current = [Word(w, line) for w in _SPACED.findall(plain[1])[: WORDS - count]]
            count += len(current)
            at = plain.end(1)
            continue
        m = _TOKEN.match(text, at)
        if m is None or (m["sep"] is None and m.end() == at):
            if text[at] == "#":
                stop = text.find("\n", at)
                at = end if stop < 0 else stop
                continue
            word, at, line = _word(text, at, line, known)
            if word is None:
                if current:
                    yield from _done(current, known)
                current = []
                continue
            count += 1
            current.append(word)
            continue
        at = m.end()
        if m["mark"]:
            pending.append(m["mark"])
        if m["line"] or m["sep"]:
            if current:
                yield from _done(current, known)
                current = []
            line += bool(m["line"])
            for mark in pending if m["line"] else ():
                at, line = _skip_here(text, at, line, mark)
            pending = [] if m["line"] else pending
        line += bool(m["join"])
    if current:
        yield from _done(current, known)


def _done(words: Command, known: dict[str, str]) -> Iterator[Command]:
    """A command without keywords and `sudo`; assignments alone become variables; `sh -c` gives the commands inside."""
    at = 0
    while at < len(words) and (words[at].text in _KEYWORDS or (at and words[at - 1].text == "sudo" and words[at].text.startswith("-"))):
        at += 1
    words = words[at:]
    if not words:
        return
    if all(re.match(r"[A-Za-z_]\w*=", w.text) for w in words) or words[0].text in ("export", "readonly", "declare", "local"):
        for word in words:
            name, eq, value = word.text.partition("=")
            if eq:
                known[name] = value
        yield words
        return
    first = next((n for n, w in enumerate(words) if not re.match(r"[A-Za-z_]\w*=", w.text) and w.text != "env"), 0)
    program = words[first].text.rsplit("/", 1)[-1]
    if program in ("sh", "bash", "zsh", "dash", "ash"):
        script = next((n for n in range(first + 1, len(words)) if re.fullmatch(r"-[a-z]*c", words[n].text)), None)
        if script is not None and script + 1 < len(words):
            yield from commands(words[script + 1].text, words[script + 1].line, known)
            return
    yield words


def _word(text: str, at: int, line: int, known: Mapping[str, str]) -> tuple[Word | None, int, int]:
    """One word from an offset on; None where a command substitution starts, whose inside is read as commands of its own."""
    parts: list[str] = []
    start = line
    while at < len(text):
        m = _PART.match(text, at)
        if m is None:
            break
        if m["command"]:
            return (Word(substitute("".join(parts), known), start) if parts else None), m.end() if not parts else at, line
        at = m.end()
        line += m[0].count("\n")
        if m["single"] is not None:
            parts.append(m["single"])
        elif m["double"] is not None:
            parts.append(substitute(_ESCAPES.sub(r"\1", m["double"]), known))
        elif m["escape"] is not None:
            parts.append(m["escape"])
        elif m["plain"]:
            if m["plain"] == "$" and (variable := _VARIABLE.match(text, m.start())):
                at = variable.end()
                parts.append(substitute(variable[0], known))
            else:
                parts.append(m["plain"])
        elif m["odd"]:
            parts.append(m["odd"])
    return Word("".join(parts), start), max(at, 1), line


def _skip_here(text: str, at: int, line: int, mark: str) -> tuple[int, int]:
    """Offset and line after a here-document; its body is data."""
    while at < len(text):
        stop = text.find("\n", at)
        row = text[at : stop if stop >= 0 else len(text)].strip()
        at = stop + 1 if stop >= 0 else len(text)
        line += stop >= 0
        if row == mark:
            break
    return at, line
