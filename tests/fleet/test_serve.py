"""The responders' page: answers, headers, hosts, tokens, hostile texts; and in a real browser."""

from __future__ import annotations

import csv
import io
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mlsbom.errors import UsageError
from mlsbom.fleet.serve import HEADERS, application, loopback, serve
from mlsbom.store.database import Database
from mlsbom.store.ingest import ingest

CHROMIUM = shutil.which("chromium")
EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest.fixture
def store(scans: Path, tmp_path: Path) -> str:
    """A store with the estate and a document of which every text is hostile."""
    doc = {
        "target": {"uri": f"/evil/{EVIL}"},
        "artifacts": [],
        "facts": {"created": "2026-01-01T00:00:00Z"},
        "coverage": [{"path": EVIL, "status": "failed", "reason": EVIL}],
        "components": [
            {"kind": "package", "name": "quartz-loader", "specifiers": [{"specifier": f"==0.9.3 {EVIL}", "path": "=cmd|' /C calc'!A0", "resolved": "0.9.3"}]},
            {"kind": "model", "name": EVIL, "version": EVIL, "supplier": EVIL},
        ],
    }  # fmt: skip
    (scans / "evil.json").write_text(json.dumps(doc))
    url = f"sqlite:///{tmp_path / 'fleet.db'}"
    db = Database(url)
    assert ingest(db, [str(scans)]).broken == []
    db.close()
    return url


@pytest.fixture
def client(store: str) -> TestClient:
    return TestClient(application(store), base_url="http://127.0.0.1:8321")


def test_every_answer_has_the_headers(client: TestClient) -> None:
    for path in (
        "/",
        "/?by=package&q=quartz-loader",
        "/?by=sha256&q=x",
        "/api/query",
        "/query.csv?q=numpy",
        "/nothing",
        "/../../etc/passwd",
    ):
        answer = client.get(path)
        assert {k: answer.headers.get(k) for k in HEADERS} == HEADERS, path
        assert "server" not in answer.headers
    assert "script" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8321"])
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 400
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_it_is_read_only(client: TestClient, method: str) -> None:
    assert getattr(client, method)("/?q=numpy").status_code == 405


@pytest.mark.parametrize("path", ["/..%2f..%2fetc/passwd", "/serve.html.j2", "/static/x", "/%2e%2e/%2e%2e/etc/passwd"])
def test_there_is_no_path_out(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_question_cannot_name_a_file_of_the_server(client: TestClient, tmp_path: Path) -> None:
    for kind in ("feed", "fingerprint"):
        answer = client.get("/api/query", params={"by": kind, "q": "/etc/passwd"})
        assert answer.json().get("hits") in (None, []), "it is taken as the name of a package"


@pytest.mark.parametrize("by", ["package", "model", "license", "endpoint", "supplier", "lineage", "signature", "wave", "sha256", "clause"])
@pytest.mark.parametrize("q", [EVIL, "' OR 1=1 --", "{{ 7 * 7 }}", "\x00", "%s", "x" * 4000])
def test_hostile_questions(client: TestClient, by: str, q: str) -> None:
    answer = client.get("/", params={"by": by, "q": q})
    assert answer.status_code in (200, 400)
    assert "<img" not in answer.text
    assert "<script" not in answer.text
    assert ">49<" not in answer.text


def test_hostile_answers_are_escaped(client: TestClient) -> None:
    page = client.get("/", params={"by": "package", "q": "quartz-loader"}).text
    assert "&lt;img src=x" in page
    assert "<img" not in page
    rows = list(csv.reader(io.StringIO(client.get("/query.csv", params={"q": "quartz-loader"}).text)))
    assert not [c for row in rows for c in row if c.startswith(("=", "+", "@", "\t"))]
    assert len(rows) >= 5


def test_page_csv_and_json_say_the_same(client: TestClient) -> None:
    params = {"by": "package", "q": "quartz-loader==0.9.3"}
    hits = client.get("/api/query", params=params).json()["hits"]
    rows = list(csv.DictReader(io.StringIO(client.get("/query.csv", params=params).text)))
    assert [h["verdict"] for h in hits] == [r["verdict"] for r in rows]
    assert client.get("/", params=params).text.count('class="chip') == len(hits)


def test_what_cannot_be_asked_is_said(client: TestClient) -> None:
    answer = client.get("/", params={"by": "sha256", "q": "12"})
    assert (answer.status_code, "is no SHA-256" in answer.text) == (400, True)
    assert client.get("/api/query", params={"by": "wave", "q": "no such"}).status_code == 400
    assert client.get("/api/query").status_code == 400
    assert "not known" in client.get("/", params={"by": "wave", "q": "shai-hulud"}).text.lower()


def test_a_token_is_needed_where_there_is_one(store: str) -> None:
    client = TestClient(application(store, "s3cret"), base_url="https://fleet.example")
    wrong: list[dict[str, str]] = [{}, {"authorization": "Bearer wrong"}, {"cookie": "mlsbom_token=wrong"}]
    for headers in wrong:
        answer = client.get("/", headers=headers)
        assert answer.status_code == 401
        assert "targets" not in answer.text
    assert client.get("/", headers={"authorization": "Bearer s3cret"}).status_code == 200
    first = client.get("/?token=s3cret&by=package&q=numpy", follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/?by=package&q=numpy")
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "samesite=strict" in first.headers["set-cookie"].lower()
    assert client.get("/").status_code == 200, "the cookie is kept"


def test_only_loopback_goes_without_a_token(store: str) -> None:
    assert [loopback(h) for h in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1", "example.org", "::")] == [True] * 3 + [False] * 4
    with pytest.raises(UsageError, match="token"):
        serve(store, "0.0.0.0", 0, None)


# --- in a browser ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def address(store: str) -> Iterator[str]:
    """The page, served by uvicorn on a free port."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(application(store), host="127.0.0.1", port=0, log_level="error", server_header=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started and time.monotonic() < end:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def problems() -> list[str]:
    """What the browser complained of: errors, dialogs, requests to elsewhere."""
    return []


@pytest.fixture
def page(address: str, problems: list[str]) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    options = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False, args=options)
        one = browser.new_page(viewport={"width": 1200, "height": 900})
        one.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        one.on("pageerror", lambda e: problems.append(str(e)))
        one.on("dialog", lambda d: problems.append(d.message))
        one.on("request", lambda r: None if r.url.startswith(address) else problems.append(r.url))
        yield one
        browser.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the browser test was not run")
def test_in_a_browser(page: Any, problems: list[str], address: str, tmp_path: Path) -> None:
    page.goto(address)
    page.get_by_label("What").fill("quartz-loader==0.9.3")
    page.get_by_role("button", name="Ask").click()
    page.wait_for_selector("table")
    assert page.locator("tbody tr").count() == 5
    assert "by way of outer" in page.locator("table").inner_text()
    shared_link = page.url
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV for a ticket").click()
    assert download.value.suggested_filename == "mlsbom.csv"
    assert Path(download.value.path()).read_text().count("\n") == 6
    page.goto(shared_link)
    assert page.locator("tbody tr").count() == 5
    page.screenshot(path=str(tmp_path / "fleet.png"), full_page=True)

    page.get_by_label("Ask by").select_option("wave")
    page.get_by_label("What").fill("shai-hulud")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=No target holds")
    assert page.locator("details").count() == 1, "what was not read is said"

    page.get_by_label("Ask by").select_option("sha256")
    page.get_by_label("What").fill("00" * 32)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=No target holds")

    page.goto(address + "/?by=model&q=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(shared_link)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert problems == []
