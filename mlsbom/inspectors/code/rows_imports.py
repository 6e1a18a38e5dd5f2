"""When the reader of imports is called: for every Python source and notebook."""

from __future__ import annotations

from mlsbom.inspectors import Row

IMPORT_ROWS: tuple[Row, ...] = (
    Row(
        name="code.imports",
        module="mlsbom.inspectors.code.imports",
        formats=frozenset({"python", "notebook"}),
        names=("*.py", "*.ipynb"),
        packs=("imports",),
    ),
)
