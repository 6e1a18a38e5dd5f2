"""What the caller trusts, told apart by content: PEM keys, CA certificates and revocation lists, Sigstore roots, npm's key list.

Nothing else is ever trusted: not the operating system's certificates, not certifi's, no cache below the home folder. Without `--trust`
the Sigstore root of the data packs is used for Sigstore bundles alone.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from mlsbom.errors import UsageError
from mlsbom.patterns import late
from mlsbom.verify import keys, paths, roots
from mlsbom.verify.roots import Root, Window
from mlsbom.verify.strict import Fields, parse, unbase64
from mlsbom.verify.subject import read_regular
from mlsbom.verify.verdict import Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from cryptography.x509 import Certificate, CertificateRevocationList

    from mlsbom.knowledge import Packs

DEFAULT_ROOT: Final = "trust/sigstore.json"
LIMIT: Final = 16 << 20
_PEM = late(rb"-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----")
_NPM_USAGE: Final = frozenset({"npm:attestations", "npm:signatures"})


class TrustedKey(Struct, frozen=True, kw_only=True):
    """A key that the caller trusts. `usages` and `window` stand in npm's key list alone."""

    key: PublicKeyTypes
    anchor: str
    sha256: str
    hint: str = ""
    usages: frozenset[str] = frozenset()
    window: Window | None = None


class TrustedCertificate(Struct, frozen=True, kw_only=True):
    """A certificate that the caller trusts."""

    certificate: Certificate
    anchor: str
    sha256: str


class Anchors(Struct, kw_only=True):
    """All that is trusted. `given` is false where nothing was named and the defaults apply."""

    keys: list[TrustedKey] = field(default_factory=list)
    certificates: list[TrustedCertificate] = field(default_factory=list)
    crls: list[tuple[CertificateRevocationList, str]] = field(default_factory=list)
    roots: list[Root] = field(default_factory=list)
    given: bool = True


def load(paths: tuple[Path, ...]) -> Anchors:
    """Read anchor files. Raises UsageError for one that cannot be read, holds a private key, or holds nothing that can be trusted."""
    anchors = Anchors(given=bool(paths))
    for path in paths:
        _add(anchors, _bytes(path), path.name)
    return anchors


def default(anchors: Anchors, packs: Packs) -> Anchors:
    """`anchors`, with the Sigstore root of the data packs where none were given at all."""
    if not anchors.given and not anchors.roots:
        _add(anchors, packs.read(DEFAULT_ROOT), f"{DEFAULT_ROOT} of the data packs of {packs.date}")
    return anchors


def _bytes(path: Path) -> bytes:
    try:
        raw = read_regular(os.fspath(path), LIMIT)
    except OSError as e:
        raise UsageError(f"trust anchor {path}: {e.strerror}", remedy="name a PEM file, a trusted_root.json or an npm key list") from e
    if len(raw) > LIMIT:
        raise UsageError(f"trust anchor {path}: larger than {LIMIT >> 20} MiB")
    return raw


def _add(anchors: Anchors, raw: bytes, name: str) -> None:
    sha256 = hashlib.sha256(raw).hexdigest()
    try:
        if raw.lstrip()[:1] == b"{":
            _add_json(anchors, parse(raw, "it"), name, sha256)
        else:
            _add_pem(anchors, raw, name, sha256)
    except (Refused, ValueError) as e:
        raise UsageError(
            f"trust anchor {name}: {str(e)[:200] or 'cannot be read'}", remedy="name a PEM file, a trusted_root.json or an npm key list"
        ) from e


def _add_pem(anchors: Anchors, raw: bytes, name: str, sha256: str) -> None:
    found = list(_PEM.finditer(raw))
    if not found or raw.count(b"-----BEGIN ") != len(found):
        raise UsageError(f"trust anchor {name}: holds no PEM block" if not found else f"trust anchor {name}: a PEM block is cut off")
    for n, block in enumerate(found, 1):
        kind, text, entry = block[1].decode(), block[0] + b"\n", f"{name}#{n}" if len(found) > 1 else name
        if kind == "PUBLIC KEY" or kind == "RSA PUBLIC KEY":
            anchors.keys.append(TrustedKey(key=keys.load(text, entry), anchor=entry, sha256=sha256))
        elif kind == "CERTIFICATE":
            anchors.certificates.append(TrustedCertificate(certificate=paths.from_pem(text), anchor=entry, sha256=sha256))
        elif kind == "X509 CRL":
            anchors.crls.append((paths.crl_from_pem(text), entry))
        else:
            raise UsageError(f"trust anchor {name}: a {kind} is nothing to trust by", remedy="name the public key, certificate or CRL")


def _add_json(anchors: Anchors, document: Any, name: str, sha256: str) -> None:
    if roots.is_root(document):
        anchors.roots.append(roots.read(document, name, sha256))
    elif isinstance(document, dict) and isinstance(document.get("keys"), list):
        for n, value in enumerate(document["keys"], 1):
            anchors.keys.append(_npm_key(Fields(value, f"key {n}"), f"{name}#{n}", sha256))
    else:
        raise UsageError(
            f"trust anchor {name}: JSON of no known kind", remedy="name a trusted_root.json, a client trust config or an npm key list"
        )


def _npm_key(fields: Fields, anchor: str, sha256: str) -> TrustedKey:
    if fields.has("publicKey"):  # as Sigstore's TUF repository has it
        public = fields.object("publicKey")
        usage = fields.text("keyUsage")
        if usage not in _NPM_USAGE:
            raise Refused("bad-bundle", f"key usage {usage[:40]!r} is not known")
        return TrustedKey(
            key=keys.load(public.bytes("rawBytes"), anchor),
            anchor=anchor,
            sha256=sha256,
            hint=fields.text("keyId"),
            usages=frozenset({usage}),
            window=roots.window(public),
        )
    end = roots.instant(fields, "expires") if fields.has("expires") else None  # as the registry answers: no start, all usages
    raw = unbase64(fields.text("key"), "key")
    return TrustedKey(
        key=keys.load(raw, anchor),
        anchor=anchor,
        sha256=sha256,
        hint=fields.text("keyid"),
        usages=_NPM_USAGE,
        window=Window(start=roots.EPOCH, end=end),
    )
