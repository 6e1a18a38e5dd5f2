"""The rows of the inspectors of weights."""

from __future__ import annotations

from mlsbom.inspectors import Row
from mlsbom.inspectors.weights.rows_formats import FORMAT_ROWS
from mlsbom.inspectors.weights.rows_pickle import PICKLE_ROWS

ROWS: tuple[Row, ...] = (*PICKLE_ROWS, *FORMAT_ROWS)
