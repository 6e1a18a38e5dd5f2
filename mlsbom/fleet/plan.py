"""What is to be scanned, what was, and how results are written: one file a target, whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from mlsbom import __version__
from mlsbom.errors import UsageError

if TYPE_CHECKING:
    from mlsbom.scan import Settings

TAIL: Final = 256
"""Bytes at the end of a result that hold its key."""


class Job(Struct, frozen=True, kw_only=True):
    """One target with its result file and the key by which a result is known again."""

    target: str
    out: Path
    key: str


def targets(spec: str) -> list[str]:
    """The targets that a list names, each once, in its order: a file of lines (`#` comments), `-`, a folder of folders, or a Hugging Face
    cache."""
    if spec != "-" and os.path.isdir(spec):
        cached = [p for p in sorted(Path(spec).glob("*--*/snapshots/*")) + sorted(Path(spec).glob("hub/*--*/snapshots/*")) if p.is_dir()]
        found = [str(p) for p in cached] or [
            e.path for e in sorted(os.scandir(spec), key=lambda e: e.name) if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")
        ]
    else:
        try:
            text = sys.stdin.read() if spec == "-" else Path(spec).read_text("utf-8", "surrogateescape")
        except OSError as e:
            raise UsageError(
                f"{spec}: cannot be read: {e.strerror}", remedy="name a file with a target a line, or a folder of folders"
            ) from e
        found = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    once = {_plain(t): t for t in reversed(found)}
    return [t for t in dict.fromkeys(found) if once[_plain(t)] == t]


def _plain(target: str) -> str:
    return target.rstrip("/") if target.startswith("hf://") else os.path.normpath(target)


def jobs(names: list[str], out: Path, packs: str, shard: tuple[int, int] = (1, 1), profile: str | None = None) -> Iterator[Job]:
    """The jobs of one shard, `(i, n)` with i from 1."""
    for n, target in enumerate(names):
        if n % shard[1] == shard[0] - 1:
            yield Job(target=target, out=out / f"{slug(target)}.json", key=key_of(target, packs, profile))


def slug(target: str) -> str:
    """A file name for a target: readable, and unique by a hash."""
    plain = _plain(target)
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", plain.rsplit("/", 1)[-1]).strip("-.")[:60] or "target"
    return f"{words}-{hashlib.sha256(plain.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def key_of(target: str, packs: str, profile: str | None) -> str:
    """By what a result is known again: address, list of files with sizes and times, versions of tool and packs, profile."""
    digest = hashlib.sha256("\0".join((_plain(target), __version__, packs, profile or "")).encode("utf-8", "surrogateescape"))
    if os.path.isdir(target):
        rows = []
        for folder, below, names in os.walk(target):
            below.sort()
            for name in names:
                path = os.path.join(folder, name)
                try:
                    s = os.lstat(path)
                except OSError:
                    continue
                rows.append(f"{os.path.relpath(path, target)}\0{s.st_size}\0{s.st_mtime_ns}\0{s.st_mode}")
        digest.update("\n".join(sorted(rows)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def done(job: Job) -> bool:
    """Whether a whole result of this very job is there. Results are renamed when whole, so that its last bytes tell."""
    try:
        with open(job.out, "rb") as f:
            f.seek(max(0, os.fstat(f.fileno()).st_size - TAIL))
            return f.read().endswith(_mark(job.key))
    except OSError:
        return False


def stamp(raw: bytes, key: str) -> bytes:
    """The document with the key of its job as its last key."""
    return raw.rstrip()[:-1].rstrip() + _mark(key)


def _mark(key: str) -> bytes:
    return b',\n "fleet": ' + json.dumps({"key": key}).encode() + b"\n}\n"


def write(path: Path, raw: bytes) -> None:
    """Atomically: a name with a dot first, then renamed."""
    temporary = path.parent / f".{path.name}.{os.getpid()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(temporary, "wb") as f:
            f.write(raw)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def failed_document(target: str, key: str, reason: str, settings: Settings) -> bytes:
    """The result of a target that could not be scanned: incomplete, with the reason, in the form of any other."""
    from mlsbom.model import Observed, Place, Shortfall, Status, Survey, Target, ToolInfo
    from mlsbom.scan import assess, now
    from mlsbom.survey.document import dump

    fact = Observed(place=Place(path="."), by="fleet", fact=Shortfall(status=Status.FAILED, reason=reason))
    tool = ToolInfo(version=__version__, signatures_digest=settings.packs.digest, signatures_date=settings.packs.date)
    name = target.rstrip("/").rsplit("/", 1)[-1] or "target"
    survey = Survey(target=Target(uri=target, name=name), tool=tool, observed=(fact,), created=settings.now or now())
    return stamp(dump(assess(survey, settings)), key)
