"""Hash threads beside a busy main thread: GB/s by buffer size and switch interval, to hold `mlsbom/collect/hashing.py` against.

    python benchmarks/hashing.py [MiB]      the size of the file that is hashed, in the page cache
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from mlsbom.collect import hashing


def busy(stop: threading.Event) -> None:
    """What inspection does to the lock: pure Python."""
    while not stop.is_set():
        sum(i * i for i in range(10_000))


def rate(path: str, size: int, jobs: int) -> float:
    """GB/s of `jobs` threads that hash the same file while one more thread is busy."""
    stop = threading.Event()
    threading.Thread(target=busy, args=(stop,), daemon=True).start()
    descriptors = [os.open(path, os.O_RDONLY) for _ in range(jobs)]
    start = time.perf_counter()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda d: hashing.digest(d, size), descriptors))
    seconds = time.perf_counter() - start
    stop.set()
    for d in descriptors:
        os.close(d)
    return jobs * size / seconds / 1e9


def main() -> None:
    size = int(sys.argv[1] if len(sys.argv) > 1 else 256) << 20
    jobs = os.cpu_count() or 2
    chosen, before = hashing.BUFFER, sys.getswitchinterval()
    with tempfile.NamedTemporaryFile() as f:
        for _ in range(size >> 20):
            f.write(os.urandom(1 << 20))
        f.flush()
        print("buffer    interval   GB/s")
        for buffer in (64 << 10, 1 << 20, 2 << 20, 8 << 20):
            for interval in (0.005, 0.0005, hashing.INTERVAL):
                hashing.BUFFER = buffer
                hashing._local.__dict__.clear()
                sys.setswitchinterval(interval)
                mark = "  as shipped" if (buffer, interval) == (chosen, hashing.INTERVAL) else ""
                print(f"{buffer >> 10:6} kB {interval * 1e3:6.2f} ms {rate(f.name, size, jobs):8.2f}{mark}")
    hashing.BUFFER = chosen
    sys.setswitchinterval(before)


if __name__ == "__main__":
    main()
