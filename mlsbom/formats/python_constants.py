"""Operators, pure methods and pure functions of constants in Python source, computed here within bounds of size; nothing is run.

Text and bytes joined, formatted, replaced, decoded (base64, hex, zlib, rot13), numbers, `chr`; what is not known is `UNKNOWN`.
"""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import codecs
import lzma
import zlib
from typing import Any, Final

LIMIT: Final = 1 << 20


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
"""What stands for a value that is not known."""


def binary(op: ast.operator, left: Any, right: Any) -> Any:
    """An operator between constants."""
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    try:
        match op:
            case ast.Add() if type(left) is type(right) or isinstance(left, (int, float)):
                return left + right
            case ast.Mult() if isinstance(right, int) and isinstance(left, (str, bytes, list)):
                return left * right if len(left) * max(right, 0) <= LIMIT else UNKNOWN
            case ast.Mod() if isinstance(left, (str, bytes)):
                return (
                    left % (tuple(right) if isinstance(right, list) else right)
                    if len(left) < 4096 and b"*" not in _bytes(left)
                    else UNKNOWN
                )
            case ast.BitXor() if isinstance(left, int) and isinstance(right, int):
                return left ^ right
            case ast.Sub() if isinstance(left, (int, float)) and isinstance(right, (int, float)):
                return left - right
            case ast.Mod() if isinstance(left, int) and isinstance(right, int) and right:
                return left % right
            case ast.Mult() if isinstance(left, (int, float)) and isinstance(right, (int, float)) and abs(left) < 1e9 and abs(right) < 1e9:
                return left * right
            case ast.Div() if isinstance(left, str) and isinstance(right, str):  # pathlib, once folded to text
                return f"{left.rstrip('/')}/{right}"
    except (TypeError, ValueError, OverflowError):
        pass
    return UNKNOWN


def _bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else value


_METHODS: Final = frozenset(
    {
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "replace",
        "split",
        "title",
        "capitalize",
        "swapcase",
        "removeprefix",
        "removesuffix",
        "casefold",
        "splitlines",
        "rsplit",
        "partition",
        "translate",
    }
)


def method(base: Any, name: str, args: list[Any], keywords: dict[str, Any]) -> Any:
    """A pure method of a constant."""
    if UNKNOWN in args or UNKNOWN in keywords.values():
        return UNKNOWN
    try:
        if isinstance(base, (str, bytes)):
            if name == "join" and len(args) == 1 and isinstance(args[0], (list, tuple, str)):
                parts = list(args[0])
                return base.join(parts) if sum(map(len, parts)) + len(base) * len(parts) <= LIMIT else UNKNOWN
            if name == "format" and isinstance(base, str) and "." not in base and ":" not in base and "[" not in base:
                return base.format(*map(str, args), **{k: str(v) for k, v in keywords.items()})
            if name in ("decode", "encode"):
                codec = str((args or [keywords.get("encoding", "utf-8")])[0])
                return _codec(base, codec)
            if name == "hex" and isinstance(base, bytes):
                return base.hex()
            if name == "replace" and len(args) >= 2 and (not args[0] or len(base) * max(len(args[1]), 1) > 64 * LIMIT):
                return UNKNOWN
            if name in _METHODS:
                return getattr(base, name)(*args)
        if isinstance(base, (list, tuple)) and name == "copy":
            return base
        if isinstance(base, int) and name == "to_bytes" and args and isinstance(args[0], int) and args[0] < 4096:
            return base.to_bytes(args[0], str(args[1]) if len(args) > 1 else str(keywords.get("byteorder", "big")))  # type: ignore[arg-type]
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError):
        pass
    return UNKNOWN


def _codec(value: Any, codec: str) -> Any:
    codec = codec.lower().replace("-", "_")
    if codec in ("rot13", "rot_13") and isinstance(value, str):
        return codecs.encode(value, "rot13")
    raw = _bytes(value)
    match codec:
        case "hex" | "hex_codec":
            return binascii.unhexlify(raw)
        case "base64" | "base64_codec" | "base_64":
            return base64.b64decode(raw)
        case "zlib" | "zip" | "zlib_codec":
            return _inflate(raw)
        case "utf_8" | "utf8" | "ascii" | "latin1" | "latin_1" | "iso_8859_1" | "utf_16" | "utf_16_le" | "unicode_escape" | "utf_7":
            return value.decode(codec) if isinstance(value, bytes) else value.encode(codec)
    return UNKNOWN


def _inflate(raw: bytes) -> Any:
    machine = zlib.decompressobj(47)
    out = machine.decompress(raw, LIMIT)
    return out if not machine.unconsumed_tail else UNKNOWN


_DECODE: Final[dict[str, Any]] = {
    "base64.b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.standard_b64decode": base64.b64decode,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode,
    "base64.b85decode": base64.b85decode,
    "base64.a85decode": base64.a85decode,
    "base64.decodebytes": base64.decodebytes,
    "binascii.a2b_base64": binascii.a2b_base64,
    "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_hex": binascii.unhexlify,
    "zlib.decompress": _inflate,
    "gzip.decompress": _inflate,
}


def function(name: str, args: list[Any]) -> Any:
    """A pure function of constants."""
    try:
        first = args[0] if args else None
        if name in _DECODE and isinstance(first, (str, bytes)):
            return _DECODE[name](first if name not in ("zlib.decompress", "gzip.decompress", "base64.decodebytes") else _bytes(first))
        match name:
            case "bz2.decompress" | "lzma.decompress" if isinstance(first, bytes):
                machine = bz2.BZ2Decompressor() if name.startswith("bz2") else lzma.LZMADecompressor(memlimit=64 << 20)
                return machine.decompress(first, LIMIT)
            case "codecs.decode" | "codecs.encode" if len(args) > 1:
                return _codec(first, str(args[1]))
            case "builtins.chr" if isinstance(first, int) and 0 <= first < 0x110000:
                return chr(first)
            case "builtins.ord" if isinstance(first, (str, bytes)) and len(first) == 1:
                return ord(first)
            case "builtins.bytes" | "builtins.bytearray" if isinstance(first, (list, tuple, bytes)):
                return bytes(first)
            case "builtins.bytes.fromhex" | "builtins.bytearray.fromhex" if isinstance(first, str):
                return bytes.fromhex(first)
            case "builtins.str" if len(args) == 1:
                return str(first)
            case "builtins.str" if isinstance(first, bytes):
                return first.decode(str(args[1]))
            case "builtins.int" if isinstance(first, (str, int)) and len(str(first)) < 4000:
                return int(first, *args[1:])
            case "builtins.reversed" if isinstance(first, (str, bytes, list, tuple)):
                return list(first)[::-1]
            case "builtins.list" | "builtins.tuple" if isinstance(first, (list, tuple, str, bytes)):
                return list(first)
            case "os.path.join" | "posixpath.join" | "pathlib.Path" | "pathlib.PurePath" if all(isinstance(a, str) for a in args):
                return "/".join(a.rstrip("/") for a in args)
            case "os.path.expanduser" | "os.fspath" | "os.path.abspath" | "os.path.normpath" if isinstance(first, str):
                return first
    except (TypeError, ValueError, LookupError, OverflowError, OSError, EOFError, lzma.LZMAError, zlib.error):
        pass
    return UNKNOWN
