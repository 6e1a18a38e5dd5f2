"""A table of tensors by column, common to all formats that hold them: names, dtypes, shapes and where the bytes stand."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from msgspec import Struct, field

from mlsbom.model import TensorTable

NAMED_LIMIT: Final = 20_000
"""Tensors beyond which a survey counts shapes instead of naming tensors."""

Shape = tuple[int, ...]


class Tensors(Struct):
    """Columns of equal length. `offsets`: bytes from the start of the blob, -1 where the bytes are elsewhere (or not contiguous);
    `sizes`: stored bytes. `dtypes` in the spelling of safetensors where it has one."""

    names: list[str] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def add(self, name: str, dtype: str, shape: Shape, offset: int = -1, size: int = 0) -> None:
        """One tensor."""
        self.names.append(name)
        self.dtypes.append(dtype)
        self.shapes.append(shape)
        self.offsets.append(offset)
        self.sizes.append(size)

    def __len__(self) -> int:
        return len(self.names)

    def index(self) -> dict[str, int]:
        """Name -> row."""
        return {name: n for n, name in enumerate(self.names)}

    def table(self) -> TensorTable:
        """The fact: whole up to 20,000 tensors, else counts by dtype and shape."""
        by_dtype: Counter[str] = Counter()
        groups = Counter(zip(self.dtypes, self.shapes, strict=True))
        parameters = 0
        for (dtype, shape), count in groups.items():
            elements = count * min(math.prod(shape), 1 << 63)
            by_dtype[dtype] += elements
            parameters += elements
        small = len(self.names) <= NAMED_LIMIT
        return TensorTable(
            names=tuple(self.names) if small else (),
            dtypes=tuple(self.dtypes) if small else (),
            shapes=tuple(self.shapes) if small else (),
            groups=() if small else tuple((d, s, n) for (d, s), n in sorted(groups.items())[:NAMED_LIMIT]),
            count=len(self.names),
            parameters=min(parameters, (1 << 63) - 1),
            dtype_counts=tuple(sorted((d, min(n, (1 << 63) - 1)) for d, n in by_dtype.items())),
        )


DTYPE_BITS: Final[dict[str, int]] = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8,
    "BOOL": 8,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "C64": 64,
    "C128": 128, "I4": 4, "U4": 4,
}  # fmt: skip
"""Bits an element (safetensors 0.6, `Dtype`)."""

PLAIN_DTYPES: Final[dict[str, str]] = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64",
    "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL", "complex64": "C64", "complex128": "C128", "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}  # fmt: skip
"""numpy and framework names -> the spelling of safetensors."""


def main_dtype(table: TensorTable) -> str | None:
    """The dtype of most elements, in the words of frameworks (`bfloat16`), or None where there are no tensors."""
    if not table.dtype_counts:
        return None
    best = max(table.dtype_counts, key=lambda d: d[1])[0]
    return next((plain for plain, short in PLAIN_DTYPES.items() if short == best), best)
