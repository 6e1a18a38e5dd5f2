"""Duties down the chain: base models, merges, adapters, quantisations, data sets and generators."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from mlsbom.licenses import duties
from mlsbom.licenses.duties import Terms
from mlsbom.licenses.facts import FREE
from mlsbom.model import Component, Evidence, Graph, Observed, Place, Relationship, Severity
from mlsbom.patterns import late
from mlsbom.resolve.license_rules import RULE
from mlsbom.resolve.license_sources import Sources, folder_of
from mlsbom.resolve.license_statements import Subject, at
from mlsbom.resolve.license_use import Bound, finding, judge

DEPTH: Final = 50
"""A longer chain is a finding (specs of licences, section 4)."""
_UNSETTLED = "whether a data licence reaches the weights is unsettled"
_GENERATED = late(r"(?i)outputs?|generated|synthetic|distill|teacher|sampled from|responses? (?:of|from)")
_HUB = late(r"\b([A-Za-z0-9][\w.-]{0,60}/[A-Za-z0-9][\w.-]{0,90}[A-Za-z0-9])\b")


class Link(Struct, frozen=True, kw_only=True):
    """One upstream of a subject: the path of names down to it, the relation of the last edge, its terms (None: not known)."""

    names: tuple[str, ...]
    relation: str
    terms: Terms | None
    place: Place
    evidence: Evidence

    @property
    def name(self) -> str:
        """The upstream itself."""
        return self.names[-1]


class Chain:
    """The edges of a graph, walked from a subject to the roots."""

    def __init__(self, graph: Graph, sources: Sources) -> None:
        self.components = graph.by_ref()
        self.sources = sources
        self.edges: dict[tuple[str, str], list[Relationship]] = {}
        for r in graph.relationships:
            self.edges.setdefault((r.source, r.kind), []).append(r)

    def links(self, ref: str) -> tuple[list[Link], str]:
        """All upstreams by `derived-from`, nearest first; and what is wrong with the chain's form, if anything."""
        out: list[Link] = []
        problem = ""
        todo: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [(ref, (ref,), ())]
        while todo:
            at_ref, path, names = todo.pop(0)
            for edge in self.edges.get((at_ref, "derived-from"), []):
                target = self.components[edge.target]
                if edge.target in path:
                    problem = f"the chain of base models is a cycle at {target.name}"
                    continue
                if len(path) > DEPTH:
                    return out, f"the chain of base models is longer than {DEPTH}"
                source = edge.evidence[0] if edge.evidence else None
                out.append(
                    Link(
                        names=(*names, target.name),
                        relation=edge.relation or "unknown",
                        terms=self.terms(target),
                        place=Place(path=source.path if source else "."),
                        evidence=Evidence(line=source.line if source else None),
                    )
                )
                todo.append((edge.target, (*path, edge.target), (*names, target.name)))
        return out, problem

    def terms(self, component: Component) -> Terms | None:
        """The terms of an upstream; None where nothing is known of them."""
        known = self.sources.upstream_terms(component.name)
        if known is not None or not component.local:
            return known
        claims = [c for c in self.sources.claims if c.origin == "card" and folder_of(c.place) == component.unit]
        terms = self.sources.effective(claims, self.sources.governing(component.unit or "", ("model",)))
        return terms if terms.expression else None

    def datasets(self, ref: str) -> list[tuple[Component, Relationship]]:
        """The data sets that a model was trained or tested on."""
        return [(self.components[r.target], r) for kind in ("trained-on", "tested-on") for r in self.edges.get((ref, kind), [])]


