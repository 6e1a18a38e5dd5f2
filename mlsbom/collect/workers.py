"""Small files in several processes: where there are thousands of them, Python's work on each is what a scan waits for.

The processes are forked from this one, so that they know the packs and the entries; they get numbers of batches and give back facts. This
process takes batches too, and those of a process that dies. Nothing depends on who visited what: facts are sorted in the end.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

WORTH: Final = 1500
"""Small files from which a second process pays for its start and for what it imports itself (measured: benchmarks/small_files.py)."""
BATCH: Final = 100
AHEAD: Final = 2
"""Batches that a process has at hand, so that it does not wait for this one."""


def processes(jobs: int, files: int) -> int:
    """How many further processes help: none where a fork is not safe (other threads, other systems) or not worth it."""
    return min(jobs, files // WORTH + 1, cores()) - 1 if files >= WORTH and jobs > 1 else 0


def cores() -> int:
    """The processors that forked processes can have; 1 where this process must not be forked: other systems, other threads."""
    if sys.platform != "linux":
        return 1
    try:
        alone = len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return 1
    return len(os.sched_getaffinity(0)) if alone else 1


class Workers:
    """Forked processes that call `visit(number)` for batches and send what it returns. To be closed."""

    def __init__(self, count: int, visit: Callable[[int], bytes]) -> None:
        from multiprocessing import get_context

        context = get_context("fork")
        self._pipes: list[Connection[Any, Any]] = []
        self._children: list[ForkProcess] = []
        for _ in range(count):
            here, there = context.Pipe()
            child = context.Process(target=_serve, args=(there, (*self._pipes, here), visit), daemon=True)
            try:
                child.start()
            except OSError:  # the system allows no more: those that there are, and this process, do it all
                here.close()
                break
            finally:
                there.close()
            self._pipes.append(here)
            self._children.append(child)

    def share(self, batches: int, visit: Callable[[int], None], keep: Callable[[bytes], None]) -> None:
        """Have every batch visited once: by `visit` here, or by a process whose result goes to `keep`."""
        todo = deque(range(batches))
        at_work: dict[Connection[Any, Any], deque[int]] = {pipe: deque() for pipe in self._pipes}
        for pipe in [*self._pipes] * AHEAD:
            self._give(pipe, at_work, todo)
        while todo or at_work:
            for pipe in self._ready(list(at_work), block=not todo):
                try:
                    result = pipe.recv_bytes()
                except (EOFError, OSError):  # the process is dead: what it had at hand is done here
                    todo.extendleft(at_work.pop(pipe))
                    continue
                at_work[pipe].popleft()
                keep(result)
                self._give(pipe, at_work, todo)
            if todo:
                visit(todo.popleft())

    @staticmethod
    def _give(pipe: Connection[Any, Any], at_work: dict[Connection[Any, Any], deque[int]], todo: deque[int]) -> None:
        """The next batch for a process; one that has nothing left is let go."""
        if pipe not in at_work:
            return
        if not todo:
            if not at_work[pipe]:
                del at_work[pipe]
            return
        number = todo.popleft()
        at_work[pipe].append(number)
        try:
            pipe.send_bytes(str(number).encode())
        except OSError:
            todo.extendleft(at_work.pop(pipe))

    @staticmethod
    def _ready(pipes: list[Connection[Any, Any]], block: bool) -> list[Connection[Any, Any]]:
        from multiprocessing.connection import wait

        return wait(pipes, None if block else 0) if pipes else []  # type: ignore[return-value]

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        for pipe in self._pipes:
            pipe.close()
        for child in self._children:
            child.kill()
            child.join()


def _serve(pipe: Connection[Any, Any], others: tuple[Connection[Any, Any], ...], visit: Callable[[int], bytes]) -> None:
    """The life of a process: batches in, facts out, until the pipe is closed. However it ends, it says nothing: its parent will, which has
    the same file before it then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends this process
    try:
        for other in others:
            other.close()
        while True:
            pipe.send_bytes(visit(int(pipe.recv_bytes())))
    finally:
        os._exit(0)
