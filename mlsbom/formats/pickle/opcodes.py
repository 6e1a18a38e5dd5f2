"""What each opcode does: all of protocols 0 to 5, as lenient as the C unpickler. Source: CPython's Modules/_pickle.c, Lib/pickletools.py.

Numbers take base 0, `PROTO` and `FRAME` may stand anywhere, marks fence the stack, strings take any 8-bit text.
"""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable
from typing import Final

from mlsbom.errors import Malformed
from mlsbom.formats.pickle.machine import KEEP, LITERAL, PLAIN, Machine
from mlsbom.formats.pickle.values import MISSING, Big, Dict, Extension, Persistent, Set, Value
from mlsbom.patterns import late

INDEX_LIMIT: Final = 1 << 31
NUMBER_LIMIT: Final = 4096
"""Digits of a number that is converted; longer ones stay in the file (conversion is quadratic)."""
_APPENDED: Final = late(rb"(?s:(?:F[^\n]*\n|I[^\n]*\n|L[^\n]*\n|K.|M..|J.{4}|G.{8}|[N\x88\x89])a)*+")
_SCALARS: Final = frozenset(b"FILKMJGN\x88\x89")

Handler = Callable[[Machine], bool | None]


# --- numbers and other literals -----------------------------------------------------------------------------------------------------


def _constant(value: Value) -> Handler:
    def push(m: Machine) -> None:
        m.stack.append(value)

    return push


def _fixed(form: str, code: int) -> Handler:
    """A number of fixed width."""
    unpack, width = struct.Struct(form).unpack, struct.calcsize(form)

    def push(m: Machine) -> None:
        m.number(code, unpack(m.window.take(width))[0], width + 1)

    return push


def _counted(kind: str, width: int) -> Handler:
    def push(m: Machine) -> None:
        m.literal(kind, width)

    return push


def _int(m: Machine) -> None:
    """INT: base 0, as strtol has it; `00` and `01` are booleans."""
    line = m.window.line()
    m.number(0x49, line == b"01" if line in (b"00", b"01") else _whole(line), 0)


def _long(m: Machine) -> None:
    """LONG: the `L` at the end is optional."""
    m.stack.append(_whole(m.window.line()))


def _whole(line: bytes) -> Value:
    text = line.strip().rstrip(b"\0").removesuffix(b"L").decode("ascii", "replace")
    if len(text) > NUMBER_LIMIT:
        return MISSING
    try:
        return int(text, 0)
    except ValueError:
        if re.fullmatch(r"[+-]?0[0-7]+", text):
            return int(text, 8)
        return int(text, 10)


def _float(m: Machine) -> None:
    line = m.window.line().strip()
    if len(line) > NUMBER_LIMIT:
        value: Value = MISSING
    else:
        try:
            value = float(line)
        except ValueError:
            value = float.fromhex(line.decode("ascii", "replace"))
    m.number(0x46, value, 0)


def _long_bytes(width: int) -> Handler:
    """LONG1 and LONG4: little endian, two's complement."""

    def push(m: Machine) -> None:
        count = int.from_bytes(m.window.take(width), "little")
        if count > NUMBER_LIMIT:
            at = m.window.at
            m.window.skip(count)
            m.stack.append(Big("number", at, count))
        else:
            m.stack.append(int.from_bytes(m.window.take(count), "little", signed=True))

    return push


def _string(m: Machine) -> None:
    """STRING: quoted with either quote, with escapes; Python 2's 8-bit text. Unquoted text is taken as it is, as older loaders do."""
    line = m.window.line().rstrip(b"\r ")
    if len(line) > LITERAL:
        m.stack.append(Big("text", m.op_at + 1, len(line)))
        return
    if len(line) >= 2 and line[0] == line[-1] and line[:1] in (b"'", b'"'):
        line = line[1:-1]
    m.cost += 1 + len(line) // 64
    try:
        m.stack.append(codecs.escape_decode(line)[0].decode("latin-1"))
    except ValueError:
        m.stack.append(line.decode("latin-1"))


def _unicode(m: Machine) -> None:
    line = m.window.line()
    if len(line) > LITERAL:
        m.stack.append(Big("text", m.op_at + 1, len(line)))
        return
    m.cost += 1 + len(line) // 64
    try:
        m.stack.append(line.decode("raw-unicode-escape"))
    except ValueError:
        m.stack.append(line.decode("latin-1"))


# --- containers ---------------------------------------------------------------------------------------------------------------------


