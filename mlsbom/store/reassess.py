"""New data packs over stored surveys, with no byte of any model read again.

Packs that speak of packages by name lead to the targets that hold these packages; any other pack leads to all of them. A target that is
concerned is assessed whole from its stored survey. Changes are kept in the store until they have been told.
"""

from __future__ import annotations

import itertools
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import msgspec

from mlsbom.knowledge import Packs
from mlsbom.scan import Settings, assess
from mlsbom.store import said
from mlsbom.store.database import Database
from mlsbom.store.match import MALICIOUS, verdict
from mlsbom.survey.document import load

Row = tuple[Any, ...]
Finding = dict[str, Any]
Answer = tuple[int, dict[str, Finding]]
"""A target, and its findings by id."""
CHUNK: Final = 100
"""Targets of one transaction."""
TASK: Final = 10
ALONE: Final = 150
"""From so many targets on, worker processes gain more than they cost to start."""
WEIGHTY: Final = frozenset({"critical", "high", "medium"})
"""Severities of which a finding that comes or goes is a change; of the others nobody wants to be told."""


def reassess(
    db: Database, settings: Settings, seen: Callable[[int, int], None] | None = None, workers: int | None = None
) -> dict[str, Any]:
    """`{"changed": [{"target", "verdict", "added", "removed"}], "assessed", "of", "bytes_needed": [{"target", "why"}], "elapsed_ms"}`.

    `changed`: targets with findings of medium severity or above that came or went, until `told` is called. `bytes_needed`: targets whose
    bytes new packs would have to read. A document of another tool is answered from the rows of its dependencies.
    """
    start = time.perf_counter()
    state = settings.packs.digest + (f"+{settings.profile}" if settings.profile else "")
    stale, concerned = _stale(db, settings, state)
    for n, chunk in enumerate(_chunks(_findings(db, concerned, settings, workers or os.cpu_count() or 1))):
        if seen:
            seen(min(n * CHUNK, len(concerned)), len(concerned))
        _keep(db, chunk, state, settings.packs)
    if stale:
        with db.write():
            for old in stale:
                db.run("UPDATE target SET packs = ?, packs_date = ? WHERE packs = ?", (state, settings.packs.date, old))
        said.remember(db, settings.packs)
    changed = db.all("SELECT t.uri, a.body FROM alert a JOIN target t ON t.id = a.target ORDER BY t.uri")
    needed = db.all("SELECT uri, needs FROM target WHERE needs IS NOT NULL ORDER BY uri")
    return {
        "changed": [{"target": uri, **msgspec.json.decode(body)} for uri, body in changed],
        "assessed": len(concerned),
        "of": int((db.one("SELECT COUNT(*) FROM target") or (0,))[0]),
        "bytes_needed": [{"target": uri, "why": why} for uri, why in needed],
        "elapsed_ms": round((time.perf_counter() - start) * 1000, 3),
    }


def told(db: Database, result: dict[str, Any]) -> None:
    """Forget the changes of a result that has been told."""
    if result["changed"]:
        with db.write():
            for row in result["changed"]:
                db.run("DELETE FROM alert WHERE target = (SELECT id FROM target WHERE uri = ?)", (row["target"],))


# --- which targets -----------------------------------------------------------------------------------------------------------------


def _stale(db: Database, settings: Settings, state: str) -> tuple[list[str], list[int]]:
    """(packs by which some targets were last assessed, the targets that the change from these packs concerns)."""
    kinds = [str(r[0]) for r in db.all("SELECT DISTINCT packs FROM target")]
    stale = [p for p in kinds if p != state and (settings.profile or p.split("+")[0] != state)]
    concerned: set[int] = set()
    for old in stale:
        mine = [int(r[0]) for r in db.all("SELECT id FROM target WHERE packs = ?", (old,))]
        change = said.changed(db, old.split("+")[0], settings.packs)
        if change is None or settings.profile:
            concerned.update(mine)
        else:
            names, others = change
            concerned.update(mine if _resolved(others) else set(mine) & _holders(db, names))
        _bytes(db, set(mine), None if change is None else change[1])
    return stale, sorted(concerned)


