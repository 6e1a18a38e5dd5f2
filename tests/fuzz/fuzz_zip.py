"""Fuzz the zip reader: both record sets, every reading of every member.

python tests/fuzz/fuzz_zip.py -runs=10000
"""

from __future__ import annotations

import io
import sys
import zipfile

import atheris

with atheris.instrument_imports(include=["mlsbom.formats"]):
    from mlsbom.blob import BytesBlob
    from mlsbom.budget import Budget
    from mlsbom.errors import ReadError
    from mlsbom.formats.zip import read_zip, sniff
    from mlsbom.formats.zip_members import contents

SEEDS = []
for method in (0, 8, 12, 14):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("m/data.pkl", b"N.")
        archive.writestr("m/version", b"3")
    SEEDS.append(out.getvalue())


def one(data: bytes) -> None:
    """One input as it is, and laid over an archive from a place that its first bytes choose."""
    seed = SEEDS[data[0] % 4] if data else SEEDS[0]
    at = int.from_bytes(data[1:3], "little") % len(seed)
    for raw in (data, seed[:at] + data[3:] + seed[at + len(data[3:]) :]):
        blob = BytesBlob(raw)
        sniff(blob)
        try:
            for entry in read_zip(blob).entries:
                contents(blob, entry, Budget(expanded=1 << 20))
        except ReadError:
            pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
