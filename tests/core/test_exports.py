"""Every document is valid under its format's own schema, whole, and the same twice."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from lxml import etree
from packageurl import PackageURL

from mlsbom.export import FORMATS, choose
from mlsbom.model import Assessment
from mlsbom.scan import Settings, scan
from mlsbom.survey.identity import purl

CDX = Path(__import__("cyclonedx.schema").schema.__file__).parent / "_res"
FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture
def assessment(repository: Path, settings: Settings) -> Assessment:
    (repository / "odd\x1b[31m name.md").write_text("---\nlicense: '=cmd()'\n---\n# \u202eodd\n")
    return scan(str(repository), settings)


def cyclonedx_errors(doc: dict[str, Any]) -> list[str]:
    parts = []
    for name in ("spdx", "jsf-0.82", "cryptography-defs"):
        part = json.loads((CDX / f"{name}.SNAPSHOT.schema.json").read_text())
        parts += [
            (u, part) for u in {part.get("$id"), *(f"http://cyclonedx.org/schema/{name}{s}.schema.json" for s in ("", ".SNAPSHOT"))} if u
        ]
    schema = json.loads((CDX / f"bom-{doc['specVersion']}.SNAPSHOT.schema.json").read_text())
    validator = jsonschema_rs.validator_for(schema, registry=jsonschema_rs.Registry(parts), validate_formats=True)
    return [f"{e.instance_path}: {e.message}"[:300] for e in validator.iter_errors(doc)]


@pytest.mark.parametrize("version", ["1.5", "1.6", "1.7"])
def test_cyclonedx_json(assessment: Assessment, version: str) -> None:
    doc = json.loads(choose(f"cyclonedx-json@{version}")[0](assessment))
    assert doc["specVersion"] == version
    assert cyclonedx_errors(doc) == []
    refs = [
        doc["metadata"]["component"]["bom-ref"],
        *(c["bom-ref"] for c in doc["components"]),
        *(s["bom-ref"] for s in doc.get("services", [])),
    ]
    refs += [f["bom-ref"] for c in doc["components"] for f in c.get("components", [])]
    assert len(refs) == len(set(refs))
    assert {d["ref"] for d in doc["dependencies"]} == set(refs)
    assert {t for d in doc["dependencies"] for t in d["dependsOn"]} <= set(refs)
    for c in doc["components"]:
        if "purl" in c:
            assert PackageURL.from_string(c["purl"]).to_string() == c["purl"]


@pytest.mark.parametrize("version", ["1.5", "1.6", "1.7"])
def test_cyclonedx_xml(assessment: Assessment, version: str) -> None:
    class Local(etree.Resolver):
        def resolve(self, system_url: str, public_id: str, context: Any) -> Any:
            return self.resolve_filename(str(CDX / "spdx.SNAPSHOT.xsd"), context) if "spdx" in system_url else None

    parser = etree.XMLParser()
    parser.resolvers.add(Local())
    xsd = etree.XMLSchema(etree.parse(str(CDX / f"bom-{version}.SNAPSHOT.xsd"), parser))
    doc = etree.fromstring(choose(f"cyclonedx-xml@{version}")[0](assessment))
    assert xsd.validate(doc), [str(e) for e in xsd.error_log][:3]


def test_the_library_reads_what_we_write(assessment: Assessment) -> None:
    from cyclonedx.model.bom import Bom

    doc = json.loads(choose("cyclonedx-json")[0](assessment))
    bom = Bom.from_json(doc)
    assert {c.name for c in bom.components} >= {c["name"] for c in doc["components"] if c["type"] != "data"}


def test_spdx_3(assessment: Assessment) -> None:
    doc = json.loads(choose("spdx-json")[0](assessment))
    schema = json.loads((FIXTURES / "spdx-3.0.1.schema.json").read_text())
    assert jsonschema_rs.validator_for(schema).is_valid(doc)
    ids = [e.get("spdxId") or e.get("@id") for e in doc["@graph"]]
    assert len(ids) == len(set(ids))
    for e in doc["@graph"]:
        for key in ("from", "to", "element", "rootElement", "createdBy", "createdUsing", "suppliedBy", "originatedBy", "subject"):
            values = e.get(key, [])
            assert set(values if isinstance(values, list) else [values]) <= set(ids), key


def test_spdx_2(assessment: Assessment, tmp_path: Path) -> None:
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    path = tmp_path / "sbom.spdx.json"
    path.write_bytes(choose("spdx-json@2.3")[0](assessment))
    assert [m.validation_message for m in validate_full_spdx_document(parse_file(str(path)))] == []


def test_csv_has_no_formula_and_one_row_a_component(assessment: Assessment) -> None:
    rows = list(csv.reader(io.StringIO(choose("csv")[0](assessment).decode("utf-8-sig"))))
    assert len(rows) == len(assessment.graph.components) + 2
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "@")]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_same_twice(assessment: Assessment, repository: Path, name: str) -> None:
    render = choose(name)[0]
    assert render(assessment) == render(scan(str(repository), Settings(cache=False)))


def test_the_terminal_is_safe(assessment: Assessment) -> None:
    shown = choose("table")[0](assessment).decode()
    assert "\x1b" not in shown and "\u202e" not in shown


@pytest.mark.parametrize(
    ("kind", "name", "version", "namespace"),
    [
        ("pypi", "Foo_Bar.baz", "1.0", ""),
        ("pypi", "torch", None, ""),
        ("npm", "server-filesystem", "1.2.3", "@modelcontextprotocol"),
        ("npm", "LeftPad", None, ""),
        ("conda", "pytorch", "2.4.1", ""),
        ("pypi", "a", "1.0+cpu", ""),
        ("generic", "가 나", "1", ""),
    ],
)
def test_purls_are_those_of_the_library(kind: str, name: str, version: str | None, namespace: str) -> None:
    expected = PackageURL(type=kind, namespace=namespace or None, name=name, version=version).to_string()
    assert purl(kind, name, version, namespace) == expected
