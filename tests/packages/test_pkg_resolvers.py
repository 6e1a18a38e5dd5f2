"""Findings on what was observed: every dependency, installed copies, the project itself, imports, hub names; pages and rules agree."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from mlsbom.knowledge import Packs
from mlsbom.model import (
    AnyFact,
    Dependency,
    Evidence,
    Finding,
    Kind,
    Observed,
    Place,
    Reference,
    Role,
    Scope,
    Shortfall,
    Survey,
    Target,
    ToolInfo,
)
from mlsbom.resolve import Asked, lookalike, malicious
from mlsbom.rulebook import page
from mlsbom.scan import Settings, scan
from mlsbom.survey.fold import fold

NOW = Asked(now="2026-11-20T00:00:00Z")
PACKS = Packs()


def findings(module: object, *facts: tuple[str, AnyFact]) -> list[Finding]:
    observed = tuple(Observed(place=Place(path=path), by="test", fact=fact) for path, fact in facts)
    survey = Survey(target=Target(uri="x"), tool=ToolInfo(), observed=observed)
    found = module.resolve(survey, fold(survey), PACKS, NOW)  # type: ignore[attr-defined]
    return [o.fact for o in found if isinstance(o.fact, Finding)]


def dep(name: str, specifier: str = "", **more: object) -> Dependency:
    return Dependency(ecosystem="pypi", name=name, specifier=specifier, evidence=Evidence(line=3), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fact", "rule", "severity"),
    [
        (dep("colorinal"), "PACKAGE-MALICIOUS", "critical"),
        (dep("litellm", "==1.82.7"), "PACKAGE-AFFECTED", "critical"),
        (dep("litellm", resolved="1.82.8", installed=True, source="installed"), "PACKAGE-AFFECTED", "critical"),
        (dep("litellm", resolved="1.82.8", locked=True), "PACKAGE-AFFECTED", "critical"),
        (dep("litellm", resolved="1.82.8", project=True), "PACKAGE-AFFECTED", "critical"),
        (dep("litellm", ">=1.80"), "PACKAGE-POSSIBLY-AFFECTED", "medium"),
        (dep("litellm", source="vcs", ref="git+https://x"), "PACKAGE-POSSIBLY-AFFECTED", "low"),
    ],
)
def test_every_way_to_hold_a_bad_release(fact: Dependency, rule: str, severity: str) -> None:
    found = findings(malicious, ("a/requirements.txt", fact))
    assert [(f.rule, f.severity, f.evidence.line) for f in found] == [(rule, severity, 3)]
    assert found[0].waivable == (rule == "PACKAGE-POSSIBLY-AFFECTED")


def test_a_lock_beside_a_range_takes_its_weight() -> None:
    asked, lock = dep("litellm", ">=1.80"), dep("litellm", resolved="1.83.0", locked=True)
    assert [f.severity for f in findings(malicious, ("a/pyproject.toml", asked), ("a/uv.lock", lock))] == ["info"]
    assert [f.severity for f in findings(malicious, ("a/pyproject.toml", asked), ("b/uv.lock", lock))] == ["medium"]


def test_conda_names_are_not_judged_as_pypi() -> None:
    fact = Dependency(ecosystem="conda", name="colorinal")
    assert findings(malicious, ("environment.yml", fact)) == []
    assert findings(lookalike, ("environment.yml", fact)) == []


@pytest.mark.parametrize(
    ("path", "fact", "expected"),
    [
        ("requirements.txt", dep("requestss"), [("PACKAGE-TYPOSQUAT", "high")]),
        ("requirements.txt", dep("acme-voice-internal"), [("PACKAGE-UNKNOWN", "low")]),
        ("train.ipynb", dep("acme-voice-internal"), [("PACKAGE-UNKNOWN", "medium")]),
        ("requirements.txt", dep("acme-voice-internal", "==99.1"), [("PACKAGE-UNKNOWN", "medium")]),
        ("requirements.txt", dep("acme-voice-internal", source="vcs"), []),
        ("pyproject.toml", dep("acme-voice-internal", project=True), []),
        ("requirements.txt", dep("ibpykernel"), [("PACKAGE-REVIEW", "low")]),
        ("requirements.txt", dep("numpy"), []),
    ],
)
def test_names(path: str, fact: Dependency, expected: list[tuple[str, str]]) -> None:
    assert [(f.rule, f.severity) for f in findings(lookalike, (path, fact))] == expected


@pytest.mark.parametrize(
    ("module", "rule"),
    [
        ("tensorfloww", "PACKAGE-IMPORT-BAIT"),
        ("colorinal", "PACKAGE-IMPORT-BAIT"),
        ("acme_voice", "PACKAGE-IMPORT-BAIT"),
        ("os", None),
        ("numpy", None),
        ("helpers", None),
        ("cv2", None),
        ("sklearn", None),
        ("__future__", None),
    ],
)
def test_imports(tmp_path: Path, settings: Settings, module: str, rule: str | None) -> None:
    (tmp_path / "helpers.py").write_text("x = 1\n")
    (tmp_path / "modeling.py").write_text(f"import {module}\n")
    found = {f.rule for f in scan(str(tmp_path), settings).findings if f.rule != "PACKAGE-UNDECLARED"}
    assert found == ({rule} if rule else set())


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("mistrallai/Mistral-7B", "mistralai/Mistral-7B"),
        ("meta_llama/Llama-3", "meta-llama/Llama-3"),
        ("meta-lIama/Llama-3", "meta-llama/Llama-3"),
        ("mistralai/Mistral-7B", None),
        ("somebody/Mistral-7B-GGUF", None),
        ("gpt2", None),
        ("qwenn/x", "Qwen/x"),
    ],
)
def test_organisations_of_a_hub(name: str, target: str | None) -> None:
    found = lookalike.Hub(PACKS.toml("names/hub.toml")).like(name)
    assert (found[0] if found else None) == target


def test_optional_git_dependencies_of_npm() -> None:
    fact = Dependency(ecosystem="npm", name="setup", source="vcs", ref="github:x/y#" + "0" * 40, scope=Scope.OPTIONAL)
    assert [f.rule for f in findings(lookalike, ("package.json", fact))] == ["PACKAGE-REVIEW"]


def test_references_without_a_commit() -> None:
    def reference(version: str | None, role: Role = Role.USED) -> Reference:
        return Reference(kind=Kind.MODEL, name="facebook/opt-125m", role=role, version=version, hub="huggingface")

    assert [f.severity for f in findings(lookalike, ("a.py", reference(None)), ("b.py", reference("main", Role.REMOTE_CODE)))] == [
        "info",
        "low",
    ]
    assert findings(lookalike, ("a.py", reference("27dcfa74d334bc871f3234de431e71c6eeba5dd6")), ("b.py", reference(None, Role.HINT))) == []


def test_missing_packs_are_shortfalls_of_the_whole(tmp_path: Path) -> None:
    (tmp_path / "index.toml").write_text("schema = 1\n")
    survey = Survey(target=Target(uri="x"), tool=ToolInfo(), observed=(Observed(place=Place(path="r"), by="t", fact=dep("colorinal")),))
    found = list(malicious.resolve(survey, fold(survey), Packs(tmp_path), NOW))
    assert {type(o.fact) for o in found} == {Shortfall}
    assert any("feed" in o.fact.reason for o in found if isinstance(o.fact, Shortfall))


@pytest.mark.parametrize(
    "module", ["mlsbom.resolve.malicious", "mlsbom.resolve.lookalike", "mlsbom.resolve.vulnerabilities", "mlsbom.inspectors.code.hooks"]
)
def test_rules_are_as_their_pages_say(module: str) -> None:
    for rule in importlib.import_module(module).RULES:
        found = page(rule.id)
        assert (found.title, found.severity, found.waivable) == (rule.title, rule.severity, rule.waivable)
        assert {"What it does", "Why it is bad", "Example", "Remedy"} <= set(found.sections)


def test_the_order_of_facts_does_not_show() -> None:
    facts = [("a.txt", dep(n)) for n in ("requestss", "litellm", "colorinal", "acme-x-y")]
    one, other = (sorted(f.because for f in findings(malicious, *order)) for order in (facts, facts[::-1]))
    assert one == other
