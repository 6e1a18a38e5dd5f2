"""A licence file -> an SPDX expression, the kind and clauses of each part, and why.

In order (specs of licences, section 1.2): known texts word by word; what is left over, read for conditions; titles with versions; notices;
and for what stays unknown a stable name of its own, with the kind that its clauses imply. Similarity alone decides nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from mlsbom.licenses import clauses, facts, notices, references, titles
from mlsbom.licenses.clauses import Clause
from mlsbom.licenses.expressions import best, parse_ids, worst
from mlsbom.licenses.text import Gap, LicenseText, prepare
from mlsbom.patterns import late

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs

REST: Final = 25
"""Words beyond the known texts that need no explanation (specs of licences, section 1.2, step 5)."""
SAME: Final = 0.985
"""Share of an AI licence's words that must be there, and of the text's words that must be its own: at 0.97 two versions look alike."""
BODY: Final = 0.85
"""Share of the words of the known text that must stand under a permissive title (specs of licences, section 1.2, step 4)."""
TEMPLATE: Final = 0.9
"""Share of an ordinary licence's words that must be there: the rest are slots (names of holders) and line ends."""
MOST: Final = 8
"""Licences in one file; a longer list of third-party notices is said to be cut."""


_TELLING: Final = frozenset(["only", "solely", "exclusively", "prohibited", "military", "nuclear", "evil", "noncommercial", "commercial"])
_INSERTED: Final = frozenset(
    ["not", "must", "sell", "commercialise", "commercialize", "unmodified", "notified", "limited", "may", "except", "research", "academic"]
)
_SLOTS: Final = frozenset(["name", "names", "nor", "included", "follows", "portions", "trademarks", "documentation"])
_STRONG: Final = late(
    r"(?i)\b(?:may|can|will|should) (?:not|only)\b|\b(?:must|shall)\b|\bcannot\b|\bonly (?:if|"
    r"for|in|to|with|on|as|by|when|where)\b|\bprohibit|\bforbid|\bnot (?:be )?(?:permitted|granted"
    r"|allowed|licensed)\b"
    r"|\bexcept for the following\b|\byou (?:must|agree|may not)\b|\bprovided that\b|\bsubject to (?:the )?(?:following |additional )+"
    r"(?:terms|conditions|restrictions|limitations)"
    r"|\bunless you\b|\bright to (?:use|access)\b"
)
_HARMLESS: Final = late(
    r"(?i)endors|promot|advertis|warrant|liab|trademark|contribut|licensed under|distributed under"
    r"|available under|see the|refer to|file|directory|test suite"
)


class Found(Struct, frozen=True, kw_only=True):
    """One licence of a file. `score`: 1.0 the same words, 0.95 title and version, 0.9 notice, 0 unknown."""

    id: str
    name: str
    kind: str
    score: float
    clauses: tuple[Clause, ...] = ()
    confidence: str = ""


class Identified(Struct, frozen=True, kw_only=True):
    """What a file says. `expression` is None where it says nothing that is a licence; `why` is then the reason."""

    expression: str | None
    licenses: tuple[Found, ...] = ()
    why: str = ""
    title: str = ""
    partial: str = ""
    digest: str = ""

    @property
    def kind(self) -> str:
        """The kind of the whole: the worst of an AND, the best of an OR."""
        node = parse_ids(self.expression) if self.expression else None
        kinds = {f.id: f.kind for f in self.licenses}
        return node.fold(lambda i: kinds.get(i, "unknown"), worst, best) if node else "unknown"

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """All clauses of all its licences."""
        return tuple(dict.fromkeys(c for f in self.licenses for c in f.clauses))

    def row(self) -> dict[str, Any]:
        """The object that `licenses identify` prints, without the file."""
        return {
            "expression": self.expression,
            "why": self.why,
            "licenses": [
                {
                    "id": f.id,
                    "name": f.name,
                    "kind": f.kind,
                    "score": f.score,
                    "confidence": f.confidence,
                    "clauses": [{"clause": c.clause, "line": c.line, "text": c.text, "value": c.value} for c in f.clauses],
                }
                for f in self.licenses
            ],
        }


class _Reading(Struct):
    """One file while it is read."""

    text: LicenseText
    packs: Packs
    table: facts.Table
    why: list[str] = field(default_factory=list)


