"""Algorithm profiles: which signatures, keys and digests are allowed. A gate over what a verification used; no claim about any module.

A profile is a table of `trust/algorithms.toml` in the data packs, or a TOML file of that form: `allowed` (OIDs, or names where there is
no OID) and `rsa_bits` (the least RSA modulus; absent: no RSA).
"""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Final

from mlsbom.errors import UsageError
from mlsbom.verify.verdict import Report

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs

PACK: Final = "trust/algorithms.toml"


class Profile:
    """A list of allowed algorithms by OID."""

    def __init__(self, name: str, allowed: frozenset[str], rsa_bits: int | None) -> None:
        self.name = name
        self._allowed = allowed
        self._rsa_bits = rsa_bits

    def allows(self, oid: str) -> bool:
        """Whether an OID, or `rsa-BITS`, is allowed."""
        if oid.startswith("rsa-"):
            return self._rsa_bits is not None and int(oid[4:]) >= self._rsa_bits
        return oid in self._allowed

    def gate(self, report: Report) -> None:
        """Refuse the first algorithm that was used and is not allowed, and name where."""
        for oid, where in report.used:
            if not self.allows(oid):
                report.refuse("algorithm-not-allowed", f"{oid} ({where}) is not allowed by the profile {self.name}")
                return


def load(name: str, packs: Packs) -> Profile:
    """A profile by name or from a file. Raises UsageError."""
    tables = packs.toml(PACK)
    if name not in tables:
        if not os.path.isfile(name):
            raise UsageError(f"no algorithm profile {name!r}", remedy=f"use {', '.join(sorted(tables))}, or a TOML file")
        try:
            with open(name, "rb") as f:
                table = tomllib.load(f)
        except (OSError, ValueError) as e:
            raise UsageError(f"algorithm profile {name}: {str(e)[:200]}") from e
    else:
        table = tables[name]
    allowed, bits = table.get("allowed"), table.get("rsa_bits")
    if not isinstance(allowed, list) or any(not isinstance(o, str) for o in allowed) or not (bits is None or isinstance(bits, int)):
        raise UsageError(f"algorithm profile {name}: needs `allowed`, a list of OIDs, and may have `rsa_bits`, a number")
    return Profile(os.path.basename(name), frozenset(allowed), bits)
