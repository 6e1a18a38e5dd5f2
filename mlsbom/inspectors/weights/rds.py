"""R objects: calls that run commands or load code when an object is used, closures that no package lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.formats import rds
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import METADATA_CODE, seen, state
from mlsbom.judges import marks
from mlsbom.model import Confidence, Name, Phase, Rule, Severity, Shortfall, Status
from mlsbom.patterns import late

CODE = Rule(id="R-CODE", title="An R object holds a call that runs commands or code", severity=Severity.CRITICAL)
CLOSURE = Rule(id="R-CLOSURE", title="An R object carries functions", severity=Severity.LOW)
RULES = (CODE, CLOSURE, METADATA_CODE)

DANGEROUS: Final = frozenset(
    {
        "system",
        "system2",
        "shell",
        "shell.exec",
        "eval",
        "evalq",
        "eval.parent",
        "source",
        "sys.source",
        "dyn.load",
        "library.dynam",
        "download.file",
        "url",
        "socketConnection",
        "pipe",
        "fifo",
        "unlink",
        "file.remove",
        "Sys.setenv",
        "setwd",
        "loadNamespace",
        "install.packages",
        "reg.finalizer",
        ".Call",
        ".External",
        ".C",
        "attachNamespace",
        "writeLines",
        "file.copy",
        "unserialize",
        "readRDS",
        "load",
        "assignInNamespace",
        "makeActiveBinding",
        "delayedAssign",
        "Sys.chmod",
        "curl::curl",
        "httr::GET",
        "processx::run",
    }
)
_STRONG: Final = frozenset(
    {
        "system",
        "system2",
        "shell",
        "shell.exec",
        "pipe",
        "dyn.load",
        "source",
        "sys.source",
        "download.file",
        "socketConnection",
        "install.packages",
    }
)
_LOOSE = late(
    r"(?<![\w.])(?:(\w+):::?)?(system2?|shell(?:\.exec)?|pipe|dyn\.load|source|download\.file|eval\s*\(\s*parse|socketConnection|install\.packages)\s*\(\s*[^)\n]{1,400}"
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one file."""
    read = blob.parsed(rds.read)
    if read.loose is not None:
        yield from _loose(read.loose)
        return
    heads: dict[str, int] = {}
    for call in read.calls:
        heads[call.head] = heads.get(call.head, 0) + 1
        bare = call.head.rsplit(":", 1)[-1]
        text = " ".join(call.texts)
        if bare not in DANGEROUS:
            continue
        hostile = marks.command(text)
        delayed = call.inside in ("promise", "expression", "closure")
        if bare in _STRONG and (delayed or hostile):
            yield CODE.finding(
                f"call of {marks.quote(call.head, 60)} in a {call.inside}: {marks.quote(text, 120)}",
                evidence=seen(offset=call.at),
                phase=Phase.LOAD,
            )
        elif delayed and bare in ("eval", "evalq") and re.search(r"\bparse\b", text):
            yield CODE.finding(
                f"call of {marks.quote(call.head, 60)} on parsed text: {marks.quote(text, 120)}",
                evidence=seen(offset=call.at),
                phase=Phase.LOAD,
            )
        elif bare in _STRONG:
            yield CODE.finding(
                f"a stored call of {marks.quote(call.head, 60)}: {marks.quote(text, 120)}",
                evidence=seen(offset=call.at),
                severity=Severity.HIGH,
                phase=Phase.LOAD,
            )
    closures, promises, code = (read.types.get(t, 0) for t in (3, 5, 21))
    if closures or code:
        yield CLOSURE.finding(f"{closures + code} functions", evidence=seen(), severity=Severity.MEDIUM if promises else None)
    for text in read.texts:
        if found := marks.command(text):
            yield METADATA_CODE.finding(f"a text {found[0]}: {marks.quote(found[1], 120)}", evidence=seen(), sure=Confidence.LOW)
    for head, count in sorted(heads.items()):
        if head:
            yield Name(
                kind="symbol",
                name=marks.quote(head, 200),
                count=count,
                judged="dangerous" if head.rsplit(":", 1)[-1] in _STRONG else "",
                evidence=seen("calls"),
            )
    if read.broken:
        yield Shortfall(status=Status.PARTIAL, reason=read.broken, evidence=seen(offset=read.broken_at))
    yield from state("framework", "r", "stream")
    yield from state("producer_tool", f"R {read.writer}" if read.writer else "", "stream")


def _loose(text: str) -> Iterator[Yield]:
    """A body that is text, not a stream: read as R source."""
    for found in _LOOSE.finditer(text):
        yield CODE.finding(
            f"call text: {marks.quote(found[0], 160)}", evidence=seen(offset=found.start()), phase=Phase.LOAD, sure=Confidence.MEDIUM
        )
