"""`csv`: one row a component, for spreadsheets. Cells that a spreadsheet would take for a formula are quoted with an apostrophe."""

from __future__ import annotations

import csv
import io
from typing import Final

from mlsbom.export.cyclonedx.values import location, text
from mlsbom.model import Assessment
from mlsbom.survey.licensing import as_expression

COLUMNS: Final = (
    "kind",
    "name",
    "version",
    "purl",
    "licence",
    "supplier",
    "scope",
    "specifiers",
    "sha256",
    "findings",
    "worst_severity",
    "place",
    "line",
    "unknown",
    "ref",
)


def cell(value: object) -> str:
    """A safe cell: no control characters, no formula."""
    shown = text(str(value)) if value is not None else ""
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@", "\t", "\r") else shown


def render(assessment: Assessment, version: str) -> bytes:
    """The table as UTF-8 with a byte-order mark, so that spreadsheets read Korean."""
    by_name: dict[str, list[str]] = {}
    for f in assessment.findings:
        by_name.setdefault(f.subject, []).append(str(f.severity))
    unknown: dict[str, list[str]] = {}
    for u in assessment.graph.unknowns:
        unknown.setdefault(u.ref, []).append(u.field)
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for c in (assessment.graph.root, *assessment.graph.components):
        best = c.evidence[0] if c.evidence else None
        severities = [s for name in sorted(c.names) for s in by_name.get(name, ())]
        row = (
            c.kind,
            c.name,
            c.version,
            c.purl,
            as_expression(c),
            c.supplier,
            c.scope,
            " | ".join(sorted({s.specifier for s in c.specifiers if s.specifier})),
            dict(c.hashes).get("sha256"),
            len(severities) or None,
            severities[0] if severities else None,
            location(best) if best else None,
            best.line if best else None,
            " ".join(sorted(set(unknown.get(c.ref, [])))),
            c.ref,
        )
        table.writerow([cell(v) for v in row])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")
