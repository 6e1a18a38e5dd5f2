"""Paddle: the program (.pdmodel) names the parameters, which stand one after another in .pdiparams, sorted by name.

A parameter file alone is read too; its tensors have numbers for names. Source: framework.proto and SerializeToStream of LoDTensor.
"""

from __future__ import annotations

import struct
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, ReadError
from mlsbom.formats import protobuf
from mlsbom.lineage.tensors import Weights
from mlsbom.lineage.weights import sibling_of
from mlsbom.lineage.weights.table import add_row, stored_size

DTYPES: Final = {
    0: "BOOL", 1: "I16", 2: "I32", 3: "I64", 4: "F16", 5: "F32", 6: "F64", 20: "U8", 21: "I8", 22: "BF16", 32: "F8_E4M3", 33: "F8_E5M2",
}  # fmt: skip
"""VarType.Type of the kinds that are values."""
TENSOR: Final = 7
MAX_LEVELS: Final = 8
MAX_DESCRIPTION: Final = 1024
MAX_TENSORS: Final = 1_000_000
PROGRAMS: Final = (".pdmodel", ".json")
PARAMETERS: Final = ".pdiparams"


def is_parameters(blob: Blob) -> bool:
    """Whether a blob begins with a serialised tensor: version 0, no levels, version 0, a short description of its type."""
    head = blob.head[:24]
    return len(head) == 24 and not any(head[:16]) and 2 <= int.from_bytes(head[16:20], "little") <= 64 and head[20] == 8


def read(blob: Blob, weights: Weights) -> None:
    """The parameters of a program, or of a parameter file."""
    if is_parameters(blob):
        _parameters(blob, [], weights)
        return
    names = _persistable(blob)
    stem = blob.name.rsplit(".", 1)[0]
    other = sibling_of(blob, "__params__" if blob.name == "__model__" else stem + PARAMETERS, weights)
    _parameters(other, names, weights)


def _persistable(blob: Blob) -> list[str]:
    """The names of persistable tensors of the program's blocks, sorted as they are saved."""
    names = set()
    for number, _, block, _ in protobuf.fields(blob.parsed(protobuf.view)):
        if number != 1 or isinstance(block, int):
            continue
        for part, _, var, _ in protobuf.fields(block):
            if part == 3 and not isinstance(var, int):
                said = {n: value for n, _, value, _ in protobuf.fields(var)}
                kind = next((v for n, _, v, _ in protobuf.fields(protobuf.message(said.get(2, 0))) if n == 1), None)
                if said.get(3) == 1 and kind == TENSOR:
                    names.add(protobuf.text(said.get(1, 0)))
    return sorted(names)


def _parameters(blob: Blob, names: list[str], weights: Weights) -> None:
    at = count = 0
    while at < blob.size and count < MAX_TENSORS:
        name = names[count] if count < len(names) else f"parameter.{count}"
        try:
            at = _parameter(blob, at, name, weights)
        except ReadError as e:
            weights.fail(name, e)
            return
        count += 1
    if names and count != len(names):
        weights.fail(blob.name, Malformed(f"{count} tensors for the {len(names)} parameters that the program names"))


def _parameter(blob: Blob, at: int, name: str, weights: Weights) -> int:
    """One serialised tensor; answers where it ends."""
    head = blob.read_at(at, 12)
    if len(head) < 12:
        raise Malformed("a tensor ends in its head", offset=at)
    version, levels = struct.unpack("<IQ", head)
    if version or levels > MAX_LEVELS:
        raise Malformed(f"a tensor of version {version} with {levels} levels", offset=at)
    at += 12
    for _ in range(levels):
        at += 8 + int.from_bytes(blob.read_at(at, 8), "little")
    again, length = struct.unpack("<II", blob.read_at(at, 8).ljust(8, b"\xff"))
    if again or length > MAX_DESCRIPTION:
        raise Malformed(f"a description of {length} bytes", offset=at)
    kind, dims = -1, []
    for number, wire, value, _ in protobuf.fields(blob.read_at(at + 8, length), at + 8):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2:
            dims += [protobuf.signed(d) for d in protobuf.packed(wire, value)]
    at += 8 + length
    dtype, shape = DTYPES.get(kind, f"type-{kind}"), tuple(dims)
    size = stored_size(name, dtype, shape)
    if at + size > blob.size:
        raise Malformed(f"{name} ends past the file", offset=at)
    add_row(name, dtype, shape, at, blob, weights)
    return at + size
