"""From files to tensors: one module a container, over the readers of `mlsbom.formats`.

A module has `read(blob, weights)`, which appends tensors to `weights.tensors`, and what cannot be read to `weights.shortfalls`. A file
whose container is not known has no tensors and one shortfall. Nothing is imported, unpickled or run.
"""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from mlsbom.blob import Blob, FileBlob
from mlsbom.errors import Opaque, ReadError, Unreadable, UsageError
from mlsbom.formats.identify import identify
from mlsbom.lineage.tensors import Weights, unique
from mlsbom.lineage.weights.packed import unpack
from mlsbom.lineage.weights.raw import FLOATS, SMALL_INTEGERS
from mlsbom.lineage.weights.scales import apply_by_name

READERS: Final[dict[str, str]] = {
    "safetensors": "safetensors", "gguf": "gguf", "onnx": "onnx", "torchscript": "torch", "torch-zip": "torch", "torch-legacy": "torch",
    "pickle": "torch", "tflite": "tflite", "keras-zip": "hdf5", "hdf5": "hdf5", "npz": "numpy", "npy": "numpy", "paddle": "paddle",
    "tfjs": "tfjs", "json": "tfjs",
}  # fmt: skip
"""Format -> module of this package. The first format of a file that has one is read."""

MAX_FILES: Final = 4096
MAX_DEPTH: Final = 8
_WEIGHT_SUFFIXES: Final = (
    ".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".th", ".jit", ".onnx", ".ort", ".tflite", ".h5", ".hdf5", ".keras", ".npz",
    ".npy", ".pdiparams", ".pdmodel", ".pdparams", ".weights", ".data", ".pkl", ".pickle", ".model", ".json",
)  # fmt: skip


def open_weights(path: str) -> Weights:
    """The weights of a file, or of all weight files of a folder. Raises UsageError where there is nothing at `path`.

    In a folder each tensor's name begins with its file's, where several files hold tensors."""
    weights = Weights()
    try:
        mode = os.stat(path).st_mode
    except OSError as e:
        raise UsageError(f"{path}: {e.strerror}", remedy="name a model file or folder") from e
    if stat.S_ISREG(mode):
        _open_file(path, os.path.basename(path), weights, alone=True)
    elif stat.S_ISDIR(mode):
        _open_folder(path, weights)
    else:
        raise UsageError(f"{path}: neither a file nor a folder")
    return weights


def read_blob(blob: Blob, formats: tuple[str, ...], weights: Weights) -> None:
    """Add the tensors of one blob. Raises ReadError where its container is broken at the root or not known."""
    from mlsbom.lineage.weights.paddle import is_parameters

    module = next((READERS[f] for f in formats if f in READERS), None)
    if module is None and is_parameters(blob):
        module = "paddle"
    if module is None:
        raise Opaque(f"{formats[0] if formats else 'unknown'}: no weights are read from this kind of file")
    own = Weights()
    try:
        importlib.import_module(f"mlsbom.lineage.weights.{module}").read(blob, own)
    finally:
        weights.closers.extend(own.closers)
        weights.left_out.extend(own.left_out)
        weights.shortfalls.extend(own.shortfalls)
        tensors = apply_by_name(unpack(unique(own.tensors), weights))
        for t in tensors:
            if t.dtype in FLOATS or t.dtype in SMALL_INTEGERS or t.dtype not in _INTEGERS:
                weights.tensors.append(t)
            else:
                weights.left_out.append((t.name, _INTEGERS[t.dtype]))


_INTEGERS: Final = {
    "I32": "integer",
    "U32": "integer",
    "I64": "integer",
    "U64": "integer",
    "BOOL": "bool",
    "C64": "complex",
    "C128": "complex",
}


def _open_file(path: str, name: str, weights: Weights, *, alone: bool) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except OSError as e:
        weights.fail(name, Unreadable(f"cannot be opened: {e.strerror}"))
        return
    weights.closers.append(lambda: os.close(descriptor))
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        weights.fail(name, Unreadable("no regular file"))
        return
    blob = SiblingBlob(descriptor, status.st_size, path)
    own = Weights()
    try:
        formats = identify(blob, os.path.basename(path))
        if not alone and not _holds_weights(blob, formats):
            return
        read_blob(blob, formats, own)
    except ReadError as e:
        own.fail(name, e)
    _adopt(weights, own, "" if alone else name)


