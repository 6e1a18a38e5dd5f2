"""`mlsbom signatures`: the data packs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlsbom.cli.common import exit_with, write_document

FORM = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the answer is printed."
)
ROOT = click.option(
    "--signatures", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The folder of data packs to look at."
)
INTO = click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), help="Where the changed packs go (default: the user's own folder)."
)
TRUST = click.option(
    "--trust",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A public key (PEM, Ed25519) that may sign packs.",
)
OLD_DAYS = 14


@click.group(name="signatures", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """The data packs: status, verify, update, import, export."""


def _root(given: Path | None) -> Path:
    from mlsbom.knowledge import default_root

    return given or default_root()


def _today() -> str:
    from mlsbom.scan import now

    return now()[:10]


@command.command()
@ROOT
@TRUST
@FORM
def status(signatures: Path | None, trust: tuple[Path, ...], form: str) -> None:
    """Show each pack with its date, age, source and licence, and who signed them.

    \b
    Examples:
      mlsbom signatures status
      mlsbom signatures status --format json
    """
    from datetime import date

    from mlsbom.knowledge.signing import signer, trusted
    from mlsbom.knowledge.updates import read_index

    root = _root(signatures)
    index = read_index(root)
    today = date.fromisoformat(_today())
    packs = []
    for name, about in sorted(index.get("packs", {}).items()):
        files = {f: e for f, e in index.get("files", {}).items() if f.startswith(name + "/")}
        age = (today - date.fromisoformat(about["date"])).days
        packs.append(
            {
                "pack": name,
                "date": about["date"],
                "age_days": age,
                "files": len(files),
                "bytes": sum(e["size"] for e in files.values()),
                "license": about["license"],
                "source": about["source"],
                "description": about["description"],
            }
        )
    who = signer(root, trusted(trust))
    answer: dict[str, Any] = {
        "root": str(root),
        "serial": index.get("serial", 0),
        "date": index.get("date"),
        "local": index.get("local"),
        "signer": who,
        "packs": packs,
    }
    if form == "json":
        write_document(answer)
    else:
        click.echo(f"{root}: serial {answer['serial']}, {_signed(who, answer['local'])}")
        for p in packs:
            click.echo(f"  {p['pack']:<16}{p['date']}  {p['age_days']:>4} days  {p['bytes']:>9,} bytes  {p['license']}  {p['description']}")
    old = [p["pack"] for p in packs if p["pack"] in ("malicious", "snapshot", "waves") and p["age_days"] > OLD_DAYS]
    if old:
        click.echo(
            f"mlsbom: older than {OLD_DAYS} days: {', '.join(old)}; bring newer ones with: mlsbom signatures update --online, or import",
            err=True,
        )


def _signed(who: str | None, local: str | None) -> str:
    return (
        f"signed by {who}" if who else f"changed on this machine ({local})" if local else "not signed by itself: shipped with the program"
    )


@command.command()
@ROOT
@TRUST
@click.option("--signed", is_flag=True, help="Fail where no trusted key signed the index.")
@FORM
def verify(signatures: Path | None, trust: tuple[Path, ...], signed: bool, form: str) -> None:
    """Check every pack file against the index, and the index against its signature.

    \b
    Examples:
      mlsbom signatures verify
      mlsbom signatures verify --signatures packs/ --trust packs.pub --signed
    """
    from mlsbom.errors import PackError
    from mlsbom.knowledge.signing import signer, trusted
    from mlsbom.knowledge.updates import problems

    root = _root(signatures)
    found = [(p.file, p.why) for p in problems(root)]
    who = None
    try:
        who = signer(root, trusted(trust))
    except PackError as e:
        found.insert(0, ("index.toml", str(e)))
    if signed and who is None and not found:
        found.append(("index.toml", "no signature"))
    if form == "json":
        write_document({"root": str(root), "good": not found, "signer": who, "problems": [{"file": f, "why": w} for f, w in found]})
    else:
        for f, w in found:
            click.echo(f"✗ {f}: {w}")
        click.echo(f"{root}: " + (f"{len(found)} problems" if found else f"every pack is what the index says; {_signed(who, None)}"))
    exit_with(1 if found else 0)


@command.command(name="import")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@ROOT
@INTO
@TRUST
@click.option("--force", is_flag=True, help="Also where more than five much used names would be condemned.")
@click.option("--allow-downgrade", is_flag=True, help="Take packs with a lower serial number.")
@FORM
def import_(
    source: Path, signatures: Path | None, into: Path | None, trust: tuple[Path, ...], force: bool, allow_downgrade: bool, form: str
) -> None:
    """Take over signed packs (zip or folder), or merge OSV records, malicious-package records or a CSV of indicators.

    \b
    Examples:
      mlsbom signatures import packs.zip --trust publisher.pem
      mlsbom signatures import all.zip                       an OSV export
      mlsbom signatures import malicious-packages/osv        a checkout of records
    """
    _take(source, _root(signatures), into, trust, force, allow_downgrade, form)


def _take(source: Path, current: Path, into: Path | None, trust: tuple[Path, ...], force: bool, downgrade: bool, form: str) -> None:
    import zipfile

    from mlsbom.knowledge import Packs
    from mlsbom.knowledge.signing import trusted
    from mlsbom.knowledge.updates import default_destination, take

    destination = into or default_destination()
    whole = (
        (source / "index.toml").is_file()
        if source.is_dir()
        else zipfile.is_zipfile(source) and "index.toml" in zipfile.ZipFile(source).namelist()
    )
    if whole:
        who = take(
            source,
            destination,
            trusted(trust),
            current=destination if (destination / "index.toml").exists() else current,
            downgrade=downgrade,
        )
        answer: dict[str, Any] = {"into": str(destination), "signer": who}
        text = f"{destination}: packs signed by {who}"
    else:
        from mlsbom.packages.merge import import_records

        counts = import_records(source, Packs(current), destination, date=_today(), force=force)
        answer = {
            "into": str(destination),
            "added": counts.added,
            "changed": counts.changed,
            "removed": counts.removed,
            "vulnerabilities": counts.vulnerabilities,
            "indicators": counts.indicators,
            "condemned": counts.condemned,
            "problems": counts.problems,
        }
        feed = f"malicious: {counts.added} added, {counts.changed} changed, {counts.removed} removed"
        text = f"{destination}: {feed}; vulnerabilities: {counts.vulnerabilities}; indicators: {counts.indicators}"
        for problem in counts.problems[:20]:
            click.echo(f"mlsbom: not read: {problem}", err=True)
    if form == "json":
        write_document(answer)
    else:
        click.echo(text)
    exit_with(3 if answer.get("problems") else 0)


@command.command()
@click.argument("source")
@click.option("--online", is_flag=True, help="Allow the network; needed for an address.")
@ROOT
@INTO
@TRUST
@click.option("--allow-downgrade", is_flag=True, help="Take packs with a lower serial number.")
@FORM
def update(
    source: str, online: bool, signatures: Path | None, into: Path | None, trust: tuple[Path, ...], allow_downgrade: bool, form: str
) -> None:
    """Bring packs from SOURCE, a file or an https address that you name; they have to be signed by a trusted key.

    \b
    Examples:
      mlsbom signatures update packs.zip --trust packs.pub
      mlsbom signatures update https://packs.example/packs.zip --online --trust packs.pub
    """
    import tempfile

    from mlsbom.errors import UsageError

    if not source.startswith(("http://", "https://")):
        if not Path(source).exists():
            raise UsageError(f"no such file: {source}")
        _take(Path(source), _root(signatures), into, trust, False, allow_downgrade, form)
        return
    if not online:
        raise UsageError("an address needs the network", remedy="--online")
    if not source.startswith("https://"):
        raise UsageError("packs are fetched by https alone")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "packs.zip"
        _fetch(source, path)
        _take(path, _root(signatures), into, trust, False, allow_downgrade, form)


def _fetch(url: str, path: Path) -> None:
    """Fetch a file of at most 1 GiB."""
    import requests

    from mlsbom.errors import NetworkError
    from mlsbom.knowledge.updates import LARGEST

    try:
        with requests.get(url, stream=True, timeout=(10, 60)) as answer, path.open("wb") as f:
            if answer.status_code != 200 or not answer.url.startswith("https://"):
                raise NetworkError(f"packs could not be fetched: status {answer.status_code}")
            size = 0
            for piece in answer.iter_content(1 << 20):
                size += len(piece)
                if size > LARGEST:
                    raise NetworkError("packs could not be fetched: larger than packs may be")
                f.write(piece)
    except requests.RequestException as e:
        raise NetworkError(f"packs could not be fetched: {type(e).__name__}") from e


@command.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@ROOT
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Sign with this private key (PEM, Ed25519).")
def export(out: Path, signatures: Path | None, key: Path | None) -> None:
    """Write all packs as one zip for a machine without network; with --key, signed.

    The password of an encrypted key is read from MLSBOM_KEY_PASSWORD.

    \b
    Examples:
      mlsbom signatures export packs.zip
      mlsbom signatures export packs.zip --key packs.key
    """
    import os
    import shutil
    import tempfile

    from mlsbom.knowledge.signing import private, sign
    from mlsbom.knowledge.updates import write_out

    root = _root(signatures)
    with tempfile.TemporaryDirectory() as folder:
        if key is not None:
            password = os.environ.get("MLSBOM_KEY_PASSWORD")
            secret = private(key.read_bytes(), str(key), password.encode() if password else None)
            copy = Path(folder) / "packs"
            shutil.copytree(root, copy)
            sign(copy, secret)
            root = copy
        count = write_out(root, out)
    click.echo(f"{out}: {count} files")
