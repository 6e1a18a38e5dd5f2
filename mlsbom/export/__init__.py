"""Documents for machines and people, each made from an assessment alone: `render(assessment, "cyclonedx-json@1.7")` gives bytes."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Final

from mlsbom.errors import UsageError
from mlsbom.model import Assessment

FORMATS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    # name: (module with `render(assessment, version) -> bytes`, versions, the default first)
    "json": ("mlsbom.export.document", ("",)),
    "cyclonedx-json": ("mlsbom.export.cyclonedx.json", ("1.6", "1.5", "1.7")),
    "cyclonedx-xml": ("mlsbom.export.cyclonedx.xml", ("1.6", "1.5", "1.7")),
    "spdx-json": ("mlsbom.export.spdx", ("3.0.1", "2.3")),
    "csv": ("mlsbom.export.csv", ("",)),
    "sarif": ("mlsbom.export.sarif", ("2.1.0",)),
    "openvex": ("mlsbom.export.openvex", ("0.2.0",)),
    "junit": ("mlsbom.export.junit", ("",)),
    "svr": ("mlsbom.export.svr", ("0.2",)),
    "table": ("mlsbom.report.table", ("",)),
    "markdown": ("mlsbom.report.markdown", ("",)),
    "html": ("mlsbom.report.html", ("",)),
}
TRANSLATED: Final = frozenset({"html"})


def choose(spec: str, lang: str = "en") -> tuple[Callable[[Assessment], bytes], str]:
    """The renderer that `FORMAT[@VERSION]` names, and the format's name. UsageError names the known ones."""
    name, _, version = spec.partition("@")
    if name not in FORMATS:
        import difflib

        near = difflib.get_close_matches(name, FORMATS, 1)
        raise UsageError(f"no such format: {name}" + (f"; did you mean {near[0]}?" if near else ""), remedy="one of: " + ", ".join(FORMATS))
    module, versions = FORMATS[name]
    if version and version not in versions:
        raise UsageError(f"{name} has no version {version}", remedy="one of: " + ", ".join(v for v in versions if v))
    render: Callable[..., bytes] = importlib.import_module(module).render
    if name in TRANSLATED:
        return (lambda a: render(a, version or versions[0], lang)), name
    return (lambda a: render(a, version or versions[0])), name


def write(assessment: Assessment, spec: str, path: str | os.PathLike[str], lang: str = "en") -> None:
    """Write one rendering to a file, whole or not at all. Raises UsageError where the format is not known or the file cannot be written."""
    replace(os.fspath(path), choose(spec, lang)[0](assessment))


def replace(path: str, data: bytes) -> None:
    """Put bytes where a file is or will be: under another name first, renamed when whole."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as f:
            f.write(data)
        os.replace(temporary, path)
    except OSError as e:
        raise UsageError(f"{path}: cannot be written: {e.strerror}") from e
