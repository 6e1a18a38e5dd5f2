"""The store, on SQLite and on a real PostgreSQL: ingest, questions, what is bad of input, disk and connection."""

from __future__ import annotations

import gzip
import hashlib
import json
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mlsbom.errors import NetworkError, UsageError
from mlsbom.knowledge import shared
from mlsbom.store.database import Database, shown
from mlsbom.store.ingest import ingest
from mlsbom.store.query import Question, ask
from tests.fleet.conftest import record


def answer(db: Database, **asked: str) -> dict[str, str]:
    """Target -> verdict."""
    return {h["target"].rsplit("/", 1)[-1]: h["verdict"] for h in ask(db, Question(**asked), shared())["hits"]}


def dumped(db: Database) -> list[list[tuple[Any, ...]]]:
    tables = ("target", "name", "dependency", "component", "license", "file", "signature", "gap", "mark", "lineage")
    return [sorted(db.all("SELECT * FROM " + t), key=str) for t in tables]


def test_ingest_twice_changes_nothing(db: Database, scans: Path) -> None:
    first = ingest(db, [str(scans)])
    before = dumped(db)
    again = ingest(db, [str(scans)])
    assert (first.new, first.same, first.broken) == (4, 0, [])
    assert (again.new, again.changed, again.same) == (0, 0, 4)
    assert dumped(db) == before


def test_the_store_can_be_made_anew(tmp_path: Path, scans: Path) -> None:
    one, two = (Database(f"sqlite:///{tmp_path / n}.db") for n in "ab")
    ingest(one, [str(p) for p in sorted(scans.iterdir())])
    ingest(one, [str(scans)])
    ingest(two, [str(scans)])
    assert dumped(one) == dumped(two)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"package": "quartz.loader==0.9.3"}, {"pinned": "affected", "locked": "affected", "ranged": "possibly-affected"}),
        ({"package": "pypi:quartz-loader==0.9.30"}, {"ranged": "possibly-affected"}),
        ({"package": "quartz-loader<0.9"}, {}),
        ({"package": "quartz-loader"}, {"pinned": "affected", "locked": "affected", "ranged": "possibly-affected"}),
        ({"package": "npm:quartz-loader"}, {}),
        ({"package": "no-such-package==1"}, {}),
        ({"license": "CC-BY-NC"}, {"pinned": "affected"}),
        ({"clause": "noncommercial"}, {"pinned": "affected"}),
        ({"license": "100%"}, {}),
        ({"model": "ACME/Base-7B"}, {"pinned": "possibly-affected"}),
        ({"model": "base-7b"}, {"pinned": "possibly-affected"}),
        ({"endpoint": "https://llm.example.test/v1"}, {"ranged": "affected"}),
        ({"endpoint": "example.test"}, {"ranged": "affected"}),
        ({"endpoint": "ample.test"}, {}),
        ({"signature": "unsigned"}, {"pinned": "affected", "ranged": "affected", "locked": "affected", "other": "affected"}),
        ({"sha256": "0" * 64}, {}),
    ],
)
def test_questions(db: Database, scans: Path, asked: dict[str, str], wanted: dict[str, str]) -> None:
    ingest(db, [str(scans)])
    assert answer(db, **asked) == wanted


def test_an_answer_says_where_why_and_since_when(db: Database, scans: Path, estate: Path) -> None:
    ingest(db, [str(scans)])
    hits = {h["target"].rsplit("/", 1)[-1]: h for h in ask(db, Question(package="quartz-loader==0.9.3"), shared())["hits"]}
    assert (hits["pinned"]["path"], hits["pinned"]["line"], hits["pinned"]["specifier"]) == ("requirements.txt", 2, "==0.9.3")
    assert hits["locked"]["via"] == "outer"
    assert hits["ranged"]["since"] == "2026-01-01T00:00:00Z"
    digest = hashlib.sha256((estate / "other" / "model.safetensors").read_bytes()).hexdigest()
    assert answer(db, sha256=digest.upper()) == {"other": "affected"}


