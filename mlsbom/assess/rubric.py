"""The rubric as a whole: every check, and the grades that follow from them. Nothing is averaged.

Level n needs every check of the levels up to n; what does not apply to a kind of component is not asked of it. A component of which
nothing in a criterion can be asked has no grade there.
"""

from __future__ import annotations

from typing import Final

from mlsbom.assess import auditable, controllable, license_clean, replaceable, security_reviewed
from mlsbom.assess.view import FAILED, NOT_APPLICABLE, NOT_SHOWN, PASSED, Check, Outcome, View
from mlsbom.model import Component, Grade, Kind

CHECKS: Final[tuple[Check, ...]] = (
    *auditable.CHECKS,
    *license_clean.CHECKS,
    *security_reviewed.CHECKS,
    *replaceable.CHECKS,
    *controllable.CHECKS,
)
CRITERIA: Final = ("auditable", "license-clean", "security-reviewed", "replaceable", "controllable")
BY_ID: Final = {c.id: c for c in CHECKS}


def grades(view: View) -> tuple[Grade, ...]:
    """The grades of all components, upstreams before what derives from them, so that LI6 sees theirs."""
    out = []
    order = _upstream_first(view)
    for criterion in CRITERIA:
        checks = {kind: [c for c in CHECKS if c.criterion == criterion and (c.kinds is None or kind in c.kinds)] for kind in Kind}
        for component in order:
            grade = _grade(view, component, criterion, checks[component.kind])
            if grade is not None:
                view.grades[(criterion, component.ref)] = grade.level
                out.append(grade)
    return tuple(sorted(out, key=lambda g: (CRITERIA.index(g.criterion), g.component)))


def _upstream_first(view: View) -> list[Component]:
    order: list[Component] = []
    state: dict[str, int] = {}
    for start in (view.graph.root, *view.graph.components):
        stack = [(start, False)]
        while stack:
            c, done = stack.pop()
            if done:
                order.append(c)
                continue
            if state.get(c.ref):
                continue
            state[c.ref] = 1
            stack.append((c, True))
            stack.extend((u, False) for u in view.edges(c, "derived-from", "trained-on", "source-dataset") if not state.get(u.ref))
    return order


def _grade(view: View, component: Component, criterion: str, checks: list[Check]) -> Grade | None:
    asked = [(c, o) for c in checks if (o := c.run(view, component)).state != NOT_APPLICABLE]
    if not asked:
        return None
    level = _level(asked, waive=False)
    waived = tuple([c.id for c, o in asked if o.waived])
    return Grade(
        criterion=criterion,
        component=component.ref,
        level=level,
        effective=_level(asked, waive=True) if waived else level,
        waived=waived,
        passed=tuple([c.id for c, o in asked if o.state == PASSED]),
        failed={c.id: o.why for c, o in asked if o.state == FAILED},
        not_shown={c.id: o.why for c, o in asked if o.state == NOT_SHOWN},
    )


def _level(asked: list[tuple[Check, Outcome]], waive: bool) -> int:
    """The highest level up to which every check that was asked passed. `waive`: what is waived counts as met (for the gate alone)."""
    unmet = [c.level for c, o in asked if o.state != PASSED and not (waive and o.waived)]
    return min(unmet) - 1 if unmet else max([c.level for c, _ in asked])
