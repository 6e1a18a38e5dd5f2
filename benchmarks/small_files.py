"""Small files: time of collecting them by their number and by processes, beside plain reading and hashing of the same files.

    .venv/bin/python benchmarks/small_files.py [--files 500,1500,5000,20000] [--jobs 1,2]

The files are sources, texts, JSON and arrays of one to four kilobytes, made for the occasion in a temporary folder. Seconds, the best of
three runs; a run is a process of its own, because a second one in the same process knows everything already.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CODE = "import torch\nfrom torch import nn\n\n\nclass Layer{n}(nn.Module):\n    def forward(self, x):\n        return x * {n}\n"
RUN = """
import gc, sys, time
gc.set_threshold(200_000, 20, 100)
from mlsbom.collect import Options, collect
from mlsbom.sources.local import LocalSource
begun = time.perf_counter()
collect(LocalSource(sys.argv[1]), Options(cache=False, jobs=int(sys.argv[2])))
print(time.perf_counter() - begun)
"""


def make(top: Path, count: int) -> None:
    """The files, the same every time."""
    chance = random.Random(count)
    for n in range(count):
        folder = top / f"d{n // 400}" / f"s{n // 40 % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        size = chance.randrange(1000, 4000)
        kind = chance.choice(["py", "txt", "json", "npy"])
        if kind == "py":
            data = (CODE.format(n=n) * (size // 100)).encode()
        elif kind == "txt":
            data = b"word " * (size // 5)
        elif kind == "json":
            data = json.dumps({"id": n, "values": [chance.random() for _ in range(size // 20)]}).encode()
        else:
            shape = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({size // 4},), }}".ljust(117) + "\n"
            data = b"\x93NUMPY\x01\x00v\x00" + shape.encode() + chance.randbytes(size // 4 * 4)
        (folder / f"f{n}.{kind}").write_bytes(data)


def plain(top: Path) -> float:
    """Seconds of reading and hashing alone."""
    begun = time.perf_counter()
    for path in top.rglob("*.*"):
        hashlib.sha256(path.read_bytes()).hexdigest()
    return time.perf_counter() - begun


def main() -> None:
    """Print a line a number of files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", default="500,1500,5000,20000")
    parser.add_argument("--jobs", default="1,2")
    options = parser.parse_args()
    for count in map(int, options.files.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            make(top, count)
            plain(top)
            line = f"{count:6} files   reading and hashing {min(plain(top) for _ in range(3)):6.2f}"
            for jobs in options.jobs.split(","):
                call = [sys.executable, "-c", RUN, str(top), jobs]
                best = min(float(subprocess.run(call, check=True, capture_output=True, text=True).stdout) for _ in range(3))
                line += f"   collecting with {jobs} processes {best:6.2f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
