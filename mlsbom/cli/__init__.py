"""The command line: one thin file a verb, imported when its verb is named."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final

import click

from mlsbom import __version__

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    # verb: (module under mlsbom.cli, one line of help); the module has a click command or group named `command`
    "scan": ("scan", "Scan a model repository: ML-SBOM, findings, grades, gate."),
    "inspect": ("inspect", "Inspect model files for what runs when they are loaded."),
    "packages": ("packages", "Judge package names and releases; block a wave."),
    "licenses": ("licenses", "Identify licences, read their clauses, collect notices."),
    "verify": ("verify", "Verify signatures and attestations, offline, under your own trust."),
    "sign": ("sign", "Sign a model folder or an SBOM."),
    "lineage": ("lineage", "Fingerprint weights, compare them, search whose they are."),
    "assess": ("assess", "Grade a stored scan again, without the target."),
    "report": ("report", "Write reports from a stored scan."),
    "diff": ("diff", "Compare two scans or targets."),
    "bid": ("bid", "Make or check the package that goes with a tender."),
    "fleet": ("fleet", "Scan, store and query many repositories."),
    "signatures": ("signatures", "The data packs: status, verify, update, import, export."),
    "explain": ("explain", "Explain a rule."),
    "rules": ("rules", "List the rules."),
    "schema": ("schema", "Print the JSON schema of the scan document."),
    "doctor": ("doctor", "Check this installation: packs, trust roots, optional parts."),
}


class _Lazy(click.Group):
    """Imports a verb's module when the verb is used, so that `--version` costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"mlsbom.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            ctx.fail(f"no such command: {args[0]}" + (f"; did you mean {near[0]}?" if near else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="mlsbom %(version)s")
def cli() -> None:
    """Scan ML artifacts for supply-chain trust.

    \b
    Examples:
      mlsbom scan .                                   what is this model made of, what is wrong, what was not read
      mlsbom scan . -o cyclonedx-json=sbom.cdx.json -o html=report.html --profile kr-graded
      mlsbom inspect model.pkl                        is it safe to load?
      mlsbom packages check 'litellm==1.82.7'         is this release poisoned?
    """


def main() -> None:
    """Runs the command line, turns our errors into one line and their exit code, and raises SystemExit with it."""
    import gc

    from mlsbom.errors import MlsbomError

    gc.set_threshold(500_000, 20, 100)  # most objects of a command live to its end: walks over them are a fifth of its time
    sys.excepthook = _defect
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as e:
        e.show()
        code = 2
    except MlsbomError as e:
        click.echo(f"mlsbom: {e}" + (f"; {e.remedy}" if e.remedy else ""), err=True)
        code = e.exit_code
    except BrokenPipeError:
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has gone: say nothing more
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def run() -> None:
    """`main`, and the end of the process, which leaves its memory to the system: a scan of many files holds a million objects, and to take
    them apart one by one is a tenth of a second for nothing. Threads that are still at work are waited for in the usual way."""
    import atexit
    import os
    import threading

    code = 0
    try:
        main()
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else 0
    if threading.active_count() > 1:
        sys.exit(code)
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass
    os._exit(code)


def _defect(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """A defect of ours: one line and exit code 2, never a traceback (but with MLSBOM_DEBUG=1)."""
    import os

    if os.environ.get("MLSBOM_DEBUG"):
        sys.__excepthook__(kind, error, trace)  # type: ignore[arg-type]
    else:
        words = " ".join(str(error).split())[:300]
        sys.stderr.write(f"mlsbom: defect in mlsbom itself: {kind.__name__}: {words}; run again with MLSBOM_DEBUG=1 and report it\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(130 if issubclass(kind, KeyboardInterrupt) else 2)
