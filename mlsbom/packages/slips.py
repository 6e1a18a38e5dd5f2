"""Slips by which one name is taken for another: their kinds, and the forms in which names are compared (specs of packages, section 3)."""

from __future__ import annotations

from typing import Final

from mlsbom.patterns import late

KINDS: Final[tuple[str, ...]] = (
    "same",
    "transpose",
    "repeat",
    "derepeat",
    "homoglyph",
    "keyboard",
    "omit",
    "insert",
    "skeleton",
    "subst",
    "edgeinsert",
    "plural",
    "two",
    "suffixdigit",
    "order",
    "affix",
    "other",
    "digit",
    "combo",
)
"""Kinds of a slip, most telling first (specs of packages, section 3)."""

WORDS: Final[dict[str, str]] = {
    "same": "the same letters with other separators",
    "transpose": "two letters swapped",
    "repeat": "one letter doubled",
    "derepeat": "a double letter written once",
    "homoglyph": "a look-alike character",
    "keyboard": "a neighbouring key",
    "omit": "one letter left out",
    "insert": "one letter put in",
    "skeleton": "look-alike characters",
    "subst": "one letter replaced",
    "edgeinsert": "one letter put at an end",
    "plural": "an s added or left out",
    "two": "two slips",
    "suffixdigit": "a digit added or left out at the end",
    "order": "the same words in another order",
    "affix": "a common ending or beginning added",
    "other": "one character differs",
    "digit": "a digit differs",
    "combo": "words added",
}

_KEYS = ("1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm")
AFFIXES: Final[tuple[str, ...]] = (
    "python",
    "tools",
    "utils",
    "tool",
    "util",
    "test",
    "lib",
    "pip",
    "dev",
    "new",
    "pro",
    "sdk",
    "api",
    "cli",
    "py",
    "js",
    "ai",
    "v2",
    "x",
    "s",
    "1",
    "2",
    "3",
)
_TWINS = [pair.split("-") for pair in ["0-o", "1-l", "1-i", "i-l", "5-s", "3-e", "4-a", "8-b", "9-g", "u-v", "c-k", "q-g"]]
_HOMOGLYPHS = frozenset(p for a, b in _TWINS for p in ((a, b), (b, a)))
_SKELETON = str.maketrans({"0": "o", "1": "l", "i": "l", "3": "e", "4": "a", "5": "s", "8": "b", "9": "g"})


def _neighbours() -> frozenset[tuple[str, str]]:
    pairs: set[tuple[str, str]] = set()
    for row, keys in enumerate(_KEYS):
        for i, a in enumerate(keys):
            for other, shifts in ((row, (-1, 1)), (row + 1, (-1, 0)), (row - 1, (0, 1))):
                if 0 <= other < len(_KEYS):
                    pairs.update((a, _KEYS[other][i + s]) for s in shifts if 0 <= i + s < len(_KEYS[other]))
    return frozenset(pairs)


KEYBOARD: Final = _neighbours()
"""Pairs of neighbouring keys of a US keyboard."""


def strip(name: str) -> str:
    """A comparable name without its hyphens."""
    return name.replace("-", "")


def comparable(name: str, ecosystem: str) -> str:
    """A normalised name in the form that is compared: npm's scope, dots and underscores become hyphens."""
    return name if ecosystem == "pypi" else _SEPARATORS.sub("-", name.lower()).strip("-")


def comparables(names: list[str], ecosystem: str) -> list[str]:
    """`comparable` of many names, as one text: an order of magnitude faster. No name has a line break in it."""
    if ecosystem == "pypi" or not names:
        return names
    return [name.strip("-") for name in _SEPARATORS_OF_LINES.sub("-", "\n".join(names).lower()).split("\n")]


_SEPARATORS = late(r"[^a-z0-9]+")
_SEPARATORS_OF_LINES = late(r"[^a-z0-9\n]+")


def skeleton(stripped: str) -> str:
    """Characters that look alike made equal (a part of UTS 39 for ASCII)."""
    return stripped.replace("rn", "m").replace("vv", "w").translate(_SKELETON)


# --- the kind of one slip ----------------------------------------------------------------------------------------------------------


def prefix(a: str, b: str) -> int:
    """The number of letters that two names begin with alike."""
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def kind_of(name: str, target: str) -> str:
    """The kind of one slip between two stripped names at distance 1, the first that fits (specs of packages, section 3)."""
    i = prefix(name, target)
    if len(name) == len(target):
        a, b = name[i], target[i]
        if name[i + 1 : i + 2] == b and target[i + 1 : i + 2] == a and name[i + 2 :] == target[i + 2 :]:
            return "transpose"
        if (a, b) in _HOMOGLYPHS:
            return "homoglyph"
        if a.isdigit() and b.isdigit():
            return "digit"
        return "keyboard" if (a, b) in KEYBOARD else "digit" if a.isdigit() or b.isdigit() else "subst"
    longer, shorter, added = (name, target, True) if len(name) > len(target) else (target, name, False)
    c, last = longer[i], i == len(longer) - 1
    if i and longer[i - 1] == c and not c.isdigit():
        return "repeat" if added else "derepeat"
    if last and c.isdigit():
        return "suffixdigit"
    if last and c == "s":
        return "plural"
    if not added:
        return "omit"
    return "edgeinsert" if last or shorter == longer[1:] else "insert"
