"""Values of the pickle machine, folded: pure calls on literals are carried out, names that are computed become names, hostile text is told.

Folding runs only functions written here, on literals bounded by `LIMIT` bytes. What does not fold stays what it is.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import lzma
import re
import zlib
from collections.abc import Callable
from typing import Any, Final

from mlsbom.budget import Budget
from mlsbom.formats.pickle.values import Big, Call, Dict, Name, Set, Value
from mlsbom.judges import marks
from mlsbom.judges.callables import Callables, describe
from mlsbom.patterns import late

LIMIT: Final = 1 << 20
DEPTH: Final = 40


class Unfolded:
    """What cannot be computed without running something."""

    __slots__ = ()


UNFOLDED: Final = Unfolded()


class Folder:
    """Folds the values of one stream, each object once."""

    def __init__(self, judge: Callables, budget: Budget) -> None:
        self.judge = judge
        self.budget = budget
        self._done: dict[int, tuple[Value, Any]] = {}

    def fold(self, value: Value, depth: int = 0) -> Any:
        """A literal, a `Name` with plain parts, a tuple or list of these, or UNFOLDED."""
        if value is None or isinstance(value, bool | int | float | str | bytes):
            return value
        if depth > DEPTH:
            return UNFOLDED
        known = self._done.get(id(value))
        if known is not None:
            return known[1]
        self._done[id(value)] = (value, UNFOLDED)  # a value inside itself does not fold
        out = self._fold(value, depth + 1)
        self._done[id(value)] = (value, out)
        return out

    def _fold(self, value: Value, depth: int) -> Any:
        if isinstance(value, Name):
            return self.name(value, depth)
        if isinstance(value, tuple | list):
            if len(value) > 1024:
                return UNFOLDED
            items = [self.fold(v, depth) for v in value]
            return UNFOLDED if any(i is UNFOLDED for i in items) else tuple(items) if isinstance(value, tuple) else items
        if isinstance(value, Call):
            return self.call(value, depth)
        return UNFOLDED

    def name(self, name: Name, depth: int = 0) -> Any:
        """A name whose parts fold to text, as a name with plain parts."""
        if not name.computed:
            return name
        module, attribute = self.fold(name.module, depth), self.fold(name.name, depth)
        if isinstance(module, bytes | bytearray):
            module = bytes(module).decode("utf-8", "replace")
        if isinstance(attribute, bytes | bytearray):
            attribute = bytes(attribute).decode("utf-8", "replace")
        return Name(module, attribute, name.offset) if isinstance(module, str) and isinstance(attribute, str) else UNFOLDED

    def call(self, call: Call, depth: int = 0) -> Any:
        """The result of a pure call on literals; the name that a look-up call leads to."""
        fn = self.fold(call.fn, depth)
        args = self.fold(call.args, depth)
        if isinstance(call.fn, Call):
            return self._applied(call.fn, args, depth)
        if not isinstance(fn, Name) or not isinstance(args, tuple):
            return UNFOLDED
        path = ".".join(self.judge.normalise(fn.module, fn.name))
        looked_up = self._look_up(path, args, call.offset)
        if looked_up is not None:
            return looked_up
        pure = PURE.get(path)
        if pure is None or any(isinstance(a, Name) for a in args):
            return UNFOLDED
        try:
            out = pure(*args)
        except (
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            AttributeError,
            LookupError,
            OverflowError,
            MemoryError,
            zlib.error,
            lzma.LZMAError,
            OSError,
            EOFError,
            binascii.Error,
        ):
            return UNFOLDED
        if isinstance(out, str | bytes | bytearray):
            if len(out) > LIMIT:
                return UNFOLDED
            self.budget.spend(len(out))
            return bytes(out) if isinstance(out, bytearray) else out
        return out

    def _look_up(self, path: str, args: tuple[Any, ...], offset: int) -> Any:
        """Calls that only find something by name: the name they find. None for other calls."""
        if path in ("builtins.getattr",) and len(args) >= 2 and isinstance(args[0], Name) and isinstance(args[1], str):
            return _member(args[0], args[1], offset)
        if path in ("operator.getitem",) and len(args) == 2 and isinstance(args[0], Name) and isinstance(args[1], str):
            return _member(args[0], args[1], offset)
        if path in ("builtins.__import__", "importlib.import_module", "importlib.__import__") and args and isinstance(args[0], str):
            return Name(args[0], "", offset)
        if path in ("pydoc.locate", "pkgutil.resolve_name", "logging.config._resolve") and args and isinstance(args[0], str):
            module, _, name = args[0].replace(":", ".").rpartition(".")
            return Name(module, name, offset)
        return None

    def _applied(self, fn: Call, args: Any, depth: int) -> Any:
        """Calling what `attrgetter`, `methodcaller`, `itemgetter` or `partial` made."""
        made = self.fold(fn.fn, depth)
        inner = self.fold(fn.args, depth)
        if not isinstance(made, Name) or not isinstance(inner, tuple) or not isinstance(args, tuple):
            return UNFOLDED
        path = ".".join(self.judge.normalise(made.module, made.name))
        if (
            path in ("operator.attrgetter", "operator.itemgetter")
            and len(inner) == 1
            and len(args) == 1
            and isinstance(args[0], Name)
            and isinstance(inner[0], str)
        ):
            return _member(args[0], inner[0], fn.offset)
        return UNFOLDED


def _member(owner: Name, name: str, offset: int) -> Name:
    """An attribute (or item) of a named thing, as a dotted name."""
    return Name(owner.module, f"{owner.name}.{name}" if owner.name else name, offset)


def _text_method(method: str) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        if not isinstance(args[0], str | bytes) or (
            method in ("ljust", "rjust", "center", "zfill", "expandtabs") and len(args) > 1 and args[1] > LIMIT
        ):
            raise TypeError
        if method == "join" and sum(len(p) for p in args[1]) + len(args[0]) * len(args[1]) > LIMIT:
            raise ValueError
        if method == "replace" and len(args[0]) * max(1, len(args[2])) > LIMIT:
            raise ValueError
        return getattr(args[0], method)(*args[1:])

    return call


_PLAIN_CODECS: Final = frozenset(
    [
        "utf_8",
        "utf8",
        "ascii",
        "us_ascii",
        "latin_1",
        "latin1",
        "iso_8859_1",
        "iso8859_1",
        "utf_16",
        "utf_16_le",
        "utf_16_be",
        "utf_32",
        "utf_7",
        "cp1252",
        "cp437",
        "hex",
        "hex_codec",
        "base64",
        "base64_codec",
        "rot13",
        "rot_13",
        "unicode_escape",
        "raw_unicode_escape",
        "quopri",
        "uu",
    ]
)
"""Codecs that are carried out; a look-up of any other name would import a module that the file chooses."""
_PACKED_CODECS: Final = {"zip": "zlib", "zlib": "zlib", "zlib_codec": "zlib", "bz2": "bz2", "bz2_codec": "bz2"}


def _codec(encoding: Any) -> str:
    name = encoding.lower().replace("-", "_") if isinstance(encoding, str) else ""
    if name not in _PLAIN_CODECS and name not in _PACKED_CODECS:
        raise LookupError
    return name


def _decode(data: Any, encoding: Any = "utf-8", errors: Any = "strict") -> Any:
    name = _codec(encoding)
    return (
        _inflate(_PACKED_CODECS[name], data)
        if name in _PACKED_CODECS
        else codecs.decode(data, name, "replace" if errors != "strict" else "strict")
    )


def _encode(data: Any, encoding: Any = "utf-8", *_: Any) -> Any:
    return codecs.encode(data, _codec(encoding))


def _inflate(kind: str, data: Any, *_: Any) -> bytes:
    """Expanded bytes, never more than `LIMIT`."""
    if not isinstance(data, bytes) or len(data) > LIMIT:
        raise TypeError
    if kind == "gzip":
        return zlib.decompressobj(31).decompress(data, LIMIT)
    if kind == "zlib":
        return zlib.decompressobj().decompress(data, LIMIT)
    if kind == "bz2":
        return bz2.BZ2Decompressor().decompress(data, LIMIT)
    return lzma.LZMADecompressor().decompress(data, LIMIT)


def _bytes(value: Any = b"", encoding: Any = None, *_: Any) -> bytes:
    if isinstance(value, int) and value > LIMIT:
        raise ValueError
    if isinstance(value, str):
        value = _encode(value, encoding)
    return bytes(value)


def _repeat(a: Any, b: Any) -> Any:
    size = len(a) * b if isinstance(b, int) else len(b) * a
    if size > LIMIT:
        raise ValueError
    return a * b


def _item(container: Any, key: Any) -> Any:
    if isinstance(container, dict):
        raise TypeError
    return container[key]


def _string(value: Any = "", encoding: Any = None, errors: Any = "strict") -> Any:
    return _decode(value, encoding, errors) if encoding is not None else str(value)


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "builtins.str": _string, "builtins.str.encode": _encode, "builtins.bytes.decode": _decode,
    "_codecs.encode": _encode, "codecs.encode": _encode, "_codecs.decode": _decode, "codecs.decode": _decode,
    "builtins.chr": chr, "builtins.ord": ord,
    "builtins.bytes": _bytes, "builtins.bytearray": _bytes, "builtins.int": int, "builtins.slice": slice, "builtins.tuple": tuple,
    "builtins.list": list,
    "builtins.bytes.fromhex": bytes.fromhex, "builtins.bytearray.fromhex": bytes.fromhex, "builtins.reversed": lambda s: s[::-1],
    "base64.b64decode": lambda s, *_: base64.b64decode(s), "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.b32decode": base64.b32decode, "base64.b16decode": lambda s, *_: base64.b16decode(s, True),
    "base64.b85decode": base64.b85decode, "base64.a85decode": base64.a85decode,
    "base64.decodebytes": base64.decodebytes, "binascii.a2b_base64": binascii.a2b_base64, "binascii.a2b_hex": binascii.a2b_hex,
    "binascii.unhexlify": binascii.unhexlify,
    "zlib.decompress": lambda d, *a: _inflate("zlib", d), "bz2.decompress": lambda d: _inflate("bz2", d), "lzma.decompress": lambda d,
    *a: _inflate("lzma", d),
    "gzip.decompress": lambda d: _inflate("gzip", d),
    "operator.add": lambda a, b: a + b, "operator.concat": lambda a, b: a + b, "operator.iadd": lambda a, b: a + b,
    "operator.mul": _repeat, "operator.getitem": _item,
    "io.BytesIO": lambda d: d, "io.StringIO": lambda d, *_: d,
}  # fmt: skip
_METHODS: Final[dict[str, Callable[..., Any]]] = {
    f"builtins.{kind}.{m}": _text_method(m)
    for kind in ("str", "bytes")
    for m in (
        "join", "lower", "upper", "replace", "strip", "lstrip", "rstrip", "title", "capitalize", "swapcase", "removeprefix", "removesuffix",
        "__add__", "__getitem__",
    )
}  # fmt: skip
PURE: Final = _FUNCTIONS | _METHODS
"""Functions that are carried out on literals, by normalised name."""

_DUNDER: Final = late(r"(?:^|\W)__[a-z]+(?:_[a-z]+)*__(?:\W|$)")
_ADDRESS: Final = late(r"\b(?:https?|ftp|tcp|ws|wss|gopher|ldap|smb|ssh|file)://[^\s'\"]+", re.I)
_PATH: Final = late(r"(?:^|[\s'\"=])(?:/(?:etc|bin|usr|tmp|home|root|var|dev|proc|opt)\b|~/|\.\./|[A-Za-z]:\\)")
_PACKED: Final = late(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_SHELL: Final = late(
    r"(?:^|[;&|]\s*|\$\()(?:sudo\s+)?(?:/(?:usr/)?bin/)?(?:ba|z|da)?(?:sh|echo|curl|wget|cat|nc|ncat|python[\d.]*|perl|bash|rm|chmod|touch|id|whoami|cmd|powershell|calc(?:\.exe)?|ping|nslookup|dig)\b[^=]*(?:\s|$)"
)


def evidence(value: Any, depth: int = 0) -> str | None:
    """Why a folded argument speaks against a call (argument evidence of the specification), or None."""
    if isinstance(value, Name):
        return None
    if isinstance(value, tuple | list):
        return next((e for e in (evidence(v, depth + 1) for v in value[:64]) if e), None) if depth < 4 else None
    if isinstance(value, bytes):
        return bytes_evidence(value)
    return text_evidence(value) if isinstance(value, str) else None


def text_evidence(text: str, *, packed: bool = True) -> str | None:
    """Why a text is hostile as an argument: a command, code, an address, a path out, a dunder, or one of these encoded."""
    if len(text) > LIMIT or len(text) < 2:
        return None
    found = marks.hostile(text)
    if found:
        return f"{found[0]}: {describe(found[1], 80)}"
    if _ADDRESS.search(text):
        return f"an address: {describe(text, 80)}"
    if _PATH.search(text):
        return f"a path outside: {describe(text, 80)}"
    if _DUNDER.search(text):
        return f"a dunder: {describe(text, 80)}"
    if _SHELL.match(text):
        return f"a command: {describe(text, 80)}"
    if packed:
        inner = unpack(text)
        if inner is not None:
            why = bytes_evidence(inner)
            return f"encoded: {why}" if why else None
    return None


def bytes_evidence(data: bytes) -> str | None:
    """Why bytes are hostile as an argument: a pickle, marshalled code, or hostile text."""
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and data.endswith(b"."):
        return "a pickle in bytes"
    if data[:1] in (b"\xe3", b"c") and len(data) > 24 and data[1:5] == b"\0\0\0\0":
        return "marshalled code"
    try:
        return text_evidence(data.decode("utf-8"), packed=False)
    except UnicodeDecodeError:
        return None


def unpack(text: str) -> bytes | None:
    """What base64 or hexadecimal text stands for, where it is one piece of it; else None."""
    text = text.strip()
    if len(text) > LIMIT or not _PACKED.fullmatch(text.replace("\n", "")):
        return None
    compact = text.replace("\n", "")
    try:
        if len(compact) % 2 == 0 and re.fullmatch(r"[0-9a-fA-F]+", compact):
            return bytes.fromhex(compact)
        return base64.b64decode(compact.replace("-", "+").replace("_", "/") + "=" * (-len(compact) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None


def show(value: Value, folder: Folder | None = None, limit: int = 200) -> str:
    """A value of the machine as text for evidence."""
    if folder is not None:
        folded = folder.fold(value)
        if folded is not UNFOLDED:
            value = folded
    return describe(_show(value, 0), limit)


def _show(value: Value, depth: int) -> str:
    if depth > 4:
        return "…"
    if isinstance(value, Name):
        return f"{value.module}.{value.name}" if not value.computed else f"{_show(value.module, depth + 1)}.{_show(value.name, depth + 1)}"
    if isinstance(value, Call):
        return f"{_show(value.fn, depth + 1)}({_inside(value.args, depth)})"
    if isinstance(value, tuple):
        return f"({_inside(value, depth)})"
    if isinstance(value, list):
        return f"[{_inside(value, depth)}]"
    if isinstance(value, Dict):
        return "{" + ", ".join(f"{_show(k, depth + 1)}: {_show(v, depth + 1)}" for k, v in value.pairs[:8]) + "}"
    if isinstance(value, Set):
        return "{" + _inside(value.items, depth) + "}"
    if isinstance(value, Big):
        return f"<{value.length} bytes of {value.kind}>"
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value if not isinstance(value, str | bytes) or len(value) < 400 else value[:400])
    return "?"


def _inside(value: Value, depth: int) -> str:
    return ", ".join(_show(v, depth + 1) for v in value[:8]) if isinstance(value, tuple | list) else _show(value, depth + 1)
