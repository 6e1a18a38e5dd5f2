"""Tier 2: the state of an abstract machine for one pickle. It computes what the C unpickler would, with calls and imports left as values.

Nothing recurses; a literal above `LITERAL` bytes stays in the file; what is kept is bounded by `COST`. Opcodes: `opcodes`; loop: `run`.
"""

from __future__ import annotations

from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import BudgetExceeded, Malformed
from mlsbom.formats.pickle.arrays import RawArray, array_of
from mlsbom.formats.pickle.values import MISSING, Big, Call, Change, Dict, Missing, Name, Set, Stream, Value
from mlsbom.formats.pickle.window import Window
from mlsbom.patterns import late

LITERAL: Final = 64 << 10
KEEP: Final = 4096
"""Lists and dictionaries keep so many plain items; further ones only count where they are no plain literal."""
COST: Final = 6_000_000
"""The most values (of about 50 bytes) that are kept of one stream."""

_RUNS: Final = {
    ord(op): late(rb"(?s:" + pattern + rb")*+")
    for op, pattern in {"K": rb"K.", "M": rb"M..", "J": rb"J.{4}", "G": rb"G.{8}", "F": rb"F[^\n]*\n", "I": rb"I[^\n]*\n"}.items()
}
PLAIN: Final = (str, bytes, int, float, type(None), Big, Missing)


class Machine:
    """Stack, marks and memo of one stream. Its methods raise Malformed where the unpickler would fail, BudgetExceeded past `COST`."""

    def __init__(self, blob: Blob, start: int, *, lenient: bool = False) -> None:
        self.lenient = lenient  # started in the middle of a stream: what is missing below the stack is not an error
        self.window = Window(blob, start)
        self.stack: list[Value] = []
        self.marks: list[int] = []
        self.fence = 0
        self.memo: dict[int, Value] = {}
        self.names: dict[tuple[str, str], Name] = {}
        self.cost = 0
        self.op_at = start
        self.out = Stream(start=start)

    # --- the stack ---------------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise where more is kept than `COST`. Called every few thousand opcodes, as a check at each would double their price."""
        if self.cost > COST:
            raise BudgetExceeded(f"holds more than {COST} values beside an import; the rest of the stream was not followed")

    def push(self, value: Value) -> None:
        """Push."""
        self.stack.append(value)

    def pop(self) -> Value:
        """Pop, not below the last mark."""
        if len(self.stack) <= self.fence:
            if self.lenient:
                return MISSING
            raise Malformed("takes more from the stack than is there", offset=self.op_at)
        return self.stack.pop()

    def top(self) -> Value:
        """The value on top."""
        if len(self.stack) <= self.fence:
            if self.lenient:
                self.stack.append(MISSING)
                return MISSING
            raise Malformed("takes more from the stack than is there", offset=self.op_at)
        return self.stack[-1]

    def pop_mark(self) -> list[Value]:
        """All values above the last mark, which goes."""
        if not self.marks:
            if not self.lenient:
                raise Malformed("no mark on the stack", offset=self.op_at)
            items, self.stack = self.stack, []
            return items
        at = self.marks.pop()
        self.fence = self.marks[-1] if self.marks else 0
        items = self.stack[at:]
        del self.stack[at:]
        return items

    # --- what opcodes have in common ---------------------------------------------------------------------------------------------

    def literal(self, kind: str, width: int) -> None:
        """A counted literal with its length in `width` bytes."""
        window = self.window
        if width == 1 and window.i + 257 < len(window.buf):
            i = window.i + 1
            count = window.buf[i - 1]
            raw = window.buf[i : i + count]
            window.i = i + count
        else:
            count = int.from_bytes(window.take(width), "little")
            if count > LITERAL:
                at = window.at
                window.skip(count)
                self.push(Big(kind, at, count))
                self.cost += 1
                return
            raw = window.take(count)
        self.stack.append(raw if kind == "bytes" else raw.decode("utf-8", "surrogatepass") if kind == "text" else raw.decode("latin-1"))
        self.cost += 1 + count // 64

    def number(self, op: int, value: Value, width: int) -> None:
        """Push a number; a long run of one opcode (`width` bytes with its operand; 0: a line) is pushed at once, its values unread."""
        window = self.window
        self.stack.append(value)
        if window.i < window.soft and window.buf[window.i] == op:
            found = _RUNS[op].match(window.buf, window.i, window.soft)
            assert found is not None
            length = found.end() - window.i
            if length > 64 * (width or 4):
                count = length // width if width else window.buf.count(b"\n", window.i, found.end())
                self.stack.extend([MISSING] * count)
                self.cost += count // 8
                window.i = found.end()

    def add(self, target: Value, items: list[Value], op: str) -> None:
        """APPEND, APPENDS and ADDITEMS: the fast path of lists and sets, a method call on anything else."""
        kind = type(target)
        if kind is list or kind is Set:
            _keep(target if kind is list else target.items, items)
            self.cost += len(items) // 8
            return
        if kind is Call:
            _keep(target.items, items)
        self.out.changes.append(Change(op, target, items, self.op_at))
        self.cost += 1 + len(items) // 8

    def put_items(self, target: Value, items: list[Value]) -> None:
        """SETITEM and SETITEMS: keys and values in turn."""
        if len(items) % 2:
            raise Malformed("an odd number of keys and values", offset=self.op_at)
        pairs = list(zip(items[::2], items[1::2], strict=True))
        self.cost += 1 + len(pairs) // 4
        kind = type(target)
        if kind is Dict or kind is Call:
            if len(target.pairs) < KEEP:
                target.pairs.extend(pairs)
            else:
                target.pairs.extend((k, v) for k, v in pairs if not (isinstance(k, PLAIN) and isinstance(v, PLAIN)))
        if kind is not Dict:
            self.out.changes.append(Change("setitem", target, pairs, self.op_at))

    def import_name(self, module: Value, name: Value) -> Name:
        """An import; equal names are one object."""
        if isinstance(module, str) and isinstance(name, str):
            known = self.names.get((module, name))
            if known is not None:
                known.count += 1
                return known
            new = self.names[module, name] = Name(module, name, self.op_at)
        else:
            new = Name(module, name, self.op_at)
        self.out.names.append(new)
        self.cost += 1
        return new

    def call(self, fn: Value, args: Value, op: str, kwargs: Value = None) -> None:
        """A call, whose result is pushed."""
        made = Call(fn, args, op, self.op_at, kwargs)
        self.out.calls.append(made)
        self.stack.append(made)
        self.cost += 2

    def build(self) -> RawArray | None:
        """BUILD: state for the value below. Returns the raw array that stands behind the state of a joblib wrapper."""
        state = self.pop()
        target = self.top()
        self.out.changes.append(Change("build", target, state, self.op_at))
        self.cost += 1
        if type(target) is not Call:
            return None
        target.state.append(state)
        return array_of(target, state)


def _keep(kept: list[Value], items: list[Value]) -> None:
    if len(kept) < KEEP:
        kept.extend(items)
    else:
        kept.extend(v for v in items if not isinstance(v, PLAIN))
