"""What the tests of documents share: facts of a file by its name, through the rows of the table."""

from __future__ import annotations

import importlib
from typing import Any

from mlsbom.blob import BytesBlob
from mlsbom.budget import Budget
from mlsbom.formats.identify import identify
from mlsbom.inspectors import Context, Table
from mlsbom.inspectors.documents.rows_documents import ROWS
from mlsbom.knowledge import Packs
from mlsbom.model import LicenseClaim, Reference, Shortfall, Statement

TABLE = Table(ROWS)


def read(path: str, text: str | bytes) -> list[Any]:
    """All facts that the rows for this path give."""
    data = text.encode() if isinstance(text, str) else text
    blob = BytesBlob(data, path.rpartition("/")[2])
    formats = identify(blob, blob.name)
    out: list[Any] = []
    for row in TABLE.find(formats, path).rows:
        if not row.triggers or any(t in data for t in row.triggers):
            module = importlib.import_module(row.module)
            out.extend(module.inspect(blob, Context(packs=Packs(), budget=Budget(), path=path, formats=formats)))
    return out


def stated(facts: list[Any], field: str, about: str | None = None) -> list[Any]:
    """The values of a field, in order."""
    return [f.value for f in facts if isinstance(f, Statement) and f.field == field and about in (None, f.about)]


def line(facts: list[Any], field: str) -> int | None:
    return next(f.evidence.line for f in facts if isinstance(f, Statement) and f.field == field)


def references(facts: list[Any]) -> list[tuple[str, str, int | None]]:
    """(role, name, line) of all references."""
    return [(str(f.role), f.name, f.evidence.line) for f in facts if isinstance(f, Reference)]


def licenses(facts: list[Any]) -> list[LicenseClaim]:
    return [f for f in facts if isinstance(f, LicenseClaim)]


def shortfalls(facts: list[Any]) -> list[str]:
    return [f.reason for f in facts if isinstance(f, Shortfall)]
