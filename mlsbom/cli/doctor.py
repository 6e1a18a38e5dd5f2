"""`mlsbom doctor`."""

from __future__ import annotations

import click

from mlsbom.cli.common import exit_with, write_document


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the result is printed.")
@click.option("--online/--offline", default=False, help="Also ask whether the Hub answers; without it no socket is opened.")
def command(form: str, online: bool) -> None:
    """Check this installation: version, data packs and their age, trust root, optional parts, caches, and with --online the network.

    \b
    Examples:
      mlsbom doctor
      mlsbom doctor --format json
      mlsbom doctor --online
    """
    from mlsbom.doctor import examine

    rows = examine(online)
    if form == "json":
        write_document(rows)
    else:
        for r in rows:
            click.echo(
                f"{'ok  ' if r['ok'] else 'NOTE' if r['optional'] else 'BAD '} {r['what']:22} {r['found']}"
                + (f"\n{'':27} {r['remedy']}" if r["remedy"] else "")
            )
    exit_with(0 if all(r["ok"] or r["optional"] for r in rows) else 3)
