"""The rows of the inspectors of weights."""

from __future__ import annotations

from mlsbom.inspectors import Row
from mlsbom.inspectors.weights.rows_formats import FORMAT_ROWS

ROWS: tuple[Row, ...] = (*FORMAT_ROWS,)
