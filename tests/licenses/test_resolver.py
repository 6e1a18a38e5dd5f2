"""What the licence resolver makes of small repositories: conflicts, chains, facts of use, code. Each rule's page has a case of its own."""

from __future__ import annotations

import pytest

from mlsbom import rulebook
from mlsbom.inspectors.documents import license_texts
from mlsbom.knowledge import Packs
from mlsbom.licenses import duties, facts
from mlsbom.licenses.duties import family, lost, of_expression
from mlsbom.model import Severity
from mlsbom.resolve.license_rules import RULES

from .conftest import Findings, card, own

HIGH, MEDIUM, INFO = Severity.HIGH, Severity.MEDIUM, Severity.INFO
BASE = "bases/example-org/base"
ROWS = "bases/datasets/example-org/rows/README.md"
CHAIN = "base_model: example-org/base\nbase_model_relation: {}\n"


def test_every_rule_has_a_page_that_says_the_same() -> None:
    for rule in (*RULES, *license_texts.RULES):
        page = rulebook.page(rule.id)
        assert (page.title, page.severity, page.waivable) == (rule.title, rule.severity, rule.waivable)
        assert {kind for kind, _, _ in page.cases} >= {"fires", "benign"}
        assert set(page.sections) == {"What it does", "Why it is bad", "Example", "Remedy"}


def chain(declared: str, upstream: str, relation: str = "finetune", **more: str) -> dict[str, str]:
    """A model over a base that is known offline."""
    return {
        "README.md": card(f"license: {declared}\n" + CHAIN.format(relation)),
        f"{BASE}/README.md": f"---\nlicense: {upstream}\n---\n# base\n",
        **more,
    }


@pytest.mark.parametrize(
    ("declared", "upstream", "laundered"),
    [
        ("apache-2.0", "llama3.1", True),
        ("mit", "gemma", True),
        ("apache-2.0", "cc-by-nc-4.0", True),
        ("mit", "gpl-3.0", True),
        ("cc-by-nc-4.0", "llama3.1", True),
        ("apache-2.0", "mit", False),
        ("mit", "apache-2.0", False),
        ("cc-by-nc-4.0", "apache-2.0", False),
        ("gpl-3.0", "apache-2.0", False),
        ("llama3.1", "llama3.1", False),
        ("llama3.1", "llama3", False),
        ("agpl-3.0", "gpl-3.0", False),
    ],
)
@pytest.mark.parametrize("relation", ["finetune", "quantized", "adapter"])
def test_laundering_compares_duties_not_names(findings: Findings, declared: str, upstream: str, laundered: bool, relation: str) -> None:
    found = findings(chain(declared, upstream, relation), commercial=True)
    assert ("LICENSE-LAUNDERING" in found) == laundered
    if laundered:
        assert found["LICENSE-LAUNDERING"].severity == HIGH
        assert dict(found["LICENSE-LAUNDERING"].data)["lost"]


def test_duties_come_from_the_root_of_the_chain(findings: Findings) -> None:
    files = chain("mit", "mit")
    files[f"{BASE}/README.md"] = "---\nlicense: mit\nbase_model: example-org/root\n---\n# base\n"
    files["bases/example-org/root/README.md"] = "---\nlicense: cc-by-nc-4.0\n---\n# root\n"
    found = findings(files, commercial=True)
    assert "example-org/base <- example-org/root" in found["LICENSE-LAUNDERING"].message
    assert found["LICENSE-NONCOMMERCIAL"].severity == HIGH


def test_a_cycle_of_bases_is_a_finding(findings: Findings) -> None:
    files = chain("mit", "mit")
    files[f"{BASE}/README.md"] = "---\nlicense: mit\nbase_model: example-org/root\n---\n# base\n"
    files["bases/example-org/root/README.md"] = "---\nlicense: mit\nbase_model: example-org/base\n---\n# root\n"
    assert "cycle" in findings(files)["LICENSE-UPSTREAM-UNKNOWN"].message


def test_a_known_family_is_assumed_and_said_to_be(findings: Findings) -> None:
    found = findings({"README.md": card("license: apache-2.0\nbase_model: meta-llama/Llama-3.1-8B\n")})
    assert "assumed" in found["LICENSE-LAUNDERING"].message


@pytest.mark.parametrize(
    ("use", "severity"), [({"commercial": True}, HIGH), ({"commercial": False}, INFO), ({}, MEDIUM), ({"country": "KR"}, MEDIUM)]
)
def test_a_fact_not_given_is_not_no(findings: Findings, use: dict[str, object], severity: Severity) -> None:
    assert findings({"README.md": card("license: cc-by-nc-4.0\n")}, **use)["LICENSE-NONCOMMERCIAL"].severity == severity


