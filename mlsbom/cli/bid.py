"""`mlsbom bid`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from mlsbom.cli.common import exit_with, safe, write_document
from mlsbom.cli.stored import policy_options, settings_of


@click.command(
    epilog="Exit codes: making: as of scan; --check: 0 all holds, 1 something does not, 2 no package, 3 not signed under the given trust."
)
@click.argument("target", required=False)
@click.option("--out", type=click.Path(file_okay=False), help="The new folder of the package.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="Sign the manifest with this PEM key.")
@click.option("--certificate", type=click.Path(exists=True, dir_okay=False), help="The certificate of that key.")
@click.option(
    "--check",
    "folder",
    type=click.Path(exists=True, file_okay=False),
    help="Check a package instead: digests, grades, and TARGET where it is given.",
)
@click.option(
    "--trust", multiple=True, type=click.Path(exists=True, dir_okay=False), help="With --check: who must have signed the manifest."
)
@click.option("--identity", help="With --check: the identity that must have signed.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How the result is printed.")
@policy_options
def command(
    target: str | None,
    out: str | None,
    key: str | None,
    certificate: str | None,
    folder: str | None,
    trust: tuple[str, ...],
    identity: str | None,
    form: str,
    **options: Any,
) -> None:
    """Make the package that goes with a tender from TARGET, or check one as a buyer: offline, with what is in it.

    \b
    Examples:
      mlsbom bid ./model --profile kr-graded --out bid/ --key vendor.pem
      mlsbom bid --check bid/ --trust vendor.pub
      mlsbom bid ./model --check bid/ --trust vendor.pub
    """
    from mlsbom.errors import UsageError

    if folder:
        _check(Path(folder), target, trust, identity, form, options)
    elif target and out:
        _make(target, Path(out), key, certificate, form, options)
    else:
        raise UsageError("name a TARGET and --out DIR, or --check DIR", remedy="see mlsbom bid --help")


def _make(target: str, out: Path, key: str | None, certificate: str | None, form: str, options: dict[str, Any]) -> None:
    from mlsbom.report.bid import make, profile_bytes
    from mlsbom.scan import scan
    from mlsbom.verify import sign

    settings = settings_of(**options)
    settings.cache = False  # digests of a bid are always computed
    result = scan(target, settings)

    def signed(path: Path) -> Path:
        return Path(sign(str(path), key=key, certificate=certificate, detached=True, packs=settings.packs)["signature"])

    manifest = make(result, out, profile_bytes(settings.profile, settings.packs.read), signed if key else None)
    if form == "json":
        write_document(manifest)
    else:
        click.echo(
            f"{out}: {len(manifest['files'])} files"
            + (", signed" if key else ", not signed: give --key")
            + f", gate {'passed' if result.gate.passed else 'failed'}"
        )
    exit_with(result.gate.exit_code)


def _check(folder: Path, target: str | None, trust: tuple[str, ...], identity: str | None, form: str, options: dict[str, Any]) -> None:
    from mlsbom.collect import Options, collect
    from mlsbom.report.bid import MANIFEST, check
    from mlsbom.scan import assess, open_target
    from mlsbom.survey.document import load
    from mlsbom.verify import verify

    settings = settings_of(**options)
    settings.profile = settings.profile or (str(folder / "profile.toml") if (folder / "profile.toml").is_file() else None)

    def reassess(raw: bytes) -> Any:
        return assess(load(raw, "scan.json"), settings)

    survey = collect(open_target(target), Options(packs=settings.packs, cache=False, sketch=False)) if target else None
    rows = check(folder, reassess, survey, (settings.packs.digest, settings.packs.date))
    signatures = sorted(p for p in os.listdir(folder) if p.startswith(MANIFEST) and p != MANIFEST)
    state = "unsigned"
    if signatures:
        verdict = verify(str(folder / MANIFEST), signature=str(folder / signatures[0]), trust=trust, identity=identity)
        state = verdict["verdict"]
        if state != "verified":
            rows.append({"what": "signature", "where": signatures[0], "detail": f"{state}: {verdict['reason']}"})
    elif trust:
        rows.append({"what": "signature", "where": MANIFEST, "detail": "the package is not signed"})
    if form == "json":
        write_document({"package": str(folder), "signature": state, "wrong": rows})
    else:
        for r in rows:
            click.echo(safe(f"{r['what']:10} {r['where']}: {r['detail']}", 400))
        click.echo(f"{folder}: {'all holds' if not rows else f'{len(rows)} things do not hold'}; signature: {state}")
    serious = [r for r in rows if r["what"] != "packs"]
    exit_with(1 if serious else 0)
