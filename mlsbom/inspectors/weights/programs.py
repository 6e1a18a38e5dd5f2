"""Programs among models: native code, scripts under data names, llamafiles with what their texts and their inner model hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.formats import WEIGHT_SUFFIXES
from mlsbom.inspectors import Context, Member, Yield
from mlsbom.inspectors.weights.common import seen, state
from mlsbom.judges import marks
from mlsbom.model import Confidence, Phase, Rule, Severity
from mlsbom.patterns import late

NATIVE = Rule(id="NATIVE-CODE", title="A model repository holds a program", severity=Severity.MEDIUM)
DISGUISED = Rule(id="EXECUTABLE-DISGUISED", title="A program stands under a name of data", severity=Severity.MEDIUM)
PACKAGE = Rule(id="PACKAGE-IN-REPOSITORY", title="An installable package lies among models", severity=Severity.MEDIUM)
RULES = (NATIVE, DISGUISED, PACKAGE)

_DATA_NAMES: Final = WEIGHT_SUFFIXES | {
    "arrow",
    "cbm",
    "cfg",
    "csv",
    "dat",
    "data",
    "gif",
    "html",
    "ini",
    "jinja",
    "jpeg",
    "jpg",
    "json",
    "jsonl",
    "mar",
    "md",
    "mlmodel",
    "model",
    "mp3",
    "mp4",
    "nemo",
    "params",
    "parquet",
    "pdmodel",
    "pdparams",
    "pickle",
    "pmml",
    "png",
    "rda",
    "rds",
    "skops",
    "t7",
    "toml",
    "tsv",
    "txt",
    "ubj",
    "vocab",
    "wav",
    "weights",
    "xml",
    "yaml",
    "yml",
}
_SCRIPTS: Final = late(r"(?:^|/)(?:tools?|scripts?|bin|examples?|docs?|ci|\.github|tests?|build|docker|deploy)/")
_SOURCE: Final = late(
    r"\.(?:py|sh|bash|zsh|pl|rb|js|mjs|cjs|ts|lua|php|awk|tcl|fish|ps1|r|jl)$|(?:^|/)(?:gradlew|configure|mvnw|run|makefile)$"
)
_TEXT: Final = late(rb"[\x20-\x7e\t\n]{16,4000}")
_LOOK: Final = 8 << 20
_PROGRAMS: Final = {
    "elf": "ELF program or library",
    "pe": "Windows program or library",
    "macho": "Mach-O program or library",
    "wasm": "WebAssembly module",
    "java-class": "Java class",
}


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one program or script."""
    path = (context.member or context.path).lower()
    if "zip" in context.formats and path.endswith((".whl", ".egg")):
        yield PACKAGE.finding(f"a {path.rpartition('.')[2]}: it is installed, not loaded, and runs then", evidence=seen(offset=0))
        return
    suffix = path.rsplit("/", 1)[-1].rpartition(".")[2]
    kind = next((f for f in context.formats if f in _PROGRAMS), "script")
    disguised = suffix in _DATA_NAMES and "." in path.rsplit("/", 1)[-1]
    lua = _is_llamafile(blob, path, kind)
    inner = _inner_model(blob, kind)
    if kind == "script":
        head = blob.read_at(0, _LOOK)
        script = head.split(b"\0", 1)[0] if b"\0" in head else head
        if disguised and "markdown" not in context.formats:
            yield DISGUISED.finding(f"a script named like data (.{suffix})", evidence=seen(offset=0), phase=Phase.OTHER)
        elif context.member or inner:
            yield NATIVE.finding("a script in a model archive", evidence=seen(offset=0), severity=Severity.MEDIUM)
        elif not _SOURCE.search(path) and not _SCRIPTS.search(path):
            yield NATIVE.finding("a script", evidence=seen(offset=0), severity=Severity.INFO)
        if (context.member or disguised or inner or lua) and (found := marks.command(script.decode("latin-1"))):
            yield NATIVE.finding(
                f"a script that {found[0]}: {marks.quote(found[1], 120)}",
                evidence=seen(offset=0),
                severity=Severity.HIGH if found[0] != "runs a shell command" else Severity.MEDIUM,
            )
    else:
        rule = DISGUISED if disguised else NATIVE
        yield rule.finding(f"{'a llamafile, an ' if lua else ''}{_PROGRAMS[kind]}", evidence=seen(offset=0))
        if lua or disguised or inner:
            yield from _texts(blob, lua)
    if inner:
        yield Member(name="inner.gguf", blob=blob.window(inner, blob.size - inner, "inner.gguf"), formats=("gguf",))
        yield from state("framework", "llama.cpp", "llamafile")


def _is_llamafile(blob: Blob, path: str, kind: str) -> bool:
    return kind in ("pe", "elf", "macho", "script") and (
        path.endswith(".llamafile") or b"llamafile" in blob.head[:4096] or blob.head.startswith(b"MZqFpD")
    )


def _inner_model(blob: Blob, kind: str) -> int:
    """The offset of a GGUF header inside, 0 where none is near the start or in a zip that stores it (archive rules find that one)."""
    at = 0
    tail = b""
    piece: bytes
    for piece in blob.chunks(1 << 20):
        data = tail + piece
        found = data.find(b"GGUF")
        while found >= 0:
            where = at - len(tail) + found
            if (
                where
                and int.from_bytes(blob.read_at(where + 4, 4), "little") in (1, 2, 3)
                and int.from_bytes(blob.read_at(where + 16, 8), "little") < 1 << 20
            ):
                return where
            found = data.find(b"GGUF", found + 4)
        tail = data[-3:]
        at += len(piece)
        if at >= 64 << 20:
            break
    return 0


def _texts(blob: Blob, lua: bool) -> Iterator[Yield]:
    """Commands among the texts of a wrapper."""
    said = 0
    for run in _TEXT.finditer(blob.read_at(0, _LOOK)):
        text = run[0].decode("latin-1")
        found = marks.command(text)
        if found is None or said >= 5:
            continue
        said += 1
        fetch = re.search(r"\b(?:curl|wget|iwr|invoke-webrequest)\b[^\n]{0,200}https?://", text, re.I)
        strong = found[0] != "runs a shell command" or fetch
        yield NATIVE.finding(
            f"a text in the program {found[0]}: {marks.quote(text, 120)}",
            evidence=seen(offset=run.start()),
            severity=Severity.HIGH if strong else Severity.MEDIUM,
            sure=Confidence.MEDIUM,
        )
