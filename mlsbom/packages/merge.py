"""Merging records into the packs: malicious packages into the feed, vulnerabilities into their store, indicators into the waves."""

from __future__ import annotations

import csv
import json
import sqlite3
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.errors import UsageError
from mlsbom.knowledge import Packs
from mlsbom.knowledge.updates import change
from mlsbom.packages import feed, osv, popular, vulnerabilities
from mlsbom.packages.feed import Entry
from mlsbom.packages.names import ecosystem, normalise

MOST_RANKED: Final = 5
"""Ranked names that one import may condemn by their bare name; more is an error of the source, until told otherwise."""
_COLUMNS: Final = frozenset({"wave", "type", "indicator"})


class Counts(Struct):
    """What an import did. `condemned`: ranked names with a new row against every version; `problems`: records that could not be read."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    vulnerabilities: int = 0
    indicators: int = 0
    condemned: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def import_records(source: Path, packs: Packs, destination: Path, *, date: str, force: bool = False) -> Counts:
    """Merge an OSV export, malicious-package records or a CSV of indicators into a copy of the packs at `destination`.
    Raises UsageError where nothing can be read, or where too many ranked names would be condemned."""
    counts = Counts()
    if source.suffix.lower() == ".csv":
        table = _csv(source)
        change(destination, packs.root, f"import of {source.name}", lambda staged: _waves(staged, table, counts), date)
        return counts
    reading = osv.Reading()
    bad: dict[str, dict[tuple[str, str], Entry | None]] = defaultdict(dict)
    other: dict[str, dict[tuple[str, str], dict[str, Any] | None]] = defaultdict(dict)
    for record in reading.records(source):
        gone = osv.withdrawn(record)
        if record["id"].startswith("MAL-"):
            for eco, entry in osv.entries(record):
                bad[eco][entry.name, entry.id] = None if gone else entry
        else:
            for eco, name in _about(record):
                other[eco][name, record["id"]] = None if gone else record
    counts.problems = reading.problems
    if not bad and not other:
        raise UsageError(
            f"no OSV record in {source}",
            remedy=reading.problems[0] if reading.problems else "give a JSON array, a folder or a zip of OSV records",
        )
    merged = {eco: _merge(eco, rows, packs, counts) for eco, rows in bad.items()}
    if len(counts.condemned) > MOST_RANKED and not force:
        names = ", ".join(counts.condemned[:10])
        raise UsageError(
            f"would condemn {len(counts.condemned)} much used names in every version: {names}", remedy="--force, if that is meant"
        )

    def edit(staged: Path) -> Iterator[str]:
        for eco, entries in merged.items():
            (staged / "malicious" / f"{eco}.tsv").write_bytes(feed.dump(entries))
        if merged:
            yield "malicious"
        if other:
            _pack(staged / "vulnerabilities", date, "Records of vulnerabilities in OSV form, as imported on this machine.")
            for eco, records in other.items():
                counts.vulnerabilities += _store(staged / "vulnerabilities" / f"{eco}.sqlite", records)
            yield "vulnerabilities"

    change(destination, packs.root, f"import of {source.name}", edit, date)
    return counts


def _about(record: dict[str, Any]) -> set[tuple[str, str]]:
    found = set()
    for affected in record.get("affected", []):
        package = affected.get("package") if isinstance(affected, dict) else None
        if isinstance(package, dict):
            eco = ecosystem(str(package.get("ecosystem", "")).split(":")[0])
            if vulnerabilities.supported(eco):
                found.add((eco, str(normalise(str(package.get("name", "")), eco))))
    return found


def _merge(eco: str, rows: dict[tuple[str, str], Entry | None], packs: Packs, counts: Counts) -> list[Entry]:
    """The feed of an ecosystem with these rows: replaced by name and id, removed where withdrawn; waves of replaced rows are kept."""
    current = {(e.name, e.id): e for e in feed.load(packs, eco)}
    known = popular.load(packs, eco)
    for key, entry in rows.items():
        old = current.get(key)
        if entry is None:
            counts.removed += current.pop(key, None) is not None
            continue
        new = entry._replace(wave=old.wave) if old else entry
        counts.added += old is None
        counts.changed += old is not None and old != new
        current[key] = new
        if new.whole and not (old and old.whole) and known and (new.name in known.ranks or new.name in known.watch):
            counts.condemned.append(f"{eco} {new.name}")
    return list(current.values())


def _store(path: Path, records: dict[tuple[str, str], dict[str, Any] | None]) -> int:
    """Merge records into a store; those withdrawn are taken out. Returns how many the store has."""
    merged: dict[tuple[str, str], dict[str, Any] | None] = {}
    if path.exists():
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            for name, id_, body in db.execute("select a.name, a.id, r.body from affected a join records r using (id)"):
                merged[name, id_] = json.loads(body)
        db.close()
    merged.update(records)
    return vulnerabilities.build(path, ((name, r) for (name, _), r in merged.items() if r is not None))


def _pack(folder: Path, date: str, description: str) -> None:
    folder.mkdir(exist_ok=True)
    if not (folder / "pack.toml").exists():
        text = f'date = "{date}"\nlicense = "NOASSERTION"\nsource = ["imported on this machine"]\ndescription = "{description}"\n'
        (folder / "pack.toml").write_text(text, "utf-8")


# --- indicators --------------------------------------------------------------------------------------------------------------------


def _csv(source: Path) -> list[dict[str, str]]:
    try:
        with source.open(encoding="utf-8", newline="") as f:
            rows = list(csv.DictReader(f))
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise UsageError(f"the indicators cannot be read: {source}: {e}") from e
    if not rows or not rows[0].keys() >= _COLUMNS or any(not r[c] for r in rows for c in _COLUMNS):
        raise UsageError(f"no indicators in {source}", remedy="columns are wave, type, indicator")
    return rows


def _waves(staged: Path, rows: list[dict[str, str]], counts: Counts) -> Iterable[str]:
    """Add indicators to waves by slug; a new slug makes a new wave."""
    path = staged / "waves" / "waves.toml"
    table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    for row in rows:
        slug = "-".join("".join(c if c.isalnum() else " " for c in row["wave"].lower()).split())
        wave = table.setdefault(slug, {"title": row["wave"], "date": "", "aliases": []})
        texts = wave.setdefault({"ip": "address"}.get(row["type"], row["type"]), [])
        if isinstance(texts, list) and row["indicator"] not in texts:
            texts.append(row["indicator"])
            counts.indicators += 1
    out = ["# Changed by an import of indicators.", ""]
    for slug, about in sorted(table.items()):
        out += [f"[{slug}]", *(f"{json.dumps(k)} = {json.dumps(sorted(v) if isinstance(v, list) else v)}" for k, v in about.items()), ""]
    path.write_text("\n".join(out), "utf-8")
    return ["waves"]
