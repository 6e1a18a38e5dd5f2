"""`mlsbom sign`."""

from __future__ import annotations

import os

import click

from mlsbom.cli.common import FORMAT, write_document, write_line
from mlsbom.cli.verify import as_text

PASSWORD = "MLSBOM_KEY_PASSWORD"  # the name of a variable


@click.command("sign")
@click.argument("target")
@click.option("--key", metavar="FILE", help=f"PEM private key; an encrypted one takes its password from {PASSWORD}, or asks.")
@click.option("--certificate", metavar="FILE", help="PEM certificate of the key.")
@click.option("--chain", multiple=True, metavar="FILE", help="PEM certificates from there upward. Repeatable.")
@click.option("--sigstore", is_flag=True, help="Sign with an identity, without a key (needs --online).")
@click.option("--online/--offline", default=False, help="Whether the network may be used.")
@click.option(
    "--signature", metavar="FILE", help="Where the signature goes; default: model.sig in a folder, FILE.sigstore.json beside a file."
)
@click.option(
    "--ignore", multiple=True, metavar="PATH", help="A path of the folder that the signature leaves out, and says so. Repeatable."
)
@click.option("--detached", is_flag=True, help="Write a bundle beside an SBOM instead of a signature inside it.")
@click.option("--at", metavar="TIME", help="The time to judge the certificate at (RFC 3339); default: now.")
@FORMAT
def command(
    target: str,
    key: str | None,
    certificate: str | None,
    chain: tuple[str, ...],
    sigstore: bool,
    online: bool,
    signature: str | None,
    ignore: tuple[str, ...],
    detached: bool,
    at: str | None,
    form: str,
) -> None:
    """Sign TARGET: a model folder (OpenSSF Model Signing), an SBOM (in place), or any file (a bundle beside it).

    \b
    Examples:
      mlsbom sign model/ --key key.pem
      mlsbom sign sbom.cdx.json --key key.pem --certificate leaf.pem --chain intermediate.pem
      mlsbom sign model/ --sigstore --online
    """
    from mlsbom.verify import sign

    result = sign(
        target,
        key=key,
        password=_password(key),
        certificate=certificate,
        chain=chain,
        sigstore=sigstore,
        online=online,
        output=signature,
        ignore=ignore,
        detached=detached,
        at=at,
    )
    if form == "json":
        write_document(result)
    elif form == "jsonl":
        write_line(result)
    else:
        click.echo(as_text(result) + f"\n  signature   {result['signature']}")


def _password(key: str | None) -> bytes | None:
    """The password of an encrypted key: from the environment, else asked for on a terminal."""
    try:
        with open(key or os.devnull, "rb") as f:
            encrypted = b"ENCRYPTED" in f.read(65536)
    except OSError:
        return None  # signing says what is wrong with the file
    if not encrypted:
        return None
    given = os.environ.get(PASSWORD)
    return (given if given is not None else str(click.prompt("password of the key", hide_input=True, err=True))).encode()
