"""Which repositories the local Hugging Face cache holds. A snapshot folder is a target of its own, read by `LocalSource`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from mlsbom.errors import NothingToScan, UsageError
from mlsbom.patterns import late

NAME: Final = "hf-cache"
_FOLDER = late(r"(models|datasets|spaces)--(.+)")


class Snapshot(Struct, frozen=True, kw_only=True):
    """One revision of one repository in the cache. `refs`: branches and tags that point at it; `files`: links in the snapshot."""

    kind: str
    name: str
    revision: str
    path: str
    refs: tuple[str, ...]
    files: int

    def row(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "uri": f"hf://{'' if self.kind == 'models' else self.kind + '/'}{self.name}@{self.revision}",
            "path": self.path,
            "refs": list(self.refs),
            "files": self.files,
        }


def folder() -> Path:
    """Where the cache stands: HF_HUB_CACHE, else HF_HOME/hub, else the cache folder of the user (huggingface_hub's own order)."""
    if os.environ.get("HF_HUB_CACHE"):
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home).expanduser() / "hub"


def snapshots(cache: Path | None = None) -> tuple[Snapshot, ...]:
    """All snapshots, in the order of their paths. Raises NothingToScan where there is none, UsageError where it cannot be listed."""
    top = cache or folder()
    try:
        found = tuple(s for repository in sorted(top.iterdir()) for s in _of(repository))
    except FileNotFoundError as e:
        raise NothingToScan(f"{top}: there is no Hugging Face cache", remedy="name it with HF_HUB_CACHE or HF_HOME") from e
    except OSError as e:
        raise UsageError(f"{top}: cannot be listed: {e.strerror}") from e
    if not found:
        raise NothingToScan(f"{top}: holds no repository")
    return found


def _of(repository: Path) -> Iterator[Snapshot]:
    spelled = _FOLDER.fullmatch(repository.name)
    inside = repository / "snapshots"
    if spelled is None or repository.is_symlink() or not inside.is_dir() or inside.is_symlink():
        return
    refs = _refs(repository / "refs")
    for snapshot in sorted(inside.iterdir()):
        if snapshot.is_symlink() or not snapshot.is_dir():
            continue
        yield Snapshot(
            kind=spelled[1],
            name=spelled[2].replace("--", "/"),
            revision=snapshot.name,
            path=str(snapshot),
            refs=tuple(sorted(refs.get(snapshot.name, []))),
            files=sum(len(files) for _, _, files in os.walk(snapshot)),
        )


def _refs(top: Path) -> dict[str, list[str]]:
    """Names by the commit that they point at; a ref that is no small regular file does not count."""
    out: dict[str, list[str]] = {}
    for at, _, files in os.walk(top):
        for name in files:
            path = Path(at) / name
            if path.is_symlink() or not path.is_file() or path.stat().st_size > 1024:
                continue
            commit = path.read_text("utf-8", "replace").strip()
            out.setdefault(commit, []).append(str(path.relative_to(top)))
    return out
