"""A repository of the Hugging Face Hub, by ranges: `hf://[models|datasets|spaces/]ORG/NAME[@REVISION]`.

The revision is resolved to a commit once and every request names that commit, so a branch that moves during the scan cannot be mixed.
What the list declares (LFS SHA-256, git object id, size) is held against every byte that arrives. `weights`:

    declared   small files and texts; of everything else only what the list says
    headers    also the headers and directories of large files, by ranged reads (`far.FarBlob`)
    full       all bytes of each file, into a temporary file that is gone after the file's inspection

Tokens are huggingface_hub's affair (HF_TOKEN, `hf auth login`): never sent to a mirror without TLS; no message quotes a request.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from mlsbom.blob import Blob, BytesBlob, FileBlob
from mlsbom.errors import BudgetExceeded, NetworkError, NothingToScan, NotNear, Unreadable, UsageError
from mlsbom.model import AnyFact, Evidence, Statement, Technique
from mlsbom.patterns import late
from mlsbom.sources import Entry
from mlsbom.sources.far import FarBlob

if TYPE_CHECKING:
    from mlsbom.sources.hub_http import Connection

SMALL: Final = 1 << 20
TEXT: Final = 32 << 20
TEXT_SUFFIXES: Final = frozenset(
    {"cfg", "ini", "ipynb", "jinja", "js", "json", "jsonl", "lock", "md", "model"}
    | {"py", "sh", "tiktoken", "toml", "txt", "xml", "yaml", "yml"}
)
"""Kinds that are read whole wherever they stand: they say what a model is, and none of them is weights."""
MOST_BYTES: Final = 4 << 30  # fetched without being asked for all
MOST_FILES: Final = 200_000
MOST_REFUSED: Final = 100
MOST_ASKED: Final = 1_000  # files whose scan status is asked for, a hundred a request
_SPELLING = late(r"hf://(?:(models|datasets|spaces)/)?((?:[\w.-]+/)?[\w.-]+)(?:@(.+))?")
_SHA256 = late("[0-9a-f]{64}")


class HubSource:
    """One repository at one commit. The constructor asks for that commit; everything else is asked for when it is needed.

    Raises UsageError where the repository, the revision or the right to read it is missing, NetworkError where the Hub does not answer.
    """

    local = False
    kind = "hub"

    def __init__(self, target: str, weights: str = "headers") -> None:
        spelled = _SPELLING.fullmatch(target)
        if spelled is None or ".." in spelled[2] or "--" in spelled[2]:
            raise UsageError(f"{target}: is not hf://[models|datasets|spaces/]ORG/NAME[@REVISION]")
        from mlsbom.sources.hub_http import Connection

        self.uri = target
        self.weights = weights
        self._asked = spelled[2]
        self._connection: Connection = Connection((spelled[1] or "models").removesuffix("s"), spelled[2], target)
        self.name, self.revision = self._connection.resolve(spelled[3])

    def entries(self) -> Iterator[Entry]:
        """The files that the Hub lists, with what it declares of them. Paths that leave the target, doubles and what is past the limit
        are entries that say so."""
        good, refused, end = self._listing()
        if not good and not refused:
            raise NothingToScan(f"{self.uri}: there is nothing in it")
        if self.name != self._asked:
            evidence = Evidence(technique=Technique.ATTESTATION, note=f"renamed on the Hub to {self.name}")
            yield _note("", facts=(Statement(field="hint_name", value=self._asked, evidence=evidence),))
        for text in refused[:MOST_REFUSED]:
            yield _note(text)
        if len(refused) > MOST_REFUSED:
            yield _note(f"{len(refused) - MOST_REFUSED} more entries of the list are refused")
        if end:
            yield _note(end)
        self._statuses(good)
        yield from good.values()

    def _listing(self) -> tuple[dict[str, Entry], list[str], str]:
        """(entries by path, why others are refused, why the list ends early)."""
        good: dict[str, Entry] = {}
        refused: list[str] = []
        count = 0
        try:
            for item in self._connection.tree():
                count += 1
                if count > MOST_FILES:
                    return good, refused, f"lists more than {MOST_FILES} files: the rest is not looked at"
                if not hasattr(item, "size"):
                    continue  # a folder
                why = refusal(item.path, item.size)
                if why or item.path in good:
                    refused.append(f"the list of files names {str(item.path)[:200]!a}: {why or 'twice'}: refused")
                    continue
                good[item.path] = _entry(item)
        except NetworkError as e:
            if not good:
                raise
            return good, refused, f"the list of files breaks off after {count} entries: {e}"
        return good, refused, ""

    def _statuses(self, good: dict[str, Entry]) -> None:
        """What the Hub's own scanners say of large files and pickles; a Hub that does not say is no error."""
        asked = [e.path for e in good.values() if e.size > SMALL or e.declared][:MOST_ASKED]
        for path, security in self._connection.statuses(asked):
            if path in good and security is not None:
                value = {"status": str(security.status)[:40], "by": "Hugging Face Hub"}
                if isinstance(security.pickle_import_scan, dict) and security.pickle_import_scan.get("highestSafetyLevel"):
                    value["pickle"] = str(security.pickle_import_scan["highestSafetyLevel"])[:40]
                evidence = Evidence(technique=Technique.ATTESTATION, confidence=0.5, key="securityFileStatus")
                good[path].facts += (Statement(field="hub_scan", value=value, about="file", evidence=evidence),)

    @contextmanager
    def open(self, entry: Entry) -> Iterator[Blob]:
        """The bytes of a file entry, as far as `weights` asks for them."""
        if self.weights != "full" and self._connection.received > MOST_BYTES:
            raise BudgetExceeded(f"{MOST_BYTES >> 30} GiB of small files and headers were fetched already", remedy="see --weights full")
        name = posixpath.basename(entry.path)
        suffix = name.rsplit(".", 1)[-1].lower()
        if entry.size <= SMALL or (suffix in TEXT_SUFFIXES and entry.size <= TEXT):
            data = b"".join(self._connection.read(entry, 0, entry.size))
            check = _Check(entry)
            check.update(data)
            entry.computed = check.result()
            yield BytesBlob(data, name)
        elif self.weights == "declared":
            raise NotNear(f"{entry.size} bytes: not fetched, as asked (--weights declared)")
        elif self.weights == "full":
            with tempfile.TemporaryFile(prefix="mlsbom-") as spool:
                check = _Check(entry)
                for piece in self._connection.read(entry, 0, entry.size):
                    check.update(piece)
                    spool.write(piece)
                spool.flush()
                entry.computed = check.result()
                yield FileBlob(spool.fileno(), entry.size, name)
        else:
            yield FarBlob(name, entry.size, self._fetcher(entry))

    def _fetcher(self, entry: Entry) -> Callable[[int, int], bytes]:
        def fetch(offset: int, length: int) -> bytes:
            return b"".join(self._connection.read(entry, offset, length))

        return fetch


