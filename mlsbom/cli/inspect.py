"""`mlsbom inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlsbom.cli.common import FORMAT, emit, exit_with, safe


@click.command(epilog="Exit codes: 0 nothing of severity high or above, 1 a malicious file, 2 wrong use, 3 something could not be read.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@FORMAT
@click.option("--signatures", "packs", type=click.Path(file_okay=False), help="A folder of data packs instead of the built-in ones.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for each path.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Hash threads.")
def command(paths: tuple[str, ...], form: str, packs: str | None, timeout: float | None, jobs: int) -> None:
    """Inspect model files without loading them; each PATH, a file or a folder, is one case.

    \b
    Examples:
      mlsbom inspect model.pkl
      mlsbom inspect --format jsonl downloads/*
    """
    from mlsbom.inspection import exit_code, inspect
    from mlsbom.knowledge import Packs

    lines = inspect(paths, packs=Packs(Path(packs)) if packs else None, timeout=timeout, jobs=jobs)
    exit_with(exit_code(emit(lines, form, _text)))


_COLOURS = {"malicious": "red", "suspicious": "yellow", "incomplete": "magenta", "clean": "green"}


def _text(line: dict[str, Any]) -> str:
    """A line for people: the verdict, then what was found and what was not read."""
    out = [f"{click.style(line['verdict'], fg=_COLOURS[line['verdict']], bold=True)}  {safe(line['path'])}"]
    for finding in line["findings"]:
        where = finding["where"]
        place = "!/".join(p for p in (where["path"], where["member"]) if p)
        spot = f":{where['line']}" if where["line"] else f" at byte {where['offset']}" if where["offset"] is not None else ""
        out.append(f"  {finding['severity']:8}  {finding['rule']}  {safe(finding['message'])}  ({safe(place)}{spot})")
    out += [
        f"  not read  {safe(c['member'] or c['path'])}: {safe(c['reason'] or c['status'])}"
        for c in line["coverage"]
        if c["status"] in ("partial", "failed", "opaque")
    ]
    return "\n".join(out)
