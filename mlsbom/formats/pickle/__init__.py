"""Pickles of every protocol, read without running anything: an opcode walk (tier 1) and, where something could run, an abstract machine
(tier 2). `read_pickles` gives all streams of a blob, `sniff` says whether there is one at its start.
"""

from __future__ import annotations

from mlsbom.formats.pickle.read import Pickles, read_pickles, read_stream, search, sniff
from mlsbom.formats.pickle.values import (
    MISSING,
    Big,
    Call,
    Change,
    Dict,
    Extension,
    Missing,
    Name,
    Persistent,
    Set,
    Stream,
    Value,
    children,
    reach,
)

__all__ = [
    "MISSING",
    "Big",
    "Call",
    "Change",
    "Dict",
    "Extension",
    "Missing",
    "Name",
    "Persistent",
    "Pickles",
    "Set",
    "Stream",
    "Value",
    "children",
    "reach",
    "read_pickles",
    "read_stream",
    "search",
    "sniff",
]
