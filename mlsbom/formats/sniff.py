"""Sniffing of formats that have no magic: protocol buffers by schema, UBJSON, MessagePack, Torch7 streams.

A protocol buffer is recognised by the numbers and wire types of its first fields and of one nested message: a schema is named only where
both fit. Truncated files are recognised too; nothing large is read.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from msgspec import Struct

from mlsbom.blob import Blob

_FIELDS = 48


class _Head(Struct, frozen=True):
    number: int
    wire: int
    start: int
    size: int


class _Schema(Struct, frozen=True):
    """`fields`: number -> wire type; `need`: one of these must be there; `inner`: number -> fields of its message, of which at least one
    must be there and all must fit; `suffixes` break ties."""

    name: str
    fields: dict[int, int]
    need: frozenset[int]
    inner: tuple[tuple[int, dict[int, int]], ...]
    suffixes: tuple[str, ...]
    open_from: int = 1 << 30


_STRINGS = dict.fromkeys(range(1, 10), 2)
_GRAPH: Final = {1: 2, 2: 2, 5: 2, 10: 2, 11: 2, 12: 2, 13: 2, 14: 2, 15: 2, 16: 2}
_NODE_DEF: Final = {1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2}
_SCHEMAS: Final[tuple[_Schema, ...]] = (
    _Schema(
        "onnx",
        {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2},
        frozenset({7, 8}),
        ((7, _GRAPH), (8, {1: 2, 2: 0})),
        (".onnx", ".ort", ".pb"),
    ),
    _Schema(
        "coreml",
        {1: 0, 2: 2, 10: 0},
        frozenset({2, *range(200, 3001)}),
        ((2, {1: 2, 10: 2, 11: 2, 12: 2, 13: 2, 20: 0, 21: 2, 50: 2, 100: 2}),),
        (".mlmodel", ".mlpackage"),
        open_from=200,
    ),
    _Schema("cntk", {1: 0, 2: 2}, frozenset({2}), ((2, {1: 2, 2: 2}),), (".dnn", ".cmf", ".model", ".cntk")),
    _Schema("saved-model", {1: 0, 2: 2}, frozenset({2}), ((2, _STRINGS),), ("saved_model.pb", ".pb")),
    _Schema(
        "meta-graph",
        {1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2},
        frozenset({2}),
        ((1, {1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 0, 8: 2}), (2, {1: 2, 2: 2, 3: 0, 4: 2, 5: 2})),
        (".meta",),
    ),
    _Schema("paddle", {1: 2, 2: 2, 3: 2, 4: 2, 5: 2}, frozenset({1}), ((1, {1: 0, 2: 0, 3: 2, 4: 2, 5: 0}),), (".pdmodel", "__model__")),
    _Schema("sentencepiece", {1: 2, 2: 2, 3: 2, 4: 2, 5: 2}, frozenset({1}), ((1, {1: 2, 2: 5, 3: 0}),), (".model", ".spm", ".vocab")),
    _Schema("graph-def", {1: 2, 2: 2, 3: 0, 4: 2, 5: 2}, frozenset({1}), ((1, _NODE_DEF),), (".pb", ".pbtxt", ".graphdef")),
    _Schema(
        "caffe",
        {1: 2, 2: 2, 3: 2, 4: 0, 5: 0, 6: 2, 7: 0, 8: 2, 100: 2},
        frozenset({2, 100}),
        ((100, {1: 2, 2: 2, 3: 2, 4: 2}),),
        (".caffemodel",),
    ),
    _Schema("tensor-proto", {1: 0, 2: 0, 3: 2, 4: 2, 5: 2, 6: 2, 7: 2, 8: 2, 9: 2, 13: 2, 14: 0}, frozenset({9, 8}), (), (".pb",)),
)


def protobuf_kind(blob: Blob, name: str = "") -> str | None:
    """The format of a serialised protocol buffer of a known schema, or None. `name` breaks ties only."""
    if blob.head[0] not in (0x08, 0x0A, 0x12, 0x10, 0x1A):
        return None
    top = _heads(blob, 0, blob.size)
    if not top:
        return None
    numbers = {h.number for h in top}
    fitting = [s for s in _beginning(top[0].number, top[0].wire) if not numbers.isdisjoint(s.need) and _fits(blob, top, s)]
    kind = next((s.name for s in fitting if name.endswith(s.suffixes)), fitting[0].name if fitting else None)
    return "mediapipe" if kind == "graph-def" and _is_mediapipe(blob, top[0]) else kind


@cache
def _beginning(number: int, wire: int) -> tuple[_Schema, ...]:
    """The schemas of which a message can begin with this field: few, and `_fits` asks the same of the rest of it."""
    first = _Head(number, wire, 0, 0)
    return tuple(s for s in _SCHEMAS if s.name == "cntk" or _right(first, s.fields) or (number >= s.open_from and wire == 2))


def _is_mediapipe(blob: Blob, first: _Head) -> bool:
    """MediaPipe's CalculatorGraphConfig has the shape of a GraphDef: its nodes name calculators, not operators."""
    heads = _heads(blob, first.start, min(first.start + first.size, blob.size))
    named = next(
        (
            h
            for h in heads
            if h.number in (1, 2) and h.wire == 2 and blob.read_at(h.start, min(h.size, 200)).endswith((b"Calculator", b"Subgraph"))
        ),
        None,
    )
    return named is not None


