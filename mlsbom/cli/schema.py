"""`mlsbom schema`."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of the scan document.

    \b
    Examples:
      mlsbom schema > mlsbom.schema.json
    """
    from mlsbom.cli.common import write_document
    from mlsbom.survey.schema import schema

    write_document(schema())
