"""Documents into the store: idempotent, a transaction a batch, nothing half in."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from mlsbom.errors import UsageError
from mlsbom.knowledge import Packs, shared
from mlsbom.store import said
from mlsbom.store.database import Database
from mlsbom.store.documents import one
from mlsbom.store.rows import NAMED, PLAIN, Head, Row, Rows

BATCH: Final = 400
HEAVIEST: Final = 100_000
"""Documents and rows of one transaction; a document is never split."""
SUFFIXES: Final = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".cdx", ".spdx")
LARGEST: Final = 1 << 30
"""Bytes of one document, unpacked."""
TARGET: Final = ("id", "uri", *Head._fields, "first_seen", "sha256", "findings", "document")


class Report(Struct):
    """What an ingest did. `older`: documents of a target of which a newer one is there. `broken`: why, a line each."""

    new: int = 0
    changed: int = 0
    same: int = 0
    older: int = 0
    broken: list[str] = field(default_factory=list)


def files(paths: Iterable[str]) -> Iterator[Path]:
    """The documents below these paths, sorted; names that start with a dot are half-written or not ours."""
    for name in paths:
        path = Path(name)
        if path.is_dir():
            for folder, below, names in os.walk(path):
                below[:] = sorted(d for d in below if not d.startswith("."))
                yield from (Path(folder, n) for n in sorted(names) if not n.startswith(".") and n.endswith(SUFFIXES))
        elif path.is_file():
            yield path
        else:
            raise UsageError(f"{name}: there is no such file or folder")


def documents(path: Path, broken: list[str]) -> Iterator[Rows]:
    """The targets of a file, one at a time: one JSON document, or one a line. What cannot be read goes to `broken`."""
    lines = ".jsonl" in path.suffixes
    opened: Any = gzip.open if path.name.endswith(".gz") else open
    try:
        with opened(path, "rb") as f:
            number = 0
            while raw := f.readline(LARGEST + 1) if lines else f.read(LARGEST + 1):
                number += 1
                where = f"{path}:{number}" if lines else str(path)
                if len(raw) > LARGEST:
                    broken.append(f"{where}: is larger than a document may be ({LARGEST} bytes)")
                    return
                if not raw.strip():
                    continue
                try:
                    yield one(raw, where)
                except UsageError as e:
                    broken.append(str(e))
            if not number:
                broken.append(f"{path}: is empty")
    except (OSError, EOFError, zlib.error) as e:
        broken.append(f"{path}: cannot be read: {e}")


def ingest(db: Database, paths: Iterable[str], packs: Packs | None = None) -> Report:
    """Take in documents. One that was taken before is not taken again; a newer one of the same target replaces what was known."""
    report = Report()
    batch: list[Rows] = []
    weight = 0
    seen: dict[int, bytes] = {}
    for path in files(paths):
        for rows in documents(path, report.broken):
            batch.append(rows)
            weight += rows.weight
            if len(batch) >= BATCH or weight >= HEAVIEST:
                _write(db, batch, report, seen)
                batch, weight = [], 0
    _write(db, batch, report, seen)
    said.remember(db, packs or shared())
    return report


def _write(db: Database, batch: list[Rows], report: Report, seen: dict[int, bytes]) -> None:
    if not batch:
        return
    latest: dict[str, Rows] = {}
    for r in batch:
        if r.uri not in latest or _order(r.head.created, r.sha256) > _order(latest[r.uri].head.created, latest[r.uri].sha256):
            latest[r.uri] = r
    with db.write():
        found = db.each("SELECT uri, id, sha256, first_seen, created FROM target WHERE uri IN (...)", list(latest))
        known = {uri: (number, bytes(sha256), first, created) for uri, number, sha256, first, created in found}
        fresh = []
        for r in latest.values():
            was = known.get(r.uri)
            if was is None:
                fresh.append(r)
            elif was[1] == r.sha256:
                report.same += 1
            elif _older(r, was[3], was[1], seen):
                report.older += 1
            else:
                fresh.append(r)
        report.older += len(batch) - len(latest)
        if fresh:
            _put(db, fresh, known, report)
    for uri, r in latest.items():
        seen[hash(uri)] = r.sha256


def _order(created: str | None, sha256: bytes) -> tuple[str, bytes]:
    return created or "", sha256


def _older(r: Rows, created: str | None, sha256: bytes, seen: dict[int, bytes]) -> bool:
    """Whether what is there is to be kept. At equal times the later ingest counts; within one ingest, so that it comes out the same again,
    the greater digest."""
    if (r.head.created or "") != (created or ""):
        return (r.head.created or "") < (created or "")
    return hash(r.uri) in seen and r.sha256 < sha256


def _put(db: Database, fresh: list[Rows], known: dict[str, Any], report: Report) -> None:
    numbers = _numbers(db, {(row[0], row[1]) for r in fresh for t in NAMED for row in r.tables[t]})
    since = _forget(db, [known[r.uri][0] for r in fresh if r.uri in known])
    following = int((db.one("SELECT COALESCE(MAX(id), 0) FROM target") or (0,))[0])
    targets: list[Row] = []
    tables: dict[str, list[Row]] = {t: [] for t in (*NAMED, *PLAIN)}
    for r in fresh:
        if r.uri in known:
            report.changed += 1
            target, first = known[r.uri][0], known[r.uri][2]
        else:
            report.new += 1
            following += 1
            target, first = following, r.head.created
        targets.append((target, r.uri, *r.head, first, r.sha256, msgspec.json.encode(r.findings).decode(), r.document))
        for table, columns in NAMED.items():
            rows = [(target, numbers[row[0], row[1]], *row[2:]) for row in r.tables[table]]
            if since and "since" in columns and r.uri in known:
                rows = [(*row[:4], since.get(row[:4], row[4]), *row[5:]) for row in rows]
            tables[table] += rows
        for table in PLAIN:
            tables[table] += [(target, *row) for row in r.tables[table]]
    db.many("target", TARGET, targets)
    for table, rows in tables.items():
        if rows:
            db.many(table, ("target", "name", *NAMED[table]) if table in NAMED else ("target", *PLAIN[table]), rows)


def _forget(db: Database, targets: list[int]) -> dict[Row, str]:
    """Take out all rows of these targets; since when each (target, name, version, path) was known stays known."""
    since: dict[Row, str] = {}
    for table in ("dependency", "component"):
        for row in db.each(f"SELECT target, name, version, path, since FROM {table} WHERE target IN (...)", targets):  # noqa: S608 - our names
            since[row[:4]] = min(row[4] or "", since.get(row[:4], row[4] or "")) or row[4]
    for table in (*NAMED, *PLAIN, "alert"):
        for target in targets:
            db.run(f"DELETE FROM {table} WHERE target = ?", (target,))  # noqa: S608 - our names
    for target in targets:
        db.run("DELETE FROM target WHERE id = ?", (target,))
    return since


def _numbers(db: Database, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The numbers of all names of a batch, new ones added."""
    names = sorted({n for _, n in wanted})
    found = db.each("SELECT id, kind, name FROM name WHERE name IN (...)", names)
    numbers = {(kind, name): number for number, kind, name in found}
    following = int((db.one("SELECT COALESCE(MAX(id), 0) FROM name") or (0,))[0])
    new = sorted(wanted - numbers.keys())
    numbers.update({key: n for n, key in enumerate(new, following + 1)})
    if new:
        db.many("name", ("id", "kind", "name"), [(numbers[k], *k) for k in new])
    return numbers
