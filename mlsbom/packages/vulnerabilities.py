"""Vulnerabilities of exact versions: from a mirrored store of OSV records, or from the OSV service when the network is allowed."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from mlsbom.errors import NetworkError, PackError
from mlsbom.knowledge import Packs
from mlsbom.packages import osv
from mlsbom.packages.osv import Advisory

SERVICE: Final = "https://api.osv.dev"
BATCH: Final = 1000
ATTEMPTS: Final = 4
TIMEOUT: Final = (5, 30)
FRESH: Final = 24 * 3600
"""Seconds for which a cached answer of the service counts."""
PAGES: Final = 50
_ECOSYSTEMS: Final = {
    "pypi": "PyPI",
    "npm": "npm",
    "golang": "Go",
    "composer": "Packagist",
    "cargo": "crates.io",
    "gem": "RubyGems",
    "nuget": "NuGet",
    "maven": "Maven",
}


class Release(NamedTuple):
    """One exact version of a package; the name is normalised."""

    ecosystem: str
    name: str
    version: str


# --- the mirrored store ------------------------------------------------------------------------------------------------------------


class Store:
    """A read-only SQLite file of OSV records: `affected(name, id)`, `records(id, body)`."""

    def __init__(self, path: Path, ecosystem: str) -> None:
        self.ecosystem = ecosystem
        try:
            self._db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
            self._db.execute("select 1 from affected limit 1")
        except sqlite3.Error as e:
            raise PackError(f"the vulnerability store {path.name} cannot be read: {e}", remedy="import the export again") from e

    def find(self, release: Release) -> list[Advisory]:
        """The vulnerabilities of a release, aliases folded."""
        rows = self._db.execute("select r.body from affected a join records r using (id) where a.name = ?", (release.name,))
        found = [json.loads(body) for (body,) in rows]
        return osv.fold_aliases(
            osv.advisory(r, release.name, release.ecosystem) for r in found if osv.matches(r, *release[1:], release.ecosystem)
        )


def build(path: Path, records: Iterable[tuple[str, dict[str, Any]]]) -> int:
    """Write a store of (name, record) pairs; the same pairs give the same bytes. Returns the number of records."""
    pairs = sorted(((name, r["id"], json.dumps(r, sort_keys=True, separators=(",", ":"))) for name, r in records), key=lambda p: p[:2])
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        db.execute("pragma journal_mode = off")
        db.execute("create table affected (name text, id text, primary key (name, id)) without rowid")
        db.execute("create table records (id text primary key, body text) without rowid")
        db.executemany("insert or ignore into affected values (?, ?)", ((n, i) for n, i, _ in pairs))
        db.executemany("insert or ignore into records values (?, ?)", ((i, b) for _, i, b in pairs))
    db.close()
    return len({i for _, i, _ in pairs})


def store(packs: Packs, ecosystem: str) -> Store | None:
    """The mirrored store of an ecosystem, or None where none was imported. Raises PackError."""
    name = f"vulnerabilities/{ecosystem}.sqlite"
    if name not in packs.index.get("files", {}):
        return None
    return packs.loaded(("vulnerabilities", ecosystem), lambda p: Store(p.path(name), ecosystem))


# --- the service -------------------------------------------------------------------------------------------------------------------


class Cache:
    """Answers of the service, by key, with the time they were fetched. A cache that cannot be used is none; nothing depends on it."""

    def __init__(self, path: Path | None) -> None:
        self._db: sqlite3.Connection | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=5)
            self._db.execute("create table if not exists answers (key text primary key, fetched real, body blob)")
        except (OSError, sqlite3.Error):
            self._db = None

    def get(self, key: str, now: float) -> Any:
        """A fresh answer, or None."""
        if self._db is None:
            return None
        try:
            row = self._db.execute("select fetched, body from answers where key = ?", (key,)).fetchone()
        except sqlite3.Error:
            return None
        return msgspec.json.decode(row[1]) if row and 0 <= now - row[0] < FRESH else None

    def put(self, key: str, body: Any, now: float) -> None:
        """Keep an answer."""
        if self._db is not None:
            try:
                with self._db:
                    self._db.execute("insert or replace into answers values (?, ?, ?)", (key, now, msgspec.json.encode(body)))
            except sqlite3.Error:
                self._db = None


class Service:
    """The OSV service. Every failure raises NetworkError: an empty list always means that the service knows of nothing."""

    def __init__(self, *, base: str = SERVICE, cache: Path | None = None, attempts: int = ATTEMPTS, pause: float = 1.0) -> None:
        import requests

        self._session = requests.Session()  # trust_env: proxies and CA bundles of the environment hold
        self._base, self._attempts, self._pause = base.rstrip("/"), attempts, pause
        self._cache = Cache(cache)

    def find(self, releases: list[Release]) -> dict[Release, list[Advisory]]:
        """The vulnerabilities of each release of an ecosystem that the service has. Raises NetworkError."""
        now = time.time()
        ids: dict[Release, list[str]] = {}
        asked = []
        for r in dict.fromkeys(releases):
            cached = self._cache.get("/".join(r), now)
            if cached is None:
                asked.append(r)
            else:
                ids[r] = cached
        for start in range(0, len(asked), BATCH):
            for r, found in self._batch(asked[start : start + BATCH]):
                ids[r] = found
                self._cache.put("/".join(r), found, now)
        records = {i: self._record(i, now) for i in sorted({i for found in ids.values() for i in found})}
        return {
            r: osv.fold_aliases(osv.advisory(records[i], r.name, r.ecosystem) for i in found if not osv.withdrawn(records[i]))
            for r, found in ids.items()
        }

    def _batch(self, releases: list[Release]) -> Iterator[tuple[Release, list[str]]]:
        """(release, ids) of up to 1,000 releases; further pages are asked for."""
        found: dict[Release, list[str]] = {r: [] for r in releases}
        waiting: list[tuple[Release, str]] = [(r, "") for r in releases]
        for _ in range(PAGES):
            if not waiting:
                yield from found.items()
                return
            queries = [
                {
                    "package": {"name": r.name, "ecosystem": _ECOSYSTEMS[r.ecosystem]},
                    "version": r.version,
                    **({"page_token": t} if t else {}),
                }
                for r, t in waiting
            ]
            results = self._call("POST", "/v1/querybatch", {"queries": queries}).get("results")
            if not isinstance(results, list) or len(results) != len(waiting):
                raise NetworkError("the vulnerability service gave another number of answers than was asked for")
            more = []
            for (r, _), answer in zip(waiting, results, strict=True):
                found[r] += [str(v["id"]) for v in (answer or {}).get("vulns") or ()]
                if token := (answer or {}).get("next_page_token"):
                    more.append((r, str(token)))
            waiting = more
        raise NetworkError("the vulnerability service gave more pages than are read")

    def _record(self, id_: str, now: float) -> dict[str, Any]:
        cached = self._cache.get(f"record/{id_}", now)
        if cached is None:
            cached = self._call("GET", f"/v1/vulns/{id_}", None)
            if not isinstance(cached.get("id"), str):
                raise NetworkError(f"the vulnerability service gave no record for {id_}")
            self._cache.put(f"record/{id_}", cached, now)
        return dict(cached)

    def _call(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """One call, tried again with growing pauses where the service is busy or does not answer."""
        import requests

        why = ""
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(self._pause * 2 ** (attempt - 1))
            try:
                answer = self._session.request(method, self._base + path, json=body, timeout=TIMEOUT, allow_redirects=False)
                if answer.status_code == 200:
                    found = answer.json()
                    if isinstance(found, dict):
                        return found
                    why = "an answer of another form"
                elif answer.status_code == 429 or answer.status_code >= 500:
                    why = f"status {answer.status_code}"
                else:
                    raise NetworkError(f"the vulnerability service answered with status {answer.status_code}")
            except (requests.RequestException, ValueError) as e:
                why = type(e).__name__
        raise NetworkError(f"the vulnerability service could not be asked: {why} after {self._attempts} attempts")


def supported(ecosystem: str) -> bool:
    """Whether the service has this ecosystem under a name that is known here."""
    return ecosystem in _ECOSYSTEMS
