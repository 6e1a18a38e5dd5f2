"""Anomalies of tokenizers: `tokenizer.json`, SentencePiece models. What the SBOM says of
`tokenizer.json` is the documents' part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import protobuf, tokenizer
from mlsbom.inspectors import Context, Yield
from mlsbom.judges import marks
from mlsbom.model import Evidence, Rule, Severity, Shortfall, Statement, Status, Technique
from mlsbom.patterns import late

ANOMALY = Rule(id="TOKENIZER-ANOMALY", title="A tokenizer's special tokens are not what they seem", severity=Severity.LOW)
RULES = (ANOMALY,)

_CONTROL: Final = late("[\x00-\x08\x0b\x0e-\x1f\u200b\u202a-\u202e\u2066-\u2069]")
_NESTED: Final = late(r"\((?:[^()\\]|\\.)*[+*](?:[^()\\]|\\.)*\)[+*]")
_KINDS: Final = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one tokenizer."""
    if "sentencepiece" in context.formats:
        yield from _sentencepiece(blob)
        return
    try:
        read = blob.parsed(tokenizer.read)
    except Malformed as e:
        yield Shortfall(status=Status.PARTIAL, reason=str(e))
        return
    if read.model is None:
        return
    yield from _added(read.added_tokens)
    for name, part in (("pre_tokenizer", bytes(read.pre_tokenizer)), ("normalizer", bytes(read.normalizer))):
        for pattern in re.findall(rb'"Regex"\s*:\s*"((?:[^"\\]|\\.){1,4000})"', part):
            if _NESTED.search(pattern.decode("utf-8", "replace").replace("\\\\", "\\")):
                yield ANOMALY.finding(f"a regular expression of the {name} has nested repetitions", evidence=Evidence(key=name))


def _added(tokens: list[tokenizer.Added]) -> Iterator[Yield]:
    contents: dict[str, int] = {}
    for token in tokens:
        other = contents.get(token.content)
        if other is not None and other != token.id:
            yield ANOMALY.finding(f"the token {marks.quote(token.content, 60)} has two ids", evidence=Evidence(key="added_tokens"))
        contents[token.content] = token.id
        if token.special and _CONTROL.search(token.content):
            yield ANOMALY.finding(
                f"the special token {marks.quote(token.content, 60)} holds control characters", evidence=Evidence(key="added_tokens")
            )
    ids: dict[int, str] = {}
    for token in tokens:
        if token.id in ids and ids[token.id] != token.content:
            yield ANOMALY.finding(f"the id {token.id} has two tokens", evidence=Evidence(key="added_tokens"))
        ids[token.id] = token.content


def _sentencepiece(blob: Blob) -> Iterator[Yield]:
    """A ModelProto: pieces (1) with text (1) and type (3); trainer (2) with type (3)."""
    pieces, kind = 0, 1
    seen: set[bytes] = set()
    double = 0
    try:
        for number, _, value, at in protobuf.fields(blob.parsed(protobuf.view)):
            if number == 1 and not isinstance(value, int):
                pieces += 1
                text = next((bytes(v) for n, _, v, _ in protobuf.fields(value, at) if n == 1 and not isinstance(v, int)), b"")
                double += text in seen
                seen.add(text)
            elif number == 2 and not isinstance(value, int):
                kind = next((v for n, _, v, _ in protobuf.fields(value, at) if n == 3 and isinstance(v, int)), 1)
    except Malformed as e:
        yield Shortfall(status=Status.PARTIAL, reason=str(e), evidence=Evidence(offset=e.offset))
    if double:
        yield ANOMALY.finding(f"{double} pieces occur twice", evidence=Evidence(key="pieces"))
    yield Statement(
        field="tokenizer",
        value={"algorithm": _KINDS.get(kind, "sentencepiece"), "vocabulary": pieces},
        evidence=Evidence(key="pieces", technique=Technique.BINARY),
    )
