"""The rows of the inspectors of manifests."""

from __future__ import annotations

from mlsbom.inspectors import Row

ROWS: tuple[Row, ...] = ()
