"""The rules' pages: `rules/<ID>.md`, shipped. `explain`, the documentation, the reports and the tests read the same page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from msgspec import Struct

from mlsbom.errors import UsageError
from mlsbom.model import Severity
from mlsbom.patterns import late

FOLDER = Path(__file__).resolve().parent / "rules"
_HEAD = late(r"\A---\n(.*?)\n---\n(.*)\Z", re.S)
_FENCE = late(r"^```(fires|benign|config|records)[ \t]+([^\n]*)\n(.*?)^```[ \t]*$", re.S | re.M)


class Page(Struct, frozen=True, kw_only=True):
    """A rule's page. `sections`: heading -> text. `cases`: ("fires" | "benign" | "config" | "records", info string, content)."""

    id: str
    title: str
    severity: Severity
    waivable: bool
    sections: dict[str, str]
    cases: tuple[tuple[str, str, str], ...]
    text: str


@cache
def page(rule: str) -> Page:
    """The page of a rule; UsageError with the nearest ids where there is none."""
    path = FOLDER / f"{rule}.md"
    if not re.fullmatch(r"[A-Z][A-Z0-9-]*", rule) or not path.is_file():
        import difflib

        near = difflib.get_close_matches(rule.upper(), ids(), 3)
        raise UsageError(
            f"no such rule: {rule}" + (f"; did you mean {', '.join(near)}?" if near else ""), remedy="list them with: mlsbom rules"
        )
    raw = path.read_text("utf-8")
    match = _HEAD.match(raw)
    if not match:
        raise UsageError(f"the page of rule {rule} has no head")
    head = dict(line.split(": ", 1) for line in match[1].splitlines() if ": " in line)
    body = match[2]
    parts = re.split(r"^## +(.+)$", body, flags=re.M)
    sections = {parts[i].strip(): parts[i + 1].strip() for i in range(1, len(parts) - 1, 2)}
    cases = tuple((m[1], m[2].strip(), m[3]) for m in _FENCE.finditer(body))
    return Page(
        id=head["id"],
        title=head["title"],
        severity=Severity(head["severity"]),
        waivable=head.get("waivable", "true") != "false",
        sections=sections,
        cases=cases,
        text=raw,
    )


@cache
def ids() -> tuple[str, ...]:
    """The ids of all rules, sorted."""
    return tuple(sorted(p.stem for p in FOLDER.glob("*.md")))


def remedy(rule: str) -> str:
    """The remedy of a rule as one paragraph, "" where its page is missing."""
    try:
        return re.sub(r"\s+", " ", page(rule).sections.get("Remedy", "")).strip()
    except UsageError:
        return ""
