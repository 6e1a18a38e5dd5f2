"""`mlsbom scan`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlsbom.cli.common import exit_with, write_document
from mlsbom.cli.config import Configured
from mlsbom.cli.stored import settings_of
from mlsbom.errors import UsageError
from mlsbom.sources import cache

if TYPE_CHECKING:
    from mlsbom.model import Assessment


@click.command(cls=Configured, epilog="Exit codes: 0 passed, 1 the gate failed, 2 wrong use, 3 incomplete, 4 nothing to scan.")
@click.argument("target")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT[=FILE]",
    help="table, json, cyclonedx-json, cyclonedx-xml, spdx-json, sarif, markdown, "
    "html, junit, openvex, svr, csv; @VERSION picks a version; - or no FILE is standard output. Repeatable; the default is table.",
)
@click.option("--profile", metavar="NAME|FILE", help="Criteria, use facts and waivers: kr-graded, commercial, ci, ... or a TOML file.")
@click.option(
    "--fail-on",
    type=click.Choice(["critical", "high", "medium", "low", "info", "never"]),
    default=None,
    help="Lowest severity that fails the gate (default: high).",
)
@click.option("--require", multiple=True, metavar="CRITERION=LEVEL", help="A grade that must be reached, such as license-clean=2.")
@click.option("--baseline", type=click.Path(exists=True, dir_okay=False), help="Findings of an earlier scan that do not fail the gate.")
@click.option(
    "--vex", multiple=True, type=click.Path(exists=True, dir_okay=False), help="OpenVEX or CycloneDX VEX: statuses of vulnerabilities."
)
@click.option("--offline/--online", default=True, help="No socket is opened (default); --online asks services too.")
@click.option(
    "--weights",
    type=click.Choice(["declared", "headers", "full"]),
    default="headers",
    help="Of hub targets: how much of the weights to fetch.",
)
@click.option("--signatures", "packs", type=click.Path(file_okay=False), help="A folder of data packs instead of the built-in ones.")
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Trust anchors for signatures: keys, CAs, CRLs, trusted_root.json.",
)
@click.option("--identity", help="The identity that signatures must have.")
@click.option("--issuer", help="The OIDC issuer of that identity.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Threads that hash and processes that read small files (default: all cores).")
@click.option("--no-cache", is_flag=True, help="Do not use the digest cache.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds after which the rest is recorded as not read.")
@click.option("--lang", type=click.Choice(["en", "ko"]), default="en", help="Language of the reports.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary on standard error.")
@click.option("-v", "--verbose", is_flag=True, help="Say what is done on standard error.")
@click.option("--at", "now", hidden=True, help="The time to assess at.")
def command(
    target: str,
    outputs: tuple[str, ...],
    profile: str | None,
    fail_on: str | None,
    require: tuple[str, ...],
    baseline: str | None,
    vex: tuple[str, ...],
    offline: bool,
    weights: str,
    packs: str | None,
    trust: tuple[str, ...],
    identity: str | None,
    issuer: str | None,
    jobs: int | None,
    no_cache: bool,
    timeout: float | None,
    lang: str,
    quiet: bool,
    verbose: bool,
    now: str | None,
) -> None:
    """Scan TARGET: a folder, a file, an archive, hf://ORG/NAME, or an existing SBOM. `hf-cache` lists the local Hugging Face cache.

    \b
    Examples:
      mlsbom scan examples/acme-asr
      mlsbom scan . -o json=scan.json -o cyclonedx-json=sbom.cdx.json -o spdx-json=sbom.spdx.json
      mlsbom scan . --profile kr-graded -o html=report.html --lang ko
      mlsbom scan . -o sarif=mlsbom.sarif --fail-on critical
      mlsbom scan hf://ORG/NAME@REVISION --online        headers only; --weights full fetches all bytes
      mlsbom scan hf-cache > cache.txt && mlsbom fleet scan cache.txt --out results/
    """
    if target == cache.NAME and not os.path.exists(target):
        exit_with(_cached(outputs, quiet))
    from mlsbom.export import choose
    from mlsbom.progress import Progress
    from mlsbom.scan import scan

    chosen = [(choose(spec.partition("=")[0], lang), spec.partition("=")[2]) for spec in outputs or ("table",)]
    with Progress(quiet) as progress:
        settings = settings_of(profile, fail_on, require, baseline, vex, packs, lang, now)
        settings.trust = tuple(map(Path, trust))
        settings.identity, settings.issuer = identity, issuer
        settings.online, settings.weights = not offline, weights
        settings.cache, settings.timeout, settings.observer = not no_cache, timeout, progress.seen
        settings.verbose = verbose
        if jobs:
            settings.jobs = jobs
        result = scan(target, settings)
    write(result, chosen)
    if not quiet and outputs and not any(name == "table" for (_, name), _ in chosen):
        from mlsbom.report.table import summary

        click.echo(summary(result), err=True)
    exit_with(result.gate.exit_code)


def _cached(outputs: tuple[str, ...], quiet: bool) -> int:
    """Print the snapshots of the local Hugging Face cache: a path a line, as `fleet scan` takes them, or JSON."""
    found = cache.snapshots()
    if outputs in (("json",), ("json=-",)):
        write_document([s.row() for s in found])
    elif outputs:
        raise UsageError(f"hf-cache is a list, which {outputs[0]} cannot show", remedy="leave -o out, or -o json")
    else:
        for s in found:
            click.echo(s.path)
        if not quiet:
            click.echo(f"{len(found)} snapshots in {cache.folder()}; scan one by its path, all with `mlsbom fleet scan`", err=True)
    return 0


def write(result: Assessment, chosen: list[tuple[tuple[Callable[[Assessment], bytes], str], str]]) -> None:
    """Write each rendering to its file (whole or not at all) or to standard output. Where there is much to render, every other file is made
    in a forked process; what that one could not do is done here, and fails here in the same words."""
    from mlsbom.collect.workers import WORTH, cores

    apart = [c for c in chosen if c[1] not in ("", "-")][1::2]
    if len(result.survey.artifacts) + len(result.graph.components) < WORTH or not apart or cores() < 2:
        _write(result, chosen)
        return
    try:
        child = os.fork()
    except OSError:  # the system allows no more processes
        _write(result, chosen)
        return
    if not child:
        try:
            _write(result, apart)
            os._exit(0)
        finally:
            os._exit(1)
    try:
        _write(result, [c for c in chosen if c not in apart])
    finally:
        undone = os.waitpid(child, 0)[1]
    if undone:
        _write(result, apart)


def _write(result: Assessment, chosen: list[tuple[tuple[Callable[[Assessment], bytes], str], str]]) -> None:
    from mlsbom.export import replace

    for (render, _), path in chosen:
        data = render(result)
        if path in ("", "-"):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            continue
        replace(path, data)
