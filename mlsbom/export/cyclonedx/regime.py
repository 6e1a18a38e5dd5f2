"""What regimes ask of a CycloneDX document beyond the common form (specs of the SBOM, section 9): a last step over the tree."""

from __future__ import annotations

from typing import Any, Final

from mlsbom.export.cyclonedx.values import clean, relative, text
from mlsbom.export.index import Index
from mlsbom.formats import FAMILY

Tree = dict[str, Any]
EXECUTABLE: Final = frozenset(
    {"elf", "pe", "macho", "wasm", "java-class", "llamafile", "script", "python", "python-loaded", "shell", "javascript"}
)
UNSTRUCTURED: Final = frozenset({"", "unknown", "empty"})


def apply(tree: Tree, index: Index) -> None:
    """Bring a tree into the form of the assessment's regime, in place."""
    regime = index.assessment.regime
    if regime == "kr-skt":
        tool = index.assessment.survey.tool
        tree["metadata"]["tools"] = [{"vendor": tool.name, "name": tool.name, "version": tool.version}]
    elif regime == "bsi":
        for c in tree["components"]:
            for file in c.get("components") or ():
                _file(file, index)
            names = [f["name"].rpartition("/")[2] for f in c.get("components") or ()]
            if len(names) == 1:
                c["properties"] = [*(c.get("properties") or ()), {"name": "bsi:component:filename", "value": names[0]}]


def _file(file: Tree, index: Index) -> None:
    """TR-03183-2, section 5.2.2: name of the file, and whether it is executable, an archive, structured; its hashes by its distribution."""
    artifact = index.artifacts[file["name"]]
    formats = set(artifact.formats)
    archive = any(FAMILY.get(f) == "archive" for f in formats)
    rows = (
        ("filename", artifact.path.rpartition("/")[2]),
        ("executable", "executable" if formats & EXECUTABLE else "non-executable"),
        ("archive", "archive" if archive else "no archive"),
        ("structured", "unstructured" if not formats - UNSTRUCTURED else "structured"),
    )
    file["properties"] = [*file["properties"], *({"name": f"bsi:component:{name}", "value": text(value)} for name, value in rows)]
    file["externalReferences"] = [clean({"type": "distribution", "url": relative(artifact.path), "hashes": file.get("hashes")})]
