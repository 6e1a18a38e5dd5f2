"""What a file says. An inspector reads one blob and yields facts; it opens no second file, and never sees the target's root.

An inspector is a module with

    RULES: tuple[Rule, ...]                                     the rules that it may fire
    def inspect(blob: Blob, context: Context) -> Iterator[Yield]   facts, and requests to the driver

and a `Row` in the `ROWS` of its family's `table.py`, which says for what it is called. Modules are imported when the first such file is
met. An inspector yields a Shortfall (or lets a ReadError rise) for what it could not read; the driver writes everything else.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from mlsbom.model import AnyFact, Rule
from mlsbom.patterns import late

if TYPE_CHECKING:
    from mlsbom.blob import Blob
    from mlsbom.budget import Budget
    from mlsbom.knowledge import Packs


VOCABULARIES = frozenset({"tokenizer.json", "vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "added_tokens.json"})


def is_vocabulary(name: str, size: int) -> bool:
    """Whether a file is a large vocabulary: its tokens are no text, and what looks like a key, a call or a host among them is chance."""
    return size > 256 << 10 and name.lower() in VOCABULARIES


class Row(Struct, frozen=True, kw_only=True):
    """When an inspector is called: where a format of the blob is in `formats`, or its base name fits one of `names` (lower-case; exact,
    `*.ext`, or a glob; with a `/`, it is matched against the end of the path). With `triggers`, only where one of them occurs in the
    first 8 MiB. `members`: whether it is called for members of archives, too."""

    name: str
    module: str
    version: int = 1
    formats: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    triggers: tuple[bytes, ...] = ()
    packs: tuple[str, ...] = ()
    members: bool = True


class Context(Struct, kw_only=True):
    """What an inspector may know besides the blob. `path` and `member` are for hints (folder names), never for evidence."""

    packs: Packs
    budget: Budget
    path: str = ""
    member: str = ""
    formats: tuple[str, ...] = ()


class Member(Struct, frozen=True, kw_only=True):
    """Asks the driver to inspect a member of this blob. `blob` must have been accounted for in the budget where it was expanded.
    `formats`: what it is known to be, instead of what its bytes look like."""

    name: str
    blob: Blob
    formats: tuple[str, ...] = ()


class ReadAs(Struct, frozen=True, kw_only=True):
    """Asks the driver to read another file of the target under a format (`-r deps/list.in`). `path` is relative to this file's folder;
    one that leaves the target, or is not there, becomes a Shortfall of this file at `line`."""

    path: str
    format: str
    line: int | None = None


Yield = AnyFact | Member | ReadAs


class Inspector(Protocol):
    """The shape of an inspector module."""

    RULES: tuple[Rule, ...]

    def inspect(self, blob: Blob, context: Context) -> Iterator[Yield]:
        """Facts about one blob, in any order."""
        ...


class Plan(Struct, frozen=True):
    """The rows for a blob, in table order; `asked`: the names of those that have triggers."""

    rows: tuple[Row, ...]
    asked: frozenset[str]


class Table:
    """All rows, indexed by format and name; `find` gives those that apply, in table order."""

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self.rows = rows
        self._formats: dict[str, list[int]] = {}
        self._exact: dict[str, list[int]] = {}
        self._suffix: dict[str, list[int]] = {}
        self._globs: dict[str, list[tuple[str, int]]] = {}  # of base names, by the extension that a glob ends in, "" for none
        self._any: dict[str, re.Pattern[str]] = {}  # fits where one of these globs does
        self._paths: list[tuple[str, re.Pattern[str], int]] = []  # of ends of paths, with a piece of the folder that they ask for
        self._below: dict[str, list[tuple[re.Pattern[str], int]]] = {}  # those that a folder may fit, remembered
        self._usual: dict[tuple[tuple[str, ...], str], frozenset[int]] = {}
        self._plans: dict[tuple[frozenset[int], bool], Plan] = {}
        for n, row in enumerate(rows):
            for f in row.formats:
                self._formats.setdefault(f, []).append(n)
            for name in row.names:
                if "/" in name:
                    words = "" if "[" in name else max(re.split(r"[*?]", name), key=len)
                    self._paths.append((words[: words.rfind("/") + 1], late(r"(?:.*/)?" + fnmatch.translate(name)), n))
                elif name.startswith("*.") and not set(name[2:]) & set("*?["):
                    self._suffix.setdefault(name[1:], []).append(n)
                elif not set(name) & set("*?["):
                    self._exact.setdefault(name, []).append(n)
                else:
                    self._glob(name, n)
        for extension, globs in self._globs.items():
            self._any[extension] = late("|".join(f"(?:{pattern})" for pattern, _ in globs))

    def _glob(self, name: str, n: int) -> None:
        tail = re.split(r"[*?\]]", name)[-1]
        extension = tail[tail.rfind(".") :] if "." in tail else ""
        self._globs.setdefault(extension, []).append((fnmatch.translate(name), n))

    def _plan(self, numbers: frozenset[int], member: bool) -> Plan:
        plan = self._plans.get((numbers, member))
        if plan is None:
            rows = [row for row in (self.rows[n] for n in sorted(numbers)) if row.members or not member]
            plan = self._plans[numbers, member] = Plan(tuple(rows), frozenset(row.name for row in rows if row.triggers))
        return plan

    def find(self, formats: tuple[str, ...], path: str, member: bool = False) -> Plan:
        """The rows for a blob of these formats at this path, or for a member of this path in an archive."""
        lower = path.lower()
        folder, slash, base = lower.rpartition("/")
        last = base.rfind(".")
        extension = base[last:] if last >= 0 else ""
        usual = self._usual.get((formats, extension))
        if usual is None:
            usual = frozenset(n for f in formats for n in self._formats.get(f, ())) | frozenset(self._suffix.get(extension, ()))
            self._usual[formats, extension] = usual
        more = set(self._exact.get(base, ()))
        at = base.find(".")
        while at < last:
            more.update(self._suffix.get(base[at:], ()))
            at = base.find(".", at + 1)
        for bucket in (extension, "") if extension else ("",):
            if bucket in self._any and self._any[bucket].fullmatch(base):
                more.update(n for pattern, n in self._globs[bucket] if re.fullmatch(pattern, base))
        if slash:
            below = self._below.get(folder)
            if below is None:
                below = self._below[folder] = [(pattern, n) for piece, pattern, n in self._paths if piece in f"{folder}/"]
            more.update([n for pattern, n in below if pattern.fullmatch(lower)])
        return self._plan(usual | more if more else usual, member)
