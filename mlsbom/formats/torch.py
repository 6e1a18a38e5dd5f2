"""PyTorch's files: zip archives (torch.save since 1.6, TorchScript, torch.package), the legacy layout, plain pickles of tensors.

Names, shapes, dtypes and the places of tensors come from the pickle alone; no tensor byte is read.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from mlsbom.blob import Blob
from mlsbom.budget import Budget
from mlsbom.errors import Malformed, ReadError
from mlsbom.formats.pickle import Call, Dict, Name, Persistent, Stream, Value, read_pickles
from mlsbom.formats.pickle.arrays import dtype_of
from mlsbom.formats.pickle.storages import NAMED_DTYPES, Storage, legacy_keys, storage_of, storages
from mlsbom.formats.zip import Directory, Entry, read_zip
from mlsbom.formats.zip import sniff as is_zip
from mlsbom.formats.zip_members import contents

REBUILDERS: Final = frozenset({"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor"})
WRAPPERS: Final = frozenset({"_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_wrapper_subclass"})
PICKLE_LIMIT: Final = 512 << 20
DEPTH: Final = 64


class Tensor(Struct, frozen=True, kw_only=True):
    """A tensor by what its pickle says. `offset` and `stride` count elements in storage `key`; `at`: where its storage's bytes start in the
    file, or None where they are packed or elsewhere; `size`: bytes of all its elements."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    itemsize: int
    key: str = ""
    offset: int = 0
    stride: tuple[int, ...] = ()
    at: int | None = None

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def contiguous(self) -> bool:
        """Whether its elements stand one after the other in C order."""
        step = 1
        for n, s in zip(reversed(self.shape), reversed(self.stride), strict=False):
            if n != 1 and s != step:
                return False
            step *= n
        return True


class TorchFile(Struct, frozen=True, kw_only=True):
    """A file of tensors. `layout`: zip, script, package, legacy, pickle; `root`: the folder inside the archive; `stream`: the object's
    pickle; `storages`: by key; `big_endian`: as the archive says; `complete`: every storage is there with its whole size."""

    layout: str
    stream: Stream | None
    tensors: tuple[Tensor, ...]
    storages: dict[str, Storage]
    root: str = ""
    version: str = ""
    big_endian: bool = False
    complete: bool = True


def root_of(directory: Directory) -> str | None:
    """The folder of a torch archive: where a `data.pkl` stands, with the slash; None where there is none."""
    return next((e.name[: -len("data.pkl")] for e in directory.entries if e.name == "data.pkl" or e.name.endswith("/data.pkl")), None)


def is_torch_zip(directory: Directory) -> bool:
    """Whether an archive is torch's: a `data.pkl` with a `version`, `.data/version`, `byteorder`, `constants.pkl` or storages beside it."""
    root = root_of(directory)
    if root is None:
        return False
    return any(
        e.name.startswith(root) and e.name[len(root) :].startswith(("version", "byteorder", "constants.pkl", "data/", ".data/", "code/"))
        for e in directory.entries
    )


def layout_of(directory: Directory) -> str:
    """`script` where TorchScript code is inside, `package` for torch.package, else `zip`."""
    root = root_of(directory) or ""
    names = {e.name[len(root) :] for e in directory.entries if e.name.startswith(root)}
    if "constants.pkl" in names or any(n.startswith("code/") for n in names):
        return "script"
    return "package" if names & {".data/extern_modules", ".data/python_version", ".data/version"} else "zip"


def read_torch(blob: Blob) -> TorchFile:
    """The tensors of a torch file of any layout. Raises ReadError where the blob is none or its pickle cannot be had."""
    if not blob.head.startswith(b"\x80") and is_zip(blob):
        return _read_archive(blob)
    pickles = blob.parsed(read_pickles)
    if not pickles.streams:
        raise Malformed("no pickle")
    if pickles.legacy:
        stream = pickles.streams[3] if len(pickles.streams) > 3 else None
        known = storages(stream) if stream else {}
        places = _legacy_places(blob, list(pickles.streams), known, pickles.storages_at)
        return TorchFile(
            layout="legacy",
            stream=stream,
            storages=known,
            tensors=tensors_of(stream, places) if stream else (),
            complete=len(places) == len(known),
        )
    stream = pickles.streams[0]
    if stream.problem and not stream.names:
        raise Malformed(f"no pickle: {stream.problem}", offset=stream.problem_at)
    return TorchFile(layout="pickle", stream=stream, storages=storages(stream), tensors=tensors_of(stream, {}))


