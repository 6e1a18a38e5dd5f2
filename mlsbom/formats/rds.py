"""R serialisation streams (`.rds`, `.rda`): types, symbols, calls and texts, without R. Source: "Serialization Formats" of R Internals;
serialize.c.

XDR (`X`) and ASCII (`A`) streams, versions 2 and 3; iterative. Files by other writers, whose body is no stream, are given as `loose` text.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed

SIZE_LIMIT: Final = 512 << 20
NODE_LIMIT: Final = 5_000_000
TEXT_KEPT: Final = 20_000
SYMSXP, LISTSXP, CLOSXP, ENVSXP, PROMSXP, LANGSXP, CHARSXP = 1, 2, 3, 4, 5, 6, 9
_ATOMIC: Final = {10: 4, 13: 4, 14: 8, 15: 16}
_PAIRS: Final = frozenset({LISTSXP, CLOSXP, PROMSXP, LANGSXP, 17, 239, 240})
_SINGLE: Final = frozenset({254, 253, 252, 251, 250, 249, 242, 241, 247, 246, 244})
REF, NAMESPACE, PACKAGE, PERSIST, ALTREP, BYTECODE = 255, 249, 250, 247, 238, 21


class Call(Struct):
    """A call: its head (`system`, `base::system`), the texts among its arguments, and where it stands: promise, closure, expression or
    data."""

    head: str
    texts: list[str]
    inside: str
    at: int


class Rds(Struct):
    """`types`: SEXP type -> count; `names`: names of a workspace or of attributes; `loose`: the text of a body that is no stream at all."""

    form: str = ""
    version: int = 0
    writer: str = ""
    types: dict[int, int] = field(default_factory=dict)
    symbols: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    loose: str | None = None
    broken: str | None = None
    broken_at: int = 0


def read(blob: Blob) -> Rds:
    """The stream of a blob: a reader for `Blob.parsed`. Raises TooLarge; `broken` says where a stream breaks."""
    data = blob.data(SIZE_LIMIT)
    out = Rds()
    body = re.match(rb"RD[AX][23]\n", data)
    start = body.end() if body else 0
    out.form = data[start : start + 1].decode("latin-1")
    if out.form == "X" and data[start + 2 : start + 4] == b"\0\0":
        try:
            _Reader(data, start + 2, out).run()
        except (Malformed, IndexError) as e:
            out.broken, out.broken_at = str(e), getattr(e, "offset", None) or 0
    elif not re.search(rb"[\x00-\x08\x0e-\x1f]", data[start:]):
        out.loose = data[start:].decode("utf-8", "replace")
    else:
        out.broken = f"the stream form {out.form!r} is not read"
    return out


class _Job(Struct):
    """What is still to be read: a number of items, in a call (its index) or not, and where."""

    left: int
    call: int = -1
    inside: str = ""
    first: bool = False


class _Reader:
    def __init__(self, data: bytes, at: int, out: Rds) -> None:
        self.data, self.at, self.out = data, at, out
        self.refs: list[str] = []

    def number(self) -> int:
        """A signed 32-bit number."""
        if self.at + 4 > len(self.data):
            raise Malformed("the stream ends early", offset=self.at)
        self.at += 4
        return int.from_bytes(self.data[self.at - 4 : self.at], "big", signed=True)

    def length(self, size: int) -> int:
        """A length whose elements of `size` bytes must be there."""
        count = self.number()
        if count == -1:
            count = (self.number() << 32) | (self.number() & 0xFFFFFFFF)
        if count < 0 or count * size > len(self.data) - self.at:
            raise Malformed(f"a vector of {count} elements ends past the file", offset=self.at)
        return count

    def run(self) -> None:
        """The whole stream, with a stack of what is still to come."""
        self.out.version = self.number()
        writer = self.number()
        self.number()
        self.out.writer = f"{writer >> 16}.{(writer >> 8) & 255}.{writer & 255}"
        if self.out.version == 3:
            self.at += self.length(1)
        stack = [_Job(1)]
        nodes = 0
        while stack:
            job = stack[-1]
            if job.left == 0:
                stack.pop()
                continue
            nodes += 1
            if nodes > NODE_LIMIT:
                raise Malformed(f"more than {NODE_LIMIT} values", offset=self.at)
            job.left -= 1
            self._item(job, stack)

    def _item(self, job: _Job, stack: list[_Job]) -> None:
        start = self.at
        flags = self.number()
        kind = flags & 255
        attributes, tagged = bool(flags & 0x200), bool(flags & 0x400)
        self.out.types[kind] = self.out.types.get(kind, 0) + 1
        first, job.first = job.first, False
        if kind == SYMSXP:
            name = self._char()
            self.refs.append(name)
            self.out.symbols.add(name)
            self._named(job, name, first)
        elif kind == REF:
            index = (flags >> 8) or self.number()
            self._named(job, self.refs[index - 1] if 0 < index <= len(self.refs) else "", first)
        elif kind == CHARSXP:
            self.at -= 4
            self._text(job, self._char())
        elif kind in _PAIRS:
            self._pair(kind, attributes, tagged, job, stack, start, first)
        elif kind == ENVSXP:
            self.number()
            self.refs.append("<environment>")
            stack.append(_Job(4, inside=job.inside))
        elif kind in (NAMESPACE, PACKAGE, PERSIST):
            self.number()
            self.refs.append("<namespace>")
            stack.append(_Job(self.number(), inside="namespace"))
        elif kind in _ATOMIC:
            self.at += self.length(_ATOMIC[kind]) * _ATOMIC[kind]
            stack.append(_Job(1 if attributes else 0, inside=job.inside))
        elif kind in (16, 19, 20):
            count = self.length(4)
            if attributes:
                stack.append(_Job(1, inside=job.inside))
            stack.append(_Job(count, call=job.call, inside="expression" if kind == 20 else job.inside))
        elif kind == 24:
            self.at += self.length(1)
            stack.append(_Job(1 if attributes else 0, inside=job.inside))
        elif kind in (7, 8):
            self.at += self.length(1)
        elif kind == 25:
            stack.append(_Job(1 if attributes else 0, inside=job.inside))
        elif kind == ALTREP:
            stack.append(_Job(3, inside=job.inside))
        elif kind == 22:
            self.refs.append("<pointer>")
            stack.append(_Job(2 + (1 if attributes else 0), inside=job.inside))
        elif kind == 23:
            self.refs.append("<weak>")
            stack.append(_Job(1 if attributes else 0, inside=job.inside))
        elif kind not in _SINGLE and kind != 0:
            raise Malformed(f"type {kind} of a value is not read" + (" (byte code)" if kind == BYTECODE else ""), offset=start)

    def _pair(self, kind: int, attributes: bool, tagged: bool, job: _Job, stack: list[_Job], start: int, first: bool) -> None:
        """Pair-like values: attributes, tag, head and tail follow; tails are items of their own."""
        call = job.call
        inside = {CLOSXP: "closure", PROMSXP: "promise"}.get(kind, job.inside)
        if kind in (LANGSXP, 240):
            self.out.calls.append(Call("", [], inside or "data", start))
            call = len(self.out.calls) - 1
        elif kind in (CLOSXP, PROMSXP):
            call = -1
        stack.append(_Job(1, call=call, inside=inside))  # the tail
        stack.append(_Job(1, call=call, inside=inside, first=kind in (LANGSXP, 240)))  # the head
        extra = (1 if attributes else 0) + (1 if tagged else 0)
        if extra:
            stack.append(_Job(extra, inside=inside))

    def _named(self, job: _Job, name: str, first: bool) -> None:
        if job.call >= 0:
            call = self.out.calls[job.call]
            if first:
                call.head = name
            elif call.head in ("::", ":::") or call.head.endswith("::"):
                call.head = name + "::" if call.head in ("::", ":::") else call.head + name
            elif len(call.texts) < 50:
                call.texts.append(name)

    def _text(self, job: _Job, text: str) -> None:
        if len(self.out.texts) < 200_000:
            self.out.texts.append(text)
        if job.call >= 0 and len(self.out.calls[job.call].texts) < 50:
            self.out.calls[job.call].texts.append(text)

    def _char(self) -> str:
        """A CHARSXP: flags, length, bytes; length -1 is NA."""
        flags = self.number()
        if flags & 255 != CHARSXP:
            raise Malformed("a text is due", offset=self.at - 4)
        size = self.number()
        if size == -1:
            return ""
        if size < 0 or size > len(self.data) - self.at:
            raise Malformed(f"a text of {size} bytes ends past the file", offset=self.at)
        self.at += size
        return self.data[self.at - size : self.at][:TEXT_KEPT].decode("utf-8", "replace")
