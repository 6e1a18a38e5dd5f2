"""Hands each blob to the inspectors that want it, follows what they ask for, and records what went wrong.

This module has the only `except Exception` of the package: an inspector that fails costs its file a coverage record and nothing else.
"""

from __future__ import annotations

import hashlib
import importlib
import posixpath
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec

from mlsbom.blob import Blob
from mlsbom.budget import Budget
from mlsbom.collect.triggers import Triggers
from mlsbom.errors import BudgetExceeded, PackError, ReadError
from mlsbom.formats import FAMILY, WEIGHT_SUFFIXES
from mlsbom.formats.identify import identify
from mlsbom.inspectors import Context, Member, ReadAs, Row, is_vocabulary
from mlsbom.inspectors.table import table
from mlsbom.knowledge import Packs
from mlsbom.model import STATUS_ORDER, AnyFact, Bundle, MemberDigest, Observed, Place, Pointer, Shortfall, Status, TensorTable

TRIGGER_WINDOW = 8 << 20
STRUCTURED = WEIGHT_SUFFIXES - {"bin", "pb"}  # what may be raw numbers is opaque by nature; of the others something must be wrong
MEMBER_DIGEST = 64 << 20  # members larger than this are weights; their archive's digest covers them
FAR_MEMBER_DIGEST = 1 << 20
READ_BY_NATURE = frozenset({"text", "pointer"})  # where no inspector asks for more, having identified it is having read it


_FOLLOWED = frozenset({Shortfall, Pointer, Bundle})
"""Facts that the driver itself acts on."""
Asked = dict[tuple[str, str], tuple[Place, int | None]]
"""Who asked for a (path, format) to be read, and in which line."""


