"""What the inspectors of documents share: evidence by line and key, shortfalls of what was read in part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from mlsbom.formats.located import Located
from mlsbom.inspectors import hubnames
from mlsbom.model import Evidence, Kind, Reference, Role, Shortfall, Statement, Status, Technique

STATED: Final = 0.8
"""Confidence of front matter and JSON configuration (specs of the SBOM, section 5)."""
PROSE: Final = 0.4
HINT: Final = 0.3
TEXT_LIMIT: Final = 2000


def at(value: Located, confidence: float = STATED, note: str | None = None) -> Evidence:
    """Evidence at a value of a document."""
    return Evidence(line=value.line, key=value.path or None, technique=Technique.MANIFEST, confidence=confidence, note=note)


def prose(line: int | None, last: int | None = None, confidence: float = PROSE) -> Evidence:
    """Evidence at lines of a text."""
    return Evidence(
        line=line, technique=Technique.OTHER, confidence=confidence, note=f"lines {line}-{last}" if last and last != line else None
    )


def state(field: str, value: Located | None, about: str = "owner", *, plain: Any = None, confidence: float = STATED) -> Iterator[Statement]:
    """The statement of a value where it is there and not empty; `plain` replaces what is said."""
    if value is None:
        return
    shown = plain if plain is not None else value.value
    if shown is None or shown == "" or shown == [] or shown == {}:
        return
    yield Statement(field=field, value=clipped(shown), about=about, evidence=at(value, confidence))


def clipped(value: Any) -> Any:
    """A value whose texts are at most 2,000 characters."""
    return value[:TEXT_LIMIT] if isinstance(value, str) else value


def partial(reason: str, line: int | None = None) -> Shortfall:
    """What was read in part."""
    return Shortfall(status=Status.PARTIAL, reason=f"line {line}: {reason}" if line else reason, evidence=Evidence(line=line))


def doubled(duplicates: Iterable[tuple[str, int]]) -> Iterator[Shortfall]:
    """Keys that occur twice: which value counts depends on the reader."""
    for key, line in list(duplicates)[:20]:
        yield partial(f"the key {key!r} occurs twice, and readers differ in which counts; the last was taken", line or None)


def dataset(
    value: Located,
    role: Role,
    about: str = "owner",
    *,
    anything: bool = True,
    version: str | None = None,
    attrs: tuple[tuple[str, str], ...] = (),
    confidence: float = STATED,
) -> Iterator[Reference]:
    """The reference to a data set that a value names. A name of several words is kept as written, on no hub."""
    text = value.text
    if not text or len(text) > 200 or text.lower() in NOTHING:
        return
    found = hubnames.hub_name(text, anything=anything)
    if found is not None:
        yield Reference(
            kind=Kind.DATASET,
            name=found.repository,
            role=role,
            version=version or found.revision,
            hub="huggingface",
            about=about,
            attrs=attrs,
            evidence=at(value, confidence),
        )
    elif anything and "://" not in text and not text.startswith((".", "/", "~", "<", "$")) and not hubnames.is_file_name(text):
        yield Reference(
            kind=Kind.DATASET, name=text, role=role, version=version, hub="other", about=about, attrs=attrs, evidence=at(value, confidence)
        )


NOTHING: Final = frozenset(
    {
        "unknown",
        "none",
        "n/a",
        "na",
        "null",
        "other",
        "custom",
        "private",
        "original",
        "extended",
        "proprietary",
        "undisclosed",
        "-",
        "more information needed",
        "[more information needed]",
        "tbd",
        "todo",
    }
)
"""Words that stand where a name would, and are none."""


def base_model(
    value: Located,
    relation: str,
    about: str = "owner",
    *,
    version: str | None = None,
    confidence: float = STATED,
    attrs: tuple[tuple[str, str], ...] = (),
) -> Iterator[Reference]:
    """The reference to a base model that a value names."""
    if (found := hubnames.hub_name(value.text, single=True)) is not None and found.what == "model":
        revision = version or found.revision
        more = (("revision", revision), *attrs) if revision else attrs
        yield Reference(
            kind=Kind.MODEL,
            name=found.repository,
            role=Role.BASE,
            version=revision,
            relation=relation,
            hub="huggingface",
            about=about,
            attrs=more,
            evidence=at(value, confidence),
        )
