"""When marks of poisoned packages are looked for: in all text, and with rules of their own in files that run by themselves."""

from __future__ import annotations

from typing import Final

from mlsbom.formats import FAMILIES
from mlsbom.inspectors import Row

_HERE = "mlsbom.inspectors.code"
TEXT: Final = frozenset(FAMILIES["text"])

ROWS: tuple[Row, ...] = (
    Row(name="code.indicators", module=f"{_HERE}.indicators", formats=TEXT, packs=("waves/waves.toml",)),
    Row(
        name="code.hooks",
        module=f"{_HERE}.hooks",
        names=(
            "*.pth",
            "binding.gyp",
            "*.gypi",
            "package.json",
            ".github/workflows/*.yml",
            ".github/workflows/*.yaml",
            ".claude/settings.json",
            ".claude/settings.local.json",
            ".vscode/tasks.json",
            ".cursor/hooks.json",
            ".gemini/settings.json",
            ".devcontainer/devcontainer.json",
            "devcontainer.json",
        ),
    ),
)
