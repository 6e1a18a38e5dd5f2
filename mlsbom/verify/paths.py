"""Certificate paths: RFC 5280 sections 4.2 and 6, for code signing, under the caller's own anchors and revocation lists.

Every link is checked by signature, not by name alone; every certificate, the anchor too, must be inside its validity. No OCSP, and no
address in a certificate is ever fetched. The web's profiles (`cryptography.x509.verification`) refuse real signing certificates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from mlsbom.verify import keys
from mlsbom.verify.verdict import Refused

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList

DEPTH: Final = 10
PATHS: Final = 64
_UNDERSTOOD: Final = frozenset(
    {
        "2.5.29.14",
        "2.5.29.15",
        "2.5.29.17",
        "2.5.29.18",
        "2.5.29.19",
        "2.5.29.30",
        "2.5.29.31",
        "2.5.29.32",
        "2.5.29.35",
        "2.5.29.37",
        "1.3.6.1.5.5.7.1.1",
    }
)
"""Extensions that may be critical: key identifiers and usages, names, basic and name constraints, CRL points, policies, AIA."""


class Path(Struct, frozen=True, kw_only=True):
    """Leaf first, top last. `trusted`: the top is an anchor."""

    certificates: tuple[Certificate, ...]
    trusted: bool


def load(raw: bytes, what: str = "certificate") -> Certificate:
    """A DER certificate; `bad-chain` where it cannot be read."""
    from cryptography import x509

    try:
        return read(x509.load_der_x509_certificate, raw)
    except ValueError as e:
        raise Refused("bad-chain", f"a {what} cannot be read: {str(e)[:100]}") from e


def read(loader: Callable[[bytes], Certificate], raw: bytes) -> Certificate:
    """A certificate with all its parts looked at once: `cryptography` parses some of them only when asked. Raises ValueError alone."""
    from cryptography import x509

    try:
        certificate = loader(raw)
        _ = (
            certificate.subject,
            certificate.issuer,
            certificate.extensions,
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )
        return certificate
    except (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as e:
        raise ValueError(str(e)) from e


def from_pem(raw: bytes) -> Certificate:
    """A certificate in PEM. Raises ValueError."""
    from cryptography import x509

    return read(x509.load_pem_x509_certificate, raw)


def crl_from_pem(raw: bytes) -> CertificateRevocationList:
    """A revocation list in PEM, its extensions looked at. Raises ValueError."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_crl(raw)
        _ = found.issuer, found.extensions
        return found
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as e:
        raise ValueError(str(e)) from e


def public_key(certificate: Certificate) -> Any:
    """The key of a certificate, or `unsupported-algorithm` with its OID."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return certificate.public_key()
    except (UnsupportedAlgorithm, ValueError) as e:
        raise Refused(
            "unsupported-algorithm", f"key of {name_of(certificate)}: {certificate.public_key_algorithm_oid.dotted_string}"
        ) from e


def name_of(certificate: Certificate) -> str:
    """A certificate for messages: its subject, else its first name, else its serial number."""
    subject = certificate.subject.rfc4514_string()
    return subject or next(iter(sans(certificate)), f"serial {certificate.serial_number:x}")


def extension(certificate: Certificate, kind: type[Any]) -> Any:
    """The value of an extension, or None."""
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def sans(certificate: Certificate) -> list[str]:
    """E-mail, URI and DNS names, and Fulcio's user names (other name 1.3.6.1.4.1.57264.1.7)."""
    from cryptography import x509

    found = extension(certificate, x509.SubjectAlternativeName)
    names: list[str] = []
    for name in found or ():
        if isinstance(name, (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName)):
            names.append(name.value)
        elif isinstance(name, x509.OtherName) and name.type_id.dotted_string == "1.3.6.1.4.1.57264.1.7":
            names.append(utf8(name.value))
    return names


def utf8(der: bytes) -> str:
    """The text of a short DER UTF8String (tag 12)."""
    if len(der) < 2 or der[0] != 0x0C:
        return ""
    if der[1] < 0x80:
        return der[2:].decode("utf-8", "replace") if len(der) == 2 + der[1] else ""
    n = der[1] & 0x7F
    size = int.from_bytes(der[2 : 2 + n])
    return der[2 + n :].decode("utf-8", "replace") if n and len(der) == 2 + n + size else ""


