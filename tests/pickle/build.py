"""Pickles by hand: opcodes that no pickler writes."""

from __future__ import annotations

from mlsbom.blob import BytesBlob
from mlsbom.budget import Budget
from mlsbom.collect.driver import Driver
from mlsbom.inspection import judge, verdict
from mlsbom.knowledge import Packs
from mlsbom.model import SEVERITY_ORDER, Artifact, Finding, Place, Survey, Target, ToolInfo

PACKS = Packs()


def text(value: str) -> bytes:
    """SHORT_BINUNICODE."""
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def name(module: str, attribute: str) -> bytes:
    """STACK_GLOBAL of two literals."""
    return text(module) + text(attribute) + b"\x93"


def call(module: str, attribute: str, *args: bytes) -> bytes:
    """A whole pickle that calls a name with arguments that are opcodes already."""
    return b"\x80\x04" + name(module, attribute) + b"(" + b"".join(args) + b"tR."


def line_of(data: bytes, path: str = "model.pkl") -> dict[str, object]:
    """What `inspect` says of bytes under a name, without a file."""
    driver, place, blob = Driver(PACKS, sketch=False), Place(path=path), BytesBlob(data, path.rsplit("/", 1)[-1])
    formats = driver.identify(blob, place)
    driver.inspect(blob, place, formats, Budget(len(data)))
    survey = Survey(
        target=Target(uri=path),
        tool=ToolInfo(version="0"),
        artifacts=(Artifact(path=path, size=len(data)),),
        observed=driver.sorted_facts(),
    )
    return judge(path, survey, PACKS)


def verdict_of(data: bytes, path: str = "model.pkl") -> str:
    """The verdict on bytes under a name."""
    return str(line_of(data, path)["verdict"])


def rules_of(data: bytes, path: str = "model.pkl") -> dict[str, str]:
    """The rules that fire on bytes, each with its worst severity."""
    out: dict[str, str] = {}
    findings = line_of(data, path)["findings"]
    assert isinstance(findings, list)
    for finding in findings:
        out.setdefault(finding["rule"], finding["severity"])
    return out


__all__ = ["PACKS", "SEVERITY_ORDER", "Finding", "call", "line_of", "name", "rules_of", "text", "verdict", "verdict_of"]
