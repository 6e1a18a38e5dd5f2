"""The verdict of one package name: feed, allow-list, snapshot, look-alike, in this order (specs of packages, section 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from mlsbom.errors import PackError, UsageError
from mlsbom.knowledge import Packs
from mlsbom.model import Severity
from mlsbom.packages import feed, overrides, popular, slips, snapshot
from mlsbom.packages.confusables import fold
from mlsbom.packages.feed import Entry
from mlsbom.packages.names import normalise, valid
from mlsbom.packages.overrides import Override
from mlsbom.packages.popular import Popular
from mlsbom.packages.score import Match, Model, best, best_of_many
from mlsbom.packages.snapshot import Snapshot
from mlsbom.packages.spans import holds
from mlsbom.packages.specifiers import admits, exact, same

T = TypeVar("T")
_Found = tuple["Verdict", Severity, str]

PARTS: Final[tuple[str, ...]] = ("feed", "snapshot", "popular")
"""Data that can be left out."""
BULK = 500
"""From so many names on, near targets are looked for together."""


class Verdict(StrEnum):
    """Verdicts of a name, worst first."""

    MALICIOUS = "malicious"
    AFFECTED = "affected"
    TYPOSQUAT = "typosquat"
    POSSIBLY = "possibly-affected"
    REVIEW = "review"
    UNKNOWN = "unknown-name"
    OK = "ok"


FAILING: Final[frozenset[Verdict]] = frozenset({Verdict.MALICIOUS, Verdict.AFFECTED, Verdict.TYPOSQUAT})
"""Verdicts for which `packages check` exits 1."""


class Answer(Struct, frozen=True, kw_only=True):
    """What is said of one name. `score` is the look-alike score (0 to 1) where one was made; `advisories` are ids, also those that a pin is
    free of; `pinned` tells whether one version was meant; `conflict` that a feed condemns a ranked project by its bare name."""

    name: str
    ecosystem: str
    specifier: str
    verdict: Verdict
    why: str
    because: str
    """As `why`, without ranks and dates of packs: what a waiver may rest on."""
    severity: Severity
    target: str | None = None
    score: float | None = None
    advisories: tuple[str, ...] = ()
    waves: tuple[str, ...] = ()
    conflict: bool = False

    @property
    def fails(self) -> bool:
        """Whether this verdict makes a check fail."""
        return self.verdict in FAILING

    def row(self, written: str) -> dict[str, object]:
        """The line that `packages check` prints for this input."""
        return {
            "input": written,
            "name": self.name,
            "ecosystem": self.ecosystem,
            "specifier": self.specifier,
            "verdict": self.verdict.value,
            "target": self.target,
            "score": self.score,
            "advisories": list(self.advisories),
            "why": self.why,
        }


class Judge:
    """Answers for names. Packs that are missing or damaged are left out and named in `gaps`: an answer is then not the whole answer."""

    def __init__(self, packs: Packs, *, without: Iterable[str] = (), corrections: Path | None = None, now: str | None = None) -> None:
        self.packs = packs
        self.without = frozenset(without)
        if odd := self.without - set(PARTS):
            raise UsageError(f"no such pack to leave out: {', '.join(sorted(odd))}", remedy=f"known are {', '.join(PARTS)}")
        today = date.fromisoformat(now[:10]) if now else datetime.now(UTC).date()
        self.overrides = overrides.load(corrections or packs.root / "feed-overrides.toml", today)
        self.gaps: dict[str, str] = {}
        self._answers: dict[tuple[str, str, str, str | None], Answer] = {}
        self._named: dict[tuple[str, str, bool], Answer] = {}
        self._matches: dict[tuple[str, str, int | None], Match | None] = {}

    def judge(self, name: str, ecosystem: str, specifier: str = "", *, resolved: str | None = None) -> Answer:
        """The verdict of a name. `resolved` is the one version that is meant, where the caller knows it. Raises UsageError for what is no
        name, InvalidSpecifier for what is no specifier."""
        asked = (name, ecosystem, specifier, resolved)
        if (before := self._answers.get(asked)) is None:
            before = self._answers[asked] = self._judge(name, ecosystem, specifier, resolved)
        return before

    def _judge(self, name: str, ecosystem: str, specifier: str, resolved: str | None) -> Answer:
        folded = fold(name)
        written = str(normalise(folded, ecosystem))
        if not valid(folded, ecosystem):
            raise UsageError(f"no name of {ecosystem}: {name[:80]!r}")
        entries, corrected = self._advisories(written, ecosystem)
        known = self._popular(ecosystem)
        ranked = known is not None and "popular" not in self.without and (written in known.ranks or written in known.watch)
        found = self._by_feed(written, ecosystem, specifier, resolved, entries, ranked)
        if found is None:
            key = (written, ecosystem, folded != name)  # what a name is like does not depend on the version that is asked for
            if key not in self._named:
                self._named[key] = self._by_name(written, ecosystem, "", known, ranked, alike=folded != name)
            found = replace(self._named[key], specifier=specifier) if specifier else self._named[key]
            if entries:
                found = replace(found, advisories=_ids(entries), why=f"{found.why}; has bad releases, none of which this is")
        if corrected:
            found = replace(found, why="; ".join([found.why, *map(str, corrected)]))
        return found

    def prepare(self, names: Iterable[str], ecosystem: str) -> None:
        """Look at many names together, where there are enough of them to gain by it."""
        known = self._popular(ecosystem)
        if known is None:
            return
        skip = known.ranks if "popular" not in self.without else {}
        plain = sorted(n for n in {str(normalise(n, ecosystem)) for n in names if n.isascii()} if n not in skip and n not in known.watch)
        asked = [(slips.comparable(n, ecosystem), n, known.ranks.get(n)) for n in plain if (n, ecosystem, False) not in self._named]
        if len(asked) < BULK:
            return
        model = self._have("popular", lambda: popular.model(self.packs))
        words = self._have("popular", lambda: popular.words(self.packs))
        if model is not None and words is not None:
            known.index.prepare(sorted({comparable for comparable, _, _ in asked}))
            self._matches.update(best_of_many(asked, known.index, words, model))

    # --- data ----------------------------------------------------------------------------------------------------------------------

    def _advisories(self, name: str, ecosystem: str) -> tuple[list[Entry], list[Override]]:
        if "feed" in self.without:
            return [], []
        found = self._have("feed", lambda: feed.load(self.packs, ecosystem))
        return self.overrides.apply(ecosystem, name, found.find(name) if found is not None else [])

    def _popular(self, ecosystem: str) -> Popular | None:
        return self._have("popular", lambda: popular.load(self.packs, ecosystem))

    def _snapshot(self, ecosystem: str) -> Snapshot | None:
        return None if "snapshot" in self.without else self._have("snapshot", lambda: snapshot.load(self.packs, ecosystem))

    def _have(self, part: str, load: Callable[[], T]) -> T | None:
        try:
            return load()
        except PackError as e:
            self.gaps[part] = str(e)
            return None

    # --- step 1: the feed ----------------------------------------------------------------------------------------------------------

    def _by_feed(self, name: str, eco: str, specifier: str, resolved: str | None, entries: list[Entry], ranked: bool) -> Answer | None:
        """Steps 1b to 1e. The union of all rows of the name counts; a ranked project is never condemned by a bare name."""

        def answer(verdict: Verdict, severity: Severity, hits: list[Entry], why: str, conflict: bool = False) -> Answer:
            return Answer(
                name=name,
                ecosystem=eco,
                specifier=specifier,
                verdict=verdict,
                severity=severity,
                advisories=_ids(hits),
                why=why,
                because=f"{name}: {why}",
                waves=tuple(sorted({e.wave for e in hits if e.wave})),
                conflict=conflict,
            )

        whole = [e for e in entries if e.whole]
        if whole and not ranked:
            return answer(Verdict.MALICIOUS, Severity.CRITICAL, whole, f"known to be malicious in every version: {_cite(whole)}")
        pin = resolved or exact(specifier, eco)
        if pin:
            if hits := [e for e in entries if any(_is(pin, v, eco) for v in e.versions)]:
                return answer(Verdict.AFFECTED, Severity.CRITICAL, hits, f"{pin} is a release known to be malicious: {_cite(hits)}")
        elif hits := [e for e in entries if any(_may_be(specifier, v, eco) for v in e.versions)]:
            bad = sorted({v for e in hits for v in e.versions if _may_be(specifier, v, eco)})
            shown = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
            text = (
                "the range admits releases known to be malicious"
                if specifier
                else "no version is named, and some are known to be malicious"
            )
            return answer(Verdict.POSSIBLY, Severity.MEDIUM, hits, f"{text}: {shown} ({_cite(hits)})")
        if whole:
            why = f"feed-conflict: {_cite(whole)} condemns the bare name of a much used project, without versions"
            return answer(Verdict.POSSIBLY, Severity.MEDIUM, whole, why, conflict=True)
        return None

    # --- steps 2 to 6: the name ----------------------------------------------------------------------------------------------------

    def _by_name(self, name: str, eco: str, specifier: str, known: Popular | None, ranked: bool, *, alike: bool) -> Answer:
        """Steps 2 to 6. `alike`: the name was written with letters of other scripts that look like these."""
        found, match = self._alike(name, known) if alike else self._plain(name, eco, known, ranked)
        verdict, severity, why = found
        because = (
            f"{name} is a name that the registry did not have"
            if verdict is Verdict.UNKNOWN
            else f"{name} is {match.because if match else why}"
        )
        left_out = "".join(f"; {part} left out" for part in PARTS if part in self.without)
        shown = match is not None and (match.near if verdict is Verdict.UNKNOWN else verdict is not Verdict.OK)
        answer = Answer(
            name=name,
            ecosystem=eco,
            specifier=specifier,
            verdict=verdict,
            severity=severity,
            why=why + left_out,
            because=because,
            target=match.target.means if match and shown else None,
            score=match.score if match else None if known is None or ranked or alike else 0.0,
        )
        return replace(answer, target=name) if alike and verdict is Verdict.TYPOSQUAT else answer

    def _alike(self, name: str, known: Popular | None) -> tuple[_Found, None]:
        """A name in letters of other scripts, which no registry takes."""
        popular_one = known is not None and name in known.ranks
        why = f"written with letters of other scripts that look like {name}"
        return (Verdict.TYPOSQUAT if popular_one else Verdict.UNKNOWN, Severity.HIGH, why), None

    def _plain(self, name: str, eco: str, known: Popular | None, ranked: bool) -> tuple[_Found, Match | None]:
        """Step 2, then what the name is like and whether the registry has it."""
        if known is None:
            return (Verdict.OK, Severity.INFO, f"not in the feed; neither existence nor look-alikes are checked for {eco}"), None
        if ranked:
            rank = known.ranks.get(name)
            return (Verdict.OK, Severity.INFO, f"rank {rank} of {eco}" if rank else "a well-known project"), None
        model = self._have("popular", lambda: popular.model(self.packs))
        words = self._have("popular", lambda: popular.words(self.packs))
        if model is None or words is None:
            return (Verdict.OK, Severity.INFO, "not in the feed; look-alikes not checked"), None
        asked = (slips.comparable(name, eco), name, known.ranks.get(name))
        match = self._matches[asked] if asked in self._matches else best(*asked[:2], known.index, words, model, below=asked[2])
        score = match.score if match else 0.0
        like = match.why if match else "not like a popular name"
        registry = self._snapshot(eco)
        if registry is None:
            return self._unseen(score, like, model), match
        young = registry.young(name)
        if name not in registry or young:
            where = f"first seen shortly before {registry.date}" if young else f"not on the registry on {registry.date}"
            if score >= model.absent:
                return (Verdict.TYPOSQUAT, Severity.HIGH if score >= model.loose else Severity.MEDIUM, f"{like}; {where}"), match
            if not young:
                return (Verdict.UNKNOWN, Severity.LOW, f"{where}: private, removed, newer, or invented"), match
        if score >= model.strict:
            return (Verdict.REVIEW, Severity.LOW, f"registered and little used, but {like}"), match
        return (Verdict.OK, Severity.INFO, f"registered on {registry.date}; not like a popular name"), match

    def _unseen(self, score: float, like: str, model: Model) -> _Found:
        """Steps 3 to 5 without a snapshot: left out on purpose the name alone decides, else nothing more than a review comes of it."""
        alone = "snapshot" in self.without
        if score >= model.strict and alone:
            return Verdict.TYPOSQUAT, Severity.HIGH, f"{like}; existence not checked"
        if score >= (model.loose if alone else model.strict):
            return Verdict.REVIEW, Severity.LOW, f"{like}; existence not checked"
        return Verdict.OK, Severity.INFO, "not like a popular name; existence not checked"


def _is(pin: str, bad: str, eco: str) -> bool:
    """Whether a version is a bad one, or in a bad range (`>=1.0,<1.2`)."""
    return holds(bad, pin, eco) if bad[0] in "<>" else same(pin, bad, eco)


def _may_be(specifier: str, bad: str, eco: str) -> bool:
    """Whether a range may mean a bad version. Of two ranges nothing is known without the list of versions: they may."""
    return bad != "*" and (bad[0] in "<>" or admits(specifier, bad, eco))



def _ids(entries: list[Entry]) -> tuple[str, ...]:
    return tuple(sorted({e.id for e in entries}))


def _cite(entries: list[Entry]) -> str:
    waves = sorted({e.wave for e in entries if e.wave and e.id != f"wave:{e.wave}"})
    return ", ".join(_ids(entries)) + (f", wave {', '.join(waves)}" if waves else "")