def test_since_when_outlives_a_newer_scan(db: Database, scans: Path) -> None:
    ingest(db, [str(scans)])
    path = scans / "pinned.json"
    doc = json.loads(path.read_text())
    doc["facts"]["created"] = "2026-03-01T00:00:00Z"
    extra = {**next(c for c in doc["components"] if c["name"] == "numpy"), "ref": "package:x", "name": "brand-new"}
    doc["components"].append(extra)
    old = path.read_bytes()
    path.write_text(json.dumps(doc))
    assert ingest(db, [str(scans)]).changed == 1
    assert [h["since"] for h in ask(db, Question(package="quartz-loader==0.9.3"), shared())["hits"]] == ["2026-01-01T00:00:00Z"] * 4
    assert [h["since"] for h in ask(db, Question(package="brand-new"), shared())["hits"]] == ["2026-03-01T00:00:00Z"]
    path.write_bytes(old)
    assert ingest(db, [str(scans)]).older == 1, "an older document does not replace a newer one"
    assert answer(db, package="brand-new") == {"pinned": "affected"}


def test_feed_and_wave(db: Database, scans: Path, tmp_path: Path) -> None:
    ingest(db, [str(scans)])
    feed = tmp_path / "feed.json"
    feed.write_text(json.dumps([record("quartz-loader", ["0.9.3"]), record("requests", None, 2)]))
    assert answer(db, feed=str(feed)) == {
        "pinned": "affected",
        "locked": "affected",
        "ranged": "possibly-affected",
        "other": "malicious",
    }
    feed.write_text("[{]")
    with pytest.raises(UsageError):
        ask(db, Question(feed=str(feed)), shared())
    with pytest.raises(UsageError, match="no wave"):
        ask(db, Question(wave="no such wave"), shared())
    assert answer(db, wave="shai-hulud") == {}


