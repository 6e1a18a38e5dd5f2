"""Licence texts, notices and use policies: which licence they are, and the text itself, so that other packs can be asked later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mlsbom.inspectors import Context, Yield
from mlsbom.model import Evidence, LicenseClaim, Rule, Severity, Shortfall, Status, Technique, Text
from mlsbom.patterns import late

if TYPE_CHECKING:
    from mlsbom.blob import Blob

UNREADABLE = Rule(id="LICENSE-TEXT-UNREADABLE", title="A licence file holds no licence text", severity=Severity.MEDIUM)
RULES: tuple[Rule, ...] = (UNREADABLE,)

LIMIT: Final = 2 << 20
"""Bytes of a text that are kept whole (the design: texts up to 2 MB, once by digest)."""
_NOTICE = late(r"^(notices?\b|third[-_]?party)")
_POLICY = late(r"use[-_]?policy|aup\b|prohibited[-_]use|acceptable[-_]use")
_MODEL = late(r"licen[sc]e[-_.]?(?:models?|weights)\b|(?:models?|weights)[-_]licen[sc]e|licen[sc]e[-_]models|modelscommunitylicen")
_CODE = late(r"licen[sc]e[-_.]code\b|code[-_]licen[sc]e")
_DATA = late(r"licen[sc]e[-_.]data(?:set)?\b|data(?:set)?[-_]licen[sc]e")
_SOURCE = late(r"\.(?:py|js|ts|c|h|cpp|rs|go|java|json|yaml|yml|toml|svg|png|css|ipynb)$")


def kind_of(name: str) -> str:
    """license, notice or policy, by the base name."""
    low = name.lower()
    return "notice" if _NOTICE.match(low) else "policy" if _POLICY.search(low) else "license"


def part_of(name: str) -> str:
    """model, code, dataset, or "" where the name does not say."""
    low = name.lower()
    return "model" if _MODEL.search(low) else "code" if _CODE.search(low) else "dataset" if _DATA.search(low) else ""


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The text and what it is; a finding with its reason where the file holds none."""
    from mlsbom.licenses.identify import identify_text
    from mlsbom.licenses.text import Gap, prepare

    base = (context.member or context.path or blob.name).rsplit("/", 1)[-1]
    if _SOURCE.search(base.lower()):
        return
    data = blob.data() if blob.size <= LIMIT else blob.read_at(0, LIMIT // 2) + b"\n\n" + blob.read_at(blob.size - LIMIT // 2, LIMIT // 2)
    if blob.size > LIMIT:
        yield Shortfall(status=Status.PARTIAL, reason=f"a licence text of {blob.size} bytes: its first and last {LIMIT // 2} were read")
    context.budget.check()
    text = prepare(data)
    kind = kind_of(base)
    if isinstance(text, Gap):
        yield UNREADABLE.finding(
            f"{base} holds no licence text: {text.reason}",
            evidence=Evidence(technique=Technique.BINARY, confidence=1.0),
            data=(("reason", text.reason),),
        )
        return
    digest = hashlib.sha256(data).hexdigest()
    yield Text(kind=kind, sha256=digest, content="\n".join(text.raw))
    if kind != "license":
        return
    found = identify_text(text, context.packs)
    if found.expression is None:
        yield UNREADABLE.finding(
            f"{base} holds no licence text: {found.why}",
            evidence=Evidence(technique=Technique.BINARY, confidence=0.9),
            data=(("reason", found.why),),
        )
        return
    yield LicenseClaim(
        value=found.expression,
        role="observed",
        part=part_of(base),
        origin="file",
        name=found.title[:200] or None if found.expression.startswith("LicenseRef-") else None,
        text_sha256=digest,
        evidence=Evidence(
            line=1, technique=Technique.BINARY, confidence=max((f.score for f in found.licenses), default=0.0), note=found.why[:400] or None
        ),
    )
