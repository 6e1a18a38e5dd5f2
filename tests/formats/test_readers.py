"""Readers against the libraries that define the formats, and against any bytes."""

from __future__ import annotations

import io
import math
import struct
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlsbom.blob import BytesBlob
from mlsbom.errors import Malformed
from mlsbom.formats import gguf, hdf5, json, msgpack, onnx, protobuf, rds, safetensors, tensorflow, tflite, toml, ubjson, xml, yaml
from mlsbom.formats.identify import identify
from tests.formats import build
from tests.fuzz.fuzz_formats import READERS, one

SEEDS: dict[str, list[bytes]] = {
    "gguf": [build.gguf({"general.architecture": "llama", "tokenizer.ggml.tokens": ["a", "b"], "x": 1.5}, {"w": (2, 3), "v": (4,)})],
    "onnx": [build.onnx(build.onnx_node("Relu"), tensors=(build.onnx_tensor("w", external={"location": "w.bin"}),), metadata={"a": "b"})],
    "saved-model": [build.saved_model(("a", "MatMul"))],
    "tflite": [build.tflite("Acme")],
    "safetensors": [build.safetensors({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8))],
    "msgpack": [build.msgpack({"a": {"b": [1, 2.5, "x", None]}})],
    "hdf5": [],
    "template": [b"{% for m in messages %}{{ m['role'] ~ m.content | trim }}{% endfor %}"],
    "python": [b"import os\nclass A:\n    x = os.system\n    def f(self, y=1): return [z for z in y]\n"],
    "yaml": [b"a: &x [1, 2]\nb: !t {c: *x}\n"],
    "xml": [b"<a x='1'><b>t</b></a>"],
}


def h5(libver: str = "earliest") -> bytes:
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w", libver=libver) as f:
        f.attrs["model_config"] = '{"class_name": "Sequential"}'
        f.attrs["names"] = np.array([b"a", b"bc"])
        group = f.create_group("model_weights")
        for n in range(20):
            group.create_dataset(f"d{n}", data=np.arange(6, dtype="f4").reshape(2, 3))
        group.create_dataset("half", data=np.zeros((3, 5), "f2"))
        f["ext"] = h5py.ExternalLink("../other.h5", "/x")
        f.create_dataset("raw", (10,), "f4", external=[("/data/raw.bin", 0, 40)])
    return out.getvalue()


SEEDS["hdf5"] = [h5(), h5("latest")]


@pytest.mark.parametrize("name", sorted(READERS))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=400))
def test_any_bytes(name: str, data: bytes) -> None:
    one(name, data)


