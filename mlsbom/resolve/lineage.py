"""What the registry of fingerprints says of the weights that were seen: whose they are, and where that contradicts what is declared.

Pure numbers over facts: the fingerprints of a survey against the shipped ones (two fingerprints: channels T0 and T1). A verdict says "not
independent" with a bound on p; the words of findings say no more than that.
"""

from __future__ import annotations

import base64
import binascii
import math
import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from mlsbom.errors import ReadError
from mlsbom.knowledge import Packs
from mlsbom.model import (
    Comparison,
    Component,
    Confidence,
    Evidence,
    Fingerprint,
    Graph,
    Kind,
    Observed,
    Place,
    Rule,
    Severity,
    Statement,
    Survey,
    Technique,
    TensorTable,
)
from mlsbom.resolve import Asked

if TYPE_CHECKING:
    from mlsbom.lineage.known import Known, Model

UNDECLARED = Rule(
    id="LINEAGE-UNDECLARED", title="Weights are not independent of a model that nothing here declares", severity=Severity.MEDIUM
)
UNCONFIRMED = Rule(id="LINEAGE-UNCONFIRMED", title="A declared parent does not show in the weights", severity=Severity.LOW)
STALE = Rule(id="LINEAGE-STALE", title="A file holds another version of the model than the files beside it", severity=Severity.MEDIUM)
NOT_RANDOM = Rule(
    id="LINEAGE-NOT-RANDOM",
    title="A part attested as initialised at random is not independent of a registered model",
    severity=Severity.HIGH,
)
RULES: tuple[Rule, ...] = (UNDECLARED, UNCONFIRMED, STALE, NOT_RANDOM)

GUILTY = ("copy", "derived")
STRENGTH = (*GUILTY, "review", "candidate-family", "no-evidence")
LISTED = 400
"""Tensors that a result lists: the report draws them by layer."""
ACCUSING = -6.0


class _File(Struct):
    """A fingerprinted file: its owner, and what the registry says of it, strongest first."""

    place: Place
    owner: Component
    results: list[tuple[Model, dict[str, Any]]] = field(default_factory=list)

    def matched(self, product: str) -> set[str]:
        """The versions of a product that it is not independent of, by the strongest verdict alone."""
        said = [(r["verdict"], m.version) for m, r in self.results if m.product == product and r["verdict"] in GUILTY]
        best = "copy" if any(v == "copy" for v, _ in said) else "derived"
        return {version for v, version in said if v == best}


