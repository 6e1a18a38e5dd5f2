"""What the tests of references share: facts of a piece of source."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mlsbom.blob import BytesBlob
from mlsbom.budget import Budget
from mlsbom.inspectors import Context
from mlsbom.inspectors.code import notebooks, references
from mlsbom.knowledge import Packs
from mlsbom.model import Kind, Reference, Role


def context(path: str) -> Context:
    return Context(packs=Packs(), budget=Budget(), path=path)


def read(source: str) -> list[Reference]:
    """All references of a source, in order."""
    return [f for f in references.inspect(BytesBlob(source.encode(), "x.py"), context("x.py")) if isinstance(f, Reference)]


def notebook(*cells: str | list[str], indent: int | None = 1) -> bytes:
    """A notebook of these code cells."""
    rows = [{"cell_type": "code", "source": c if isinstance(c, str) else [r + "\n" for r in c]} for c in cells]
    return json.dumps({"cells": rows, "nbformat": 4}, indent=indent).encode()


def of_notebook(data: bytes) -> list[Any]:
    return list(notebooks.inspect(BytesBlob(data, "x.ipynb"), context("x.ipynb")))


def names(found: Iterable[Reference], kind: Kind | None = None, role: Role | None = None) -> list[str]:
    return [r.name for r in found if (kind is None or r.kind == kind) and (role is None or r.role == role)]
