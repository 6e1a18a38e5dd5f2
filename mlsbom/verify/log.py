"""Transparency log entries: the log's promise, the inclusion proof with its checkpoint, and that the entry is about this very signature.

Sources: RFC 6962 (Merkle tree), the C2SP signed note and checkpoint formats, Rekor v1 and v2 entry types, sigstore client specification.
A program that checks the entry but not what it is about accepts the entry of another artefact (CVE-2022-36056, CVE-2026-22703).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from mlsbom.patterns import late
from mlsbom.verify import keys, paths
from mlsbom.verify.bundle import Bundle, Entry, Proof
from mlsbom.verify.roots import Log, Root
from mlsbom.verify.strict import Fields, parse, unbase64
from mlsbom.verify.verdict import Refused, Report

CODE: Final = "bad-log-entry"
_SIGNATURE = late("\u2014 (\\S+) (\\S+)")


def verify(bundle: Bundle, root: Root, digest: Callable[[str], str], report: Report) -> datetime | None:
    """Check the entry of a bundle. Returns the integrated time where the log signed it. `digest(algorithm)` is the artefact's, as hex."""
    entry = bundle.entry
    assert entry is not None
    _about(entry, bundle, digest)
    logs = root.log(entry.log_id)
    if not logs:
        report.refuse("no-trust-root", f"no trusted log has the id {entry.log_id.hex()[:16]}")
        return None
    proof = entry.proof
    if bundle.version == "0.1" and proof is not None and not proof.checkpoint:
        proof = None  # without a checkpoint it proves nothing: the promise counts
    log = _log_of(logs, entry)
    report.used += [(oid, f"log {log.name}") for oid in keys.algorithms(log.key)]
    if entry.promise is not None:
        _promise(entry, log)
    if proof is not None and proof.checkpoint:
        _inclusion(entry, proof)
        _checkpoint(proof, log, entry.log_id)
    elif bundle.version != "0.1" or entry.promise is None or (entry.version == "0.0.2" and entry.kind == "hashedrekord"):
        report.refuse("no-inclusion-proof", "the log entry has no inclusion proof with a checkpoint")
    report.signer["log_index"] = entry.index
    report.signer["log"] = log.name
    if entry.promise is None or entry.time is None:
        return None
    return _seconds(entry.time)


def _seconds(value: int) -> datetime:
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError) as e:
        raise Refused(CODE, "the integrated time is out of range") from e


def _log_of(logs: list[Log], entry: Entry) -> Log:
    if entry.time is None:
        return logs[0]  # Rekor v2 has no time of its own: `in_window` asks again with the timestamp
    found = next((log for log in logs if log.window.holds(_seconds(entry.time or 0))), None)
    if found is None:
        raise Refused(CODE, f"integrated outside the validity of the key of {logs[0].name}")
    return found


def in_window(bundle: Bundle, root: Root, times: list[datetime]) -> None:
    """Of an entry without integrated time: the timestamps must lie in the window of the log's key."""
    if bundle.entry is not None and bundle.entry.time is None:
        logs = root.log(bundle.entry.log_id)
        if logs and not any(log.window.holds(t) for log in logs for t in times):
            raise Refused(CODE, f"signed outside the validity of the key of {logs[0].name}")


def _promise(entry: Entry, log: Log) -> None:
    body = {
        "body": base64.b64encode(entry.body).decode(),
        "integratedTime": entry.time or 0,
        "logID": entry.log_id.hex(),
        "logIndex": entry.index,
    }
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    if not keys.check(log.key, entry.promise or b"", text, hashes=("sha256",)):
        raise Refused(CODE, f"the inclusion promise is not signed by {log.name}")


def _inclusion(entry: Entry, proof: Proof) -> None:
    if proof.index >= proof.size:
        raise Refused(CODE, "the inclusion proof's index is outside its tree")
    if entry.version == "0.0.2" and entry.kind == "hashedrekord" and proof.index != entry.index:
        raise Refused(CODE, "the entry and its inclusion proof have different indexes")
    if len(proof.root) != 32 or any(len(h) != 32 for h in proof.hashes):
        raise Refused(CODE, "a hash of the inclusion proof is not a SHA-256")
    if merkle_root(entry.body, proof.index, proof.size, proof.hashes) != proof.root:
        raise Refused(CODE, "the inclusion proof does not lead to its root hash")


