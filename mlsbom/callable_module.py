"""Modules that are called by their own name: `mlsbom.scan(...)` is the function, and `mlsbom.scan.scan` too.

A command is also a function of the package, but importing the module of that name puts the module where the function would stand.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Any:
        return getattr(self, self.__name__.rsplit(".", 1)[-1])(*args, **options)


def callable_module(name: str) -> None:
    """Make an imported module call its function of the same name."""
    sys.modules[name].__class__ = _Callable
