"""Items of profiles, regimes of SBOMs, strict profiles, proposals, obligations: what they say, and that they count for no grade."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mlsbom.assess.rubric import CHECKS
from mlsbom.errors import UsageError
from mlsbom.export import choose
from mlsbom.knowledge import Packs
from mlsbom.model import Assessment
from mlsbom.policy.profile import load, names
from mlsbom.report import korean
from mlsbom.report.rule_titles import TITLES
from mlsbom.report.words import WORDS
from mlsbom.rulebook import ids as rule_ids
from mlsbom.scan import Settings, scan


def scanned(top: Path, profile: str) -> Assessment:
    return scan(str(top), Settings(cache=False, profile=profile))


def states(a: Assessment) -> dict[str, str]:
    return {i.id: i.state for i in a.items}


def test_documents_of_a_high_impact_operator_are_found_by_file_statement_and_check(repository: Path) -> None:
    before = states(scanned(repository, "kr-high-impact"))
    assert before["risk-management"] == "not-shown" and before["human-oversight"] == "not-shown"
    (repository / "docs").mkdir()
    (repository / "docs" / "Risk-Management.md").write_text("# Plan\n")
    with (repository / "README.md").open("a") as card:
        card.write("\n## Training data\nHours of speech.\n\n## Intended use\nNotes of meetings.\n")
    a = scanned(repository, "kr-high-impact")
    assert states(a)["risk-management"] == "shown" and states(a)["training-data"] == "shown" and states(a)["explanation"] == "shown"
    assert next(i for i in a.items if i.id == "risk-management").where == ("docs/Risk-Management.md",)
    assert all(i.where if i.state == "shown" else i.why for i in a.items)


def test_every_element_of_the_g7_list_is_shown_or_said_to_be_unknown(repository: Path) -> None:
    count = Counter(states(scanned(repository, "g7")).values())
    assert sum(count.values()) == 50 and count["not-shown"] == 0 and count["shown"] > 25


def test_an_intake_that_wants_exact_versions_names_who_has_none(repository: Path) -> None:
    a = scanned(repository, "kr-skt")
    assert not a.gate.passed
    assert "package transformers has not an exact version" in a.gate.reasons
    assert not any("package torch " in r for r in a.gate.reasons)
    assert states(a)["version"] == "unknown"
    tools = json.loads(choose("cyclonedx-json@1.6")[0](a))["metadata"]["tools"]
    assert [set(t) for t in tools] == [{"vendor", "name", "version"}]


def test_the_bsi_form_has_sha512_and_says_what_each_file_is(repository: Path) -> None:
    a = scanned(repository, "bsi")
    assert states(a)["hash"] == "shown" and states(scan_again(a))["hash"] == "shown"
    doc = json.loads(choose("cyclonedx-json@1.6")[0](a))
    files = [f for c in doc["components"] for f in c.get("components", [])]
    assert files
    for f in files:
        said = {p["name"]: p["value"] for p in f["properties"] if p["name"].startswith("bsi:component:")}
        assert said["bsi:component:filename"] == f["name"].rpartition("/")[2]
        assert said["bsi:component:executable"] in ("executable", "non-executable")
        assert {h["alg"] for r in f["externalReferences"] if r["type"] == "distribution" for h in r["hashes"]} >= {"SHA-512"}


def scan_again(a: Assessment) -> Assessment:
    from mlsbom.scan import assess
    from mlsbom.survey.document import dump
    from mlsbom.survey.document import load as load_document

    return assess(load_document(dump(a)), Settings(profile="bsi"))


@pytest.mark.parametrize("profile", ["kr-skt", "bsi"])
def test_documents_of_a_regime_are_valid(repository: Path, profile: str) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from cyclonedx.validation.xml import XmlValidator

    a = scanned(repository, profile)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(choose("cyclonedx-json@1.6")[0](a).decode()) is None
    assert XmlValidator(SchemaVersion.V1_6).validate_str(choose("cyclonedx-xml@1.6")[0](a).decode()) is None


def test_a_strict_profile_takes_unknown_callables_for_high(repository: Path, tmp_path: Path) -> None:
    (repository / "x.pkl").write_bytes(b"cnobody_knows_this\nThing\n(tR.")
    strict = tmp_path / "strict.toml"
    strict.write_text("[gate]\nstrict = true\n")
    rule = "PICKLE-UNKNOWN-CALLABLE"
    plain = [f.severity for f in scan(str(repository), Settings(cache=False)).findings if f.rule == rule]
    assert plain and all(s in ("low", "medium") for s in plain)
    a = scanned(repository, str(strict))
    assert [f.severity for f in a.findings if f.rule == rule] == ["high"] and not a.gate.passed


def test_proposals_are_of_the_task_by_others_and_count_for_nothing(repository: Path) -> None:
    a = scanned(repository, "kr-graded")
    model = next(c for c in a.graph.components if c.primary)
    mine = [p for p in a.proposals if p.component == model.ref]
    assert mine and all(p.task == "automatic-speech-recognition" and not p.name.startswith("openai/") for p in mine)
    grade = next(g for g in a.grades if g.criterion == "replaceable" and g.component == model.ref)
    assert "RE2" in grade.not_shown
    page = choose("html")[0](a).decode()
    assert mine[0].name in page and "proposal" in page
    assert mine[0].name.split("/")[1] in choose("markdown")[0](a).decode().replace("\\", "")


def test_obligations_name_clause_and_bearer(repository: Path) -> None:
    card = repository / "README.md"
    card.write_text(card.read_text().replace("openai/whisper-small", "meta-llama/Llama-3.2-1B-Instruct"))
    rows = {(o.component, o.clause): o for o in scanned(repository, "commercial").obligations}
    assert rows[("meta-llama/Llama-3.2-1B-Instruct", "display")].value == "Built with Llama"
    assert rows[("Tiny ASR", "notice")].license == "Apache-2.0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[item]]\nid = "x"\n', "lacks id or title"),
        ('[[item]]\nid = "x"\ntitle = "t"\nfile = ["*"]\n', "did you mean item"),
        ('[[item]]\nid = "x"\ntitle = "t"\nfiles = "*"\n', "no list of strings"),
        ("item = 3\n", "no list of tables"),
        ('digests = ["md5"]\n', "sha256 is always made"),
        ('sbom = "bis"\n', "no form of SBOM"),
    ],
)
def test_broken_items_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        load(str(path), Packs())


def test_all_that_a_profile_or_the_rubric_says_is_there_in_korean() -> None:
    assert set(korean.CHECKS) == {c.id for c in CHECKS}
    assert all(all(pair) for pair in (*korean.CHECKS.values(), *WORDS.values()))
    assert set(TITLES) == set(rule_ids())
    packs = Packs()
    items: list[dict[str, Any]] = [i for n in names(packs) for i in load(n, packs).items]
    assert items and all(i["title_ko"] and i["title_ko"] != i["title"] for i in items)


def test_reasons_of_the_gate_are_said_in_korean(repository: Path) -> None:
    for profile in ("kr-graded", "kr-skt"):
        for text in scanned(repository, profile).gate.reasons:
            assert korean.reason(text) != text, text
    assert korean.reason("something new") == "something new"
