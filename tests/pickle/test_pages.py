"""The pages of the rules of pickles, arrays and archives: heads equal the Rule objects, every example fires or stays quiet as it says."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from mlsbom.inspection import inspect
from mlsbom.inspectors.weights import archive, numpy, pickle, torch
from mlsbom.model import Rule
from mlsbom.rulebook import page
from tests.rule_pages import check_head

RULES: tuple[Rule, ...] = (*pickle.RULES, *archive.RULES, *torch.RULES, *numpy.RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
def test_head_equals_rule(rule: Rule) -> None:
    check_head(rule)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
@pytest.mark.parametrize("kind", ["fires", "benign"])
def test_example(rule: Rule, kind: str, tmp_path: Path) -> None:
    files = 0
    for what, info, content in page(rule.id).cases:
        if what == kind:
            path, _, form = info.partition(" ")
            (tmp_path / path).write_bytes(base64.b64decode(content) if form.strip() == "base64" else content.encode())
            files += 1
    assert files
    (line,) = inspect([str(tmp_path)])
    found = {f["rule"] for f in line["findings"]}
    assert (rule.id in found) == (kind == "fires"), line
    if kind == "benign":
        assert line["verdict"] == "clean", line
