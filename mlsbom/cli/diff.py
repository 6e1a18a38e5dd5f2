"""`mlsbom diff`."""

from __future__ import annotations

import os
from typing import Any

import click

from mlsbom.cli.common import exit_with, safe, write_document
from mlsbom.cli.stored import policy_options, read, settings_of


@click.command(epilog="Exit codes: 0 nothing changed or --exit-zero, 1 something changed, 2 wrong use.")
@click.argument("old")
@click.argument("new")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the difference is printed."
)
@click.option("--exit-zero", is_flag=True, help="Exit 0 also where something changed.")
@policy_options
def command(old: str, new: str, form: str, exit_zero: bool, **options: Any) -> None:
    """What changed between two scans (their json) or two targets: components, licences, files, tensors, findings, grades.

    \b
    Examples:
      mlsbom diff old.json new.json
      mlsbom diff old.json ./model --format json --exit-zero
    """
    from mlsbom.diff import diff, same
    from mlsbom.scan import scan

    settings = settings_of(**options)
    a, b = (scan(x, settings) if os.path.isdir(x) or x.startswith("hf://") else read(x, settings) for x in (old, new))
    result = diff(a, b)
    if form == "json":
        write_document(result)
    else:
        for line in lines(result):
            click.echo(line)
    exit_with(0 if exit_zero or same(result) else 1)


def lines(result: dict[str, Any]) -> list[str]:
    """The difference for people."""
    out = []
    for subject in ("components", "licenses", "files", "tensors", "findings", "grades"):
        rows = result[subject]
        total = sum(len(rows[k]) for k in ("added", "removed", "changed"))
        if not total:
            continue
        out.append(f"{subject}: {len(rows['added'])} added, {len(rows['removed'])} removed, {len(rows['changed'])} changed")
        for sign, kind in (("+", "added"), ("-", "removed"), ("~", "changed")):
            for row in rows[kind][:40]:
                out.append(safe(f"  {sign} {row['key']}: " + " -> ".join(_short(row[k]) for k in ("old", "new") if k in row), 300))
            if len(rows[kind]) > 40:
                out.append(f"  {sign} … and {len(rows[kind]) - 40} more")
    return out or ["nothing changed"]


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(v) for v in value) or "any"
    if isinstance(value, dict):
        return " ".join(str(value[k]) for k in ("severity", "rule", "message") if k in value) or str(value)
    return str(value)[:80]
