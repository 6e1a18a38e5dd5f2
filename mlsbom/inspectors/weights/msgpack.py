"""MessagePack checkpoints (flax, orbax): impossible lengths, Python objects, text that would run; tensors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.formats import msgpack
from mlsbom.formats.tensors import main_dtype
from mlsbom.inspectors import Context, Member, Yield
from mlsbom.inspectors.weights.common import METADATA_CODE, seen, state
from mlsbom.judges import marks
from mlsbom.model import Confidence, Rule, Severity, Shortfall, Status
from mlsbom.patterns import late

BOUNDS = Rule(id="MSGPACK-BOUNDS", title="A length in a MessagePack file is impossible", severity=Severity.HIGH)
OBJECT = Rule(id="MSGPACK-OBJECT", title="A MessagePack checkpoint holds what is no array", severity=Severity.MEDIUM)
CODE = Rule(id="MSGPACK-CODE", title="A MessagePack checkpoint holds code under a key that names code", severity=Severity.HIGH)
RULES = (BOUNDS, OBJECT, CODE, METADATA_CODE)

_CODE_KEY: Final = late(
    r"(?:^|/)(?:.*_)?(?:transform|code|fn|func|function|lambda|callable|hook|init|exec|eval|script|command|cmd|__reduce__|__\w+__)(?:_\w+)?$",
    re.I,
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one file."""
    read = blob.parsed(msgpack.read)
    for why, at in read.bounds[:20]:
        yield BOUNDS.finding(why, evidence=seen(offset=at))
    for path in read.objects[:20]:
        yield OBJECT.finding(f"an array of Python objects at {marks.quote(path, 100)}", evidence=seen(marks.quote(path, 100)))
    for kind, count in sorted(read.extensions.items()):
        yield OBJECT.finding(f"{count} values of extension type {kind}", evidence=seen(), severity=Severity.LOW)
    for path, text in read.texts:
        found = marks.hostile(text)
        if found is None:
            continue
        what, piece = found
        named = _CODE_KEY.search(path) is not None
        yield (CODE if named else METADATA_CODE).finding(
            f"{marks.quote(path, 80)} holds text that {what}: {marks.quote(piece, 120)}",
            evidence=seen(marks.quote(path, 100)),
            sure=Confidence.MEDIUM if named else Confidence.LOW,
        )
    if read.broken:
        yield Shortfall(status=Status.PARTIAL, reason=read.broken, evidence=seen(offset=read.broken_at))
    elif read.trailing > 1 and (hidden := marks.sniff(blob.read_at(read.trailing_at, 4096))):
        yield OBJECT.finding(f"{read.trailing} bytes behind the document begin like a {hidden}", evidence=seen(offset=read.trailing_at))
        yield Member(name="trailing", blob=blob.window(read.trailing_at, read.trailing, "trailing"))
    if len(read.tensors):
        table = read.tensors.table()
        yield table
        yield from state("parameters", table.parameters, "arrays")
        yield from state("dtype", main_dtype(table), "arrays")
        yield from state("framework", "flax", "arrays")
