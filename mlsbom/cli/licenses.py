"""`mlsbom licenses`: identify texts, resolve tags, collect notices."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mlsbom.cli.common import FORMAT, emit, exit_with, safe
from mlsbom.errors import UsageError


@click.group()
def command() -> None:
    """Identify licences, read their clauses, collect notices."""


@command.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@FORMAT
@click.option("--signatures", type=click.Path(path_type=Path), help="Folder of data packs to use instead of the ones shipped.")
def identify(files: tuple[Path, ...], form: str, signatures: Path | None) -> None:
    """Name the licence of each text, with the conditions it states, quoted.

    \b
    Examples:
      mlsbom licenses identify LICENSE
      mlsbom licenses identify --format jsonl */LICENSE*
    """
    from mlsbom.knowledge import Packs

    if not files:
        raise UsageError("no file named", remedy="name at least one licence text")
    packs = Packs(signatures)
    missing: list[str] = []
    emit(_identified(files, packs, missing), form, _shown)
    exit_with(3 if missing else 0)


@command.command()
@click.argument("tags", nargs=-1)
@FORMAT
def tag(tags: tuple[str, ...], form: str) -> None:
    """What a Hugging Face licence tag stands for; `ambiguous` where it names a family or nothing.

    \b
    Example:
      mlsbom licenses tag llama3.1 openrail other
    """
    from mlsbom.knowledge import Packs
    from mlsbom.licenses import facts

    if not tags:
        raise UsageError("no tag named", remedy="name at least one licence tag")
    table = facts.load(Packs())
    emit((_tagged(t, table) for t in tags), form, _shown)
    exit_with(0)


@command.command()
@click.argument("target")
@click.option("-o", "--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder to write to; made if absent.")
@FORMAT
def notices(target: str, folder: Path, form: str) -> None:
    """Collect what a release of TARGET must carry: licence texts, notices, names and display lines.

    \b
    Example:
      mlsbom licenses notices . -o notices/
    """
    from mlsbom.export.notices import write
    from mlsbom.scan import Settings, scan

    settings = Settings()
    rows = write(scan(target, settings), folder, settings.packs)
    emit(rows, form, lambda r: f"{r['status']:8} {safe(r['component'])}: {safe(r['what'])}" + (f" -> {r['file']}" if r["file"] else ""))
    exit_with(3 if any(r["status"] == "missing" for r in rows) else 0)


def _identified(files: tuple[Path, ...], packs: Any, missing: list[str]) -> Iterator[dict[str, Any]]:
    from mlsbom.licenses.identify import identify as one
    from mlsbom.licenses.text import LIMIT

    for path in files:
        try:
            data = _read(path, LIMIT)
        except OSError as e:
            missing.append(str(path))
            print(f"mlsbom: {safe(str(path))}: {e.strerror}", file=sys.stderr)
            yield {"file": str(path), "expression": None, "licenses": [], "why": f"cannot be read: {e.strerror}"}
            continue
        yield {"file": str(path), **one(data, packs).row()}


def _read(path: Path, limit: int) -> bytes:
    """The bytes of a regular file; of a long one a head and a tail that together show it to be too long."""
    import os
    import stat

    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as f:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(21, "is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise OSError(22, "is no regular file")
        if status.st_size <= limit:
            return f.read()
        head = f.read(limit // 2)
        f.seek(-limit // 2 - 2, 2)
        return head + b"\n\n" + f.read()


def _tagged(written: str, table: Any) -> dict[str, Any]:
    from mlsbom.licenses.expressions import tag as resolve

    found = resolve(written, table)
    return {
        "tag": written,
        "expression": found.expression,
        "ambiguous": found.ambiguous,
        "candidates": list(found.candidates),
        "why": found.why,
        "licenses": [_fact_row(i, table) for i in found.ids if i != "NOASSERTION"],
    }


def _fact_row(identifier: str, table: Any) -> dict[str, Any]:
    known = table.get(identifier)
    return {
        "id": identifier,
        "name": known.name if known else identifier,
        "kind": table.kind(identifier),
        "score": 0.0 if known is None else 1.0,
        "confidence": known.confidence if known else "",
        "clauses": [{"clause": c, "line": None, "text": "", "value": v} for c, v in (known.clauses.items() if known else ())],
    }


def _shown(row: dict[str, Any]) -> str:
    lines = [
        f"{safe(str(row.get('file', row.get('tag'))))}: {row['expression'] or '-'}  ({safe(row['why'])})"
        if row["why"]
        else f"{safe(str(row.get('file', row.get('tag'))))}: {row['expression'] or '-'}"
    ]
    for one in row["licenses"]:
        lines.append(f"  {one['id']}  {one['kind']}")
        lines += [
            f"    {c['clause']}{' = ' + safe(c['value']) if c['value'] else ''}"
            + (f"  line {c['line']}: {safe(c['text'], 160)}" if c["line"] else "")
            for c in one["clauses"]
        ]
    return "\n".join(lines)
