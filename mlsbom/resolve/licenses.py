"""Licences across files: what is stated, whether it agrees, what it asks down the chain, and what the facts of use make of it.

A finding, not a legal opinion: each says what a text says, which fact of use it meets, and what would resolve it (specs of licences, 4-6).
Rules compare clause sets. `bases/` is known of upstreams and is never part of what a release carries.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlsbom.knowledge import Packs
from mlsbom.model import Graph, Observed, Survey
from mlsbom.resolve import Asked, license_chain, license_code, license_statements
from mlsbom.resolve.license_rules import RULES
from mlsbom.resolve.license_sources import Sources

__all__ = ["RULES", "resolve"]


def resolve(survey: Survey, graph: Graph, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """Concluded licences and findings. Pure; reads only what the survey kept."""
    sources = Sources(survey, packs)
    variants = {r.target for r in graph.relationships if r.kind == "variant-of"}
    derived = {r.source for r in graph.relationships if r.kind == "derived-from"}
    found = license_statements.subjects(sources, graph.components, variants, derived)
    models = [s for s in found if s.kind == "model"]
    chain = license_chain.Chain(graph, sources)
    yield from license_statements.conflicts(sources)
    yield from license_statements.drift(sources)
    for subject in found:
        yield from license_statements.missing(subject, sources)
        yield from license_statements.concluded(subject)
        if subject.kind == "model":
            yield from license_chain.model(subject, chain, asked.use)
            yield from license_chain.notices(subject, chain)
        elif subject.kind == "dataset":
            yield from license_chain.datasets_inside(subject, models, sources, asked.use)
    yield from license_code.check(survey, [s for s in found if s.kind == "code"], sources, asked.use)
