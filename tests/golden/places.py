"""Where the targets of the golden grades lie."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parent.parent / "examples" / "acme-asr"


def names() -> list[str]:
    """All targets that were judged by hand."""
    return sorted(p.stem for p in (HERE / "grades").glob("*.json"))


def found() -> dict[str, Path]:
    """Those that are here: the example always, packages below the folder that MLSBOM_ZOO names."""
    zoo = os.environ.get("MLSBOM_ZOO")
    places = {n: Path(zoo) / n for n in names()} if zoo else {}
    return {n: p for n, p in places.items() if p.is_dir()} | {"acme-asr": EXAMPLE}
