"""Facts of one file, as the driver would collect them, without a driver."""

from __future__ import annotations

import importlib

from mlsbom.blob import BytesBlob
from mlsbom.budget import Budget
from mlsbom.errors import ReadError
from mlsbom.formats.identify import identify
from mlsbom.inspectors import Context, Table, Yield
from mlsbom.inspectors.code.rows_imports import IMPORT_ROWS
from mlsbom.inspectors.manifests.table import ROWS
from mlsbom.knowledge import Packs
from mlsbom.model import Dependency, Reference, Shortfall, Status

TABLE = Table((*ROWS, *IMPORT_ROWS))
PACKS = Packs()


def read(path: str, content: str | bytes, *, formats: tuple[str, ...] = ()) -> list[Yield]:
    """All facts of a file of this path and content; a ReadError becomes a Shortfall, as in the driver."""
    data = content.encode() if isinstance(content, str) else content
    name = path.rsplit("/", 1)[-1]
    blob = BytesBlob(data, name)
    known = formats or identify(blob, name)
    out: list[Yield] = []
    for row in TABLE.find(known, "" if formats else path).rows:
        if row.triggers and not any(t in data for t in row.triggers):
            continue
        context = Context(packs=PACKS, budget=Budget(len(data)), path=path, formats=known)
        try:
            out += importlib.import_module(row.module).inspect(blob, context)
        except ReadError as e:
            out.append(Shortfall(status=Status(e.status), reason=str(e)))
    return out


def packages(path: str, content: str | bytes, *, formats: tuple[str, ...] = ()) -> list[tuple[str, str, str, str | None, int | None]]:
    """(ecosystem, name, specifier, resolved, line) of the dependencies, without those that only other packages ask for."""
    found = read(path, content, formats=formats)
    return [(f.ecosystem, f.name, f.specifier, f.resolved, f.evidence.line) for f in found if isinstance(f, Dependency) and not f.via]


def references(path: str, content: str | bytes) -> list[tuple[str, str, str | None, int | None]]:
    """(kind, name, version, line) of the references."""
    return [(str(f.kind), f.name, f.version, f.evidence.line) for f in read(path, content) if isinstance(f, Reference)]


def shortfalls(path: str, content: str | bytes) -> list[str]:
    """The reasons of the Shortfalls."""
    return [f.reason for f in read(path, content) if isinstance(f, Shortfall)]
