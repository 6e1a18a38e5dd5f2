"""Questions to the store. Answers say target, component, version, specifier, path and line, by way of whom, pinned or range, since when."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from mlsbom.errors import UsageError
from mlsbom.knowledge import Packs
from mlsbom.packages.names import ecosystem as ecosystem_of
from mlsbom.patterns import late
from mlsbom.store.database import Database
from mlsbom.store.match import AFFECTED, MALICIOUS, POSSIBLY, verdict
from mlsbom.store.rows import package, short

Hit = dict[str, Any]
Releases = Iterable[tuple[str, str, tuple[str, ...]]]
"""(ecosystem, name, bad versions)"""
ORDER: Final = {MALICIOUS: 0, AFFECTED: 1, POSSIBLY: 2}
MOST_UNKNOWN: Final = 10_000
_PACKAGE: Final = late(
    r"\s*(?:(?P<eco>[a-z-]+):)?(?P<name>@?[^\s<>=!~;\[@]+)(?:\[[^\]]*\])?\s*(?P<spec>(?:===|==|~=|>=|<=|!=|<|>|=|@(?=v?\d)).*)?\s*"
)
_ECOSYSTEMS: Final = ("pypi", "npm", "conda")
"""Where a name without an ecosystem is looked for."""


class Question(Struct, frozen=True, kw_only=True):
    """What is asked; exactly one of these."""

    package: str | None = None
    feed: str | None = None
    wave: str | None = None
    sha256: str | None = None
    license: str | None = None
    clause: str | None = None
    model: str | None = None
    lineage: str | None = None
    fingerprint: str | None = None
    endpoint: str | None = None
    supplier: str | None = None
    signature: str | None = None


def ask(db: Database, question: Question, packs: Packs) -> dict[str, Any]:
    """`{"asked", "hits": [...], "unknown": [...], "elapsed_ms"}`; `unknown`: places that were not read, where no hit is no clean bill."""
    asked = [(k, v) for k, v in ((f, getattr(question, f)) for f in Question.__struct_fields__) if v]
    if len(asked) != 1:
        raise UsageError("ask for one thing: " + ", ".join(f"--{name}" for name in Question.__struct_fields__))
    kind, value = asked[0]
    unknown: list[dict[str, Any]] = []
    search = _PREPARE[kind](packs, value) if kind in _PREPARE else lambda db: _SEARCH[kind](db, value)
    start = time.perf_counter()
    hits = search(db)
    if kind == "wave":
        unknown = _unknown(db)
    hits.sort(key=lambda h: (ORDER.get(h["verdict"], 3), h["target"], h["path"] or "", h["line"] or 0, h["component"] or ""))
    return {"asked": {kind: value}, "hits": hits, "unknown": unknown, "elapsed_ms": round((time.perf_counter() - start) * 1000, 3)}


def _hit(
    target: str,
    what: str,
    component: str | None,
    *,
    version: str | None = None,
    specifier: str | None = None,
    path: str | None = None,
    line: int | None = None,
    via: str | None = None,
    since: str | None = None,
    **more: Any,
) -> Hit:
    return {
        "target": target,
        "verdict": what,
        "component": component,
        "version": version,
        "specifier": specifier,
        "path": path,
        "line": line,
        "via": via,
        "since": since,
        **more,
    }


# --- packages ----------------------------------------------------------------------------------------------------------------------

DEPENDENCIES: Final = (
    "SELECT t.uri, d.version, d.specifier, d.path, d.line, d.via, d.since, t.revision "
    "FROM dependency d JOIN target t ON t.id = d.target WHERE d.name = ? AND d.version = ? AND d.specifier = ?"
)


def _held(db: Database, number: int, eco: str, name: str, judge: Callable[[str | None, str | None], str | None]) -> list[Hit]:
    """The dependencies on one package, as `judge` sees version and specifier."""
    hits = []
    for pair in db.all("SELECT DISTINCT version, specifier FROM dependency WHERE name = ?", (number,)):
        if what := judge(pair[0] or None, pair[1] or None):
            for uri, version, specifier, path, line, via, since, revision in db.all(DEPENDENCIES, (number, *pair)):
                at = {"version": version or None, "specifier": specifier or None, "path": path, "line": line, "via": via, "since": since}
                hits.append(_hit(uri, what, name, **at, ecosystem=eco, revision=revision))
    return hits


def _package(db: Database, spec: str) -> list[Hit]:
    match = _PACKAGE.fullmatch(spec)
    if not match:
        raise UsageError(f"--package {spec!r}: is no name with a version", remedy="such as 'litellm==1.82.7', litellm, npm:keyv@5.5.4")
    bad = _versions((match["spec"] or "").strip().removeprefix("@"))
    hits = []
    for eco in [ecosystem_of(match["eco"])] if match["eco"] else _ECOSYSTEMS:
        name = package(match["name"], eco)
        row = db.one("SELECT id FROM name WHERE name = ? AND kind = ?", (name, eco))
        if row:
            hits += _held(db, int(row[0]), eco, name, lambda v, s, eco=eco: _named(eco, v, s, bad))  # type: ignore[misc]
    return hits


def _named(eco: str, version: str | None, specifier: str | None, bad: tuple[str, ...]) -> str | None:
    """Without a version every target that holds the package is a hit: affected where pinned, else possibly."""
    if not bad:
        return AFFECTED if version or (specifier or "").startswith("==") else POSSIBLY
    return verdict(eco, version, specifier, bad)


def _versions(wanted: str) -> tuple[str, ...]:
    """A pin is one version; anything else is a range that stored versions are held against."""
    if not wanted:
        return ()
    pin = re.fullmatch(r"(?:={1,3})?\s*v?([0-9][^\s,*<>=!~]*)", wanted)
    if pin:
        return (pin[1],)
    if re.fullmatch(r"\s*[<>]=?\s*[^,\s]+(\s*,\s*[<>]=?\s*[^,\s]+)*\s*", wanted):
        return (re.sub(r"\s+", "", wanted),)
    raise UsageError(f"{wanted!r}: a version (==1.2.3) or a range of < <= > >= is asked for")


def releases(path: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """The bad releases of a file or folder of OSV records. Raises UsageError for records that cannot be read."""
    from mlsbom.packages.osv import Reading, entries, withdrawn

    reading = Reading()
    rows = [(eco, e.name, e.versions) for record in reading.records(Path(path)) if not withdrawn(record) for eco, e in entries(record)]
    if reading.problems:
        more = f" and {len(reading.problems) - 1} more" if len(reading.problems) > 1 else ""
        raise UsageError(f"{path}: {reading.problems[0]}{more}")
    return rows


def _bad(db: Database, bad: Releases) -> list[Hit]:
    """Hits of a list of bad releases: only packages that some target names are looked at."""
    by_name: dict[tuple[str, str], set[str]] = {}
    for eco, name, versions in bad:
        by_name.setdefault((eco, package(name, eco)), set()).update(versions)
    hits: list[Hit] = []
    for number, eco, name in db.each("SELECT id, kind, name FROM name WHERE name IN (...)", sorted({n for _, n in by_name})):
        if found := tuple(sorted(by_name.get((eco, name), ()))):
            hits += _held(db, number, eco, name, lambda v, s, eco=eco, found=found: verdict(eco, v, s, found))  # type: ignore[misc]
    return hits


def _feed(packs: Packs, path: str) -> Callable[[Database], list[Hit]]:
    bad = releases(path)
    return lambda db: _bad(db, bad)


def _wave(packs: Packs, name: str) -> Callable[[Database], list[Hit]]:
    from mlsbom.packages import waves

    wave = waves.find(packs, name)
    bad = [(eco, e.name, e.versions) for eco, e in waves.releases(packs, wave.slug)]
    return lambda db: _bad(db, bad) + _indicators(db, wave.indicators)


def _indicators(db: Database, indicators: Iterable[tuple[str, str]]) -> list[Hit]:
    hits: list[Hit] = []
    for kind, value in indicators:
        if kind != "sha256":
            hits += _marks(db, value, kind)
        elif re.fullmatch(r"[0-9a-f]{64}", value):
            hits += [{**h, "how": f"{kind} {value[:12]}"} for h in _sha256(db, value)]
    return hits


MARKS: Final = (
    "SELECT t.uri, n.name, m.path, m.line, t.first_seen FROM name n JOIN mark m ON m.name = n.id JOIN target t ON t.id = m.target WHERE "
)


def _marks(db: Database, value: str, how: str) -> list[Hit]:
    rows = db.all(MARKS + "n.name = ? AND n.kind = 'mark'", (short(value),))
    return [_hit(uri, AFFECTED, name, path=path, line=line, since=since, how=how) for uri, name, path, line, since in rows]


def _unknown(db: Database) -> list[dict[str, Any]]:
    """Places for which "no hit" is not known: they were not read."""
    rows = db.all(
        "SELECT t.uri, g.path, g.reason FROM gap g JOIN target t ON t.id = g.target ORDER BY t.uri, g.path LIMIT ?", (MOST_UNKNOWN,)
    )
    return [{"target": uri, "path": path, "reason": reason} for uri, path, reason in rows]


# --- files -------------------------------------------------------------------------------------------------------------------------


def _sha256(db: Database, value: str) -> list[Hit]:
    plain = value.lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise UsageError(f"--sha256 {value!r}: is no SHA-256")
    return _digests(db, bytes.fromhex(plain), "sha256")


def _digests(db: Database, digest: bytes, how: str) -> list[Hit]:
    rows = db.all("SELECT t.uri, f.path, t.first_seen FROM file f JOIN target t ON t.id = f.target WHERE f.digest = ?", (digest,))
    return [_hit(uri, AFFECTED, path, path=path, since=since, how=how) for uri, path, since in rows]


# --- licences, models, services, signatures ----------------------------------------------------------------------------------------


def _like(value: str) -> str:
    """A pattern that finds a text anywhere; `\\` escapes what LIKE gives a meaning."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", value.lower()) + "%"