def _legacy_places(blob: Blob, streams: list[Stream], known: dict[str, Storage], at: int | None) -> dict[str, int]:
    """Where each storage's bytes start; as far as the file goes."""
    places: dict[str, int] = {}
    for key in legacy_keys(streams) or ():
        if at is None or key not in known or at + 8 + known[key].size > blob.size:
            break
        places[key] = at + 8
        at += 8 + known[key].size
    return places


def _read_archive(blob: Blob) -> TorchFile:
    directory = blob.parsed(read_zip)
    root = root_of(directory)
    entry = directory.find(f"{root}data.pkl") if root is not None else None
    if root is None or entry is None:
        raise Malformed("a zip archive without data.pkl")
    stream = pickle_of(blob, entry)
    known = storages(stream)
    places, complete = _archive_places(directory, root, known)
    return TorchFile(
        layout=layout_of(directory),
        root=root,
        stream=stream,
        storages=known,
        tensors=tensors_of(stream, places),
        complete=complete,
        version=_small(blob, directory, root + "version"),
        big_endian=_small(blob, directory, root + "byteorder") == "big",
    )


def pickle_of(blob: Blob, entry: Entry) -> Stream:
    """The first pickle of a member."""
    if entry.size > PICKLE_LIMIT:
        raise Malformed(f"a pickle of {entry.size} bytes inside an archive")
    content = contents(blob, entry, Budget(blob.size))[0]
    streams = content.blob.parsed(read_pickles).streams
    if not streams:
        raise Malformed(f"no pickle in {entry.name}")
    return streams[0]


def _small(blob: Blob, directory: Directory, name: str) -> str:
    entry = directory.find(name)
    if entry is None or entry.size > 64:
        return ""
    try:
        return contents(blob, entry, Budget(64))[0].blob.data(64).decode("ascii", "replace").strip()
    except ReadError:
        return ""


def _archive_places(directory: Directory, root: str, known: dict[str, Storage]) -> tuple[dict[str, int], bool]:
    """Where storages stand that are stored as they are, and whether all are there with enough bytes."""
    by_name = {e.name: e for e in directory.entries}
    places: dict[str, int] = {}
    complete = True
    for key, storage in known.items():
        entry = by_name.get(f"{root}data/{key}")
        complete = complete and entry is not None and entry.size >= storage.size
        if entry is not None and entry.stored and entry.data is not None:
            places[key] = entry.data
    return places, complete


def tensors_of(stream: Stream, places: dict[str, int]) -> tuple[Tensor, ...]:
    """All tensors that the object of a pickle holds, each named by its path of keys and attributes, in order; shared ones once a name."""
    out: list[Tensor] = []
    seen: set[int] = set()
    work: list[tuple[str, Value, int]] = [("", stream.result, 0)]
    while work:
        path, value, depth = work.pop()
        tensor = tensor_of(value, path, places)
        if tensor is not None:
            out.append(tensor)
            continue
        if depth > DEPTH or id(value) in seen or not isinstance(value, Call | Dict | list | tuple):
            continue
        seen.add(id(value))
        work.extend(reversed([(f"{path}.{k}" if path and k else path + k, v, depth + 1) for k, v in _inside(value)]))
    return tuple(out)


def _inside(value: Value) -> list[tuple[str, Value]]:
    """Named children: keys of dictionaries, attributes of instances; modules' own levels (`_parameters`) are left out of the path."""
    if isinstance(value, list | tuple):
        return [(str(i), v) for i, v in enumerate(value) if isinstance(v, Call | Dict | list | tuple)]
    pairs = list(value.pairs)
    if isinstance(value, Call):
        for state in value.state:
            for part in state if isinstance(state, tuple) else (state,):
                if isinstance(part, Dict):
                    pairs += part.pairs
        if isinstance(value.args, tuple):
            if (
                len(value.args) == 1
                and isinstance(value.args[0], list)
                and all(isinstance(p, list | tuple) and len(p) == 2 for p in value.args[0])
            ):
                pairs += [(p[0], p[1]) for p in value.args[0]]  # OrderedDict([[key, value], ...]), as Python 2 wrote it
            else:
                pairs += [("", v) for v in value.args if isinstance(v, Call | Dict | list | tuple)]
        pairs += [(str(i), v) for i, v in enumerate(value.items) if isinstance(v, Call | Dict | list | tuple)]
    return [
        ("" if k in ("_parameters", "_buffers", "_modules") else k if isinstance(k, str) else str(k) if isinstance(k, int) else "?", v)
        for k, v in pairs
    ]


