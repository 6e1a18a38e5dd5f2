"""Whether a path or address that stands in a model leads out of it (the path rule, specs of model files, section 4)."""

from __future__ import annotations

import re
from urllib.parse import unquote

from mlsbom.model import Severity

_DRIVE = re.compile(r"^[A-Za-z]:(?![a-z]*//)")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]{1,20})://|^(file|data|javascript):", re.I)


def leads_out(path: str) -> tuple[Severity, str] | None:
    """(severity, why) of a path that a loader opens and that leaves the model; None for one that stays.

    High: absolute, home, drive, UNC, NUL, or `..` above its start. Medium: an address with a scheme, and forms (`%2e`, `file:`) that the loader
    takes literally but another reader may not.
    """
    if "\0" in path:
        return Severity.HIGH, "holds a NUL byte"
    text = path.strip().replace("\\", "/")
    if scheme := _SCHEME.match(text):
        return Severity.MEDIUM, f"is an address ({(scheme[1] or scheme[2]).lower()})"
    if text.startswith(("/", "~")) or _DRIVE.match(text):
        return Severity.HIGH, "is absolute"
    if _climbs(text):
        return Severity.HIGH, "climbs out of the model with `..`"
    decoded = unquote(unquote(text))
    if decoded != text and (decoded.startswith(("/", "~")) or _climbs(decoded.replace("\\", "/"))):
        return Severity.MEDIUM, "climbs out of the model once its %-forms are decoded"
    return None


def _climbs(text: str) -> bool:
    depth = 0
    for part in text.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                return True
        elif part not in ("", "."):
            depth += 1
    return False
