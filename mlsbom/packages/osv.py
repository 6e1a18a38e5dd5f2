"""OSV records: reading exports (a JSON array, one record, JSON lines, a folder, a zip), and what a record says of names and versions.

Format: OSV schema 1.x. Records of malicious packages (`MAL-`) become rows of the feed, the others vulnerabilities.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from mlsbom.errors import UsageError
from mlsbom.packages.feed import EVERY, Entry
from mlsbom.packages.names import ecosystem, normalise
from mlsbom.packages.spans import holds, span
from mlsbom.packages.specifiers import same

LARGEST: Final = 16 << 20
"""Bytes of one record; OSV's largest are below 2 MB."""


class Reading(Struct):
    """Records as they are read; `problems` names what could not be."""

    problems: list[str] = field(default_factory=list)

    def records(self, path: Path) -> Iterator[dict[str, Any]]:
        """The records of an export, in the order of their names. Raises UsageError where there is no export."""
        import zipfile  # for imports alone; each scan reads this module

        try:
            if path.is_dir():
                for file in sorted(p for p in path.rglob("*.json") if p.is_file() and not p.is_symlink()):
                    if file.stat().st_size > LARGEST:
                        self.problems.append(f"{file.name}: larger than a record may be")
                    else:
                        yield from self._decode(file.read_bytes(), file.name)
            elif zipfile.is_zipfile(path):
                yield from self._zip(path)
            else:
                yield from self._decode(path.read_bytes(), path.name)
        except (OSError, zipfile.BadZipFile) as e:
            raise UsageError(f"the records cannot be read: {path}: {e}") from e

    def _zip(self, path: Path) -> Iterator[dict[str, Any]]:
        import zipfile

        with zipfile.ZipFile(path) as z:
            for info in sorted((i for i in z.infolist() if i.filename.endswith((".json", ".jsonl"))), key=lambda i: i.filename):
                with z.open(info) as f:
                    raw = f.read(LARGEST + 1)
                if len(raw) > LARGEST:
                    self.problems.append(f"{info.filename}: larger than a record may be")
                else:
                    yield from self._decode(raw, info.filename)

    def _decode(self, raw: bytes, name: str) -> Iterator[dict[str, Any]]:
        try:
            found = json.loads(raw)
            rows = found if isinstance(found, list) else found["vulns"] if isinstance(found, dict) and "vulns" in found else [found]
        except (ValueError, RecursionError):
            rows = []
            for n, line in enumerate(raw.splitlines(), 1):
                try:
                    rows += [json.loads(line)] if line.strip() else []
                except (ValueError, RecursionError) as e:
                    self.problems.append(f"{name}, line {n}: no JSON: {str(e)[:80]}")
        for row in rows:
            if isinstance(row, dict) and isinstance(row.get("id"), str) and isinstance(row.get("affected", []), list):
                yield row
            else:
                self.problems.append(f"{name}: no OSV record")


def withdrawn(record: dict[str, Any]) -> bool:
    """Whether a record was taken back."""
    return bool(record.get("withdrawn"))


def entries(record: dict[str, Any]) -> Iterator[tuple[str, Entry]]:
    """(ecosystem, row of the feed) of a record of malicious packages. An explicit list of versions is never widened by a range beside it;
    `introduced: 0` without an end, or nothing at all, condemns the whole name (of a ranked one the verdict makes a question of it)."""
    for affected in record.get("affected", []):
        package = affected.get("package") if isinstance(affected, dict) else None
        if not isinstance(package, dict) or not isinstance(package.get("name"), str) or not isinstance(package.get("ecosystem"), str):
            continue
        eco = ecosystem(package["ecosystem"].split(":")[0])
        name = str(normalise(package["name"], eco))
        if not re.fullmatch(r"[a-z0-9.-]+", eco) or not re.fullmatch(r"\S{1,300}", name):
            continue
        versions = tuple(sorted({str(v) for v in affected.get("versions") or () if re.fullmatch(r"\S+", str(v))}))
        if not versions:
            spans = tuple(sorted({span(low, high) for low, high in ranges(affected)}))
            versions = EVERY if not spans or "*" in spans else spans
        yield eco, Entry(name, record["id"], str(record.get("published", ""))[:10], versions)