@pytest.mark.parametrize(
    "asked", [{}, {"package": "a", "model": "b"}, {"package": "==1"}, {"sha256": "12"}, {"package": "a!=1"}, {"clause": "no-such"}]
)
def test_questions_that_cannot_be_asked(db: Database, asked: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        ask(db, Question(**asked), shared())


@pytest.mark.parametrize("asked", ["'; DROP TABLE target; --", "a' OR '1'='1", "%", "_", "\\", "\x00", "x" * 5000])
def test_no_text_is_a_statement(db: Database, scans: Path, asked: str) -> None:
    ingest(db, [str(scans)])
    for kind in ("license", "model", "endpoint", "supplier", "signature", "lineage"):
        assert answer(db, **{kind: asked.replace("\x00", "\ufffd")}) == {}
    assert db.one("SELECT COUNT(*) FROM target") == (4,)


# --- bad input ---------------------------------------------------------------------------------------------------------------------


def test_what_is_broken_is_named_and_the_rest_is_taken(db: Database, scans: Path) -> None:
    whole = (scans / "pinned.json").read_bytes()
    (scans / "half.json").write_bytes(whole[: len(whole) // 2])
    (scans / ".dot.json").write_bytes(b"{")
    (scans / "empty.json").write_bytes(b"")
    (scans / "shape.json").write_text('{"target": {"uri": 3}, "artifacts": []}')
    (scans / "else.json").write_text('{"hello": "world"}')
    (scans / "bad.json.gz").write_bytes(gzip.compress(whole)[:-20])
    (scans / "deep.json").write_text("[" * 100_000)
    (scans / "lines.jsonl").write_bytes(b'{"broken"\n' + json.dumps(json.loads(whole)).replace("/pinned", "/again").encode() + b"\n\n")
    report = ingest(db, [str(scans)])
    names = [Path(line.split(": ")[0]).name for line in report.broken]
    assert sorted(names) == ["bad.json.gz", "deep.json", "else.json", "empty.json", "half.json", "lines.jsonl:1", "shape.json"]
    assert report.new == 5


def test_two_documents_of_one_target_come_out_the_same(db: Database, scans: Path) -> None:
    doc = json.loads((scans / "pinned.json").read_text())
    for n in range(3):
        doc["notes"] = [str(n)]
        (scans / f"again{n}.json").write_text(json.dumps(doc))
    ingest(db, [str(scans)])
    before = dumped(db)
    report = ingest(db, [str(scans)])
    assert (report.new, report.changed) == (0, 0)
    assert dumped(db) == before


CYCLONEDX: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "serialNumber": "urn:uuid:1",
    "metadata": {"timestamp": "2026-02-01T00:00:00Z", "component": {"type": "application", "name": "app", "bom-ref": "root"}},
    "components": [
        {"type": "library", "name": "outer", "version": "1.0", "purl": "pkg:pypi/outer@1.0", "bom-ref": "o"},
        {
            "type": "library",
            "name": "quartz-loader",
            "version": "0.9.3",
            "purl": "pkg:pypi/quartz-loader@0.9.3",
            "bom-ref": "q",
            "licenses": [{"license": {"id": "MIT"}}, "nonsense"],
        },
        {
            "type": "machine-learning-model",
            "name": "acme/model",
            "version": "1",
            "hashes": [{"alg": "SHA-256", "content": "ab" * 32}, {"alg": "SHA-256", "content": "short"}],
            "modelCard": {"modelParameters": {"datasets": [{"type": "dataset", "name": "acme/data"}]}},
            "pedigree": {"ancestors": [{"type": "machine-learning-model", "name": "acme/base", "version": "2"}]},
        },
        "not an object",
        {"type": "library"},
    ],
    "services": [{"name": "llm", "endpoints": ["https://api.example.test/v1"], "provider": {"name": "Acme Cloud"}}],
    "dependencies": [{"ref": "root", "dependsOn": ["o"]}, {"ref": "o", "dependsOn": ["q"]}, {"ref": "q", "dependsOn": ["o"]}],
}


def test_documents_of_others(db: Database, tmp_path: Path) -> None:
    (tmp_path / "a.cdx.json").write_text(json.dumps(CYCLONEDX))
    (tmp_path / "b.cdx.json").write_text(json.dumps({**CYCLONEDX, "serialNumber": "urn:uuid:2"}))
    spdx = {
        "spdxVersion": "SPDX-2.3",
        "name": "vendor",
        "documentNamespace": "urn:x",
        "creationInfo": {"created": "2026-02-01T00:00:00Z"},
        "packages": [
            {
                "name": "quartz-loader",
                "versionInfo": "0.9.3",
                "licenseDeclared": "GPL-3.0-only",
                "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/quartz-loader@0.9.3"}],
                "checksums": [{"algorithm": "SHA256", "checksumValue": "cd" * 32}],
            },
            7,
        ],
    }
    (tmp_path / "c.spdx.json").write_text(json.dumps(spdx))
    graph = [
        {"type": "CreationInfo", "created": "2026-02-01T00:00:00Z"},
        {"type": "SpdxDocument", "name": "three", "spdxId": "urn:3"},
        {"type": "ai_AIPackage", "name": "acme/base", "software_packageVersion": "2", "spdxId": "urn:3#m"},
        {"type": "simplelicensing_LicenseExpression", "spdxId": "urn:3#l", "simplelicensing_licenseExpression": "OpenRAIL-M"},
        {"type": "Relationship", "relationshipType": "hasDeclaredLicense", "from": "urn:3#m", "to": ["urn:3#l"]},
    ]
    (tmp_path / "d.spdx.json").write_text(json.dumps({"@context": "x", "@graph": graph}))
    paths = [str(p) for p in sorted(tmp_path.glob("*.json"))]
    report = ingest(db, paths)
    assert (report.new, report.broken) == (4, []), "two products of one name are two"
    assert set(answer(db, package="quartz-loader==0.9.3")) == {"app (urn:uuid:1)", "app (urn:uuid:2)", "vendor (urn:x)"}
    assert ask(db, Question(package="quartz-loader"), shared())["hits"][0]["via"] == "outer"
    assert len(answer(db, model="acme/base")) == 3
    assert len(answer(db, model="acme/data")) == 2
    assert len(answer(db, sha256="ab" * 32)) == 2
    assert set(answer(db, license="gpl-3")) == {"vendor (urn:x)"}
    assert set(answer(db, license="openrail")) == {"three (urn:3)"}
    assert len(answer(db, supplier="acme cloud")) == 2
    assert db.one("SELECT COUNT(*) FROM gap") == (9,), "what cannot be read is a gap, not a silence"
    assert ingest(db, paths).same == 4


