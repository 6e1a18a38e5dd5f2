"""`mlsbom.toml` beside a model: what people attest (see `policy.attestation`). Settings of the command in the same file are not facts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.inspectors import Context, Yield
from mlsbom.model import Evidence, Rule, Statement, Technique

RULES: tuple[Rule, ...] = ()
LIMIT = 4 << 20


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """One Statement(field="attestation") a table of the array `attestation`."""
    try:
        tree = tomllib.loads(blob.text(LIMIT))
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise Malformed(f"no TOML: {e}") from e
    rows = tree.get("attestation", [])
    if not isinstance(rows, list):
        raise Malformed("attestation is no array of tables", key="attestation")
    for n, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Malformed(f"attestation {n + 1} is no table", key="attestation")
        plain: dict[str, object] = {k: v if isinstance(v, (str, int, float, bool, list, dict)) else str(v) for k, v in row.items()}
        plain["value"] = _plain(plain.get("value", {}))
        yield Statement(
            field="attestation",
            value=plain,
            about="root",
            evidence=Evidence(key=f"attestation[{n}]", technique=Technique.ATTESTATION, confidence=1.0),
        )


def _plain(value: object) -> object:
    """TOML dates as text, so that the value is plain JSON."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value if isinstance(value, (str, int, float, bool)) else str(value)
