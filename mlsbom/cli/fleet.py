"""`mlsbom fleet`."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlsbom.cli.common import exit_with, safe, write_document, write_line

if TYPE_CHECKING:
    from mlsbom.store.database import Database

DB = click.option("--db", "url", required=True, metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/NAME")
TOTALS = {"done": "done", "before": "kept", "failed": "failed the gate", "incomplete": "incomplete", "died": "died"}
COLUMNS = ("verdict", "target", "component", "version", "specifier", "path", "line", "via", "since")


@click.group()
def command() -> None:
    """Scan, store and query many repositories: which of our models pull this, now."""


@command.command("scan", epilog="Exit codes: 0 all passed, 1 a gate failed, 3 something is incomplete, 4 nothing to scan.")
@click.argument("listing", metavar="LIST")
@click.option("--out", required=True, type=click.Path(file_okay=False), help="The folder of the results, one document a target.")
@click.option("--engine", type=click.Choice(["local", "ray", "dask"]), default="local", show_default=True, help="Who runs the scans.")
@click.option("--shard", metavar="I/N", help="Only the I-th of N parts of the list.")
@click.option("--resume", is_flag=True, help="Keep results that are whole and still fit; do the rest.")
@click.option("--parallel", type=click.IntRange(1, 1024), help="Scans at a time (default: all cores).")
@click.option("--memory", type=click.IntRange(0), default=4096, show_default=True, help="MiB a scan may use; 0: no limit.")
@click.option("--deadline", type=click.FloatRange(min=1), default=600.0, show_default=True, help="Seconds a scan may take.")
@click.option("--profile", metavar="NAME|FILE", help="As of scan.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the sum is printed.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def scan_command(
    listing: str,
    out: str,
    engine: str,
    shard: str | None,
    resume: bool,
    parallel: int | None,
    memory: int,
    deadline: float,
    profile: str | None,
    form: str,
    quiet: bool,
) -> None:
    """Scan every target of LIST: a file with a target a line, a folder of folders, or a Hugging Face cache.

    \b
    Examples:
      mlsbom fleet scan repositories.txt --out results/
      mlsbom fleet scan ~/.cache/huggingface/hub --out results/ --resume
      mlsbom fleet scan repositories.txt --out results/ --engine ray --shard 3/16
    """
    from mlsbom.fleet.engines import Limits
    from mlsbom.fleet.run import scan_all
    from mlsbom.scan import now

    limits = Limits(memory=memory << 20, deadline=deadline, profile=profile, now=now())
    total = scan_all(listing, Path(out), engine=engine, shard=shard, resume=resume, parallel=parallel, limits=limits, quiet=quiet)
    if form == "json":
        write_document(total)
    else:
        counts = ", ".join(f"{total[k]} {word}" for k, word in TOTALS.items())
        click.echo(f"{total['targets']} targets: {counts}; {total['seconds']} s; results in {out}/")
    exit_with(1 if total["failed"] else 3 if total["incomplete"] or total["died"] else 0)


@command.command("ingest", epilog="Exit codes: 0 all taken in, 3 some documents are broken.")
@click.argument("paths", nargs=-1, required=True, metavar="DIR|SBOM...")
@DB
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the result is printed.")
def ingest_command(paths: tuple[str, ...], url: str, form: str) -> None:
    """Take scans, CycloneDX and SPDX documents into the store. Again is no harm.

    \b
    Examples:
      mlsbom fleet ingest results/ --db sqlite:///fleet.db
      mlsbom fleet ingest vendor.cdx.json --db postgresql://mlsbom@localhost/fleet
    """
    from msgspec.structs import asdict

    from mlsbom.store.database import Database
    from mlsbom.store.ingest import ingest

    db = Database(url)
    try:
        report = ingest(db, paths)
    finally:
        db.close()
    if form == "json":
        write_document(asdict(report))
    else:
        counts = f"{report.new} new, {report.changed} changed, {report.same} the same, {report.older} older than what is there"
        click.echo(f"{counts}, {len(report.broken)} broken")
    for line in report.broken[:20]:
        click.echo(f"mlsbom: {safe(line, 300)}", err=True)
    exit_with(3 if report.broken else 0)


@command.command("query", epilog="Exit codes: 0 no hit, 1 hits, 3 no hit, but the answer is not known for some targets.")
@DB
@click.option("--package", help="'litellm==1.82.7', 'torch<2.6', litellm, npm:keyv@5.5.4")
@click.option("--feed", type=click.Path(exists=True), help="OSV records: a JSON array, a folder, a zip.")
@click.option("--wave", help="A wave of poisoned releases, by name: releases, digests, marks.")
@click.option("--sha256", help="A file by its digest.")
@click.option("--license", "license_", help="A licence by identifier, or part of it.")
@click.option("--clause", help="A clause of licences: CLAUSE, or CLAUSE=TEXT.")
@click.option("--model", help="A model or data set anywhere in the chain.")
@click.option("--lineage", help="A reference model whose weights a target's derive from.")
@click.option("--fingerprint", type=click.Path(exists=True, dir_okay=False), help="A fingerprint file: targets with an equal one.")
@click.option("--endpoint", help="A host, or any below it, that code or configuration calls.")
@click.option("--supplier", help="Who supplies a model, data set or service.")
@click.option("--signature", help="verified, invalid, unverifiable, unsigned, ...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "jsonl", "csv", "markdown"]),
    default="text",
    show_default=True,
    help="How hits are printed.",
)
def query_command(url: str, license_: str | None, form: str, **asked: str | None) -> None:
    """Ask the store: which targets hold this, where, pinned or possibly, since when.

    \b
    Examples:
      mlsbom fleet query --db sqlite:///fleet.db --package 'litellm==1.82.7'
      mlsbom fleet query --db sqlite:///fleet.db --wave teampcp --format csv
      mlsbom fleet query --db sqlite:///fleet.db --model meta-llama/Llama-3.1-8B --format markdown
    """
    from mlsbom.knowledge import shared
    from mlsbom.store.query import Question, ask

    db = _opened(url)
    answer = ask(db, Question(license=license_, **asked), shared())
    db.close()
    hits = answer["hits"]
    if form == "json":
        write_document(answer)
    elif form == "jsonl":
        for h in hits:
            write_line(h)
    elif form == "csv":
        sys.stdout.write(as_csv(hits))
    elif form == "markdown":
        click.echo(as_markdown(hits))
    else:
        for h in hits:
            where = f"{h['path']}:{h['line']}" if h["line"] else h["path"] or ""
            via = f" by way of {h['via']}" if h["via"] else ""
            click.echo(safe(f"{h['verdict']:18} {h['target']}  {h['component']} {h['version'] or h['specifier'] or ''}  {where}{via}", 300))
        known = f"; not known for {len(answer['unknown'])} places" if answer["unknown"] else ""
        click.echo(f"{len(hits)} hits in {len({h['target'] for h in hits})} targets, {answer['elapsed_ms']:.1f} ms{known}")
    exit_with(1 if hits else 3 if answer["unknown"] else 0)


def _opened(url: str) -> Database:
    from mlsbom.store.database import Database

    return Database(url, readonly=True)


def as_csv(hits: list[dict[str, Any]]) -> str:
    """Hits as CSV; a cell that a spreadsheet takes for a formula is quoted."""
    from mlsbom.export.csv import cell

    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(COLUMNS)
    table.writerows([[cell(h.get(c)) for c in COLUMNS] for h in hits])
    return out.getvalue()


def as_markdown(hits: list[dict[str, Any]]) -> str:
    """Hits as a table for a ticket."""
    from mlsbom.report.markdown import escape

    head = "| " + " | ".join(COLUMNS) + " |\n| " + " | ".join("---" for _ in COLUMNS) + " |"
    return "\n".join(
        [head, *("| " + " | ".join(escape(str(h.get(c) if h.get(c) is not None else "")) for c in COLUMNS) + " |" for h in hits)]
    )


@command.command(
    "reassess", epilog="Exit codes: 0 nothing changed, 1 something did, 3 nothing known changed, but some targets need their bytes."
)
@DB
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the result is printed.")
@click.option("--profile", metavar="NAME|FILE", help="As of scan.")
def reassess_command(url: str, form: str, profile: str | None) -> None:
    """New data packs over stored surveys: no byte of any model is read again. Reports what changed, once.

    \b
    Examples:
      mlsbom signatures import feed.json && mlsbom fleet reassess --db sqlite:///fleet.db
    """
    with _reassessed(url, profile) as result:
        if form == "json":
            write_document(result)
        else:
            for row in result["changed"]:
                click.echo(_alert(row))
            for why, count in Counter(row["why"] for row in result["bytes_needed"]).items():
                click.echo(f"{count} targets are to be scanned again: {why}")
            changed = f"{len(result['changed'])} of {result['of']} targets changed"
            click.echo(f"{changed}, {result['assessed']} looked at, {result['elapsed_ms'] / 1000:.1f} s")
    exit_with(1 if result["changed"] else 3 if result["bytes_needed"] else 0)


@contextmanager
def _reassessed(url: str, profile: str | None) -> Iterator[dict[str, Any]]:
    """Reassess a store, with progress. Changes are told when the block ends without an error."""
    from mlsbom.progress import Progress
    from mlsbom.scan import Settings
    from mlsbom.store.database import Database
    from mlsbom.store.reassess import reassess, told

    db = Database(url)
    try:
        with Progress() as progress:
            result = reassess(db, Settings(profile=profile, cache=False), lambda n, of: progress.seen("reassess", n, of))
        yield result
        told(db, result)
    finally:
        db.close()


def _alert(row: dict[str, Any]) -> str:
    """A line on what changed of a target."""
    words = [a["message"] for a in row["added"][:3]] or [f"no more: {r['rule']} {r['subject']}" for r in row["removed"][:3]]
    return safe(f"{row['verdict']:18} {row['target']}: " + "; ".join(words), 300)


@command.command("watch", epilog="Exit codes: 0 nothing new, 1 new alerts, 3 something is incomplete.")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@click.option("--db", "url", metavar="URL", help="The store; the default is DIR/.mlsbom.db")
@click.option("--every", type=click.FloatRange(min=1), help="Seconds between looks; without it, one look (for cron and CI).")
@click.option("--format", "form", type=click.Choice(["text", "jsonl"]), default="text", show_default=True, help="How alerts are printed.")
def watch_command(folder: str, url: str | None, every: float | None, form: str) -> None:
    """Watch a folder of results: take in what is new, answer again when data packs change, report only what is new.

    \b
    Examples:
      mlsbom fleet watch results/                   # one look: exit 1 where there is something new
      mlsbom fleet watch results/ --every 300
    """
    import time

    from mlsbom.store.database import Database
    from mlsbom.store.ingest import ingest

    url = url or f"sqlite:///{Path(folder, '.mlsbom.db')}"
    while True:
        db = Database(url)
        try:
            broken = ingest(db, [folder]).broken
        finally:
            db.close()
        for line in broken[:20]:
            click.echo(f"mlsbom: {safe(line, 300)}", err=True)
        with _reassessed(url, None) as result:
            for row in result["changed"]:
                if form == "jsonl":
                    write_line(row)
                else:
                    click.echo(_alert(row))
        if every is None:
            break
        time.sleep(every)
    exit_with(1 if result["changed"] else 3 if broken or result["bytes_needed"] else 0)


@command.command("serve")
@DB
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; anything but loopback needs --token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="Port.")
@click.option("--token", envvar="MLSBOM_TOKEN", help="Token that a request has to bring (Authorization: Bearer, or ?token= once).")
def serve_command(url: str, host: str, port: int, token: str | None) -> None:
    """A read-only page for responders: type a package, a wave, a digest; see who is exposed and why.

    \b
    Examples:
      mlsbom fleet serve --db sqlite:///fleet.db
      MLSBOM_TOKEN=... mlsbom fleet serve --db sqlite:///fleet.db --host 0.0.0.0
    """
    from mlsbom.fleet.serve import serve

    serve(url, host, port, token)