def _license(db: Database, value: str) -> list[Hit]:
    rows = db.all("SELECT id, name FROM name WHERE kind = 'license' AND name LIKE ? ESCAPE '\\'", (_like(value),))
    return _licensed(db, dict(rows))


def _licensed(db: Database, found: dict[int, str], why: dict[int, str] | None = None) -> list[Hit]:
    rows = db.each(
        "SELECT t.uri, l.component, l.name, l.path, l.line, t.first_seen FROM license l JOIN target t ON t.id = l.target "
        "WHERE l.name IN (...)",
        sorted(found),
    )
    return [
        _hit(uri, AFFECTED, component, path=path, line=line, since=since, license=found[number], how=(why or {}).get(number))
        for uri, component, number, path, line, since in rows
    ]


def _clause(packs: Packs, value: str) -> Callable[[Database], list[Hit]]:
    """`CLAUSE` or `CLAUSE=TEXT`: every licence that is known to have it, by the licence pack of today."""
    from mlsbom.licenses.facts import load

    table = load(packs)
    clause, _, wanted = value.lower().partition("=")
    known = sorted({c for i in table.ids.values() if (f := table.get(i)) for c in f.clauses})
    if clause not in known:
        raise UsageError(f"no clause is called {clause!r}", remedy="known are " + ", ".join(known))

    def search(db: Database) -> list[Hit]:
        found: dict[int, str] = {}
        why: dict[int, str] = {}
        for number, name in db.all("SELECT id, name FROM name WHERE kind = 'license'"):
            for part in re.split(r"[\s()]+", name):
                facts = table.get(table.ids[part]) if part in table.ids else None
                said = facts.clauses.get(clause) if facts else None
                if said is not None and wanted in said.lower():
                    found[number], why[number] = name, f"{clause}: {said}" if said else clause
        return _licensed(db, found, why)

    return search


