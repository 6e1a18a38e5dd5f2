"""SARIF against the official schema, OpenVEX and JUnit in their forms, VEX and baselines end to end, stored documents, and what changed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mlsbom.cli import main
from mlsbom.diff import diff, same
from mlsbom.errors import UsageError
from mlsbom.export import choose
from mlsbom.model import Assessment
from mlsbom.policy.inputs import baseline, vex
from mlsbom.scan import Settings, assess, scan
from mlsbom.survey.document import dump, load
from tests.conftest import safetensors

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
EXAMPLE = FIXTURES.parent.parent / "examples" / "acme-asr"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The command with arguments: its exit code, and all that it printed."""

    def call(*args: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["mlsbom", *args])
        with pytest.raises(SystemExit) as e:
            main()
        said = capsys.readouterr()
        return int(e.value.code or 0), said.out + said.err

    return call


@cache
def example() -> Assessment:
    return scan(str(EXAMPLE), Settings(cache=False, profile="kr-graded"))


def tree(name: str, a: Assessment) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(choose(name)[0](a))
    return value


# --- forms ---------------------------------------------------------------------------------------------------------------------------


def sarif_faults(log: dict[str, Any]) -> list[str]:
    import jsonschema_rs

    schema = json.loads((FIXTURES / "sarif-2.1.0.schema.json").read_bytes())
    return [e.message for e in jsonschema_rs.Draft4Validator(schema, validate_formats=True).iter_errors(log)]


