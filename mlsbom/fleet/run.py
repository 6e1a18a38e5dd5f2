"""`fleet scan`: the list, the engine, the progress, the sum."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from mlsbom.errors import NothingToScan, UsageError
from mlsbom.fleet.engines import ENGINES, Limits
from mlsbom.fleet.plan import done, jobs, targets
from mlsbom.knowledge import shared


def shard_of(spec: str | None) -> tuple[int, int]:
    """`I/N` with I from 1 to N."""
    if not spec:
        return 1, 1
    one, _, all_ = spec.partition("/")
    if not (one.isdigit() and all_.isdigit() and 1 <= int(one) <= int(all_)):
        raise UsageError(f"--shard {spec}: is not I/N with I from 1 to N")
    return int(one), int(all_)


def scan_all(
    listing: str,
    out: Path,
    *,
    engine: str = "local",
    shard: str | None = None,
    resume: bool = False,
    parallel: int | None = None,
    limits: Limits | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Scan every target of a list into `out`. The sum: how many are done, were done before, failed the gate, are incomplete, died.

    Without `resume`, results that are there are made anew; with it, a result that is known by its key is kept.
    """
    if engine not in ENGINES:
        raise UsageError(f"no such engine: {engine}", remedy="one of: " + ", ".join(ENGINES))
    limits = replace(limits or Limits(), packs=shared().digest)
    out.mkdir(parents=True, exist_ok=True)
    work = list(jobs(targets(listing), out.resolve(), limits.packs, shard_of(shard), limits.profile))
    if not work:
        raise NothingToScan(f"{listing}: names no target" + (" for this shard" if shard else ""))
    before = [j for j in work if resume and done(j)]
    kept = set(before)
    left = [j for j in work if j not in kept]
    for j in left:
        j.out.unlink(missing_ok=True)
    mine = {j.out.name for j in left}
    _sweep(out, mine)
    total = {"targets": len(work), "before": len(before), "done": 0, "failed": 0, "incomplete": 0, "died": 0, "seconds": 0.0}
    start = time.monotonic()
    show = _Show(len(left), quiet)
    for answer in ENGINES[engine](left, asdict(limits), parallel or os.cpu_count() or 2) if left else ():
        total["done"] += 1
        code = answer.get("exit")
        total["failed"] += code == 1
        total["incomplete"] += code in (3, 4, 2)
        total["died"] += bool(answer.get("died"))
        show.seen(str(answer["target"]), int(total["done"]))
    show.end()
    _sweep(out, mine)
    total["seconds"] = round(time.monotonic() - start, 1)
    total["failed"] += sum(_code(j.out) == 1 for j in before)
    total["incomplete"] += sum(_code(j.out) == 3 for j in before)
    return total


def _sweep(out: Path, mine: set[str]) -> None:
    """Remove what a killed process left half-written of these results; another shard may be writing beside this one."""
    for stray in out.glob(".*.json.*"):
        if stray.name[1:].rpartition(".")[0] in mine:
            stray.unlink(missing_ok=True)


def _code(path: Path) -> int:
    """The exit code that a kept result stands for: read from the gate near its end."""
    try:
        raw = path.read_bytes()
    except OSError:
        return 3
    at = raw.rfind(b'"gate": {')
    gate = raw[at : at + 200] if at >= 0 else b""
    return 1 if b'"passed": false' in gate else 3 if b'"incomplete": true' in gate else 0


class _Show:
    """Progress with an estimate on a terminal; a line a tenth in a log."""

    def __init__(self, of: int, quiet: bool) -> None:
        self.of, self.quiet, self.start = of, quiet, time.monotonic()
        self.live = sys.stderr.isatty()
        self.next = 0.0

    def seen(self, target: str, count: int) -> None:
        if self.quiet:
            return
        spent = time.monotonic() - self.start
        left = spent / count * (self.of - count)
        if self.live:
            name = "".join(c if c.isprintable() else "?" for c in target)[-60:]
            sys.stderr.write(f"\r\x1b[2K{count}/{self.of}  {spent:.0f} s, about {left:.0f} s left  {name}")
            sys.stderr.flush()
        elif count / self.of >= self.next:
            self.next += 0.1
            sys.stderr.write(f"mlsbom: {count}/{self.of} done, {spent:.0f} s, about {left:.0f} s left\n")

    def end(self) -> None:
        if self.live and not self.quiet:
            sys.stderr.write("\r\x1b[2K")