def identify(data: bytes, packs: Packs) -> Identified:
    """What these bytes say. Never raises for their sake."""
    text = prepare(data)
    if isinstance(text, Gap):
        return Identified(expression=None, why=text.reason)
    return identify_text(text, packs)


def identify_text(text: LicenseText, packs: Packs) -> Identified:
    """What a prepared text says."""
    reading = _Reading(text=text, packs=packs, table=facts.load(packs), why=[*text.notes, *([text.partial] if text.partial else [])])
    known = reading.table.known_texts.get(text.digest)
    if known:
        return _assemble(reading, known, {}, "known text", 1.0)
    matches, taken = _consume(reading)
    title = titles.find(text, packs)
    if title is not None and all(m.reference.id != title.id for m in matches if m.reference.custom or len(matches) == 1):
        return _titled(reading, title)
    if matches:
        return _matched(reading, matches, taken, bool(title and title.permissive))
    return _other(reading)


def _consume(reading: _Reading) -> tuple[list[references.Match], bytes]:
    """Known texts, the one that explains most first, until nothing more is found; and a mask of the words that they explain."""
    known = references.load(reading.packs)
    words = len(reading.text.words)
    hashes = references.windows(reading.text.words)
    taken = bytearray(words)
    out: list[references.Match] = []
    for _ in range(MOST):
        text = references.live(hashes, words, taken if out else None)
        matches = []
        for reference in known.nearest(text):
            match = known.compare(reference, text)
            if _accepted(match, taken, any(m.reference.id == reference.id for m in out)):
                matches.append(match)
                if not match.missing and match.covered >= 0.97 * taken.count(0):
                    break  # nothing can explain more
        if not matches:
            break
        best_match = max(matches, key=lambda m: m.covered - m.missing)
        out.append(best_match)
        taken = bytearray(a | b for a, b in zip(taken, best_match.mask, strict=True))
        if taken.count(0) < REST:
            break
    else:
        reading.why.append(f"more than {MOST} licences in one file: the rest was not named")
    return out, bytes(taken)


def _accepted(match: references.Match, taken: bytearray, again: bool) -> bool:
    """Whether a match is good enough; `again`: a further copy of what was found, with other holders in its slots."""
    if match.reference.custom:
        span = match.mask.rindex(1) - match.mask.index(1) + 1 if match.covered else 0
        return match.containment >= SAME and match.covered >= SAME * min(span, taken.count(0))
    slots = (1 - TEMPLATE) * match.reference.needed
    return match.missing <= max(3, 2 * slots if again else slots)


def _titled(reading: _Reading, title: titles.Title) -> Identified:
    """A licence by its title and version; its terms are those of this very text."""
    known = reading.table.get(title.id)
    found = tuple(clauses.find(reading.text))
    restrictive = {c.clause for c in found} & clauses.RESTRICTIVE
    implied, identifier = clauses.implied(found), title.id
    if known is not None and title.known:
        kind = known.kind
        if kind in facts.FREE and restrictive:
            kind, identifier = implied, f"LicenseRef-{titles.slug(title.id.removeprefix('LicenseRef-'))}-modified"
            reading.why.append(f"the title is of a permissive licence, but the text restricts: {', '.join(sorted(restrictive))}")
    else:
        kind = "permissive" if title.permissive and not restrictive else implied
        reading.why.append(
            "version not in the facts table: terms from this text alone"
            if known is None and title.known is False
            else "terms from this text alone"
        )
    near = _nearest(reading, title.id)
    if kind in facts.FREE and (near is None or near.reference.id != title.id or near.containment < BODY):
        kind = "unknown"
        reading.why.append("only the title is of a permissive licence: the body is no known text of it")
    if near is not None:
        reading.why.append(_differs(near, reading.text))
    name = title.shown if known is None or not known.spdx else known.name
    item = Found(id=identifier, name=name, kind=kind, score=0.95, clauses=found, confidence=known.confidence if known else "")
    return Identified(
        expression=identifier,
        licenses=(item,),
        why="; ".join([f"title on line {title.line}", *reading.why]),
        title=title.shown,
        partial=reading.text.partial,
        digest=reading.text.digest,
    )


def _nearest(reading: _Reading, identifier: str = "") -> references.Match | None:
    """The text of an AI licence, or of this identifier, that has most of its words here, if any is like it at all."""
    known = references.load(reading.packs)
    text = references.live(references.windows(reading.text.words), len(reading.text.words))
    top = [known.compare(c, text) for c in known.nearest(text) if c.custom or c.id == identifier]
    return max(top, key=lambda m: m.containment, default=None)