def tensor_of(value: Value, name: str, places: dict[str, int]) -> Tensor | None:
    """The tensor that a rebuild call makes, parameters and subclasses looked through; a numpy array by its BUILD; else None."""
    for _ in range(8):
        if not isinstance(value, Call) or not isinstance(value.fn, Name) or value.fn.computed or not isinstance(value.args, tuple):
            return None
        args, called = value.args, value.fn.name
        if value.fn.module == "torch._tensor" and called == "_rebuild_from_type_v2" and len(args) > 2 and isinstance(args[2], tuple):
            value = Call(args[0], args[2], "reduce", value.offset)
        elif value.fn.module in ("torch._utils", "torch.nn.parameter") and called in WRAPPERS and args:
            value = args[0]
        else:
            break
    if value.fn.module.startswith("numpy") or value.fn.name == "NumpyArrayWrapper":
        return _array(value, name)
    if value.fn.module != "torch._utils":
        return None
    if called == "_rebuild_meta_tensor_no_storage" and len(args) >= 2:
        return _shaped(name, _named_dtype(args[0]), args[1])
    if called not in REBUILDERS or len(args) < 4:
        return None
    pid = args[0]
    storage = storage_of(pid.pid) if isinstance(pid, Persistent) else None
    dtype = (storage.dtype, storage.itemsize) if storage else ("?", 0)
    if called == "_rebuild_tensor_v3" and len(args) > 6:
        dtype = _named_dtype(args[6]) or dtype
    return _shaped(name, dtype, args[2], storage=storage, offset=args[1], stride=args[3], at=places.get(storage.key) if storage else None)


def _named_dtype(value: Value) -> tuple[str, int] | None:
    return NAMED_DTYPES.get(value.name) if isinstance(value, Name) and value.module == "torch" and isinstance(value.name, str) else None


def _sizes(value: Value) -> tuple[int, ...] | None:
    """A shape: a tuple of numbers, or `torch.Size` of one."""
    if isinstance(value, Call) and isinstance(value.args, tuple) and len(value.args) == 1:
        value = value.args[0]
    if isinstance(value, tuple | list) and all(isinstance(n, int) and 0 <= n < 1 << 62 for n in value):
        return tuple(value)
    return None


def _shaped(
    name: str,
    dtype: tuple[str, int] | None,
    shape: Value,
    *,
    storage: Storage | None = None,
    offset: Value = 0,
    stride: Value = (),
    at: int | None = None,
) -> Tensor | None:
    sizes, steps = _sizes(shape), _sizes(stride)
    if sizes is None:
        return None
    code, itemsize = dtype or ("?", 0)
    return Tensor(
        name=name,
        dtype=code,
        shape=sizes,
        itemsize=itemsize,
        key=storage.key if storage else "",
        offset=offset if isinstance(offset, int) else 0,
        stride=steps or (),
        at=at,
    )


_NUMPY: Final = {
    "f8": "F64",
    "f4": "F32",
    "f2": "F16",
    "i8": "I64",
    "i4": "I32",
    "i2": "I16",
    "i1": "I8",
    "u8": "U64",
    "u4": "U32",
    "u2": "U16",
    "u1": "U8",
    "b": "BOOL",
    "c8": "C64",
    "c16": "C128",
    "?": "BOOL",
}


def numpy_dtype(code: str, size: int) -> str:
    """The spelling of safetensors for numpy's `f4` and the like; numpy's own where it has none."""
    return _NUMPY.get(code, f"{code}{size}" if code in ("U", "S", "V") else code)


def _array(call: Call, name: str) -> Tensor | None:
    """A numpy array by the state of its BUILD: (version, shape, dtype, fortran, bytes)."""
    wrapped = next((s for s in call.state if isinstance(s, Dict)), None)
    if wrapped is not None and isinstance(call.fn, Name) and call.fn.name == "NumpyArrayWrapper":  # joblib's
        dtype = dtype_of(wrapped.get("dtype"))
        return _shaped(name, (numpy_dtype(dtype.code, dtype.size), dtype.size) if dtype else None, wrapped.get("shape"))
    state = next((s for s in call.state if isinstance(s, tuple) and len(s) == 5), None)
    if state is None or not isinstance(call.fn, Name) or call.fn.name != "_reconstruct":
        return None
    dtype = dtype_of(state[2])
    return _shaped(name, (numpy_dtype(dtype.code, dtype.size), dtype.size) if dtype else None, state[1])
