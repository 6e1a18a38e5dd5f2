"""`mlsbom lineage fingerprint`, `compare` and `search`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlsbom.cli.common import FORMAT, exit_with, safe, write_document, write_line

ACCUSING = ("copy", "derived", "review")


@click.group(name="lineage", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Fingerprint weights, compare them, search whose they are.

    A verdict says "not independent", with a bound on the probability of saying so of an independent model; never who copied whom.
    """


def _packs(signatures: str | None) -> Any:
    from mlsbom.knowledge import Packs

    return Packs(Path(signatures) if signatures else None)


SIGNATURES = click.option(
    "--signatures", type=click.Path(exists=True, file_okay=False), help="A folder of data packs to use instead of the installed one."
)


@command.command()
@click.argument("model", type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="Where the fingerprint goes.")
@FORMAT
def fingerprint(model: str, output: str, form: str) -> None:
    """Write the fingerprint of MODEL, a file or a folder.

    It holds names and shapes of tensors, hashes of their values and a few projected rows; no weights, and nothing of this machine.

    \b
    Examples:
      mlsbom lineage fingerprint model/ -o model.fp
    """
    from mlsbom import lineage
    from mlsbom.errors import UsageError
    from mlsbom.lineage.form import dump

    made = lineage.fingerprint(model)
    raw = dump(made)
    try:
        Path(output).write_bytes(raw)
    except OSError as e:
        raise UsageError(f"{output}: {e.strerror}", remedy="name a file that can be written with -o") from e
    row = {
        "model": model,
        "fingerprint": output,
        "bytes": len(raw),
        "content": made.content.hex(),
        "tensors": len(made.header.tensors),
        "parameters": made.header.parameters,
        "left_out": [{"tensor": x.name, "why": x.why} for x in made.header.left_out],
        "coverage": [
            {"path": model, "member": where, "status": status, "reason": reason} for where, status, reason in made.header.shortfalls
        ],
    }
    _print([row], form, _fingerprint_text)
    exit_with(3 if made.header.shortfalls or not made.header.tensors else 0)


@command.command()
@click.argument("suspect", type=click.Path())
@click.argument("reference", type=click.Path())
@click.option("--full", is_flag=True, help="Also tests that need the weights of both: a rotated residual basis.")
@SIGNATURES
@FORMAT
def compare(suspect: str, reference: str, full: bool, signatures: str | None, form: str) -> None:
    """Compare SUSPECT with REFERENCE, each a model or a fingerprint.

    Exit code: 1 for copy, derived and review, 3 where nothing could be compared or not all could be read, else 0.

    \b
    Examples:
      mlsbom lineage compare model/ model.fp
      mlsbom lineage compare suspect/ reference/ --full
    """
    from mlsbom import lineage

    row = lineage.compare(suspect, reference, full=full, packs=_packs(signatures))
    _print([row], form, _compare_text)
    exit_with(_code([row]))


@command.command()
@click.argument("model", type=click.Path())
@click.option(
    "--registry", type=click.Path(exists=True, file_okay=False), help="A folder of fingerprints (files .fp); without it, the shipped ones."
)
@SIGNATURES
@FORMAT
def search(model: str, registry: str | None, signatures: str | None, form: str) -> None:
    """Compare MODEL, or its fingerprint, with every fingerprint of a registry. What is not listed is no evidence.

    \b
    Examples:
      mlsbom lineage search model/
      mlsbom lineage search model.fp --registry fingerprints/
    """
    from mlsbom import lineage

    rows = list(lineage.search(model, registry, packs=_packs(signatures)))
    _print(rows, form, _compare_text, wrapped=True)
    if not rows and form == "text":
        click.echo("no evidence of descent from any registered model")
    exit_with(_code(rows))


def _code(rows: list[dict[str, Any]]) -> int:
    """1 where something is not independent, else 3 where something could not be compared or read, else 0."""
    if any(r["verdict"] in ACCUSING for r in rows):
        return 1
    return 3 if any(r["verdict"] == "not-comparable" or r["incomplete"] for r in rows) else 0


def _print(rows: list[dict[str, Any]], form: str, text: Any, *, wrapped: bool = False) -> None:
    """One document (a list of them, where `wrapped`), one line each, or text."""
    if form == "json":
        write_document(rows if wrapped else rows[0])
        return
    for row in rows:
        if form == "jsonl":
            write_line(row)
        else:
            click.echo(text(row))


def _fingerprint_text(row: dict[str, Any]) -> str:
    lines = [f"{safe(row['fingerprint'])}: {row['tensors']} tensors, {row['parameters']:,} parameters, {row['bytes']:,} bytes"]
    lines += [f"  not read: {safe(c['member'])}: {safe(c['reason'])}" for c in row["coverage"]]
    return "\n".join(lines)


def _compare_text(row: dict[str, Any]) -> str:
    p = row["log10_p"]
    said = "" if p is None else ", equal values" if p <= -300 else f", p <= 10^{p:.1f}" if p < 0 else ""
    lines = [f"{safe(row['suspect'])} against {safe(row['reference'])}: {row['verdict']}{said} ({row['tests']} tests)"]
    if row["parameter_coverage"]:
        lines.append(f"  {row['parameter_coverage']:.1%} of its parameters have the reference's values")
    lines += [
        f"  {t['channel']:5} {safe(t['suspect'], 60)} ~ {safe(t['reference'], 60)}: {t['hits']} of {t['of']}" for t in row["tensors"][:5]
    ]
    lines += [f"  note: {safe(c)}" for c in row["caveats"]]
    return "\n".join(lines)
