"""Core ML: custom layers and what their parameters hold, paths that leave the package; author, licence, version, inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlsbom.blob import Blob
from mlsbom.formats import coreml, json
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import METADATA_CODE, seen, state, text_finding
from mlsbom.judges import marks
from mlsbom.judges.outside import leads_out
from mlsbom.model import LicenseClaim, Name, Phase, Rule, Severity, Shortfall, Status

CUSTOM = Rule(id="COREML-CUSTOM-LAYER", title="A Core ML model needs a class of its host application", severity=Severity.MEDIUM)
PATH = Rule(id="COREML-PATH", title="A Core ML model names a file outside its package", severity=Severity.HIGH)
RULES = (CUSTOM, PATH, METADATA_CODE)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of a model or of the manifest of a package."""
    if "json" in context.formats:
        yield from _manifest(blob)
        return
    read = blob.parsed(coreml.read)
    for custom in read.custom:
        yield Name(kind="layer", name=custom.class_name, judged="unknown", evidence=seen("custom", offset=custom.at))
        run = next(((k, t) for k, t in custom.parameters if marks.fetches_and_runs(t) or marks.command(t)), None)
        shown = marks.quote(custom.class_name, 100)
        if run:
            yield CUSTOM.finding(
                f"custom class {shown} with the command {marks.quote(run[1], 120)} as parameter {marks.quote(run[0], 60)}",
                evidence=seen("custom", offset=custom.at),
                severity=Severity.HIGH,
                phase=Phase.LOAD,
            )
        else:
            yield CUSTOM.finding(f"custom class {shown}", evidence=seen("custom", offset=custom.at), phase=Phase.LOAD)
            for key, text in custom.parameters:
                yield from text_finding(f"parameter {marks.quote(key, 60)} of {shown}", text, evidence=seen(key, offset=custom.at))
    for path, at in read.paths:
        if out := leads_out(path):
            yield PATH.finding(f"{marks.quote(path, 160)}: the path {out[1]}", evidence=seen(offset=at), severity=out[0], phase=Phase.LOAD)
    for key, text in read.metadata.items():
        yield from text_finding(f"metadata {marks.quote(key, 60)}", text)
    if read.broken:
        yield Shortfall(status=Status.PARTIAL, reason=read.broken, evidence=seen(offset=read.broken_at))
    yield from state("framework", "coreml", "specificationVersion")
    yield from state("format_version", f"Core ML specification {read.version}", "specificationVersion")
    yield from state("description", read.description, "metadata.shortDescription")
    yield from state("version", read.model_version, "metadata.versionString")
    yield from state("author", read.author, "metadata.author")
    if read.license:
        yield LicenseClaim(value=read.license[:2000], origin="metadata", part="model", about="file", evidence=seen("metadata.license"))
    for kind in read.kinds[:50]:
        yield from state("architecture_family", kind, "Type")
    for field, many in (("input", read.inputs), ("output", read.outputs)):
        for one in many[:200]:
            yield from state(field, one, f"description.{field}")
    tool = read.metadata.get("com.github.apple.coremltools.version")
    yield from state("producer_tool", f"coremltools {tool}" if tool else "", "com.github.apple.coremltools.version")
    yield from state("hint_name", read.metadata.get("com.github.apple.coremltools.source"), "com.github.apple.coremltools.source")


def _manifest(blob: Blob) -> Iterator[Yield]:
    root: Any = blob.parsed(json.read).value
    entries = root.get("itemInfoEntries") if isinstance(root, dict) else None
    for key, entry in entries.items() if isinstance(entries, dict) else ():
        path = entry.get("path") if isinstance(entry, dict) else None
        if isinstance(path, str) and (out := leads_out(path)):
            yield PATH.finding(f"{marks.quote(path, 160)}: the path {out[1]}", evidence=seen(str(key)), severity=out[0], phase=Phase.LOAD)
