"""Patterns are compiled late; here every one is, so that a bad one is found before a user finds it."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import re

import pytest

import mlsbom
from mlsbom.patterns import _Late, late


def test_a_late_pattern_answers_as_a_compiled_one() -> None:
    pattern = late(r"(?P<word>[a-z]+)-(\d+)", re.I)
    assert pattern.pattern == r"(?P<word>[a-z]+)-(\d+)"
    assert (pattern.groups, pattern.groupindex, pattern.flags & re.I) == (2, {"word": 1}, re.I)
    found = pattern.search("see Word-17")
    assert found is not None and found["word"] == "Word"
    assert [m[2] for m in pattern.finditer("a-1 b-2")] == ["1", "2"]
    assert pattern.sub("x", "a-1") == "x" and pattern.fullmatch("a-") is None


def test_nothing_is_compiled_before_it_is_asked() -> None:
    bad = late("(")
    with pytest.raises(re.error):
        bad.search("")


def test_every_pattern_of_the_package_compiles() -> None:
    for module in pkgutil.walk_packages(mlsbom.__path__, "mlsbom."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    known = [p for p in gc.get_objects() if type(p) is _Late and p.pattern != "("]
    assert len(known) > 300
    for p in known:
        re.compile(p.pattern, p._flags)
