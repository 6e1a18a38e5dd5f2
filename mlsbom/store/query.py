"""Questions to the store. Answers say target, component, version, specifier, path and line, by way of whom, pinned or range, since when."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mlsbom.errors import UsageError
from mlsbom.knowledge import Packs
from mlsbom.packages.names import ecosystem as ecosystem_of
from mlsbom.packages.names import normalise
from mlsbom.store.database import Database
from mlsbom.store.match import AFFECTED, MALICIOUS, POSSIBLY, verdict

Hit = dict[str, Any]
ORDER: Final = {MALICIOUS: 0, AFFECTED: 1, POSSIBLY: 2}
_PACKAGE: Final = re.compile(
    r"\s*(?:(?P<eco>[a-z-]+):)?(?P<name>@?[^\s<>=!~;\[]+?)(?:\[[^\]]*\])?\s*(?P<spec>(?:===|==|~=|>=|<=|!=|<|>|=|@(?=\d)).*)?\s*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked; exactly one of these."""

    package: str | None = None
    feed: str | None = None
    wave: str | None = None
    sha256: str | None = None
    license: str | None = None
    model: str | None = None
    endpoint: str | None = None
    signature: str | None = None


def ask(db: Database, question: Question, packs: Packs) -> dict[str, Any]:
    """`{"hits": [...], "elapsed_ms": n, "unknown": [...]}`; `unknown`: targets for which a wave's answer is not known, with the reason."""
    kinds = {"package": _package, "sha256": _sha256, "license": _license, "model": _model, "endpoint": _endpoint, "signature": _signature}
    asked = [(k, v) for k, v in ((f, getattr(question, f)) for f in Question.__slots__) if v]
    if len(asked) != 1:
        raise UsageError("ask for one thing: --package, --feed, --wave, --sha256, --license, --model, --endpoint or --signature")
    kind, value = asked[0]
    unknown: list[dict[str, Any]] = []
    if kind == "feed":
        prepared = _read_feed(value)
        start = time.perf_counter()
        hits = _bad(db, prepared)
    elif kind == "wave":
        from mlsbom.packages import waves

        wave = waves.find(packs, value)
        prepared = [(eco, e.name, e.versions) for eco, e in waves.releases(packs, wave.slug)]
        start = time.perf_counter()
        hits = _bad(db, prepared) + _indicators(db, wave.indicators)
        unknown = _unknown(db)
    else:
        start = time.perf_counter()
        hits = kinds[kind](db, value)
    hits.sort(key=lambda h: (ORDER.get(str(h["verdict"]), 3), str(h["target"]), str(h["path"]), h["line"] or 0, str(h["component"])))
    return {"asked": {kind: value}, "hits": hits, "unknown": unknown, "elapsed_ms": round((time.perf_counter() - start) * 1000, 3)}


def _hit(
    uri: str,
    what: str,
    component: str,
    version: str | None,
    specifier: str | None,
    path: str | None,
    line: int | None,
    via: str | None = None,
    since: str | None = None,
    **more: Any,
) -> Hit:
    return {
        "target": uri,
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


DEPENDENCIES: Final = "SELECT t.uri, d.version, d.specifier, d.path, d.line, d.via, t.first_seen, t.revision FROM dependency d JOIN target t ON t.id = d.target WHERE d.package = ?"


def _packages(db: Database, name: str, ecosystem: str | None) -> list[tuple[int, str, str]]:
    rows = []
    for eco in [ecosystem] if ecosystem else ["pypi", "npm", "conda"]:
        rows += [
            (r[0], eco, r[1])
            for r in db.all("SELECT id, name FROM package WHERE ecosystem = ? AND name = ?", (eco, str(normalise(name, eco))))
        ]
    return rows


def _package(db: Database, spec: str) -> list[Hit]:
    match = _PACKAGE.fullmatch(spec)
    if not match:
        raise UsageError(f"--package {spec!r}: is no name with a version", remedy="such as 'litellm==1.82.7', litellm, npm:keyv@5.5.4")
    wanted = (match["spec"] or "").strip().removeprefix("@")
    ecosystem = ecosystem_of(match["eco"]) if match["eco"] else None
    hits = []
    for number, eco, name in _packages(db, match["name"], ecosystem):
        bad = _versions(wanted)
        for uri, version, specifier, path, line, via, since, revision in db.all(DEPENDENCIES, (number,)):
            what = (
                verdict(eco, version, specifier, bad) if bad else (AFFECTED if version or (specifier or "").startswith("==") else POSSIBLY)
            )
            if what:
                hits.append(
                    _hit(
                        uri,
                        AFFECTED if what == MALICIOUS else what,
                        name,
                        version,
                        specifier,
                        path,
                        line,
                        via,
                        since,
                        ecosystem=eco,
                        revision=revision,
                    )
                )
    return hits


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


def _read_feed(path: str) -> list[tuple[str, str, tuple[str, ...]]]:
    from mlsbom.packages.osv import Reading, entries, withdrawn

    reading = Reading()
    rows = [(eco, e.name, e.versions) for record in reading.records(Path(path)) if not withdrawn(record) for eco, e in entries(record)]
    if reading.problems:
        raise UsageError(f"{path}: {reading.problems[0]}" + (f" and {len(reading.problems) - 1} more" if len(reading.problems) > 1 else ""))
    return rows


def _bad(db: Database, releases: list[tuple[str, str, tuple[str, ...]]]) -> list[Hit]:
    """Hits of a list of bad releases: only packages that some target names are looked at."""
    by_name: dict[tuple[str, str], set[str]] = {}
    for eco, name, versions in releases:
        by_name.setdefault((eco, str(normalise(name, eco))), set()).update(versions)
    hits: list[Hit] = []
    names = sorted({n for _, n in by_name})
    for at in range(0, len(names), 500):
        part = names[at : at + 500]
        marks = ",".join("?" * len(part))
        for number, eco, name in db.all(f"SELECT id, ecosystem, name FROM package WHERE name IN ({marks})", part):  # noqa: S608 - question marks
            bad = by_name.get((eco, name))
            if not bad:
                continue
            for uri, version, specifier, path, line, via, since, revision in db.all(DEPENDENCIES, (number,)):
                what = verdict(eco, version, specifier, tuple(sorted(bad)))
                if what:
                    hits.append(_hit(uri, what, name, version, specifier, path, line, via, since, ecosystem=eco, revision=revision))
    return hits


def _sha256(db: Database, value: str) -> list[Hit]:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value.removeprefix("sha256:")):
        raise UsageError(f"--sha256 {value!r}: is no SHA-256")
    digest = bytes.fromhex(value.removeprefix("sha256:"))
    rows = db.all("SELECT t.uri, f.path, t.first_seen FROM file f JOIN target t ON t.id = f.target WHERE f.sha256 = ?", (digest,))
    return [_hit(uri, AFFECTED, path, None, None, path, None, None, since, how="sha256") for uri, path, since in rows]