def _fits(blob: Blob, top: list[_Head], schema: _Schema) -> bool:
    if schema.name == "cntk":
        return _is_cntk(blob, top)
    numbers = {h.number for h in top}
    if numbers.isdisjoint(schema.need):
        return False
    for h in top[:8]:
        if not (_right(h, schema.fields) or (h.number >= schema.open_from and h.wire == 2)):
            return False
    if not schema.inner:
        return len(numbers) >= 3 and name_like(blob, top, 8)
    checked = 0
    for number, inner in schema.inner:
        found = next((h for h in top if h.number == number and h.wire == 2 and h.size), None)
        if found is None:
            continue
        heads = _heads(blob, found.start, min(found.start + found.size, blob.size))
        if not heads or not all(_right(h, inner) for h in heads[:6]):
            return False
        if schema.name == "sentencepiece" and {h.number for h in heads[:2]} != {1, 2}:
            return False
        if schema.name in ("graph-def", "cntk") and not {1, 2} <= {h.number for h in heads}:
            return False
        if schema.name == "paddle" and (heads[0].number, heads[0].wire) != (1, 0):
            return False
        if schema.name == "saved-model" and not numbers >= {1, 2} and not {1, 2} & {h.number for h in heads}:
            return False
        checked += 1
    return checked > 0


def _is_cntk(blob: Blob, top: list[_Head]) -> bool:
    """A CNTK Dictionary: a version, then an entry of the map whose key is a word."""
    if len(top) < 2 or (top[0].number, top[0].wire) != (1, 0) or (top[1].number, top[1].wire) != (2, 2):
        return False
    entry = _heads(blob, top[1].start, min(top[1].start + top[1].size, blob.size))
    if len(entry) != 2 or (entry[0].number, entry[0].wire, entry[1].number, entry[1].wire) != (1, 2, 2, 2):
        return False
    return blob.read_at(entry[0].start, min(entry[0].size, 64)) in (
        b"version",
        b"type",
        b"uid",
        b"root",
        b"inputs",
        b"attributes",
        b"primitive_functions",
        b"name",
        b"op",
    )


def name_like(blob: Blob, top: list[_Head], number: int) -> bool:
    """Whether a field is printable text."""
    found = next((h for h in top if h.number == number and h.wire == 2), None)
    text = blob.read_at(found.start, min(found.size, 64)) if found else b""
    return bool(text) and all(0x20 <= b < 0x7F for b in text)


def _right(head: _Head, fields: dict[int, int]) -> bool:
    want = fields.get(head.number)
    return want == head.wire or (want == 0 and head.wire == 2)


def _heads(blob: Blob, at: int, end: int) -> list[_Head]:
    """Number, wire type, start and size of the first fields of a message; what comes before a break, if it breaks."""
    out: list[_Head] = []
    head = blob.head
    near = len(head)
    while at < end and len(out) < _FIELDS:
        piece = head[at : min(at + 20, end)] if at + 20 <= near else blob.read_at(at, min(20, end - at))
        key, used = (piece[0], 1) if piece and piece[0] < 0x80 else _varint(piece, 0)
        if used == 0 or key >> 3 == 0 or key >> 3 > 3000:
            break
        wire = key & 7
        if wire == 2:
            size, stop = _varint(piece, used)
            if stop == 0:
                break
            out.append(_Head(key >> 3, wire, at + stop, size))
            at += stop + size
        elif wire == 0:
            _, stop = _varint(piece, used)
            if stop == 0:
                break
            out.append(_Head(key >> 3, wire, at + used, stop - used))
            at += stop
        elif wire in (1, 5):
            out.append(_Head(key >> 3, wire, at + used, 8 if wire == 1 else 4))
            at += used + (8 if wire == 1 else 4)
        else:
            break
    return out


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, next offset); next offset 0 where it breaks."""
    result = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
    return 0, 0


def ubjson_start(head: bytes) -> bool:
    """An object of UBJSON whose first key is text: `{`, an integer marker, a length, letters (XGBoost writes `{L` with eight bytes)."""
    match = re.match(rb"\{(?:[iU](.)|I(..)|l(.{4})|L(.{8}))", head, re.S)
    if not match:
        return False
    raw = next(g for g in match.groups() if g is not None)
    size = int.from_bytes(raw, "big")
    key = head[match.end() : match.end() + size]
    return 0 < size <= 256 and len(key) == size and re.fullmatch(rb"[\w .:-]+", key) is not None


def msgpack_start(head: bytes) -> bool:
    """A MessagePack map (or a list of maps) whose first key is text."""
    at = 0
    for _ in range(3):
        byte = head[at] if at < len(head) else 0
        if 0x91 <= byte <= 0x9F:
            at += 1
            continue
        if 0x81 <= byte <= 0x8F:
            at += 1
        elif byte == 0xDE:
            at += 3
        elif byte == 0xDF:
            at += 5
        else:
            return False
        break
    byte = head[at] if at < len(head) else 0
    if 0xA1 <= byte <= 0xBF:
        start, size = at + 1, byte & 0x1F
    elif byte == 0xD9 and at + 1 < len(head):
        start, size = at + 2, head[at + 1]
    else:
        return False
    key = head[start : start + size]
    return len(key) == size and re.fullmatch(rb"[\x20-\x7e]+", key) is not None


def torch7_start(head: bytes) -> bool:
    """A binary Torch7 stream: type tag 4 (torch object) or 3 (table), index 1, then for an object its version string `V 1`."""
    return (head[:8] == b"\x04\x00\x00\x00\x01\x00\x00\x00" and head[12:15] == b"V 1") or head[:8] == b"\x03\x00\x00\x00\x01\x00\x00\x00"
