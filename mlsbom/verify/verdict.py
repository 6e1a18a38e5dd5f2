"""The five verdicts, the reason codes that lead to them, and the report that a verification fills.

A step that finds something wrong raises `Refused`; a step that finds something open or untrusted notes it and goes on, so that a worse
truth is still found. The verdict is the worst of all that was noted: `invalid`, `unverifiable`, `verified-by-untrusted-identity`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.errors import MlsbomError
from mlsbom.sources import shown


class Verdict(StrEnum):
    """What a verification ends with, best first."""

    VERIFIED = "verified"
    UNTRUSTED = "verified-by-untrusted-identity"
    UNSIGNED = "unsigned"
    UNVERIFIABLE = "unverifiable"
    INVALID = "invalid"


EXIT: Final[dict[Verdict, int]] = {
    Verdict.VERIFIED: 0,
    Verdict.UNTRUSTED: 1,
    Verdict.UNSIGNED: 1,
    Verdict.UNVERIFIABLE: 3,
    Verdict.INVALID: 1,
}
_PRECEDENCE: Final = (Verdict.INVALID, Verdict.UNVERIFIABLE, Verdict.UNSIGNED, Verdict.UNTRUSTED)

CODES: Final[dict[str, Verdict]] = {
    "ok": Verdict.VERIFIED,
    "no-signature": Verdict.UNSIGNED,
    **dict.fromkeys(
        (
            "digest-mismatch",
            "missing-file",
            "unsigned-file",
            "missing-and-unsigned-file",
            "symlink",
            "special-file",
            "bad-signature",
            "bad-bundle",
            "duplicate-json-key",
            "bad-manifest",
            "bad-path",
            "duplicate-name",
            "empty-manifest",
            "weak-hash",
            "wrong-predicate",
            "expired",
            "not-yet-valid",
            "revoked",
            "wrong-key-usage",
            "bad-chain",
            "bad-sct",
            "bad-log-entry",
            "bad-timestamp",
            "algorithm-not-allowed",
            "partial-coverage",
            "name-mismatch",
        ),
        Verdict.INVALID,
    ),
    **dict.fromkeys(("identity-mismatch", "issuer-mismatch", "untrusted-key", "untrusted-root"), Verdict.UNTRUSTED),
    **dict.fromkeys(
        (
            "unknown-key",
            "incomplete-chain",
            "no-log-entry",
            "no-inclusion-proof",
            "no-timestamp",
            "no-trust-root",
            "bad-trust-root",
            "unsupported-bundle",
            "unsupported-log-entry",
            "unsupported-algorithm",
            "unreadable-file",
        ),
        Verdict.UNVERIFIABLE,
    ),
}
"""Every reason code and the verdict it means. `unreadable-file`: a covered file could not be read, so nothing can be said of it."""


class Refused(MlsbomError):
    """A step came to an end. `code` is one of `CODES`. Never leaves this package."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.verdict = CODES[code]


class Files(Struct, kw_only=True):
    """What a signature says of each file, as sorted paths. Empty while the list itself is not authentic."""

    covered: int = 0
    mismatched: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    ignored_by_signer: list[str] = field(default_factory=list)
    ignored_by_default: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As INTERFACE.md prints it."""
        lists = ("mismatched", "missing", "unsigned", "ignored_by_signer", "ignored_by_default")
        return {"covered": self.covered} | {name: [text(n) for n in sorted(getattr(self, name))] for name in lists}


class Report(Struct, kw_only=True):
    """What is known so far of one signature over one target."""

    target: str
    kind: str = "none"
    signer: dict[str, Any] = field(default_factory=dict)
    anchor: dict[str, str] | None = None
    files: Files = field(default_factory=Files)
    notes: list[str] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    used: list[tuple[str, str]] = field(default_factory=list)  # (algorithm or OID, where), for the algorithm profile

    def note(self, text: str) -> None:
        """Something to know that changes no verdict."""
        if text not in self.notes:
            self.notes.append(text)

    def refuse(self, code: str, detail: str = "") -> None:
        """Note what stands against `verified`, and go on."""
        self.refusals.append(Refused(code, detail))

    @property
    def worst(self) -> Refused:
        """The reason of the verdict: the first of the worst kind; `ok` where nothing was refused."""
        for verdict in _PRECEDENCE:
            for refusal in self.refusals:
                if refusal.verdict is verdict:
                    return refusal
        return Refused("ok")

    @property
    def verdict(self) -> Verdict:
        """The verdict so far."""
        return self.worst.verdict

    def document(self) -> dict[str, Any]:
        """As INTERFACE.md prints it; `trusted_by` only where the trust was shown to hold."""
        worst = self.worst
        return {
            "target": self.target,
            "verdict": worst.verdict.value,
            "reason": str(worst),
            "kind": self.kind,
            "signer": self.signer,
            "trusted_by": self.anchor if worst.verdict is Verdict.VERIFIED else None,
            "files": self.files.document(),
            "notes": list(self.notes),
        }


def text(name: str) -> str:
    """A path as it may be printed: as it is, or with its bytes that are no UTF-8 percent-encoded."""
    odd = any("\ud800" <= c <= "\udfff" for c in name)
    return shown(name.encode("utf-8", "surrogateescape")) if odd else name


def some(paths: Iterable[str], limit: int = 5) -> str:
    """Paths for a reason: the first few, and how many more."""
    ordered = [text(p) for p in sorted(paths)]
    return ", ".join(ordered[:limit]) + (f" and {len(ordered) - limit} more" if len(ordered) > limit else "")
