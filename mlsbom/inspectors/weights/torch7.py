"""Torch7 files: texts that Lua would run, names of classes. Source: File.lua of torch7 (type tags 0-8, strings with their length)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import seen, state
from mlsbom.judges import marks
from mlsbom.model import Confidence, Name, Phase, Rule, Severity
from mlsbom.patterns import late

CODE = Rule(id="TORCH7-CODE", title="A Torch7 file holds Lua code that runs commands", severity=Severity.HIGH)
RULES = (CODE,)

_TEXT: Final = late(rb"[\x09\x0a\x0d\x20-\x7e]{12,4000}")
_LUA: Final = late(
    r"\b(?:os\.(?:execute|remove|rename)|io\.(?:popen|open)|loadstring|load|dofile|loadfile|package\.loadlib|ffi\.(?:load|C\.system))\s*\("
)
_BYTECODE: Final = (b"\x1bLJ", b"\x1bLua")
_CLASS: Final = late(rb"(?:torch|nn|cudnn|nngraph|image|optim)\.[A-Z]\w{1,60}")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one file. Tensor bytes hold no runs of text of the length that is looked at."""
    classes: dict[str, int] = {}
    said: set[str] = set()
    tail = b""
    at = 0
    for piece in blob.chunks(4 << 20):
        data = tail + piece
        for match in _CLASS.finditer(data):
            classes[match[0].decode()] = classes.get(match[0].decode(), 0) + 1
        if b"os." in data or b"io." in data or b"load" in data or b"dofile" in data or b"ffi." in data:
            for run in _TEXT.finditer(data):
                text = run[0].decode("latin-1")
                call = _LUA.search(text)
                if call and text not in said and len(said) < 50:
                    said.add(text)
                    yield CODE.finding(
                        f"Lua text: {marks.quote(text[max(0, call.start() - 40) :], 160)}",
                        evidence=seen(offset=at - len(tail) + run.start()),
                        severity=Severity.CRITICAL if marks.command(text) else None,
                        phase=Phase.LOAD,
                        sure=Confidence.MEDIUM,
                    )
        for mark in _BYTECODE:
            if mark in data:
                where = at - len(tail) + data.find(mark)
                if "bytecode" not in said:
                    said.add("bytecode")
                    yield CODE.finding(
                        "compiled Lua functions",
                        evidence=seen(offset=where),
                        severity=Severity.MEDIUM,
                        phase=Phase.LOAD,
                        sure=Confidence.MEDIUM,
                    )
        tail = data[-4096:]
        at += len(piece)
    for name, count in sorted(classes.items()):
        yield Name(kind="class", name=name, count=count, evidence=seen("classes"))
    yield from state("framework", "torch7", "magic")
