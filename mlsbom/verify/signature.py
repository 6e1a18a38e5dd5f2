"""One signature of one bundle: by which key it is good, whether that key or certificate is trusted, when it was made, and by whom.

Order, so that the worst truth is found: signature, log entry, time, chain at that time, receipt, key usage; identity last of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from mlsbom.verify import certified, keys, log, paths
from mlsbom.verify.bundle import Bundle
from mlsbom.verify.roots import Root
from mlsbom.verify.trust import Anchors, TrustedKey
from mlsbom.verify.verdict import Refused, Report

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MEMORY = 64 << 20  # a file whose signature is over its bytes, not over a digest, is read up to this size


class Asked(Struct, frozen=True, kw_only=True):
    """What the caller asks for. `at`: the time to judge certificates at; `at_source`: asked or clock."""

    at: datetime
    at_source: str = "clock"
    identity: str | None = None
    issuer: str | None = None
    allow_uncovered: bool = False


class Signed(Struct, frozen=True, kw_only=True):
    """What is signed: an envelope's encoding, or a file by digest. `digest` answers hex, or None where it is not at hand."""

    message: Callable[[], bytes | None]
    digest: Callable[[str], str | None]
    file: bool = False
    legacy: bytes | None = None  # what model-signing before 1.0 signed instead


def verify(bundle: Bundle, signed: Signed, anchors: Anchors, asked: Asked, report: Report) -> None:
    """Check a bundle's signature and signer. Raises what is wrong, notes in `report` what is open or not trusted."""
    if bundle.chain:
        _by_certificate(bundle, signed, anchors, asked, report)
    else:
        _by_key(bundle, signed, anchors, asked, report)


def _good(key: Any, bundle: Bundle, signed: Signed) -> str:
    """The OID of the scheme under which the signature is good, or ""."""
    if not signed.file:
        message = signed.message() or b""
        older = ("sha256",) if bundle.method == "sigstore" else ()  # clients that used SHA-256 with every curve
        found = keys.check(key, bundle.signature, message, hashes=older)
        if not found and signed.legacy is not None:
            found = keys.check(key, bundle.signature, signed.legacy, hashes=("sha256",))
        return found
    if not keys.signs_digests(key):
        data = signed.message()
        if data is None:
            raise Refused("unsupported-algorithm", f"{keys.describe(key)} signs the bytes themselves, which are not at hand")
        return keys.check(key, bundle.signature, data)
    for name in _hashes(key, bundle):
        digest = signed.digest(name)
        if digest is None:
            raise Refused("unsupported-algorithm", f"the signature is over the file's {name} digest, which is not at hand")
        found = keys.check_digest(key, bundle.signature, bytes.fromhex(digest), name)
        if found:
            return found
    return ""


def _hashes(key: Any, bundle: Bundle) -> tuple[str, ...]:
    """The hash that the bundle names; else that of the curve, then SHA-256, which older clients use with every curve."""
    from cryptography.hazmat.primitives.asymmetric import ec

    named = bundle.message.algorithm if bundle.message is not None else None
    by_curve = keys.CURVES[key.curve.name][1] if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in keys.CURVES else "sha256"
    return (named,) if named is not None else tuple(dict.fromkeys((by_curve, "sha256")))


def _hint_digest(bundle: Bundle, signed: Signed) -> None:
    """The digest in a message signature is a hint, yet a wrong one is wrong."""
    message = bundle.message
    if message is None or message.algorithm is None or message.digest is None:
        return
    found = signed.digest(message.algorithm)
    if found is not None and found != message.digest.hex():
        raise Refused("digest-mismatch", f"the bundle is for a file with the {message.algorithm} digest {message.digest.hex()[:16]}…")


# --- by key ------------------------------------------------------------------------------------------------------------------------


def _by_key(bundle: Bundle, signed: Signed, anchors: Anchors, asked: Asked, report: Report) -> None:
    _hint_digest(bundle, signed)
    trusted, oid = _trusted_key(bundle, signed, anchors)
    if trusted is None:
        key, oid = _embedded_key(bundle, signed, report)
    else:
        key = trusted.key
        report.anchor = {"anchor": trusted.anchor, "sha256": trusted.sha256}
    report.signer |= {"method": "key", "key": keys.describe(key), "fingerprint": keys.fingerprint(key)}
    report.used += [(oid, "signature"), *((o, "signing key") for o in keys.algorithms(key))]
    times = _key_times(replace(bundle, embedded=keys.spki(key)), signed, anchors, report)
    if trusted is not None and trusted.window is not None:
        _key_window(trusted, times, asked, report)
    key_identity(key, asked, report)


def _trusted_key(bundle: Bundle, signed: Signed, anchors: Anchors) -> tuple[TrustedKey | None, str]:
    """The trusted key by which the signature is good. All are tried: a hint decides nothing but which error is told."""
    hinted = False
    for trusted in _usable(bundle, anchors):
        oid = _good(trusted.key, bundle, signed)
        if oid:
            return trusted, oid
        hinted = hinted or bundle.hint in keys.hints(trusted.key) or (bundle.hint != "" and bundle.hint == trusted.hint)
    if hinted:
        raise Refused("bad-signature", "not made by the trusted key that the bundle hints at, or over something else")
    return None, ""


