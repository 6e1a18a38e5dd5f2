"""The path rule: whether a name or reference inside a file leads out of it."""

from __future__ import annotations

import re
from typing import Final

from mlsbom.patterns import late

_DRIVE: Final = late(r"[A-Za-z]:")
_RESERVED: Final = late(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)(?:\..*)?", re.I)
_SCHEME: Final = late(r"[A-Za-z][A-Za-z0-9+.-]*://|file:", re.I)


def escape(name: str, *, urls: bool = False) -> str | None:
    """Why a member or reference name leaves its folder, or None: absolute, `..`, drive, backslash, NUL, reserved on Windows, home.

    `urls`: addresses count too. `a/../b` stays inside and is fine; `./a` is.
    """
    if "\0" in name:
        return "holds a NUL"
    if urls and _SCHEME.match(name):
        return "is an address"
    unified = name.replace("\\", "/")
    if unified.startswith("/"):
        return "is absolute"
    if _DRIVE.match(unified):
        return "names a drive"
    if unified.startswith("~"):
        return "names a home folder" if unified in ("~",) or unified.startswith("~/") else None
    depth = 0
    for part in unified.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                return "leaves its folder by .."
        elif part not in ("", "."):
            depth += 1
    if any(_RESERVED.fullmatch(part.rstrip(" .")) for part in unified.split("/")):
        return "is a reserved device name on Windows"
    return None


def link_escape(member: str, target: str) -> str | None:
    """Why the target of a link in an archive, seen from the member's folder, leaves the archive; None where it stays."""
    if escape(target) in ("is absolute", "names a drive", "holds a NUL", "names a home folder"):
        return f"points at {target!r}, which {escape(target)}"
    folder = member.replace("\\", "/").rsplit("/", 1)[0] + "/" if "/" in member.replace("\\", "/") else ""
    return f"points at {target!r}, which leaves the archive" if escape(folder + target) else None
