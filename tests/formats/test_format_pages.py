"""The rule pages of model formats, code and templates: heads equal the Rule objects, and every example fires or stays quiet as it says."""

from __future__ import annotations

import base64
import importlib
from pathlib import Path

import pytest

from mlsbom.inspectors.code.rows_safety import SAFETY_ROWS
from mlsbom.inspectors.weights.rows_formats import FORMAT_ROWS
from mlsbom.model import SEVERITY_ORDER, Rule
from mlsbom.rulebook import page
from mlsbom.scan import Settings, scan
from tests.rule_pages import check_head

RULES: list[Rule] = sorted(
    {r.id: r for row in (*FORMAT_ROWS, *SAFETY_ROWS) for r in importlib.import_module(row.module).RULES}.values(), key=lambda r: r.id
)


def test_one_rule_an_id() -> None:
    for row in (*FORMAT_ROWS, *SAFETY_ROWS):
        for rule in importlib.import_module(row.module).RULES:
            assert rule in RULES, f"{row.module} declares another {rule.id}"


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
def test_head_equals_rule(rule: Rule) -> None:
    check_head(rule)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
@pytest.mark.parametrize("kind", ["fires", "benign"])
def test_example(rule: Rule, kind: str, tmp_path: Path, settings: Settings) -> None:
    files = 0
    for what, info, content in page(rule.id).cases:
        if what == kind:
            name, *form = info.split()
            path = tmp_path / "target" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode(content) if form == ["base64"] else content.encode())
            files += 1
    assert files
    findings = scan(str(tmp_path / "target"), settings).findings
    worst = max((SEVERITY_ORDER[f.severity] for f in findings if f.rule == rule.id), default=-1)
    if kind == "fires":
        assert worst >= SEVERITY_ORDER[rule.severity], findings
    else:
        assert worst < 0, findings
