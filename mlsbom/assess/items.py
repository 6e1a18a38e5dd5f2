"""What a profile asks to be documented, item by item: the file, field or checks that show it, said to be not known, or not shown.

[[item]]
id = "training-data"
title = "..."                        title_ko = "..."
files = ["*risk*"]                   # names of files in the target, without regard to case
fields = ["training_data"]           # stated values of the delivered models, data sets or the application
elements = ["model.hash"]            # parts of the SBOM, KIND.ELEMENT (or any., document.): every component has to state it
some = ["model.hash"]                # the same where it is enough that one states it, and that the others are said not to
checks = ["AU5"]                     # checks of the rubric: each must pass wherever it is asked of what is delivered
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any, Final

from mlsbom.assess.findings import where_text
from mlsbom.assess.view import View
from mlsbom.model import Component, Grade, Item, Kind
from mlsbom.policy.profile import Profile
from mlsbom.survey.ledger import ASKED, GIVEN
from mlsbom.survey.licensing import as_expression

MOST: Final = 3
LOCAL: Final = (Kind.MODEL, Kind.DATASET, Kind.APPLICATION)
ATTRIBUTES: Final[dict[str, Callable[[Component], Any]]] = {
    "name": lambda c: c.name,
    "version": lambda c: c.version,
    "identifier": lambda c: c.purl or c.ref,
    "purl": lambda c: c.purl,
    "supplier": lambda c: c.supplier,
    "license": as_expression,
    "hash": lambda c: c.hashes or c.files,
    "filename": lambda c: c.files or c.evidence,
    "digest": lambda c: "sha256:" in (c.version or ""),
}
"""Elements that are attributes of a component; all others are values of the vocabulary of fields."""
DOCUMENT: Final[dict[str, str]] = {
    "author": "unknown",  # configured by who runs the tool
    "signature": "unknown",  # detached: `mlsbom sign`
    **dict.fromkeys(("version", "format", "format_version", "tool", "tool_version", "context", "timestamp", "dependencies"), "shown"),
}
"""Elements of the SBOM document itself, which every SBOM that we write has, or says that it has not."""


def items(v: View, grades: tuple[Grade, ...], profile: Profile | None) -> tuple[Item, ...]:
    """The items of a profile, in its order."""
    return tuple(_item(row, v, grades) for row in profile.items) if profile else ()


def _item(row: dict[str, Any], v: View, grades: tuple[Grade, ...]) -> Item:
    where = _files(row, v) + _fields(row, v)
    state, why = ("shown", "") if where else ("not-shown", "no file, statement or check shows it")
    if not where and (row.get("elements") or row.get("some")):
        state, where, why = _elements([*row.get("elements", ()), *row.get("some", ())], v, bool(row.get("some")))
    elif not where and row.get("checks"):
        state, where, why = _checks(list(row["checks"]), v, grades)
    return Item(
        id=str(row.get("id", "")),
        title=str(row.get("title", "")),
        title_ko=str(row.get("title_ko", "")),
        state=state,
        where=tuple(where[:MOST]),
        why=why,
    )


def _files(row: dict[str, Any], v: View) -> list[str]:
    patterns = [str(p).lower() for p in row.get("files", [])]
    return [p for p in sorted(v.formats) if any(fnmatch(p.rpartition("/")[2].lower(), pattern) for pattern in patterns)]


def _fields(row: dict[str, Any], v: View) -> list[str]:
    wanted = set(row.get("fields", []))
    found = [x for c in v.by_ref.values() if c.local or c is v.graph.root for x in c.values if x.field in wanted]
    return sorted({f"{where_text(x.source)} ({x.field})" for x in found})


def _elements(wanted: list[str], v: View, some: bool) -> tuple[str, list[str], str]:
    """Shown where every component of the kind has it; unknown where the ledger says of the others that it is not known."""
    ledger = {(u.ref, u.field) for u in v.graph.unknowns if u.reason != "conflict"}  # of a conflict both values are stated
    lacking: list[str] = []
    silent: list[str] = []
    seen: list[str] = []
    for element in wanted:
        kind, _, name = element.partition(".")
        if kind == "document":
            (seen if DOCUMENT[name] == "shown" else lacking).append(f"SBOM: {name}")
            continue
        for c in v.by_ref.values():
            if kind not in ("any", str(c.kind)):
                continue
            said = (c.ref, name) in ledger
            if not said and (name in ASKED.get(c.kind, ()) or has(v, c, name)):
                seen.append(c.name)
            else:
                (lacking if said else silent).append(f"{c.name}: {name}")
    if silent:
        return "not-shown", [], _few(silent)
    if lacking and not (some and seen):
        return "unknown", [], _few(lacking)
    return ("shown", ["SBOM: " + ", ".join(sorted(wanted))], "") if seen else ("not-shown", [], "the SBOM has no such component")


def has(v: View, c: Component, element: str) -> bool:
    """Whether a component states an element that the ledger does not keep."""
    if element == "sha512":
        return not c.local or v.sha512.issuperset(c.files)
    if element in ATTRIBUTES:
        return bool(ATTRIBUTES[element](c))
    return any(c.value(f) is not None for f in GIVEN.get(element, (element,)))


def _checks(wanted: list[str], v: View, grades: tuple[Grade, ...]) -> tuple[str, list[str], str]:
    asked = passed = 0
    lacks: list[str] = []
    for g in grades:
        c = v.by_ref[g.component]
        if not (c.local and c.kind in LOCAL):
            continue
        for check in wanted:
            said = g.failed.get(check) or g.not_shown.get(check)
            if said is not None:
                lacks.append(f"{check} {c.name}: {said}")
            passed += check in g.passed
            asked += check in g.passed or said is not None
    if asked and passed == asked:
        return "shown", [f"{', '.join(wanted)}: passed"], ""
    return "not-shown", [], _few(lacks) if lacks else "was asked of nothing"


def _few(rows: list[str]) -> str:
    return "; ".join(rows[:MOST]) + (f"; and {len(rows) - MOST} more" if len(rows) > MOST else "")


def inexact(v: View) -> tuple[str, ...]:
    """Components without an exact version or a purl, by name: what an intake that asks for both rejects. Nothing is invented for them."""
    out = []
    for c in v.graph.components:
        if c.kind in (Kind.SERVICE, Kind.TEMPLATE, Kind.TOKENIZER):
            continue
        lacks = [n for n, x in (("an exact version", c.version), ("a purl", c.purl)) if not x]
        if lacks:
            out.append(f"{c.kind} {c.name} has not {' and '.join(lacks)}")
    return tuple(out)
