"""Notebooks: code cells alone, with the lines of the file."""

from __future__ import annotations

import json

import pytest

from mlsbom.errors import Malformed
from mlsbom.model import Kind, Reference, Shortfall

from .reading import names, notebook, of_notebook


def references(data: bytes) -> list[Reference]:
    return [f for f in of_notebook(data) if isinstance(f, Reference)]


def test_lines_are_those_of_the_file() -> None:
    data = notebook(["%matplotlib inline", "import os"], ["M = 'acme-lab/m'"], ["A.from_pretrained(M)"])
    (found,) = references(data)
    assert found.name == "acme-lab/m"
    assert b"from_pretrained" in data.splitlines()[found.evidence.line - 1]


def test_prose_and_outputs_are_not_read() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["A.from_pretrained('acme-lab/prose')"]},
        {"cell_type": "code", "source": "x = 1", "outputs": [{"text": "A.from_pretrained('acme-lab/output')"}]},
    ]
    assert references(json.dumps({"cells": cells}).encode()) == []


def test_magics_and_commands_do_not_break_a_cell() -> None:
    data = notebook(
        ["!pip install a \\", "    b", "%%time", "files = !ls", "A.from_pretrained('acme-lab/m')", "x?"],
        "%%html\n<b>",
        "%%time\nA.from_pretrained('acme-lab/n')",
    )
    assert names(references(data)) == ["acme-lab/m", "acme-lab/n"] or names(references(data)) == ["acme-lab/n"]


def test_a_broken_cell_costs_itself_alone() -> None:
    found = of_notebook(notebook("def f(:\n", "A.from_pretrained('acme-lab/m')"))
    assert names([f for f in found if isinstance(f, Reference)]) == ["acme-lab/m"]
    assert [f.reason for f in found if isinstance(f, Shortfall)][0].startswith("a code cell (line ")


def test_downloads_are_services() -> None:
    found = references(notebook("!wget -q https://dl.acme.example/data.zip"))
    assert [(r.kind, r.name) for r in found] == [(Kind.SERVICE, "dl.acme.example")]


@pytest.mark.parametrize("data", [b'{"cells": [', b"[]", b'{"x": 1}', b'{"cells": 3}'])
def test_no_notebook(data: bytes) -> None:
    with pytest.raises(Malformed):
        of_notebook(data)
