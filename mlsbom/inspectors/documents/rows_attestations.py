"""The row of the attestation inspector."""

from __future__ import annotations

from mlsbom.inspectors import Row

ROWS: tuple[Row, ...] = (
    Row(name="attestations", module="mlsbom.inspectors.documents.attestations", names=("mlsbom.toml",), members=False),
)