def _usable(bundle: Bundle, anchors: Anchors) -> list[TrustedKey]:
    """npm's list names a key once for each use: attestations need that use. A hint goes first."""
    found = [k for k in anchors.keys if not k.usages or "npm:attestations" in k.usages]
    return sorted(found, key=lambda k: k.hint != bundle.hint)


def _embedded_key(bundle: Bundle, signed: Signed, report: Report) -> tuple[Any, str]:
    if bundle.embedded is None:
        raise Refused(
            "unknown-key", f"no trusted key fits; the bundle hints at {bundle.hint[:80]!r}" if bundle.hint else "no trusted key fits"
        )
    try:
        key = keys.load(bundle.embedded, "key in the bundle")
    except ValueError as e:
        raise Refused("bad-bundle", "the key in the bundle cannot be read") from e
    oid = _good(key, bundle, signed)
    if not oid:
        raise Refused("bad-signature", "not made by the key in the bundle, or over something else")
    report.refuse("untrusted-key", f"the key in the bundle is not trusted: sha256 {keys.fingerprint(key)}")
    return key, oid


def _key_times(bundle: Bundle, signed: Signed, anchors: Anchors, report: Report) -> list[datetime]:
    """The times that the log and authorities state, where a root is at hand and there is an entry."""
    if not anchors.roots or (bundle.entry is None and not bundle.timestamps):
        if bundle.entry is not None:
            report.note("the log entry was not checked: no Sigstore trust root is given")
        return []
    root = _root_for(bundle, anchors.roots)
    stamps = certified.timestamps(bundle.timestamps, bundle.signature, anchors.roots, report)
    times = [s.time for s in stamps]
    if bundle.entry is not None:
        integrated = log.verify(bundle, root, _need(signed), report)
        times += [integrated] if integrated is not None else []
        if times:
            log.in_window(bundle, root, times)
    if times:
        report.signer |= {"time": _text(min(times)), "time_source": "log" if bundle.entry is not None and not stamps else "timestamp"}
    return times


def _key_window(trusted: TrustedKey, times: list[datetime], asked: Asked, report: Report) -> None:
    assert trusted.window is not None
    for time in times or [asked.at]:
        if not trusted.window.holds(time):
            code = "not-yet-valid" if time < trusted.window.start else "expired"
            if times:
                raise Refused(code, f"{trusted.anchor} was not valid at {_text(time)}, when this was signed")
            report.refuse("no-timestamp", f"{trusted.anchor} is no longer valid, and nothing shows when this was signed")


def key_identity(key: Any, asked: Asked, report: Report) -> None:
    """A key states no identity: only its fingerprint can be asked for."""
    if asked.identity is None and asked.issuer is None:
        report.signer["policy"] = "this key"
        return
    report.signer["policy"] = "the identity that was asked for"
    if asked.identity is not None and asked.identity.lower() not in (keys.fingerprint(key), "sha256:" + keys.fingerprint(key)):
        report.refuse("identity-mismatch", "signed by a key, which states no identity; its fingerprint can be asked for as sha256:HEX")
    if asked.issuer is not None:
        report.refuse("issuer-mismatch", "signed by a key, which no issuer vouches for")


# --- by certificate ----------------------------------------------------------------------------------------------------------------


def _by_certificate(bundle: Bundle, signed: Signed, anchors: Anchors, asked: Asked, report: Report) -> None:
    leaf = paths.load(bundle.chain[0], "signing certificate")
    others = [paths.load(raw) for raw in bundle.chain[1:]]
    key = paths.public_key(leaf)
    report.signer |= {
        "method": bundle.method,
        "subject": leaf.subject.rfc4514_string(),
        "sans": paths.sans(leaf),
        "issuer": certified.issuer_of(leaf) or leaf.issuer.rfc4514_string(),
        "key": keys.describe(key),
        "fingerprint": keys.fingerprint(key),
        "certificate_sha256": hashlib.sha256(bundle.chain[0]).hexdigest(),
        **certified.claims(leaf),
    }
    _hint_digest(bundle, signed)
    oid = _good(key, bundle, signed)
    if not oid:
        raise Refused("bad-signature", "not made by the key of the certificate, or over something else")
    report.used.append((oid, "signature"))
    try:
        if bundle.method == "sigstore":
            _sigstore(bundle, signed, leaf, others, anchors, report)
        else:
            _private(bundle, leaf, others, anchors, asked, report)
    except Refused as e:
        report.refusals.append(e)
        if e.verdict == "invalid":
            raise
    _identity(leaf, asked, report)


