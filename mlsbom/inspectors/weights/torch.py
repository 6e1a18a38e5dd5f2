"""PyTorch archives: tensors for the SBOM, storages against members, TorchScript's operators on files and processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import ReadError
from mlsbom.formats.torch import TorchFile, layout_of, read_torch, root_of
from mlsbom.formats.zip import Directory, read_zip
from mlsbom.formats.zip_members import contents
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.tensors import about_tensors, table_of
from mlsbom.judges.callables import describe
from mlsbom.model import Evidence, Finding, Name, Rule, Severity, Statement, Technique
from mlsbom.patterns import late

STORAGE = Rule(
    id="TORCH-STORAGE-SIZE",
    title="A storage of a torch archive is missing or not of the size that the pickle says",
    severity=Severity.MEDIUM,
)
OPERATOR = Rule(
    id="TORCHSCRIPT-OPERATOR", title="TorchScript code works on files or calls an operator of a foreign library", severity=Severity.MEDIUM
)
RULES = (STORAGE, OPERATOR)
CODE_LIMIT: Final = 16 << 20
_FILE_OPERATORS: Final = late(r"(?<![\w.])(?:torch|ops\.aten|ops\.prim)\.(?:save|load|from_file|file|open|system)\(")
_NAMESPACES: Final = late(r"(?<![\w.])ops\.([A-Za-z_]\w*)\.([A-Za-z_]\w*)\(")
_KNOWN: Final = frozenset({"aten", "prim", "prims", "quantized", "quantized_decomposed", "torchvision", "torchaudio", "inductor",
    "mkldnn", "mkldnn_prepacked", "onednn", "xnnpack", "prepacked", "sparse", "_quantized", "profiler",
                           "static_runtime", "torch_scatter", "torch_sparse", "torch_cluster", "torch_spline_conv", "fbgemm", "metal",
                           "vulkan_prepack", "internal", "rngprims", "debugprims", "c10d", "c10d_functional",
                           "_c10d_functional"})  # fmt: skip
"""Operator namespaces that come with torch or its own domain libraries."""


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Tensors and statements of an archive; mismatched storages; TorchScript operators that need a look."""
    directory = blob.parsed(read_zip)
    if root_of(directory) is None:
        yield from _code(blob, directory, context)
        return
    seen = Evidence(offset=0, technique=Technique.BINARY, confidence=0.95)
    yield Statement(field="framework", value="pytorch", about="file", evidence=seen)
    read = blob.parsed(read_torch)
    if read.version:
        yield Statement(field="format_version", value=f"torch archive {read.version}", about="file", evidence=seen)
    made = table_of(read.tensors)
    if made is not None:
        yield made
        yield from about_tensors(read.tensors)
    yield from _storages(directory, read)
    if layout_of(directory) != "zip":
        yield from _code(blob, directory, context)


def _storages(directory: Directory, read: TorchFile) -> Iterator[Finding]:
    """Storages whose member is absent or has another size."""
    sizes = {e.name: e.size for e in directory.entries}
    for key, storage in sorted(read.storages.items()):
        name = f"{read.root}data/{key}"
        if name not in sizes:
            name = next(
                (
                    n
                    for n in (
                        f"{read.root}tensors/{key}",
                        f"{read.root}constants/{key}",
                        f"{read.root}{key}",
                        f"{read.root}.data/{key}.storage",
                    )
                    if n in sizes
                ),
                name,
            )
        if sizes.get(name) != storage.size:
            has = f"has {sizes[name]}" if name in sizes else "is missing"
            yield STORAGE.finding(
                f"{describe(name, 120)} should have {storage.size} bytes and {has}",
                evidence=Evidence(key=describe(name, 120), technique=Technique.BINARY, confidence=1.0),
            )
            return


def _code(blob: Blob, directory: Directory, context: Context) -> Iterator[Yield]:
    """TorchScript's `code/**.py`: calls of operators on files, and of operators of namespaces that torch does not bring."""
    used: dict[str, Evidence] = {}
    for entry in directory.entries:
        if "code/" not in entry.name or not entry.name.endswith(".py") or entry.size > CODE_LIMIT:
            continue
        try:
            text = contents(blob, entry, context.budget)[0].blob.text(CODE_LIMIT)
        except ReadError:
            continue  # told where the archive is read
        for found in _FILE_OPERATORS.finditer(text):
            where = Evidence(
                key=describe(entry.name, 200), line=text.count("\n", 0, found.start()) + 1, technique=Technique.SOURCE, confidence=0.9
            )
            line = text[text.rfind("\n", 0, found.start()) + 1 : text.find("\n", found.start())]
            yield OPERATOR.finding(f"{describe(entry.name, 100)}: {describe(line.strip(), 120)}", evidence=where)
        for found in _NAMESPACES.finditer(text):
            used.setdefault(
                f"{found[1]}.{found[2]}",
                Evidence(
                    key=describe(entry.name, 200), line=text.count("\n", 0, found.start()) + 1, technique=Technique.SOURCE, confidence=0.9
                ),
            )
    for name, where in sorted(used.items()):
        known = name.split(".")[0] in _KNOWN
        yield Name(kind="operator", name=name, use="called", judged="" if known else "unknown", evidence=where)
        if not known:
            yield OPERATOR.finding(f"calls ops.{name}, an operator of a library that torch does not bring", evidence=where)
