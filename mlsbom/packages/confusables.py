"""Letters of other scripts that look like ASCII (a part of Unicode's UTS 39): no registry takes them, so one is never what was meant."""

from __future__ import annotations

import unicodedata

_LIKE = {
    "a": "аɑα",
    "b": "Ьƅ",
    "c": "сϲ",
    "d": "ԁɗ",
    "e": "еҽ",
    "g": "ɡց",
    "h": "һհ",
    "i": "іıɩι",
    "j": "јϳ",
    "k": "κк",
    "l": "ӏⅼǀ",
    "m": "мⅿ",
    "n": "ոռ",
    "o": "оοօ",
    "p": "рρ",
    "q": "ԛզ",
    "r": "гⲅ",
    "s": "ѕꜱ",
    "t": "тτ",
    "u": "υս",
    "v": "νѵ",
    "w": "ԝա",
    "x": "хⅹ",
    "y": "уү",
    "z": "ᴢʐ",
    "-": "‐‑‒–—−",
}
_TABLE = str.maketrans({odd: plain for plain, odds in _LIKE.items() for odd in odds})


def fold(name: str) -> str:
    """The name with look-alike letters, accents and full-width forms made ASCII; what is like none stays."""
    if name.isascii():
        return name
    folded = unicodedata.normalize("NFKD", name.translate(_TABLE)).lower().translate(_TABLE)
    return "".join(c for c in folded if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
