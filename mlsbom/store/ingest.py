"""Documents into the store: idempotent, a transaction a batch, nothing half in."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mlsbom.errors import UsageError
from mlsbom.store.database import Database
from mlsbom.store.rows import COLUMNS, Rows, documents

BATCH: Final = 200
SUFFIXES: Final = (".json", ".jsonl", ".json.gz", ".jsonl.gz", ".cdx", ".spdx")
LARGEST: Final = 1 << 30


@dataclass(slots=True)
class Report:
    """What an ingest did."""

    new: int = 0
    changed: int = 0
    same: int = 0
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


def read(path: Path) -> bytes:
    """The bytes of a document, unpacked. Raises UsageError."""
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path}: is larger than a document may be ({LARGEST} bytes)")
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.name.endswith(".gz") else raw
    except (OSError, EOFError, gzip.BadGzipFile) as e:
        raise UsageError(f"{path}: cannot be read: {e}") from e


def ingest(db: Database, paths: Iterable[str]) -> Report:
    """Take in documents. One that was taken before is not taken again; one of the same target replaces what was known."""
    report = Report()
    batch: list[Rows] = []
    for path in files(paths):
        try:
            batch.extend(documents(read(path), str(path)))
        except UsageError as e:
            report.broken.append(str(e))
        if len(batch) >= BATCH:
            _write(db, batch, report)
            batch = []
    _write(db, batch, report)
    return report


def _write(db: Database, batch: list[Rows], report: Report) -> None:
    if not batch:
        return
    latest = {r.uri: r for r in batch}
    with db.write():
        marks = ",".join("?" * len(latest))
        known = {
            r[0]: (r[1], bytes(r[2]), r[3])
            for r in db.all(f"SELECT uri, id, sha256, first_seen FROM target WHERE uri IN ({marks})", list(latest))
        }
        fresh = [r for r in latest.values() if r.uri not in known or known[r.uri][1] != r.sha256]
        report.same += len(batch) - len(fresh)
        if not fresh:
            return
        following = int((db.one("SELECT COALESCE(MAX(id), 0) FROM target") or (0,))[0])
        numbers = _packages(db, fresh)
        targets: list[tuple[Any, ...]] = []
        dependencies: list[tuple[Any, ...]] = []
        tables: dict[str, list[tuple[Any, ...]]] = {t: [] for t in COLUMNS}
        for r in fresh:
            if r.uri in known:
                report.changed += 1
                target, first = known[r.uri][0], known[r.uri][2]
                for table in ("dependency", *COLUMNS):
                    db.run(f"DELETE FROM {table} WHERE target = ?", (target,))  # noqa: S608 - our own names
                db.run("DELETE FROM target WHERE id = ?", (target,))
            else:
                report.new += 1
                following += 1
                target, first = following, r.head["created"]
            h = r.head
            targets.append(
                (
                    target,
                    r.uri,
                    h["name"],
                    h["revision"],
                    h["digest"],
                    h["created"],
                    first,
                    h["tool"],
                    h["packs"],
                    h["packs_date"],
                    h["passed"],
                    h["incomplete"],
                    h["source"],
                    r.sha256,
                    "\n".join(r.findings),
                    r.document,
                )
            )
            dependencies += [(target, numbers[d[0], d[1]], *d[2:]) for d in r.dependencies if d[1]]
            for table, rows in r.tables.items():
                tables[table] += [(target, *row) for row in rows]
        db.many(
            "target",
            (
                "id",
                "uri",
                "name",
                "revision",
                "digest",
                "created",
                "first_seen",
                "tool",
                "packs",
                "packs_date",
                "passed",
                "incomplete",
                "source",
                "sha256",
                "findings",
                "document",
            ),
            targets,
        )
        db.many("dependency", ("target", "package", "version", "specifier", "path", "line", "via", "scope"), dependencies)
        for table, rows in tables.items():
            if rows:
                db.many(table, COLUMNS[table], rows)


def _packages(db: Database, fresh: list[Rows]) -> dict[tuple[str, str], int]:
    """The numbers of all packages of a batch, new ones added."""
    wanted = {(d[0], d[1]) for r in fresh for d in r.dependencies if d[1]}
    numbers: dict[tuple[str, str], int] = {}
    names = sorted({n for _, n in wanted})
    for at in range(0, len(names), 500):
        part = names[at : at + 500]
        marks = ",".join("?" * len(part))
        for number, ecosystem, name in db.all(f"SELECT id, ecosystem, name FROM package WHERE name IN ({marks})", part):  # noqa: S608 - question marks
            numbers[(ecosystem, name)] = number
    following = int((db.one("SELECT COALESCE(MAX(id), 0) FROM package") or (0,))[0])
    new = sorted(wanted - numbers.keys())
    for n, key in enumerate(new, following + 1):
        numbers[key] = n
    if new:
        db.many("package", ("id", "ecosystem", "name"), [(numbers[k], *k) for k in new])
    return numbers