COMPONENTS: Final = (
    "SELECT t.uri, c.shown, c.version, c.how, c.path, c.line, c.since, c.supplier FROM name n JOIN component c ON c.name = n.id "
    "JOIN target t ON t.id = c.target WHERE "
)


def _components(db: Database, condition: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return db.all(COMPONENTS + condition, parameters)


def _model(db: Database, value: str) -> list[Hit]:
    """A model or data set anywhere in the chain: delivered, base, adapted, loaded by code: `org/name`, `name`, `org/name@commit`."""
    name, _, revision = value.partition("@")
    plain = short(name)
    rows = _components(db, "n.kind IN ('model', 'dataset') AND n.name = ?", (plain,))
    if "/" not in plain:
        rows += _components(db, "n.kind IN ('model', 'dataset') AND n.name LIKE ? ESCAPE '\\'", ("%/" + _like(plain)[1:-1],))
    return [
        _hit(uri, AFFECTED if version else POSSIBLY, found, version=version, path=path, line=line, since=since, how=how)
        for uri, found, version, how, path, line, since, _ in rows
        if not revision or version in (revision, None)
    ]


def _lineage(db: Database, value: str) -> list[Hit]:
    """A reference by name, of which a target's weights are a copy or from which they derive."""
    rows = db.all(
        "SELECT t.uri, l.reference, l.verdict, l.log10_p, l.suspect, t.first_seen FROM name n JOIN lineage l ON l.name = n.id "
        "JOIN target t ON t.id = l.target WHERE n.kind = 'reference' AND n.name LIKE ? ESCAPE '\\'",
        (_like(value),),
    )
    strong = ("copy", "derived")
    return [
        _hit(uri, AFFECTED if found in strong else POSSIBLY, name, path=path, since=since, how=f"{found} (log10 p {p})")
        for uri, name, found, p, path, since in rows
        if found in (*strong, "review", "candidate-family")
    ]


def _fingerprint(packs: Packs, path: str) -> Callable[[Database], list[Hit]]:
    """The file of a fingerprint: targets with an equal one."""
    try:
        content = base64.b64encode(Path(path).read_bytes())
    except OSError as e:
        raise UsageError(f"{path}: cannot be read: {e.strerror}", remedy="make one with: mlsbom lineage fingerprint MODEL -o FILE") from e
    return lambda db: _digests(db, hashlib.sha256(content).digest(), "equal fingerprint")


def _endpoint(db: Database, value: str) -> list[Hit]:
    """A host or anything below it, as a service or in a text."""
    host = re.sub(r"^[a-z0-9+.-]+://", "", value.strip().lower()).split("/")[0]
    below = "%." + _like(host)[1:-1]
    rows = _components(db, "n.kind = 'service' AND (n.name = ? OR n.name LIKE ? ESCAPE '\\')", (host, below))
    hits = [_hit(r[0], AFFECTED, r[1], path=r[4], line=r[5], since=r[6], how=r[3], supplier=r[7]) for r in rows]
    rows = db.all(MARKS + "n.kind = 'mark' AND m.kind = 'host' AND n.name LIKE ? ESCAPE '\\'", (below,))
    hits += [_hit(uri, AFFECTED, name, path=path, line=line, since=since, how="named in a text") for uri, name, path, line, since in rows]
    return hits + _marks(db, host, "named in a text")


def _supplier(db: Database, value: str) -> list[Hit]:
    """Who supplies a model, data set or service: all of its models at a withdrawal, all of its services for a jurisdiction."""
    rows = _components(db, "LOWER(c.supplier) LIKE ? ESCAPE '\\'", (_like(value),))
    return [_hit(r[0], AFFECTED, r[1], version=r[2], path=r[4], line=r[5], since=r[6], how=r[3], supplier=r[7]) for r in rows]


def _signature(db: Database, value: str) -> list[Hit]:
    if value == "unsigned":
        found = db.all("SELECT t.uri, t.first_seen FROM target t WHERE NOT EXISTS (SELECT 1 FROM signature s WHERE s.target = t.id)")
        return [_hit(uri, AFFECTED, "unsigned", since=since) for uri, since in found]
    rows = db.all(
        "SELECT t.uri, s.verdict, s.path, s.signer, t.first_seen FROM signature s JOIN target t ON t.id = s.target WHERE s.verdict = ?",
        (value,),
    )
    return [_hit(uri, AFFECTED, found, path=path, since=since, signer=signer) for uri, found, path, signer, since in rows]


_SEARCH: Final[dict[str, Callable[[Database, str], list[Hit]]]] = {
    "package": _package,
    "sha256": _sha256,
    "license": _license,
    "model": _model,
    "lineage": _lineage,
    "endpoint": _endpoint,
    "supplier": _supplier,
    "signature": _signature,
}
_PREPARE: Final[dict[str, Callable[[Packs, str], Callable[[Database], list[Hit]]]]] = {
    "feed": _feed,
    "wave": _wave,
    "clause": _clause,
    "fingerprint": _fingerprint,
}
"""Questions that read data packs or files first; that time is not the store's."""
