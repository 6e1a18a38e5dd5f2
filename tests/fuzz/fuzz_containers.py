"""Fuzz tar, 7z, npy and the single-stream codecs.

python tests/fuzz/fuzz_containers.py -runs=10000
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["mlsbom.formats"]):
    from mlsbom.blob import BytesBlob
    from mlsbom.budget import Budget
    from mlsbom.errors import ReadError
    from mlsbom.formats import codecs, sevenzip
    from mlsbom.formats.numpy import read_npy
    from mlsbom.formats.tar import read_tar

HEADS = (b"", sevenzip.MAGIC + b"\0\x04", b"\x93NUMPY\x01\x00", b"a" + b"\0" * 99)


def one(data: bytes) -> None:
    """One input for every reader."""
    for head in HEADS:
        blob = BytesBlob(head + data)
        for read in (read_tar, read_npy):
            try:
                read(blob)
            except ReadError:
                pass
        try:
            sevenzip.members(blob, sevenzip.read_sevenzip(blob, Budget(expanded=1 << 20)), Budget(expanded=1 << 20))
        except ReadError:
            pass
    for codec in codecs.DECODERS:
        if codec != "zstd":
            codecs.expand(BytesBlob(data), codec, Budget(expanded=1 << 20))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
