"""`html`: one self-contained file in Korean and English. No script, style, font or picture from elsewhere; works from a USB stick."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mlsbom.assess.findings import where_text
from mlsbom.assess.rubric import BY_ID
from mlsbom.model import SEVERITY_ORDER, Assessment, Component, Grade, Status
from mlsbom.report.graph import graph, strip
from mlsbom.report.table import CRITERIA, clean, number, size
from mlsbom.report.words import WORDS
from mlsbom.survey.licensing import as_expression

TEMPLATE: Final = Path(__file__).resolve().parent / "report.html.j2"
ROLES: Final = ("application", "model", "dataset", "package", "service", "container", "code", "agent-tool")
MOST_UNKNOWNS: Final = 400
MOST_PLACES: Final = 3


def render(assessment: Assessment, version: str, lang: str = "en") -> bytes:
    """The report as UTF-8 bytes; `lang` is the language that is shown first."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)

    def t(key: str) -> Markup:
        en, ko = WORDS[key]
        return Markup('<span class="en" lang="en">{}</span><span class="ko" lang="ko">{}</span>').format(en, ko)

    environment.globals |= {"t": t, "where": where_text, "clean": clean}
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    pictures = {"graph": Markup(graph(assessment)), "strips": [Markup(strip(list(x.get("tensors", [])))) for x in assessment.lineage]}  # noqa: S704 - our own SVG, escaped where it is made
    return template.render(**context(assessment, lang), **pictures).encode("utf-8", "replace")


def context(a: Assessment, lang: str) -> dict[str, Any]:
    """What the template shows, as plain data."""
    main = next((c for c in a.graph.components if c.primary), None)
    refs = a.graph.by_ref()
    shown = list(a.findings)
    counts = {
        s: sum(f.severity == s and f.waived_by is None for f in shown) for s in sorted(SEVERITY_ORDER, key=lambda s: -SEVERITY_ORDER[s])
    }
    return {
        "lang": lang,
        "a": a,
        "name": clean(a.survey.target.name, 120),
        "state": "failed" if not a.gate.passed else "incomplete" if a.gate.incomplete else "passed",
        "reasons": [clean(r, 400) for r in a.gate.reasons if not r.startswith("not read:")],
        "summary": _summary(a, main),
        "roles": _roles(a, refs),
        "rows": [_component(c) for c in (a.graph.root, *a.graph.components)],
        "kinds": sorted({str(c.kind) for c in (a.graph.root, *a.graph.components)}),
        "findings": shown,
        "counts": counts,
        "licenses": [(c, x) for c in a.graph.components for x in c.licenses],
        "coverage": [(str(p), str(s), r) for p, s, r in a.coverage],
        "unread": sum(s != Status.OPAQUE for _, s, _ in a.coverage),
        "unknowns": [(clean(refs[u.ref].name, 80) if u.ref in refs else u.ref, u) for u in a.graph.unknowns[:MOST_UNKNOWNS]],
        "unknowns_left": max(0, len(a.graph.unknowns) - MOST_UNKNOWNS),
        "checks": BY_ID,
        "criteria": CRITERIA,
        "refs": refs,
    }


def _summary(a: Assessment, main: Component | None) -> list[str]:
    total = sum(x.size for x in a.survey.artifacts)
    out = [f"{len(a.survey.artifacts)} files, {size(total)}"]
    if main is not None:
        parameters = main.value("parameters")
        words = (
            main.value("task"),
            main.value("architecture"),
            f"{number(parameters)} parameters" if isinstance(parameters, int) else None,
            main.value("dtype"),
            as_expression(main),
        )
        out += [clean(str(w), 80) for w in words if w]
    return out


def _roles(a: Assessment, refs: dict[str, Component]) -> list[dict[str, Any]]:
    """By role and criterion: the lowest grade and what it lacks."""
    by_role: dict[str, dict[str, list[Grade]]] = {}
    for g in a.grades:
        kind = str(refs[g.component].kind) if g.component in refs else "application"
        by_role.setdefault(kind, {}).setdefault(g.criterion, []).append(g)
    out = []
    for role in ROLES:
        if role not in by_role:
            continue
        cells: list[dict[str, Any] | None] = []
        for criterion in CRITERIA:
            rows = by_role[role].get(criterion, [])
            if not rows:
                cells.append(None)
                continue
            low = min(rows, key=lambda g: (g.level, -len(g.failed), g.component))
            cells.append(
                {
                    "level": low.level,
                    "of": len(rows),
                    "component": clean(refs[low.component].name, 60),
                    "failed": low.failed,
                    "not_shown": low.not_shown,
                    "waived": low.waived,
                }
            )
        out.append({"role": role, "count": max(len(v) for v in by_role[role].values()), "cells": cells})
    return out


def _component(c: Component) -> dict[str, Any]:
    return {
        "kind": str(c.kind),
        "name": clean(c.name, 120),
        "version": clean(c.version or ", ".join(sorted({s.specifier for s in c.specifiers if s.specifier}))[:60] or "–", 60),
        "licence": clean(as_expression(c) or "–", 120),
        "supplier": clean(c.supplier or "–", 80),
        "places": [clean(where_text(s), 100) for s in c.evidence[:MOST_PLACES]],
        "more": max(0, len(c.evidence) - MOST_PLACES),
        "local": c.local,
    }
