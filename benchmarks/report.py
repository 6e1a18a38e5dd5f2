"""Size and time of the HTML report of a repository with 3,000 components, and its time to interactive in Chromium.

    .venv/bin/python benchmarks/report.py [COMPONENTS]

Prints one JSON object: bytes of the file, seconds to render it, seconds from opening the page until its filter works, seconds of one filter
run. Bars: 5 MB, 2 s to interactive. Seconds are the best of three: the machine may be busy.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from mlsbom.export import choose
from mlsbom.scan import Settings, scan


def interactive(path: Path) -> tuple[float, float]:
    """Seconds until the count of shown rows stands on the page, and seconds until one filter has run (80 ms of it are its pause)."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), chromium_sandbox=False, args=["--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.locator("#count", has_text="/").wait_for()
        ready = time.perf_counter()
        page.locator("#filter").fill("number-1 ")
        page.locator("#count", has_text="1 /").first.wait_for()
        done = time.perf_counter()
        browser.close()
    return ready - start, done - ready


def main(count: int) -> None:
    """Make the repository, render, measure."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder, "wide")
        top.mkdir()
        (top / "requirements.txt").write_text("".join(f"package-number-{n}==1.{n}\n" for n in range(count)))
        a = scan(str(top), Settings(cache=False))
        render = choose("html")[0]
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            data = render(a)
            seconds.append(time.perf_counter() - start)
        path = Path(folder, "report.html")
        path.write_bytes(data)
        times = [interactive(path) for _ in range(3)]
    row = {
        "components": count,
        "bytes": len(data),
        "render_s": round(min(seconds), 3),
        "interactive_s": round(min(t for t, _ in times), 3),
        "filter_s": round(min(t for _, t in times), 3),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