def _holders(db: Database, names: Iterable[tuple[str, str]]) -> set[int]:
    """The targets that hold one of these packages."""
    wanted = set(names)
    rows = db.each("SELECT id, kind, name FROM name WHERE name IN (...)", sorted({n for _, n in wanted}))
    numbers = [number for number, kind, name in rows if (kind, name) in wanted]
    return {int(r[0]) for r in db.each("SELECT DISTINCT target FROM dependency WHERE name IN (...)", numbers)}


@cache
def _readers() -> tuple[tuple[str, tuple[str, ...], frozenset[str]], ...]:
    """(inspector, packs that it reads, formats) of all inspectors that read packs."""
    from mlsbom.inspectors.table import table

    return tuple((row.name, row.packs, row.formats) for row in table().rows if row.packs)


def _resolved(files: set[str]) -> bool:
    """Whether one of these packs is read by what follows a survey: all are but those that only inspectors name as theirs."""
    theirs = {p.split("/")[0] for _, packs, _ in _readers() for p in packs} - {"waves", "licenses", "names"}
    return any(f.split("/")[0] not in theirs for f in files)


def _bytes(db: Database, targets: set[int], files: set[str] | None) -> None:
    """Mark the scans whose bytes these packs (None: it is not known which) would have to read."""
    ours = {int(n): bool(whole) for n, whole in db.all("SELECT id, document IS NOT NULL FROM target WHERE source = 'mlsbom'")}
    why: dict[int, str] = {}
    if files is None:
        why = dict.fromkeys(ours, "scanned with packs that are not known here")
    for name, packs, formats in _readers() if files else ():
        if formats and any(f.startswith(p) for f in files or () for p in packs):
            rows = db.each("SELECT DISTINCT target FROM file WHERE format IN (...)", sorted(formats))
            why.update({int(r[0]): f"the inspector {name} has new data" for r in rows})
    if files is None or files:
        why.update({n: "its document has no facts" for n, whole in ours.items() if not whole})
    with db.write():
        for number in sorted(why.keys() & ours.keys() & targets):
            db.run("UPDATE target SET needs = ? WHERE id = ?", (why[number], number))


# --- what they say now -------------------------------------------------------------------------------------------------------------


def _chunks(found: Iterator[Answer]) -> Iterator[list[Answer]]:
    while chunk := list(itertools.islice(found, CHUNK)):
        yield chunk


def _findings(db: Database, targets: list[int], settings: Settings, workers: int) -> Iterator[Answer]:
    """(target, finding by id) of each: assessed from its survey, or read off its rows where there is none."""
    surveys = _documents(db, targets)
    if len(targets) < ALONE or workers < 2:
        for number, document in surveys:
            yield number, _full(document, settings) if document else dict(_from_rows(db, number, settings.packs))
        return
    kept = {k: getattr(settings, k) for k in ("now", "profile", "use", "trust", "identity", "issuer")}
    context = get_context("spawn")  # a fork would share the connection to the database
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: list[Any] = []
        while True:
            part = list(itertools.islice(surveys, TASK))
            if part:
                ours = [(n, d) for n, d in part if d]
                waiting.append(pool.submit(_task, settings.packs.root, kept, ours))
                yield from ((n, dict(_from_rows(db, n, settings.packs))) for n, d in part if not d)
            if not waiting:
                return
            if len(waiting) > 2 * workers or not part:
                yield from waiting.pop(0).result()


def _documents(db: Database, targets: list[int]) -> Iterator[tuple[int, bytes | None]]:
    for at in range(0, len(targets), CHUNK):
        rows = db.each("SELECT id, document, source FROM target WHERE id IN (...)", targets[at : at + CHUNK])
        yield from ((int(n), bytes(d) if d is not None and source == "mlsbom" else None) for n, d, source in rows)


@cache
def _packs(root: Path) -> Packs:
    return Packs(root)


def _task(root: Path, kept: dict[str, Any], documents: list[tuple[int, bytes]]) -> list[Answer]:
    """In a worker process: the packs are opened once a process."""
    settings = Settings(packs=_packs(root), cache=False, **kept)
    return [(number, _full(document, settings)) for number, document in documents]