@pytest.mark.parametrize("name", sorted(SEEDS))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged(name: str, data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(SEEDS[name])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        match data.draw(st.integers(0, 3)):
            case 0:
                raw[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
            case 1:
                raw[at : at + 8] = b"\xff" * 8
            case 2:
                del raw[at : at + data.draw(st.integers(1, 20))]
            case 3:
                raw = raw[:at]
    one(name, bytes(raw))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_hdf5_as_h5py(libver: str) -> None:
    import h5py

    raw = h5(libver)
    read = hdf5.read(BytesBlob(raw))
    assert not read.unread
    assert read.attributes["/", "model_config"] == '{"class_name": "Sequential"}'
    assert read.attributes["/", "names"] == ["a", "bc"]
    assert {(o.kind, o.path) for o in read.outside} == {("external-link", "../other.h5"), ("external-data", "/data/raw.bin")}
    with h5py.File(io.BytesIO(raw)) as f:
        for name, dtype, shape, offset in zip(
            read.tensors.names, read.tensors.dtypes, read.tensors.shapes, read.tensors.offsets, strict=True
        ):
            assert f[name].shape == shape
            assert dtype == {"f4": "F32", "f2": "F16"}[f[name].dtype.str[1:]]
            if name != "raw":
                assert f[name].id.get_offset() == offset
    assert len(read.tensors) == 22


def test_hdf5_user_block_and_virtual_source() -> None:
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w") as f:
        layout = h5py.VirtualLayout((10,), "f4")
        layout[:] = h5py.VirtualSource("/tmp/x.h5", "d", (10,))
        f.create_virtual_dataset("v", layout)
    raw = bytes(1024) + out.getvalue()
    assert identify(BytesBlob(raw)) == ("hdf5",)
    assert [o.path for o in hdf5.read(BytesBlob(out.getvalue())).outside] == ["/tmp/x.h5"]


@pytest.mark.parametrize("version", ["earliest", "latest", "v110"])
def test_every_source_of_a_virtual_dataset_is_named(version: str) -> None:
    """The first part may be the file itself, or the same file again: the others count none the less."""
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w", libver=(version, "latest")) as f:
        own = f.create_dataset("own", data=np.arange(100.0))
        layout = h5py.VirtualLayout((5, 100), "f8")
        layout[0] = h5py.VirtualSource(own)
        layout[1, 0:50:2] = h5py.VirtualSource("b.h5", "x", (100,))[0:25]
        layout[2, [3, 7, 20]] = h5py.VirtualSource("/etc/c.h5", "x", (3,))
        layout[3] = h5py.VirtualSource("b.h5", "y", (100,))
        layout[4, 3:60] = h5py.VirtualSource("a.h5", "x", (100,))[10:67]
        f.create_virtual_dataset("v", layout)
    read = hdf5.read(BytesBlob(out.getvalue()))
    assert [o.path for o in read.outside] == ["b.h5", "/etc/c.h5", "a.h5"] and not read.unread


def test_safetensors_as_its_library() -> None:
    from safetensors.numpy import save

    raw = save({"a": np.ones((2, 3), "f4"), "b": np.zeros(5, "i8")}, {"format": "pt"})
    read = safetensors.read(BytesBlob(raw))
    assert not read.problems and read.metadata == {"format": "pt"}
    for name, shape, offset, size in zip(read.tensors.names, read.tensors.shapes, read.tensors.offsets, read.tensors.sizes, strict=True):
        assert {"a": (2, 3), "b": (5,)}[name] == shape
        assert raw[offset : offset + size] == {"a": np.ones(6, "f4"), "b": np.zeros(5, "i8")}[name].tobytes()


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        ({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4), "ask for 8"),
        ({"w": {"dtype": "Q9", "shape": [2], "data_offsets": [0, 4]}}, bytes(4), "unknown dtype"),
        ({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "v": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}},
        bytes(6), "overlap"),
        ({"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8), "hole of 4"),
        ({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(9), "5 bytes behind"),
        ({"w": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}}, bytes(4), "past the file"),
        ({"w": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 4]}}, bytes(4), "overflows"),
        ({"w": {"dtype": "F32", "shape": "x", "data_offsets": [0, 4]}}, bytes(4), "has no dtype"),
        (b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4), "twice"),
    ],
)  # fmt: skip
def test_safetensors_problems(header: object, data: bytes, words: str) -> None:
    read = safetensors.read(BytesBlob(build.safetensors(header, data)))  # type: ignore[arg-type]
    assert words in read.problems[0][1]


def test_gguf_as_its_library(tmp_path: object) -> None:
    from gguf import GGUFWriter

    path = f"{tmp_path}/m.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_name("a model")
    writer.add_context_length(4096)
    writer.add_token_list(["<s>", "a", "b"] * 100)
    writer.add_tensor("w", np.arange(64, dtype=np.float32).reshape(2, 32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    raw = open(path, "rb").read()  # noqa: SIM115
    read = gguf.read(BytesBlob(raw))
    assert (read.values["general.name"], read.values["llama.context_length"], read.values["tokenizer.ggml.tokens"].count) == (
        "a model",
        4096,
        300,
    )
    assert read.tensors.shapes == [(2, 32)] and not read.bounds and not read.broken
    at = read.tensors.offsets[0]
    assert raw[at : at + 256] == np.arange(64, dtype=np.float32).tobytes()


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (build.gguf({"a": 1}, counts=(1 << 62, 1)), "bounds"),
        (build.gguf({"a": 1})[:24] + build.gguf_text("a") + struct.pack("<IIQ", 9, 4, 1 << 61), "bounds"),
        (build.gguf({"a": 1})[:24] + build.gguf_text("a") + struct.pack("<IIQ", 9, 4, 1 << 40), "anomalies"),
        (build.gguf({"a": 1})[:24] + build.gguf_text("a") + struct.pack("<IIQ", 9, 9, 1) + struct.pack("<IQ", 9, 1) * 4000, "anomalies"),
        (build.gguf({"a": "text", "b": [1] * 100})[:-200], "broken"),
    ],
)
def test_gguf_tells_hostile_from_cut(raw: bytes, kind: str) -> None:
    read = gguf.read(BytesBlob(raw))
    assert getattr(read, kind)
    assert kind == "bounds" or not read.bounds
    assert kind == "anomalies" or not read.anomalies