@pytest.mark.parametrize(
    ("use", "severity"),
    [
        ({"country": "KR"}, HIGH),
        ({"country": "DE"}, HIGH),
        ({"country": "JP"}, INFO),
        ({}, MEDIUM),
        ({"country": "JP", "outputs_territory": ["GB"]}, HIGH),
    ],
)
def test_territory_is_read_from_this_very_text(findings: Findings, use: dict[str, object], severity: Severity) -> None:
    files = own("This agreement does not apply in the European Union, United Kingdom and South Korea.")
    found = findings(files, **use)["LICENSE-TERRITORY"]
    assert found.severity == severity
    assert dict(found.data)["quote"].startswith("This agreement does not apply")


def test_a_text_without_exclusion_outweighs_the_table_of_its_name(findings: Findings) -> None:
    files = own("")
    files["README.md"] = card("license: other\nlicense_name: tencent-hunyuan-community\n")
    files["LICENSE"] = "TENCENT HUNYUAN COMMUNITY LICENSE AGREEMENT\n\nYou must keep this notice and provide a copy of this agreement.\n"
    assert "LICENSE-TERRITORY" not in findings(files, country="DE")


@pytest.mark.parametrize(("users", "severity"), [(200_000_000, HIGH), (1000, INFO), (None, MEDIUM)])
def test_thresholds(findings: Findings, users: int | None, severity: Severity) -> None:
    files = own("If your products have more than 100 million monthly active users, you must request a license from us.")
    use = {} if users is None else {"monthly_users": users}
    assert findings(files, **use)["LICENSE-THRESHOLD"].severity == severity


def test_a_barred_sector_is_high_and_the_list_is_for_information(findings: Findings) -> None:
    files = own("You agree not to use the model:\n\n- for military use in any way;\n\n- to exploit minors.")
    assert findings(files, sector="defence")["LICENSE-FIELD-OF-USE"].severity == HIGH
    assert findings(files, sector="education")["LICENSE-FIELD-OF-USE"].severity == INFO


def test_a_separate_agreement_depends_on_delivery(findings: Findings) -> None:
    files = own("Commercial distribution requires a separate written agreement with the licensor.")
    assert findings(files, commercial=True, distribute=True)["LICENSE-SEPARATE-AGREEMENT"].severity == HIGH
    assert findings(files, commercial=True)["LICENSE-SEPARATE-AGREEMENT"].severity == MEDIUM
    assert findings(files, commercial=False)["LICENSE-SEPARATE-AGREEMENT"].severity == INFO


@pytest.mark.parametrize("spelled", ["mit", "MIT", "MIT License", "The MIT License", "mit license"])
def test_spellings_of_one_licence_never_conflict(findings: Findings, spelled: str, mit: str) -> None:
    files = {
        "README.md": card("license: mit\n"),
        "LICENSE": mit,
        "pyproject.toml": f'[project]\nname = "a"\nversion = "1"\nlicense = {{text = "{spelled}"}}\n',
    }
    assert "LICENSE-CARD-FILE-CONFLICT" not in findings(files)


def test_a_conflict_stands_at_the_odd_source_and_names_both(findings: Findings) -> None:
    files = own("You may use this model for non-commercial purposes only.")
    files["pyproject.toml"] = '[project]\nname = "acme"\nversion = "1"\nlicense = "Apache-2.0"\n'
    found = findings(files)["LICENSE-CARD-FILE-CONFLICT"]
    assert (found.where.path, found.severity) == ("pyproject.toml", HIGH)
    assert "Apache-2.0" in found.message
    assert "LicenseRef-example-community-1.0 (noncommercial)" in found.message


def test_a_nearer_text_governs_a_folder(findings: Findings, mit: str) -> None:
    files = own("You may use this model for non-commercial purposes only.")
    files |= {"vad/README.md": card("license: mit\n"), "vad/LICENSE": mit}
    assert "LICENSE-CARD-FILE-CONFLICT" not in findings(files)


def test_files_for_parts_do_not_conflict(findings: Findings, mit: str) -> None:
    files = own("You may use this model for non-commercial purposes only.")
    files["LICENSE-MODEL"] = files.pop("LICENSE")
    files |= {"LICENSE-CODE": mit, "pyproject.toml": '[project]\nname = "acme"\nversion = "1"\nlicense = "MIT"\n'}
    assert "LICENSE-CARD-FILE-CONFLICT" not in findings(files)


