"""The HTML report in a real browser: both languages, narrow and wide, print, filter, accessibility; no error, no request to anywhere."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlsbom.export import choose
from mlsbom.scan import Settings, scan

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the browser tests were not run"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        chromium = p.chromium.launch(
            executable_path=CHROMIUM,
            chromium_sandbox=False,
            args=["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        )
        yield chromium
        chromium.close()


def opened(browser: Any, path: Path, width: int = 1200) -> tuple[Any, list[str], list[str]]:
    page = browser.new_page(viewport={"width": width, "height": 900})
    errors: list[str] = []
    requests: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on("request", lambda r: requests.append(r.url) if not r.url.startswith("file:") else None)
    page.goto(path.as_uri())
    return page, errors, requests


@pytest.fixture
def report(repository: Path, tmp_path: Path) -> Path:
    (repository / "README.md").write_text(
        "---\nlicense: mit\npipeline_tag: text-generation\nbase_model: a/<script>alert(1)</script>\n---\n# <img src=x onerror=alert(1)>\n\nText.\n"
    )
    path = tmp_path / "report.html"
    path.write_bytes(choose("html")[0](scan(str(repository), Settings(cache=False, profile="kr-graded"))))
    return path


@pytest.mark.parametrize("width", [360, 1280])
def test_both_languages_without_error_or_request(browser: Any, report: Path, width: int) -> None:
    page, errors, requests = opened(browser, report, width)
    assert page.locator("h1").inner_text()
    assert page.locator("#findings").inner_text().startswith("Findings")
    page.locator("#toggle").click()
    assert page.locator("#findings").inner_text().startswith("발견 사항")
    assert page.locator("html").get_attribute("lang") == "ko"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "the page scrolls sideways"
    assert errors == [] and requests == []
    page.close()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_no_serious_barrier(browser: Any, report: Path, lang: str) -> None:
    from axe_core_python.sync_playwright import Axe  # type: ignore[import-untyped]

    page, _, _ = opened(browser, report)
    if lang == "ko":
        page.locator("#toggle").click()
    found = Axe().run(page)
    assert [(v["id"], v["nodes"][0]["html"][:120]) for v in found["violations"] if v["impact"] in ("serious", "critical")] == []
    page.close()


def test_it_prints(browser: Any, report: Path) -> None:
    page, errors, _ = opened(browser, report)
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF-") and len(pdf) > 20_000 and errors == []
    page.close()


def test_three_thousand_components_open_and_filter(browser: Any, tmp_path: Path) -> None:
    top = tmp_path / "wide"
    top.mkdir()
    (top / "requirements.txt").write_text("".join(f"package-number-{n}==1.{n}\n" for n in range(3000)))
    path = tmp_path / "wide.html"
    path.write_bytes(choose("html")[0](scan(str(top), Settings(cache=False))))
    assert path.stat().st_size < 5_000_000
    start = time.monotonic()
    page, errors, _ = opened(browser, path)
    page.locator("#filter").fill("number-2999")
    page.locator("#count", has_text=re.compile(r"^1 /")).wait_for()
    page.locator("#filter").fill("")
    page.locator("#count", has_text=re.compile(r"^3001 /")).wait_for()
    page.locator("#every").click()
    assert page.locator("#components tbody tr:not([hidden])").count() == 3001
    assert time.monotonic() - start < 10  # a hang guard; the figure itself is a benchmark
    assert errors == []
    page.close()
