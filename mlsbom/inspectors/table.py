"""The whole dispatch table: the families' rows, in order. No import-time registration."""

from __future__ import annotations

from functools import cache

from mlsbom.inspectors import Row, Table
from mlsbom.inspectors.code.table import ROWS as CODE
from mlsbom.inspectors.documents.table import ROWS as DOCUMENTS
from mlsbom.inspectors.manifests.table import ROWS as MANIFESTS
from mlsbom.inspectors.weights.table import ROWS as WEIGHTS

ROWS: tuple[Row, ...] = (*WEIGHTS, *MANIFESTS, *DOCUMENTS, *CODE)


@cache
def table() -> Table:
    """The table with its indexes, built once."""
    return Table(ROWS)