def ranges(affected: dict[str, Any]) -> list[tuple[str, str]]:
    """(first, end) of every range of an entry; the end is `<version` or `<=version`, empty where there is none. Odd events are sorted out
    by pairing each `introduced` with the next end."""
    out: list[tuple[str, str]] = []
    for r in affected.get("ranges") or ():
        if not isinstance(r, dict) or r.get("type") == "GIT":
            continue
        low: str | None = None
        for event in r.get("events") or ():
            if "introduced" in event:
                if low is not None:
                    continue  # two beginnings: the earlier one counts
                low = str(event["introduced"])
            elif low is not None and ("fixed" in event or "last_affected" in event):
                out.append((low, f"<{event['fixed']}" if "fixed" in event else f"<={event['last_affected']}"))
                low = None
        if low is not None:
            out.append((low, ""))
    return out


def covers(affected: dict[str, Any], version: str, eco: str) -> bool:
    """Whether an entry of a record covers a version: listed, or in a range."""
    if any(same(version, str(v), eco) for v in affected.get("versions") or ()):
        return True
    return any(holds(span(low, high), version, eco) for low, high in ranges(affected))


class Advisory(msgspec.Struct, frozen=True, kw_only=True):
    """What a report needs of a vulnerability. `score`: CVSS 0 to 10, or None; `fixed`: first versions without it."""

    id: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    severity: str = "medium"
    score: float | None = None
    fixed: tuple[str, ...] = ()


def advisory(record: dict[str, Any], name: str, eco: str) -> Advisory:
    """The parts of a record that matter for one package."""
    from mlsbom.packages.cvss import severity

    mine = [a for a in record.get("affected", []) if _is_about(a, name, eco)]
    fixed = {
        str(e["fixed"])
        for a in mine
        for r in a.get("ranges") or ()
        if r.get("type") != "GIT"
        for e in r.get("events") or ()
        if "fixed" in e
    }
    word, score = severity(record)
    aliases = tuple(sorted({str(a) for a in record.get("aliases") or ()}))
    return Advisory(
        id=record["id"],
        aliases=aliases,
        summary=str(record.get("summary") or record.get("details") or "")[:200],
        severity=word,
        score=score,
        fixed=tuple(sorted(fixed)),
    )


def _is_about(affected: dict[str, Any], name: str, eco: str) -> bool:
    package = affected.get("package") or {}
    return ecosystem(str(package.get("ecosystem", "")).split(":")[0]) == eco and str(normalise(str(package.get("name", "")), eco)) == name


def matches(record: dict[str, Any], name: str, version: str, eco: str) -> bool:
    """Whether a record covers this version of this package."""
    return any(covers(a, version, eco) for a in record.get("affected", []) if _is_about(a, name, eco))


def fold_aliases(found: Iterable[Advisory]) -> list[Advisory]:
    """One advisory for all that are aliases of each other: the first in the order GHSA, PYSEC, CVE, others; the highest score."""
    order = {"GHSA": 0, "PYSEC": 1, "CVE": 2}
    groups: list[tuple[set[str], list[Advisory]]] = []
    for a in sorted(found, key=lambda a: (order.get(a.id.split("-")[0], 3), a.id)):
        names = {a.id, *a.aliases}
        touching = [g for g in groups if g[0] & names]
        merged = ({*names, *(n for g in touching for n in g[0])}, [*(x for g in touching for x in g[1]), a])
        groups = [g for g in groups if g not in touching] + [merged]
    out = []
    for names, members in groups:
        worst = max(members, key=lambda a: (a.score or 0.0, a.severity != "medium"))
        first = members[0]
        fixed = tuple(sorted({f for a in members for f in a.fixed}))
        out.append(
            Advisory(
                id=first.id,
                aliases=tuple(sorted(names - {first.id})),
                summary=first.summary,
                severity=worst.severity,
                score=worst.score,
                fixed=fixed,
            )
        )
    return sorted(out, key=lambda a: a.id)
