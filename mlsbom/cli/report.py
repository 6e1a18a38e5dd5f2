"""`mlsbom report`."""

from __future__ import annotations

from typing import Any

import click

from mlsbom.cli.stored import policy_options, read, settings_of


@click.command()
@click.argument("file")
@click.option(
    "-o", "--output", "outputs", multiple=True, required=True, metavar="FORMAT[=FILE]", help="html, markdown, sarif, cyclonedx-json, ..."
)
@policy_options
def command(file: str, outputs: tuple[str, ...], **options: Any) -> None:
    """Write reports and documents from FILE, a scan's own json, without the target.

    \b
    Examples:
      mlsbom report scan.json -o html=report.html --lang ko
      mlsbom report scan.json -o cyclonedx-json@1.7=sbom.cdx.json -o markdown
    """
    from mlsbom.cli.scan import write
    from mlsbom.export import choose

    settings = settings_of(**options)
    chosen = [(choose(spec.partition("=")[0], settings.lang), spec.partition("=")[2]) for spec in outputs]
    write(read(file, settings), chosen)
