"""The rows of the inspectors of code."""

from __future__ import annotations

from mlsbom.inspectors import Row

ROWS: tuple[Row, ...] = ()