@pytest.mark.parametrize(
    ("licence", "rule", "severity"),
    [
        ("cc-by-nc-4.0", "NONCOMMERCIAL", MEDIUM),
        ("cc-by-nd-4.0", "NODERIV", MEDIUM),
        ("cc-by-sa-4.0", "SHAREALIKE", INFO),
        ("", "UNLICENSED", MEDIUM),
    ],
)
def test_data_licences_are_warnings_that_say_the_effect_is_unsettled(
    findings: Findings, licence: str, rule: str, severity: Severity
) -> None:
    front = f"license: {licence}\n" if licence else ""
    files = {
        "README.md": card("license: mit\ndatasets:\n- example-org/rows\n"),
        ROWS: f"---\n{front}task_categories:\n- text-generation\n---\n# rows\nCollected by hand.\n",
    }
    found = findings(files, commercial=True)[f"LICENSE-DATASET-{rule}"]
    assert found.severity == severity
    assert licence == "" or "unsettled" in found.message


def test_outputs_of_a_model_carry_its_output_clauses(findings: Findings) -> None:
    files = {
        "README.md": card("license: apache-2.0\ndatasets:\n- example-org/rows\n", "A distilled model."),
        ROWS: "---\nlicense: mit\ntask_categories:\n- text-generation\ntags:\n- synthetic\n---\n# rows\nEvery row was generated with example-org/teacher.\n",
        "bases/example-org/teacher/README.md": "---\nlicense: llama3\npipeline_tag: text-generation\n---\n# teacher\n",
    }
    found = findings(files, commercial=True)
    assert found["LICENSE-OUTPUT-TRAINING"].severity == HIGH
    assert "example-org/teacher" in found["LICENSE-OUTPUT-TRAINING"].message


def test_a_name_that_begins_as_asked_is_no_finding(findings: Findings) -> None:
    files = chain("llama3.1", "llama3.1")
    assert "LICENSE-NAMING" in findings(files)
    files["README.md"] = files["README.md"].replace("# acme-chat", "# Llama-3.1-acme")
    assert "LICENSE-NAMING" not in findings(files)


@pytest.mark.parametrize(("use", "severity"), [({}, HIGH), ({"distribute": True}, HIGH), ({"distribute": False}, MEDIUM)])
def test_strong_copyleft_depends_on_distribution(findings: Findings, use: dict[str, object], severity: Severity) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "acme"\nversion = "1"\nlicense = "MIT"\ndependencies = ["lib-x==1.0"]\n',
        "bases/pypi/lib_x-1.0.dist-info/METADATA": "Metadata-Version: 2.4\nName: lib-x\nVersion: 1.0\nLicense-Expression: GPL-3.0-only\n",
    }
    assert findings(files, **use)["LICENSE-STRONG-COPYLEFT"].severity == severity


def test_a_choice_or_a_compatible_pair_is_no_finding(findings: Findings) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "acme"\nversion = "1"\nlicense = "MIT"\ndependencies = ["lib-x==1.0"]\n',
        "bases/pypi/lib_x-1.0.dist-info/METADATA": "Metadata-Version: 2.4\nName: lib-x\nVersion: 1.0\nLicense-Expression: MIT OR GPL-3.0-only\n",
    }
    assert not {"LICENSE-STRONG-COPYLEFT", "LICENSE-INCOMPATIBLE"} & set(findings(files))


def test_a_tag_in_a_bundled_file_counts(findings: Findings) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "acme"\nversion = "1"\nlicense = "Apache-2.0"\n',
        "src/acme/vendored/part.py": "# SPDX-License-Identifier: GPL-2.0-only\n",
    }
    assert findings(files)["LICENSE-INCOMPATIBLE"].where.path == "src/acme/vendored/part.py"


def test_families_and_covering() -> None:
    table = facts.load(Packs())
    assert family("LicenseRef-llama3.1-community") == family("LicenseRef-llama4-community")
    assert family("GPL-2.0-only") == family("GPL-3.0-or-later")
    assert family("LicenseRef-exaone-1.1-nc") != family("LicenseRef-k-exaone")
    for identifier in table.ids.values():
        terms = of_expression(identifier, table)
        assert lost(terms, terms) == []
    free = of_expression("MIT", table)
    assert all(
        lost(of_expression(i, table), free)
        for i in table.ids.values()
        if duties.CARRIED & set(of_expression(i, table).terms) - {"share-alike"}
    )


def test_of_an_or_only_what_all_choices_ask_binds() -> None:
    table = facts.load(Packs())
    assert of_expression("MIT OR CC-BY-NC-4.0", table).free
    assert not of_expression("MIT AND CC-BY-NC-4.0", table).free
    assert "noncommercial" not in of_expression("MIT OR CC-BY-NC-4.0", table).terms