def _full(document: bytes, settings: Settings) -> dict[str, Finding]:
    result = assess(load(zlib.decompress(document), "stored document"), settings)
    return {
        f.id: {
            "rule": f.rule,
            "severity": str(f.severity),
            "subject": f.subject,
            "message": f.message,
            "path": f.where.path,
            "line": f.where.line,
        }
        for f in result.findings
    }


def _from_rows(db: Database, number: int, packs: Packs) -> Iterator[tuple[str, Finding]]:
    from mlsbom.packages import feed

    known = {n.removeprefix("malicious/").removesuffix(".tsv") for n in packs.names("malicious")}
    rows = db.all(
        "SELECT n.kind, n.name, d.version, d.specifier, d.path, d.line FROM dependency d JOIN name n ON n.id = d.name WHERE d.target = ?",
        (number,),
    )
    for ecosystem, name, version, specifier, path, line in rows:
        for entry in feed.load(packs, ecosystem).find(name) if ecosystem in known else ():
            if what := verdict(ecosystem, version or None, specifier or None, entry.versions):
                finding = {
                    "rule": "PACKAGE-" + what.upper(),
                    "severity": "medium" if what == "possibly-affected" else "critical",
                    "subject": f"{ecosystem}/{name}",
                    "message": f"{name} {version or specifier or ''}: {entry.id}",
                    "path": path,
                    "line": line,
                }
                yield f"feed:{ecosystem}:{name}:{entry.id}:{path}", finding


# --- what changed ------------------------------------------------------------------------------------------------------------------


def _keep(db: Database, chunk: list[Answer], state: str, packs: Packs) -> None:
    """Put the new state of some targets in place, with an alert for each change. What another did meanwhile is left alone."""
    with db.write():
        rows = db.each("SELECT id, findings, packs, document, source FROM target WHERE id IN (...)", [n for n, _ in chunk])
        before = {int(n): (f, d is not None and s == "mlsbom") for n, f, p, d, s in rows if p != state}
        for number, found in chunk:
            if number not in before:
                continue
            written, whole = before[number]
            old = {i: (rule, severity, subject) for i, rule, severity, subject in msgspec.json.decode(written)}
            if not whole:  # of a document without facts only what stands in the feed is asked again
                old = {i: about for i, about in old.items() if i.startswith("feed:")}
            _alert(db, number, old, found)
            new = [(i, f["rule"], f["severity"], f["subject"]) for i, f in sorted(found.items())]
            values = (state, packs.date, msgspec.json.encode(new).decode(), number)
            db.run("UPDATE target SET packs = ?, packs_date = ?, findings = ? WHERE id = ?", values)


def _alert(db: Database, number: int, old: dict[str, tuple[str, str, str]], found: dict[str, Finding]) -> None:
    added = [found[i] for i in sorted(found) if found[i]["severity"] in WEIGHTY and (i not in old or old[i][1] != found[i]["severity"])]
    removed = [
        {"rule": rule, "severity": severity, "subject": subject}
        for i, (rule, severity, subject) in sorted(old.items())
        if severity in WEIGHTY and (i not in found or found[i]["severity"] not in WEIGHTY)
    ]
    if added or removed:
        if before := db.one("SELECT body FROM alert WHERE target = ?", (number,)):  # found before, and not told yet
            earlier = msgspec.json.decode(before[0])
            added, removed = earlier["added"] + added, earlier["removed"] + removed
        body = msgspec.json.encode({"verdict": _worst(added), "added": added, "removed": removed}).decode()
        db.run("INSERT INTO alert VALUES (?, ?) ON CONFLICT (target) DO UPDATE SET body = excluded.body", (number, body))


def _worst(added: list[Finding]) -> str:
    rules = {a["rule"] for a in added}
    words = {"PACKAGE-MALICIOUS": MALICIOUS, "PACKAGE-AFFECTED": "affected", "PACKAGE-POSSIBLY-AFFECTED": "possibly-affected"}
    return next((word for rule, word in words.items() if rule in rules), "affected" if added else "resolved")
