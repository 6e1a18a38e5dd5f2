"""What data packs said of names: kept as digests, so that a change of packs leads straight to the targets that it concerns."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from mlsbom.errors import PackError
from mlsbom.knowledge import Packs, shipped_root, user_root
from mlsbom.packages.names import key
from mlsbom.store.database import Database

BY_NAME: Final = ("malicious/", "vulnerabilities/")
"""Packs whose rows each speak of one package: only targets that hold it are concerned."""
Names = dict[str, bytes]


def remember(db: Database, packs: Packs) -> None:
    """Keep what the packs of this machine say: the present ones, those before them and the shipped ones."""
    roots = [packs.root, user_root().with_name(user_root().name + ".previous"), shipped_root()]
    for one in [packs, *(Packs(r) for r in dict.fromkeys(roots) if r != packs.root and (r / "index.toml").is_file())]:
        if not db.one("SELECT 1 FROM packs WHERE digest = ?", (one.digest,)):
            _keep(db, one)


def _keep(db: Database, packs: Packs) -> None:
    files = {name: str(about["sha256"]) for name, about in packs.index.get("files", {}).items()}
    known = {r[0] for r in db.each("SELECT sha256 FROM said WHERE sha256 IN (...)", list(files.values()))}
    try:
        new = [(n, d) for n, d in files.items() if n.startswith(BY_NAME) and d not in known]
        made = {d: zlib.compress(msgspec.msgpack.encode(names(packs, n)), 1) for n, d in new}
    except PackError:
        return  # packs that are damaged are judged by the scan; a reassessment from them looks at every target
    with db.write():
        for digest, body in made.items():
            db.run("INSERT INTO said VALUES (?, ?) ON CONFLICT (sha256) DO NOTHING", (digest, body))
        db.run("INSERT INTO packs VALUES (?, ?) ON CONFLICT (digest) DO NOTHING", (packs.digest, json.dumps(files)))


def names(packs: Packs, file: str) -> Names:
    """A digest of what a pack file says, by name of package. Raises PackError."""
    ecosystem = Path(file).stem
    found: dict[str, hashlib.blake2b] = {}
    for name, row in _rows(packs, file):
        found.setdefault(key(name, ecosystem), hashlib.blake2b(digest_size=8)).update(row)
    return {name: digest.digest() for name, digest in found.items()}


def _rows(packs: Packs, file: str) -> Iterator[tuple[str, bytes]]:
    if file.endswith(".tsv"):
        for line in packs.read(file).split(b"\n"):
            if line:
                yield line.split(b"\t", 1)[0].decode(), line
        return
    try:
        with closing(sqlite3.connect(packs.path(file).as_uri() + "?mode=ro", uri=True)) as db:
            for name, id_, body in db.execute("select a.name, a.id, r.body from affected a join records r using (id) order by 1, 2"):
                yield str(name), f"{id_}\0{body}".encode()
    except sqlite3.Error as e:
        raise PackError(f"the data pack {file} cannot be read: {e}") from e


def changed(db: Database, old: str, packs: Packs) -> tuple[set[tuple[str, str]], set[str]] | None:
    """(ecosystem and name of every package of which these packs say something else than those with the digest `old`, other pack files that
    differ); None where the old packs are not known."""
    row = db.one("SELECT files FROM packs WHERE digest = ?", (old,))
    if row is None:
        return None
    before = json.loads(str(row[0]))
    now = {name: str(about["sha256"]) for name, about in packs.index.get("files", {}).items()}
    differing = {n for n in before.keys() | now.keys() if before.get(n) != now.get(n)}
    found: set[tuple[str, str]] = set()
    for file in sorted(n for n in differing if n.startswith(BY_NAME)):
        was = _kept(db, before[file]) if file in before else {}
        if was is None:
            return None
        new = names(packs, file) if file in now else {}
        found |= {(Path(file).stem, n) for n in was.keys() | new.keys() if was.get(n) != new.get(n)}
    return found, {n for n in differing if not n.startswith(BY_NAME)}


def _kept(db: Database, sha256: str) -> Names | None:
    row = db.one("SELECT names FROM said WHERE sha256 = ?", (sha256,))
    return msgspec.msgpack.decode(zlib.decompress(bytes(row[0])), type=Names) if row else None
