"""What a question to a large store costs: rows are generated straight into its tables. Usage: python benchmarks/store.py [ROWS] [URL]

ROWS dependencies (default 300,000; the plan is for 30 million, which takes half an hour and 3 GB of disk) of targets with 150 each, over
50,000 names; a planted release stands in one target of 200. Then the median of 15 of each question, the store opened anew each time.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mlsbom.knowledge import Packs
from mlsbom.store.database import Database, Row
from mlsbom.store.query import Question, ask
from mlsbom.store.rows import NAMED

EACH, NAMES, PLANTED, STEP = 150, 50_000, "zephyr-stored", 200
TARGET = ("id", "uri", "packs", "created", "first_seen", "passed", "incomplete", "source", "sha256", "findings")
WHEN = "2026-01-01T00:00:00Z"


def dependencies(first: int, last: int) -> Iterator[Row]:
    """The rows of targets `first` to `last - 1`, in the order of the schema."""
    r = random.Random(first)
    for target in range(first, last):
        for line, name in enumerate(r.sample(range(NAMES), EACH - 1), 1):
            version = f"{name % 9}.{line % 6}.0"
            yield target, name, version, "requirements.txt", WHEN, f"=={version}", line, None, "runtime"
        version = "7.7.7" if target % STEP == 0 else "7.7.6"
        yield target, NAMES, version, "requirements.txt", WHEN, f"=={version}", EACH, None, "runtime"


def fill(db: Database, rows: int) -> int:
    """Fill an empty store. Returns the number of targets."""
    targets = rows // EACH
    with db.write():
        db.many("name", ("id", "kind", "name"), [(n, "pypi", f"pkg-{n:05}") for n in range(NAMES)] + [(NAMES, "pypi", PLANTED)])
    for at in range(0, targets, 2000):
        end = min(targets, at + 2000)
        with db.write():
            made = [(n, f"/stored/{n}", "", WHEN, WHEN, 1, 0, "mlsbom", n.to_bytes(32, "big"), "[]") for n in range(at, end)]
            db.many("target", TARGET, made)
            db.many("file", ("target", "path", "format", "digest"), [(m[0], "model.bin", None, m[8]) for m in made])
            db.many("dependency", ("target", "name", *NAMED["dependency"]), dependencies(at, end))
    return targets


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    packs = Packs()
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/store.db"
        db = Database(url)
        start = time.perf_counter()
        targets = fill(db, rows)
        print(f"{targets * EACH:,} rows of {targets:,} targets in {time.perf_counter() - start:.1f} s", end="")
        db.close()
        print(f", {sum(p.stat().st_size for p in Path(folder).iterdir()) / 1e6:.0f} MB" if len(sys.argv) < 3 else "")
        slow = 0
        for asked, hits in (
            (Question(package=f"{PLANTED}==7.7.7"), -(-targets // STEP)),
            (Question(package="pkg-00017==1.0"), None),
            (Question(package="no-such-name==1.0"), 0),
            (Question(sha256=f"{17:064x}"), 1),
        ):
            times = []
            for _ in range(15):
                db = Database(url, readonly=True)
                answer = ask(db, asked, packs)
                times.append(answer["elapsed_ms"])
                db.close()
            assert hits is None or len(answer["hits"]) == hits
            name = ", ".join(f"{k}={v}" for k, v in answer["asked"].items())[:50]
            print(f"  {name:52} {len(answer['hits']):6} hits {statistics.median(times):8.2f} ms")
            slow += statistics.median(times) > 50
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