def issued(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether `issuer` signed `certificate`: name and signature."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def find(leaf: Certificate, others: Iterable[Certificate], anchors: Iterable[Certificate]) -> list[Path]:
    """All paths from a leaf, longest trusted first: the one that goes on to a self-signed top is preferred, so that its CRLs count."""
    trusted = {_id(c): c for c in anchors}
    pool = trusted | {_id(c): c for c in others}
    found: list[Path] = []

    def climb(path: tuple[Certificate, ...]) -> None:
        if len(found) >= PATHS:
            return
        top = path[-1]
        above = [c for c in pool.values() if c not in path and issued(top, c)] if len(path) < DEPTH else []
        for issuer in above:
            climb((*path, issuer))
        if not above or _id(top) in trusted:
            found.append(Path(certificates=path, trusted=_id(top) in trusted))

    climb((leaf,))
    return sorted(found, key=lambda p: (not p.trusted, -len(p.certificates)))


def check(path: Path, at: datetime) -> None:
    """Raise where a certificate of the path is out of its validity or may not do what it does here."""
    for certificate in path.certificates:
        _validity(certificate, at)
        _critical(certificate)
    for below, issuer in enumerate(path.certificates[1:]):
        _issuer(issuer, sum(c.subject != c.issuer for c in path.certificates[1 : below + 1]))
        _constraints(issuer, path.certificates[: below + 1])
    usable_for_signing(path.certificates[0])


def usable_for_signing(leaf: Certificate, *, strict: bool = False) -> None:
    """`wrong-key-usage` unless key usage allows signatures and extended key usage code signing; `strict`: both must be there (Fulcio)."""
    from cryptography import x509

    usage, extended = extension(leaf, x509.KeyUsage), extension(leaf, x509.ExtendedKeyUsage)
    if (usage is not None and not usage.digital_signature) or (strict and usage is None):
        raise Refused("wrong-key-usage", f"{name_of(leaf)} may not make digital signatures")
    if (extended is None and strict) or (extended is not None and not _code_signing(extended)):
        raise Refused("wrong-key-usage", f"{name_of(leaf)} is not for code signing")


def _code_signing(extended: Any) -> bool:
    from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

    return Usage.CODE_SIGNING in extended or Usage.ANY_EXTENDED_KEY_USAGE in extended


def _validity(certificate: Certificate, at: datetime) -> None:
    if at < certificate.not_valid_before_utc:
        raise Refused("not-yet-valid", f"{name_of(certificate)} is valid from {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}")
    if at > certificate.not_valid_after_utc:
        raise Refused("expired", f"{name_of(certificate)} expired at {certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}")


def _critical(certificate: Certificate) -> None:
    for found in certificate.extensions:
        if found.critical and found.oid.dotted_string not in _UNDERSTOOD:
            raise Refused("bad-chain", f"{name_of(certificate)} has the unknown critical extension {found.oid.dotted_string}")


def _issuer(certificate: Certificate, below: int) -> None:
    from cryptography import x509

    basic, usage = extension(certificate, x509.BasicConstraints), extension(certificate, x509.KeyUsage)
    if basic is None or not basic.ca:
        raise Refused("bad-chain", f"{name_of(certificate)} is no certificate authority")
    if usage is not None and not usage.key_cert_sign:
        raise Refused("bad-chain", f"{name_of(certificate)} may not sign certificates")
    if basic.path_length is not None and below > basic.path_length:
        raise Refused("bad-chain", f"{name_of(certificate)} allows {basic.path_length} authorities below it, {below} are there")
    extended = extension(certificate, x509.ExtendedKeyUsage)
    if extended is not None and not _code_signing(extended):
        raise Refused("wrong-key-usage", f"{name_of(certificate)} may not issue for code signing")


def _constraints(issuer: Certificate, below: tuple[Certificate, ...]) -> None:
    """Name constraints (RFC 5280, 4.2.1.10) over the names of all certificates below that are not self-issued authorities."""
    from cryptography import x509

    limits = extension(issuer, x509.NameConstraints)
    if limits is None:
        return
    for n, certificate in enumerate(below):
        if n and certificate.subject == certificate.issuer:
            continue
        names: list[Any] = list(extension(certificate, x509.SubjectAlternativeName) or ())
        if certificate.subject.rdns:
            names.append(x509.DirectoryName(certificate.subject))
        for name in names:
            if any(_within(name, tree) for tree in limits.excluded_subtrees or ()):
                raise Refused("bad-chain", f"{name_of(issuer)} excludes the name {name.value}")
            same = [tree for tree in limits.permitted_subtrees or () if type(tree) is type(name)]
            if same and not any(_within(name, tree) for tree in same):
                raise Refused("bad-chain", f"{name_of(issuer)} does not permit the name {name.value}")
        _only_known(limits, names, issuer)


def _only_known(limits: Any, names: list[Any], issuer: Certificate) -> None:
    for tree in (*(limits.permitted_subtrees or ()), *(limits.excluded_subtrees or ())):
        if type(tree).__name__ not in _WITHIN and any(type(tree) is type(name) for name in names):
            raise Refused("bad-chain", f"{name_of(issuer)} constrains names in a way that is not known")


def _domain(host: str, limit: str, *, sub: bool) -> bool:
    host, limit = host.lower().rstrip("."), limit.lower().rstrip(".")
    if limit.startswith("."):
        return host.endswith(limit)
    return host == limit or (sub and (not limit or host.endswith("." + limit)))


def _mail(value: str, limit: str) -> bool:
    if "@" in limit:
        return value.rpartition("@")[0] == limit.rpartition("@")[0] and _domain(
            value.rpartition("@")[2], limit.rpartition("@")[2], sub=False
        )
    return _domain(value.rpartition("@")[2], limit, sub=False)


def _uri(value: str, limit: str) -> bool:
    from urllib.parse import urlsplit

    try:
        return _domain(urlsplit(value).hostname or "", limit, sub=False)
    except ValueError:
        return False


def _directory(value: Any, limit: Any) -> bool:
    return list(value.rdns[: len(limit.rdns)]) == list(limit.rdns)


_WITHIN: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "DNSName": lambda value, limit: _domain(value, limit, sub=True),
    "RFC822Name": _mail,
    "UniformResourceIdentifier": _uri,
    "DirectoryName": _directory,
    "IPAddress": lambda value, limit: value in limit,
}


