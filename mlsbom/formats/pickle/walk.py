"""Tier 1: the bounds of opcodes alone, as fast as one regular expression can run over them.

A stream that imports nothing and refers to nothing outside cannot run anything, whatever else it holds. Possessive repeats (`*+`) keep
the matcher from remembering where it was, so a run of any length costs no memory.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from mlsbom.budget import Budget
from mlsbom.errors import Malformed
from mlsbom.formats.pickle.window import Window
from mlsbom.patterns import late

HARMLESS: Final = late(
    rb"(?s:"
    rb"F[^\n]*\na|\x8c(?:\x01.|\x02..|\x03.{3}|\x04.{4}|\x05.{5}|\x06.{6}|\x07.{7}|\x08.{8}|\x09.{9}|\x0a.{10}|\x0b.{11}|\x0c.{12}|\x00)\x94?"
    rb"|[012()NRabdelostu\]}\x81\x85-\x89\x8f-\x92\x94\x97\x98]"
    rb"|[Khq\x80].|M..|[Jjr].{4}|[G\x95].{8}"
    rb"|[FILSVgp][^\n]*\n"
    rb")*+"
)
"""A run of opcodes that push plain values or rearrange them, with their operands."""

COUNTED: Final = {0x55: 1, 0x43: 1, 0x8C: 1, 0x8A: 1, 0x54: 4, 0x58: 4, 0x42: 4, 0x8B: 4, 0x8D: 8, 0x8E: 8, 0x96: 8}
"""Opcodes whose payload has a length in front, of so many bytes, little endian."""
LIVE: Final = frozenset(b"ciPQ\x82\x83\x84\x93")
"""Opcodes that import, or ask the loader for something outside."""
STOP: Final = 0x2E


class Walk(Struct, frozen=True):
    """How far a walk came. `live`: offset of the first opcode that imports or refers outside, where the walk ended; `stopped`: it ended
    behind a STOP; `problem`: why it ended otherwise."""

    end: int
    live: int | None = None
    stopped: bool = False
    problem: str | None = None


def walk(window: Window, budget: Budget | None = None) -> Walk:
    """Pass opcodes from the window's place up to a STOP, the first live opcode, or an error."""
    match = HARMLESS.match
    try:
        while True:
            if window.i >= window.soft and not window.more():
                return Walk(window.at, problem="ends without STOP")
            found = match(window.buf, window.i, window.soft)
            assert found is not None
            window.i = i = found.end()
            if i >= window.soft:
                continue
            op = window.buf[i]
            if op in COUNTED:
                window.i = i + 1
                window.skip(int.from_bytes(window.take(COUNTED[op]), "little"))
            elif op == STOP:
                window.i = i + 1
                return Walk(window.at, stopped=True)
            elif op in LIVE:
                return Walk(window.at, live=window.at)
            elif op in b"FILSVgp":  # a line that goes on beyond the window
                window.i = i + 1
                window.line()
            elif op in b"Khq\x80MJjrG\x95":
                window.i = i + 1
                window.take(1 if op in b"Khq\x80" else 2 if op in b"M" else 4 if op in b"Jjr" else 8)
            else:
                return Walk(window.at, problem=f"no opcode: 0x{op:02x}")
            if budget is not None:
                budget.check()
    except Malformed as e:
        return Walk(window.at, problem=str(e))
