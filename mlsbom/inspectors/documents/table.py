"""The rows of the inspectors of documents: those of the families that look at them."""

from __future__ import annotations

from mlsbom.inspectors import Row
from mlsbom.inspectors.documents import rows_attestations, rows_documents, rows_licenses, rows_signatures

ROWS: tuple[Row, ...] = (*rows_documents.ROWS, *rows_attestations.ROWS, *rows_licenses.ROWS, *rows_signatures.ROWS)
