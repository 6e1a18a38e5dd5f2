"""`mlsbom assess`."""

from __future__ import annotations

from typing import Any

import click

from mlsbom.cli.common import exit_with
from mlsbom.cli.stored import policy_options, read, settings_of


@click.command()
@click.argument("file")
@click.option("-o", "--output", "outputs", multiple=True, metavar="FORMAT[=FILE]", help="As of scan; the default is table.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="json is short for -o json.")
@policy_options
def command(file: str, outputs: tuple[str, ...], form: str, **options: Any) -> None:
    """Grade FILE, a scan's own json, again: with other packs, another profile, at another time. No byte of the target is read.

    \b
    Examples:
      mlsbom assess scan.json --profile kr-graded
      mlsbom assess scan.json --profile kr-graded -o json=graded.json -o html=report.html
    """
    from mlsbom.cli.scan import write
    from mlsbom.export import choose

    specs = outputs or (("json",) if form == "json" else ("table",))
    settings = settings_of(**options)
    chosen = [(choose(spec.partition("=")[0], settings.lang), spec.partition("=")[2]) for spec in specs]
    result = read(file, settings)
    write(result, chosen)
    exit_with(result.gate.exit_code)
