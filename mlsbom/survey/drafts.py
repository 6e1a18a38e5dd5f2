"""Components while they are being put together: mutable drafts under an identity key, frozen at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from mlsbom.model import Component, Kind, License, Observed, Relationship, Scope, Source, Specifier, Value
from mlsbom.survey.identity import ref

SCOPE_ORDER = {
    s: n for n, s in enumerate((Scope.RUNTIME, Scope.IMAGE, Scope.OPTIONAL, Scope.BUILD, Scope.DEV, Scope.SCRIPT, Scope.UNDECLARED))
}
FREE_TEXT = 2000


def source_of(o: Observed) -> Source:
    """The evidence of an observed fact, with its place."""
    e = o.fact.evidence
    return Source(
        path=o.place.path,
        member=o.place.member,
        line=e.line,
        offset=e.offset,
        key=e.key,
        technique=e.technique,
        confidence=e.confidence,
        note=e.note,
    )


def order(source: Source) -> tuple[Any, ...]:
    """Best evidence first, then by place."""
    return (-source.confidence, source.path, source.member, source.line or 0, source.offset or 0, source.key or "")


def _value_order(value: Value) -> tuple[Any, ...]:
    return order(value.source)


class Draft(Struct):
    """A component to be. `identity` is what makes it one: a purl, a digest, or name, version and unit."""

    kind: Kind
    name: str
    identity: str
    version: str | None = None
    purl: str | None = None
    supplier: str | None = None
    description: str | None = None
    scope: Scope | None = None
    primary: bool = False
    local: bool = False
    unit: str | None = None
    ecosystem: str | None = None
    hub: str | None = None
    licenses: list[License] = field(default_factory=list)
    specifiers: dict[tuple[Any, ...], Specifier] = field(default_factory=dict)
    evidence: dict[tuple[Any, ...], Source] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    ref: str = ""
    hashes: dict[tuple[str, str], None] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ref = ref(self.kind, self.name, self.identity)  # of what a draft never changes

    def seen(self, source: Source) -> None:
        """Add evidence."""
        self.evidence[(source.path, source.member, source.line, source.offset, source.key)] = source

    def narrow(self, scope: Scope) -> None:
        """The most binding of several scopes counts."""
        if self.scope is None or SCOPE_ORDER[scope] < SCOPE_ORDER[self.scope]:
            self.scope = scope

    def best(self, *names: str) -> list[Any]:
        """The best value so far of each of these fields, or None: in one walk, for a model of many files has tens of thousands."""
        found: dict[str, list[Value]] = {name: [] for name in names}
        for v in self.values:
            if v.field in found:
                found[v.field].append(v)
        return [min(rows, key=_value_order).value if rows else None for rows in found.values()]

    def freeze(self) -> Component:
        """The component."""
        fields: dict[str, list[Value]] = {}  # sorted one by one: facts come by path, so that most are nearly in order
        for v in self.values:
            fields.setdefault(v.field, []).append(v)
        values = [v for name in sorted(fields) for v in sorted(fields[name], key=_value_order)]
        return Component(
            ref=self.ref,
            kind=self.kind,
            name=self.name,
            version=self.version,
            purl=self.purl,
            supplier=self.supplier,
            description=self.description,
            scope=self.scope,
            primary=self.primary,
            local=self.local,
            unit=self.unit,
            licenses=tuple(sorted(self.licenses, key=lambda x: (x.role, order(x.source), x.written))),
            specifiers=tuple(self.specifiers[k] for k in sorted(self.specifiers)),
            evidence=tuple(sorted(self.evidence.values(), key=order)),
            values=tuple(values),
            hashes=tuple(sorted(self.hashes)),
            files=tuple(sorted(set(self.files))),
            ecosystem=self.ecosystem,
            hub=self.hub,
        )


class Workshop:
    """All drafts by (kind, identity), and the edges between them."""

    def __init__(self) -> None:
        self.drafts: dict[tuple[Kind, str], Draft] = {}
        self._edges: dict[tuple[str, str, str, str | None], dict[tuple[Any, ...], Source]] = {}

    def draft(self, kind: Kind, name: str, identity: str, **more: Any) -> Draft:
        """The draft under this identity, made if it is new."""
        key = (kind, identity)
        if key not in self.drafts:
            self.drafts[key] = Draft(kind, name, identity, **more)
        return self.drafts[key]

    def join(self, source: Draft, kind: str, target: Draft, evidence: Iterable[Source] = (), relation: str | None = None) -> None:
        """An edge; one from a thing to itself is dropped."""
        if source is target:
            return
        places = self._edges.setdefault((source.ref, kind, target.ref, relation), {})
        for e in evidence:
            places[(e.path, e.member, e.line, e.offset, e.key)] = e

    def relationships(self) -> tuple[Relationship, ...]:
        """All edges in a fixed order."""
        return tuple(
            Relationship(source=s, kind=k, target=t, relation=r, evidence=tuple(sorted(places.values(), key=order)))
            for (s, k, t, r), places in sorted(self._edges.items(), key=lambda x: tuple(v or "" for v in x[0]))
        )

    def pairs(self) -> dict[str, set[str]]:
        """Targets by source, for reachability."""
        out: dict[str, set[str]] = {}
        for s, _, t, _ in self._edges:
            out.setdefault(s, set()).add(t)
        return out