def _empty(make: Callable[[], Value]) -> Handler:
    def push(m: Machine) -> None:
        m.stack.append(make())
        m.cost += 1

    return push


def _tuple_of(count: int) -> Handler:
    def push(m: Machine) -> None:
        stack = m.stack
        if len(stack) - m.fence >= count:
            items = tuple(stack[-count:])
            del stack[-count:]
        else:
            items = tuple(reversed([m.pop() for _ in range(count)]))
        stack.append(items)
        m.cost += 1

    return push


def _from_mark(make: Callable[[list[Value]], Value]) -> Handler:
    def push(m: Machine) -> None:
        items = m.pop_mark()
        m.stack.append(make(items))
        m.cost += 1 + len(items) // 8

    return push


def _dict(items: list[Value]) -> Dict:
    if len(items) % 2:
        raise Malformed("an odd number of keys and values")
    return Dict(list(zip(items[::2], items[1::2], strict=True)))


def _append(m: Machine) -> None:
    value = m.pop()
    target = m.top()
    m.add(target, [value], "append")
    window = m.window
    if type(target) is list and window.i < window.soft and window.buf[window.i] in _SCALARS:
        found = _APPENDED.match(window.buf, window.i, window.soft)  # further numbers for the same list: passed unread
        assert found is not None
        window.i = found.end()


def _appends(op: str) -> Handler:
    def change(m: Machine) -> None:
        items = m.pop_mark()
        m.add(m.top(), items, op)

    return change


def _setitem(m: Machine) -> None:
    stack = m.stack
    if len(stack) - m.fence >= 3 and type(stack[-3]) is Dict:  # the common case, without calls
        value, key = stack.pop(), stack.pop()
        pairs = stack[-1].pairs
        if len(pairs) < KEEP or not (isinstance(key, PLAIN) and isinstance(value, PLAIN)):
            pairs.append((key, value))
            m.cost += 1
        return
    value, key = m.pop(), m.pop()
    m.put_items(m.top(), [key, value])


def _setitems(m: Machine) -> None:
    items = m.pop_mark()
    m.put_items(m.top(), items)


# --- stack and memo -----------------------------------------------------------------------------------------------------------------


def _mark(m: Machine) -> None:
    m.fence = len(m.stack)
    m.marks.append(m.fence)
    m.cost += 1


def _pop(m: Machine) -> None:
    """POP takes the mark where nothing stands above it."""
    if m.marks and m.marks[-1] == len(m.stack):
        m.pop_mark()
    else:
        m.pop()


def _pop_mark(m: Machine) -> None:
    m.pop_mark()


def _dup(m: Machine) -> None:
    m.stack.append(m.top())


def _put(read: Callable[[Machine], int]) -> Handler:
    def store(m: Machine) -> None:
        index = read(m)
        if not 0 <= index < INDEX_LIMIT:
            raise Malformed(f"a memo index of {index}", offset=m.op_at)
        m.memo[index] = m.top()

    return store


def _memoize(m: Machine) -> None:
    m.memo[len(m.memo)] = m.top()


def _get(read: Callable[[Machine], int]) -> Handler:
    def load(m: Machine) -> None:
        index = read(m)
        if index not in m.memo and not m.lenient:
            raise Malformed(f"nothing in the memo at {index}", offset=m.op_at)
        m.stack.append(m.memo.get(index, MISSING))

    return load


def _index_line(m: Machine) -> int:
    return int(m.window.line())


def _index(width: int) -> Callable[[Machine], int]:
    return lambda m: int.from_bytes(m.window.take(width), "little")


# --- imports and calls --------------------------------------------------------------------------------------------------------------


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")


def _global(m: Machine) -> None:
    module, name = m.window.line(), m.window.line()
    m.stack.append(m.import_name(_text(module), _text(name)))


