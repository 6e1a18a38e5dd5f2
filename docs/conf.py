"""Sphinx configuration. Rule pages and their index are made here from `mlsbom/rules`, so that one page is shipped, tested and published."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from mlsbom import __version__

HERE = Path(__file__).resolve().parent
RULES = HERE.parent / "mlsbom" / "rules"
OUT = HERE / "rules"

project = "mlsbom"
release = version = __version__
author = "the mlsbom authors"
extensions = ["myst_parser", "sphinx_click"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"mlsbom {__version__}"
html_static_path = ["_static"]
exclude_patterns = ["_build"]
suppress_warnings = ["misc.highlighting_failure"]
highlight_language = "text"


def page(text: str) -> tuple[dict[str, str], str]:
    """(front matter, Markdown) of a rule page; the fences that are tests become plain ones with their file name above."""
    matter, body = re.match(r"---\n(.*?)\n---\n(.*)", text, re.S).groups()  # type: ignore[union-attr]
    values = dict(line.split(": ", 1) for line in matter.splitlines())
    words = {"fires": "fires on", "benign": "stays silent on", "config": "with the profile"}
    body = re.sub(r"^```(fires|benign|config) (\S+)[^\n]*$", lambda m: f"`{words[m[1]]} {m[2]}`\n\n```text", body, flags=re.M)
    return values, body


def make_rules(app: Any) -> None:
    """Write docs/rules/ anew."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    rows = []
    for source in sorted(RULES.glob("*.md")):
        values, body = page(source.read_text("utf-8"))
        waivable = "" if values.get("waivable") != "false" else "; cannot be waived"
        (OUT / source.name).write_text(f"# {values['id']}\n\n*{values['title']}* ({values['severity']}{waivable})\n\n{body}", "utf-8")
        rows.append(f"| [{values['id']}]({source.name}) | {values['severity']} | {values['title']} |")
    table = "\n".join(["| rule | severity | what |", "| --- | --- | --- |", *rows])
    names = "\n".join(p.stem for p in sorted(RULES.glob("*.md")))
    index = f"# Rules\n\nThe same pages as `mlsbom explain RULE`. Each is also a test: its example fires, its twin does not.\n\n{table}\n\n"
    (OUT / "index.md").write_text(f"{index}```{{toctree}}\n:hidden:\n\n{names}\n```\n", "utf-8")


def setup(app: Any) -> None:
    app.connect("builder-inited", make_rules)