def test_gguf_big_endian_and_version_1() -> None:
    big = b"GGUF" + struct.pack(">IQQ", 3, 0, 1) + struct.pack(">Q", 1) + b"a" + struct.pack(">II", 4, 7)
    assert gguf.read(BytesBlob(big)).values == {"a": 7}
    first = b"GGUF" + struct.pack("<III", 1, 0, 1) + struct.pack("<I", 1) + b"a" + struct.pack("<II", 4, 7)
    assert gguf.read(BytesBlob(first)).values == {"a": 7}


def test_onnx_as_its_library() -> None:
    import onnx as oracle
    from onnx import TensorProto, helper

    weight = helper.make_tensor("w", TensorProto.FLOAT, [2, 2], np.arange(4, dtype="f4").tobytes(), raw=True)
    secret = helper.make_tensor("s", TensorProto.FLOAT, [1], [1.0])
    secret.ClearField("float_data")
    secret.data_location = TensorProto.EXTERNAL
    secret.external_data.add(key="location", value="../x")
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=secret), helper.make_node("Odd", ["c"], ["d"], domain="acme")], "b", [], []
    )
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("If", ["q"], ["z"], then_branch=branch, else_branch=branch)]
    graph = helper.make_graph(nodes, "main", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])], [], [weight])
    model = helper.make_model(graph, producer_name="t", opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("acme", 1)])
    oracle.helper.set_model_props(model, {"author": "me"})
    raw = model.SerializeToString()
    read = onnx.read(BytesBlob(raw))
    assert read.operators["", "MatMul"] == 1 and read.operators["acme", "Odd"] == 2
    assert [e.location for e in read.external] == ["../x", "../x"]
    assert read.inputs == [("x", "F32[N,2]")] and read.opsets == {"": 17, "acme": 1} and read.metadata == {"author": "me"}
    at = read.tensors.offsets[read.tensors.index()["w"]]
    assert raw[at : at + 16] == np.arange(4, dtype="f4").tobytes()
    assert not read.bounds and read.broken is None


def test_protobuf_window_reads_like_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = build.onnx(build.onnx_node("Relu"), tensors=(build.onnx_tensor("w", (300_000,), bytes(1_200_000)),), metadata={"k": "v" * 500})
    near = onnx.read(BytesBlob(raw))
    monkeypatch.setattr(protobuf, "IN_MEMORY", 1000)
    far = onnx.read(BytesBlob(raw))
    assert far == near


def test_msgpack_as_flax_writes_it() -> None:
    import msgpack as oracle

    array = np.arange(6, dtype="f4").reshape(2, 3)
    inner = oracle.packb(((2, 3), "float32", array.tobytes()))
    raw = oracle.packb({"params": {"w": oracle.ExtType(1, inner)}, "step": 3, "note": "text"})
    read = msgpack.read(BytesBlob(raw))
    assert read.tensors.names == ["params/w"] and read.tensors.shapes == [(2, 3)] and read.tensors.dtypes == ["F32"]
    assert raw[read.tensors.offsets[0] :][:24] == array.tobytes()
    assert ("note", "text") in read.texts and read.broken is None


