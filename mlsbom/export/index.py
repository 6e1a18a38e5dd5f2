"""An assessment with the look-ups that writers need, made once a document: all sizes stay linear."""

from __future__ import annotations

from collections.abc import Sequence

from mlsbom.model import Artifact, Assessment, Component, Relationship


class Index:
    """Components by ref, relationships by end, artifacts by path, the ledger by component."""

    def __init__(self, a: Assessment) -> None:
        self.assessment = a
        self.everything: tuple[Component, ...] = (a.graph.root, *a.graph.components)
        self.refs: dict[str, Component] = {c.ref: c for c in self.everything}
        self.artifacts: dict[str, Artifact] = {x.path: x for x in a.survey.artifacts}
        self._out: dict[str, list[Relationship]] = {}
        self._in: dict[str, list[Relationship]] = {}
        self._unknown: dict[str, list[tuple[str, str]]] = {}
        for r in a.graph.relationships:
            self._out.setdefault(r.source, []).append(r)
            self._in.setdefault(r.target, []).append(r)
        for u in a.graph.unknowns:
            self._unknown.setdefault(u.ref, []).append((u.field, f"{u.reason}: {u.detail}" if u.detail else u.reason))

    def out(self, ref: str, *kinds: str) -> list[Relationship]:
        """The relationships that start at a component, of these kinds or all."""
        return [r for r in self._out.get(ref, ()) if not kinds or r.kind in kinds]

    def into(self, ref: str) -> Sequence[Relationship]:
        """The relationships that end at a component."""
        return self._in.get(ref, ())

    def unknown(self, ref: str) -> Sequence[tuple[str, str]]:
        """(field, reason) of what is not known about a component."""
        return self._unknown.get(ref, ())
