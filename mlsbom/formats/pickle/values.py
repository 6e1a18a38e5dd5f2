"""What the abstract machine computes with. Plain literals, lists and tuples are Python's own; everything else is one of these.

Identity is aliasing: the machine puts the same object on the stack and into the memo, so that a later change of a shared value is seen.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from msgspec import Struct, field

Value: TypeAlias = Any
"""None, bool, int, float, str, bytes, list, tuple, or a class of this module."""


class Name(Struct, eq=False):
    """An import. `module` and `name` are strings, or values that were computed at load time. One object for all imports of one name;
    `offset` is that of the first, `count` of how many."""

    module: Value
    name: Value
    offset: int
    count: int = 1

    @property
    def computed(self) -> bool:
        """Whether a part of the name is no plain string."""
        return not (isinstance(self.module, str) and isinstance(self.name, str))


class Call(Struct, eq=False):
    """The result of calling `fn`; `op`: reduce, newobj, inst, obj. `state`: what BUILD gave it; `items`: what was appended;
    `pairs`: what was set by key."""

    fn: Value
    args: Value
    op: str
    offset: int
    kwargs: Value = None
    state: list[Value] = field(default_factory=list)
    items: list[Value] = field(default_factory=list)
    pairs: list[tuple[Value, Value]] = field(default_factory=list)


class Dict(Struct, eq=False):
    """A dictionary by its pairs, in order of setting; keys may be anything."""

    pairs: list[tuple[Value, Value]] = field(default_factory=list)

    def get(self, key: str) -> Value:
        """The last value set for a string key, or None."""
        return next((v for k, v in reversed(self.pairs) if k == key and isinstance(k, str)), None)


class Set(Struct, eq=False):
    """A set or frozen set by its items."""

    items: list[Value] = field(default_factory=list)


class Big(Struct, eq=False):
    """A literal left in the file: `length` bytes at `offset`; `kind`: text, bytes, number."""

    kind: str
    offset: int
    length: int


class Persistent(Struct, eq=False):
    """A reference that the loader resolves by itself (torch: a storage)."""

    pid: Value
    offset: int


class Extension(Struct, eq=False):
    """An entry of the loading process's extension registry."""

    code: int
    offset: int


class Missing:
    """A value that the machine does not know: an out-of-band buffer, a slot lost to damage, or an item beyond what lists keep."""

    __slots__ = ()


MISSING: Final = Missing()


class Change(Struct, eq=False):
    """A change of a value that is no fresh container: `op` build, setitem, append, additems."""

    op: str
    target: Value
    value: Value
    offset: int


class Stream(Struct, eq=False, kw_only=True):
    """One pickle. `start` and `end` are offsets in the blob; `calls` and `changes` in order of execution; `result` what the loader
    returns; `left` what else lay on the stack when it ended; `problem` why it ended early, or None. `resynced`: found behind damage or
    padding, not where a loader starts. `arrays`: raw arrays between opcodes, as (offset, length). A stream that was only walked
    (no import in it) has `plain` set and no values but `result` where it is a plain literal."""

    start: int
    end: int = 0
    protocol: int = 0
    plain: bool = False
    stopped: bool = False
    resynced: bool = False
    names: list[Name] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    persistent: list[Persistent] = field(default_factory=list)
    extensions: list[Extension] = field(default_factory=list)
    arrays: list[tuple[int, int]] = field(default_factory=list)
    nested: list[Stream] = field(default_factory=list)
    result: Value = None
    left: list[Value] = field(default_factory=list)
    problem: str | None = None
    problem_at: int = 0


def children(value: Value) -> tuple[Value, ...] | list[Value]:
    """The values directly inside a value."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, Dict):
        return [x for pair in value.pairs for x in pair]
    if isinstance(value, Set):
        return value.items
    if isinstance(value, Call):
        return [value.fn, value.args, value.kwargs, *value.state, *value.items, *(x for pair in value.pairs for x in pair)]
    if isinstance(value, Persistent):
        return (value.pid,)
    if isinstance(value, Name):
        return (value.module, value.name) if value.computed else ()
    return ()


def reach(*roots: Value) -> list[Value]:
    """Every value reachable from some roots, each object once, without recursion."""
    seen: set[int] = set()
    out: list[Value] = []
    work = list(roots)
    while work:
        value = work.pop()
        if id(value) in seen or value is None or isinstance(value, bool | int | float):
            continue
        seen.add(id(value))
        out.append(value)
        work.extend(children(value))
    return out
