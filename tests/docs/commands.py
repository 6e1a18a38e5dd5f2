"""Commands in the documentation: fenced `console` blocks after a line `<!-- run -->`. `# exit N` at the end of a line is what it must give."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- run -->\n```console\n(.*?)```", re.S)
LINE = re.compile(r"^\$ (.*?)(?:\s+# exit (\d))?$", re.M)


@dataclass(frozen=True)
class Command:
    text: str
    exit: int


def blocks(path: Path) -> list[tuple[Command, ...]]:
    """The runnable blocks of a page, in order."""
    found = BLOCK.findall(path.read_text("utf-8"))
    return [tuple(Command(m[1].strip(), int(m[2] or 0)) for m in LINE.finditer(block)) for block in found]


def pages() -> list[Path]:
    """All pages that may hold such blocks."""
    return [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts and "rules" not in p.parts)]
