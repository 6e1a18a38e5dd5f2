"""What inspectors of weights share: statements with their evidence, findings on text that stands among data, references to bases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mlsbom.inspectors import hubnames
from mlsbom.judges import marks
from mlsbom.model import Confidence, Evidence, Finding, Kind, Reference, Role, Rule, Severity, Statement, Technique

METADATA_CODE = Rule(id="METADATA-CODE-TEXT", title="Metadata of a model holds text that would run code", severity=Severity.MEDIUM)
FACT_TEXT: Final = 20_000
"""Characters of a text that a statement keeps."""


def seen(key: str | None = None, *, offset: int | None = None, line: int | None = None, confidence: float = 0.9) -> Evidence:
    """Evidence from the bytes of a model file."""
    return Evidence(key=key, offset=offset, line=line, technique=Technique.BINARY, confidence=confidence)


def state(field: str, value: Any, key: str | None = None, *, about: str = "file", offset: int | None = None) -> Iterator[Statement]:
    """A statement, unless the value is empty; texts are cut."""
    if isinstance(value, str):
        value = value.strip()[:FACT_TEXT]
    if value not in ("", None, [], {}):
        yield Statement(field=field, value=value, about=about, evidence=seen(key, offset=offset))


def base(name: str, key: str, *, version: str | None = None, relation: str = "unknown", url: str | None = None) -> Reference:
    """The model that this file derives from."""
    return Reference(
        kind=Kind.MODEL, name=name, role=Role.BASE, version=version, relation=relation, url=url, about="file", evidence=seen(key)
    )


def text_finding(
    where: str, text: str, *, rule: Rule = METADATA_CODE, severity: Severity | None = None, evidence: Evidence | None = None
) -> Iterator[Finding]:
    """A finding where a text that should be data holds a command or a call; at most medium, as no loader evaluates it."""
    if found := marks.hostile(text[:200_000]):
        what, piece = found
        yield rule.finding(
            f"{where} holds text that {what}: {marks.quote(piece, 120)}",
            evidence=evidence or seen(where),
            severity=severity,
            sure=Confidence.LOW,
        )


def hub_name(value: str) -> tuple[str, str | None]:
    """(name, URL) of a model or data set that is given as a name or as an address on a hub."""
    found = hubnames.hub_name(value) if "://" in value else None
    return (found.repository if found else value), value if "://" in value else None


def stated_base(value: str, key: str, relation: str) -> Reference:
    """The base that a metadata key names: an edge where it is the name or address of a repository; a word (an architecture, a local file)
    is no identity and stays a hint."""
    name, url = hub_name(value)
    if url or hubnames.hub_name(name, single=True):
        return base(name, key, relation=relation, url=url)
    return Reference(kind=Kind.MODEL, name=name[:200], role=Role.HINT, about="file", evidence=seen(key, confidence=0.3))


def is_vocabulary(path: str) -> bool:
    """Whether a JSON file is a vocabulary by the name under which loaders look for it: every word is in it, so that no trigger means
    anything,
    and a full parse would cost 0.3 s. The tokenizer's inspector reads what matters of it."""
    return path.rsplit("/", 1)[-1].lower() in ("tokenizer.json", "vocab.json", "added_tokens.json", "merges.json")
