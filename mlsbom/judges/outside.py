"""Whether a path or address that stands in a model, and that a loader opens, leads out of it: `paths.escape`, with a severity and with
addresses."""

from __future__ import annotations

import re
from urllib.parse import unquote

from mlsbom.judges import paths
from mlsbom.model import Severity
from mlsbom.patterns import late

_SCHEME = late(r"([A-Za-z][A-Za-z0-9+.-]{1,20})://|(file|data|javascript):", re.I)


def leads_out(path: str) -> tuple[Severity, str] | None:
    """(severity, why) of a path that leaves the model; None for one that stays.

    High: what the path rule refuses. Medium: an address, and forms (`%2e`) that the loader takes literally but another reader may not.
    """
    text = path.strip()
    if scheme := _SCHEME.match(text):
        return Severity.MEDIUM, f"is an address ({(scheme[1] or scheme[2]).lower()})"
    if why := paths.escape(text):
        return Severity.HIGH, why
    decoded = unquote(unquote(text))
    if decoded != text and (why := paths.escape(decoded)):
        return Severity.MEDIUM, f"{why}, once its %-forms are decoded"
    return None
