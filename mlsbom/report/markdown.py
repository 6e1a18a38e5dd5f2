"""`markdown` for a pull request's comment or a job summary: the gate, the grades, the findings, what was not read. Text is escaped."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from mlsbom.assess.findings import where_text
from mlsbom.model import Assessment, Kind, Severity, Status
from mlsbom.report.table import CRITERIA, clean, summary
from mlsbom.survey.licensing import as_expression

MOST: Final = 40
MARKS: Final = {Severity.CRITICAL: "🟥", Severity.HIGH: "🟧", Severity.MEDIUM: "🟨", Severity.LOW: "🟦", Severity.INFO: "⬜"}

STATES: Final = {"shown": "✅ shown", "unknown": "❔ said to be unknown", "not-shown": "❌ not shown"}


def escape(value: str, limit: int = 300) -> str:
    """Text of a target inside Markdown: no markup, no mention, no link, no HTML, no new row."""
    marked = re.sub(r"([\\`*_{}\[\]()#+!|~@:/-]|(?<=www)\.)", r"\\\1", clean(value, limit))
    return marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def render(assessment: Assessment, version: str) -> bytes:
    """The comment as UTF-8 bytes."""
    a = assessment
    state = "❌ failed" if not a.gate.passed else "⚠️ incomplete" if a.gate.incomplete else "✅ passed"
    out = [f"### mlsbom: {escape(a.survey.target.name)}: {state}", "", escape(summary(a)), ""]
    reasons = [r for r in a.gate.reasons if not r.startswith("not read:")]
    out += [f"- {escape(r)}" for r in reasons[:10]] + [""] * bool(reasons)
    kinds = Counter(c.kind for c in a.graph.components)
    out += ["**Made of** " + ", ".join(f"{n} {k}{'s' if n > 1 else ''}" for k, n in sorted(kinds.items())), ""]
    if a.grades:
        out += ["| criterion | level | lacks |", "| --- | --- | --- |"]
        for criterion in CRITERIA:
            rows = [g for g in a.grades if g.criterion == criterion]
            if rows:
                low = min(rows, key=lambda g: (g.level, g.component))
                lacks = "; ".join([f"{k}: {v}" for k, v in sorted(low.failed.items())][:2] + sorted(low.not_shown)[:4])
                waived = ", waived" if low.waived else ""
                out.append(f"| {criterion} | {low.level}{waived} | {escape(lacks)} |")
        out.append("")
    shown = [f for f in a.findings if f.severity != Severity.INFO]
    if shown:
        out += ["| | rule | what | where |", "| --- | --- | --- | --- |"]
        for f in shown[:MOST]:
            waived = " *(waived)*" if f.waived_by else ""
            out.append(f"| {MARKS[f.severity]} {f.severity} | `{f.rule}` | {escape(f.message)}{waived} | {escape(where_text(f.where))} |")
        if len(shown) > MOST:
            out.append(f"| | | and {len(shown) - MOST} more | |")
        out.append("")
    bases = [c for c in a.graph.components if c.kind in (Kind.MODEL, Kind.DATASET)]
    if bases:
        out += ["<details><summary>Models and data sets</summary>", "", "| kind | name | version | licence |", "| --- | --- | --- | --- |"]
        out += [f"| {c.kind} | {escape(c.name)} | {escape(c.version or '–')} | {escape(as_expression(c) or '–')} |" for c in bases[:MOST]]
        out += ["", "</details>", ""]
    out += _documented(a)
    unread = [(p, s, r) for p, s, r in a.coverage if s != Status.OPAQUE]
    if unread:
        out += [f"<details><summary>Not read: {len(unread)} places</summary>", ""]
        out += [f"- {escape(str(p))}: {s}: {escape(r)}" for p, s, r in unread[:MOST]] + ["", "</details>", ""]
    out.append(f"<sub>mlsbom {a.survey.tool.version}, data packs of {a.survey.tool.signatures_date or 'no date'}</sub>")
    return ("\n".join(out) + "\n").encode("utf-8", "replace")


def _documented(a: Assessment) -> list[str]:
    """What the profile asks to be documented, and alternatives that could be named; nothing where neither is there."""
    out: list[str] = []
    if a.items:
        shown = sum(x.state == "shown" for x in a.items)
        out += [f"<details><summary>Asked to be documented: {shown} of {len(a.items)} shown</summary>", ""]
        out += ["| item | | shown by |", "| --- | --- | --- |"]
        out += [f"| {escape(x.title)} | {STATES[x.state]} | {escape(', '.join(x.where) or x.why)} |" for x in a.items]
        out += ["", "</details>", ""]
    if a.proposals:
        refs = a.graph.by_ref()
        out += ["<details><summary>Alternatives that could be named (proposals from data, not counted)</summary>", ""]
        out += [
            f"- {escape(refs[x.component].name)}: {escape(x.name)} ({x.license}; {escape(x.supplier)}, {x.jurisdiction})"
            for x in a.proposals[:MOST]
        ]
        out += ["", "</details>", ""]
    return out