def _license(db: Database, value: str) -> list[Hit]:
    rows = db.all(
        "SELECT t.uri, l.component, l.id, l.path, l.line, t.first_seen FROM license l JOIN target t ON t.id = l.target WHERE l.id = ? OR l.id LIKE ?",
        (value.lower(), f"%{value.lower().replace('%', '').replace('_', '')}%"),
    )
    return [
        _hit(uri, AFFECTED, component, None, None, path, line, None, since, license=found)
        for uri, component, found, path, line, since in rows
    ]


def _model(db: Database, value: str) -> list[Hit]:
    """A model anywhere in the chain: delivered, base, merged, adapted, or loaded by code. `org/name`, `name`, or `org/name@commit`."""
    name, _, revision = value.partition("@")
    lower = name.lower()
    rows = db.all(
        "SELECT t.uri, c.name, c.version, c.how, c.path, c.line, t.first_seen FROM component c JOIN target t ON t.id = c.target "
        "WHERE c.kind IN ('model', 'dataset') AND c.lower = ?",
        (lower,),
    )
    if not rows and "/" not in lower:
        rows = db.all(
            "SELECT t.uri, c.name, c.version, c.how, c.path, c.line, t.first_seen FROM component c JOIN target t ON t.id = c.target "
            "WHERE c.kind IN ('model', 'dataset') AND c.lower LIKE ?",
            (f"%/{lower}",),
        )
    return [
        _hit(uri, AFFECTED if version else POSSIBLY, found, version, None, path, line, None, since, how=how)
        for uri, found, version, how, path, line, since in rows
        if not revision or version in (revision, None)
    ]


def _endpoint(db: Database, value: str) -> list[Hit]:
    host = re.sub(r"^[a-z+]+://", "", value.lower()).split("/")[0]
    rows = db.all(
        "SELECT t.uri, c.name, c.path, c.line, t.first_seen FROM component c JOIN target t ON t.id = c.target WHERE c.kind = 'service' AND (c.lower = ? OR c.lower LIKE ?)",
        (host, f"%.{host}"),
    )
    rows += db.all(
        "SELECT t.uri, m.text, m.path, m.line, t.first_seen FROM mark m JOIN target t ON t.id = m.target WHERE m.text = ?", (host,)
    )
    return [_hit(uri, AFFECTED, name, None, None, path, line, None, since) for uri, name, path, line, since in rows]


def _signature(db: Database, value: str) -> list[Hit]:
    if value == "unsigned":
        rows = db.all("SELECT t.uri, t.first_seen FROM target t WHERE NOT EXISTS (SELECT 1 FROM signature s WHERE s.target = t.id)")
        return [_hit(uri, AFFECTED, "unsigned", None, None, None, None, None, since) for uri, since in rows]
    rows = db.all(
        "SELECT t.uri, s.verdict, s.path, t.first_seen FROM signature s JOIN target t ON t.id = s.target WHERE s.verdict = ?", (value,)
    )
    return [_hit(uri, AFFECTED, found, None, None, path, None, None, since) for uri, found, path, since in rows]


def _indicators(db: Database, indicators: tuple[tuple[str, str], ...]) -> list[Hit]:
    hits: list[Hit] = []
    for kind, text in indicators:
        if kind == "sha256" and re.fullmatch(r"[0-9a-f]{64}", text):
            hits += [{**h, "how": f"{kind} {text[:12]}"} for h in _sha256(db, text)]
        elif kind != "sha256":
            rows = db.all(
                "SELECT t.uri, m.text, m.path, m.line, t.first_seen FROM mark m JOIN target t ON t.id = m.target WHERE m.text = ?", (text,)
            )
            hits += [_hit(uri, AFFECTED, found, None, None, path, line, None, since, how=kind) for uri, found, path, line, since in rows]
    return hits


def _unknown(db: Database) -> list[dict[str, Any]]:
    """Targets for which "no hit" is not known: something of them was not read."""
    rows = db.all("SELECT t.uri, g.path, g.reason FROM gap g JOIN target t ON t.id = g.target ORDER BY t.uri, g.path")
    return [{"target": uri, "path": path, "reason": reason} for uri, path, reason in rows[:10_000]]