def _within(name: Any, tree: Any) -> bool:
    return type(name) is type(tree) and type(name).__name__ in _WITHIN and _WITHIN[type(name).__name__](name.value, tree.value)


def revoked(path: Path, crls: Iterable[tuple[CertificateRevocationList, str]], at: datetime) -> Iterator[str]:
    """Check each certificate below the top against its issuer's lists: raises `revoked`, yields what was not checked or not used."""
    lists = list(crls)
    used: set[int] = set()
    for certificate, issuer in zip(path.certificates, path.certificates[1:], strict=False):
        checked = False
        for n, (crl, name) in enumerate(lists):
            if crl.issuer != issuer.subject:
                continue
            problem = _list_problem(crl, issuer, at)
            if problem:
                yield f"revocation list {name} is not used: {problem}"
                used.add(n)
                continue
            used.add(n)
            checked = True
            entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None and entry.revocation_date_utc <= at and not _removed(entry):
                raise Refused("revoked", f"{name_of(certificate)} was revoked at {entry.revocation_date_utc:%Y-%m-%dT%H:%M:%SZ}")
        if not checked:
            yield f"revocation not checked: no list of {name_of(issuer)}"
    for n, (_, name) in enumerate(lists):
        if n not in used:
            yield f"revocation list {name} is not used: its issuer is not in the path"


def _list_problem(crl: CertificateRevocationList, issuer: Certificate, at: datetime) -> str:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        if not crl.is_signature_valid(public_key(issuer)):
            return "not signed by its issuer"
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return "signed in a way that is not known"
    usage = extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        return "its issuer may not sign revocation lists"
    if crl.last_update_utc > at:
        return f"made at {crl.last_update_utc:%Y-%m-%dT%H:%M:%SZ}, after the time of the check"
    if crl.next_update_utc is None or crl.next_update_utc < at:
        return "stale" if crl.next_update_utc is None else f"stale since {crl.next_update_utc:%Y-%m-%dT%H:%M:%SZ}"
    unknown = next((e.oid.dotted_string for e in crl.extensions if e.critical), "")
    return f"unknown critical extension {unknown}" if unknown else ""


def _removed(entry: Any) -> bool:
    from cryptography import x509

    try:
        reason: x509.CRLReason = entry.extensions.get_extension_for_class(x509.CRLReason).value
        return reason.reason is x509.ReasonFlags.remove_from_crl
    except x509.ExtensionNotFound:
        return False


def broken_link(leaf: Certificate, pool: Iterable[Certificate]) -> str:
    """The issuer that a certificate names by name and key identifier and that did not sign it: then it is forged, not merely alone."""
    from cryptography import x509

    wanted = extension(leaf, x509.AuthorityKeyIdentifier)
    for issuer in pool:
        has = extension(issuer, x509.SubjectKeyIdentifier)
        if wanted and has and wanted.key_identifier == has.digest and leaf.issuer == issuer.subject and not issued(leaf, issuer):
            return name_of(issuer)
    return ""


def used(path: Path) -> list[tuple[str, str]]:
    """Keys and signature algorithms of a path, with where they stand, for the algorithm profile."""
    out: list[tuple[str, str]] = []
    for n, certificate in enumerate(path.certificates):
        where = "signing certificate" if not n else f"certificate of {name_of(certificate)}"
        out += [(oid, where) for oid in keys.algorithms(public_key(certificate))]
        if n + 1 < len(path.certificates):
            out.append((certificate.signature_algorithm_oid.dotted_string, where))
    return out


def der(certificate: Certificate) -> bytes:
    """The DER of a certificate."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _id(certificate: Certificate) -> bytes:
    return hashlib.sha256(der(certificate)).digest()
