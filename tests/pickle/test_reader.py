"""The reader: agrees with Python's own on what picklers write, survives any bytes, and reads what only lenient loaders read."""

from __future__ import annotations

import io
import pickle
import pickletools
import time
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlsbom.blob import BytesBlob
from mlsbom.budget import Budget
from mlsbom.errors import ReadError
from mlsbom.formats.pickle import Dict, Name, Set, Value, read_pickles, search, sniff
from mlsbom.formats.pickle.arrays import dtype_of_code
from mlsbom.formats.pickle.walk import walk
from mlsbom.formats.pickle.window import Window
from mlsbom.formats.torch import read_torch
from tests.pickle.build import call, name, text

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.binary(max_size=40)
)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)


def plain(value: Value) -> object:
    """A value of the machine as Python's own."""
    if isinstance(value, Dict):
        return {plain(k): plain(v) for k, v in value.pairs}
    if isinstance(value, Set):
        return {plain(v) for v in value.items}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return tuple(plain(v) for v in value) if isinstance(value, tuple) else value


@given(PLAIN, st.integers(3, 5))
@settings(max_examples=300)
def test_plain_data_reads_as_python_reads_it(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    (stream,) = read_pickles(BytesBlob(data)).streams
    assert stream.stopped and stream.end == len(data) and plain(stream.result) == value


@given(PLAIN, st.integers(0, 5))
def test_walk_ends_where_pickletools_ends(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol) + b"tail"
    passed = walk(Window(BytesBlob(data), 0))
    last = max(at for op, _, at in pickletools.genops(io.BytesIO(data)))
    assert passed.live is not None or (passed.stopped and passed.end == last + 1)


@given(
    st.binary(max_size=400)
    | st.lists(
        st.sampled_from(
            [bytes([b]) for b in b"(.012FIJKLMNPQRSTUVXabcdeghijlopqrstu)]}"]
            + [bytes([b]) for b in range(0x80, 0x99)]
            + [b"\n", b"1\n", b"os\n", b"\x04", text("a")]
        ),
        max_size=60,
    ).map(b"".join)
)
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_end_and_raise_nothing(data: bytes) -> None:
    for start in (b"", b"\x80\x04"):
        blob = BytesBlob(start + data)
        pickles = read_pickles(blob)
        assert all(s.end <= blob.size for s in pickles.streams)
        sniff(blob)
        search(blob, Budget())
        try:
            read_torch(blob)
        except ReadError:
            pass


@pytest.mark.parametrize(
    "value", [np.arange(6, dtype="f4").reshape(2, 3), np.float64(1.5), OrderedDict(a=[1]), np.array(["a"]), np.dtype("f8")]
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_numpy_objects_are_whole(value: object, protocol: int) -> None:
    (stream,) = read_pickles(BytesBlob(pickle.dumps(value, protocol))).streams
    assert stream.stopped and not stream.left and stream.names


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (b"I0x10\n.", 16), (b"I010\n.", 8), (b"I01\n.", True), (b"I00\n.", False), (b"L10\n.", 10), (b"L10L\n.", 10), (b"F1e3\n.", 1000.0), (b"F  -nan\n.", None),
        (b"S'a\\x62'\n.", "ab"), (b'S"caf\xe9"\n.', "café"), (b"V\\u00e9\n.", "é"), (b"\x80\x02K\x01\x80\x05K\x02\x86.", (1, 2)), (b"\x8a\x00.", 0), (b"N0I1\n.", 1),
        (b"((K\x011K\x02.", 2), (b"K\x05p0\n0g0\n.", 5),
    ],
)  # fmt: skip
def test_lenient_forms(data: bytes, result: object) -> None:
    (stream,) = read_pickles(BytesBlob(data)).streams
    assert stream.stopped, stream.problem
    assert result is None or stream.result == result


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\xff.",
        b"\x80\x04h\x09.",
        b"R.",
        b"X\xff\xff\xff\xffabc",
        b"\x8e" + b"\xff" * 8,
        b"\x95" + b"\xff" * 8 + b"N.",
        b"(K\x01d.",
        b"p-1\n.",
        b"1.",
    ],
)
def test_damage_is_told_with_its_place(data: bytes) -> None:
    stream = read_pickles(BytesBlob(data)).streams[0]
    assert stream.problem and not stream.stopped and stream.problem_at < len(data)


def test_streams_in_a_row_and_behind_padding() -> None:
    first, second = pickle.dumps([1], 4), call("posix", "system", text("true"))
    pickles = read_pickles(BytesBlob(first + pickle.dumps({"a": 2}, 2) + b"\0" * 100 + b"junk" + second))
    assert [s.resynced for s in pickles.streams] == [False, False, True]
    assert pickles.streams[2].names[0].name == "system"


def test_aliases_share_one_object() -> None:
    data = b"\x80\x04" + name("collections", "OrderedDict") + b")R\x940h\x00}" + text("k") + b"K\x01sbh\x00."
    stream = read_pickles(BytesBlob(data)).streams[0]
    assert stream.result is stream.changes[-1].target and stream.result.state


def test_computed_names_keep_their_parts() -> None:
    data = b"\x80\x04" + text("os") + name("builtins", "str.lower") + b"(" + text("SYSTEM") + b"tR\x93."
    stream = read_pickles(BytesBlob(data)).streams[0]
    assert isinstance(stream.result, Name) and stream.result.computed


@pytest.mark.parametrize(
    ("code", "size", "objects"),
    [
        ("f8", 8, False),
        ("<U10", 40, False),
        ("|O", 8, True),
        ("O8", 8, True),
        ("M8[ns]", None, None),
        ("|S5", 5, False),
        ("?", 1, False),
        ("c16", 16, False),
    ],
)
def test_dtype_codes(code: str, size: int | None, objects: bool | None) -> None:
    dtype = dtype_of_code(code)
    assert (dtype and (dtype.size, dtype.objects)) == ((size, objects) if size is not None else None)


def test_long_plain_runs_are_fast_and_small() -> None:
    """A list of floats of protocol 0, with an import at its end, so that the machine runs: no value of the run is kept."""
    data = b"(lp0\n" + b"F0.1234567\na" * 300_000 + b"ccollections\nOrderedDict\n)Ra."
    started = time.process_time()
    stream = read_pickles(BytesBlob(data)).streams[0]
    assert stream.stopped and len(stream.result) < 5000
    assert time.process_time() - started < 2


@pytest.mark.parametrize("depth", [200_000])
def test_deep_nesting_does_not_recurse(depth: int) -> None:
    data = b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."
    stream = read_pickles(BytesBlob(data)).streams[0]
    assert stream.stopped
    assert read_pickles(BytesBlob(b"(" * depth + b"N.")).streams[0].stopped
    assert read_pickles(BytesBlob(b"N" + b"\x85" * depth + b".")).streams[0].stopped
