"""Signatures found in a survey, judged once with the digests of the same read: verdicts, and findings where one does not hold.

A repository without signatures gives nothing, and imports nothing of what judges them (`mlsbom.resolve.signed`).
"""

from __future__ import annotations

from collections.abc import Iterator

from mlsbom.knowledge import Packs
from mlsbom.model import Bundle, Graph, Observed, Rule, Severity, Survey
from mlsbom.resolve import Asked

INVALID = Rule(id="SIGNATURE-INVALID", title="A signature does not hold", severity=Severity.HIGH)
UNCOVERED = Rule(id="SIGNATURE-UNCOVERED", title="A signed model has code or weights that the signature leaves out", severity=Severity.HIGH)
UNTRUSTED = Rule(id="SIGNATURE-UNTRUSTED", title="A good signature is by someone who is not trusted", severity=Severity.MEDIUM)
UNVERIFIABLE = Rule(id="SIGNATURE-UNVERIFIABLE", title="A signature could not be verified", severity=Severity.LOW)
RULES: tuple[Rule, ...] = (INVALID, UNCOVERED, UNTRUSTED, UNVERIFIABLE)


def resolve(survey: Survey, graph: Graph | None, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """A SignatureVerdict for each signature and what it is over, and findings about those that do not hold."""
    found = [(o.place, fact) for o, fact in survey.facts.of(Bundle) if not o.place.member]
    if found:
        from mlsbom.resolve import signed

        yield from signed.judged(found, survey, packs, asked)
