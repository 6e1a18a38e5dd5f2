"""Pickles behind other bytes: text and unknown data in which an import and a call stand, as some loaders skip what is in front."""

from __future__ import annotations

from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.formats.pickle import search
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.pickle import judge_stream
from mlsbom.inspectors.weights.pickle_rules import RULES
from mlsbom.judges.callables import callables
from mlsbom.judges.folding import Folder

__all__ = ["RULES", "inspect"]


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """What the streams found by search do; nothing where none of them names what no honest file calls."""
    judge = callables(context.packs)
    folder = Folder(judge, context.budget)
    for stream in search(blob, context.budget):
        if any(not n.computed and judge.judge(n.module, n.name).bad for n in stream.names):
            yield from judge_stream(stream, blob, judge, folder)
