"""What can be said of an installation: packs, trust root, optional parts, caches; and, where that is asked for, whether the Hub answers."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
from datetime import date
from typing import Any, Final

from mlsbom import __version__
from mlsbom.collect.hashing import cache_path
from mlsbom.errors import MlsbomError, PackError
from mlsbom.knowledge import Packs
from mlsbom.scan import now

OPTIONAL: Final = {
    "psycopg": ("PostgreSQL store", "pip install 'mlsbom[postgres]'"),
    "ray": ("Ray engine", "pip install 'mlsbom[ray]'"),
    "distributed": ("Dask engine", "pip install 'mlsbom[dask]'"),
    "starlette": ("responders' page", "pip install 'mlsbom[serve]'"),
}
OLD_DAYS: Final = 14


def examine(online: bool = False) -> list[dict[str, Any]]:
    """One row a part: `what`, `found`, `ok`, `optional`, `remedy`. `online`: also ask the Hub for an answer; else no socket is opened."""
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
    rows.append(_trust(packs))
    rows.append(_hub_cache())
    rows.append(_hub() if online else _row("network", "not asked; --online asks", True))
    return rows


def _trust(packs: Packs) -> dict[str, Any]:
    """The Sigstore root of the packs: until when its certificates hold is what `verify` says of each signature."""
    try:
        root = packs.read("trust/sigstore.json")
    except PackError as e:
        return _row("trust root", str(e), False, remedy=e.remedy)
    return _row("trust root", f"Sigstore, sha256 {hashlib.sha256(root).hexdigest()[:12]}; --trust names your own instead", True)


def _hub_cache() -> dict[str, Any]:
    from mlsbom.sources import cache

    try:
        return _row("Hugging Face cache", f"{cache.folder()} ({len(cache.snapshots())} snapshots)", True)
    except MlsbomError:
        return _row("Hugging Face cache", f"{cache.folder()} (none)", True)


def _hub() -> dict[str, Any]:
    """Whether the endpoint answers at all; what it answers does not matter."""
    import requests
    from huggingface_hub import constants

    endpoint = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    try:
        status = requests.head(endpoint, timeout=10, allow_redirects=False).status_code
    except (requests.RequestException, ValueError) as e:
        return _row("network", f"{endpoint}: {type(e).__name__}", False, optional=True, remedy="check HF_ENDPOINT and the proxy")
    return _row("network", f"{endpoint} answers ({status})", True)


def _row(what: str, found: str, ok: bool, *, optional: bool = False, remedy: str = "") -> dict[str, Any]:
    return {"what": what, "found": found, "ok": ok, "optional": optional, "remedy": remedy}
