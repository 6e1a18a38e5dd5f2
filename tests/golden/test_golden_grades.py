"""Every check of the rubric on the example and on real packages, against grades that were gone through by hand.

`grades/NAME.json` has for each component its levels, and for each check its state, what the program says of it, and why that is right. The
packages are not part of this repository: their cases run where MLSBOM_ZOO names a folder that holds them unpacked (see conftest.py, which
says at the end of a run which are not there).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlsbom.assess.rubric import CHECKS
from mlsbom.model import Assessment
from mlsbom.scan import Settings, scan
from tests.golden.places import HERE, found

STATES = ("passed", "failed", "not shown")


def graded(a: Assessment) -> dict[str, Any]:
    refs = a.graph.by_ref()
    out: dict[str, Any] = {}
    for g in a.grades:
        c = refs[g.component]
        name = f"{c.kind} {c.name}" + (f" {c.version[:12]}" if c.kind == "model" and not c.local and c.version else "")
        one = out.setdefault(name, {"levels": {}, "checks": {}})
        one["levels"][g.criterion] = g.level
        rows: tuple[dict[str, str], ...] = (dict.fromkeys(g.passed, ""), g.failed, g.not_shown)
        for state, checks in zip(STATES, rows, strict=True):
            one["checks"] |= {k: (state, why) for k, why in checks.items()}
    return out


@pytest.mark.parametrize("name", sorted(found()))
def test_every_check_is_as_it_was_judged_by_hand(name: str) -> None:
    judged = json.loads((HERE / "grades" / f"{name}.json").read_bytes())["components"]
    got = graded(scan(str(found()[name]), Settings(cache=False, now="2026-11-21T00:00:00Z")))
    for component, golden in judged.items():
        assert component in got, f"{component} is not there"
        assert got[component]["levels"] == golden["levels"], component
        assert got[component]["checks"] == {k: (v["state"], v["said"]) for k, v in golden["checks"].items()}, component


@pytest.mark.parametrize("path", sorted((HERE / "grades").glob("*.json")), ids=lambda p: Path(p).stem)
def test_each_judgement_has_its_reasoning(path: Path) -> None:
    known = {c.id for c in CHECKS}
    for component, golden in json.loads(path.read_bytes())["components"].items():
        for check, row in golden["checks"].items():
            assert check in known and row["state"] in STATES and len(row["because"]) >= 10, (component, check)
            assert row["said"] or row["state"] == "passed", (component, check)
