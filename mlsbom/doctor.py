"""What can be said of an installation without the network: packs, trust, optional parts, cache."""

from __future__ import annotations

import importlib.util
import platform
from datetime import date
from typing import Any, Final

from mlsbom import __version__
from mlsbom.collect.hashing import cache_path
from mlsbom.errors import PackError
from mlsbom.knowledge import Packs
from mlsbom.scan import now

OPTIONAL: Final = {
    "psycopg": ("PostgreSQL store", "pip install 'mlsbom[postgres]'"),
    "ray": ("Ray engine", "pip install 'mlsbom[ray]'"),
    "distributed": ("Dask engine", "pip install 'mlsbom[dask]'"),
    "starlette": ("responders' page", "pip install 'mlsbom[serve]'"),
}
OLD_DAYS: Final = 14


def examine() -> list[dict[str, Any]]:
    """One row a part: `what`, `found`, `ok`, `optional`, `remedy`."""
    rows = [_row("mlsbom", f"{__version__}, Python {platform.python_version()}", True)]
    packs = Packs()
    try:
        names = list(packs.index.get("files", {}))
        for name in names:
            packs.read(name)
        rows.append(_row("data packs", f"{len(names)} files, {packs.date}, {packs.digest[:12]}", True))
        age = (date.fromisoformat(now()[:10]) - date.fromisoformat(packs.date)).days if packs.date else 0
        rows.append(
            _row(
                "age of the packs",
                f"{age} days",
                age <= OLD_DAYS,
                optional=True,
                remedy="" if age <= OLD_DAYS else "mlsbom signatures update or import",
            )
        )
    except PackError as e:
        rows.append(_row("data packs", str(e), False, remedy=e.remedy))
    rows.append(
        _row("Sigstore", "present" if importlib.util.find_spec("sigstore") else "missing", importlib.util.find_spec("sigstore") is not None)
    )
    for module, (what, remedy) in OPTIONAL.items():
        there = importlib.util.find_spec(module) is not None
        rows.append(_row(what, "present" if there else "not installed", there, optional=True, remedy="" if there else remedy))
    cache = cache_path()
    rows.append(_row("digest cache", f"{cache} ({cache.stat().st_size} bytes)" if cache.exists() else f"{cache} (empty)", True))
    return rows


def _row(what: str, found: str, ok: bool, *, optional: bool = False, remedy: str = "") -> dict[str, Any]:
    return {"what": what, "found": found, "ok": ok, "optional": optional, "remedy": remedy}
