"""What the licences of a delivery and its upstreams ask for, clause by clause, with the sentence that says so where the text is there."""

from __future__ import annotations

from typing import Final

from mlsbom.knowledge import Packs
from mlsbom.licenses.duties import Terms
from mlsbom.model import Graph, Obligation, Survey
from mlsbom.resolve import license_statements
from mlsbom.resolve.license_chain import Chain
from mlsbom.resolve.license_sources import Sources

QUOTE: Final = 600


def obligations(survey: Survey, graph: Graph, packs: Packs) -> tuple[Obligation, ...]:
    """One row a clause of each component's terms and of the terms of what it derives from; nothing is read but the survey."""
    sources = Sources(survey, packs)
    variants = {r.target for r in graph.relationships if r.kind == "variant-of"}
    derived = {r.source for r in graph.relationships if r.kind == "derived-from"}
    chain = Chain(graph, sources)
    out: dict[tuple[str, str, str], Obligation] = {}
    for subject in license_statements.subjects(sources, graph.components, variants, derived):
        bearers = [(subject.component.name, subject.terms)]
        bearers += [(link.name, link.terms) for link in chain.links(subject.component.ref)[0] if link.terms is not None]
        for name, terms in bearers:
            for row in _rows(name, terms):
                out.setdefault((row.component, row.license, row.clause), row)
    return tuple(out.values())


def _rows(name: str, terms: Terms) -> list[Obligation]:
    if not terms.expression:
        return []
    return [
        Obligation(
            component=name,
            license=terms.expression,
            how=terms.how,
            law=terms.law,
            clause=clause,
            value=term.value,
            quote=" ".join(term.quote.split())[:QUOTE],
            path=term.path,
            line=term.line,
        )
        for clause, term in sorted(terms.terms.items())
    ]
