"""New data packs over stored surveys, with no byte of any model read again."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from mlsbom.scan import Settings, assess
from mlsbom.store.database import Database
from mlsbom.store.match import MALICIOUS, verdict
from mlsbom.survey.document import load

Row = tuple[Any, ...]


def reassess(db: Database, settings: Settings, seen: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """`{"changed": [{"target", "verdict", "added", "removed"}], "bytes_needed": [...], "elapsed_ms"}`; what is found is kept as the new state.

    Targets that were last assessed with these very packs are not looked at again. A document without facts (another tool's, or one that
    was cut) is answered from the rows of its dependencies; what would need the bytes is named under `bytes_needed`.
    """
    start = time.perf_counter()
    packs = settings.packs.digest
    stale = [int(r[0]) for r in db.all("SELECT id FROM target WHERE packs IS NULL OR packs <> ? ORDER BY id", (packs,))]
    changed: list[dict[str, Any]] = []
    needed: list[str] = []
    for n, number in enumerate(stale):
        if seen:
            seen(n, len(stale))
        row = db.one("SELECT uri, document, findings, source FROM target WHERE id = ?", (number,))
        if row is None:
            continue
        uri, document, before, source = row
        old = set(filter(None, str(before or "").split("\n")))
        if document is not None:
            found = _full(bytes(document), settings)
        else:
            found = dict(_from_rows(db, number, settings))
            old = {f for f in old if f.startswith("feed:")}
            if source == "mlsbom":
                needed.append(str(uri))
        new = set(found)
        if new != old:
            added = [found[f] for f in sorted(new - old)]
            changed.append({"target": uri, "verdict": _worst(added), "added": added, "removed": sorted(old - new)})
        with db.write():
            db.run(
                "UPDATE target SET packs = ?, packs_date = ?, findings = ? WHERE id = ?",
                (packs, settings.packs.date, "\n".join(sorted(new)), number),
            )
    return {
        "changed": changed,
        "assessed": len(stale),
        "bytes_needed": needed,
        "elapsed_ms": round((time.perf_counter() - start) * 1000, 3),
    }


def _full(document: bytes, settings: Settings) -> dict[str, dict[str, Any]]:
    survey = load(zlib.decompress(document), "stored document")
    result = assess(survey, settings)
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


def _from_rows(db: Database, number: int, settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    from mlsbom.packages import feed

    rows = db.all(
        "SELECT p.ecosystem, p.name, d.version, d.specifier, d.path, d.line FROM dependency d JOIN package p ON p.id = d.package WHERE d.target = ?",
        (number,),
    )
    known = {n.removeprefix("malicious/").removesuffix(".tsv") for n in settings.packs.names("malicious")}
    for ecosystem, name, version, specifier, path, line in rows:
        if ecosystem not in known:
            continue
        for entry in feed.load(settings.packs, ecosystem).find(name):
            what = verdict(ecosystem, version, specifier, entry.versions)
            if what:
                yield (
                    f"feed:{ecosystem}:{name}:{entry.id}:{path}",
                    {
                        "rule": "PACKAGE-" + what.upper(),
                        "severity": "critical" if what != "possibly-affected" else "medium",
                        "subject": name,
                        "message": f"{name} {version or specifier or ''}: {entry.id}",
                        "path": path,
                        "line": line,
                    },
                )


def _worst(added: list[dict[str, Any]]) -> str:
    rules = {a["rule"] for a in added}
    for rule, word in (
        ("PACKAGE-MALICIOUS", MALICIOUS),
        ("PACKAGE-AFFECTED", "affected"),
        ("PACKAGE-POSSIBLY-AFFECTED", "possibly-affected"),
    ):
        if rule in rules:
            return word
    return "affected" if added else "resolved"