def merkle_root(leaf: bytes, index: int, size: int, hashes: tuple[bytes, ...]) -> bytes | None:
    """The root that an RFC 6962 inclusion proof leads to (RFC 9162, 2.1.3.2); None where it has the wrong length."""
    node, last, here = hashlib.sha256(b"\x00" + leaf).digest(), size - 1, index
    for sibling in hashes:
        if last == 0:
            return None
        if here & 1 or here == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        here, last = here >> 1, last >> 1
    return node if last == 0 else None


def _checkpoint(proof: Proof, log: Log, log_id: bytes) -> None:
    note, separator, tail = proof.checkpoint.partition("\n\n")
    lines = note.split("\n")
    if (
        not separator
        or "\n\n" in tail
        or not tail.endswith("\n")
        or len(lines) < 3
        or not lines[0]
        or not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1])
    ):
        raise Refused(CODE, "the checkpoint is no signed note with origin, size and root hash")
    if int(lines[1]) != proof.size or unbase64(lines[2], "root hash of the checkpoint", CODE) != proof.root:
        raise Refused(CODE, "the checkpoint is of another tree")
    text = (note + "\n").encode()
    for line in tail[:-1].split("\n"):
        found = _SIGNATURE.fullmatch(line)
        if found is None:
            raise Refused(CODE, "a signature line of the checkpoint is malformed")
        try:
            raw = base64.b64decode(found[2], validate=True)
        except (binascii.Error, ValueError) as e:
            raise Refused(CODE, "a signature of the checkpoint is not base64") from e
        ours = raw[:4] == log_id[:4] and (lines[0] == found[1] or lines[0].startswith(found[1] + " - "))
        if ours and keys.check(log.key, raw[4:], text, hashes=("sha256",)):
            return
    raise Refused(CODE, f"the checkpoint is not signed by {log.name}")


# --- what the entry is about -------------------------------------------------------------------------------------------------------


def _about(entry: Entry, bundle: Bundle, digest: Callable[[str], str]) -> None:
    kind = (entry.kind, entry.version)
    if kind not in _KINDS:
        raise Refused("unsupported-log-entry", f"{entry.kind[:40]}/{entry.version[:20]}")
    body = Fields(parse(entry.body, "the log entry", CODE), "log entry", CODE)
    if (body.text("kind"), body.text("apiVersion")) != kind:
        raise Refused(CODE, "the entry's body is of another kind than the bundle says")
    _KINDS[kind](body.object("spec"), bundle, digest)


def _differs(what: str) -> Refused:
    return Refused(CODE, f"the log entry is about another {what}")


def _pem(text: str, bundle: Bundle, what: str) -> None:
    """The verifier of the entry is the bundle's certificate or, where the bundle only hints at a key, is kept for that check."""
    raw = unbase64(text, what, CODE)
    try:
        if b"BEGIN CERTIFICATE" in raw:
            der = paths.der(paths.from_pem(raw))
        else:
            der = keys.spki(keys.load(raw, what))
    except ValueError as e:
        raise Refused(CODE, f"the {what} of the log entry cannot be read") from e
    if der != _verifier(bundle):
        raise _differs("certificate" if bundle.chain else "key")


def _verifier(bundle: Bundle) -> bytes:
    if bundle.chain:
        return bundle.chain[0]
    assert bundle.embedded is not None  # `signature.verify` puts the key that fitted here before the log is asked
    return keys.spki(keys.load(bundle.embedded, "key"))


def _payload_hash(fields: Fields, bundle: Bundle) -> None:
    if (
        fields.text("algorithm") != "sha256"
        or bundle.envelope is None
        or fields.text("value") != hashlib.sha256(bundle.envelope.payload).hexdigest()
    ):
        raise _differs("payload")


