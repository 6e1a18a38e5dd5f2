"""Tier 2, driven: one stream from an offset to its end, its damage, or the end of the budget."""

from __future__ import annotations

import struct
from functools import partial
from typing import Final

from mlsbom.blob import Blob
from mlsbom.budget import Budget
from mlsbom.errors import BudgetExceeded, Malformed
from mlsbom.formats.pickle.machine import PLAIN, Machine
from mlsbom.formats.pickle.opcodes import TABLE
from mlsbom.formats.pickle.values import Stream

NESTED: Final = 64
_BUILD: Final = ord("b")


def run(blob: Blob, start: int, budget: Budget, *, lenient: bool = False, depth: int = 0, cost: int = 0) -> tuple[Stream, int]:
    """Follow one stream. Damage and an exhausted budget end it and are told in it. Returns it with the cost spent so far.

    `lenient`: it may start in the middle of a stream, where what is missing on the stack is no error.
    """
    machine = Machine(blob, start, lenient=lenient)
    machine.cost = cost
    window, out = machine.window, machine.out
    nested = partial(_nested, blob, budget, depth)
    count = 0
    try:
        while True:
            if window.i >= window.soft and not window.more():
                raise Malformed("ends without STOP", offset=window.at)
            i = window.i
            machine.op_at = window.base + i
            window.i = i + 1
            code = window.buf[i]
            handler = TABLE[code]
            if handler is None:
                raise Malformed(f"no opcode: 0x{code:02x}", offset=machine.op_at)
            if handler(machine):
                if code == _BUILD:
                    nested(machine)
                else:
                    break
            count += 1
            if not count & 0xFFF:
                machine.check()
                budget.check()
        out.stopped = True
    except (Malformed, BudgetExceeded) as e:
        out.problem, out.problem_at = str(e), machine.op_at
    except (ValueError, OverflowError, struct.error) as e:
        out.problem, out.problem_at = f"an operand cannot be read: {e}", machine.op_at
    out.end = window.at
    out.left = [v for v in machine.stack if not isinstance(v, PLAIN)]
    return out, machine.cost


def _nested(blob: Blob, budget: Budget, depth: int, machine: Machine) -> None:
    """An object array of joblib: a pickle of its own right behind the opcode."""
    if depth >= NESTED:
        raise BudgetExceeded("pickles nested in joblib arrays too deeply")
    stream, machine.cost = run(blob, machine.window.at, budget, depth=depth + 1, cost=machine.cost)
    machine.out.nested.append(stream)
    machine.window.seek(stream.end)
    if stream.problem:
        raise Malformed(f"in the pickle of an array: {stream.problem}", offset=stream.problem_at)
