"""Index files against the files that are there: shards that an index names and that are absent, and total sizes that cannot be.

Spec of the SBOM, section 2: a shard that is named and absent is recorded; as a finding of low severity, so that a gate can ask for it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from mlsbom.knowledge import Packs
from mlsbom.model import Graph, Observed, Rule, Severity, Statement, Survey
from mlsbom.resolve import Asked

MISSING = Rule(id="MODEL-SHARD-MISSING", title="An index names a file of the model that is not there", severity=Severity.LOW)
OUTSIDE = Rule(id="MODEL-SHARD-OUTSIDE", title="An index names a file outside its own folder", severity=Severity.MEDIUM)
SIZE = Rule(id="MODEL-SHARD-SIZE", title="The files of a model are smaller than their index says", severity=Severity.LOW)
RULES: tuple[Rule, ...] = (MISSING, OUTSIDE, SIZE)


def resolve(survey: Survey, graph: Graph | None, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """Findings about the index files of a survey, at the place of the index."""
    sizes: dict[str, int] = {}
    for o, fact in survey.facts.of(Statement):
        if fact.field == "shards" and isinstance(fact.value, dict) and not o.place.member:
            sizes = sizes or {a.path: a.size for a in survey.artifacts}
            yield from _index(o, fact.value, fact, sizes)


def _index(o: Observed, value: dict[str, object], fact: Statement, sizes: dict[str, int]) -> Iterator[Observed]:
    folder = posixpath.dirname(o.place.path)
    expected = [str(n) for n in value["expected"]] if isinstance(value.get("expected"), list) else []  # type: ignore[attr-defined]
    outside = [n for n in expected if n.startswith("/") or ".." in n.replace("\\", "/").split("/")]
    inside = [n for n in expected if n not in outside]
    missing = [n for n in inside if posixpath.normpath(posixpath.join(folder, n)) not in sizes]

    def found(rule: Rule, because: str, names: list[str]) -> Observed:
        data = tuple(("file", n[:200]) for n in names[:50])
        return Observed(place=o.place, by="shards", fact=rule.finding(because, evidence=fact.evidence, data=data))

    if outside:
        yield found(OUTSIDE, f"names {outside[0][:120]}, which leaves the folder", outside)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield found(MISSING, f"{missing[0][:120]}{more} of {len(expected)} files is not there", missing)
    total = value.get("total_size")
    if not missing and not outside and isinstance(total, int) and inside:
        there = sum(sizes[posixpath.normpath(posixpath.join(folder, n))] for n in inside)
        if there < total:
            yield found(SIZE, "the files together are smaller than total_size", [])
