"""Whatever stands in names, cards and messages of a target: every format stays well-formed, and none of it becomes markup, a control
sequence, a formula or a link."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mlsbom.errors import UsageError
from mlsbom.export import FORMATS, choose
from mlsbom.model import Assessment
from mlsbom.scan import Settings, assess, scan
from mlsbom.survey.document import dump, load

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></title><svg onload=alert(1)>",
    "]]><!--",
    "=HYPERLINK(1)",
    "+1",
    "-2+3|cmd",
    "@SUM(1)",
    "\x1b]8;;file:///x\x07click\x1b]8;;\x07",
    "\x1b[2J\x9b1m",
    "abc\u202efdp.exe",
    "a|b|c\n| d | e |",
    "[link](javascript:alert(1))",
    "![x](http://tracker.example/)",
    "@everyone <!-- -->",
    "{{ 7*7 }}{% raw %}",
    "a\0b\ud7ff\ufffe\uffff",
    "\u2066\u2028\u2029",
    "```\n# head\n```",
    "%00%n%s",
    "&lt;b&gt;&amp;",
)
MACHINE = ("json", "cyclonedx-json", "spdx-json", "sarif", "openvex", "svr")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Tags(HTMLParser):
    """Collects elements and attributes, and the text of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.handlers: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.scripts += tag == "script"
        self.handlers += [k for k, _ in attrs if k.startswith("on")]
        self.links += [v or "" for k, v in attrs if k in ("href", "src")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    """A repository of which a card, a requirement and a file can be renamed in the survey."""
    top = tmp_path_factory.mktemp("hostile") / "top"
    top.mkdir()
    (top / "README.md").write_text("---\nlicense: mit\nbase_model: org/HOSTILE\n---\n# HOSTILE\n\nHOSTILE\n")
    (top / "HOSTILE.pkl").write_bytes(b"cposix\nsystem\n(S'true'\ntR.")
    (top / "requirements.txt").write_text("litellm==1.82.7\n")
    return scan(str(top), Settings(cache=False))


def spoiled(a: Assessment, text: str) -> Assessment:
    """The same survey with a hostile text wherever a name of the target stands, judged again."""
    quoted = json.dumps(text, ensure_ascii=True)[1:-1]
    doc = json.loads(dump(a))
    doc["facts"]["name"] = text
    raw = json.dumps(doc).replace("HOSTILE", quoted)
    again = assess(load(raw.encode("utf-8", "replace")), Settings(profile="kr-high-impact"))
    one = replace(again.findings[0], message=text, subject=text, waived_by=text)
    return replace(again, findings=(*again.findings, one), notes=(text,))


def check(a: Assessment) -> None:
    out = {name: choose(name)[0](a) for name in FORMATS}
    for name in MACHINE:
        json.loads(out[name])
    for name in ("junit", "cyclonedx-xml"):
        ET.fromstring(out[name])
    page = Tags()
    page.feed(out["html"].decode())
    assert page.scripts == 1 and page.handlers == [] and not page.tags & {"img", "iframe", "object", "embed", "base", "form"}
    assert all(link.startswith("#") for link in page.links)
    for name in ("table", "markdown", "html"):
        assert not CONTROL.search(out[name].decode().replace("\n", "")), name
    for row in csv.reader(io.StringIO(out["csv"].decode("utf-8-sig"))):
        assert not any(cell[:1] in ("=", "+", "-", "@", "\t", "\r") for cell in row), row
    shown = out["markdown"].decode()
    assert "<script" not in shown and "<img" not in shown and "](javascript" not in shown and "![" not in shown
    assert not [line for line in shown.splitlines() if line.startswith(("# head", "```"))]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_known_tricks_stay_text(base: Assessment, text: str) -> None:
    check(spoiled(base, text))


@given(
    st.text(
        alphabet=st.one_of(st.sampled_from("<>&\"'`|[]()!=+-@#*_~\\/:;{}%\n\r\t\x00\x1b\x9b\u202e\u2066"), st.characters(exclude_categories=["Cs"])),
        min_size=1,
        max_size=40,
    )
)
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_stays_text(base: Assessment, text: str) -> None:
    check(spoiled(base, text))


def test_half_a_surrogate_pair_is_no_document(base: Assessment) -> None:
    """A scan writes such text as escapes; a document that holds it is another program's, and is refused in one line."""
    with pytest.raises(UsageError, match="no scan document"):
        spoiled(base, "\ud800")


def test_files_with_hostile_names_are_reported_safely(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    for n, name in enumerate(("<script>x", "a\x1b[2Jb", "=1+1.py", "x\u202egnp.pkl", "a\nb.json")):
        (top / name).write_text(f"{n}")
    check(scan(str(top), Settings(cache=False)))
