"""`mlsbom verify`."""

from __future__ import annotations

from typing import Any

import click

from mlsbom.cli.common import FORMAT, exit_with, safe, write_document, write_line


@click.command("verify")
@click.argument("target")
@click.option("--signature", metavar="FILE", help="The signature; found in or beside the target where left out.")
@click.option("--digest", metavar="ALGORITHM:HEX", help="The digest of a target whose bytes are elsewhere; TARGET is then its name.")
@click.option(
    "--trust", multiple=True, metavar="FILE", help="PEM key, PEM CA, CRL, trusted_root.json, client trust config, npm keys. Repeatable."
)
@click.option("--identity", metavar="ID", help="Who must have signed: an exact e-mail, URI or DNS name of the certificate.")
@click.option("--issuer", metavar="URL", help="Who must vouch for that identity: an exact OIDC issuer.")
@click.option("--at", metavar="TIME", help="The time to judge certificates at (RFC 3339); default: now.")
@click.option("--allow-uncovered", is_flag=True, help="Files and fields that the signature does not cover are listed and do not fail.")
@click.option(
    "--algorithms", default="default", show_default=True, metavar="PROFILE", help="default, nist, kr-validated, or a TOML file of OIDs."
)
@click.option("--offline", is_flag=True, help="Open no socket. Always so: verification needs no network.")
@FORMAT
def command(
    target: str,
    signature: str | None,
    digest: str | None,
    trust: tuple[str, ...],
    identity: str | None,
    issuer: str | None,
    at: str | None,
    allow_uncovered: bool,
    algorithms: str,
    offline: bool,
    form: str,
) -> None:
    """Verify the signature of TARGET, a model folder, a file or an SBOM, under your own trust.

    \b
    Examples:
      mlsbom verify model/ --trust vendor.pub.pem
      mlsbom verify model/ --trust trusted_root.json --identity release@vendor.example --issuer https://issuer.example/oauth
      mlsbom verify sbom.cdx.json --trust ca.pem --trust ca.crl.pem
    """
    from mlsbom.verify import EXIT, Verdict, verify

    result = verify(
        target,
        signature=signature,
        digest=digest,
        trust=trust,
        identity=identity,
        issuer=issuer,
        at=at,
        allow_uncovered=allow_uncovered,
        algorithms=algorithms,
    )
    if form == "json":
        write_document(result)
    elif form == "jsonl":
        write_line(result)
    else:
        click.echo(as_text(result))
    exit_with(EXIT[Verdict(result["verdict"])])


def as_text(result: dict[str, Any]) -> str:
    """The verdict for people: verdict and reason, who signed, what is trusted, and the files that are not covered."""
    lines = [f"{result['verdict']}: {safe(result['target'])}", f"  reason      {safe(result['reason'])}", f"  kind        {result['kind']}"]
    signer = result["signer"]
    names = signer.get("sans") or ([signer["key"] + " " + signer["fingerprint"]] if "fingerprint" in signer else [])
    lines += [f"  signed by   {safe(name)}" for name in names]
    lines += [
        f"  {label:<11} {safe(str(signer[key]))}"
        for label, key in (("issuer", "issuer"), ("time", "time"), ("asked for", "policy"))
        if signer.get(key)
    ]
    if result["trusted_by"]:
        lines.append(f"  trusted by  {safe(result['trusted_by']['anchor'])} (sha256 {result['trusted_by']['sha256']})")
    files = result["files"]
    lines.append(f"  covered     {files['covered']}")
    for key in ("mismatched", "missing", "unsigned", "ignored_by_signer", "ignored_by_default"):
        lines += [f"  {key.replace('_', ' '):<11} {safe(path)}" for path in files[key]]
    lines += [f"  note        {safe(note)}" for note in result["notes"]]
    return "\n".join(lines)
