"""Regular expressions that are compiled when they are first used.

The program knows some six hundred expressions, and one scan asks a fifth of them. Compiling them all at import took a tenth of a second
of every start (benchmarks/startup.py); `late` costs nothing until a method of the pattern is called, and a dictionary look-up after that.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Late:
    """Stands for a `re.Pattern`. A method that was asked for once is an attribute of the instance from then on."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self.pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copy and pickle look for is not the pattern's business
            raise AttributeError(name)
        value = getattr(re.compile(self.pattern, self._flags), name)
        setattr(self, name, value)
        return value


def late(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, at first use: a bad pattern raises `re.error` there, and tests/test_patterns.py compiles every one."""
    return cast("re.Pattern[AnyStr]", _Late(pattern, int(flags)))
