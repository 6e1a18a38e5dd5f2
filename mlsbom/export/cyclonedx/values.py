"""Small pieces of a CycloneDX tree: properties, references, evidence; and the removal of what is empty."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from mlsbom.model import Component, Source

Tree = dict[str, Any]
MOST_OCCURRENCES: Final = 200
PREFIX: Final = "mlsbom:"


_NUMBERS: Final = frozenset({bool, int, float})


class Clean(dict[str, Any]):
    """An object that was made without anything empty, of text that may be shown: `clean` leaves it as it is."""


def clean(x: Any) -> Any:
    """Without nulls, empty strings, empty lists and empty objects (but an empty `dependsOn`, which says: a leaf)."""
    kind = type(x)
    if kind is dict:
        out = {}
        for k, v in x.items():
            if type(v) is str:  # most values are: a call for each would be half of the time
                if v:
                    out[k] = v if v.isprintable() else text(v)
            elif type(v) in _NUMBERS:
                out[k] = v
            elif v is not None:
                v = clean(v)
                if v or v is False or (v == 0 and type(v) in (int, float)) or k == "dependsOn":
                    out[k] = v
        return out
    if kind is list:
        return [v for v in map(clean, x) if v or v is False or (v == 0 and type(v) in (int, float))]
    if kind is str:
        return x if x.isprintable() else text(x)
    return str(x) if isinstance(x, str) else x


def text(value: str) -> str:
    """Text of a target as data: lone surrogates and control characters but tab and newline are replaced."""
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in value)


def plain(value: Any) -> str:
    """A value as the text of a property."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def prop(name: str, value: Any) -> Tree | None:
    """A property of ours, or None where there is no value."""
    return {"name": PREFIX + name, "value": plain(value)} if value not in (None, "") else None


def location(s: Source) -> str:
    """A place as one text."""
    return f"{s.path}!/{s.member}" if s.member else s.path


def source_prop(field: str, s: Source) -> Tree:
    """`mlsbom:source:<field>` = `path#L25@technique` or `path#key@technique`."""
    at = f"#L{s.line}" if s.line else f"#{s.key}" if s.key else f"#{s.offset}" if s.offset is not None else ""
    return {"name": f"{PREFIX}source:{field}", "value": f"{location(s)}{at}@{s.technique}"}


def relative(path: str) -> str:
    """A path of the target as a relative IRI."""
    return quote(path, safe="/!$&'()*+,;=:@-._~")


def iri(url: str) -> str | None:
    """A URL or relative reference that a schema takes as `iri-reference`, or None where it is no such thing."""
    url = url.strip()
    if not url or any(c.isspace() or not c.isprintable() or c in '<>"{}|\\^`' for c in url) or url.count("[") != url.count("]"):
        return quote(url, safe="/:?#@!$&'()*+,;=%-._~") if url and len(url) < 2000 else None
    return url


def evidence(c: Component, version: str) -> Tree:
    """`evidence`: identity with methods, and occurrences."""
    if not c.evidence:
        return {}
    best = c.evidence[0]
    methods = [
        {"technique": t, "confidence": conf} for t, conf in sorted({str(s.technique): s.confidence for s in reversed(c.evidence)}.items())
    ]
    identity: list[Tree] = []
    for field, value in (("name", c.name), ("version", c.version), ("purl", c.purl)):
        if value:
            row: Tree = {"field": field, "confidence": best.confidence, "concludedValue": value, "methods": methods}
            if version == "1.5":
                row.pop("concludedValue")
            identity.append(row)
    occurrences = []
    for s in c.evidence[:MOST_OCCURRENCES]:
        row = {"location": location(s)}
        if version != "1.5":
            row |= {"line": s.line, "offset": s.offset, "additionalContext": f"key {s.key}" if s.key else None}
        occurrences.append(row)
    return {"identity": identity[0] if version == "1.5" and identity else identity, "occurrences": occurrences}
