"""`inspect`: is it safe to load? Findings, coverage and imports of each path, without an SBOM. The API behind the command of that name."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mlsbom.collect import Options, collect
from mlsbom.errors import MlsbomError, NothingToScan
from mlsbom.knowledge import Packs
from mlsbom.model import SEVERITY_ORDER, STATUS_ORDER, Evidence, Finding, Name, Observed, Severity, Shortfall, Status, Survey
from mlsbom.sources.local import LocalSource

IMPORTS: Final = 2000
"""The most names that one line lists."""
_REACH: Final = "mlsbom.resolve.reach"


def inspect(paths: Iterable[str], *, packs: Packs | None = None, timeout: float | None = None, jobs: int = 1) -> Iterator[dict[str, Any]]:
    """One line (a dictionary as the machine interface has it) for each path, a file or a folder, in order, each as soon as it is done.

    `timeout`: seconds for each path. Never raises for what a path holds; one that cannot be opened is a line with an `error`.
    """
    packs = packs or Packs()
    options = Options(packs=packs, jobs=jobs, cache=False, sketch=False, timeout=timeout, created="1970-01-01T00:00:00Z")
    for path in paths:
        try:
            survey = collect(LocalSource(path), options)
        except NothingToScan as e:
            yield _line(path, [], [{"path": path, "member": None, "status": "full", "reason": str(e)}], [], unread=False)
        except MlsbomError as e:
            line = _line(path, [], [{"path": path, "member": None, "status": "failed", "reason": str(e)}], [], unread=True)
            yield {**line, "error": str(e)}
        else:
            yield judge(path, survey, packs)


def judge(path: str, survey: Survey, packs: Packs) -> dict[str, Any]:
    """The line of one survey."""
    observed = (*survey.observed, *_reach(survey, packs))
    findings = sorted((o for o in observed if isinstance(o.fact, Finding)), key=_worst_first)
    shortfalls = [o for o in observed if isinstance(o.fact, Shortfall)]
    short = {(o.place.path, o.place.member) for o in shortfalls}
    coverage = [
        {"path": o.place.path, "member": o.place.member or None, "status": str(o.fact.status), "reason": o.fact.reason}
        for o in shortfalls
        if isinstance(o.fact, Shortfall)
    ]
    coverage += [{"path": a.path, "member": None, "status": "full", "reason": None} for a in survey.artifacts if (a.path, "") not in short]
    names = [o for o in observed if isinstance(o.fact, Name)]
    unread = any(isinstance(o.fact, Shortfall) and _should_be_read(o) for o in shortfalls)
    return _line(path, [_finding(o) for o in findings], coverage, [_name(o) for o in names[:IMPORTS]], unread=unread)


def verdict(severity: str | None, unread: bool) -> str:
    """The word for the worst severity and for whether something that should have been read was not."""
    rank = SEVERITY_ORDER[Severity(severity)] if severity else -1
    if rank >= SEVERITY_ORDER[Severity.HIGH]:
        return "malicious"
    if rank == SEVERITY_ORDER[Severity.MEDIUM]:
        return "suspicious"
    return "incomplete" if unread else "clean"


def exit_code(lines: Iterable[dict[str, Any]]) -> int:
    """2 where a path could not be opened at all, else 1 where a line is malicious, else 3 where something was not read, else 0."""
    codes = {0}
    for line in lines:
        if "error" in line:
            codes.add(2)
        elif line["verdict"] == "malicious":
            codes.add(1)
        elif line["verdict"] == "incomplete" or any(c["status"] in ("partial", "failed") for c in line["coverage"]):
            codes.add(3)
    return next(code for code in (2, 1, 3, 0) if code in codes)


def _reach(survey: Survey, packs: Packs) -> tuple[Observed, ...]:
    """What depends on which file of a folder calls which: the one resolver that a question of safety needs."""
    if len(survey.artifacts) < 2 or importlib.util.find_spec(_REACH) is None:
        return ()
    from mlsbom.resolve import Asked
    from mlsbom.survey.fold import fold

    return tuple(importlib.import_module(_REACH).resolve(survey, fold(survey), packs, Asked(now=survey.created)))


def _should_be_read(item: Observed) -> bool:
    """Bytes of no known format are opaque by nature, as raw weights are; everything else that is not full should have been read."""
    assert isinstance(item.fact, Shortfall)
    return item.fact.status is not Status.OPAQUE or item.by != "identify"


def _worst_first(item: Observed) -> tuple[int, str, str, str, int]:
    fact = item.fact
    assert isinstance(fact, Finding)
    return -SEVERITY_ORDER[fact.severity], item.place.path, item.place.member, fact.rule, fact.evidence.offset or fact.evidence.line or 0


def _where(item: Observed, evidence: Evidence) -> dict[str, Any]:
    return {
        "path": item.place.path,
        "member": item.place.member or None,
        "line": evidence.line,
        "offset": evidence.offset,
        "key": evidence.key,
    }


def _finding(item: Observed) -> dict[str, Any]:
    fact = item.fact
    assert isinstance(fact, Finding)
    return {
        "rule": fact.rule,
        "severity": str(fact.severity),
        "confidence": str(fact.sure),
        "message": fact.because,
        "phase": str(fact.phase),
        "where": _where(item, fact.evidence),
        "data": dict(fact.data),
    }


def _name(item: Observed) -> dict[str, Any]:
    fact = item.fact
    assert isinstance(fact, Name)
    return {
        "name": fact.name,
        "kind": fact.kind,
        "use": fact.use,
        "judged": fact.judged or None,
        "count": fact.count,
        "where": _where(item, fact.evidence),
    }


def _line(
    path: str, findings: list[dict[str, Any]], coverage: list[dict[str, Any]], imports: list[dict[str, Any]], *, unread: bool
) -> dict[str, Any]:
    severity = findings[0]["severity"] if findings else None
    coverage.sort(key=lambda c: (-STATUS_ORDER[Status(c["status"])], c["path"], c["member"] or "", c["reason"] or ""))
    return {
        "path": path,
        "verdict": verdict(severity, unread),
        "severity": severity,
        "findings": findings,
        "coverage": coverage,
        "imports": imports,
    }
