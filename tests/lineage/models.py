"""Small models for the tests, and writers of the containers that they stand in. All values are drawn here."""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsbom.lineage import build, codes
from mlsbom.lineage.form import Fingerprint
from mlsbom.lineage.tensors import Tensor, Weights, unique

Array = NDArray[Any]
Model = dict[str, Array]


def network(seed: int, layers: int = 2, width: int = 64, inner: int = 256) -> Model:
    """Independent weights of one architecture: a token table, then per layer query, key, up and down."""
    g = np.random.default_rng(seed)
    out: Model = {"embed.weight": g.normal(0, 0.3, (600, width))}
    for i in range(layers):
        for name, shape in (("query", (width, width)), ("key", (width, width)), ("up", (inner, width)), ("down", (width, inner))):
            out[f"layers.{i}.{name}.weight"] = g.normal(0, 0.1, shape)
        out[f"layers.{i}.norm.weight"] = 1 + g.normal(0, 0.02, width)
    return {k: x.astype(np.float32) for k, x in out.items()}


def noisy(model: Model, scale: float, seed: int = 99) -> Model:
    """Gaussian noise, in standard deviations of each matrix."""
    g = np.random.default_rng(seed)
    return {k: (x + g.normal(0, scale * x.std(), x.shape)).astype(np.float32) if x.ndim > 1 else x for k, x in model.items()}


def tensor(name: str, x: Array, dtype: str = "F32") -> Tensor:
    """A tensor in memory."""
    flat = np.ascontiguousarray(x).reshape(-1)
    return Tensor(name=name, shape=x.shape, dtype=dtype, opener=lambda: lambda start, count: flat[start : start + count])


def weights(model: Model) -> Weights:
    """A model in memory."""
    out = Weights()
    out.tensors = unique([tensor(k, x) for k, x in model.items() if x.dtype.kind == "f" or x.dtype == np.uint16])
    return out


def printed(model: Model) -> Fingerprint:
    """Its fingerprint."""
    return build.fingerprint(weights(model))


def safetensors(model: Model, dtype: str = "F32") -> bytes:
    """A safetensors file; arrays of int8 stay so."""
    header, blobs, at = {}, [], 0
    for k, x in model.items():
        if x.dtype == np.int8:
            kind, raw = "I8", x.tobytes()
        elif x.dtype == np.bool_:
            kind, raw = "BOOL", x.tobytes()
        elif x.dtype == np.complex64:
            kind, raw = "C64", x.tobytes()
        elif dtype == "BF16":
            kind, raw = "BF16", codes.bf16_codes(x).tobytes()
        elif dtype == "F16":
            kind, raw = "F16", x.astype(np.float16).tobytes()
        else:
            kind, raw = "F32", x.astype(np.float32).tobytes()
        header[k] = {"dtype": kind, "shape": list(x.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        blobs.append(raw)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(blobs)


class _Storage:
    def __init__(self, kind: type, key: str, raw: bytes, count: int) -> None:
        self.kind, self.key, self.raw, self.count = kind, key, raw, count


def _torch_modules() -> dict[str, types.ModuleType]:
    """Stand-ins with torch's names, so that the pickler writes its globals. Nothing of them is ever called."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*_: object) -> None:
        raise AssertionError

    rebuild.__module__, rebuild.__qualname__, rebuild.__name__ = "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild  # type: ignore[attr-defined]
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})  # type: ignore[attr-defined]
    return {"torch": torch, "torch._utils": utils}


class _Tensor:
    def __init__(self, storage: _Storage, shape: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.storage, self.shape, self.stride = storage, shape, stride

    def __reduce__(self) -> Any:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (self.storage, 0, self.shape, self.stride, False, OrderedDict())


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return ("storage", obj.kind, obj.key, "cpu", obj.count) if isinstance(obj, _Storage) else None


def torch_file(model: Model, *, legacy: bool = False, transposed: bool = False) -> bytes:
    """A torch checkpoint, zip or legacy; `transposed`: matrices as views with swapped strides."""
    modules = _torch_modules()
    before = {k: sys.modules.get(k) for k in modules}
    sys.modules.update(modules)
    try:
        storages, state = [], OrderedDict()
        for n, (k, x) in enumerate(model.items()):
            held = np.ascontiguousarray(x.T if transposed and x.ndim == 2 else x, np.float32)
            s = _Storage(modules["torch"].FloatStorage, str(n), held.tobytes(), held.size)
            steps = tuple(i // 4 for i in held.strides)
            storages.append(s)
            state[k] = _Tensor(s, x.shape, steps[::-1] if transposed and x.ndim == 2 else steps)
        body = io.BytesIO()
        _Pickler(body, 2).dump(state)
    finally:
        for k, m in before.items():
            if m is None:
                del sys.modules[k]
            else:
                sys.modules[k] = m
    if legacy:
        head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
        keys = pickle.dumps([s.key for s in storages], 2)
        return head + body.getvalue() + keys + b"".join(struct.pack("<q", s.count) + s.raw for s in storages)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("m/data.pkl", body.getvalue())
        z.writestr("m/version", "3\n")
        for s in storages:
            z.writestr(f"m/data/{s.key}", s.raw)
    return out.getvalue()


def paddle_folder(model: Model, folder: Path) -> None:
    """inference.pdmodel and inference.pdiparams."""

    def number(n: int) -> bytes:
        out = b""
        while n > 127:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])

    def field(n: int, raw: bytes) -> bytes:
        return number(n << 3 | 2) + number(len(raw)) + raw

    variables = b"".join(field(3, field(1, k.encode()) + field(2, number(8) + number(7)) + number(24) + number(1)) for k in model)
    program = field(1, number(8) + number(0) + number(16) + number(0) + variables)
    data = b""
    for k in sorted(model):
        x = np.ascontiguousarray(model[k], np.float32)
        about = number(8) + number(5) + b"".join(number(16) + number(n) for n in x.shape)
        data += struct.pack("<IQI", 0, 0, 0) + struct.pack("<i", len(about)) + about + x.tobytes()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "inference.pdmodel").write_bytes(program)
    (folder / "inference.pdiparams").write_bytes(data)


def tfjs_folder(model: Model, folder: Path, *, quantised: bool = False) -> None:
    """A manifest and two shards."""
    entries, data = [], b""
    for k, x in model.items():
        entry: dict[str, Any] = {"name": k, "shape": list(x.shape), "dtype": "float32"}
        if quantised:
            low, scale = float(x.min()), float(x.max() - x.min()) / 255
            data += np.round((x - low) / scale).astype(np.uint8).tobytes()
            entry["quantization"] = {"dtype": "uint8", "min": low, "scale": scale}
        else:
            data += x.astype(np.float32).tobytes()
        entries.append(entry)
    folder.mkdir(parents=True, exist_ok=True)
    half = len(data) // 2
    (folder / "group1-shard1of2.bin").write_bytes(data[:half])
    (folder / "group1-shard2of2.bin").write_bytes(data[half:])
    names = ["group1-shard1of2.bin", "group1-shard2of2.bin"]
    (folder / "model.json").write_text(json.dumps({"format": "layers-model", "weightsManifest": [{"paths": names, "weights": entries}]}))


__all__ = [
    "Array",
    "Model",
    "network",
    "noisy",
    "paddle_folder",
    "printed",
    "safetensors",
    "tensor",
    "tfjs_folder",
    "torch_file",
    "weights",
]