def test_sarif_is_valid_and_stable(repository: Path) -> None:
    (repository / "broken.safetensors").write_bytes(b"\xff" * 40)
    for a in (example(), scan(str(repository), Settings(cache=False))):
        log = tree("sarif", a)
        assert sarif_faults(log) == []
        run = log["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        assert len(run["results"]) == len(a.findings)
        assert all(rules[r["ruleIndex"]]["id"] == r["ruleId"] for r in run["results"])
        assert all(r["help"]["text"] and r["shortDescription"]["text"] for r in rules)
        assert len({r["partialFingerprints"]["mlsbom/v1"] for r in run["results"]}) == len(run["results"])
        uris = [x["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"] for x in r["locations"]]
        assert all(u and not u.startswith("/") and ".." not in u.split("/") for u in uris)
        assert run["invocations"][0]["executionSuccessful"] is (not a.gate.incomplete)


def test_sarif_faults_are_seen() -> None:
    log = tree("sarif", example())
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert sarif_faults(log)


def test_openvex_says_who_is_affected_by_what() -> None:
    doc = tree("openvex", example())
    assert doc["@context"] == "https://openvex.dev/ns/v0.2.0" and doc["@id"] and doc["author"] and doc["timestamp"] and doc["version"] == 1
    for s in doc["statements"]:
        assert s["vulnerability"]["name"] and s["products"] and s["status"] in ("affected", "not_affected", "fixed", "under_investigation")
        assert s["status"] != "affected" or s["action_statement"]
        assert s["status"] != "not_affected" or s.get("justification") or s["impact_statement"]
        assert all(p["@id"].startswith("pkg:") for p in s["products"])
    assert [p["@id"] for s in doc["statements"] for p in s["products"] if "litellm" in p["@id"]] == ["pkg:pypi/litellm@1.82.7"]


def test_junit_counts_what_it_lists() -> None:
    suite = ET.fromstring(choose("junit")[0](example())).find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    for key, tag in (("tests", None), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.attrib[key]) == sum(tag is None or c.find(tag) is not None for c in cases), key
    assert all(c.attrib["name"] and c.attrib["classname"].startswith("mlsbom.") for c in cases)


# --- VEX and baselines ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def vulnerable(repository: Path) -> tuple[Path, str]:
    """A repository with a finding that names an advisory and that can be set aside."""
    (repository / "requirements.txt").write_text("litellm>=1.80\n")
    found = scan(str(repository), Settings(cache=False)).findings
    one = next((f for f in found if f.waivable and dict(f.data).get("advisories")), None)
    assert one is not None, "the packs know of no bad release of litellm"
    return repository, dict(one.data)["advisories"].split()[0].strip(",")


@pytest.mark.parametrize("form", ["openvex", "openvex-strings", "cyclonedx"])
def test_vex_sets_a_vulnerability_aside(vulnerable: tuple[Path, str], tmp_path: Path, form: str) -> None:
    top, advisory = vulnerable
    product = "pkg:pypi/litellm"
    documents: dict[str, Any] = {
        "openvex": {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "statements": [{"vulnerability": {"name": advisory}, "products": [{"@id": product}], "status": "not_affected"}],
        },
        "openvex-strings": {"statements": [{"vulnerability": advisory, "products": [product], "status": "fixed"}]},
        "cyclonedx": {
            "bomFormat": "CycloneDX",
            "components": [{"bom-ref": "t", "name": "litellm", "purl": product}],
            "vulnerabilities": [{"id": advisory, "analysis": {"state": "not_affected"}, "affects": [{"ref": "t"}]}],
        },
    }
    path = tmp_path / "vex.json"
    path.write_text(json.dumps(documents[form]))
    a = scan(str(top), Settings(cache=False, vex=(str(path),)))
    named = [f for f in a.findings if advisory in dict(f.data).get("advisories", "")]
    assert named and all(f.waived_by and f.waived_by.startswith("vex: ") for f in named)
    other = documents[form] | {}
    path.write_text(json.dumps(other).replace("pkg:pypi/litellm", "pkg:pypi/other"))
    again = scan(str(top), Settings(cache=False, vex=(str(path),)))
    assert all(f.waived_by is None for f in again.findings if advisory in dict(f.data).get("advisories", ""))


def test_a_baseline_passes_what_was_known_and_nothing_else(repository: Path, tmp_path: Path) -> None:
    (repository / "a.pkl").write_bytes(b"cposix\nsystem\n(S'true'\ntR.")
    first = scan(str(repository), Settings(cache=False))
    path = tmp_path / "known.json"
    path.write_bytes(dump(first))
    assert not first.gate.passed
    assert scan(str(repository), Settings(cache=False, baseline=str(path))).gate.passed
    (repository / "b.pkl").write_bytes(b"cposix\nsystem\n(S'false'\ntR.")
    second = scan(str(repository), Settings(cache=False, baseline=str(path)))
    assert not second.gate.passed
    assert {f.where.path for f in second.findings if f.waived_by is None and f.severity == "critical"} == {"b.pkl"}


@pytest.mark.parametrize(
    ("read", "content", "said"),
    [
        (baseline, "{", "no JSON"),
        (baseline, '{"findings": 3}', "no findings"),
        (baseline, '"x"', "no findings"),
        (lambda p: vex((p,)), "[]", "neither OpenVEX nor CycloneDX"),
        (lambda p: vex((p,)), '{"statements": [3]}', "broken"),
        (lambda p: vex((p,)), '{"statements": {"a": 1}}', "broken"),
        (lambda p: vex((p,)), '{"vulnerabilities": [{"id": 1, "affects": 3}]}', "broken"),
        (lambda p: vex((p,)), '{"statements": [{"vulnerability": "X", "products": 3}]}', "broken"),
    ],
)
def test_broken_inputs_are_named(tmp_path: Path, read: Any, content: str, said: str) -> None:
    path = tmp_path / "in.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=said) as e:
        read(str(path))
    assert "in.json" in str(e.value)


# --- stored documents ----------------------------------------------------------------------------------------------------------------


def test_a_stored_scan_gives_the_same_bytes_without_the_target(tmp_path: Path) -> None:
    a = example()
    again = assess(load(dump(a)), Settings(profile="kr-graded"))
    for name in ("json", "html", "markdown", "sarif", "junit", "openvex", "svr", "csv", "cyclonedx-json", "spdx-json"):
        assert choose(name)[0](again) == choose(name)[0](a), name


@pytest.mark.parametrize("cut", [0, 1, 100, 5000, -2])
def test_a_half_written_scan_is_named(tmp_path: Path, cut: int, run: Callable[..., tuple[int, str]]) -> None:
    path = tmp_path / "scan.json"
    path.write_bytes(dump(example())[: cut or None] if cut else b"")
    for command in (["assess", str(path)], ["report", str(path), "-o", "html"], ["diff", str(path), str(path)]):
        code, said = run(*command)
        assert code == 2 and "scan.json" in said and "Traceback" not in said and len(said.splitlines()) <= 2, command


def test_a_scan_of_another_schema_is_named(tmp_path: Path, run: Callable[..., tuple[int, str]]) -> None:
    doc = json.loads(dump(example()))
    for change in ({"schema": "mlsbom/assessment/2"}, {"facts": doc["facts"] | {"form": 9}}, {"facts": doc["facts"] | {"unheard": 1}}):
        path = tmp_path / "scan.json"
        path.write_text(json.dumps(doc | change))
        code, said = run("assess", str(path))
        assert code == 2 and "scan.json" in said and "scan" in said.partition("scan.json")[2]


# --- what changed --------------------------------------------------------------------------------------------------------------------


def test_two_releases_and_what_changed(repository: Path) -> None:
    old = scan(str(repository), Settings(cache=False))
    assert same(diff(old, old))
    (repository / "model.safetensors").write_bytes(
        safetensors({"encoder.w": (8, 4), "decoder.w": (2, 8), "head.w": (1, 1)}, {"format": "pt"})
    )
    card = repository / "README.md"
    card.write_text(card.read_text().replace("license: apache-2.0", "license: mit"))
    (repository / "requirements.txt").write_text("torch==2.5.0\nlitellm==1.82.7\n")
    new = scan(str(repository), Settings(cache=False))
    d = diff(old, new)
    assert {r["key"]: r["new"] for r in d["components"]["changed"]}["package:pypi:torch"] == ["2.5.0"]
    assert [r["key"] for r in d["components"]["added"]] == ["package:pypi:litellm"]
    assert [r["key"] for r in d["licenses"]["changed"]] == ["model:Tiny ASR"]
    assert [r["key"] for r in d["tensors"]["added"]] == ["model.safetensors#head.w"]
    assert [r["key"] for r in d["tensors"]["changed"]] == ["model.safetensors#decoder.w"]
    assert {r["new"]["rule"] for r in d["findings"]["added"]} >= {"PACKAGE-AFFECTED"}
    assert {r["key"] for r in d["files"]["changed"]} == {"model.safetensors", "README.md", "requirements.txt"}
    assert any("security-reviewed" in r["key"] for r in (*d["grades"]["changed"], *d["grades"]["added"]))
    assert d["gate"]["old"]["passed"] and not d["gate"]["new"]["passed"]


def test_the_command_says_it_in_words_and_by_its_exit_code(repository: Path, tmp_path: Path, run: Callable[..., tuple[int, str]]) -> None:
    old = tmp_path / "old.json"
    old.write_bytes(dump(scan(str(repository), Settings(cache=False))))
    assert run("diff", str(old), str(old)) == (0, "nothing changed\n")
    (repository / "requirements.txt").write_text("torch==2.5.0\n")
    code, said = run("diff", str(old), str(repository))
    assert code == 1 and "torch" in said
    assert run("diff", str(old), str(repository), "--exit-zero")[0] == 0