def test_tflite_custom_codes_and_bounds() -> None:
    read = tflite.read(BytesBlob(build.tflite("Acme")))
    assert dict(read.custom) == {"Acme": 1} and not read.bounds
    assert tflite.read(BytesBlob(build.tflite()[:60])).bounds


def test_tensorflow_functions_are_read() -> None:
    function = build.pb((1, build.pb((1, "f"))), (3, build.pb((1, "n"), (2, "EagerPyFunc"))))
    graph = build.graph_def(("a", "MatMul")) + build.pb((2, build.pb((1, function))))
    read = tensorflow.read_graph(BytesBlob(graph))
    assert [(n.graph, n.op) for n in read.nodes] == [("", "MatMul"), ("f", "EagerPyFunc")] and read.functions == {"f"}


def test_ubjson() -> None:
    raw = b"{L" + struct.pack(">q", 1) + b"a[$d#L" + struct.pack(">q", 2) + struct.pack(">ff", 1.5, 2.5) + b"U\x01bSU\x02hi}"
    assert ubjson.loads(raw) == {"a": ("array", "d", 2), "b": "hi"}
    with pytest.raises(Malformed):
        ubjson.loads(b"[$d#L" + struct.pack(">q", 1 << 40))


def test_rds_calls() -> None:
    def text(kind: int, value: bytes) -> bytes:
        return struct.pack(">i", kind) + (struct.pack(">i", 1) if kind == 16 else b"") + struct.pack(">ii", 9 | 0x40000, len(value)) + value

    call = struct.pack(">i", 6) + text(1, b"system") + struct.pack(">i", 2) + text(16, b"echo") + struct.pack(">i", 254)
    raw = b"X\n" + struct.pack(">iii", 2, 0x040300, 0x020300) + struct.pack(">ii", 20, 1) + call
    read = rds.read(BytesBlob(raw))
    assert [(c.head, c.texts, c.inside) for c in read.calls] == [("system", ["echo"], "expression")] and read.broken is None


def test_xml_stops_at_entities() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY x "y">' + b"".join(b'<!ENTITY x%d "%s">' % (n, b"&x;" * 50) for n in range(9)) + b"]><a>&x8;</a>"
    started = time.process_time()
    assert xml.parse(bomb).entities and time.process_time() - started < 1


def test_json_bounds() -> None:
    assert json.loads('{"a": 1, "a": 2}').duplicates == ("a",)
    assert math.isinf(json.loads("1" * 5000).value)
    for raw in (b"[" * 100_000, b'{"a":' * 50_000, b"{]", b""):
        with pytest.raises(Malformed):
            json.loads(raw)


def test_yaml_is_data() -> None:
    assert yaml.loads("a: [1, 2.5, yes, ~, x, '1']\nb: {<<: {c: 1}, d: 2}\n") == {
        "a": [1, 2.5, True, None, "x", "1"],
        "b": {"c": 1, "d": 2},
    }
    assert yaml.loads("a: !!python/object/apply:os.getcwd []\n") == {"a": []}
    document = yaml.nodes("x: 1\ny: !new:os.system {}\nx: 2\n")[0]
    assert [(t, n.line) for t, n in document.tags] == [("!new:os.system", 2)] and document.duplicates == [("x", 3)]
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 8))
    assert yaml.nodes(bomb)[0].bomb


def test_toml_lines() -> None:
    document = toml.loads('[project]\nname = "x"\n\n[[tool.a]]\nb = 1\n[[tool.a]]\nb = 2\n')
    assert (document.line("project", "name"), document.line("tool", "a", 1, "b")) == (2, 7)


def test_a_large_header_is_fast() -> None:
    header = {f"model.layers.{n}.weight": {"dtype": "BF16", "shape": [4, 4], "data_offsets": [n * 32, n * 32 + 32]} for n in range(50_000)}
    raw = build.safetensors(header, bytes(32 * 50_000))
    started = time.process_time()
    read = safetensors.read(BytesBlob(raw))
    table = read.tensors.table()
    assert (table.count, table.parameters, table.names, table.groups) == (50_000, 800_000, (), (("BF16", (4, 4), 50_000),))
    assert time.process_time() - started < 1.5
