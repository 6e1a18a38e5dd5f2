"""Signatures: bundle, digests, places and trust in; one of five verdicts with its reason out. Offline, under the caller's own trust.

    verify     from paths: what the command does
    judge      the same over bytes and digests that someone else has read (a scan)

Sigstore's checks are our own code over `cryptography` and `rfc3161-client`: sigstore-python refuses most npm and SLSA bundles, trusts a
cache, and tells malformed from missing by no type. It is the oracle of the tests and makes keyless signatures.
"""

from __future__ import annotations

from typing import Any

from mlsbom.callable_module import callable_module
from mlsbom.verify.engine import verify
from mlsbom.verify.verdict import EXIT, Verdict

__all__ = ["EXIT", "Verdict", "sign", "verify"]


def sign(target: str, **options: Any) -> dict[str, Any]:
    """Sign a folder, an SBOM or a file: see `mlsbom.verify.signing.sign`."""
    from mlsbom.verify import signing

    return signing.sign(target, **options)


callable_module(__name__)