def model(subject: Subject, chain: Chain, use: dict[str, Any]) -> Iterator[Observed]:
    """Everything that follows for one model from its own licence and its upstreams'."""
    name, own = subject.component.name, subject.terms
    links, problem = chain.links(subject.component.ref)
    if problem:
        yield at(subject.place, RULE["LICENSE-UPSTREAM-UNKNOWN"].finding(f"{name}: {problem}", subject=name))
    stated = () if subject.inherited else own.terms.values()
    bounds = [Bound(term=t, license=str(own.expression), source=name, own=True) for t in stated]
    for link in links:
        if link.terms is None or link.terms.expression is None:
            yield at(
                link.place,
                RULE["LICENSE-UPSTREAM-UNKNOWN"].finding(
                    f"{name}: the licence of {_path(name, link)} is not known here", evidence=link.evidence, subject=name
                ),
            )
            continue
        bounds += [
            Bound(term=t, license=str(link.terms.expression), source=link.name, own=False, assumed=link.terms.how == "assumed")
            for t in link.terms.terms.values()
            if t.clause in duties.CARRIED or t.clause in ("changeable", "revocable")
        ]
        yield from _carried(subject, link, own, chain.sources)
    yield from _outputs(subject, chain, own, use)
    places = {b.license: Place(path=b.term.path) for b in bounds if b.term.path}
    for b, found in judge(name, bounds, use):
        yield at(subject.place if b.own and not b.term.quote else places.get(b.license, subject.place), found)


def _carried(subject: Subject, link: Link, own: Terms, sources: Sources) -> Iterator[Observed]:
    """What one upstream asks of this release: duties kept or lost, names, display lines, notices, versions."""
    assert link.terms
    name, up = subject.component.name, link.terms
    lost = duties.lost(up, own)
    assumed = " (assumed from the publisher)" if up.how == "assumed" else ""
    if lost and own.expression:
        yield at(
            subject.place,
            RULE["LICENSE-LAUNDERING"].finding(
                f"{name} is {own.expression}, but {_path(name, link)} is {up.expression}{assumed}: lost {', '.join(lost)}",
                evidence=subject.evidence,
                subject=name,
                data=(("upstream", link.name), ("relation", link.relation), ("lost", ", ".join(lost)), *_quotes(up, lost)),
            ),
        )
    if (pair := duties.version_differs(own.ids, up.ids)) is not None:
        yield at(
            subject.place,
            RULE["LICENSE-VERSION-MISMATCH"].finding(
                f"{name} is {pair[0]}, {link.name} is {pair[1]}", evidence=subject.evidence, subject=name
            ),
        )
    yield from _named(subject, link.name, up, sources)
    if (t := up.has("pass-through")) is not None and own.has("pass-through"):
        yield at(
            subject.place,
            finding(
                "LICENSE-USE-RESTRICTION-PASSTHROUGH",
                f"{name}: the use restrictions of {up.expression} must be an enforceable term for recipients",
                Bound(term=t, license=str(up.expression), source=link.name, own=False),
                None,
                name,
                subject.evidence,
            ),
        )


def _named(subject: Subject, upstream: str, up: Terms, sources: Sources) -> Iterator[Observed]:
    """The name and the display line that an upstream's licence asks of what is made with it."""
    name = subject.component.name
    if (t := up.has("naming")) is not None and t.value and not _begins(name, t.value):
        yield at(
            subject.place,
            finding(
                "LICENSE-NAMING",
                f"{name}: {up.expression} asks that the name of what is made from {upstream} begin with `{t.value}`",
                Bound(term=t, license=str(up.expression), source=upstream, own=False),
                None,
                name,
                subject.evidence,
            ),
        )
    if (t := up.has("display")) is not None and not _shown(subject, t.value, sources):
        yield at(
            subject.place,
            finding(
                "LICENSE-DISPLAY",
                f"{name}: {up.expression} of {upstream} asks to show `{t.value}`; not seen in the card's statements or notices",
                Bound(term=t, license=str(up.expression), source=upstream, own=False),
                None,
                name,
                subject.evidence,
            ),
        )


def _begins(name: str, prefixes: str) -> bool:
    bare = re.sub(r"[\W_]+", "", name.rsplit("/", 1)[-1]).lower()
    return any(bare.startswith(re.sub(r"[\W_]+", "", p).lower()) for p in re.split(r" / | or |,", prefixes) if p.strip())


