"""The terms of a licence as a set of clauses, and whether one set covers another.

Licences are not totally ordered; rules compare clause sets (specs of licences, sections 1.3 and 4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field
from msgspec.structs import replace

from mlsbom.licenses import facts
from mlsbom.licenses.clauses import RESTRICTIVE, Clause
from mlsbom.licenses.expressions import best, parse_ids, worst

if TYPE_CHECKING:
    from mlsbom.licenses.facts import Table

CARRIED: Final[frozenset[str]] = RESTRICTIVE - {"no-grant"}
"""Duties that go with the weights to what derives from them. A notice is a duty too, but its loss has a rule of its own;
where nothing is granted, nothing is handed on."""

_DECIDED: Final[frozenset[str]] = frozenset({"noncommercial", "research-only", "no-grant", "share-alike", "no-derivatives", "network"})
"""Clauses of which a licence that is known is known to have them or not: what a pattern finds in its text adds nothing."""


class Term(Struct, frozen=True, kw_only=True):
    """One clause that binds: its value, the sentence (or "") and where it stands."""

    clause: str
    value: str = ""
    quote: str = ""
    path: str = ""
    line: int | None = None
    sure: bool = True


class Terms(Struct, frozen=True, kw_only=True):
    """What a licence asks. `ids` are those of `expression`; `how`: text, tag, assumed, unknown."""

    expression: str | None
    kind: str = "unknown"
    terms: Mapping[str, Term] = field(default_factory=dict)
    path: str = ""
    line: int | None = None
    how: str = "tag"
    confidence: str = ""
    law: str = ""

    @property
    def ids(self) -> list[str]:
        """The identifiers of the expression."""
        node = parse_ids(self.expression) if self.expression else None
        return node.leaves() if node else []

    @property
    def free(self) -> bool:
        """Whether it is permissive or public domain."""
        return self.kind in facts.FREE

    def has(self, *names: str) -> Term | None:
        """The first of these clauses that binds."""
        return next((self.terms[n] for n in names if n in self.terms), None)


def of_expression(
    expression: str, table: Table, path: str = "", line: int | None = None, how: str = "tag", read: Iterable[Clause] = ()
) -> Terms:
    """The terms of an expression by the facts of its identifiers, and of what was `read` in the text itself.

    Of an OR only what all choices ask for binds; a text's own sentence replaces the value that the facts have for another variant.
    """
    node = parse_ids(expression)
    if node is None:
        return Terms(expression=None, path=path, line=line, how="unknown")
    found = tuple(read)
    unknown_ids = [i for i in node.leaves() if table.get(i) is None]

    def leaf(identifier: str) -> dict[str, Term]:
        known = table.get(identifier)
        if known is None:
            return {}
        return {c: Term(clause=c, value=v, path=path, line=line, sure=known.sure) for c, v in known.clauses.items()}

    terms = node.fold(
        leaf,
        lambda sets: {k: v for s in sets for k, v in s.items()},
        lambda sets: {k: v for k, v in sets[0].items() if all(k in s for s in sets)},
    )
    for c in found:
        if unknown_ids or c.clause not in _DECIDED:
            old = terms.get(c.clause)
            terms[c.clause] = _joined(old, Term(clause=c.clause, value=c.value, quote=c.text, path=path, line=c.line))
    if found and "territory" in terms and not any(c.clause == "territory" for c in found):
        del terms["territory"]  # this very text was read, and excludes no place
    kind = node.fold(table.kind, worst, best)
    if unknown_ids and found:
        from mlsbom.licenses.clauses import implied

        kind = worst([kind, implied(found)]) if len(node.leaves()) > len(unknown_ids) else implied(found)
    known = [k for i in node.leaves() if (k := table.get(i))]
    return Terms(
        expression=expression,
        kind=kind,
        terms=terms,
        path=path,
        line=line,
        how=how,
        confidence="; ".join(dict.fromkeys(k.confidence for k in known if not k.sure)),
        law="; ".join(dict.fromkeys(k.law for k in known if k.law)),
    )


def _joined(old: Term | None, new: Term) -> Term:
    """Two sentences of one clause: all values, the first quote; the facts' value gives way to the text's."""
    if old is not None and new.clause == "field-of-use" and not old.quote:
        old = Term(clause=old.clause, value=old.value, quote=new.quote, path=new.path, line=new.line)  # a list in a text adds to the facts
    if old is None or not old.quote:
        return new if new.value or old is None else Term(clause=new.clause, value=old.value, quote=new.quote, path=new.path, line=new.line)
    values = ",".join(dict.fromkeys(v for part in (old.value, new.value) for v in part.split(",") if v))
    return Term(clause=old.clause, value=values, quote=old.quote, path=old.path, line=old.line)


def with_read(terms: Terms, found: Iterable[Clause], path: str) -> Terms:
    """Terms with the clauses of a policy that is part of them."""
    merged = dict(terms.terms)
    for c in found:
        if c.clause == "field-of-use":
            merged[c.clause] = _joined(merged.get(c.clause), Term(clause=c.clause, value=c.value, quote=c.text, path=path, line=c.line))
    return replace(terms, terms=merged)


def lost(upstream: Terms, here: Terms) -> list[str]:
    """The carried duties of an upstream that are not among those declared here; [] where they are covered.

    The same licence, or another version of its family, covers; so does a duty that is stricter (research-only over noncommercial).
    """
    if not upstream.ids or upstream.expression == here.expression or {family(i) for i in upstream.ids} <= {family(i) for i in here.ids}:
        return []
    have = set(here.terms)
    if "research-only" in have:
        have.add("noncommercial")
    out = []
    for clause in upstream.terms:
        if clause not in CARRIED or (clause in have and clause != "share-alike"):
            continue
        if clause == "share-alike" and (upstream.terms[clause].value == "weak" or _takes(upstream.ids, here.ids)):
            continue
        if clause == "output-training" and upstream.terms[clause].value == "naming" and "naming" in have:
            continue
        out.append(clause)
    return sorted(out)


def _takes(inner: list[str], outer: list[str]) -> bool:
    """Whether share-alike of `inner` is met by being licensed under `outer`."""
    later = {
        "GPL-2.0-or-later": ("GPL-2.0", "GPL-3.0", "AGPL-3.0"),
        "GPL-3.0-only": ("GPL-3.0", "AGPL-3.0"),
        "GPL-3.0-or-later": ("GPL-3.0", "AGPL-3.0"),
        "GPL-2.0-only": ("GPL-2.0",),
    }
    return all(any(o == i or family(o) == family(i) or o.startswith(later.get(i, ("\0",))) for o in outer) for i in inner)


def family(identifier: str) -> str:
    """An identifier without versions: `LicenseRef-llama3.1-community` and `LicenseRef-llama4-community` are one family."""
    bare = re.sub(r"-(?:only|or-later)$", "", identifier).lower()
    return re.sub(r"-{2,}", "-", re.sub(r"(?<![a-z])v?\d+(?:\.\d+)*|(?<=[a-z])\d+(?:\.\d+)*(?=-)", "", bare)).strip("-")


def version_differs(a: list[str], b: list[str]) -> tuple[str, str] | None:
    """A pair of identifiers of one family but not one version, if any."""
    return next(
        (
            (x, y)
            for x in a
            for y in b
            if x != y and family(x) == family(y) and re.sub(r"-(?:only|or-later)$", "", x) != re.sub(r"-(?:only|or-later)$", "", y)
        ),
        None,
    )