def _stack_global(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    m.stack.append(m.import_name(module, name))


def _reduce(m: Machine) -> None:
    args, fn = m.pop(), m.pop()
    m.call(fn, args, "reduce")


def _newobj(m: Machine) -> None:
    args, cls = m.pop(), m.pop()
    m.call(cls, args, "newobj")


def _newobj_ex(m: Machine) -> None:
    kwargs, args, cls = m.pop(), m.pop(), m.pop()
    m.call(cls, args, "newobj", kwargs)


def _inst(m: Machine) -> None:
    module, name = m.window.line(), m.window.line()
    imported = m.import_name(_text(module), _text(name))
    m.call(imported, tuple(m.pop_mark()), "inst")


def _obj(m: Machine) -> None:
    items = m.pop_mark()
    if not items:
        if not m.lenient:
            raise Malformed("OBJ without a class", offset=m.op_at)
        items = [MISSING]
    m.call(items[0], tuple(items[1:]), "obj")


def _build(m: Machine) -> bool:
    """True where the pickle of an object array follows."""
    array = m.build()
    if array is None:
        return False
    if array.pickled:
        return True
    window = m.window
    if array.aligned:
        window.skip(window.take(1)[0])
    m.out.arrays.append((window.at, array.size))
    window.skip(array.size)
    return False


def _extension(width: int) -> Handler:
    def push(m: Machine) -> None:
        entry = Extension(int.from_bytes(m.window.take(width), "little", signed=width == 4), m.op_at)
        m.out.extensions.append(entry)
        m.stack.append(entry)
        m.cost += 1

    return push


def _refer(m: Machine, pid: Value) -> None:
    reference = Persistent(pid, m.op_at)
    m.out.persistent.append(reference)
    m.stack.append(reference)
    m.cost += 1


def _persid(m: Machine) -> None:
    _refer(m, _text(m.window.line()))


def _binpersid(m: Machine) -> None:
    _refer(m, m.pop())


# --- the stream ---------------------------------------------------------------------------------------------------------------------


def _proto(m: Machine) -> None:
    m.out.protocol = max(m.out.protocol, m.window.take(1)[0])


def _frame(m: Machine) -> None:
    """FRAME says how many bytes follow; its meaning is ignored, a length past the end is an error of the loader's as well."""
    length = int.from_bytes(m.window.take(8), "little")
    if m.window.at + length > m.window.size and not m.lenient:
        raise Malformed("a frame reaches beyond the end", offset=m.op_at)


def _nothing(m: Machine) -> None:
    """READONLY_BUFFER."""


def _stop(m: Machine) -> bool:
    m.out.result = m.pop()
    return True


_BY_OPCODE: Final[dict[bytes, Handler]] = {
    b"(": _mark, b".": _stop, b"0": _pop, b"1": _pop_mark, b"2": _dup, b"N": _constant(None), b"\x88": _constant(True),
    b"\x89": _constant(False),
    b"F": _float, b"I": _int, b"J": _fixed("<i", 0x4A), b"K": _fixed("<B", 0x4B), b"M": _fixed("<H", 0x4D), b"G": _fixed(">d", 0x47),
    b"L": _long, b"\x8a": _long_bytes(1), b"\x8b": _long_bytes(4),
    b"S": _string, b"T": _counted("string", 4), b"U": _counted("string", 1),
    b"V": _unicode, b"X": _counted("text", 4), b"\x8c": _counted("text", 1), b"\x8d": _counted("text", 8),
    b"B": _counted("bytes", 4), b"C": _counted("bytes", 1), b"\x8e": _counted("bytes", 8), b"\x96": _counted("bytes", 8),
    b"]": _empty(list), b"}": _empty(Dict), b"\x8f": _empty(Set), b")": _constant(()),
    b"\x85": _tuple_of(1), b"\x86": _tuple_of(2), b"\x87": _tuple_of(3),
    b"t": _from_mark(tuple), b"l": _from_mark(list), b"d": _from_mark(_dict), b"\x91": _from_mark(Set),
    b"a": _append, b"e": _appends("appends"), b"\x90": _appends("additems"), b"s": _setitem, b"u": _setitems,
    b"p": _put(_index_line), b"q": _put(_index(1)), b"r": _put(_index(4)), b"\x94": _memoize,
    b"g": _get(_index_line), b"h": _get(_index(1)), b"j": _get(_index(4)),
    b"c": _global, b"\x93": _stack_global, b"R": _reduce, b"\x81": _newobj, b"\x92": _newobj_ex, b"i": _inst, b"o": _obj, b"b": _build,
    b"\x82": _extension(1), b"\x83": _extension(2), b"\x84": _extension(4), b"P": _persid, b"Q": _binpersid,
    b"\x80": _proto, b"\x95": _frame, b"\x97": _constant(MISSING), b"\x98": _nothing,
}  # fmt: skip
TABLE: Final[list[Handler | None]] = [_BY_OPCODE.get(bytes([code])) for code in range(256)]
"""A handler by opcode; True from it ends the stream (`.`) or says that a nested pickle follows (`b`)."""