def _hashedrekord1(spec: Fields, bundle: Bundle, digest: Callable[[str], str]) -> None:
    if bundle.message is None:
        raise Refused(CODE, "an entry for a file stands beside an envelope")
    hashed, signature = spec.object("data").object("hash"), spec.object("signature")
    name = hashed.text("algorithm")
    if name not in keys.ECDSA_OIDS or hashed.text("value") != digest(name):
        raise _differs("file")
    if signature.bytes("content") != bundle.signature:
        raise _differs("signature")
    _pem(signature.object("publicKey").text("content"), bundle, "verifier")


def _dsse1(spec: Fields, bundle: Bundle, digest: Callable[[str], str]) -> None:
    _payload_hash(spec.object("payloadHash"), bundle)
    signatures = spec.list("signatures")
    if len(signatures) != 1:
        raise Refused(CODE, f"{len(signatures)} signatures in the log entry")
    one = Fields(signatures[0], "signature", CODE)
    if one.bytes("signature") != bundle.signature:
        raise _differs("signature")
    _pem(one.text("verifier"), bundle, "verifier")


def _intoto2(spec: Fields, bundle: Bundle, digest: Callable[[str], str]) -> None:
    content = spec.object("content")
    _payload_hash(content.object("payloadHash"), bundle)
    envelope = content.object("envelope")
    signatures = envelope.list("signatures")
    if bundle.envelope is None or envelope.text("payloadType") != bundle.envelope.payload_type or len(signatures) != 1:
        raise _differs("envelope")
    one = Fields(signatures[0], "signature", CODE)
    if unbase64(_ascii(one.bytes("sig")), "signature", CODE) != bundle.signature:  # base64 twice
        raise _differs("signature")
    _pem(one.text("publicKey"), bundle, "verifier")


def _ascii(raw: bytes) -> str:
    return raw.decode("ascii", "replace")


def _verifier2(signature: Fields, bundle: Bundle) -> None:
    if signature.bytes("content") != bundle.signature:
        raise _differs("signature")
    verifier = signature.object("verifier")
    part = verifier.object("x509Certificate" if bundle.chain else "publicKey")
    if part.bytes("rawBytes") != _verifier(bundle):
        raise _differs("certificate" if bundle.chain else "key")


_HASHES2: Final = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


def _hashedrekord2(spec: Fields, bundle: Bundle, digest: Callable[[str], str]) -> None:
    record = spec.object("hashedRekordV002")
    data = record.object("data")
    name = _HASHES2.get(data.text("algorithm"))
    if name is None:
        raise Refused("unsupported-log-entry", f"data hashed with {data.text('algorithm')[:40]}")
    expected = hashlib.new(name, bundle.envelope.pae).hexdigest() if bundle.envelope is not None else digest(name)
    if data.bytes("digest").hex() != expected:
        raise _differs("envelope" if bundle.envelope is not None else "file")
    _verifier2(record.object("signature"), bundle)


def _dsse2(spec: Fields, bundle: Bundle, digest: Callable[[str], str]) -> None:
    record = spec.object("dsseV002")
    hashed = record.object("payloadHash")
    if (
        hashed.text("algorithm") != "SHA2_256"
        or bundle.envelope is None
        or hashed.bytes("digest") != hashlib.sha256(bundle.envelope.payload).digest()
    ):
        raise _differs("payload")
    signatures: list[Any] = record.list("signatures")
    if len(signatures) != 1:
        raise Refused(CODE, f"{len(signatures)} signatures in the log entry")
    _verifier2(Fields(signatures[0], "signature", CODE), bundle)


_KINDS: Final[dict[tuple[str, str], Callable[[Fields, Bundle, Callable[[str], str]], None]]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord1,
    ("hashedrekord", "0.0.2"): _hashedrekord2,
    ("dsse", "0.0.1"): _dsse1,
    ("dsse", "0.0.2"): _dsse2,
    ("intoto", "0.0.2"): _intoto2,
}
