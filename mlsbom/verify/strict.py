"""Strict JSON and base64: what two parsers could read in two ways is refused.

Sources: RFC 8259 (duplicate names are unpredictable), RFC 8785 (I-JSON), RFC 4648 section 3.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from typing import Any, Final, NoReturn

from mlsbom.patterns import late
from mlsbom.verify.verdict import Refused

LIMIT: Final = 64 << 20
DEPTH: Final = 64
_STRUCTURE = late(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(n for n in names if names.count(n) > 1)
        raise Refused("duplicate-json-key", f"{twice[:80]!r} stands twice in one object")
    return seen


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is out of range")
    return value


def _integer(text: str) -> int:
    if len(text) > 40:
        raise ValueError("a number of more than 40 digits")
    return int(text)


def _check_depth(text: str) -> None:
    depth = 0
    for found in _STRUCTURE.finditer(text):
        mark = found.group()
        if mark in "[{":
            depth += 1
            if depth > DEPTH:
                raise Refused("bad-bundle", f"nested deeper than {DEPTH} levels")
        elif mark in "]}":
            depth -= 1


def parse(raw: bytes, what: str, code: str = "bad-bundle") -> Any:
    """The JSON value of `raw`. Refuses duplicate keys, NaN, bad UTF-8, lone surrogates, trailing data, and over 64 levels or 64 MiB."""
    if len(raw) > LIMIT:
        raise Refused(code, f"{what} is larger than {LIMIT >> 20} MiB")
    if not raw.strip():
        raise Refused(code, f"{what} is empty")
    try:
        text = raw.decode("utf-8")
        if text.count("[") + text.count("{") > DEPTH:
            _check_depth(text)
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_integer)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError as e:
        raise Refused(code, f"{what} is not UTF-8") from e
    except (ValueError, RecursionError) as e:
        raise Refused(code, f"{what} is not JSON: {str(e)[:120]}") from e
    return value


def unbase64(text: Any, what: str, code: str = "bad-bundle") -> bytes:
    """Standard base64 with its padding, nothing else."""
    if not isinstance(text, str):
        raise Refused(code, f"{what} is not a string")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as e:
        raise Refused(code, f"{what} is not base64") from e


def unbase64url(text: Any, what: str, code: str = "bad-bundle") -> bytes:
    """Base64url without padding (RFC 7515 section 2); the standard alphabet and padding are refused."""
    if not isinstance(text, str) or re.search(r"[^A-Za-z0-9_-]", text) or len(text) % 4 == 1:
        raise Refused(code, f"{what} is not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Fields:
    """An object of protobuf JSON, read field by field. `null` is absent. A field spelt in snake case is refused: other readers take it."""

    __slots__ = ("code", "raw", "what")

    def __init__(self, value: Any, what: str, code: str = "bad-bundle") -> None:
        if not isinstance(value, dict):
            raise Refused(code, f"{what} is not an object")
        self.raw: dict[str, Any] = value
        self.what = what
        self.code = code

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        snake = re.sub(r"[A-Z]", lambda m: "_" + m.group().lower(), name)
        if snake != name and snake in self.raw:
            raise Refused(self.code, f"{self.what} spells {name} as {snake}")
        return self.raw.get(name) is not None

    def get(self, name: str) -> Any:
        """The value, or None."""
        return self.raw[name] if self.has(name) else None

    def object(self, name: str) -> Fields:
        """A nested object that must be there."""
        if not self.has(name):
            raise Refused(self.code, f"{self.what} has no {name}")
        return Fields(self.raw[name], name, self.code)

    def text(self, name: str, default: str | None = None) -> str:
        """A string."""
        value = self.get(name)
        if value is None:
            value = default
        if not isinstance(value, str):
            raise Refused(self.code, f"{self.what} has no {name}" if value is None else f"{name} is not a string")
        return value

    def bytes(self, name: str) -> bytes:
        """Base64 that must be there; empty counts as absent."""
        value = unbase64(self.text(name), name, self.code)
        if not value:
            raise Refused(self.code, f"{name} is empty")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """A non-negative 64-bit integer, as number or as decimal string (protobuf JSON)."""
        value = self.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,18}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
            raise Refused(self.code, f"{name} is not a non-negative integer")
        return value

    def list(self, name: str, limit: int = 1000) -> list[Any]:
        """A list; absent is empty."""
        value = self.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > limit:
            raise Refused(self.code, f"{name} is not a list of at most {limit}")
        return value