def resolve(survey: Survey, graph: Graph, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """Comparison facts and findings. Raises PackError where the registry is damaged."""
    prints = [o for o, _ in survey.facts.of(Fingerprint)]
    tables = survey.facts.of(TensorTable)
    if not prints and not tables:
        return
    from mlsbom.lineage.known import known

    refs = graph.by_ref()
    files = [f for o in prints if (f := _compared(o, refs[graph.owners.get(o.place.path, graph.root.ref)], packs)) is not None]
    declared = _declared(graph)
    for f in files:
        for model, result in f.results:
            if result["verdict"] == "no-evidence" and not any(model.named_by(n) for n in declared):
                continue  # of every other model that could be compared: nothing to say
            yield Observed(place=f.place, by="lineage", fact=Comparison(result=result))
    yield from _families(tables, graph, {f.owner.ref for f in files if any(r["verdict"] in GUILTY for _, r in f.results)}, packs)
    if files:
        yield from _undeclared(files, graph)
        yield from _unconfirmed(files, graph, known(packs))
        yield from _stale(files, graph)
        yield from _not_random(files, survey)


def _compared(o: Observed, owner: Component, packs: Packs) -> _File | None:
    """One fingerprint against the registry; None where its content cannot be read."""
    from mlsbom.lineage import form
    from mlsbom.lineage.comparison import Side
    from mlsbom.lineage.known import known
    from mlsbom.lineage.registry import Registry, search_side

    assert isinstance(o.fact, Fingerprint)
    try:
        made = form.load(base64.b64decode(o.fact.content, validate=True))
    except (ReadError, binascii.Error):
        return None
    registry = known(packs)
    out = _File(o.place, owner)
    for name, result in search_side(Side(str(o.place), made), Registry(registry.entries, ()), packs, listed=LISTED):
        model = registry.models.get(name)
        if model is None or result["verdict"] == "not-comparable":
            continue
        about = {"name": model.product, "version": model.version, "purl": model.purl, "license": model.license}
        out.results.append((model, {"suspect": str(o.place), "reference": model.title, "model": about} | result))
    out.results.sort(key=lambda x: (STRENGTH.index(x[1]["verdict"]), x[1]["log10_p"], x[1]["reference"]))
    return out


def _names(c: Component) -> list[str]:
    """What a component is called."""
    return [n for n in (c.name, (c.purl or "").split("@")[0].split("?")[0]) if n]


def _declared(graph: Graph) -> list[str]:
    """The names of everything that the target declares: itself, its parts, what it depends on and derives from."""
    return [n for c in (graph.root, *graph.components) for n in _names(c)]


def _said(result: dict[str, Any]) -> str:
    """How strong a result is, in words that stay true."""
    if result["verdict"] == "copy":
        return f"holds the values of {result['reference']} ({result['parameter_coverage']:.0%} of its parameters)"
    if result["log10_p"] <= -300:
        return f"holds tensors with the values of {result['reference']}"
    return f"is not independent of {result['reference']} (p <= 10^{math.ceil(result['log10_p'])})"


def _found(
    rule: Rule, f: _File, because: str, result: dict[str, Any], severity: Severity | None = None, model: Model | None = None
) -> Observed:
    tensors = [t for t in result["tensors"] if t["channel"] == "T0" or t["log10_p"] <= ACCUSING][:10]
    data = [("reference", result["reference"]), ("log10_p", str(result["log10_p"])), ("verdict", result["verdict"])]
    data += [("purl", model.purl), ("license", model.license)] if model else []
    data += [("tensor", f"{t['suspect']} ~ {t['reference']}: {t['hits']} of {t['of']} ({t['channel']})") for t in tensors]
    evidence = Evidence(technique=Technique.BINARY, confidence=1.0 if result["verdict"] == "copy" else 0.9)
    sure = Confidence.HIGH if result["verdict"] in GUILTY else Confidence.MEDIUM
    return Observed(
        place=f.place, by="lineage", fact=rule.finding(because, evidence=evidence, severity=severity, sure=sure, data=tuple(data))
    )


def _undeclared(files: list[_File], graph: Graph) -> Iterator[Observed]:
    """The strongest match of each product that no name in the target gives. A path that names it softens the finding."""
    declared = _declared(graph)
    for f in files:
        told: set[str] = set()
        for model, result in f.results:
            if result["verdict"] not in GUILTY or model.product in told or any(model.named_by(n) for n in declared):
                continue
            told.add(model.product)
            named = any(model.named_by(part.rsplit(".", 1)[0]) for part in f.place.path.split("/"))
            because = f"{_said(result)}, which nothing here declares" + ("; only the file's name tells" if named else "")
            yield _found(UNDECLARED, f, because, result, Severity.LOW if named else None, model)


def _unconfirmed(files: list[_File], graph: Graph, registry: Known) -> Iterator[Observed]:
    """A parent that is declared and registered, that could be compared, and of which no file shows anything."""
    refs = graph.by_ref()
    for edge in graph.relationships:
        parent = refs.get(edge.target)
        if edge.kind != "derived-from" or parent is None:
            continue
        mine = [f for f in files if f.owner.ref == edge.source]
        meant = {m.product for m in registry.models.values() if any(m.named_by(n) for n in _names(parent))}
        tried = [(f, r) for f in mine for m, r in f.results if m.product in meant]
        if not tried or any(r["verdict"] in (*GUILTY, "review") for _, r in tried):
            continue
        f, result = max(tried, key=lambda x: x[1]["tests"])
        if result["tests"]:
            yield _found(UNCONFIRMED, f, f"{parent.name} is declared as its parent; {result['tests']} tests show no trace of it", result)


def _stale(files: list[_File], graph: Graph) -> Iterator[Observed]:
    """Files of one folder that hold different versions of one product: those that are not the declared (else the newest) version."""
    packages = {c.name: c.version for c in graph.components if c.kind == Kind.PACKAGE and c.version and c.local}
    groups: dict[tuple[str, str], list[_File]] = {}
    for f in files:
        groups.setdefault((f.owner.ref, posixpath.dirname(f.place.path)), []).append(f)
    for _, mine in sorted(groups.items()):
        for product in sorted({m.product for f in mine for m, _ in f.results}):
            held = [(f, v) for f in mine if (v := f.matched(product))]
            versions = set().union(*(v for _, v in held))
            said = packages.get(product)
            right = said if said in versions else max(versions, key=_version, default="")
            for f, own in held:
                if right not in own and not _tells_age(f.place, own):
                    model, result = next(
                        (m, r) for m, r in f.results if m.product == product and m.version in own and r["verdict"] in GUILTY
                    )
                    yield _found(STALE, f, f"{_said(result)}; the files beside it are of {right}", result, model=model)


def _tells_age(place: Place, held: set[str]) -> bool:
    """Whether a file's own name says that it is an older one: `legacy`, or the version that it holds."""
    words = set(re.findall(r"[a-z]+|\d+", place.path.rsplit("/", 1)[-1].lower()))
    majors = {str(_version(v)[0]) for v in held if _version(v)}
    return bool(words & {"legacy", "old", "previous"}) or bool(words & majors)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", text))


def _not_random(files: list[_File], survey: Survey) -> Iterator[Observed]:
    """Attestations of kind `initialisation` that say `random` of a part whose tensors are not independent of a registered model."""
    for _, fact in survey.facts.of(Statement):
        row = fact.value if fact.field == "attestation" else None
        if not isinstance(row, dict) or row.get("kind") != "initialisation" or not isinstance(row.get("value"), dict):
            continue
        parts = [str(k) for k, v in row["value"].items() if str(v).strip().lower() == "random"]
        about = str(row.get("component", "*"))
        for f in files:
            if about == "*" or about in (f.owner.name, f.owner.purl, f.owner.ref):
                for part in parts:
                    yield from _refuted(f, part)


def _refuted(f: _File, part: str) -> Iterator[Observed]:
    """The strongest result that rests on tensors of this part."""
    for model, result in f.results:
        if result["verdict"] not in GUILTY or any(model.named_by(n) for n in _names(f.owner)):
            continue
        rows = [t for t in result["tensors"] if (t["channel"] == "T0" or t["log10_p"] <= ACCUSING) and _in_part(t["suspect"], part)]
        if rows:
            because = (
                f"{part!r} is attested as initialised at random; {len(rows)} of its tensors are not independent of {result['reference']}"
            )
            yield _found(NOT_RANDOM, f, because, result | {"tensors": rows}, model=model)
            return


def _in_part(tensor: str, part: str) -> bool:
    """Whether a tensor's name lies in a sub-module: its path holds the part's, whole names only. `*`, `all` and `model` mean all."""
    if part in ("*", "all", "model", ""):
        return True
    split = re.compile(r"[./:]")
    path, wanted = split.split(tensor), split.split(part)
    return any(path[i : i + len(wanted)] == wanted for i in range(len(path) - len(wanted) + 1))


def _families(tables: Sequence[tuple[Observed, TensorTable]], graph: Graph, known_owners: set[str], packs: Packs) -> Iterator[Observed]:
    """Well-known architectures with the dimensions of a model: names of candidates, never evidence."""
    from mlsbom.lineage.known import families

    shapes: dict[str, tuple[Place, set[tuple[int, ...]]]] = {}
    for o, table in tables:
        owner = graph.owners.get(o.place.path, graph.root.ref)
        seen = shapes.setdefault(owner, (o.place, set()))[1]
        seen.update(s for s in (*table.shapes, *(g[1] for g in table.groups)) if len(s) == 2)
    for owner, (place, seen) in sorted(shapes.items()):
        if owner in known_owners:
            continue
        for family in families(packs):
            if family.fits(seen):
                yield Observed(place=place, by="lineage", fact=Comparison(result=_candidate(str(place), family.name)))


def _candidate(suspect: str, family: str) -> dict[str, Any]:
    return {
        "suspect": suspect,
        "reference": family,
        "verdict": "candidate-family",
        "log10_p": 0.0,
        "tests": 0,
        "incomplete": False,
        "parameter_coverage": 0.0,
        "channels": {},
        "tensors": [],
        "caveats": ["dimensions and vocabulary are those of this family: a name to look at, no evidence of descent"],
    }
