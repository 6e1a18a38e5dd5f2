"""An INI file as sections of keys, with the line of every line of a value: setup.cfg, tox.ini, pip.conf. Forgiving, as pip is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlsbom.patterns import late

_SECTION = late(r"\[([^\]]+)\]\s*(?:[#;].*)?$")
_KEY = late(r"([^=:\s][^=:]*?)\s*[=:]\s*(.*)$")

Rows = list[tuple[int, str]]
"""(line number, text) of every line of a value that is not empty."""


def sections(text: str) -> Iterator[tuple[str, str, int, Rows]]:
    """(section, key in lower case, line of the key, rows of the value), in document order."""
    section, key, start = "", "", 0
    rows: Rows = []
    for number, row in enumerate(text.splitlines(), 1):
        body = row.strip()
        if not body or body.startswith(("#", ";")):
            continue
        if m := _SECTION.match(body) if not row[:1].isspace() else None:
            if key:
                yield section, key, start, rows
            section, key = m[1].strip(), ""
        elif row[:1].isspace() and key:
            rows.append((number, re.sub(r"\s[#;].*$", "", body)))
        elif m := _KEY.match(row):
            if key:
                yield section, key, start, rows
            key, start = m[1].strip().lower(), number
            value = re.sub(r"(?:^|\s)[#;].*$", "", m[2]).strip()
            rows = [(number, value)] if value else []
    if key:
        yield section, key, start, rows
