"""Fuzz the pickle reader and its judge: no exception but ReadError, bounded time and memory.

python tests/fuzz/fuzz_pickle.py -runs=10000
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["mlsbom.formats", "mlsbom.judges"]):
    from mlsbom.blob import BytesBlob
    from mlsbom.budget import Budget
    from mlsbom.errors import ReadError
    from mlsbom.formats.pickle import read_pickles, search, sniff
    from mlsbom.formats.torch import read_torch
    from mlsbom.judges.callables import callables
    from mlsbom.judges.folding import Folder
    from mlsbom.judges.pickles import StreamJudge
    from mlsbom.knowledge import Packs

JUDGE = callables(Packs())


def one(data: bytes) -> None:
    """One input, as it is and behind a protocol header."""
    for blob in (BytesBlob(data), BytesBlob(b"\x80\x04" + data)):
        budget = Budget(blob.size, expanded=1 << 22)
        sniff(blob)
        search(blob, budget)
        try:
            for stream in read_pickles(blob, budget).streams:
                list(StreamJudge(stream, JUDGE, Folder(JUDGE, budget)).notes())
            read_torch(blob)
        except ReadError:
            pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
