"""A Sigstore trusted root: logs, certificate authorities, CT logs, timestamp authorities, each with the window in which it may be believed.

Source: sigstore protobuf-specs, `sigstore_trustroot.proto`. Windows are closed intervals: a missing end is open, a missing start is an
error, never "no bound".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from mlsbom.verify import keys, paths
from mlsbom.verify.strict import Fields
from mlsbom.verify.verdict import Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from cryptography.x509 import Certificate

ROOT: Final = "application/vnd.dev.sigstore.trustedroot"
CONFIG: Final = "application/vnd.dev.sigstore.clienttrustconfig"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROOTS: Final = frozenset({f"{ROOT}+json;version=0.1", f"{ROOT}+json;version=0.2", f"{ROOT}.v0.2+json"})
_CONFIGS: Final = frozenset({f"{CONFIG}.v0.1+json", f"{CONFIG}+json;version=0.1"})


class Window(Struct, frozen=True, kw_only=True):
    """From `start` to `end`, both included; `end` None is open."""

    start: datetime
    end: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether a time is inside."""
        return self.start <= at and (self.end is None or at <= self.end)


class Log(Struct, frozen=True, kw_only=True):
    """A transparency log or CT log by its key. `id` is the log id of entries and timestamps."""

    id: bytes
    key: PublicKeyTypes
    window: Window
    name: str


class Authority(Struct, frozen=True, kw_only=True):
    """A certificate or timestamp authority: its chain, issuing certificate first, anchor last."""

    chain: tuple[Certificate, ...]
    window: Window


class Root(Struct, frozen=True, kw_only=True):
    """A trusted root with where it is from: `anchor` (file and entry) and the file's SHA-256."""

    anchor: str
    sha256: str
    logs: tuple[Log, ...] = ()
    authorities: tuple[Authority, ...] = ()
    ct_logs: tuple[Log, ...] = ()
    timestamps: tuple[Authority, ...] = ()
    problem: str = ""

    def log(self, log_id: bytes) -> list[Log]:
        """The logs of this id: one, or several where its key window was renewed."""
        return [log for log in self.logs if log.id == log_id]


def is_root(document: Any) -> bool:
    """Whether a JSON document says that it is a trusted root or a client trust configuration."""
    return isinstance(document, dict) and str(document.get("mediaType", "")).startswith((ROOT, CONFIG))


def read(document: dict[str, Any], anchor: str, sha256: str) -> Root:
    """The root in a document. One that breaks its schema is kept with its `problem`, so that nothing is verified by the rest of it."""
    try:
        fields = Fields(document, "trust root", "bad-trust-root")
        media = fields.text("mediaType")
        if media in _CONFIGS:
            fields.object("signingConfig")
            fields = fields.object("trustedRoot")
            media = fields.text("mediaType")
        if media not in _ROOTS:
            raise Refused("bad-trust-root", f"media type {media[:80]!r} is not known")
        return Root(
            anchor=anchor,
            sha256=sha256,
            logs=tuple(_log(Fields(v, "tlog", fields.code)) for v in fields.list("tlogs")),
            ct_logs=tuple(_log(Fields(v, "ctlog", fields.code)) for v in fields.list("ctlogs")),
            authorities=tuple(_authority(Fields(v, "certificate authority", fields.code)) for v in fields.list("certificateAuthorities")),
            timestamps=tuple(_authority(Fields(v, "timestamp authority", fields.code)) for v in fields.list("timestampAuthorities")),
        )
    except Refused as e:
        return Root(anchor=anchor, sha256=sha256, problem=str(e).removeprefix("bad-trust-root: "))


def window(fields: Fields) -> Window:
    """The `validFor` of a thing; its start must be there."""
    valid = fields.object("validFor")
    return Window(start=instant(valid, "start"), end=instant(valid, "end") if valid.has("end") else None)


def instant(fields: Fields, name: str) -> datetime:
    """A field as a time with its zone (RFC 3339)."""
    text = fields.text(name)
    try:
        value = datetime.fromisoformat(text)
    except ValueError as e:
        raise Refused(fields.code, f"{name} {text[:40]!r} is no time") from e
    if value.tzinfo is None:
        raise Refused(fields.code, f"{name} {text[:40]!r} has no time zone")
    return value


def _log(fields: Fields) -> Log:
    public = fields.object("publicKey")
    try:
        key = keys.load(public.bytes("rawBytes"), fields.what)
    except ValueError as e:
        raise Refused(fields.code, f"the key of a {fields.what} cannot be read") from e
    name = fields.text("baseUrl", "")
    log_id = fields.object("checkpointKeyId" if fields.has("checkpointKeyId") and not fields.has("logId") else "logId").bytes("keyId")
    return Log(id=log_id, key=key, window=window(public), name=name.removeprefix("https://").rstrip("/"))


def _authority(fields: Fields) -> Authority:
    from cryptography import x509

    try:
        chain = tuple(
            paths.read(x509.load_der_x509_certificate, Fields(c, "certificate", fields.code).bytes("rawBytes"))
            for c in fields.object("certChain").list("certificates", 20)
        )
    except ValueError as e:
        raise Refused(fields.code, f"a certificate of a {fields.what} cannot be read") from e
    if not chain:
        raise Refused(fields.code, f"a {fields.what} has no certificates")
    return Authority(chain=chain, window=window(fields))
