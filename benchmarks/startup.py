"""What a start costs: wall time of commands on a tiny target, and how many regular expressions each compiles and how long that takes.

    .venv/bin/python benchmarks/startup.py [--runs 7]

The commands run in fresh processes with compiled modules; medians in milliseconds. The second part runs each command once more with
`re` watched, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WATCH = """
import json, re._compiler, sys, time
plain, spent = re._compiler.compile, []
def watched(*a):
    begun = time.perf_counter()
    try:
        return plain(*a)
    finally:
        spent.append(time.perf_counter() - begun)
re._compiler.compile = watched
from mlsbom.cli import main
sys.argv = ["mlsbom", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print(json.dumps([len(spent), sum(spent)]), file=sys.stderr)
"""


def main() -> None:
    """Print a line a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "target")
        target.mkdir()
        (target / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
        (target / "requirements.txt").write_text("numpy==1.26.4\n")
        (target / "model.pkl").write_bytes(pickle.dumps({"a": [1, 2.5]}, 4))
        stored = str(Path(folder, "scan.json"))
        commands = {
            "bare python": [],
            "--version": ["--version"],
            "inspect": ["inspect", str(target / "model.pkl"), "--format", "jsonl"],
            "scan": ["scan", str(target), "-q", "--no-cache", "-o", f"json={stored}"],
            "assess": ["assess", stored, "-o", f"json={folder}/again.json"],
        }
        for name, arguments in commands.items():
            call = [sys.executable, "-m", "mlsbom", *arguments] if arguments else [sys.executable, "-c", "pass"]
            times = []
            for _ in range(options.runs):
                begun = time.perf_counter()
                done = subprocess.run(call, check=False, capture_output=True, text=True)
                times.append(1000 * (time.perf_counter() - begun))
                if done.returncode not in (0, 1, 3):
                    raise SystemExit(f"{name}: exit {done.returncode}: {done.stderr}")
            line = f"{name:12} {statistics.median(times):6.0f} ms"
            if arguments:
                told = subprocess.run([sys.executable, "-c", WATCH, *arguments], check=False, capture_output=True, text=True).stderr
                count, seconds = json.loads(told.splitlines()[-1])
                line += f"   {count:4} expressions compiled in {1000 * seconds:5.1f} ms"
            print(line)


if __name__ == "__main__":
    main()
