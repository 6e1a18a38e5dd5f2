"""Zip: agrees with zipfile on what it writes; no change of a record hides a payload; any bytes are survived."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsbom.blob import BytesBlob
from mlsbom.budget import Budget
from mlsbom.errors import ReadError
from mlsbom.formats.zip import read_zip, sniff
from mlsbom.formats.zip_members import contents
from tests.pickle.build import call, line_of, rules_of, text, verdict_of

PAYLOAD = call("posix", "system", text("true"))
NAMES = st.text(alphabet="abcdefghij/._-é", min_size=1, max_size=12).filter(lambda n: not n.endswith("/"))


def made(members: list[tuple[str, bytes]], method: int = 0, comment: bytes = b"") -> bytes:
    """An archive by the standard library."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, method)
        z.comment = comment
    return out.getvalue()


@given(st.dictionaries(NAMES, st.binary(max_size=300), max_size=5), st.sampled_from([0, 8, 12, 14]), st.binary(max_size=40))
def test_reads_what_zipfile_writes(members: dict[str, bytes], method: int, prefix: bytes) -> None:
    blob = BytesBlob(prefix + made(list(members.items()), method))
    directory = read_zip(blob)
    assert sniff(blob)
    assert {e.name: contents(blob, e, Budget())[0].blob.data() for e in directory.entries} == members
    assert all(c.crc_good is not False for e in directory.entries for c in contents(blob, e, Budget()))


@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"PK\x01\x02"]), st.binary(max_size=60))
@settings(max_examples=300)
def test_any_bytes(before: bytes, sign: bytes, after: bytes) -> None:
    blob = BytesBlob(before + sign + after)
    sniff(blob)
    try:
        for entry in read_zip(blob).entries:
            contents(blob, entry, Budget(expanded=1 << 20))
    except ReadError:
        pass


@pytest.mark.parametrize("method", [0, 8])
def test_no_changed_byte_hides_the_payload(method: int) -> None:
    whole = made([("archive/data.pkl", PAYLOAD), ("archive/version", b"3\n")], method)
    assert verdict_of(whole, "model.pt") == "malicious"
    for i in range(len(whole)):
        changed = bytearray(whole)
        changed[i] ^= 0x41
        assert verdict_of(bytes(changed), "model.pt") != "clean", i


def _patch(data: bytes, sign: bytes, at: int, form: str, value: int) -> bytes:
    out = bytearray(data)
    struct.pack_into(form, out, data.find(sign) + at, value)
    return bytes(out)


WHOLE = made([("model.pkl", PAYLOAD)])
END = WHOLE[WHOLE.find(b"PK\x05\x06") :]
HOSTILE = {
    "name in the local record": WHOLE.replace(b"model.pkl", b"model.txt", 1),
    "name in the directory": WHOLE[::-1].replace(b"lkp.ledom", b"txt.ledom", 1)[::-1],
    "encryption flag, local": _patch(WHOLE, b"PK\x03\x04", 6, "<H", 1),
    "encryption flag, central": _patch(WHOLE, b"PK\x01\x02", 8, "<H", 0x41),
    "unknown method, central": _patch(WHOLE, b"PK\x01\x02", 10, "<H", 99),
    "deflate said, stored meant": _patch(WHOLE, b"PK\x01\x02", 10, "<H", 8),
    "size of nothing, central": _patch(WHOLE, b"PK\x01\x02", 24, "<I", 0),
    "wrong checksum, central": _patch(WHOLE, b"PK\x01\x02", 16, "<I", 1),
    "no directory": WHOLE[: WHOLE.find(b"PK\x01\x02")],
    "only in a gap": made([("a.txt", b"x")])[:37] + WHOLE[: WHOLE.find(b"PK\x01\x02")] + made([("a.txt", b"x")])[37:],
    "behind a prefix": b"%PDF-1.7\n" + WHOLE,
    "behind random bytes": bytes(range(256)) * 8 + WHOLE,
    "in a zip in a zip": made([("a.zip", made([("b.zip", WHOLE)], 8))], 8),
    "an end record in the comment": made([("model.pkl", PAYLOAD)], 0, END),
    "an empty end record behind": WHOLE + b"PK\x05\x06" + b"\0" * 18,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_containers(case: str) -> None:
    assert verdict_of(HOSTILE[case], "model.bin") in ("malicious", "incomplete"), line_of(HOSTILE[case], "model.bin")


def test_a_lying_flag_is_told_and_a_true_one_too() -> None:
    assert rules_of(HOSTILE["encryption flag, central"])["ARCHIVE-RECORDS-DISAGREE"] == "high"
    noise = bytearray(_patch(_patch(made([("a.bin", bytes(range(200)))], 8), b"PK\x03\x04", 6, "<H", 1), b"PK\x01\x02", 8, "<H", 1))
    noise[40:60] = bytes(range(230, 250))
    line = line_of(bytes(noise), "a.zip")
    assert "ARCHIVE-ENCRYPTED" in rules_of(bytes(noise), "a.zip") and any(c["status"] == "opaque" for c in line["coverage"])  # type: ignore[attr-defined]


def test_storages_of_torch_stay_unread() -> None:
    """A deflated storage of 64 MiB of zeros costs nothing: it is sized by the directory."""
    state = (b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
             b"J\x00\x00\x00\x01tQK\x00J\x00\x00\x00\x01\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.")  # fmt: skip
    data = made([("m/data.pkl", state), ("m/version", b"3"), ("m/data/0", bytes(64 << 20))], 8)
    line = line_of(data, "model.pt")
    assert line["verdict"] == "clean", line["findings"]


def test_a_bomb_ends() -> None:
    inner = made([(f"{i}.bin", bytes(80 << 20)) for i in range(1)], 8)
    assert "ARCHIVE-BOMB" in rules_of(inner, "a.zip")
