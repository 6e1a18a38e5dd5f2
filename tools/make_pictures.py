"""docs/_static/report.png and terminal.svg: the HTML report as Chromium shows it, and the terminal's screen, of the example repository.

    python tools/make_pictures.py [CHROMIUM]
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlsbom.model import Assessment

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "_static"
WIDTH, HEIGHT, COLUMNS = 1280, 1000, 112


def main() -> None:
    browser = sys.argv[1] if len(sys.argv) > 1 else shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        raise SystemExit("no Chromium: name one")
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1795219200")
    os.chdir(ROOT)
    from mlsbom.export import choose
    from mlsbom.scan import Settings, scan

    result = scan("examples/acme-asr", Settings(profile="kr-graded"))
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        page.write_bytes(choose("html")[0](result))
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        picture = [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={OUT / 'report.png'}", page.as_uri()]
        subprocess.run([browser, *options, *picture], check=True, capture_output=True, timeout=120)
    (OUT / "terminal.svg").write_text(terminal(result), "utf-8")


def terminal(result: Assessment) -> str:
    """The screen of `mlsbom scan` as SVG, without the fonts that rich would fetch from elsewhere."""
    from rich.console import Console

    from mlsbom.report.table import draw

    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False, markup=False)
    console.print("$ mlsbom scan examples/acme-asr --profile kr-graded", style="bold")
    draw(console, result)
    svg = console.export_svg(title="mlsbom", unique_id="mlsbom")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.S).replace("Fira Code,", "")


if __name__ == "__main__":
    main()
