"""Vulnerabilities: what records say, the mirrored store, the service and its failures."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlsbom.errors import NetworkError
from mlsbom.knowledge import Packs
from mlsbom.model import Dependency, Finding, Graph, Observed, Place, Shortfall, Survey, Target, ToolInfo
from mlsbom.packages import osv, vulnerabilities
from mlsbom.packages.cvss import base_score, severity
from mlsbom.packages.vulnerabilities import Release, Service, Store
from mlsbom.resolve import Asked
from mlsbom.resolve.vulnerabilities import resolve
from mlsbom.survey.fold import fold


@pytest.mark.parametrize(
    ("vector", "score"),
    [  # the examples of FIRST's CVSS v3.1 user guide and calculator
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:N/A:N", 5.5),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N", 3.7),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:X", None),
        ("CVSS:4.0/AV:N", None),
        ("", None),
    ],
)
def test_base_scores(vector: str, score: float | None) -> None:
    assert base_score(vector) == score


def test_words_stand_in_for_scores() -> None:
    assert severity({"database_specific": {"severity": "MODERATE"}}) == ("medium", None)
    assert severity({"database_specific": {"severity": "CRITICAL"}}) == ("critical", None)
    assert severity({}) == ("medium", None)


@pytest.mark.parametrize(
    ("events", "version", "covered"),
    [
        ([{"introduced": "0"}, {"fixed": "2.6.0"}], "2.5.1", True),
        ([{"introduced": "0"}, {"fixed": "2.6.0"}], "2.6.0", False),
        ([{"introduced": "0"}, {"fixed": "2.6.0"}], "2.6.0rc1", True),
        ([{"introduced": "1.0"}, {"last_affected": "1.4"}], "1.4", True),
        ([{"introduced": "1.0"}, {"last_affected": "1.4"}], "1.4.1", False),
        ([{"introduced": "1.0"}, {"introduced": "1.2"}, {"fixed": "1.4"}], "1.1", True),
        ([{"introduced": "1.0"}, {"fixed": "1.1"}, {"introduced": "2.0"}, {"fixed": "2.1"}], "1.5", False),
        ([{"introduced": "1.0"}], "99", True),
        ([], "1", False),
    ],
)
def test_ranges_of_records(events: list[dict[str, str]], version: str, covered: bool) -> None:
    assert osv.covers({"ranges": [{"type": "ECOSYSTEM", "events": events}]}, version, "pypi") == covered


def test_aliases_are_one() -> None:
    found = osv.fold_aliases(
        [
            osv.Advisory(id="PYSEC-1", aliases=("CVE-1",)),
            osv.Advisory(id="GHSA-1", aliases=("CVE-1",), score=9.8, severity="critical"),
            osv.Advisory(id="CVE-2"),
        ]
    )
    assert [(a.id, a.aliases, a.severity) for a in found] == [("CVE-2", (), "medium"), ("GHSA-1", ("CVE-1", "PYSEC-1"), "critical")]


def test_the_store(tmp_path: Path) -> None:
    record = {"id": "GHSA-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "Num_Py"}, "versions": ["1.0"], "ranges": []}]}
    path = tmp_path / "pypi.sqlite"
    assert vulnerabilities.build(path, [("num-py", record)]) == 1
    store = Store(path, "pypi")
    assert [a.id for a in store.find(Release("pypi", "num-py", "1.0.0"))] == ["GHSA-1"]
    assert store.find(Release("pypi", "num-py", "1.1")) == []


# --- the service ---------------------------------------------------------------------------------------------------------------------


class Fake(ThreadingHTTPServer):
    """A service with one vulnerability of torch 2.5.1, in two pages; `failures` answers that many calls with 503 first."""

    failures = 0
    asked: list[list[str]]
    calls = 0


class Handler(BaseHTTPRequestHandler):
    server: Fake

    def _answer(self, body: Any) -> None:
        self.server.calls += 1
        if self.server.failures:
            self.server.failures -= 1
            self.send_response(503)
            self.end_headers()
            return
        raw = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        self.server.asked.append([q["package"]["name"] for q in queries])
        rows: list[dict[str, Any]] = []
        for q in queries:
            if (q["package"]["name"], q["version"]) != ("torch", "2.5.1"):
                rows.append({})
            elif "page_token" in q:
                rows.append({"vulns": [{"id": "PYSEC-1"}]})
            else:
                rows.append({"vulns": [{"id": "GHSA-1"}], "next_page_token": "t"})
        self._answer({"results": rows})

    def do_GET(self) -> None:
        id_ = self.path.rsplit("/", 1)[-1]
        affected = [
            {
                "package": {"ecosystem": "PyPI", "name": "torch"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.6.0"}]}],
            }
        ]
        self._answer({"id": id_, "aliases": ["CVE-1"], "summary": "bad", "affected": affected})

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def fake() -> Iterator[Fake]:
    server = Fake(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def base(server: Fake) -> str:
    return f"http://127.0.0.1:{server.server_port}"


TORCH, NUMPY = Release("pypi", "torch", "2.5.1"), Release("pypi", "numpy", "1.26.4")


def test_pages_are_followed_aliases_folded_and_answers_kept(fake: Fake, tmp_path: Path) -> None:
    service = Service(base=base(fake), cache=tmp_path / "osv.sqlite", pause=0)
    found = service.find([TORCH, NUMPY, TORCH])
    assert [(a.id, a.aliases, a.fixed) for a in found[TORCH]] == [("GHSA-1", ("CVE-1", "PYSEC-1"), ("2.6.0",))]
    assert found[NUMPY] == []
    calls = fake.calls
    assert Service(base=base(fake), cache=tmp_path / "osv.sqlite").find([TORCH, NUMPY]) == found
    assert fake.calls == calls


def test_a_busy_service_is_asked_again(fake: Fake) -> None:
    fake.failures = 2
    assert Service(base=base(fake), pause=0).find([NUMPY]) == {NUMPY: []}


def test_a_service_that_fails_is_never_an_empty_list(fake: Fake) -> None:
    fake.failures = 99
    with pytest.raises(NetworkError, match="503"):
        Service(base=base(fake), pause=0).find([NUMPY])


def survey(*facts: Dependency) -> tuple[Survey, Graph]:
    observed = tuple(Observed(place=Place(path="requirements.txt"), by="test", fact=f) for f in facts)
    s = Survey(target=Target(uri="x"), tool=ToolInfo(), observed=observed)
    return s, fold(s)


def test_private_names_and_ranges_are_not_sent(fake: Fake) -> None:
    facts = [
        Dependency(ecosystem="pypi", name=n, specifier=s)
        for n, s in (("torch", "==2.5.1"), ("acme-secret-internal", "==1.0"), ("numpy", ">=1.0"))
    ]
    asked = Asked(now="2026-11-20T00:00:00Z", online=True, settings={"osv_service": base(fake)})
    found = list(resolve(*survey(*facts), Packs(), asked))
    assert fake.asked == [["torch"], ["torch"]]
    assert [o.fact.rule for o in found if isinstance(o.fact, Finding)] == ["PACKAGE-VULNERABLE"]
    assert ["1 packages" in o.fact.reason for o in found if isinstance(o.fact, Shortfall)] == [True]


def test_a_failure_is_a_gap(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vulnerabilities.time, "sleep", lambda _: None)
    fake.failures = 99
    asked = Asked(now="2026-11-20T00:00:00Z", online=True, settings={"osv_service": base(fake)})
    found = list(resolve(*survey(Dependency(ecosystem="pypi", name="torch", specifier="==2.5.1")), Packs(), asked))
    assert len(found) == 1
    assert isinstance(found[0].fact, Shortfall)
    assert "vulnerabilities not checked: 1 packages" in found[0].fact.reason


