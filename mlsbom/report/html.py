"""`html`: one self-contained file in Korean and English. No script, style, font or picture from elsewhere; works from a USB stick."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mlsbom.assess.findings import where_text
from mlsbom.assess.rubric import BY_ID
from mlsbom.errors import UsageError
from mlsbom.model import SEVERITY_ORDER, Assessment, Component, Grade, Obligation, Status
from mlsbom.report import korean
from mlsbom.report.graph import graph, strip
from mlsbom.report.rule_titles import TITLES
from mlsbom.report.table import CRITERIA, clean, number, size
from mlsbom.report.words import CLAUSES, WORDS
from mlsbom.rulebook import page
from mlsbom.survey.licensing import as_expression

TEMPLATE: Final = Path(__file__).resolve().parent / "report.html.j2"
ROLES: Final = ("application", "model", "dataset", "package", "service", "container", "code", "agent-tool")
MOST_UNKNOWNS: Final = 400
MOST_PLACES: Final = 3
MOST_CHECKED: Final = 60
MOST_BEARERS: Final = 200
MOST_RELATED: Final = 40
FEW: Final = 500  # components of which the kind is written in both languages
RELATED: Final = ("copy", "derived", "review")


def render(assessment: Assessment, version: str, lang: str = "en") -> bytes:
    """The report as UTF-8 bytes; `lang` is the language that is shown first."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)

    def b(en: str, ko: str) -> Markup | str:
        return en if en == ko else Markup('<span class="en" lang="en">{}</span><span class="ko" lang="ko">{}</span>').format(en, ko)

    def t(key: str) -> Markup | str:
        return b(*WORDS[key])

    environment.globals |= {
        "t": t,
        "b": b,
        "where": where_text,
        "clean": clean,
        "words": WORDS,
        "marks": {"passed": "✓", "failed": "✕", "missing": "○"},
        "check": lambda k: b(BY_ID[k].title, korean.CHECKS[k][0]),
        "remedy": lambda k: b(BY_ID[k].remedy, korean.CHECKS[k][1]),
        "amount": lambda v: b(*(clean(x, 160) for x in korean.amount(v))),
        "clause": lambda k: b(*CLAUSES.get(k, (k, k))),
    }
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    related = [x for x in assessment.lineage if x.get("verdict") in RELATED][:MOST_RELATED]
    pictures = {  # our own SVG, escaped where it is made
        "graph": Markup(graph(assessment)),  # noqa: S704
        "related": [(x, Markup(strip(list(x.get("tensors", []))))) for x in related],  # noqa: S704
        "unrelated": len(assessment.lineage) - len(related),
    }
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
        "reasons": [(clean(r, 400), clean(korean.reason(r), 400)) for r in a.gate.reasons if not r.startswith("not read:")],
        "titles": {f.rule: _title(f.rule) for f in shown},
        "obligations": _obligations(a),
        "proposals": [(clean(refs[p.component].name, 80), p) for p in a.proposals],
        **_by_component(a, refs),
        "summary": _summary(a, main),
        "roles": _roles(a, refs),
        "rows": [_component(c, len(a.graph.components) <= FEW) for c in (a.graph.root, *a.graph.components)],
        "kinds": sorted({str(c.kind) for c in (a.graph.root, *a.graph.components)}),
        "findings": shown,
        "counts": counts,
        "licenses": [(c, x) for c in a.graph.components for x in c.licenses],
        "coverage": [(str(p), str(s), r) for p, s, r in a.coverage],
        "unread": sum(s != Status.OPAQUE for _, s, _ in a.coverage),
        "unknowns": [(clean(refs[u.ref].name, 80) if u.ref in refs else u.ref, u) for u in a.graph.unknowns[:MOST_UNKNOWNS]],
        "unknowns_left": max(0, len(a.graph.unknowns) - MOST_UNKNOWNS),
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


def _title(rule: str) -> tuple[str, str]:
    """A rule's title in both languages; its name where it has no page here (a document of a newer release)."""
    try:
        title = page(rule).title
    except UsageError:
        title = rule.replace("-", " ").capitalize()
    return title, TITLES.get(rule, title)


def _obligations(a: Assessment) -> list[tuple[tuple[str, str, str, str], list[Obligation]]]:
    """By bearer and licence, in the order of the assessment."""
    out: dict[tuple[str, str, str, str], list[Obligation]] = {}
    for x in a.obligations:
        out.setdefault((x.component, x.license, x.how, x.law), []).append(x)
    return list(out.items())[:MOST_BEARERS]


def _by_component(a: Assessment, refs: dict[str, Component]) -> dict[str, Any]:
    """Every check of every component: of models, data and the application first; of what is merely depended on only the first many."""
    by_ref: dict[str, list[Grade]] = {}
    for g in a.grades:
        by_ref.setdefault(g.component, []).append(g)
    order = sorted(by_ref, key=lambda r: (not refs[r].local, ROLES.index(k) if (k := str(refs[r].kind)) in ROLES else 9, refs[r].name))
    out = []
    for ref in order[:MOST_CHECKED]:
        states = {
            k: (state, why)
            for g in by_ref[ref]
            for state, rows in (("passed", dict.fromkeys(g.passed, "")), ("failed", g.failed), ("missing", g.not_shown))
            for k, why in rows.items()
        }
        out.append(
            {
                "name": clean(refs[ref].name, 100),
                "kind": str(refs[ref].kind),
                "levels": [(g.criterion, g.level) for g in by_ref[ref]],
                "rows": [(k, *states[k]) for k in BY_ID if k in states],
            }
        )
    return {"by_component": out, "components_left": max(0, len(order) - MOST_CHECKED)}


def _component(c: Component, few: bool) -> dict[str, Any]:
    return {
        "few": few,
        "kind": str(c.kind),
        "name": clean(c.name, 120),
        "version": clean(c.version or ", ".join(sorted({s.specifier for s in c.specifiers if s.specifier}))[:60] or "–", 60),
        "licence": clean(as_expression(c) or "–", 120),
        "supplier": clean(c.supplier or "–", 80),
        "places": [clean(where_text(s), 100) for s in c.evidence[:MOST_PLACES]],
        "more": max(0, len(c.evidence) - MOST_PLACES),
        "local": c.local,
    }