@pytest.mark.parametrize(
    "doc",
    [
        {"bomFormat": "CycloneDX", "components": 3, "metadata": [], "dependencies": "x", "services": {}},
        {"bomFormat": "CycloneDX", "components": [{"name": 3, "type": [], "components": {}, "licenses": 1, "hashes": [1], "evidence": 2}]},
        {"spdxVersion": "SPDX-2.3", "packages": [{"name": None, "checksums": 1, "externalRefs": 2}], "creationInfo": 4},
        {"@graph": [1, {"type": "ai_AIPackage"}, {"type": "Relationship", "relationshipType": "hasDeclaredLicense", "to": 1}]},
    ],
)
def test_invalid_documents_of_others(db: Database, tmp_path: Path, doc: dict[str, Any]) -> None:
    (tmp_path / "x.json").write_text(json.dumps(doc))
    report = ingest(db, [str(tmp_path / "x.json")])
    assert (report.new, report.broken) == (1, [])
    assert db.one("SELECT incomplete FROM target") == (1,)


def test_a_document_of_300000_components_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.cdx.json"
    with path.open("w") as f:
        f.write('{"bomFormat": "CycloneDX", "serialNumber": "s", "metadata": {"component": {"name": "large"}}, "components": [')
        row = '{"type":"library","name":"p%d","version":"1.%d","purl":"pkg:pypi/p%d@1.%d"}'
        f.write(",".join(row % (n, n % 9, n, n % 9) for n in range(300_000)))
        f.write("]}")
    limit = 1500 << 20

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    command = [sys.executable, "-m", "mlsbom", "fleet", "ingest", str(path), "--db", f"sqlite:///{tmp_path / 'l.db'}", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=bounded, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    db = Database(f"sqlite:///{tmp_path / 'l.db'}", readonly=True)
    assert answer(db, package="p299999==1.2") == {"large (s)": "affected"}


# --- disk, connection, writers -----------------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_half_in(tmp_path: Path, scans: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'small.db'}")
    pages = db.one("PRAGMA page_count")
    assert pages is not None
    db.run(f"PRAGMA max_page_count = {pages[0] + 3}")
    with pytest.raises(NetworkError, match="full"):
        ingest(db, [str(scans)])
    assert [db.one("SELECT COUNT(*) FROM " + t) for t in ("target", "name", "dependency", "file")] == [(0,)] * 4
    db.run("PRAGMA max_page_count = 1000000")
    assert ingest(db, [str(scans)]).new == 4


def test_a_lost_connection_is_said_and_leaves_nothing_half_in(postgres: str, scans: Path, tmp_path: Path) -> None:
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as other:
        other.execute("CREATE DATABASE lost")
        url = postgres.replace("/postgres?", "/lost?")
        db = Database(url)
        with pytest.raises(NetworkError, match="nothing of this step was kept"), db.write():
            db.many("name", ("id", "kind", "name"), [(1, "pypi", "half")])
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'lost'")
            db.run("SELECT 1")
        db.close()
        again = Database(url)
        assert again.one("SELECT COUNT(*) FROM name") == (0,)
        assert ingest(again, [str(scans)]).new == 4
        again.close()


def test_two_writers_lose_nothing(url: str, scans: Path) -> None:
    reports = []

    def run() -> None:
        db = Database(url)
        reports.append(ingest(db, [str(scans)]))
        db.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(r.new for r in reports) == 4
    assert sum(r.same for r in reports) == 8
    db = Database(url)
    assert db.one("SELECT COUNT(*) FROM target") == (4,)
    assert db.all("SELECT name FROM name GROUP BY kind, name HAVING COUNT(*) > 1") == []
    db.close()


@pytest.mark.parametrize("bad", ["mysql://x", "sqlite:///no/such/folder/x.db", "fleet.db"])
def test_what_is_no_store(bad: str) -> None:
    with pytest.raises(UsageError):
        Database(bad)


def test_a_reader_makes_no_store_and_writes_nothing(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Database(url, readonly=True)
    Database(url).close()
    db = Database(url, readonly=True)
    with pytest.raises(NetworkError):
        db.run("DELETE FROM target")
    db.close()
    with pytest.raises(UsageError):
        Database(f"sqlite:///{tmp_path / 'none.db'}", readonly=True)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(NetworkError, match="does not answer"):
        Database("postgresql://nobody@127.0.0.1:1/none")


def test_no_password_is_shown() -> None:
    assert shown("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
