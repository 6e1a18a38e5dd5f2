"""One model in every container gives one content; quantised blocks agree with the reference decoder; bad input is said, not guessed."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import gguf
import h5py
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from mlsbom import lineage
from mlsbom.errors import UsageError
from mlsbom.lineage.weights import open_weights
from mlsbom.lineage.weights.blocks import BLOCKS
from mlsbom.lineage.weights.raw import plain

from .models import Array, Model, network, paddle_folder, printed, safetensors, tfjs_folder, torch_file
from .sides import compared

MODEL = network(1)


def write_gguf(path: Path, model: Model) -> None:
    w = gguf.GGUFWriter(str(path), "bert")
    for k, x in model.items():
        w.add_tensor(k, x)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_onnx(path: Path, model: Model, *, external: bool = False, typed: bool = False) -> None:
    made = []
    for k, x in model.items():
        made.append(
            helper.make_tensor(k, onnx.TensorProto.FLOAT, x.shape, x.reshape(-1).tolist()) if typed else numpy_helper.from_array(x, k)
        )
    inner = helper.make_graph([], "then", [], [], initializer=made[:3])
    constant = helper.make_node("Constant", [], ["c"], value=made[3])
    branch = helper.make_node("If", ["cond"], ["y"], then_branch=inner, else_branch=helper.make_graph([], "else", [], []))
    graph = helper.make_graph([constant, branch], "g", [], [], initializer=made[4:])
    onnx.save_model(helper.make_model(graph), str(path), save_as_external_data=external, location="weights.data", size_threshold=1024)


def write_h5(path: Path, model: Model) -> None:
    with h5py.File(path, "w") as f:
        for k, x in model.items():
            f.create_dataset("layers/" + k.replace(".", "/"), data=x)


def write_keras(path: Path, model: Model) -> None:
    write_h5(path.with_suffix(".h5"), model)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("config.json", "{}")
        z.write(path.with_suffix(".h5"), "model.weights.h5")
    path.with_suffix(".h5").unlink()


CONTAINERS: dict[str, Callable[[Path], object]] = {
    "m.safetensors": lambda p: p.write_bytes(safetensors(MODEL)),
    "m.gguf": lambda p: write_gguf(p, MODEL),
    "m.pt": lambda p: p.write_bytes(torch_file(MODEL)),
    "legacy.pt": lambda p: p.write_bytes(torch_file(MODEL, legacy=True)),
    "strided.pt": lambda p: p.write_bytes(torch_file(MODEL, transposed=True)),
    "m.onnx": lambda p: write_onnx(p, MODEL),
    "typed.onnx": lambda p: write_onnx(p, MODEL, typed=True),
    "external.onnx": lambda p: write_onnx(p, MODEL, external=True),
    "m.h5": lambda p: write_h5(p, MODEL),
    "m.keras": lambda p: write_keras(p, MODEL),
    "m.npz": lambda p: np.savez(p, **MODEL),
    "packed.npz": lambda p: np.savez_compressed(p, **MODEL),
    "fortran.npz": lambda p: np.savez(p, **{k: np.asfortranarray(x) for k, x in MODEL.items()}),
    "paddle": lambda p: paddle_folder(MODEL, p),
    "tfjs": lambda p: tfjs_folder(MODEL, p),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same_content(name: str, tmp_path: Path) -> None:
    CONTAINERS[name](tmp_path / name)
    made = lineage.fingerprint(tmp_path / name)
    assert not made.header.shortfalls
    assert made.content == printed(MODEL).content
    assert len(made.header.tensors) == len(MODEL)


def test_a_folder_is_all_its_weights(tmp_path: Path) -> None:
    names = list(MODEL)
    for i, part in enumerate((names[:4], names[4:])):
        (tmp_path / f"model-0000{i + 1}-of-00002.safetensors").write_bytes(safetensors({k: MODEL[k] for k in part}))
    (tmp_path / "config.json").write_text('{"hidden_size": 64}')
    (tmp_path / "notes.bin").write_bytes(b"\0\1\2 no model")
    made = lineage.fingerprint(tmp_path)
    assert made.content == printed(MODEL).content
    assert made.header.tensors[0].name.startswith("model-00001-of-00002.safetensors:")


@pytest.mark.parametrize("name", sorted(set(BLOCKS) - {"Q8_1", "Q8_K"}))
def test_blocks_agree_with_the_gguf_library(name: str) -> None:
    block = BLOCKS[name]
    raw = np.random.default_rng(1).integers(0, 256, (64, block.size), dtype=np.uint8)
    with np.errstate(all="ignore"):
        want = gguf.dequantize(raw.reshape(-1), gguf.GGMLQuantizationType[name]).reshape(64, -1)
        got = block.decode(raw)
    fine = np.isfinite(want).all(1)
    assert fine.any()
    assert np.allclose(got[fine], want[fine], rtol=1e-4, atol=1e-6 * max(1.0, float(np.abs(want[fine]).max())))


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q5_1", "F16"])
def test_quantised_gguf_descends(kind: str, tmp_path: Path) -> None:
    w = gguf.GGUFWriter(str(tmp_path / "q.gguf"), "bert")
    for k, x in MODEL.items():
        q = gguf.GGMLQuantizationType[kind] if x.ndim > 1 else gguf.GGMLQuantizationType.F32
        w.add_tensor(k, gguf.quantize(x, q), raw_dtype=q)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    (tmp_path / "m.safetensors").write_bytes(safetensors(MODEL))
    got = lineage.compare(tmp_path / "q.gguf", tmp_path / "m.safetensors")
    assert got["verdict"] == ("copy" if kind == "F16" else "derived")
    assert got["log10_p"] < -20


def int8(model: Model) -> dict[str, Array]:
    out: dict[str, Array] = {}
    for k, x in model.items():
        if x.ndim == 2:
            s = np.abs(x).max(1, keepdims=True) / 127
            out[k], out[k + "_scale"] = np.round(x / s).astype(np.int8), s.astype(np.float32)
        else:
            out[k] = x
    return out


def test_integers_take_the_scales_beside_them(tmp_path: Path) -> None:
    (tmp_path / "i8.safetensors").write_bytes(safetensors(int8(MODEL)))
    with open_weights(str(tmp_path / "i8.safetensors")) as held:
        assert [t.name for t in held.tensors] == list(MODEL)
        for t in held.tensors:
            x = MODEL[t.name].reshape(-1)
            assert np.abs(t.open().floats(0, t.elements) - x).max() <= np.abs(x).max() / 120
            assert np.array_equal(t.open().floats(t.elements - 7, 7), t.open().floats(0, t.elements)[-7:])


def test_onnx_quantised_weights_take_scale_and_zero_point(tmp_path: Path) -> None:
    x = MODEL["layers.0.up.weight"]
    low, scale = float(x.min()), float(x.max() - x.min()) / 255
    zero = np.uint8(round(-low / scale))
    q = np.clip(np.round(x / scale) + zero, 0, 255).astype(np.uint8)
    for linked in (True, False):
        names = ("w", "s", "z") if linked else ("w_quantized", "w_scale", "w_zero_point")
        held = [numpy_helper.from_array(v, n) for v, n in zip((q, np.float32(scale).reshape(()), zero.reshape(())), names, strict=True)]
        nodes = [helper.make_node("DequantizeLinear", list(names), ["y"])] if linked else []
        onnx.save(helper.make_model(helper.make_graph(nodes, "g", [], [], initializer=held)), str(tmp_path / "q.onnx"))
        with open_weights(str(tmp_path / "q.onnx")) as weights:
            (t,) = weights.tensors
            assert np.allclose(t.open().floats(0, t.elements), x.reshape(-1), atol=scale)


def packed(x: Array, bits: int) -> Array:
    """Neighbours along the last axis packed into 32-bit integers, the first lowest."""
    fields = x.reshape(*x.shape[:-1], -1, 32 // bits).astype(np.uint64) << np.arange(0, 32, bits, dtype=np.uint64)
    return fields.sum(-1).astype(np.uint32).view(np.int32)


def quantised(x: Array, bits: int, group: int) -> tuple[Array, Array, Array]:
    """(codes, zero points, scales) of a matrix [in, out], by groups of inputs."""
    g = x.reshape(-1, group, x.shape[1])
    scale = (g.max(1) - g.min(1)) / ((1 << bits) - 1)
    zero = np.clip(np.round(-g.min(1) / scale), 1, (1 << bits) - 1)
    q = np.clip(np.round(g / scale[:, None]) + zero[:, None], 0, (1 << bits) - 1)
    return q.reshape(x.shape), zero, scale.astype(np.float32)


def i32(name: str, x: Array) -> tuple[str, dict[str, object], bytes]:
    return name, {"dtype": "I32", "shape": list(x.shape)}, np.ascontiguousarray(x, np.int32).tobytes()


@pytest.mark.parametrize(("form", "bits"), [("gptq", 4), ("gptq", 8), ("awq", 4)])
def test_packed_matrices_are_unpacked(form: str, bits: int, tmp_path: Path) -> None:
    x = MODEL["layers.0.down.weight"].T  # [in 256, out 64]
    q, zero, scale = quantised(x, bits, 64)
    if form == "gptq":
        weight, zeros = packed(q.T, bits).T, packed(zero - 1, bits)
    else:
        order = np.array([0, 2, 4, 6, 1, 3, 5, 7])
        weight, zeros = (packed(v.reshape(len(v), -1, 8)[..., order].reshape(v.shape), 4) for v in (q, zero))
    rows = [i32("m.qweight", weight), i32("m.qzeros", zeros), i32("m.g_idx", np.arange(256) // 64)][: 3 if form == "gptq" else 2]
    rows.append(("m.scales", {"dtype": "F32", "shape": list(scale.shape)}, scale.tobytes()))
    at, entries = 0, {}
    for name, entry, raw in rows:
        entries[name] = entry | {"data_offsets": [at, at + len(raw)]}
        at += len(raw)
    (tmp_path / "q.safetensors").write_bytes(header(entries, b"".join(raw for _, _, raw in rows)))
    with open_weights(str(tmp_path / "q.safetensors")) as held:
        (t,) = held.tensors
        assert (t.name, t.shape) == ("m.weight", (256, 64))
        step = (x.max() - x.min()) / ((1 << bits) - 1)
        assert np.abs(t.open().floats(0, t.elements).reshape(256, 64) - x).max() <= step


def test_packed_integers_of_another_form_are_unread(tmp_path: Path) -> None:
    name, entry, raw = i32("m.weight_packed", np.arange(64 * 64).reshape(64, 64))
    (tmp_path / "q.safetensors").write_bytes(header({name: entry | {"data_offsets": [0, len(raw)]}}, raw))
    made = lineage.fingerprint(tmp_path / "q.safetensors")
    assert made.header.shortfalls[0][:2] == ("m.weight_packed", "opaque")


def test_tfjs_quantisation_is_undone(tmp_path: Path) -> None:
    tfjs_folder(MODEL, tmp_path, quantised=True)
    with open_weights(str(tmp_path)) as held:
        for t in held.tensors:
            x = MODEL[t.name].reshape(-1)
            assert np.abs(t.open().floats(0, t.elements) - x).max() <= (x.max() - x.min()) / 255


@pytest.mark.parametrize(
    ("kind", "code", "value"),
    [("F8_E4M3", 0x7E, 448.0), ("F8_E4M3", 0xB8, -1.0), ("F8_E4M3", 1, 2**-9), ("F8_E5M2", 0x3C, 1.0), ("F8_E5M2", 1, 2**-16)],
)
def test_eight_bit_floats(kind: str, code: int, value: float) -> None:
    from mlsbom.blob import BytesBlob

    assert plain("w", (1,), kind, BytesBlob(bytes([code])), 0).open().floats(0, 1)[0] == value


# --- bad input ---------------------------------------------------------------------------------------------------------------------


def header(entries: dict[str, object], data: bytes = b"") -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


BAD: dict[str, bytes] = {
    "empty.safetensors": b"",
    "cut.safetensors": safetensors(MODEL)[:100],
    "header.safetensors": struct.pack("<Q", 1 << 40) + b"{}",
    "no-json.safetensors": struct.pack("<Q", 5) + b"{oops",
    "outside.safetensors": header({"w": {"dtype": "F32", "shape": [64, 64], "data_offsets": [0, 16384]}}, b"\0" * 100),
    "negative.safetensors": header({"w": {"dtype": "F32", "shape": [-1, 64], "data_offsets": [0, 64]}}, b"\0" * 100),
    "huge.safetensors": header({"w": {"dtype": "F32", "shape": [1 << 31, 1 << 31], "data_offsets": [0, 64]}}, b"\0" * 100),
    "unknown.safetensors": header({"w": {"dtype": "F6_E3M2", "shape": [64], "data_offsets": [0, 48]}}, b"\0" * 48),
    "cut.gguf": b"GGUF" + struct.pack("<IQQ", 3, 5, 5),
    "kind.gguf": b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 1) + b"w" + struct.pack("<IQIQ", 1, 256, 16, 0) + b"\0" * 200,
    "cut.onnx": b"\x08\x08\x3a\xff\xff\x01",
    "cut.h5": b"\x89HDF\r\n\x1a\n" + b"\0" * 40,
    "cut.npz": b"PK\x03\x04" + b"\0" * 60,
    "code.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 40) + b"{'descr': __import__('os'), 'shape': ()}",
    "object.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 60) + b"{'descr': '|O', 'fortran_order': False, 'shape': (3,)}".ljust(60),
    "cut.pt": torch_file(MODEL)[:3000],
    "legacy-cut.pt": torch_file(MODEL, legacy=True)[:5000],
    "cut.tflite": b"\x1c\0\0\0TFL3" + b"\xff" * 40,
    "text.txt": b"hello",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_coverage_records_and_not_comparable(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(BAD[name])
    (tmp_path / "good.safetensors").write_bytes(safetensors(MODEL))
    made = lineage.fingerprint(tmp_path / name)
    assert made.header.shortfalls
    assert all(status in ("partial", "failed", "opaque") and reason for _, status, reason in made.header.shortfalls)
    got = lineage.compare(tmp_path / name, tmp_path / "good.safetensors")
    assert got["verdict"] == "not-comparable"
    assert got["log10_p"] is None
    assert any("could be read" in c for c in got["caveats"])


def test_external_data_never_leave_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (tmp_path / "secret.data").write_bytes(b"\1" * 4096)
    t = onnx.TensorProto(name="w", data_type=1, dims=[32, 32], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", "../secret.data"), ("offset", "0"), ("length", "4096")):
        t.external_data.add(key=key, value=value)
    (folder / "m.onnx").write_bytes(helper.make_model(helper.make_graph([], "g", [], [], initializer=[t])).SerializeToString())
    made = lineage.fingerprint(folder / "m.onnx")
    assert not made.header.tensors
    assert "leads out" in made.header.shortfalls[0][2]
    (folder / "weights.data").symlink_to(tmp_path / "secret.data")
    t.external_data[0].value = "weights.data"
    (folder / "m.onnx").write_bytes(helper.make_model(helper.make_graph([], "g", [], [], initializer=[t])).SerializeToString())
    assert not lineage.fingerprint(folder / "m.onnx").header.tensors


def test_odd_tensors_are_left_out_by_name(tmp_path: Path) -> None:
    g = np.random.default_rng(1)
    odd: Model = {
        "nan.weight": np.full((64, 64), np.nan, np.float32),
        "inf.weight": np.where(np.eye(64) > 0, np.inf, g.normal(size=(64, 64))).astype(np.float32),
        "zero.weight": np.zeros((64, 64), np.float32),
        "constant.weight": np.full((64, 64), 0.5, np.float32),
        "empty.weight": np.zeros((0, 64), np.float32),
        "scalar": np.float32(1.5).reshape(()),
        "mask": np.ones((64, 64), np.bool_),
        "wave": g.normal(size=(32, 32)).astype(np.complex64),
        "optimizer.state.exp_avg": g.normal(size=(64, 64)).astype(np.float32),
    }
    (tmp_path / "odd.safetensors").write_bytes(safetensors(odd))
    made = lineage.fingerprint(tmp_path / "odd.safetensors")
    assert not made.header.shortfalls
    why = {x.name: x.why for x in made.header.left_out}
    assert why == {
        "nan.weight": "not-finite",
        "inf.weight": "not-finite",
        "zero.weight": "compressible",
        "constant.weight": "compressible",
        "empty.weight": "empty",
        "mask": "bool",
        "wave": "complex",
        "optimizer.state.exp_avg": "optimizer",
    }
    assert [t.name for t in made.header.tensors] == ["scalar"]
    assert compared(odd, MODEL)["verdict"] == "not-comparable"


def test_the_largest_float32_is_finite_although_bfloat16_rounds_it_up() -> None:
    x = MODEL["layers.0.up.weight"].copy()
    x[0, 0] = np.finfo(np.float32).max
    assert [h.key.elements for h in printed({"w": x}).hashed] == [x.size]


def test_duplicate_names_are_told_apart(tmp_path: Path) -> None:
    x = [numpy_helper.from_array(MODEL["layers.0.up.weight"], "w"), numpy_helper.from_array(MODEL["layers.1.up.weight"], "w")]
    onnx.save(helper.make_model(helper.make_graph([], "g", [], [], initializer=x)), str(tmp_path / "d.onnx"))
    assert [t.name for t in lineage.fingerprint(tmp_path / "d.onnx").header.tensors] == ["w", "w#2"]


def test_nothing_at_a_path_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none\\.pt"):
        lineage.fingerprint(tmp_path / "none.pt")
