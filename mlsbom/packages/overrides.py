"""Local corrections of the feed: `feed-overrides.toml`. They correct data, they are no waivers: each is shown wherever it took effect.

[[override]]
ecosystem = "npm"
name = "dotenv-expand"
versions = ["5.1.0"]        # or ["*"]
id = "VENDOR-1"             # optional: this advisory alone
action = "not-bad"          # or "bad"
reason = "clean release, listed by mistake"
by = "security@example.org"
expires = "2027-03-01"      # at most 365 days from the day of the scan
"""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from mlsbom.errors import UsageError
from mlsbom.packages.feed import Entry
from mlsbom.packages.names import key
from mlsbom.packages.specifiers import same

LONGEST = timedelta(days=365)


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One correction."""

    ecosystem: str
    name: str
    versions: tuple[str, ...]
    action: Literal["not-bad", "bad"]
    reason: str
    by: str
    expires: date
    id: str = ""

    def __str__(self) -> str:
        verb = "is not bad" if self.action == "not-bad" else "is bad"
        return f"local override: {self.name} {' '.join(self.versions)} {verb}, says {self.by}: {self.reason}"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    override: list[Override] = []


class Overrides:
    """The corrections that hold on a day. `used` grows as they take effect; `expired` and `unused` are for the report."""

    def __init__(self, rows: list[Override], today: date) -> None:
        for o in rows:
            if o.expires > today + LONGEST:
                raise UsageError(f"the override of {o.name} expires on {o.expires}, more than 365 days from {today}", remedy="shorten it")
        self.expired = [o for o in rows if o.expires < today]
        self._rows = [o for o in rows if o.expires >= today]
        self.used: list[Override] = []

    @property
    def unused(self) -> list[Override]:
        """Those that nothing asked for so far."""
        return [o for o in self._rows if o not in self.used]

    def apply(self, ecosystem: str, name: str, entries: list[Entry]) -> tuple[list[Entry], list[Override]]:
        """The advisories of a name after correction, and the corrections that changed them."""
        mine = [o for o in self._rows if o.ecosystem == ecosystem and key(o.name, ecosystem) == key(name, ecosystem)]
        effective: list[Override] = []
        for o in mine:
            before = entries
            if o.action == "bad":
                entries = [*entries, Entry(name, o.id or "override", "", o.versions)]
            else:
                entries = [kept for e in entries if (kept := _without(e, o, ecosystem)).versions]
            if entries != before:
                effective.append(o)
                if o not in self.used:
                    self.used.append(o)
        return entries, effective


def _without(entry: Entry, o: Override, ecosystem: str) -> Entry:
    if o.id and o.id != entry.id:
        return entry
    if "*" in o.versions:
        return entry._replace(versions=())
    return entry._replace(versions=tuple(v for v in entry.versions if not any(same(v, w, ecosystem) for w in o.versions)))


def load(path: Path | None, today: date) -> Overrides:
    """The corrections in a file; none where there is no file. Raises UsageError."""
    if path is None or not path.is_file():
        return Overrides([], today)
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File, strict=False)
    except (OSError, ValueError, msgspec.ValidationError) as e:
        raise UsageError(f"the feed overrides cannot be read: {path}: {e}") from e
    return Overrides(found.override, today)
