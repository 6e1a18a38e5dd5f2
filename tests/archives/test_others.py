"""Tar, 7z and single streams: agreement with the standard library, hostile members, any bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsbom.blob import Blob, BytesBlob
from mlsbom.budget import Budget
from mlsbom.errors import ReadError
from mlsbom.formats import codecs, lz4, sevenzip
from mlsbom.formats.numpy import read_npy
from mlsbom.formats.tar import read_tar
from tests.pickle.build import call, line_of, rules_of, text, verdict_of

PAYLOAD = call("posix", "system", text("true"))


def tar(members: list[tuple[str, bytes, dict[str, object]]], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as t:
        for name, data, more in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for k, v in more.items():
                setattr(info, k, v)
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def lz4_frame(data: bytes) -> bytes:
    """A frame of stored blocks, then one of a literal run with an overlapping match."""
    head = lz4.MAGIC + b"\x60\x40\x00"
    blocks = b"".join(struct.pack("<I", len(p) | 1 << 31) + p for p in (data[i : i + 65536] for i in range(0, len(data), 65536)))
    return head + blocks + b"\0\0\0\0"


PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zlib": zlib.compress,
    "lzma": lambda d: lzma.compress(d, lzma.FORMAT_ALONE),
    "lz4": lz4_frame,
}


@given(
    st.dictionaries(
        st.text(alphabet="abc/é_", min_size=1, max_size=150).filter(lambda n: not n.endswith("/")), st.binary(max_size=700), max_size=4
    ),
    st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_tar_reads_what_tarfile_writes(members: dict[str, bytes], form: int) -> None:
    try:
        data = tar([(n, d, {}) for n, d in members.items()], form)
    except ValueError:
        return  # too long for ustar
    if members:
        blob = BytesBlob(data)
        assert {e.name: blob.read_at(e.data, e.size) for e in read_tar(blob).entries} == members


@pytest.mark.parametrize("codec", PACKERS)
@pytest.mark.parametrize("size", [0, 5, 100_000])
def test_codecs_agree(codec: str, size: int) -> None:
    data = (b"0123456789abcdef" * 8192)[:size]
    got = codecs.expand(BytesBlob(PACKERS[codec](data)), codec, Budget())
    assert got.blob.data() == data and got.problem is None


@pytest.mark.parametrize("codec", PACKERS)
def test_payloads_in_codecs(codec: str) -> None:
    packed = PACKERS[codec](PAYLOAD)
    assert verdict_of(packed, "model.joblib") == "malicious"
    assert verdict_of(packed[:-6], "model.joblib") in ("malicious", "incomplete")


def test_an_lz4_match_may_overlap_itself() -> None:
    assert lz4.expand_block(b"\x14a\x01\x00\x50bcdef") == b"a" + b"a" * 8 + b"bcdef"


@given(st.binary(max_size=200), st.sampled_from(sorted(PACKERS)))
@settings(max_examples=200)
def test_any_bytes_in_codecs(data: bytes, codec: str) -> None:
    whole = PACKERS[codec](b"some text " * 20)
    for piece in (data, whole[:12] + data, whole[:-4] + data):
        got = codecs.expand(BytesBlob(piece), codec, Budget(expanded=1 << 20))
        assert got.blob.size <= (1 << 20) + codecs.PIECE


@given(st.binary(max_size=1200))
def test_any_bytes_in_readers(data: bytes) -> None:
    for head in (b"", sevenzip.MAGIC + b"\0\x04", b"\x93NUMPY\x01\x00", tar([("a", b"x", {})])[:600]):
        for read in (read_tar, read_npy, lambda b: sevenzip.read_sevenzip(b, Budget())):
            try:
                read(BytesBlob(head + data))
            except ReadError:
                pass


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ([("../x", b"1", {})], "ARCHIVE-PATH-ESCAPE"),
        ([("/etc/x", b"1", {})], "ARCHIVE-PATH-ESCAPE"),
        ([("a", b"", {"type": tarfile.SYMTYPE, "linkname": "../../etc/passwd"})], "ARCHIVE-PATH-ESCAPE"),
        ([("a", b"", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"})], "ARCHIVE-PATH-ESCAPE"),
        ([("a/b", b"", {"type": tarfile.SYMTYPE, "linkname": "../c"})], "ARCHIVE-LINK"),
        ([("a", b"", {"type": tarfile.CHRTYPE})], "ARCHIVE-SPECIAL"),
        ([("a", b"x", {"mode": 0o4755})], "ARCHIVE-SPECIAL"),
        ([("a", b"x", {}), ("a", b"y", {})], "ARCHIVE-DUPLICATE-NAME"),
    ],
)
def test_hostile_tars(members: list[tuple[str, bytes, dict[str, object]]], rule: str) -> None:
    assert rule in rules_of(tar(members), "model.tar")


def test_payloads_behind_the_end_mark_of_a_tar() -> None:
    data = tar([("a.txt", b"x", {})]) + tar([("model.pkl", PAYLOAD, {})])
    assert verdict_of(data, "model.tar") == "malicious"


def sevenz(name: str, data: bytes, coder: bytes = b"\x01\x00") -> bytes:
    """A 7z archive of one member, by hand: one block, one coder without properties."""
    header = (b"\x01\x04\x06\x00\x01\x09" + bytes([len(data)]) + b"\x00\x07\x0b\x01\x00\x01" + coder + b"\x0c" + bytes([len(data)]) + b"\x00\x08\x00\x00"
              b"\x05\x01\x11" + bytes([len(n := b"\x00" + (name + "\0").encode("utf-16-le"))]) + n + b"\x00\x00")  # fmt: skip
    start = struct.pack("<QQI", len(data), len(header), zlib.crc32(header))
    return sevenzip.MAGIC + b"\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + data + header


def test_7z() -> None:
    blob = BytesBlob(sevenz("model.pkl", PAYLOAD))
    ((entry, content),) = sevenzip.members(blob, sevenzip.read_sevenzip(blob, Budget()), Budget())
    assert entry.name == "model.pkl" and isinstance(content, Blob) and content.data() == PAYLOAD
    assert verdict_of(sevenz("model.pkl", PAYLOAD), "model.7z") == "malicious"
    assert verdict_of(sevenz("notes.txt", b"plain words"), "model.7z") == "clean"
    assert "ARCHIVE-PATH-ESCAPE" in rules_of(sevenz("../x.txt", b"plain words"), "model.7z")
    assert "ARCHIVE-ENCRYPTED" in rules_of(sevenz("x.txt", b"plain words", b"\x04\x06\xf1\x07\x01"), "model.7z")
    assert verdict_of(sevenz("x.txt", b"plain words", b"\x03\x03\x04\x01"), "model.7z") in ("incomplete", "clean")
    assert verdict_of(sevenz("x.txt", b"plain words", b"\x02\x7f\x7f"), "model.7z") == "incomplete"


def test_nested_deeper_than_the_budget_is_incomplete() -> None:
    data = PAYLOAD
    for _ in range(9):
        data = gzip.compress(data)
    assert verdict_of(data, "model.gz") == "incomplete"


def test_names_that_are_no_text_do_not_break_the_document() -> None:
    """Bytes that are no UTF-8 in a member's name, half a surrogate pair in an import."""
    raw = tar([("m\udcde.pkl", PAYLOAD, {})], tarfile.GNU_FORMAT)
    line = line_of(raw, "model.tar")
    assert line["verdict"] == "malicious" and "%DE" in json.dumps(line)
    odd = b"\x80\x04\x8c\x05ac\xed\xa0\x80" + text("make") + b"\x93)R."
    json.dumps(line_of(odd)).encode("utf-8")
