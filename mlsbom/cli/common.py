"""What commands share: formats of output, streams, exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json", "jsonl"]), default="text", show_default=True, help="How results are printed."
)


def exit_with(code: int) -> None:
    """Leave the command with this exit code (see the machine interface)."""
    click.get_current_context().exit(code)


def write_line(row: Any) -> None:
    """One JSON object on one line, written at once."""
    import msgspec

    sys.stdout.buffer.write(msgspec.json.encode(row, order="deterministic") + b"\n")
    sys.stdout.buffer.flush()


def write_document(document: Any) -> None:
    """One JSON document, indented."""
    import msgspec

    raw = msgspec.json.encode(document)
    sys.stdout.buffer.write(msgspec.json.format(raw, indent=2) + b"\n")
    sys.stdout.buffer.flush()


def emit(rows: Iterable[dict[str, Any]], form: str, text: Any) -> list[dict[str, Any]]:
    """Print rows as they are made: `jsonl` line by line, `json` as one list, `text` by `text(row)`. Returns all rows."""

    def one(row: dict[str, Any]) -> dict[str, Any]:
        if form == "jsonl":
            write_line(row)
        elif form == "text":
            click.echo(text(row))
        return row

    done = [one(r) for r in rows]
    if form == "json":
        write_document(done)
    return done


def safe(text: str, limit: int = 400) -> str:
    """Text of a target for the terminal: control characters and direction marks escaped, cut to `limit` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() or c == " " else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in cut)


def lines_of(path: str) -> Iterator[str]:
    """The lines of a file, or of standard input for `-`, without line ends; undecodable bytes are replaced."""
    with click.open_file(path, "r", encoding="utf-8", errors="replace") as f:
        for line in f:
            yield line.rstrip("\r\n")