def _holds_weights(blob: SiblingBlob, formats: tuple[str, ...]) -> bool:
    """Whether a file of a folder is one to read: of JSON only manifests of weights are."""
    from mlsbom.lineage.weights.paddle import is_parameters
    from mlsbom.lineage.weights.tfjs import is_manifest

    if formats[:1] == ("json",):
        return is_manifest(blob)
    if is_parameters(blob):  # read with its program, where that is here
        return not os.path.exists(os.path.join(blob.folder, blob.name.rsplit(".", 1)[0] + ".pdmodel"))
    return any(f in READERS for f in formats)


def _adopt(weights: Weights, own: Weights, prefix: str) -> None:
    weights.closers.extend(own.closers)
    weights.shortfalls.extend(own.shortfalls)
    lead = f"{prefix}:" if prefix else ""
    weights.left_out.extend((lead + name, why) for name, why in own.left_out)
    weights.tensors.extend(replace(t, name=lead + t.name) for t in own.tensors)


class SiblingBlob(FileBlob):
    """A file that can open others of its own folder: external data of ONNX, shards of TF.js, parameters beside a Paddle program."""

    def __init__(self, descriptor: int, size: int, path: str) -> None:
        super().__init__(descriptor, size, os.path.basename(path))
        self.folder = os.path.dirname(os.path.abspath(path))

    def sibling(self, name: str, weights: Weights) -> Blob:
        """Another file of the folder, by a plain relative name. Raises Unreadable for one that is not there or leads out."""
        parts = name.replace("\\", "/").split("/")
        path = os.path.join(self.folder, *parts)
        if (
            name.startswith("/")
            or ".." in parts
            or os.path.realpath(path) != os.path.join(os.path.realpath(self.folder), *(p for p in parts if p != "."))
        ):
            raise Unreadable(f"{name}: leads out of the model's folder")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        except OSError as e:
            raise Unreadable(f"{name}: {e.strerror}") from e
        weights.closers.append(lambda: os.close(descriptor))
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{name}: no regular file")
        return FileBlob(descriptor, status.st_size, os.path.basename(name))


def sibling_of(blob: Blob, name: str, weights: Weights) -> Blob:
    """A file beside this one. Raises Unreadable where the blob has no folder (a member of an archive) or there is no such file."""
    if not isinstance(blob, SiblingBlob):
        raise Unreadable(f"{name}: stands in another file, which cannot be reached from here")
    return blob.sibling(name, weights)


class Joined(Blob):
    """Several blobs, one after another, as one."""

    def __init__(self, parts: list[Blob], name: str) -> None:
        super().__init__(name, sum(p.size for p in parts))
        self.parts = parts

    def _read(self, offset: int, length: int) -> bytes:
        out = []
        for part in self.parts:
            if length > 0 and offset < part.size:
                piece = part.read_at(offset, length)
                out.append(piece)
                offset, length = 0, length - len(piece)
            else:
                offset -= part.size
        return b"".join(out)


def _open_folder(root: str, weights: Weights) -> None:
    files = list(_weight_files(root, weights))
    parts: list[tuple[str, Weights]] = []
    for relative in files:
        own = Weights()
        _open_file(os.path.join(root, relative), relative, own, alone=False)
        parts.append((relative, own))
    several = sum(bool(own.tensors) for _, own in parts) > 1
    for relative, own in parts:
        lead = f"{relative}:"
        if not several:
            own.tensors = [replace(t, name=t.name.removeprefix(lead)) for t in own.tensors]
        _adopt(weights, own, "")
    if not weights.tensors and not weights.shortfalls:
        weights.fail(".", Opaque("the folder holds no weights of a known container"))


def _weight_files(root: str, weights: Weights) -> Iterator[str]:
    """Relative paths of files that may hold weights, sorted; links are not followed out of the folder."""
    found: list[str] = []
    real = os.path.realpath(root)
    for folder, folders, names in os.walk(root):
        depth = os.path.relpath(folder, root).count(os.sep) + 1
        folders[:] = sorted(f for f in folders if not f.startswith(".")) if depth < MAX_DEPTH else []
        for name in names:
            path = os.path.join(folder, name)
            inside = (
                os.path.realpath(path).startswith(real + os.sep) or os.path.basename(os.path.dirname(os.path.realpath(path))) == "blobs"
            )
            if inside and (name.lower().endswith(_WEIGHT_SUFFIXES) or "." not in name):
                found.append(os.path.relpath(path, root))
    if len(found) > MAX_FILES:
        weights.shortfalls.append((".", "partial", f"{len(found)} files that may hold weights: the first {MAX_FILES} were read"))
    yield from sorted(found)[:MAX_FILES]
