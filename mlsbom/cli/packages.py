"""`mlsbom packages check` and `mlsbom packages block`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlsbom.cli.common import FORMAT, emit, exit_with, lines_of, safe, write_line

if TYPE_CHECKING:
    from mlsbom.packages.verdict import Judge

ECOSYSTEM = click.Choice(["pypi", "npm", "golang", "composer"])
_MARKS = {"malicious": "✗", "affected": "✗", "typosquat": "✗", "possibly-affected": "!", "review": "?", "unknown-name": "?", "ok": "✓"}


@click.group(name="packages", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Judge package names and releases; block a wave."""


def _packs(signatures: str | None) -> Any:
    from mlsbom.knowledge import Packs

    return Packs(Path(signatures) if signatures else None)


SIGNATURES = click.option(
    "--signatures", type=click.Path(exists=True, file_okay=False), help="A folder of data packs to use instead of the installed one."
)


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("names", nargs=-1)
@click.option("--ecosystem", type=ECOSYSTEM, default="pypi", show_default=True, help="Whose names these are.")
@click.option(
    "--from",
    "source",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="A file with one NAME[SPECIFIER] a line; - is standard input.",
)
@click.option("--without", default="", metavar="PACK,...", help="Leave data out: feed, snapshot, popular.")
@click.option("--corrections", type=click.Path(exists=True, dir_okay=False), help="A feed-overrides.toml with local corrections.")
@SIGNATURES
@FORMAT
def check(
    names: tuple[str, ...], ecosystem: str, source: str | None, without: str, corrections: str | None, signatures: str | None, form: str
) -> None:
    """Judge NAME[SPECIFIER]...: known to be malicious, affected, a look-alike, unknown, or ok.

    \b
    Examples:
      mlsbom packages check 'litellm==1.82.7' requestss
      mlsbom packages check --from names.txt --format jsonl
      mlsbom packages check --ecosystem npm 'chalk@^5.6.0'
    """
    from mlsbom.errors import NothingToScan, UsageError
    from mlsbom.packages.verdict import Judge

    judge = Judge(_packs(signatures), without=filter(None, without.split(",")), corrections=Path(corrections) if corrections else None)
    lines = list(names)
    if source is not None:
        try:
            lines += [line for line in lines_of(source) if line.strip() and not line.lstrip().startswith("#")]
        except OSError as e:
            raise UsageError(f"cannot be read: {source}: {e.strerror}") from e
    if not lines:
        raise NothingToScan("no name to check", remedy="give names, or a file of them with --from")
    _answer(lines, judge, ecosystem, form)


def _answer(lines: list[str], judge: Judge, ecosystem: str, form: str) -> None:
    from mlsbom.packages.check import rows

    failed, good = False, 0

    def answered() -> Iterator[dict[str, Any]]:
        nonlocal failed, good
        for row, answer in _progress(rows(lines, judge, ecosystem), len(lines)):
            if answer is None:
                click.echo(f"mlsbom: {safe(row['input'], 100)}: {safe(str(row['error']))}", err=True)
            else:
                good += 1
                failed = failed or answer.fails
            yield row

    emit(answered(), form, _text)
    for message in judge.gaps.values():
        click.echo(f"mlsbom: checked without it: {message}", err=True)
    for o in judge.overrides.expired:
        click.echo(f"mlsbom: expired on {o.expires}: {o}", err=True)
    for o in judge.overrides.unused:
        click.echo(f"mlsbom: took no effect: {o}", err=True)
    exit_with(2 if not good else 1 if failed else 3 if good < len(lines) or judge.gaps else 0)


def _progress(rows: Iterator[Any], count: int) -> Iterator[Any]:
    """The rows, with a line of progress for long lists on a terminal."""
    import sys

    shown = count > 5000 and sys.stderr.isatty()
    for n, row in enumerate(rows, 1):
        if shown and n % 1000 == 0:
            click.echo(f"\r{n} of {count} names", nl=False, err=True)
        yield row
    if shown:
        click.echo("\r", err=True)


def _text(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"! {safe(row['input'])}: {safe(row['error'])}"
    target = f" (did you mean {row['target']}?)" if row["verdict"] == "unknown-name" and row["target"] else ""
    return f"{_MARKS[row['verdict']]} {safe(row['input'])}: {row['verdict']}: {safe(row['why'])}{target}"


@command.command()
@click.option("--wave", required=True, help="The wave: a slug such as hades, or one of its other names.")
@click.option(
    "--as",
    "shape",
    type=click.Choice(["auto", "pip", "npm", "deny"]),
    default="auto",
    show_default=True,
    help="pip: a constraints file; npm: overrides for package.json; deny: lines ECOSYSTEM NAME VERSION; auto: pip and, as comments, deny.",
)
@SIGNATURES
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "jsonl"]),
    default="text",
    show_default=True,
    help="text as above, or the releases as JSON.",
)
def block(wave: str, shape: str, signatures: str | None, form: str) -> None:
    """Print what keeps the releases of a wave from being installed.

    \b
    Examples:
      mlsbom packages block --wave hades > constraints.txt && pip install -c constraints.txt -r requirements.txt
      mlsbom packages block --wave keyv-cacheable --as deny
    """
    from mlsbom.cli.common import write_document
    from mlsbom.packages import waves

    found = waves.find(_packs(signatures), wave)
    releases = waves.releases(_packs(signatures), found.slug)
    if form == "text":
        for line in waves.block(found, releases, shape):
            click.echo(line)
        return
    rows = [{"wave": found.slug, "ecosystem": eco, "name": e.name, "versions": list(e.versions), "id": e.id} for eco, e in releases]
    if form == "json":
        write_document(rows)
    else:
        for row in rows:
            write_line(row)