def _sigstore(bundle: Bundle, signed: Signed, leaf: Certificate, others: list[Certificate], anchors: Anchors, report: Report) -> None:
    if not anchors.roots:
        raise Refused("no-trust-root", "a Sigstore bundle, and no Sigstore trust root is given")
    root = _root_for(bundle, anchors.roots)
    stamps = certified.timestamps(bundle.timestamps, bundle.signature, [root], report)
    if bundle.entry is None:
        report.refuse("no-log-entry", "signed by a short-lived certificate, without a transparency log entry")
    else:
        integrated = log.verify(bundle, root, _need(signed), report)
        if stamps:
            log.in_window(bundle, root, [s.time for s in stamps])
        if integrated is not None:
            stamps.append(certified.Stamp(time=integrated, source="log"))
    if not stamps:
        raise Refused("no-timestamp", "nothing that can be trusted shows when this was signed")
    report.signer |= {"time": _text(stamps[0].time), "time_source": stamps[0].source}
    path = certified.chain(leaf, others, root, [s.time for s in stamps])
    report.used += paths.used(path)
    paths.usable_for_signing(leaf, strict=True)
    certified.receipt(path, root, report)
    report.anchor = {"anchor": root.anchor, "sha256": root.sha256}


def _root_for(bundle: Bundle, roots: list[Root]) -> Root:
    """Of several roots the one that knows the bundle's log; a root that breaks its schema stops everything."""
    for root in roots:
        if root.problem:
            raise Refused("bad-trust-root", f"{root.anchor}: {root.problem}")
    entry = bundle.entry
    return next((r for r in roots if entry is not None and r.log(entry.log_id)), roots[0])


def _private(bundle: Bundle, leaf: Certificate, others: list[Certificate], anchors: Anchors, asked: Asked, report: Report) -> None:
    stamps = certified.timestamps(bundle.timestamps, bundle.signature, anchors.roots, report) if anchors.roots else []
    if stamps:
        asked = replace(asked, at=stamps[0].time, at_source="timestamp")
    by_path(leaf, others, anchors, asked, report)


def by_private_certificate(leaf: Certificate, others: list[Certificate], anchors: Anchors, asked: Asked, report: Report) -> None:
    """The signer of a good signature under an own CA: path, revocation, identity (used by JSF)."""
    report.signer |= {
        "method": "certificate",
        "subject": leaf.subject.rfc4514_string(),
        "sans": paths.sans(leaf),
        "issuer": leaf.issuer.rfc4514_string(),
    }
    by_path(leaf, others, anchors, asked, report)
    _identity(leaf, asked, report)


def by_path(leaf: Certificate, others: list[Certificate], anchors: Anchors, asked: Asked, report: Report) -> None:
    """A path to an anchor, good at the time asked for; what is open or not trusted is noted."""
    report.signer |= {"time": None if asked.at_source == "clock" else _text(asked.at), "time_source": asked.at_source}
    path = _best(paths.find(leaf, others, [a.certificate for a in anchors.certificates]), asked.at)
    report.used += paths.used(path)
    top = path.certificates[-1]
    if path.trusted:
        for text in paths.revoked(path, anchors.crls, asked.at):
            report.note(text)
        anchor = next(a for c in reversed(path.certificates) for a in anchors.certificates if a.certificate == c)
        report.anchor = {"anchor": anchor.anchor, "sha256": anchor.sha256}
    elif paths.issued(top, top):
        if not anchors.given:
            report.refuse("no-trust-root", "signed under an own CA, and no certificate is trusted: name one with --trust")
        report.refuse("untrusted-root", f"the chain ends in {paths.name_of(top)}, which is not trusted")
    else:
        forged = paths.broken_link(top, (*others, *(a.certificate for a in anchors.certificates)))
        if forged:
            raise Refused("bad-chain", f"{forged} is named as issuer and did not sign the certificate")
        report.refuse("incomplete-chain", f"the issuer of {paths.name_of(top)} is not at hand: {top.issuer.rfc4514_string()}")


def _best(found: list[paths.Path], at: datetime) -> paths.Path:
    """The first path that is good, trusted ones first; where none is, its problem: an untrusted path hides nothing of a trusted one."""
    problem: Refused | None = None
    for path in found:
        if problem is not None and not path.trusted:
            break
        try:
            paths.check(path, at)
            return path
        except Refused as e:
            problem = problem or e
    assert problem is not None
    raise problem


def _identity(leaf: Certificate, asked: Asked, report: Report) -> None:
    """Exactly one of the certificate's names, exactly its issuer: no prefix, no pattern, never the common name."""
    if asked.identity is None and asked.issuer is None:
        report.signer["policy"] = "any identity under this root"
        return
    report.signer["policy"] = (
        "the identity that was asked for" if asked.identity is not None else "any identity of the issuer that was asked for"
    )
    names = paths.sans(leaf)
    if asked.identity is not None and asked.identity not in names:
        report.refuse("identity-mismatch", f"signed by {', '.join(names) or 'a certificate without names'}, asked for {asked.identity}")
    issuer = certified.issuer_of(leaf)
    if asked.issuer is not None and asked.issuer != issuer:
        report.refuse("issuer-mismatch", f"vouched for by {issuer or 'no issuer'}, asked for {asked.issuer}")


def _need(signed: Signed) -> Callable[[str], str]:
    def digest(algorithm: str) -> str:
        found = signed.digest(algorithm)
        if found is None:
            raise Refused("unsupported-algorithm", f"the log entry is over a {algorithm} digest, which is not at hand")
        return found

    return digest


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
