"""What a release must carry, collected ready to ship: licence texts, notices, use policies, names and display lines.

Everything comes from the survey (texts are kept whole, once by digest); no byte of the target is read. What is due and cannot be found is
a row with status `missing`: the folder is then not complete, and says so.

    LICENSES/<identifier>-<12 hex>.txt   texts, of the release and of known upstreams
    NOTICE.txt                           all notices, each under the name of whose it is
    POLICIES/<12 hex>-<name>             use policies that must be passed on
    obligations.json                     every duty, with its licence, the sentence that states it, and its status
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mlsbom.errors import UsageError
from mlsbom.knowledge import Packs
from mlsbom.licenses.duties import Terms
from mlsbom.model import Assessment
from mlsbom.resolve import license_statements
from mlsbom.resolve.license_chain import Chain
from mlsbom.resolve.license_sources import Document, Sources

DISCLAIMER = "A collection made from what was found, not a legal opinion."


class Bearer(Struct, frozen=True, kw_only=True):
    """Whose terms ask for something: a part of the release or an upstream, with the files known of it."""

    name: str
    terms: Terms
    texts: list[Document]
    notices: list[Document]
    policies: list[Document]


def write(assessment: Assessment, folder: Path, packs: Packs) -> list[dict[str, Any]]:
    """Write the folder; returns one row a file or duty: file, what, component, license, status (written, stated, missing).

    Raises UsageError where the folder holds files already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", remedy="name a new folder with -o")
    bearers = list(_bearers(assessment, packs))
    rows: list[dict[str, Any]] = []
    for bearer in bearers:
        rows += _texts(bearer, folder)
        rows += [_row("obligations.json", bearer, what, "stated", quote) for what, quote in _duties(bearer.terms)]
    rows += _notices(bearers, folder)
    rows = list({(r["file"], r["what"], r["component"]): r for r in rows}.values())
    document = {"note": DISCLAIMER, "target": assessment.survey.target.uri, "obligations": rows}
    _put(folder / "obligations.json", msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n")
    return rows


def _bearers(assessment: Assessment, packs: Packs) -> Iterator[Bearer]:
    graph, sources = assessment.graph, Sources(assessment.survey, packs)
    variants = {r.target for r in graph.relationships if r.kind == "variant-of"}
    derived = {r.source for r in graph.relationships if r.kind == "derived-from"}
    chain = Chain(graph, sources)
    seen: set[str] = set()
    for subject in license_statements.subjects(sources, graph.components, variants, derived):
        yield Bearer(
            name=subject.component.name, terms=subject.terms, texts=subject.texts, notices=sources.notices, policies=sources.policies
        )
        for link in chain.links(subject.component.ref)[0]:
            if link.terms is None or link.name in seen:
                continue
            seen.add(link.name)
            known = sources.upstreams.get(link.name.lower())
            yield Bearer(
                name=link.name,
                terms=link.terms,
                texts=known.texts if known else [],
                notices=known.notices if known else [],
                policies=known.policies if known else [],
            )


def _texts(bearer: Bearer, folder: Path) -> Iterator[dict[str, Any]]:
    """The licence texts and policies of one bearer; a row `missing` where a text is due and not at hand."""
    for d in bearer.texts:
        if d.identified and d.identified.expression:
            name = f"LICENSES/{_file_name(d.identified.expression)}-{d.sha256[:12]}.txt"
            _put(folder / name, d.content)
            yield _row(name, bearer, f"licence text, as found in {d.place}", "written")
    for d in bearer.policies:
        name = f"POLICIES/{d.sha256[:12]}-{_file_name(d.place.path.rsplit('/', 1)[-1])}"
        _put(folder / name, d.content)
        yield _row(name, bearer, "use policy to pass on", "written")
    if not bearer.texts and bearer.terms.expression and bearer.terms.has("notice", "pass-through", "share-alike"):
        yield _row("", bearer, f"the text of {bearer.terms.expression} was not found", "missing")
    if bearer.terms.has("field-of-use") and "policy" in bearer.terms.terms["field-of-use"].value and not bearer.policies:
        yield _row("", bearer, "the use policy that the licence refers to was not found", "missing")


def _duties(terms: Terms) -> Iterator[tuple[str, str]]:
    """What the release has to show or do, beyond carrying files: (what, the sentence that asks for it)."""
    for clause, what in (
        ("naming", "begin the name of what is made from it with `{}`"),
        ("display", "show `{}`"),
        ("pass-through", "bind recipients to the use restrictions"),
        ("share-alike", "license the whole under its terms"),
    ):
        if (t := terms.has(clause)) is not None:
            yield what.format(t.value or "the string that the text names"), t.quote
    if (t := terms.has("notice")) is not None:
        yield "keep its notices and mark changed files", t.quote


def _notices(bearers: list[Bearer], folder: Path) -> list[dict[str, Any]]:
    """One NOTICE.txt of all notices, each once."""
    parts: dict[str, tuple[Bearer, Document]] = {}
    for bearer in bearers:
        for d in bearer.notices:
            parts.setdefault(d.sha256, (bearer, d))
    if not parts:
        return []
    ordered = sorted(parts.values(), key=lambda x: (x[0].name, str(x[1].place)))
    _put(
        folder / "NOTICE.txt",
        "\n\n".join(f"{'=' * 79}\n{b.name} ({d.place})\n{'=' * 79}\n\n{d.content.strip()}" for b, d in ordered) + "\n",
    )
    return [_row("NOTICE.txt", b, f"notice, as found in {d.place}", "written") for b, d in ordered]


def _row(file: str, bearer: Bearer, what: str, status: str, quote: str = "") -> dict[str, Any]:
    return {
        "file": file,
        "what": what,
        "component": bearer.name,
        "license": bearer.terms.expression,
        "status": status,
        "quote": quote or None,
    }


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", text).strip("-.")[:80] or "text"


def _put(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", errors="replace")
