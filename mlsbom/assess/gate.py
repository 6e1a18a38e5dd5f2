"""The gate: whether the whole passed, and why not. Exit codes follow from it (see the machine interface)."""

from __future__ import annotations

from mlsbom.model import SEVERITY_ORDER, Gate, Grade, Judged, Place, Severity, Status

MOST_REASONS = 50


def gate(
    findings: tuple[Judged, ...],
    coverage: tuple[tuple[Place, Status, str], ...],
    grades: tuple[Grade, ...] = (),
    *,
    fail_on: Severity | None = Severity.HIGH,
    required: dict[str, int] | None = None,
    opaque_counts: bool = False,
    unmet: tuple[str, ...] = (),
    lacking: tuple[str, ...] = (),
) -> Gate:
    """`fail_on`: the lowest severity that fails; None: findings never fail. `required`: criterion -> level that every grade listed must
    reach. `unmet`: further reasons to fail, `lacking`: further reasons why the scan is incomplete (packs too old, a service not reached)."""
    reasons: list[str] = []
    passed = True
    counts: dict[Severity, int] = {}
    for f in findings:
        if f.waived_by is None and fail_on is not None and SEVERITY_ORDER[f.severity] >= SEVERITY_ORDER[fail_on]:
            counts[f.severity] = counts.get(f.severity, 0) + 1
    for severity, count in sorted(counts.items(), key=lambda x: -SEVERITY_ORDER[x[0]]):
        passed = False
        reasons.append(f"{count} {severity} finding{'s' if count > 1 else ''}")
    for criterion, level in sorted((required or {}).items()):
        low = [g for g in grades if g.criterion == criterion and g.level < level]
        if low or not any(g.criterion == criterion for g in grades):
            passed = False
            worst = min((g.level for g in low), default=0)
            reasons.append(f"{criterion} is at level {worst}, {level} is required" + (f" ({len(low)} components)" if len(low) > 1 else ""))
    for reason in unmet:
        passed = False
        reasons.append(reason)
    unread = [(p, s, r) for p, s, r in coverage if s in (Status.FAILED, Status.PARTIAL) or (opaque_counts and s == Status.OPAQUE)]
    incomplete = bool(unread) or bool(lacking)
    reasons.extend(lacking)
    for place, status, reason in unread[:MOST_REASONS]:
        reasons.append(f"not read: {place}: {status}: {reason}")
    if len(unread) > MOST_REASONS:
        reasons.append(f"not read: {len(unread) - MOST_REASONS} more places, see coverage")
    return Gate(passed=passed, incomplete=incomplete, reasons=tuple(reasons))
