"""Grades: missing evidence never improves one, a waiver raises none, and known-malicious cannot be set aside."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mlsbom.assess.rubric import CHECKS, CRITERIA
from mlsbom.errors import UsageError
from mlsbom.knowledge import Packs
from mlsbom.model import Assessment, Finding, Shortfall, Survey
from mlsbom.policy.profile import load, names
from mlsbom.scan import Settings, assess, scan

ATTESTED = """
[[attestation]]
kind = "alternative"
component = "*"
sha256 = ["{digest}"]
by = "Procurement"
role = "buyer"
date = 2025-12-01
value = {{ supplier = "Other Labs", jurisdiction = "KR", level = 2, interface = "speech to text" }}

[[attestation]]
kind = "review"
component = "*"
sha256 = ["{digest}"]
by = "Independent Audit"
role = "third-party"
date = 2025-11-20
"""


def attest(repository: Path) -> None:
    import hashlib

    digest = hashlib.sha256((repository / "model.safetensors").read_bytes()).hexdigest()
    (repository / "mlsbom.toml").write_text(ATTESTED.format(digest=digest))


def levels(a: Assessment) -> dict[tuple[str, str], int]:
    return {(g.criterion, g.component): g.level for g in a.grades}


def test_every_component_is_graded_and_every_check_answers(repository: Path, settings: Settings) -> None:
    a = scan(str(repository), settings)
    assert {g.criterion for g in a.grades} == set(CRITERIA)
    answered = {x for g in a.grades for x in (*g.passed, *g.failed, *g.not_shown)}
    assert answered <= {c.id for c in CHECKS}
    for g in a.grades:
        assert not set(g.passed) & (set(g.failed) | set(g.not_shown))


def test_an_attestation_counts_only_about_these_digests(repository: Path, settings: Settings) -> None:
    attest(repository)
    good = scan(str(repository), settings)
    model = next(c for c in good.graph.components if c.primary)
    assert "RE2" in next(g for g in good.grades if g.criterion == "replaceable" and g.component == model.ref).passed
    (repository / "mlsbom.toml").write_text(ATTESTED.format(digest="0" * 64))
    void = scan(str(repository), settings)
    grade = next(g for g in void.grades if g.criterion == "replaceable" and g.component == model.ref)
    assert "RE2" in grade.not_shown and "other digests" in grade.not_shown["RE2"]
    assert any("other digests" in n for n in void.notes)


@given(st.data())
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_taking_evidence_away_never_improves_a_grade(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    a = _cached(tmp_path_factory)
    facts = a.survey.observed
    # findings and shortfalls speak against a grade: they are not evidence for it, so they stay
    removable = [i for i, o in enumerate(facts) if not isinstance(o.fact, (Finding, Shortfall))]
    gone = set(data.draw(st.lists(st.sampled_from(removable), min_size=1, max_size=4, unique=True)))
    less = msgspec.structs.replace(a.survey, observed=tuple(o for i, o in enumerate(facts) if i not in gone))
    before = {(g.criterion, _name(a, g.component)): g for g in a.grades}
    b = assess(less, Settings(cache=False))
    for g in b.grades:
        known = before.get((g.criterion, _name(b, g.component)))
        if known is None:
            continue
        gained = set(g.passed) - set(known.passed)
        # a base, data set or service that is no longer known cannot be graded against; the checks that ask about it must not turn to passed
        assert not gained - {"LI3", "LI4", "LI5", "LI6", "LI7", "CO3", "CO5", "SE6", "SE2"} or g.level <= known.level, (
            gained,
            known.component,
        )


_kept: list[Assessment] = []


def _cached(factory: pytest.TempPathFactory) -> Assessment:
    if not _kept:
        from tests.conftest import safetensors

        top = factory.mktemp("graded") / "tiny"
        top.mkdir()
        (top / "README.md").write_text(
            "---\nlicense: mit\npipeline_tag: text-generation\n---\n# Tiny\n\nText.\n\n## Training data\nText.\n\n## Limitations\nMany.\n"
        )
        (top / "config.json").write_text(json.dumps({"architectures": ["X"], "model_type": "x", "hidden_size": 8, "vocab_size": 4}))
        (top / "model.safetensors").write_bytes(safetensors({"w": (8, 4)}))
        attest(top)
        _kept.append(scan(str(top), Settings(cache=False)))
    return _kept[0]


def _name(a: Assessment, ref: str) -> str:
    c = a.graph.by_ref().get(ref)
    return f"{c.kind}:{c.name}" if c else ref


def profile(tmp_path: Path, text: str) -> str:
    path = tmp_path / "p.toml"
    path.write_text(text)
    return str(path)


WAIVER = '[[waiver]]\nrule = "{rule}"\npath = "{path}"\nreason = "known"\nby = "Security"\nexpires = 2026-06-01\n'


def test_a_waiver_shows_and_raises_no_level(repository: Path, tmp_path: Path) -> None:
    (repository / "x.pkl").write_bytes(b"cposix\nsystem\n(S'true'\ntR.")
    plain = scan(str(repository), Settings(cache=False))
    bad = next(f for f in plain.findings if f.where.path == "x.pkl")
    spec = profile(tmp_path, WAIVER.format(rule=bad.rule, path="x.pkl"))
    waived = scan(str(repository), Settings(cache=False, profile=spec))
    one = next(f for f in waived.findings if f.id == bad.id)
    assert one.waived_by and "Security" in one.waived_by
    assert levels(waived) == levels(plain)


def test_known_malicious_cannot_be_waived(repository: Path, tmp_path: Path) -> None:
    (repository / "requirements.txt").write_text("litellm==1.82.7\n")
    plain = scan(str(repository), Settings(cache=False))
    bad = next(f for f in plain.findings if f.rule == "PACKAGE-AFFECTED")
    base = tmp_path / "base.json"
    base.write_text(json.dumps([f.id for f in plain.findings]))
    spec = profile(tmp_path, WAIVER.format(rule=bad.rule, path="requirements.txt"))
    again = scan(str(repository), Settings(cache=False, profile=spec, baseline=str(base)))
    assert next(f for f in again.findings if f.id == bad.id).waived_by is None
    assert not again.gate.passed


def test_expired_long_and_unused_waivers_are_said(repository: Path, tmp_path: Path) -> None:
    rows = "".join(
        f'[[waiver]]\nrule = "PACKAGE-UNKNOWN"\npath = "nowhere{n}"\nreason = "r"\nby = "b"\nexpires = {day}\n'
        for n, day in enumerate((date(2025, 1, 1), date(2029, 1, 1), date(2026, 2, 1)))
    )
    notes = " ".join(scan(str(repository), Settings(cache=False, profile=profile(tmp_path, rows))).notes)
    assert "expired on 2025-01-01" in notes and "longer than 365 days" in notes and "was not used" in notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[require.model]\nauditabel = 2\n", "did you mean require.model.auditable"),
        ("[requier]\n", "did you mean require"),
        ("[use]\ncommercial = 'yes'\n", "wrong type"),
        ("[require.model]\nauditable = 4\n", "no level"),
        ("[severity]\nX = 'terrible'\n", "no severity"),
        ("[[waiver]]\nrule = 'X'\n", "lacks"),
        ("extends = 'comercial'\n", "did you mean commercial"),
        ("not toml [", "no TOML"),
    ],
)
def test_a_broken_profile_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load(profile(tmp_path, text), Packs())


@pytest.mark.parametrize("name", names(Packs()))
def test_shipped_profiles_load_and_name_their_source(name: str) -> None:
    p = load(name, Packs())
    assert p.name == name and p.title and p.title_ko
    raw = Packs().toml(f"profiles/{name}.toml")
    assert raw["source"] and isinstance(raw["confirmed"], bool)
    assert {i for item in p.items for i in item.get("checks", [])} <= {c.id for c in CHECKS}


def test_required_levels_fail_the_gate(repository: Path) -> None:
    a = scan(str(repository), Settings(cache=False, fail_on="never", require=("auditable=3",)))
    assert not a.gate.passed and any("auditable" in r for r in a.gate.reasons)
    with pytest.raises(UsageError, match="CRITERION=LEVEL"):
        scan(str(repository), Settings(cache=False, require=("auditable=9",)))


def test_asking_again_with_the_same_survey_is_the_same(repository: Path) -> None:
    survey: Survey = scan(str(repository), Settings(cache=False)).survey
    assert assess(survey, Settings(profile="kr-graded")) == assess(survey, Settings(profile="kr-graded"))