class Driver:
    """Facts of all blobs of one target. `record` is the only way in."""

    def __init__(self, packs: Packs, *, sketch: bool = True) -> None:
        self.packs = packs
        self.facts: list[Observed] = []
        self.asked: Asked = {}
        self.pointers: dict[str, Pointer] = {}
        self._sketch = sketch
        self._worst: dict[str, Status] = {}
        self._bundles: list[tuple[str, Bundle]] = []
        self._table = table()
        self._triggers: Triggers | None = None

    def record(self, place: Place, by: str, fact: AnyFact) -> None:
        """Keep one fact."""
        self.keep(Observed(place=place, by=by, fact=fact))

    def keep(self, observed: Observed) -> None:
        """Keep one fact, of here or of another process."""
        self.facts.append(observed)
        place, fact = observed.place, observed.fact
        if type(fact) not in _FOLLOWED:
            return
        if isinstance(fact, Shortfall):
            known = self._worst.get(place.path, Status.FULL)
            if STATUS_ORDER[fact.status] > STATUS_ORDER[known]:
                self._worst[place.path] = fact.status
        elif isinstance(fact, Pointer) and not place.member:
            self.pointers[place.path] = fact
        elif isinstance(fact, Bundle):
            self._bundles.append((posixpath.dirname(place.path), fact))

    def shortfall(self, place: Place, by: str, error: ReadError) -> None:
        """Keep what an error says could not be read."""
        where = f" (line {error.line})" if error.line is not None else f" (at byte {error.offset})" if error.offset is not None else ""
        key = f" (key {error.key})" if error.key else ""
        self.record(place, by, Shortfall(status=Status(error.status), reason=f"{error}{where}{key}"))

    def identify(self, blob: Blob, place: Place) -> tuple[str, ...]:
        """The formats of a blob; bytes that cannot be had are the caller's ReadError."""
        return identify(blob, (place.member or place.path).rsplit("/", 1)[-1])

    def inspect(self, blob: Blob, place: Place, formats: tuple[str, ...], budget: Budget, only: str = "") -> None:
        """Run every inspector that wants this blob. `only`: as if it had this format and no name."""
        plan = self._table.find(formats, "" if only else place.member or place.path, bool(place.member))
        hits = self._hits(plan.asked, blob, place) if plan.asked else plan.asked
        context = Context(packs=self.packs, budget=budget, path=place.path, member=place.member, formats=formats)
        tables: list[TensorTable] = []
        for row in plan.rows:
            if not row.triggers or row.name in hits:
                self._run(row, blob, place, context, tables)
        if tables and self._sketch and blob.near and not place.member:
            self._fingerprint(blob, place, formats, tables, budget)
        suffix = (place.member or place.path).rsplit(".", 1)[-1].lower()
        if formats == ("empty",):
            if suffix in WEIGHT_SUFFIXES:
                self.record(place, "identify", Shortfall(status=Status.PARTIAL, reason=f"is empty: a .{suffix} file holds something"))
        elif formats == ("unknown",):  # whatever searched it, nothing read it
            if suffix in STRUCTURED:
                self.record(
                    place, "identify", Shortfall(status=Status.PARTIAL, reason=f"is no .{suffix} file: its bytes fit no known format")
                )
            else:
                self.record(place, "identify", Shortfall(status=Status.OPAQUE, reason="no reader for this format (unknown)"))
        elif not plan.rows and FAMILY.get(formats[0] if formats else "", "") not in READ_BY_NATURE:
            self.record(place, "identify", Shortfall(status=Status.OPAQUE, reason=f"no reader for this format ({', '.join(formats)})"))

    def _hits(self, asked: frozenset[str], blob: Blob, place: Place) -> frozenset[str]:
        """Those of the asked rows whose triggers occur; where the bytes cannot be had, none, and each row says so."""
        if is_vocabulary(blob.name, blob.size):
            return frozenset()
        reach = TRIGGER_WINDOW if blob.near else len(blob.head)
        try:
            window = blob.data(reach) if blob.size <= reach else blob.read_at(0, reach)
        except ReadError as e:
            for name in sorted(asked):
                self.shortfall(place, name, e)
            return frozenset()
        if b"\0" in window:  # UTF-16 is searched as its ASCII
            window = window.replace(b"\0", b"")
        if self._triggers is None:
            self._triggers = Triggers(self._table.rows)
        return self._triggers.hits(window, asked)

    def _run(self, row: Row, blob: Blob, place: Place, context: Context, tables: list[TensorTable]) -> None:
        try:
            module = _module(row.module)
            for item in module.inspect(blob, context):
                if isinstance(item, Member):
                    self._member(item, place, context.budget)
                elif isinstance(item, ReadAs):
                    self._ask(item, place)
                else:
                    self.record(place, row.name, item)
                    if isinstance(item, TensorTable):
                        tables.append(item)
        except ReadError as e:
            self.shortfall(place, row.name, e)
        except PackError as e:
            self.record(place, row.name, Shortfall(status=Status.FAILED, reason=str(e)))
        except Exception as e:  # noqa: BLE001 - the one boundary: whatever a hostile file provokes becomes its coverage
            self.record(
                place, row.name, Shortfall(status=Status.FAILED, reason=f"inspector {row.name} failed: {type(e).__name__}: {str(e)[:200]}")
            )

    def _member(self, item: Member, place: Place, budget: Budget) -> None:
        inner = Place(path=place.path, member=f"{place.member}!/{item.name}" if place.member else item.name)
        try:
            with budget.deeper():
                budget.member()
                formats = item.formats or self.identify(item.blob, inner)
                if item.blob.size <= (MEMBER_DIGEST if item.blob.near else FAR_MEMBER_DIGEST):
                    hasher = hashlib.sha256()
                    for piece in item.blob.chunks():
                        hasher.update(piece)
                    self.record(inner, "members", MemberDigest(sha256=hasher.hexdigest(), size=item.blob.size, format=formats[0]))
                self.inspect(item.blob, inner, formats, budget)
        except ReadError as e:
            self.shortfall(inner, "members", e)
            if isinstance(e, BudgetExceeded) and (budget.bytes_left < 0 or budget.members_left < 0):
                raise

    def _ask(self, item: ReadAs, place: Place) -> None:
        if place.member:
            self.record(
                place, "read-as", Shortfall(status=Status.PARTIAL, reason=f"names {item.path!r}, which is not followed inside an archive")
            )
            return
        wanted = item.path.replace("\\", "/")
        target = wanted if wanted.startswith("/") else posixpath.normpath(posixpath.join(posixpath.dirname(place.path), wanted))
        self.ask((target, item.format), (place, item.line))

    def ask(self, what: tuple[str, str], asker: tuple[Place, int | None]) -> None:
        """Note that a file (path, format) is to be read; of several that ask, the first by place is the one that is named."""
        known = self.asked.get(what)
        if known is None or _first(asker) < _first(known):
            self.asked[what] = asker

    def take(self) -> tuple[list[Observed], Asked]:
        """What was found since the last `take`; the driver forgets it."""
        taken = (self.facts, self.asked)
        self.facts, self.asked = [], {}
        return taken

    def _fingerprint(self, blob: Blob, place: Place, formats: tuple[str, ...], tables: list[TensorTable], budget: Budget) -> None:
        """The one stage that reads tensor bytes a second time, and only where the registry knows a shape."""
        try:
            sketch = _module("mlsbom.lineage.sketch").sketch
            for fact in sketch(blob, formats, tuple(tables), self.packs, budget):
                self.record(place, "lineage.sketch", fact)
        except ReadError as e:
            self.shortfall(place, "lineage.sketch", e)
        except (PackError, ValueError, ArithmeticError) as e:
            self.record(place, "lineage.sketch", Shortfall(status=Status.PARTIAL, reason=f"no fingerprint: {e}"))

    def wanted_algorithms(self) -> dict[str, tuple[str, ...]]:
        """The further digest algorithms that signatures found so far name, by path: names in a signature are relative to its folder."""
        wanted: dict[str, set[str]] = {}
        for folder, bundle in self._bundles:
            for name, algorithm, _ in bundle.digests:
                if algorithm != "sha256" and algorithm in hashlib.algorithms_available:
                    wanted.setdefault(posixpath.join(folder, name), set()).add(algorithm)
        return {name: tuple(sorted(a)) for name, a in wanted.items()}

    def worst(self) -> dict[str, Status]:
        """The worst status of every path that has one."""
        return self._worst

    def versions(self) -> tuple[tuple[str, int], ...]:
        """All inspectors with their versions: a survey says with what it looked, also where nothing was there to look at."""
        return tuple(sorted((r.name, r.version) for r in self._table.rows))

    def sorted_facts(self) -> tuple[Observed, ...]:
        """All facts in an order that does not depend on the order of files and inspectors, each once."""
        encode = msgspec.json.Encoder().encode
        facts = self.facts
        try:
            encode(facts)
        except UnicodeEncodeError:  # half a surrogate pair, which JSON and pickles can spell and UTF-8 cannot
            facts = [encodable(o) for o in facts]
        places: dict[tuple[str, str], list[Observed]] = {}
        for o in facts:
            places.setdefault((o.place.path, o.place.member), []).append(o)
        out: list[Observed] = []
        for key in sorted(places):
            here = places[key]
            if len(here) > 1:  # only these have to be told apart
                keyed = {encode(o): o for o in here}
                here = [keyed[k] for k in sorted(keyed)]
            out.extend(here)
        return tuple(out)


def _first(asker: tuple[Place, int | None]) -> tuple[str, str, int]:
    place, line = asker
    return (place.path, place.member, line or 0)


def encodable(observed: Observed) -> Observed:
    """The fact with lone surrogates in its text spelled as escapes."""
    return msgspec.convert(_encodable(msgspec.to_builtins(observed)), Observed)


def _encodable(value: Any) -> Any:
    """Plain values with lone surrogates in their text spelled as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_encodable(k): _encodable(v) for k, v in value.items()}
    return [_encodable(v) for v in value] if isinstance(value, list | tuple) else value


_modules: dict[str, ModuleType] = {}


def _module(name: str) -> ModuleType:
    if name not in _modules:
        _modules[name] = importlib.import_module(name)
    return _modules[name]


def loaded_modules() -> Iterator[ModuleType]:
    """The inspector modules that were needed so far."""
    yield from _modules.values()
