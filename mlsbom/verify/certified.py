"""Certificates of a Sigstore authority: the time of signing, the chain at that time, the CT log's receipt, Fulcio's extensions.

Sources: RFC 3161 and 5816 (timestamps), RFC 6962 section 3.2 (receipts), Fulcio's `oid-info.md`, sigstore client specification.
"""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from mlsbom.verify import keys, paths
from mlsbom.verify.roots import Authority, Root
from mlsbom.verify.verdict import Refused, Report

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_FULCIO: Final = "1.3.6.1.4.1.57264.1."
_CLAIMS: Final = {
    "9": "builder",
    "11": "runner",
    "12": "source",
    "13": "commit",
    "14": "ref",
    "18": "build_config",
    "20": "trigger",
    "21": "run",
}
"""Extensions of Fulcio that are told, by their last number; the values are DER UTF8Strings."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_STAMP_HASHES: Final = {keys.HASH_OIDS[name]: name for name in ("sha256", "sha384", "sha512")}


class Stamp(Struct, frozen=True, kw_only=True):
    """A verified time and where it is from: `log` or `timestamp`."""

    time: datetime
    source: str


def timestamps(tokens: tuple[bytes, ...], signature: bytes, roots: list[Root], report: Report) -> list[Stamp]:
    """The times of all tokens that a trusted authority made over the signature. A token that is wrong is `bad-timestamp`; one by an
    authority that is not trusted is noted and does not count."""
    found = []
    for token in tokens:
        stamp = _timestamp(token, signature, [a for root in roots for a in root.timestamps], report)
        if stamp is None:
            report.note("a timestamp is by an authority that is not trusted: not used")
        else:
            found.append(Stamp(time=stamp, source="timestamp"))
    return found


def _timestamp(token: bytes, signature: bytes, authorities: list[Authority], report: Report) -> datetime | None:
    import rfc3161_client

    try:
        response = rfc3161_client.decode_timestamp_response(token)
        info = response.tst_info
        imprint, time = info.message_imprint, info.gen_time.replace(tzinfo=UTC) if info.gen_time.tzinfo is None else info.gen_time
        algorithm = _STAMP_HASHES.get(imprint.hash_algorithm.dotted_string)
        signers = {(s.issuer, s.serial_number) for s in response.signed_data.signer_infos}
    except (ValueError, TypeError, OverflowError) as e:
        raise Refused("bad-timestamp", "a timestamp cannot be read") from e
    if algorithm is None:
        raise Refused("unsupported-algorithm", f"timestamp over a digest of {imprint.hash_algorithm.dotted_string}")
    if imprint.message != hashlib.new(algorithm, signature).digest():
        raise Refused("bad-timestamp", "a timestamp is over another signature")
    ours = [a for a in authorities if (a.chain[0].issuer, a.chain[0].serial_number) in signers]
    problems = []
    for authority in ours:
        builder = rfc3161_client.VerifierBuilder(
            tsa_certificate=authority.chain[0], intermediates=list(authority.chain[1:-1]), roots=[authority.chain[-1]]
        )
        try:
            builder.build().verify_message(response, signature)
        except (rfc3161_client.VerificationError, ValueError, TypeError):
            problems.append("a timestamp is not signed by its authority, or at a time when its certificates were not valid")
            continue
        if not authority.window.holds(time):
            problems.append("a timestamp was made outside the time for which its authority is trusted")
            continue
        where = f"timestamp authority {paths.name_of(authority.chain[0])}"
        report.used += [(oid, where) for oid in keys.algorithms(paths.public_key(authority.chain[0]))] + [
            (imprint.hash_algorithm.dotted_string, where)
        ]
        return time
    if problems:
        raise Refused("bad-timestamp", problems[0])
    return None


def chain(leaf: Certificate, others: list[Certificate], root: Root, times: list[datetime]) -> paths.Path:
    """The path from a leaf to an authority of the root, good at every one of the times."""
    problem: Refused | None = None
    for authority in root.authorities:
        for path in paths.find(leaf, authority.chain[:-1], authority.chain[-1:]):
            if not path.trusted:
                continue
            try:
                if not authority.window.holds(leaf.not_valid_before_utc):
                    raise Refused("bad-chain", "issued outside the time for which its authority is trusted")
                for time in times:
                    paths.check(path, time)
                return path
            except Refused as e:
                problem = problem or e
    if problem is not None:
        raise problem
    pool = [c for a in root.authorities for c in a.chain]
    forged = paths.broken_link(leaf, (*pool, *others))
    if forged:
        raise Refused("bad-chain", f"{forged} is named as issuer and did not sign the certificate")
    if any(paths.issued(c, c) for p in paths.find(leaf, others, ()) for c in p.certificates[-1:]):
        raise Refused("untrusted-root", "the certificate's chain ends in a root that is not trusted")
    raise Refused("incomplete-chain", f"no trusted authority issued the certificate of {paths.name_of(leaf)}")


def receipt(path: paths.Path, root: Root, report: Report) -> None:
    """A CT log of the root has seen the certificate before it was issued (embedded SCT)."""
    from cryptography import x509

    leaf = path.certificates[0]
    found = paths.extension(leaf, x509.PrecertificateSignedCertificateTimestamps)
    if not root.ct_logs:
        raise Refused("no-trust-root", "the trust root has no certificate transparency log: its receipt cannot be checked")
    if not found:
        raise Refused("bad-sct", "the certificate has no receipt of a certificate transparency log")
    known = False
    for sct in found:
        time = sct.timestamp.replace(tzinfo=UTC)
        for log in root.ct_logs:
            if log.id != sct.log_id:
                continue
            known = True
            if log.window.holds(time) and keys.check(log.key, sct.signature, _signed(sct, path, time), hashes=("sha256",)):
                report.used += [(oid, "certificate transparency log") for oid in keys.algorithms(log.key)]
                return
    if known:
        raise Refused("bad-sct", "the receipt in the certificate is not signed by its log, or at a time when its key was not valid")
    raise Refused("no-trust-root", f"no trusted certificate transparency log has the id {found[0].log_id.hex()[:16]}")


def _signed(sct: Any, path: paths.Path, time: datetime) -> bytes:
    """The `digitally-signed` structure of RFC 6962, section 3.2, for a precertificate."""
    tbs: bytes = path.certificates[0].tbs_precertificate_bytes
    issuer = hashlib.sha256(keys.spki(paths.public_key(path.certificates[1]))).digest() if len(path.certificates) > 1 else bytes(32)
    milliseconds = (time - datetime(1970, 1, 1, tzinfo=UTC)) // _MILLISECOND
    entry: bytes = issuer + len(tbs).to_bytes(3) + tbs
    head: bytes = struct.pack("!BBQH", 0, 0, milliseconds, 1)
    return head + entry + struct.pack("!H", len(sct.extension_bytes)) + bytes(sct.extension_bytes)


def issuer_of(leaf: Certificate) -> str:
    """The OIDC issuer that the authority asked: extension .8 (DER), else the older .1 (raw); "" where there is none."""
    found = _claims(leaf)
    return paths.utf8(found["8"]) if "8" in found else found["1"].decode("utf-8", "replace") if "1" in found else ""


def claims(leaf: Certificate) -> dict[str, str]:
    """What the authority says of the build: builder, source, commit, ref, run."""
    found = _claims(leaf)
    return {name: text for number, name in _CLAIMS.items() if number in found and (text := paths.utf8(found[number]))}


def _claims(leaf: Certificate) -> dict[str, bytes]:
    from cryptography import x509

    return {
        e.oid.dotted_string.removeprefix(_FULCIO): e.value.value
        for e in leaf.extensions
        if e.oid.dotted_string.startswith(_FULCIO) and isinstance(e.value, x509.UnrecognizedExtension)
    }