def _differs(near: references.Match, text: LicenseText) -> str:
    """How far a text is from the nearest known one, for the reader."""
    words = near.missing + len(text.words) - near.covered
    return f"differs from the nearest known text, {near.reference.id}, in {words} of {len(text.words)} words"


def _matched(reading: _Reading, matches: list[references.Match], taken: bytes, permissive: bool) -> Identified:
    """One or several known texts, and what the words beyond them say. `permissive`: the title is of a text read as permissive."""
    text = reading.text
    lines, rest = _lines(text, taken), taken.count(0)
    implied = {c for m in matches if (known := reading.table.get(m.reference.id)) for c in known.clauses}
    found = clauses.find(text, lines) if lines else []
    extra = [c for c in found if c.clause in clauses.RESTRICTIVE and c.clause not in implied]
    items: dict[str, Found] = {}
    for match in matches:
        identifier = match.reference.id
        known = reading.table.get(identifier)
        own = tuple(clauses.find(text)) if match.reference.custom else ()
        lenient = permissive and not clauses.RESTRICTIVE & {c.clause for c in own}
        kind = known.kind if known else "permissive" if lenient else clauses.implied(own)
        score = 1.0 if match.containment > 0.97 else 0.95
        found_one = Found(
            id=identifier,
            name=known.name if known else identifier,
            kind=kind,
            score=score,
            clauses=own,
            confidence=known.confidence if known else "",
        )
        items.setdefault(identifier, found_one)
        if match.missing:
            reading.why.append(f"{identifier}: {match.missing} of {match.reference.needed} words differ")
    free = frozenset(range(1, len(text.lines) + 1)) - {line for line, mark in zip(text.at, taken, strict=True) if mark}
    named = [n for n in notices.find(text, free, reading.table) if not _said(n.expression, items)]
    known_terms = all(not m.reference.custom for m in matches) or all(f.kind in facts.FREE for f in items.values())
    if known_terms and (extra or _conditions(reading, items, taken)):
        return _modified(reading, items, extra)
    if rest > REST and not named:
        reading.why.append(f"{rest} words beyond it")
    order = [*(n.expression for n in sorted(named, key=lambda n: n.line)), *items] if named else list(items)
    op = " OR " if len(order) > 1 and notices.is_choice(text) else " AND "
    expression = op.join(f"({e})" if " " in e and len(order) > 1 else e for e in dict.fromkeys(order))
    if any(i.endswith("-only") for i in items) and not named:
        reading.why.append("the text alone does not say `or later`")
    return _assemble(reading, expression, items, "the words of " + ", ".join(items), 0.9)


def _conditions(reading: _Reading, items: dict[str, Found], taken: bytes) -> bool:
    """Whether words beyond the permissive licences of a text set conditions that no pattern understands: then nobody knows its kind."""
    if not all(f.kind in facts.FREE for f in items.values()):
        return False
    text = reading.text
    extra = [w for w, mark in zip(text.words, taken, strict=True) if not mark]
    if _TELLING & set(extra) or (len(items) == 1 and _inserted(text, taken)):
        return True
    balance: dict[int, int] = {}
    for line, mark in zip(text.at, taken, strict=True):
        balance[line] = balance.get(line, 0) + (1 if mark else -1)
    free = frozenset(n for n in range(1, len(text.lines) + 1) if balance.get(n, -1) < 0)
    pieces = (s for start, piece in notices.runs(text, free) for _, s in clauses.sentences(piece))
    return any(_STRONG.search(s) and not _HARMLESS.search(s) for s in pieces)


def _inserted(text: LicenseText, taken: bytes) -> bool:
    """Whether a run of words inside a known text tells of a condition: names of holders are slots, `do not sell` is none."""
    for m in re.finditer(rb"(?<=\x01)\x00{5,}(?=\x01)", taken):
        run = set(text.words[m.start() : m.end()])
        if run & _INSERTED and not run & _SLOTS:
            return True
    return False


def _modified(reading: _Reading, items: dict[str, Found], extra: list[Clause]) -> Identified:
    """An ordinary licence with conditions added: not that licence any more."""
    base = next(iter(items))
    identifier = f"LicenseRef-{titles.slug(base.removeprefix('LicenseRef-'))}-modified"
    kind = worst([clauses.implied(extra), reading.table.kind(base)])
    changed = Found(id=identifier, name=f"{items[base].name}, modified", kind=kind, score=0.95, clauses=tuple(extra))
    rest = {i: f for i, f in items.items() if i != base}
    reading.why.append(f"the words of {base} with conditions added: {', '.join(sorted({c.clause for c in extra})) or 'not understood'}")
    return _assemble(reading, " AND ".join([identifier, *rest]), {identifier: changed, **rest}, "", 0.95)


