"""The rows of the signature inspector: by name, and JSON that says what it is."""

from __future__ import annotations

from mlsbom.inspectors import Row

_MODULE = "mlsbom.inspectors.documents.signatures"

ROWS: tuple[Row, ...] = (
    Row(
        name="signatures",
        module=_MODULE,
        names=(
            "*.sig",
            "*.sigstore",
            "*.sigstore.json",
            "*.intoto.jsonl",
            "*.attestation",
            "*.attestations.json",
            "*.provenance",
            "*.bundle.json",
        ),
        members=False,
    ),
    Row(
        name="sbom-signatures",
        module=_MODULE,
        names=("bom.json", "sbom.json", "*.cdx.json", "*.bom.json", "*.sbom.json"),
        triggers=(b'"signature"',),
        members=False,
    ),
)
