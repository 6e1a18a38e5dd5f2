"""The rows of the safety inspectors of code, templates, configuration and hooks."""

from __future__ import annotations

from typing import Final

from mlsbom.inspectors import Row

_HERE: Final = "mlsbom.inspectors.code"

SAFETY_ROWS: tuple[Row, ...] = (
    Row(name="templates", module=f"{_HERE}.templates", formats=frozenset({"template"})),
    Row(name="templates-json", module=f"{_HERE}.templates", formats=frozenset({"json", "yaml"}), triggers=(b"{{", b"{%")),
)
