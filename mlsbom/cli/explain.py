"""`mlsbom explain`."""

from __future__ import annotations

import click

from mlsbom.cli.common import write_document


@click.command()
@click.argument("rule")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the page is printed.")
def command(rule: str, form: str) -> None:
    """Explain RULE, or a check of the criteria: what it finds, why that is bad, an example, what to do.

    \b
    Examples:
      mlsbom explain PACKAGE-AFFECTED
      mlsbom explain AU4
    """
    from mlsbom.assess.rubric import BY_ID
    from mlsbom.rulebook import page

    check = BY_ID.get(rule.upper())
    if check is not None:
        row = {"id": check.id, "criterion": check.criterion, "level": check.level, "title": check.title, "remedy": check.remedy}
        if form == "json":
            write_document(row)
        else:
            click.echo(f"{check.id}  {check.title}\n{check.criterion}, level {check.level}\n\nTo meet it: {check.remedy}")
        return
    p = page(rule.upper())
    if form == "json":
        write_document({"id": p.id, "title": p.title, "severity": p.severity, "waivable": p.waivable, "sections": p.sections})
        return
    click.echo(f"{p.id}  {p.title}\nseverity {p.severity}" + ("" if p.waivable else ", cannot be waived"))
    for heading, words in p.sections.items():
        click.echo(f"\n{heading}\n{words}")
