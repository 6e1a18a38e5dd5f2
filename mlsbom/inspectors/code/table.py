"""The rows of the inspectors of code: those of the families that look at it."""

from __future__ import annotations

from mlsbom.inspectors import Row
from mlsbom.inspectors.code import rows_indicators, rows_references
from mlsbom.inspectors.code.rows_imports import IMPORT_ROWS
from mlsbom.inspectors.code.rows_safety import SAFETY_ROWS

ROWS: tuple[Row, ...] = (*rows_references.ROWS, *IMPORT_ROWS, *SAFETY_ROWS, *rows_indicators.ROWS)
