"""The rows of the inspectors of documents."""

from __future__ import annotations

from mlsbom.inspectors import Row

ROWS: tuple[Row, ...] = ()
