"""Small writers of model formats, for tests and for the examples of rule pages. They write what is asked, right or wrong."""

from __future__ import annotations

import json
import struct
from typing import Any

import msgspec


def varint(value: int) -> bytes:
    """A protocol buffer varint."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def pb(*fields: tuple[int, int | str | bytes]) -> bytes:
    """A protocol buffer message of (number, value) pairs; text and bytes are counted, numbers are varints."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(raw)) + raw
    return out


def onnx_node(op: str, domain: str = "", *attributes: bytes) -> bytes:
    """A NodeProto."""
    return pb((1, "x"), (2, "y"), (4, op), *((5, a) for a in attributes), *(((7, domain),) if domain else ()))


def onnx_tensor(name: str, shape: tuple[int, ...] = (1,), raw: bytes | None = b"\0\0\0\0", external: dict[str, str] | None = None) -> bytes:
    """A float32 TensorProto, with its bytes here or elsewhere."""
    fields: list[tuple[int, int | str | bytes]] = [*((1, d) for d in shape), (2, 1), (8, name)]
    if external is not None:
        fields += [(13, pb((1, k), (2, v))) for k, v in external.items()] + [(14, 1)]
    elif raw is not None:
        fields.append((9, raw))
    return pb(*fields)


def onnx(*nodes: bytes, tensors: tuple[bytes, ...] = (), metadata: dict[str, str] | None = None) -> bytes:
    """A ModelProto."""
    graph = pb(*((1, n) for n in nodes), (2, "g"), *((5, t) for t in tensors))
    return pb((1, 8), (2, "test"), (7, graph), (8, pb((1, ""), (2, 17))), *((14, pb((1, k), (2, v))) for k, v in (metadata or {}).items()))


_GGUF_TYPES = {bool: 7, float: 6, int: 4, str: 8}


def gguf_text(text: str) -> bytes:
    """A counted text."""
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf_value(value: Any) -> bytes:
    """A typed value: bool, float, int (32 bits), text or a list of one of these."""
    if isinstance(value, list):
        kind = _GGUF_TYPES[type(value[0])]
        return struct.pack("<IIQ", 9, kind, len(value)) + b"".join(gguf_value(v)[4:] for v in value)
    kind = _GGUF_TYPES[type(value)]
    body = {7: lambda v: struct.pack("<?", v), 6: lambda v: struct.pack("<f", v), 4: lambda v: struct.pack("<I", v), 8: gguf_text}[kind](
        value
    )
    return struct.pack("<I", kind) + body


def gguf(
    values: dict[str, Any],
    tensors: dict[str, tuple[int, ...]] | None = None,
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
    tail: bytes = b"",
) -> bytes:
    """A GGUF file with float32 tensors of zeros."""
    tensors = tensors or {}
    out = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(tensors), len(values))))
    for key, value in values.items():
        out += gguf_text(key) + gguf_value(value)
    offset, data = 0, b""
    for name, shape in tensors.items():
        size = 4
        for n in shape:
            size *= n
        out += (
            gguf_text(name)
            + struct.pack("<I", len(shape))
            + b"".join(struct.pack("<Q", n) for n in reversed(shape))
            + struct.pack("<IQ", 0, offset)
        )
        data += bytes(size) + bytes(-size % 32)
        offset += size + (-size % 32)
    return out + bytes(-len(out) % 32) + data + tail


def safetensors(header: dict[str, Any] | bytes, data: bytes = b"") -> bytes:
    """A safetensors file of this header."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


class Flat:
    """A FlatBuffers writer that lays out children behind their parents: tables are dicts of field -> value.

    A value is bytes (a scalar, inline), a text, a dict (table), or a list of texts, dicts or of bytes (scalars of equal size).
    """

    def __init__(self, identifier: bytes = b"TFL3") -> None:
        self.out = bytearray(b"\0\0\0\0" + identifier)

    def finish(self, table: dict[int, Any]) -> bytes:
        """The file with this root table."""
        at = self._table(table)
        self.out[0:4] = struct.pack("<I", at)
        return bytes(self.out)

    def _table(self, table: dict[int, Any]) -> int:
        self.out += bytes(-len(self.out) % 8)
        size = 4 + 2 * (max(table, default=-1) + 1)
        vtable = len(self.out)
        self.out += bytes(size)
        self.out += bytes(-len(self.out) % 4)
        start = len(self.out)
        self.out += struct.pack("<i", start - vtable)
        places: list[tuple[int, Any]] = []
        for field, value in sorted(table.items()):
            struct.pack_into("<H", self.out, vtable + 4 + 2 * field, len(self.out) - start)
            if isinstance(value, bytes):
                self.out += value
            else:
                places.append((len(self.out), value))
                self.out += bytes(4)
        struct.pack_into("<HH", self.out, vtable, size, len(self.out) - start)
        for place, value in places:
            target = self._table(value) if isinstance(value, dict) else self._text(value) if isinstance(value, str) else self._vector(value)
            struct.pack_into("<I", self.out, place, target - place)
        return start

    def _text(self, text: str) -> int:
        self.out += bytes(-len(self.out) % 4)
        start = len(self.out)
        raw = text.encode()
        self.out += struct.pack("<I", len(raw)) + raw + b"\0"
        return start

    def _vector(self, items: list[Any]) -> int:
        self.out += bytes(-len(self.out) % 4)
        start = len(self.out)
        self.out += struct.pack("<I", len(items))
        if items and isinstance(items[0], bytes):
            self.out += b"".join(items)
            return start
        first = len(self.out)
        self.out += bytes(4 * len(items))
        for n, item in enumerate(items):
            place = first + 4 * n
            target = self._table(item) if isinstance(item, dict) else self._text(item)
            struct.pack_into("<I", self.out, place, target - place)
        return start


def tflite(custom: str | None = None, *, tail: bytes = b"") -> bytes:
    """A model with one operator, builtin ADD or a custom one."""
    code: dict[int, Any] = {0: b"\x20", 1: custom, 3: struct.pack("<i", 32)} if custom else {0: b"\0", 3: struct.pack("<i", 0)}
    graph = {
        0: [{0: [struct.pack("<i", 1)], 1: b"\0", 3: "x"}],
        1: [struct.pack("<i", 0)],
        2: [struct.pack("<i", 0)],
        3: [{0: struct.pack("<I", 0)}],
    }
    return Flat().finish({0: struct.pack("<I", 3), 1: [code], 2: [graph], 3: "test", 4: [{}]}) + tail


def graph_def(*nodes: tuple[str, str], attributes: bytes = b"") -> bytes:
    """A GraphDef of (name, operator) nodes."""
    return b"".join(pb((1, pb((1, name), (2, op)) + attributes)) for name, op in nodes)


def saved_model(*nodes: tuple[str, str]) -> bytes:
    """A SavedModel of one graph."""
    return pb((1, 1), (2, pb((1, pb((4, "serve"), (5, "2.15.0"))), (2, graph_def(*nodes)))))


def msgpack(value: Any) -> bytes:
    """MessagePack."""
    return msgspec.msgpack.encode(value)


def keras(config: Any) -> bytes:
    """The text of a `config.json`."""
    return json.dumps(config).encode()
