"""Changing the packs of this machine: signed packs taken over whole, records merged in, packs written out for a machine without network.

A new set of packs is made beside the old one and takes its place only when it is whole and checked. The old one is kept under
`<root>.previous`.
A set with a lower serial number is refused.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from mlsbom.errors import PackError, UsageError
from mlsbom.knowledge import user_root
from mlsbom.knowledge.index import build
from mlsbom.knowledge.signing import ROTATION, SIGNATURE, signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LARGEST: Final = 1 << 30
"""Bytes of all packs together."""
_LOOSE: Final = ("index.toml", SIGNATURE, ROTATION)
_STAMP: Final = (2026, 1, 1, 0, 0, 0)


class Problem(Struct, frozen=True, kw_only=True):
    """What is wrong with a file of the packs."""

    file: str
    why: str


def read_index(root: Path) -> dict[str, Any]:
    """The index below `root`. Raises PackError."""
    try:
        return tomllib.loads((root / "index.toml").read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise PackError(f"the index of the data packs cannot be read: {root}: {e}") from e


def problems(root: Path) -> list[Problem]:
    """Files that are missing, changed, or not in the index."""
    index = read_index(root)
    files = index.get("files", {})
    out = []
    for name, entry in sorted(files.items()):
        path = root / name
        if ".." in Path(name).parts or Path(name).is_absolute() or path.is_symlink():
            out.append(Problem(file=name, why="a path that leads elsewhere"))
        elif not path.is_file():
            out.append(Problem(file=name, why="missing"))
        elif hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            out.append(Problem(file=name, why="its SHA-256 differs from the index"))
    extra = {
        p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and p.name != "pack.toml" and not p.name.startswith(".")
    }
    extra -= {*files, *_LOOSE, "feed-overrides.toml"}
    folders = set(index.get("packs", {}))
    out += [Problem(file=name, why="not in the index") for name in sorted(extra) if name.split("/")[0] in folders]
    return out


def take(
    source: Path, destination: Path, keys: Iterable[Ed25519PublicKey], *, current: Path, downgrade: bool = False, now: str = ""
) -> str:
    """Put a signed set of packs (a folder or a zip made by `write_out`) in the place of `destination`. Returns the signer's fingerprint.
    Raises PackError where the signature, a digest or the serial is not right; nothing is changed then."""
    with _staging(destination) as staged:
        if source.is_dir():
            shutil.copytree(source, staged, dirs_exist_ok=True, symlinks=True)
        else:
            _unpack(source, staged)
        who = signer(staged, keys)
        if who is None:
            raise PackError(
                f"these packs are not signed: {source}", remedy="import records, or packs made by: mlsbom signatures export --key"
            )
        if wrong := problems(staged):
            raise PackError(f"these packs are not what their index says: {wrong[0].file}: {wrong[0].why}")
        _not_back(staged, current, downgrade)
        _swap(staged, destination)
    return who


def change(destination: Path, current: Path, by: str, edit: Callable[[Path], Iterable[str]], date: str) -> None:
    """Copy the current packs, let `edit` change the copy (it returns the folders that it changed), index it anew, and swap."""
    serial = int(read_index(current).get("serial", 0)) + 1
    with _staging(destination) as staged:
        shutil.copytree(current, staged, dirs_exist_ok=True, ignore=shutil.ignore_patterns(SIGNATURE, ".*"))
        for folder in edit(staged):
            meta = staged / folder / "pack.toml"
            text = meta.read_text("utf-8")
            old = tomllib.loads(text)["date"]
            meta.write_text(text.replace(f'date = "{old}"', f'date = "{max(str(old), date)}"', 1), "utf-8")
        (staged / "index.toml").write_text(build(staged, serial=serial, local=by), "utf-8")
        _swap(staged, destination)


def write_out(root: Path, out: Path) -> int:
    """Write the packs as one zip with fixed times and order. Returns the number of files. Raises PackError where they are damaged."""
    if wrong := problems(root):
        raise PackError(f"damaged packs are not written out: {wrong[0].file}: {wrong[0].why}")
    index = read_index(root)
    names = [n for n in _LOOSE if (root / n).exists()] + sorted([*index["files"], *(f"{f}/pack.toml" for f in index["packs"])])
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name in names:
            info = zipfile.ZipInfo(name, _STAMP)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            z.writestr(info, (root / name).read_bytes())
    return len(names)


def default_destination() -> Path:
    """Where the packs of this user live."""
    return user_root()


def _unpack(source: Path, into: Path) -> None:
    try:
        with zipfile.ZipFile(source) as z:
            infos = [i for i in z.infolist() if not i.is_dir()]
            if sum(i.file_size for i in infos) > LARGEST:
                raise PackError(f"larger than packs may be: {source}")
            for info in infos:
                target = (into / info.filename).resolve()
                if not target.is_relative_to(into.resolve()) or "\\" in info.filename or (info.external_attr >> 16) & 0o170000 == 0o120000:
                    raise PackError(f"a member leads out of the packs: {info.filename[:80]!r}")
                target.parent.mkdir(parents=True, exist_ok=True)
                with z.open(info) as f:
                    raw = f.read(info.file_size + 1)
                if len(raw) > info.file_size:
                    raise PackError(f"a member is larger than it says: {info.filename[:80]!r}")
                target.write_bytes(raw)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as e:  # the last is zipfile's: a compression it does not know
        raise UsageError(f"no packs can be read from {source}: {e}") from e


def _not_back(staged: Path, current: Path, downgrade: bool) -> None:
    new, old = (int(read_index(r).get("serial", 0)) for r in (staged, current))
    if new < old and not downgrade:
        raise PackError(f"these packs are older (serial {new}) than those here ({old})", remedy="--allow-downgrade, if that is meant")


class _staging:
    """A new folder beside the destination, removed unless it was put in place."""

    def __init__(self, destination: Path) -> None:
        destination.parent.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=destination.parent))

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _swap(staged: Path, destination: Path) -> None:
    """Put the new folder in the place of the old one, which is kept once."""
    staged.chmod(0o755)
    previous = destination.with_name(destination.name + ".previous")
    if destination.exists():
        shutil.rmtree(previous, ignore_errors=True)
        os.replace(destination, previous)
    os.replace(staged, destination)
