"""What changed between two scans: components, licences, findings, grades, tensors, files. For review, and for re-certification."""

from __future__ import annotations

from typing import Any

from mlsbom.callable_module import callable_module
from mlsbom.model import Assessment, Component, Grade, Kind, TensorTable
from mlsbom.survey.licensing import as_expression


def diff(old: Assessment, new: Assessment) -> dict[str, Any]:
    """Plain data: for each subject `added`, `removed` and `changed`, sorted. Components are matched by kind, ecosystem and name."""
    return {
        "old": {"uri": old.survey.target.uri, "digest": old.survey.target.digest, "revision": old.survey.target.revision},
        "new": {"uri": new.survey.target.uri, "digest": new.survey.target.digest, "revision": new.survey.target.revision},
        "components": _keyed(_components(old), _components(new)),
        "licenses": _keyed(_licenses(old), _licenses(new)),
        "files": _keyed({a.path: a.sha256 for a in old.survey.artifacts}, {a.path: a.sha256 for a in new.survey.artifacts}),
        "tensors": _keyed(_tensors(old), _tensors(new)),
        "findings": _keyed({f.id: _finding(f) for f in old.findings}, {f.id: _finding(f) for f in new.findings}),
        "grades": _keyed(_grades(old.grades), _grades(new.grades)),
        "gate": {
            "old": {"passed": old.gate.passed, "incomplete": old.gate.incomplete},
            "new": {"passed": new.gate.passed, "incomplete": new.gate.incomplete},
        },
    }


def same(d: dict[str, Any]) -> bool:
    """Whether nothing changed."""
    return not any(
        d[k]["added"] or d[k]["removed"] or d[k]["changed"] for k in ("components", "licenses", "files", "tensors", "findings", "grades")
    )


def _keyed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {
        "added": [{"key": k, "new": new[k]} for k in sorted(new.keys() - old.keys())],
        "removed": [{"key": k, "old": old[k]} for k in sorted(old.keys() - new.keys())],
        "changed": [{"key": k, "old": old[k], "new": new[k]} for k in sorted(old.keys() & new.keys()) if old[k] != new[k]],
    }


def _name(c: Component) -> str:
    return f"{c.kind}:{c.ecosystem + ':' if c.ecosystem else ''}{c.name}"


def _components(a: Assessment) -> dict[str, Any]:
    out: dict[str, list[str]] = {}
    for c in a.graph.components:
        out.setdefault(_name(c), []).append(c.version or ", ".join(sorted({s.specifier for s in c.specifiers if s.specifier})) or "")
    return {k: sorted(set(v)) for k, v in out.items()}


def _licenses(a: Assessment) -> dict[str, Any]:
    out: dict[str, set[str]] = {}
    for c in a.graph.components:
        if c.kind in (Kind.MODEL, Kind.DATASET, Kind.PACKAGE) and (e := as_expression(c)):
            out.setdefault(_name(c), set()).add(e)
    return {k: sorted(v) for k, v in out.items()}


def _tensors(a: Assessment) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for o in a.survey.observed:
        if isinstance(o.fact, TensorTable):
            for name, dtype, shape in zip(o.fact.names, o.fact.dtypes, o.fact.shapes, strict=False):
                out[f"{o.place}#{name}"] = f"{dtype}{list(shape)}"
            if not o.fact.names:
                out[str(o.place)] = {"tensors": o.fact.count, "parameters": o.fact.parameters}
    return out


def _finding(f: Any) -> dict[str, str]:
    return {"rule": f.rule, "severity": str(f.severity), "subject": f.subject, "message": f.message, "waived": f.waived_by or ""}


def _grades(grades: tuple[Grade, ...]) -> dict[str, Any]:
    return {f"{g.criterion}:{g.component}": g.level for g in grades}


callable_module(__name__)
