"""The conditions that a text states: each a clause of the vocabulary, with the licensor's own sentence, its line and a value.

Patterns read one sentence at a time (English, Chinese, Korean), so that a prohibition and its object are seen together and nothing
backtracks over a whole file. They set flags and quotes; they never choose an identifier (specs of licences, sections 1.2 and 3).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from msgspec import Struct

from mlsbom.licenses import clause_values as values
from mlsbom.licenses.clause_patterns import HARMLESS, PATTERNS
from mlsbom.licenses.text import LicenseText
from mlsbom.patterns import late

QUOTE = 400
"""Characters of a quoted sentence."""
SENTENCE = 3000
"""A longer sentence is read in pieces of this many characters."""

_END = late(r"(?<=[.;!?])\s+(?=[\"“'(\[]?[A-Z0-9(가-힣])|(?<=[。；！？])|\n+|(?<=다)\.\s")


class Clause(Struct, frozen=True, kw_only=True):
    """A condition found: `text` is the sentence as it stands, at most `QUOTE` characters; `value`: see `clause_values`."""

    clause: str
    line: int
    text: str
    value: str = ""


RESTRICTIVE: Final[frozenset[str]] = frozenset(
    [
        "noncommercial",
        "research-only",
        "field-of-use",
        "territory",
        "threshold",
        "output-training",
        "naming",
        "display",
        "pass-through",
        "remote-restriction",
        "separate-agreement",
        "competitor",
        "no-derivatives",
        "share-alike",
        "network",
        "no-grant",
    ]
)
"""Clauses with which no text is permissive."""

_STEMS: Final = tuple((clause, tuple(stems.split("|"))) for clause, stems, _ in PATTERNS)


@cache
def _compiled(clause: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(p, re.I) for name, _, patterns in PATTERNS if name == clause for p in patterns)


def find(text: LicenseText, lines: Iterable[int] | None = None) -> list[Clause]:
    """The clauses of a text, in order of place, one of a kind and value; with `lines`, only those that begin or lie on them."""
    only = None if lines is None else frozenset(lines)
    found: dict[tuple[str, str], Clause] = {}
    for start, sentence in sentences(text.flat):
        low = sentence.lower()
        limited = False
        for clause, stems in _STEMS:
            if limited and clause == "separate-agreement":
                continue  # the licence to request above a threshold is the threshold's effect
            for stem in stems:
                if stem in low:
                    break
            else:
                continue
            harmless = HARMLESS.get(clause)
            hit = next((m for p in _compiled(clause) if (m := p.search(sentence))), None)
            if hit is None or (harmless and harmless.search(sentence)):
                continue
            limited = limited or clause == "threshold"
            line = bisect_right(text.starts, start + hit.start())
            last = bisect_right(text.starts, start + hit.end())
            if only is not None and not only.intersection(range(line, last + 1)):
                continue
            value = values.value(clause, sentence, text.flat, start)
            found.setdefault((clause, value), Clause(clause=clause, line=line, text=quote(sentence, hit.start()), value=value))
    return sorted(found.values(), key=lambda c: (c.line, c.clause, c.value))


def sentences(flat: str) -> Iterator[tuple[int, str]]:
    """(offset, sentence) of a text whose blank lines are line ends."""
    at = 0
    for m in _END.finditer(flat):
        if m.end() - at > 3:
            yield from _pieces(at, flat[at : m.start()])
        at = m.end()
    if len(flat) - at > 3:
        yield from _pieces(at, flat[at:])


def _pieces(at: int, sentence: str) -> Iterator[tuple[int, str]]:
    for start in range(0, len(sentence), SENTENCE):
        piece = sentence[start : start + SENTENCE + 200]
        if piece.strip():
            yield at + start, piece


def quote(sentence: str, hit: int = 0) -> str:
    """The sentence, at most `QUOTE` characters of it, around the hit; what was cut is shown by an ellipsis."""
    whole = " ".join(sentence.split())
    if len(whole) <= QUOTE:
        return whole
    start = max(0, min(hit - 60, len(whole) - QUOTE))
    return ("…" if start else "") + whole[start : start + QUOTE - 2] + "…"


def implied(found: Iterable[Clause]) -> str:
    """The kind that the clauses of an unknown text imply. A definition that counts models trained on outputs as derivatives restricts
    nothing by itself."""
    return worst_kind(c.clause for c in found if (c.clause, c.value) != ("output-training", "derivative"))


def worst_kind(clauses: Iterable[str]) -> str:
    """The kind that a set of clauses implies for a text that is not known: never permissive."""
    have = set(clauses)
    for kind, marks in (
        ("research-only", {"research-only"}),
        ("noncommercial", {"noncommercial"}),
        ("proprietary", {"no-grant"}),
        ("custom-community", {"threshold", "naming", "display", "separate-agreement", "competitor", "output-training", "territory"}),
        ("use-restricted", {"field-of-use", "pass-through", "remote-restriction", "no-derivatives"}),
        ("network-copyleft", {"network"}),
        ("copyleft", {"share-alike"}),
    ):
        if have & marks:
            return kind
    return "unknown"
