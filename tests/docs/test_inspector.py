"""The inspector of docs/adding-an-inspector.md, run as it stands there."""

from __future__ import annotations

import re

from mlsbom.blob import BytesBlob
from mlsbom.budget import Budget
from mlsbom.inspectors import Context, Table
from mlsbom.knowledge import shared
from tests.docs.commands import ROOT

SOURCE = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "adding-an-inspector.md").read_text("utf-8"), re.S)[1]


def test_it_is_as_short_as_it_says():
    assert len([line for line in SOURCE.splitlines() if line.strip()]) <= 20


def test_it_finds_what_it_says():
    module: dict[str, object] = {"__name__": "unfilled"}
    exec(SOURCE, module)
    context = Context(packs=shared(), budget=Budget())
    found = list(module["inspect"](BytesBlob(b"# Card\n\n[More Information Needed]\n"), context))
    assert [(f.rule, f.evidence.line) for f in found] == [("CARD-UNFILLED", 3)]
    assert list(module["inspect"](BytesBlob(b"# Card\n\nTrained on speech.\n"), context)) == []
    assert [r.name for r in Table((module["ROW"],)).find(("markdown",), "a/README.md").rows] == ["unfilled"]
