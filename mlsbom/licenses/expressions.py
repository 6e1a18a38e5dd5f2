"""SPDX expressions, and the way from what people write (tags, names, classifiers, metadata fields) to one.

`parse` accepts SPDX identifiers in any case, `LicenseRef-`, `+`, `WITH`, `AND`, `OR` and brackets. `named` turns anything else into an
expression where it stands for one licence, says `ambiguous` where it names a family, and gives None where it names nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from mlsbom.licenses.facts import KINDS, Table, plain
from mlsbom.patterns import late

T = TypeVar("T")

_TOKEN = late(r"\s*(\(|\)|[A-Za-z0-9.+:-]+)")
_REF = late(r"(?:DocumentRef-[A-Za-z0-9.+-]+:)?LicenseRef-[A-Za-z0-9.+-]+\Z")
_GNU = late(r"(?i)(AGPL|LGPL|GPL|GFDL)-(\d\.\d)(\+)?\Z")
_WITH_OLD = {
    "autoconf": "Autoconf-exception-3.0",
    "bison": "Bison-exception-2.2",
    "classpath": "Classpath-exception-2.0",
    "font": "Font-exception-2.0",
    "gcc": "GCC-exception-2.0",
}
_CLASSIFIER = late(r"^License :: (?:OSI Approved :: )?(?:.* :: )?(.+)$")


class Node(Struct, frozen=True):
    """`op` is AND or OR with `parts`, or "" with an identifier (and an exception)."""

    op: str = ""
    id: str = ""
    exception: str = ""
    parts: tuple[Node, ...] = ()

    def __str__(self) -> str:
        if not self.op:
            return self.id + (f" WITH {self.exception}" if self.exception else "")
        return f" {self.op} ".join(f"({p})" if p.op and p.op != self.op else str(p) for p in self.parts)

    def leaves(self) -> list[str]:
        """All identifiers, in order, each once."""
        return list(dict.fromkeys([self.id] if not self.op else [i for p in self.parts for i in p.leaves()]))

    def fold(self, leaf: Callable[[str], T], both: Callable[[list[T]], T], either: Callable[[list[T]], T]) -> T:
        """A value over the expression: `leaf` of an identifier, `both` of an AND, `either` of an OR."""
        if not self.op:
            return leaf(self.id)
        return (both if self.op == "AND" else either)([p.fold(leaf, both, either) for p in self.parts])


class Named(Struct, frozen=True, kw_only=True):
    """What a written licence stands for. `expression` None: it names nothing. `ambiguous`: a family, with its `candidates`."""

    written: str
    expression: str | None
    ambiguous: bool = False
    candidates: tuple[str, ...] = ()
    why: str = ""

    @property
    def ids(self) -> list[str]:
        """The identifiers of the expression."""
        node = parse_ids(self.expression) if self.expression else None
        return node.leaves() if node else []


def parse(written: str, table: Table) -> Node | None:
    """An SPDX expression with identifiers in their own case, deprecated ones in their present form; None where it is none."""
    tokens = [m[1] for m in _TOKEN.finditer(written)]
    if not tokens or len(tokens) > 400 or "".join(tokens) != re.sub(r"\s+", "", written):
        return None
    try:
        node, rest = _either(tokens, table)
    except (ValueError, IndexError, RecursionError):
        return None
    return node if not rest else None


def parse_ids(expression: str) -> Node | None:
    """The tree of an expression that is already in its own form: any identifier is accepted."""
    return parse(expression, _ANY)


def named(written: str, table: Table) -> Named:
    """What a tag, name, classifier or metadata field stands for."""
    whole = " ".join(written.split())
    m = _CLASSIFIER.match(whole)
    text = m[1] if m else whole
    node = parse(text, table)
    if node is not None and (node.op or node.id.lower() not in table.families):
        note = (
            "deprecated identifier" if (known := table.ids.get(text.lower())) and (facts := table.get(known)) and facts.deprecated else ""
        )
        return Named(written=whole, expression=str(node), why=note)
    key = plain(text)
    if key in table.tags and not table.tags[key][1]:
        return Named(written=whole, expression=table.tags[key][0])
    if text.lower() in table.tags and not table.tags[text.lower()][1]:
        return Named(written=whole, expression=table.tags[text.lower()][0])
    if not key or key in table.nothing or text.lower() in table.nothing:
        return Named(written=whole, expression=None, ambiguous=True, why="names no licence")
    if key in table.families:
        first, *rest = table.families[key]
        return Named(
            written=whole,
            expression=first,
            ambiguous=first != "LicenseRef-proprietary",
            candidates=tuple(rest),
            why="names a family of licences" if rest else "",
        )
    if key in table.names:
        return Named(written=whole, expression=table.names[key])
    return _composed(whole, text, table)


def _composed(whole: str, text: str, table: Table) -> Named:
    """`A or B`, `A and B`, `A / B` of names; else nothing that is known."""
    for op, pattern in (("OR", r"(?i)\s+or\s+|\s*\|\s*|\s*/\s*"), ("AND", r"(?i)\s+and\s+|\s*;\s*|\s*&\s*|\s*,\s*")):
        bare = re.sub(r"(?i)^(?:dual|tri|multi)[- ]?licen[sc]ed?\W*(?:under)?\s*", "", text)
        parts = [p for p in re.split(pattern, bare) if p.strip()]
        if 2 <= len(parts) <= 6:
            found = [named(p, table) for p in parts]
            if all(f.expression for f in found):
                expression = f" {op} ".join(f"({f.expression})" if " " in (f.expression or "") else str(f.expression) for f in found)
                return Named(
                    written=whole,
                    expression=expression,
                    ambiguous=any(f.ambiguous for f in found),
                    candidates=tuple(c for f in found for c in f.candidates),
                    why="; ".join(f"{f.written}: {f.why}" for f in found if f.why),
                )
    return Named(written=whole, expression=None, why="not a name that is known")


def tag(written: str, table: Table) -> Named:
    """A Hugging Face licence tag, in any case of letters; what is no tag is looked up as a name, and said to be none."""
    key = written.strip().lower()
    if key in table.tags:
        expression, family = table.tags[key]
        if family:
            candidates = tuple(table.families.get(key, ())[1:])
            return Named(
                written=written,
                expression=expression,
                ambiguous=True,
                candidates=candidates,
                why="names a family of licences"
                if candidates
                else "names no licence: `license_name` and a text are needed"
                if key == "other"
                else "names no licence",
            )
        return Named(written=written, expression=expression)
    found = named(written.replace("_", "-"), table)
    return Named(
        written=written,
        expression=found.expression,
        ambiguous=found.ambiguous,
        candidates=found.candidates,
        why="; ".join(w for w in ("no Hugging Face licence tag", found.why) if w),
    )


def worst(kinds: list[str]) -> str:
    """Of several kinds that all bind."""
    return max(kinds, key=KINDS.index, default="unknown")


def best(kinds: list[str]) -> str:
    """Of several kinds to choose from."""
    return min(kinds, key=KINDS.index, default="unknown")


class _Any(Table):
    """Accepts every identifier as it is."""

    def __init__(self) -> None:
        self.ids = {}
        self.exceptions = {}


_ANY = _Any()


def _either(tokens: list[str], table: Table) -> tuple[Node, list[str]]:
    return _joined(tokens, table, "OR", lambda t, tab: _joined(t, tab, "AND", _simple))


def _joined(tokens: list[str], table: Table, op: str, part: Callable[[list[str], Table], tuple[Node, list[str]]]) -> tuple[Node, list[str]]:
    node, rest = part(tokens, table)
    parts = [node]
    while rest and rest[0].upper() == op:
        node, rest = part(rest[1:], table)
        parts.append(node)
    if len(parts) == 1:
        return parts[0], rest
    flat = tuple(dict.fromkeys(p for x in parts for p in (x.parts if x.op == op else (x,))))
    return (flat[0] if len(flat) == 1 else Node(op=op, parts=flat)), rest


def _simple(tokens: list[str], table: Table) -> tuple[Node, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "(":
        node, rest = _either(rest, table)
        if rest[0] != ")":
            raise ValueError("bracket")
        return node, rest[1:]
    identifier, exception = identifier_of(first, table)
    if rest and rest[0].upper() == "WITH":
        given = rest[1]
        if table is not _ANY and given.lower() not in table.exceptions:
            raise ValueError(given)
        exception, rest = table.exceptions.get(given.lower(), given), rest[2:]
    return Node(id=identifier, exception=exception), rest


def identifier_of(written: str, table: Table) -> tuple[str, str]:
    """(identifier, exception) of one word of an expression. Raises ValueError where it is no identifier."""
    if table is _ANY:
        if written in (")", "AND", "OR", "WITH"):
            raise ValueError(written)
        return written, ""
    if m := _GNU.match(written):
        family, number = m[1].upper(), m[2]
        return f"{family}-{number}-{'or-later' if m[3] else 'only'}", ""
    if m := re.match(r"(?i)GPL-(\d\.\d)-with-(\w+)-exception\Z", written):
        exception = {
            "GCC-exception-2.0": f"GCC-exception-{'3.1' if m[1] == '3.0' else '2.0'}",
            "Autoconf-exception-3.0": f"Autoconf-exception-{m[1]}",
        }.get(e := _WITH_OLD.get(m[2].lower(), ""), e)
        return f"GPL-{m[1]}-only", exception
    known = table.ids.get(written.lower()) or table.ids.get(written.lower().removesuffix("+"))
    if known:
        return known + ("+" if written.endswith("+") and not known.endswith("+") and not known.endswith("++") else ""), ""
    if _REF.match(written):
        return written, ""
    raise ValueError(written)
