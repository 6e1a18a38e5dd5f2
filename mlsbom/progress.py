"""Progress on standard error, where it is a terminal and the work takes longer than a moment. Never a line in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

DELAY = 0.7  # seconds before anything is shown: most scans are over by then


class Progress:
    """A line that is rewritten in place. `seen` is an observer for `collect`."""

    def __init__(self, quiet: bool = False) -> None:
        self._on = not quiet and sys.stderr.isatty()
        self._start = time.monotonic()
        self._last = 0.0
        self._shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()

    def seen(self, what: str, done: int, of: int) -> None:
        """`done` of `of` places are read; `what` is the current one."""
        now = time.monotonic()
        if not self._on or now - self._start < DELAY or now - self._last < 0.1:
            return
        self._last, self._shown = now, True
        share = done / of if of else 1.0
        bar = "█" * int(20 * share) + "░" * (20 - int(20 * share))
        name = "".join(c if c.isprintable() else "?" for c in what)[-60:]
        sys.stderr.write(f"\r\x1b[2K{bar} {done}/{of}  {now - self._start:.0f} s  {name}")
        sys.stderr.flush()
