"""Signatures over the index of packs: detached Ed25519, base64, in `index.toml.sig`.

The index holds the digest of every pack file, so one signature covers them all. Keys that are trusted come with the program
(`knowledge/keys.toml`) or from the user (PEM files); a new key is taken up by a statement under an old one (`keys.rotation`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mlsbom.errors import PackError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE: Final = "index.toml.sig"
ROTATION: Final = "keys.rotation"
_SHIPPED = Path(__file__).with_name("keys.toml")


def fingerprint(key: Ed25519PublicKey) -> str:
    """The SHA-256 of the raw public key, hex."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def public(pem: bytes, where: str) -> Ed25519PublicKey:
    """A public key from PEM. Raises UsageError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except ValueError as e:
        raise UsageError(f"no public key in PEM: {where}") from e
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"not an Ed25519 key: {where}")
    return key


def private(pem: bytes, where: str, password: bytes | None = None) -> Ed25519PrivateKey:
    """A private key from PEM. Raises UsageError, never with a word of the key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password)
    except (ValueError, TypeError) as e:
        raise UsageError(f"no private key in PEM, or another password: {where}") from e
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"not an Ed25519 key: {where}")
    return key


def trusted(extra: Iterable[Path] = ()) -> list[Ed25519PublicKey]:
    """The keys that come with the program and those in the user's files."""
    shipped = tomllib.loads(_SHIPPED.read_text("utf-8"))["keys"]
    try:
        given = [(p.read_bytes(), str(p)) for p in extra]
    except OSError as e:
        raise UsageError(f"a key cannot be read: {e}") from e
    return [public(pem, where) for pem, where in (*((k["pem"].encode(), k["name"]) for k in shipped), *given)]


def sign(root: Path, key: Ed25519PrivateKey) -> None:
    """Sign the index below `root`."""
    (root / SIGNATURE).write_bytes(base64.b64encode(key.sign((root / "index.toml").read_bytes())) + b"\n")


def signer(root: Path, keys: Iterable[Ed25519PublicKey]) -> str | None:
    """The fingerprint of the trusted key that signed the index; None where there is no signature. PackError where it does not hold."""
    path = root / SIGNATURE
    if not path.exists():
        return None
    index = (root / "index.toml").read_bytes()
    raw = _base64(path)
    for key in _with_rotations(root, list(keys)):
        if _holds(key, raw, index):
            return fingerprint(key)
    raise PackError(
        "the signature of the index of packs is by no trusted key, or the index was changed",
        remedy="name the key with --trust, or fetch the packs again",
    )


def rotation(old: Ed25519PrivateKey, new: Ed25519PublicKey) -> str:
    """A statement under the old key that the new one is to be trusted: one line of `keys.rotation`."""
    raw = new.public_bytes_raw()
    return json.dumps(
        {
            "old": fingerprint(old.public_key()),
            "new": base64.b64encode(raw).decode(),
            "signature": base64.b64encode(old.sign(_statement(raw))).decode(),
        }
    )


def _statement(raw: bytes) -> bytes:
    return b"mlsbom packs: trust this key\n" + raw


def _with_rotations(root: Path, keys: list[Ed25519PublicKey]) -> list[Ed25519PublicKey]:
    """The keys, and those that statements of them make trusted, in a chain."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    path = root / ROTATION
    for line in path.read_text("utf-8").splitlines()[:100] if path.exists() else ():
        try:
            row = json.loads(line)
            raw, signature = base64.b64decode(row["new"], validate=True), base64.b64decode(row["signature"], validate=True)
            if any(fingerprint(k) == row["old"] and _holds(k, signature, _statement(raw)) for k in keys):
                keys = [*keys, Ed25519PublicKey.from_public_bytes(raw)]
        except (ValueError, KeyError, TypeError) as e:
            raise PackError(f"{ROTATION} cannot be read: {e}") from e
    return keys


def _holds(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _base64(path: Path) -> bytes:
    try:
        return base64.b64decode(path.read_bytes().strip(), validate=True)
    except (OSError, binascii.Error) as e:
        raise PackError(f"the signature of the index of packs cannot be read: {e}") from e