class _Check:
    """Holds arriving bytes against what the list declares: the SHA-256 of an LFS file, the object id of a plain one."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.sha256 = hashlib.sha256()
        self.git = hashlib.sha1(b"blob %d\0" % entry.size, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        self.sha256.update(data)
        if not self.entry.declared:
            self.git.update(data)

    def result(self) -> tuple[tuple[str, str], ...]:
        """The computed digests. Raises Unreadable where the bytes are others than declared."""
        got = self.sha256.hexdigest()
        declared = dict(self.entry.declared).get("sha256")
        if declared and declared != got:
            raise Unreadable(f"the bytes have the SHA-256 {got}, the Hub declares {declared}")
        if not declared and self.entry.raw_id and self.entry.raw_id != self.git.hexdigest():
            raise Unreadable("the bytes are not those of the commit: another git object id")
        return (("sha256", got),)


def refusal(path: Any, size: Any) -> str:
    """Why an entry of a list of files cannot be taken, or nothing."""
    if not isinstance(path, str) or not path:
        return "no path"
    if path.startswith("/") or "\\" in path or re.match("[A-Za-z]:", path) or any(p in ("", ".", "..") for p in path.split("/")):
        return "a path that leaves the target, or that is not in its shortest form"
    if len(path) > 4096 or any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF or c == "\x7f" for c in path):
        return "a path with control characters, or over 4096 characters"
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 63:
        return "a size that is none"
    return ""


def _entry(item: Any) -> Entry:
    sha256 = getattr(item.lfs, "sha256", None)
    declared = (("sha256", sha256),) if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else ()
    oid = item.blob_id if isinstance(item.blob_id, str) and re.fullmatch("[0-9a-f]{40}", item.blob_id) else ""
    return Entry(path=item.path, raw=os.fsencode(item.path), size=item.size, declared=declared, raw_id=oid)


def _note(reason: str, facts: tuple[AnyFact, ...] = ()) -> Entry:
    """Something to say of the list as a whole."""
    return Entry(path=".", raw=b".", kind="folder", reason=reason, facts=facts)