def _shown(subject: Subject, wanted: str, sources: Sources) -> bool:
    text = " ".join(str(v.value) for v in subject.component.values if isinstance(v.value, str)).lower()
    text += " ".join(d.content.lower() for d in sources.notices)
    strings = [w for w in re.split(r" / | or |,", wanted.lower()) if w.strip()]
    return any(w.strip() in text for w in strings)


def _outputs(subject: Subject, chain: Chain, own: Terms, use: dict[str, Any]) -> Iterator[Observed]:
    """Data sets: their own licences, and the output clauses of the models that made them."""
    name = subject.component.name
    for dataset, edge in chain.datasets(subject.component.ref):
        terms = (
            chain.sources.upstream_terms(dataset.name)
            if not dataset.local
            else chain.sources.effective(
                [c for c in chain.sources.claims if c.about == "dataset" and folder_of(c.place) == dataset.unit], []
            )
        )
        source = edge.evidence[0] if edge.evidence else None
        place, line = Place(path=source.path if source else "."), Evidence(line=source.line if source else None)
        generators = _generators(subject, dataset, chain)
        bearers = [(g, t) for g in generators if (t := chain.sources.upstream_terms(g)) is not None]
        if terms is not None and terms.has("output-training", "naming") and not bearers:
            bearers = [(dataset.name, terms)]
        for generator, t in bearers:
            yield from _generated(subject, dataset, generator, t, place, line)
            yield from _named(subject, generator, t, chain.sources)
        if edge.kind == "trained-on":
            yield from _licensed(name, dataset, terms, bool(bearers), place, line, use, chain)


def _generated(subject: Subject, dataset: Component, generator: str, up: Terms, place: Place, line: Evidence) -> Iterator[Observed]:
    name, t = subject.component.name, up.has("output-training")
    if t is not None and t.value == "barred":
        yield at(
            place,
            finding(
                "LICENSE-OUTPUT-TRAINING",
                f"{name}: {dataset.name} holds outputs of {generator}, whose licence {up.expression} bars training other models on them",
                Bound(term=t, license=str(up.expression), source=generator, own=False),
                None,
                name,
                line,
            ),
        )


def _generators(subject: Subject, dataset: Component, chain: Chain) -> list[str]:
    """Models whose outputs a data set is said to hold: repositories named in a sentence about generation."""
    texts = [
        str(v.value)
        for c in (dataset, subject.component)
        for v in c.values
        if isinstance(v.value, str) and v.field in ("description", "collection", "training_data", "training", "annotations")
    ]
    found = []
    for text in texts:
        for sentence in re.split(r"(?<=[.!?])\s+", text):
            if _GENERATED.search(sentence):
                found += [
                    m
                    for m in _HUB.findall(sentence)
                    if m.lower() != dataset.name.lower() and chain.sources.upstream_terms(m) is not None and not _is_dataset(m, chain)
                ]
    return list(dict.fromkeys(found))


def _is_dataset(name: str, chain: Chain) -> bool:
    return any(c.name.lower() == name.lower() and c.kind == "dataset" for c in chain.components.values())


