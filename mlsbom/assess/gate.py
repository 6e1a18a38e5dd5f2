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
    by_role: dict[str, dict[str, int]] | None = None,
    roles: dict[str, tuple[str, str]] | None = None,
    opaque_counts: bool = False,
    unmet: tuple[str, ...] = (),
    lacking: tuple[str, ...] = (),
) -> Gate:
    """`fail_on`: the lowest severity that fails; None: findings never fail. `required`: criterion -> level that every grade must
    reach; `by_role`: the same by kind of component (`roles`: ref -> kind and name). `unmet`: further reasons to
    fail, `lacking`: further reasons why the scan is incomplete (packs too old, a service not reached)."""
    reasons: list[str] = []
    kinds = roles or {}
    passed = True
    counts: dict[Severity, int] = {}
    for f in findings:
        if f.waived_by is None and fail_on is not None and SEVERITY_ORDER[f.severity] >= SEVERITY_ORDER[fail_on]:
            counts[f.severity] = counts.get(f.severity, 0) + 1
    for severity, count in sorted(counts.items(), key=lambda x: -SEVERITY_ORDER[x[0]]):
        passed = False
        reasons.append(f"{count} {severity} finding{'s' if count > 1 else ''}")
    for role, levels in sorted({**(by_role or {}), **({"all": required} if required else {})}.items()):
        for criterion, level in sorted(levels.items()):
            low = [
                g
                for g in grades
                if g.criterion == criterion and g.effective < level and role in ("all", kinds.get(g.component, ("", ""))[0])
            ]
            if low:
                passed = False
                worst = min(low, key=lambda g: (g.effective, g.component))
                whose = "" if role == "all" else f" of {role}s"
                more = f", and {len(low) - 1} more" if len(low) > 1 else ""
                reasons.append(
                    f"{criterion}{whose}: {kinds.get(worst.component, ('', worst.component))[1]} is at level {worst.effective}, "
                    f"{level} is required{more}"
                )
            elif role == "all" and not any(g.criterion == criterion for g in grades):
                passed = False
                reasons.append(f"{criterion}: nothing was graded, level {level} is required")
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
