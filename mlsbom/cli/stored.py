"""What the commands over stored scans share: reading a document, the settings that change its assessment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mlsbom.model import Assessment
    from mlsbom.scan import Settings

F = TypeVar("F", bound=Callable[..., Any])


def policy_options(command: F) -> F:
    """The options that decide how a survey is judged."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.option("--profile", metavar="NAME|FILE", help="Criteria, use facts and waivers."),
        click.option(
            "--fail-on",
            type=click.Choice(["critical", "high", "medium", "low", "info", "never"]),
            help="Lowest severity that fails the gate.",
        ),
        click.option("--require", multiple=True, metavar="CRITERION=LEVEL", help="A grade that must be reached."),
        click.option("--baseline", type=click.Path(exists=True, dir_okay=False), help="Findings that were known earlier."),
        click.option("--vex", multiple=True, type=click.Path(exists=True, dir_okay=False), help="Statuses of vulnerabilities."),
        click.option("--signatures", "packs", type=click.Path(file_okay=False), help="A folder of data packs."),
        click.option("--lang", type=click.Choice(["en", "ko"]), default="en", help="Language of the reports."),
        click.option("--at", "now", metavar="TIME", help="Assess as of this time (RFC 3339); the default is that of the scan."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def settings_of(
    profile: str | None,
    fail_on: str | None,
    require: tuple[str, ...],
    baseline: str | None,
    vex: tuple[str, ...],
    packs: str | None,
    lang: str,
    now: str | None,
) -> Settings:
    """The settings that these options mean."""
    from mlsbom.knowledge import Packs
    from mlsbom.scan import Settings

    return Settings(
        packs=Packs(Path(packs)) if packs else Packs(),
        profile=profile,
        fail_on=fail_on,
        require=require,
        baseline=baseline,
        vex=vex,
        lang=lang,
        now=now or "",
    )


def read(path: str, settings: Settings) -> Assessment:
    """Assess a stored scan document again. UsageError where it is none."""
    from mlsbom.errors import UsageError
    from mlsbom.scan import assess
    from mlsbom.survey.document import load

    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as e:
        raise UsageError(f"{path}: cannot be read: {e.strerror}") from e
    return assess(load(raw, path), settings)
