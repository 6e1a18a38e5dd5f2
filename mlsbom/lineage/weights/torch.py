"""PyTorch: zip archives, TorchScript (constants too), the legacy layout, by the project's own reader of pickles. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from mlsbom.blob import Blob
from mlsbom.budget import Budget
from mlsbom.errors import Malformed, Opaque, ReadError
from mlsbom.formats import torch
from mlsbom.formats.pickle.storages import storages
from mlsbom.formats.zip import Directory, read_zip
from mlsbom.formats.zip_members import contents
from mlsbom.lineage.tensors import EXPANDED, Array, Read, Tensor, Weights, whole
from mlsbom.lineage.weights.raw import PLAIN, plain, usual

QUANTISED: Final = {"QI8": "I8", "QU8": "U8"}
"""Quantised tensors are taken as their integers: standardised columns and rows of length 1 need no scales."""


def read(blob: Blob, weights: Weights) -> None:
    """The tensors of any layout."""
    file = torch.read_torch(blob)
    if file.layout == "pickle":
        raise Opaque("a plain pickle: its arrays are not read")
    if not file.complete:
        weights.fail("storages", Malformed("not every storage is there with its whole size"))
    for t in file.tensors:
        _add(t, blob, weights, file.root + "data/", file.big_endian)
    if file.layout == "script":
        directory = blob.parsed(read_zip)
        for t in _constants(blob, directory, file.root, weights):
            _add(t, blob, weights, file.root + "constants/", file.big_endian)


def _constants(blob: Blob, directory: Directory, root: str, weights: Weights) -> tuple[torch.Tensor, ...]:
    """The tensors of a TorchScript archive's constants.pkl."""
    entry = directory.find(root + "constants.pkl")
    if entry is None:
        return ()
    try:
        stream = torch.pickle_of(blob, entry)
    except ReadError as e:
        weights.fail("constants.pkl", e)
        return ()
    by_name = {entry.name: entry.data for entry in directory.entries if entry.stored and entry.data is not None}
    places = {key: at for key in storages(stream) if (at := by_name.get(f"{root}constants/{key}")) is not None}
    return tuple(
        torch.Tensor(
            name=f"constants.{t.name}",
            dtype=t.dtype,
            shape=t.shape,
            itemsize=t.itemsize,
            key=t.key,
            offset=t.offset,
            stride=t.stride,
            at=t.at,
        )
        for t in torch.tensors_of(stream, places)
    )


def _add(t: torch.Tensor, blob: Blob, weights: Weights, folder: str, big_endian: bool) -> None:
    dtype = QUANTISED.get(t.dtype, t.dtype)
    if dtype not in PLAIN:
        if dtype in ("C32", "C64", "C128"):
            weights.left_out.append((t.name, "complex"))
        else:
            weights.fail(t.name, Opaque(f"{t.dtype}: not a kind of value that is read"))
        return
    if t.count and t.at is not None and t.contiguous and not big_endian:
        weights.tensors.append(plain(t.name, t.shape, dtype, blob, t.at + t.offset * t.itemsize))
        return
    weights.tensors.append(Tensor(name=t.name, shape=t.shape, dtype=dtype, opener=_strided(t, dtype, blob, folder, big_endian)))


def _strided(t: torch.Tensor, dtype: str, blob: Blob, folder: str, big_endian: bool) -> Callable[[], Read]:
    """A tensor that does not stand in C order, is packed, or has the other byte order: expanded whole."""

    def load() -> Array:
        if len(t.stride) != len(t.shape):
            raise Malformed(f"{t.name}: {len(t.stride)} strides for {len(t.shape)} axes")
        span = 1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride, strict=True)) if t.count else 0
        if span * t.itemsize > EXPANDED:
            raise Malformed(f"{t.name}: its values are spread over {span * t.itemsize} bytes")
        source, start = (blob, t.at) if t.at is not None else (_member(blob, folder + t.key), 0)
        kind = np.dtype(PLAIN[dtype]).newbyteorder(">" if big_endian else "<")
        raw = source.read_at(start + t.offset * t.itemsize, span * t.itemsize)
        if len(raw) < span * t.itemsize:
            raise Malformed(f"{t.name}: leaves its storage")
        flat = usual(np.frombuffer(raw, kind).astype(kind.newbyteorder("<")), dtype)
        return np.lib.stride_tricks.as_strided(flat, t.shape, [s * flat.itemsize for s in t.stride]) if t.count else flat

    return whole(load, t.count * 4)


def _member(blob: Blob, name: str) -> Blob:
    """A packed member of the archive, expanded."""
    if not blob.head.startswith(b"PK"):
        raise Malformed(f"{name}: a storage that is not in the file")
    entry = blob.parsed(read_zip).find(name)
    if entry is None:
        raise Malformed(f"{name}: no such storage")
    if entry.size > EXPANDED:
        raise Malformed(f"{name}: {entry.size} bytes in one packed storage")
    return contents(blob, entry, Budget(blob.size))[0].blob