def _other(reading: _Reading) -> Identified:
    """No known text, no known title: a tag, a notice, else unknown under a stable name."""
    text = reading.text
    tagged = notices.spdx_tag(text, reading.table)
    found = tuple(clauses.find(text))
    restrictive = {c.clause for c in found} & clauses.RESTRICTIVE
    if tagged and not restrictive:
        return _assemble(reading, tagged.expression, {}, f"SPDX-License-Identifier on line {tagged.line}", 0.9)
    named = notices.find(text, frozenset(range(1, len(text.lines) + 1)), reading.table)
    if named and not restrictive and len(text.words) < 2000 and not _beyond(reading, named):
        op = " OR " if notices.is_choice(text) or any(" OR " in n.expression for n in named) else " AND "
        expression = op.join(dict.fromkeys(f"({n.expression})" if " " in n.expression and len(named) > 1 else n.expression for n in named))
        return _assemble(reading, expression, {}, "; ".join(dict.fromkeys(n.why for n in named)), 0.9)
    heading = titles.named(text)
    if not found and heading is None and not re.search(r"(?i)licen[sc]e|copyright|permission|terms|라이선스|许可", text.flat[:20000]):
        return Identified(expression=None, why="; ".join([*reading.why, "no licence text"]), partial=text.partial, digest=text.digest)
    kind = clauses.implied(found)
    identifier = f"LicenseRef-unknown-{text.digest[:12]}"
    if heading is not None:
        identifier = heading[0] if "permissive" not in heading[0] else identifier
        reading.why.append(f"named by its heading on line {heading[2]}")
    near = _nearest(reading)
    reading.why += [
        _differs(near, text) if near is not None else "no known text",
        "terms from its clauses alone" if found else "no clause was found: nothing is known of its terms",
    ]
    item = Found(id=identifier, name=heading[1] if heading else "unknown licence", kind=kind, score=0.0, clauses=found)
    return Identified(
        expression=identifier,
        licenses=(item,),
        why="; ".join(reading.why),
        title=heading[1] if heading else "",
        partial=text.partial,
        digest=text.digest,
    )


def _beyond(reading: _Reading, named: list[notices.Notice]) -> bool:
    """Whether a text that names permissive licences goes on to set conditions of its own."""
    ids = [i for n in named if (node := parse_ids(n.expression)) for i in node.leaves()]
    if not all(reading.table.kind(i) in facts.FREE for i in ids) or len(reading.text.words) < 8 * REST:
        return False
    return any(
        _STRONG.search(s) and not _HARMLESS.search(s) and "in compliance with" not in s for _, s in clauses.sentences(reading.text.flat)
    )


def _assemble(reading: _Reading, expression: str, items: dict[str, Found], why: str, score: float) -> Identified:
    node = parse_ids(expression)
    out = []
    for identifier in node.leaves() if node else []:
        known = reading.table.get(identifier)
        out.append(
            items.get(identifier)
            or Found(
                id=identifier,
                name=known.name if known else identifier,
                kind=reading.table.kind(identifier),
                score=score,
                confidence=known.confidence if known else "",
            )
        )
    return Identified(
        expression=expression,
        licenses=tuple(out),
        why="; ".join(w for w in (why, *reading.why) if w),
        title=out[0].name if out else "",
        partial=reading.text.partial,
        digest=reading.text.digest,
    )


def _lines(text: LicenseText, taken: bytes) -> set[int]:
    """Lines that hold words beyond the known texts: at least two of them, so that slots (a holder's name) are none."""
    counts: dict[int, int] = {}
    for line, mark in zip(text.at, taken, strict=True):
        if not mark:
            counts[line] = counts.get(line, 0) + 1
    return {line for line, n in counts.items() if n >= 2}


def _said(expression: str, items: dict[str, Found]) -> bool:
    """Whether a notice only repeats, or refines, a text that is there."""
    node = parse_ids(expression)
    return bool(node) and all(i in items or i.replace("-or-later", "-only") in items for i in node.leaves())  # type: ignore[union-attr]