def _licensed(
    name: str, dataset: Component, terms: Terms | None, generated: bool, place: Place, line: Evidence, use: dict[str, Any], chain: Chain
) -> Iterator[Observed]:
    known = dataset.local or dataset.name.lower() in chain.sources.upstreams or dataset.unit is not None
    if terms is None or terms.expression is None:
        if known:
            yield at(
                place,
                RULE["LICENSE-DATASET-UNLICENSED"].finding(
                    f"{name}: the training set {dataset.name} states no licence", evidence=line, subject=name
                ),
            )
        else:
            yield at(
                place,
                RULE["LICENSE-UPSTREAM-UNKNOWN"].finding(
                    f"{name}: the licence of the training set {dataset.name} is not known here",
                    evidence=line,
                    severity=Severity.INFO,
                    subject=name,
                ),
            )
        return
    nc = terms.has("research-only", "noncommercial")
    if nc is not None:
        severity = Severity.INFO if use.get("commercial") is False else Severity.MEDIUM
        yield at(
            place,
            RULE["LICENSE-DATASET-NONCOMMERCIAL"].finding(
                f"{name}: the training set {dataset.name} is {terms.expression}; {_UNSETTLED}",
                evidence=line,
                severity=severity,
                subject=name,
            ),
        )
    if terms.has("no-derivatives"):
        yield at(
            place,
            RULE["LICENSE-DATASET-NODERIV"].finding(
                f"{name}: the training set {dataset.name} is {terms.expression}; {_UNSETTLED}", evidence=line, subject=name
            ),
        )
    if terms.has("share-alike"):
        yield at(
            place,
            RULE["LICENSE-DATASET-SHAREALIKE"].finding(
                f"{name}: the training set {dataset.name} is {terms.expression}; {_UNSETTLED}", evidence=line, subject=name
            ),
        )


def notices(subject: Subject, chain: Chain) -> Iterator[Observed]:
    """Texts and notice files of upstreams that the release does not carry."""
    name, own = subject.component.name, subject.terms
    carried = {
        i for d in chain.sources.texts if d.identified and d.identified.expression for i in re.findall(r"[\w.+-]+", d.identified.expression)
    }
    for link in chain.links(subject.component.ref)[0]:
        up = link.terms
        if up is None or not up.expression or (t := up.has("notice")) is None or link.relation == "distilled":
            continue
        same = set(up.ids) & set(own.ids)
        if link.relation == "adapter" and same:
            continue
        known = chain.sources.upstreams.get(link.name.lower())
        file_known = bool(known and known.notices) or "notice file" in t.value.lower()
        noted = any(d.kind == "notice" for d in chain.sources.notices)
        text_there = bool(set(up.ids) & carried) or noted
        if text_there and (noted or not file_known):
            continue
        severity = Severity.INFO if set(up.ids) == {"Apache-2.0"} and not file_known and text_there else Severity.MEDIUM
        lacking = " and ".join(w for w, there in (("licence text", text_there), ("notice", noted or not file_known)) if not there)
        yield at(
            subject.place,
            finding(
                "LICENSE-NOTICE-MISSING",
                f"{name}: the {lacking} of {link.name} ({up.expression}) is not in the release",
                Bound(term=t, license=up.expression, source=link.name, own=False),
                severity,
                name,
                subject.evidence,
            ),
        )


def datasets_inside(subject: Subject, models: list[Subject], sources: Sources, use: dict[str, Any]) -> Iterator[Observed]:
    """A restricted data set that lies in the release beside weights under free labels."""
    nc = subject.terms.has("research-only", "noncommercial")
    if nc is None:
        return
    labels = {str(m.place): str(m.terms.expression) for m in models if m.terms.free}
    labels |= {str(c.place): c.shown for c in sources.claims if c.part == "model" and sources.terms_of_claim(c).kind in FREE}
    if labels:
        severity = Severity.INFO if use.get("commercial") is False else Severity.MEDIUM
        yield at(
            subject.place,
            RULE["LICENSE-DATASET-NONCOMMERCIAL"].finding(
                f"the data set {subject.component.name} ({subject.place}) is {subject.claims[0].shown}; weights in the same release "
                f"are labelled {', '.join(f'{label} ({place})' for place, label in sorted(labels.items()))}; {_UNSETTLED}",
                evidence=subject.evidence,
                severity=severity,
                subject=subject.component.name,
            ),
        )


def _path(name: str, link: Link) -> str:
    return " <- ".join(link.names) if len(link.names) > 1 else link.name


def _quotes(terms: Terms, clauses: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple((f"quote {c}", terms.terms[c].quote) for c in clauses if terms.terms[c].quote)[:4]
