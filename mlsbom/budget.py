"""The budget that all nested readers of one input share: bytes expanded, members, depth, time. Exceeding it raises BudgetExceeded.

Limits and their reasons: specs of model files, section 5. A profile may change them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mlsbom.errors import BudgetExceeded

EXPANDED = 2 << 30
MEMBERS = 200_000
DEPTH = 6
RATIO = 200
RATIO_FROM = 64 << 20


class Budget:
    """Shared by one input (a file of the target with all that is inside it). Times are seconds on the monotonic clock."""

    def __init__(
        self, size: int = 0, *, deadline: float | None = None, expanded: int | None = None, members: int = MEMBERS, depth: int = DEPTH
    ) -> None:
        self.bytes_left = max(EXPANDED, 4 * size) if expanded is None else expanded
        self.members_left = members
        self.depth_left = depth
        self.deadline = deadline

    def check(self) -> None:
        """Raise where the time is up."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise BudgetExceeded("the time allowed for this scan is used up", remedy="allow more with --timeout")

    def spend(self, count: int) -> None:
        """Account for `count` expanded bytes."""
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise BudgetExceeded("expands to more bytes than are read of one input")
        self.check()

    def member(self) -> None:
        """Account for one member."""
        self.members_left -= 1
        if self.members_left < 0:
            raise BudgetExceeded("holds more members than are read of one input")

    def ratio(self, packed: int, expanded: int) -> None:
        """Raise where something expands like a bomb: over 200 times, above 64 MiB."""
        if expanded > RATIO_FROM and expanded > RATIO * max(packed, 1):
            raise BudgetExceeded(f"{packed} bytes expand to {expanded} or more: a bomb")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level of nesting down."""
        if self.depth_left <= 0:
            raise BudgetExceeded(f"nested deeper than {DEPTH} levels")
        self.depth_left -= 1
        try:
            yield
        finally:
            self.depth_left += 1
