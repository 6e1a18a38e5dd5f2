"""Security policies and contacts: `SECURITY.md`, `security.txt` (RFC 9116)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.documents.common import PROSE, prose
from mlsbom.model import Evidence, Rule, Statement
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = ()
_MAIL = late(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_LINK = late(r"https?://[^\s)>\]\"'|]+")
_FIELD = late(r"(Contact|Policy|Expires|Encryption)\s*:\s*(\S+)", re.I)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The policy (its path, or the URL it names) and its contacts."""
    path = context.member or context.path
    text = blob.text(1 << 20)
    if not text.strip():
        return
    txt = path.lower().endswith("security.txt")
    yield Statement(field="security_policy", value=path, about="root", evidence=Evidence(line=1, confidence=0.8))
    seen: set[str] = set()
    for number, row in enumerate(text.splitlines(), 1):
        if txt and (m := _FIELD.match(row.strip())):
            found = [m[2].removeprefix("mailto:")] if m[1].lower() == "contact" else []
        else:
            found = (
                []
                if txt
                else [
                    *_MAIL.findall(row),
                    *(
                        u.rstrip(".,")
                        for u in _LINK.findall(row)
                        if re.search(r"report|advisor|vulnerab|bounty|disclos|신고|제보", row, re.I)
                    ),
                ]
            )
        for address in found:
            if address not in seen and len(seen) < 10:
                seen.add(address)
                yield Statement(
                    field="security_contact", value=address, about="root", evidence=prose(number, confidence=0.8 if txt else PROSE)
                )
