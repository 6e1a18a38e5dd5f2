"""`mlsbom rules`."""

from __future__ import annotations

import click

from mlsbom.cli.common import FORMAT, emit


@click.command()
@FORMAT
def command(form: str) -> None:
    """List the rules, with severity and title.

    \b
    Examples:
      mlsbom rules
      mlsbom rules --format json
    """
    from mlsbom.rulebook import ids, page

    rows = (
        {"id": p.id, "title": p.title, "severity": str(p.severity), "waivable": p.waivable, "summary": p.sections.get("What it does", "")}
        for p in map(page, ids())
    )
    emit(rows, form, lambda r: f"{r['id']:34} {r['severity']:9} {r['title']}")
