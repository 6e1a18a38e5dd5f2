"""Torch's storages, as pickles refer to them. Source: torch.serialization (persistent_save, _legacy_load)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from mlsbom.formats.pickle.values import Name, Stream, Value

MAGIC: Final = 0x1950A86A20F9469CFC6C
"""The first pickle of torch's legacy layout."""
LEGACY_PICKLES: Final = 5
"""Magic, protocol, system information, the object, the list of storage keys; then, a storage: its count in 8 bytes and its raw bytes."""
DTYPES: Final[dict[str, tuple[str, int]]] = {
    "DoubleStorage": ("F64", 8), "FloatStorage": ("F32", 4), "HalfStorage": ("F16", 2), "BFloat16Storage": ("BF16", 2),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4), "ShortStorage": ("I16", 2), "CharStorage": ("I8", 1), "ByteStorage": ("U8", 1), "BoolStorage": ("BOOL", 1),
    "ComplexFloatStorage": ("C64", 8), "ComplexDoubleStorage": ("C128", 16), "QInt8Storage": ("QI8", 1), "QUInt8Storage": ("QU8", 1),
    "QInt32Storage": ("QI32", 4), "QUInt4x2Storage": ("QU4x2", 1), "QUInt2x4Storage": ("QU2x4", 1), "UntypedStorage": ("U8", 1),
}  # fmt: skip
"""By class of storage: dtype in the spelling of safetensors where it has one, and bytes an element."""
NAMED_DTYPES: Final[dict[str, tuple[str, int]]] = {
    "float64": ("F64", 8), "double": ("F64", 8), "float32": ("F32", 4), "float": ("F32", 4), "float16": ("F16", 2), "half": ("F16", 2),
    "bfloat16": ("BF16", 2),
    "int64": ("I64", 8), "long": ("I64", 8), "int32": ("I32", 4), "int": ("I32", 4), "int16": ("I16", 2), "short": ("I16", 2),
    "int8": ("I8", 1),
    "uint8": ("U8", 1), "uint16": ("U16", 2), "uint32": ("U32", 4), "uint64": ("U64", 8), "bool": ("BOOL", 1), "complex64": ("C64", 8),
    "cfloat": ("C64", 8),
    "complex128": ("C128", 16), "cdouble": ("C128", 16), "complex32": ("C32", 4), "chalf": ("C32", 4), "float8_e4m3fn": ("F8_E4M3", 1),
    "float8_e5m2": ("F8_E5M2", 1),
    "float8_e4m3fnuz": ("F8_E4M3FNUZ", 1), "float8_e5m2fnuz": ("F8_E5M2FNUZ", 1), "float8_e8m0fnu": ("F8_E8M0", 1),
    "qint8": ("QI8", 1), "quint8": ("QU8", 1), "qint32": ("QI32", 4), "quint4x2": ("QU4x2", 1), "quint2x4": ("QU2x4", 1),
}  # fmt: skip
"""By attribute of `torch` (`torch.float32`): the same."""


class Storage(Struct, frozen=True, kw_only=True):
    """A storage by its persistent id: `count` elements of `itemsize` bytes."""

    key: str
    dtype: str
    itemsize: int
    count: int
    location: str = ""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.itemsize * self.count


def storage_of(pid: Value) -> Storage | None:
    """The storage that a persistent id names: `('storage', class, key, location, count[, view])`; None for any other id."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] not in ("storage", b"storage"):
        return None
    kind, key, location, count = pid[1:5]
    if (
        not isinstance(kind, Name)
        or kind.computed
        or kind.module not in ("torch", "torch.storage", "torch.cuda", "torch.sparse")
        or kind.name not in DTYPES
    ):
        return None
    if isinstance(key, int):
        key = str(key)
    if not isinstance(key, str) or not isinstance(count, int) or not 0 <= count < 1 << 60:
        return None
    dtype, itemsize = DTYPES[kind.name]
    return Storage(key=key, dtype=dtype, itemsize=itemsize, count=count, location=location if isinstance(location, str) else "")


def storages(stream: Stream) -> dict[str, Storage]:
    """All storages that a stream refers to, by key."""
    found = (storage_of(p.pid) for p in stream.persistent)
    return {s.key: s for s in found if s is not None}


def is_legacy(streams: list[Stream]) -> bool:
    """Whether some pickles in a row are the start of torch's legacy layout."""
    return bool(streams) and streams[0].result == MAGIC and type(streams[0].result) is int


def legacy_keys(streams: list[Stream]) -> list[str] | None:
    """The storage keys in the order of the file, once all five pickles were read; else None."""
    if not is_legacy(streams) or len(streams) < LEGACY_PICKLES:
        return None
    keys = streams[LEGACY_PICKLES - 1].result
    return [str(k) for k in keys] if isinstance(keys, list) else None
