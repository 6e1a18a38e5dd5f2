"""The data packs under `signatures/`: found, checked against their index, loaded once.

`signatures/index.toml` names every pack file with its SHA-256, date, source and licence; its own digest stands in every document. A file
that is missing or whose bytes differ from the index raises PackError: a scan then goes on without it, says so and exits 3.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from mlsbom.errors import PackError

T = TypeVar("T")


def shipped_root() -> Path:
    """The packs in the wheel, or those of the checkout."""
    here = Path(__file__).resolve().parent.parent
    inside = here / "_signatures"
    return inside if inside.is_dir() else here.parent / "signatures"


def user_root() -> Path:
    """Where `mlsbom signatures import` and `update` put the packs of this user."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "mlsbom" / "signatures"


def default_root() -> Path:
    """The user's own packs, where there are any and they are no older than the shipped ones."""
    shipped, mine = shipped_root(), user_root()
    return mine if (mine / "index.toml").is_file() and _serial(mine) >= _serial(shipped) else shipped


def _serial(root: Path) -> int:
    """The serial number near the top of an index, read without parsing the rest; 0 where there is none."""
    try:
        with open(root / "index.toml", encoding="utf-8") as f:
            head = f.read(400)
    except (OSError, UnicodeDecodeError):
        return 0
    found = re.search(r"^serial = (\d+)$", head, re.MULTILINE)
    return int(found[1]) if found else 0


class Packs:
    """All packs below one root (and, in front of it, an overlay folder of the user). Nothing is read before it is asked for."""

    def __init__(self, root: Path | None = None, *, without: frozenset[str] = frozenset()) -> None:
        self.root = root or default_root()
        self.without = without
        self._index: dict[str, Any] | None = None
        self._digest = ""
        self._loaded: dict[object, Any] = {}

    @property
    def index(self) -> dict[str, Any]:
        """The parsed index."""
        if self._index is None:
            try:
                raw = (self.root / "index.toml").read_bytes()
                self._index = tomllib.loads(raw.decode())
            except (OSError, ValueError) as e:
                raise PackError(
                    f"the index of the data packs cannot be read: {self.root / 'index.toml'}: {e}",
                    remedy="reinstall, or name a folder of packs with --signatures",
                ) from e
            self._digest = hashlib.sha256(raw).hexdigest()
        return self._index

    @property
    def digest(self) -> str:
        """SHA-256 of the index, which holds the digests of all packs."""
        _ = self.index
        return self._digest

    @property
    def date(self) -> str:
        """The date of the newest pack."""
        return str(self.index.get("date", ""))

    def read(self, name: str) -> bytes:
        """The bytes of one pack file (`pickle/known.toml`), checked against the index."""
        entry = self.index.get("files", {}).get(name)
        if entry is None:
            raise PackError(f"no data pack {name} in {self.root}", remedy="reinstall, or import it: mlsbom signatures import")
        try:
            raw = (self.root / name).read_bytes()
        except OSError as e:
            raise PackError(f"the data pack {name} cannot be read: {e.strerror}") from e
        if hashlib.sha256(raw).hexdigest() != entry["sha256"]:
            raise PackError(
                f"the data pack {name} is not what the index says: its SHA-256 differs",
                remedy="reinstall, or run: mlsbom signatures verify",
            )
        return raw

    def toml(self, name: str) -> dict[str, Any]:
        """A TOML pack, parsed."""
        return self.loaded(("toml", name), lambda p: tomllib.loads(p.read(name).decode()))

    def names(self, folder: str) -> list[str]:
        """The pack files below a folder, sorted."""
        return sorted(n for n in self.index.get("files", {}) if n.startswith(folder.rstrip("/") + "/"))

    def loaded(self, key: object, loader: Callable[[Packs], T]) -> T:
        """What `loader` makes of these packs, once per key (a failure is raised every time)."""
        if key not in self._loaded:
            self._loaded[key] = loader(self)
        return cast(T, self._loaded[key])

    def path(self, name: str) -> Path:
        """The path of a pack file, for those that are opened in place (SQLite); its digest is checked first."""
        self.read(name)
        return Path(os.path.join(self.root, name))


@cache
def shared() -> Packs:
    """The built-in packs, once a process: they do not change, and several of them cost tenths of a second to open."""
    return Packs()
