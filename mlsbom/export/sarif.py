"""`sarif` 2.1.0 for code scanning: rules with help, stable fingerprints, every location in a file of the target."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from mlsbom.errors import UsageError
from mlsbom.export.cyclonedx.values import clean, relative, text
from mlsbom.model import Assessment, Judged, Severity
from mlsbom.rulebook import page

Tree = dict[str, Any]
LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
SCORES: Final = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.0", Severity.LOW: "2.0", Severity.INFO: "0.5"}
"""`security-severity`: code scanning shows critical from 9.0, high from 7.0, medium from 4.0."""
MOST_RESULTS: Final = 5000  # code scanning takes this many a run


def render(assessment: Assessment, version: str) -> bytes:
    """The log as bytes."""
    return bytes(msgspec.json.format(msgspec.json.encode(build(assessment)), indent=1)) + b"\n"


def build(a: Assessment) -> Tree:
    """One run with all findings; what was not read is a notification of the run, at error level where the scan is incomplete for it."""
    rules = sorted({f.rule for f in a.findings})
    number = {rule: n for n, rule in enumerate(rules)}
    invocation: Tree = {
        "executionSuccessful": not a.gate.incomplete,
        "exitCode": a.gate.exit_code,
        "toolExecutionNotifications": [
            {
                "descriptor": {"id": "NOT-READ"},
                "level": "note" if status == "opaque" else "error",
                "message": {"text": text(f"{place}: {status}: {reason}")},
                "locations": [_location(place.path, None)],
            }
            for place, status, reason in a.coverage
        ],
    }
    run: Tree = {
        "tool": {
            "driver": {
                "name": "mlsbom",
                "semanticVersion": a.survey.tool.version,
                "rules": [_rule(rule) for rule in rules],
                "notifications": [{"id": "NOT-READ", "shortDescription": {"text": "A place of the target was not read in full"}}],
            }
        },
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [_result(f, number[f.rule]) for f in a.findings[:MOST_RESULTS]],
        "properties": {"gate": {"passed": a.gate.passed, "incomplete": a.gate.incomplete, "reasons": list(a.gate.reasons[:50])}},
    }
    whole: Tree = clean({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]})
    whole["runs"][0].setdefault("results", [])
    return whole


def _rule(rule: str) -> Tree:
    try:
        p = page(rule)
    except UsageError:
        return {"id": rule, "name": rule}
    what, why, remedy = (p.sections.get(k, "") for k in ("What it does", "Why it is bad", "Remedy"))
    return {
        "id": rule,
        "name": "".join(w.capitalize() for w in rule.split("-")),
        "shortDescription": {"text": p.title},
        "fullDescription": {"text": (what or p.title)[:1000]},
        "help": {"text": f"{what}\n\n{why}\n\n{remedy}".strip() or p.title, "markdown": f"{what}\n\n**Why** {why}\n\n**Remedy** {remedy}"},
        "defaultConfiguration": {"level": LEVELS[p.severity]},
        "properties": {"security-severity": SCORES[p.severity], "tags": ["security", "supply-chain", "machine-learning"]},
    }


def _location(path: str, line: int | None) -> Tree:
    region = {"startLine": line} if line else {"startLine": 1}
    return {"physicalLocation": {"artifactLocation": {"uri": relative(path) or ".", "uriBaseId": "%SRCROOT%"}, "region": region}}


def _result(f: Judged, index: int) -> Tree:
    member = f" (in {f.where.member})" if f.where.member else ""
    out: Tree = {
        "ruleId": f.rule,
        "ruleIndex": index,
        "level": LEVELS[f.severity],
        "message": {"text": text(f"{f.message}{member}")[:4000]},
        "locations": [_location(f.where.path, f.where.line)],
        "partialFingerprints": {"mlsbom/v1": f.id},
        "properties": {
            "severity": str(f.severity),
            "security-severity": SCORES[f.severity],
            "confidence": str(f.confidence),
            "subject": text(f.subject),
        },
    }
    if f.waived_by is not None:
        out["suppressions"] = [{"kind": "external", "status": "accepted", "justification": text(f.waived_by)}]
    return out
