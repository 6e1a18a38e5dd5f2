"""From a source to a survey: walk, hash, identify, inspect. The one place that catches everything, and records it.

survey = collect(LocalSource("."), Options())
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from msgspec import Struct, field, json
from msgspec.structs import replace

from mlsbom import __version__
from mlsbom.blob import Blob, BytesBlob
from mlsbom.budget import Budget
from mlsbom.collect.driver import Driver, encodable
from mlsbom.collect.hashing import DigestCache, Digests, Hashers, cache_path, digest, responsive
from mlsbom.collect.workers import BATCH, Workers, processes
from mlsbom.errors import PackError, ReadError, Unreadable
from mlsbom.knowledge import Packs, shared
from mlsbom.model import Artifact, Link, Observed, Place, Shortfall, Status, Survey, Target, ToolInfo
from mlsbom.patterns import late
from mlsbom.sources import Entry, Source
from mlsbom.sources.local import LocalSource, identity

SMALL = 1 << 20  # read once, whole, in the main thread: measured best below about 1 MiB
_SIGNATURE = late(rb"\.(?:sig|sigstore|sigstore\.json|jsonl|asc|p7s|sig\.json|bundle|attestation|provenance)\Z")
"""Files that are read first: a signature may name algorithms that the digests of other files are then made with, too."""

WEIGHTS_AFAR = "headers were read, the weights were not fetched, as asked (--weights headers)"


class Found(Struct):
    """What a process found: facts, files to read under another format (path, format, asker, line), artifacts."""

    facts: list[Observed]
    asked: list[tuple[str, str, Place, int | None]]
    artifacts: list[Artifact]


Observer = Callable[[str, int, int], None]
"""Told (what, done, of) while collecting; `what` is a path."""


class Options(Struct, kw_only=True):
    """How to collect. `timeout` in seconds for the whole; `jobs` hash threads, and processes for small files; `algorithms` wanted of every
    file."""

    packs: Packs = field(default_factory=shared)
    jobs: int = field(default_factory=lambda: os.cpu_count() or 2)
    cache: bool = True
    timeout: float | None = None
    algorithms: tuple[str, ...] = ("sha256",)
    observer: Observer | None = None
    sketch: bool = True
    created: str = ""


def collect(source: Source, options: Options) -> Survey:
    """Everything that is to be observed in a target. Never raises for what the target holds; NothingToScan where it holds nothing."""
    return _Collection(source, options).run()


class _Collection:
    def __init__(self, source: Source, options: Options) -> None:
        self.source = source
        self.options = options
        self.deadline = time.monotonic() + options.timeout if options.timeout else None
        self.cache = DigestCache(cache_path() if options.cache and source.local else None)
        self.artifacts: dict[str, Artifact] = {}
        self.pending: dict[str, Future[Digests]] = {}
        self.entries: dict[str, Entry] = {}
        self.driver = Driver(options.packs, sketch=options.sketch)
        self.done = 0

    def run(self) -> Survey:
        entries = sorted(self.source.entries(), key=_order)
        self.entries = {e.path: e for e in entries}
        hashers = Hashers(self.options.jobs)
        try:
            with responsive():
                large = [e for e in entries if e.size > SMALL and not e.reason and e.kind in ("file", "symlink")]
                early = [e for e in entries if _SIGNATURE.search(e.raw.lower()) and e.size <= SMALL]
                for e in early:
                    self.visit(e)
                wanted = self.driver.wanted_algorithms()
                seen = {e.path for e in early}
                rest = [e for e in entries if e.path not in seen]
                with self.shared(rest, wanted) as others:  # forked before there are threads
                    for e in sorted(large, key=lambda e: -e.size):
                        self.start(e, hashers, wanted.get(e.path, ()))
                    for e in others:
                        self.visit(e, wanted.get(e.path, ()))
                self.read_as()
                self.settle()
        finally:
            hashers.close()
            self.cache.close()
        return self.survey()

    @contextmanager
    def shared(self, entries: list[Entry], wanted: dict[str, tuple[str, ...]]) -> Iterator[list[Entry]]:
        """Begin to read small files in further processes, where that helps; gives the entries that are left for this one alone."""
        small = [e for e in entries if self.source.local and e.kind in ("file", "symlink") and not e.reason and e.size <= SMALL]
        count = processes(self.options.jobs, len(small))
        if not count:
            yield entries
            return
        batches = [small[at : at + BATCH] for at in range(0, len(small), BATCH)]

        def here(number: int) -> None:
            for e in batches[number]:
                self.visit(e, wanted.get(e.path, ()))

        def apart(number: int) -> bytes:
            self.options.observer = None  # the first process tells of all
            self.take()
            here(number)
            found = self.take()
            try:
                return json.encode(found)
            except UnicodeEncodeError:
                found.facts = [encodable(o) for o in found.facts]
                return json.encode(found)

        workers = Workers(count, apart)
        try:
            taken = {e.path for e in small}
            yield [e for e in entries if e.path not in taken]
            workers.share(len(batches), here, self.keep)
        finally:
            workers.close()

    def take(self) -> Found:
        """What was found since the last `take`, for another process."""
        artifacts, self.artifacts = self.artifacts, {}
        facts, asked = self.driver.take()
        return Found(facts, [(*what, *asker) for what, asker in asked.items()], list(artifacts.values()))

    def keep(self, raw: bytes) -> None:
        """Take over what another process found."""
        found = json.decode(raw, type=Found)
        for fact in found.facts:
            self.driver.keep(fact)
        for path, form, place, line in found.asked:
            self.driver.ask((path, form), (place, line))
        for artifact in found.artifacts:
            self.artifacts[artifact.path] = artifact
        self.progress(found.artifacts[-1].path if found.artifacts else "", len(found.artifacts))

    def progress(self, path: str, more: int, tell: bool = False) -> None:
        """Tell the observer of what takes long, and now and then of the rest."""
        before, self.done = self.done, self.done + more
        if self.options.observer and (tell or self.done // 256 > before // 256):
            self.options.observer(path, self.done, len(self.entries))

    def start(self, entry: Entry, hashers: Hashers, more: tuple[str, ...]) -> None:
        """Begin to hash a large file in a thread, unless the cache or the source knows it."""
        algorithms = _algorithms(self.options.algorithms, more)
        known = self.cache.get(entry.key) if entry.key and algorithms == ("sha256",) else None
        if known:
            done: Future[Digests] = Future()
            self.pending[entry.path] = done
            done.set_result((("sha256", known),))
        elif isinstance(self.source, LocalSource):
            source, deadline = self.source, self.deadline

            def work() -> Digests:
                descriptor = source.descriptor(entry)
                try:
                    got = digest(descriptor, entry.size, algorithms, deadline)
                    if entry.key is not None and identity(descriptor) != entry.key:
                        raise Unreadable("changed while it was read")
                finally:
                    os.close(descriptor)
                return got

            self.pending[entry.path] = hashers.submit(work)

    def visit(self, entry: Entry, more: tuple[str, ...] = ()) -> None:
        """Read one entry: digest (of small files), formats, facts."""
        self.progress(entry.path, 1, entry.size > SMALL)
        place = Place(path=entry.path)
        for fact in entry.facts:
            self.driver.record(place, "source", fact)
        if entry.link is not None:
            self.driver.record(place, "walk", Link(kind="symlink", target=entry.link, inside=entry.inside))
        elif entry.kind not in ("file", "folder", "history"):
            self.driver.record(place, "walk", Link(kind=entry.kind))
        if entry.reason:
            status = Status.OPAQUE if entry.kind == "history" else Status.FAILED
            self.driver.record(place, "walk", Shortfall(status=status, reason=entry.reason))
            if entry.kind == "file":
                self.artifacts[entry.path] = Artifact(
                    path=entry.path, size=entry.size, coverage=Status.FAILED, digests=entry.declared, digest_by="declared"
                )
            return
        if entry.kind not in ("file", "symlink"):
            return
        budget = Budget(entry.size, deadline=self.deadline)
        try:
            budget.check()
            if isinstance(self.source, LocalSource) and entry.size <= SMALL:
                data = self.source.whole(entry)
                names = _algorithms(self.options.algorithms, more) if more else self.options.algorithms
                made = tuple([(name, _hash(name, data)) for name in names])
                self.read(entry, place, BytesBlob(data, entry.path.rpartition("/")[2]), made, budget)
            else:
                with self.source.open(entry) as blob:
                    self.read(entry, place, blob, entry.computed or entry.declared, budget)
        except ReadError as e:
            self.driver.shortfall(place, "walk", e)
            self.artifacts.setdefault(entry.path, Artifact(path=entry.path, size=entry.size, digests=entry.declared, digest_by="declared"))

    def read(self, entry: Entry, place: Place, blob: Blob, digests: Digests, budget: Budget) -> None:
        """Identify and inspect the bytes of one entry."""
        formats = self.driver.identify(blob, place)
        by = "computed" if self.source.local or entry.computed else "declared"
        self.artifacts[entry.path] = Artifact(path=entry.path, size=entry.size, digests=digests, formats=formats, digest_by=by)
        self.driver.inspect(blob, place, formats, budget)
        if not blob.near:
            self.driver.record(place, "walk", Shortfall(status=Status.OPAQUE, reason=WEIGHTS_AFAR))

    def read_as(self) -> None:
        """Work through what inspectors asked to be read under another format, each (place, format) once."""
        done: set[tuple[str, str]] = set()
        while todo := sorted(self.driver.asked.keys() - done):
            for target, form in todo:
                done.add((target, form))
                self.read_one(target, form, *self.driver.asked[target, form])

    def read_one(self, target: str, form: str, asker: Place, line: int | None) -> None:
        """Read one file under the format that was asked for."""
        entry = self.entries.get(target)
        if entry is None or entry.reason or entry.kind not in ("file", "symlink"):
            why = (
                "leaves the target"
                if target.startswith(("../", "/")) or target == ".."
                else "is not there"
                if entry is None
                else entry.reason
            )
            self.driver.record(
                asker,
                "read-as",
                Shortfall(status=Status.PARTIAL, reason=f"names {target!r}, which {why}" + (f" (line {line})" if line else "")),
            )
            return
        place = Place(path=target)
        try:
            with self.source.open(entry) as blob:
                self.driver.inspect(blob, place, (form,), Budget(entry.size, deadline=self.deadline), only=form)
        except ReadError as e:
            self.driver.shortfall(place, "walk", e)

    def settle(self) -> None:
        """Collect the digests that threads made, and remember them."""
        for path, future in self.pending.items():
            entry = self.entries[path]
            if self.options.observer:
                self.options.observer(path, len(self.entries), len(self.entries))
            try:
                digests = future.result()
            except ReadError as e:
                self.driver.shortfall(Place(path=path), "hash", e)
                continue
            artifact = self.artifacts.get(path)
            formats = artifact.formats if artifact else ()
            self.artifacts[path] = Artifact(path=path, size=entry.size, digests=digests, formats=formats)
            if entry.key:
                self.cache.put(entry.key, dict(digests)["sha256"])

    def survey(self) -> Survey:
        worst = self.driver.worst()
        artifacts = []
        for path in sorted(self.artifacts):
            a = self.artifacts[path]
            pointer = self.driver.pointers.get(path)
            if pointer is not None:  # the digest of what it stands for, never the pointer's own
                size = pointer.size if pointer.size is not None else a.size
                a = replace(a, size=size, digests=((pointer.algorithm, pointer.digest),), digest_by="declared", coverage=Status.FULL)
            if path in worst:
                a = replace(a, coverage=worst[path])
            artifacts.append(a)
        rows = [f"{a.path}\0{a.sha256 or ''}\0{a.size}\n" for a in artifacts]
        tree = hashlib.sha256("".join(rows).encode("utf-8", "surrogatepass"))
        try:
            digest_of_packs, date_of_packs = self.options.packs.digest, self.options.packs.date
        except PackError as e:
            digest_of_packs, date_of_packs = "", ""
            self.driver.record(Place(path="."), "packs", Shortfall(status=Status.FAILED, reason=str(e)))
        tool = ToolInfo(
            version=__version__, inspectors=self.driver.versions(), signatures_digest=digest_of_packs, signatures_date=date_of_packs
        )
        target = Target(
            uri=self.source.uri, revision=self.source.revision, digest=tree.hexdigest(), name=self.source.name, source=self.source.kind
        )
        return Survey(
            target=target, tool=tool, artifacts=tuple(artifacts), observed=self.driver.sorted_facts(), created=self.options.created
        )


def _hash(algorithm: str, data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if algorithm == "sha256" else hashlib.new(algorithm, data).hexdigest()


def _order(entry: Entry) -> bytes:
    return entry.raw


def _algorithms(base: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*base, *(a for a in more if a in hashlib.algorithms_available))))


__all__ = ["Observer", "Options", "collect"]
