"""The rule pages of this room: heads equal the Rule objects, and every example fires or stays quiet as it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlsbom.inspectors.manifests import emit
from mlsbom.model import Rule
from mlsbom.resolve import confusion, imports, locks
from mlsbom.rulebook import page
from mlsbom.scan import Settings, scan
from tests.rule_pages import check_head

RULES: tuple[Rule, ...] = (*emit.RULES, *confusion.RULES, *locks.RULES, *imports.RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
def test_head_equals_rule(rule: Rule) -> None:
    check_head(rule)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.id)
@pytest.mark.parametrize("kind", ["fires", "benign"])
def test_example(rule: Rule, kind: str, tmp_path: Path, settings: Settings) -> None:
    target = tmp_path / "target"
    profile = None
    files = 0
    for what, info, content in page(rule.id).cases:
        if what == kind:
            path = target / info.split()[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
            files += 1
        elif what == "config":
            profile = tmp_path / "profile.toml"
            profile.write_text(content, "utf-8")
    assert files
    settings.profile = str(profile) if profile else None
    found = {f.rule for f in scan(str(target), settings).findings}
    assert (rule.id in found) == (kind == "fires"), found
