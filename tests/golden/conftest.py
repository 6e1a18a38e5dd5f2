"""Says at the end of a run which golden grades could not be checked here."""

from __future__ import annotations

from typing import Any

from tests.golden.places import found, names


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line; nothing where all are here."""
    away = sorted(set(names()) - set(found()))
    if away:
        terminalreporter.write_line(f"golden grades not run, not found below MLSBOM_ZOO: {', '.join(away)}")
