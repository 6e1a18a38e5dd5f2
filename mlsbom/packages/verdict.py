"""The verdict of one package name: feed, allow-list, snapshot, look-alike, in this order (specs of packages, section 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from mlsbom.errors import PackError, UsageError
from mlsbom.knowledge import Packs
from mlsbom.model import Severity
from mlsbom.packages import feed, overrides, popular, score, slips, snapshot
from mlsbom.packages.confusables import fold
from mlsbom.packages.feed import Entry
from mlsbom.packages.names import normalise, valid
from mlsbom.packages.overrides import Override
from mlsbom.packages.popular import Popular
from mlsbom.packages.score import Match
from mlsbom.packages.snapshot import Snapshot
from mlsbom.packages.spans import holds
from mlsbom.packages.specifiers import admits, exact, same

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
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
            found = self._by_name(written, ecosystem, specifier, known, ranked, alike=folded != name)
            if entries:
                found = _with(found, advisories=_ids(entries), why=f"{found.why}; has bad releases, none of which this is")
        if corrected:
            found = _with(found, why="; ".join([found.why, *map(str, corrected)]))
        return found

    def prepare(self, names: Iterable[str], ecosystem: str) -> None:
        """Look at many names together, where there are enough of them to gain by it."""
        known = self._popular(ecosystem)
        if known is None:
            return
        skip = known.ranks if "popular" not in self.without else {}
        asked = [slips.comparable(n, ecosystem) for n in {str(normalise(n, ecosystem)) for n in names if n.isascii()} if n not in skip]
        if len(asked) >= BULK:
            known.index.prepare(sorted(asked))

    # --- data ----------------------------------------------------------------------------------------------------------------------

    def _advisories(self, name: str, ecosystem: str) -> tuple[list[Entry], list[Override]]:
        if "feed" in self.without:
            return [], []
        found = self._have("feed", lambda: feed.load(self.packs, ecosystem))
        return self.overrides.apply(ecosystem, name, found.find(name) if found else [])

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
            text = f"{'no version is named, and ' if not specifier else 'the range admits '}{'some are' if not specifier else 'releases'} known to be malicious"
            return answer(Verdict.POSSIBLY, Severity.MEDIUM, hits, f"{text}: {shown} ({_cite(hits)})")
        if whole:
            why = f"feed-conflict: {_cite(whole)} condemns the bare name of a much used project, without versions"
            return answer(Verdict.POSSIBLY, Severity.MEDIUM, whole, why, conflict=True)
        return None

    # --- steps 2 to 6: the name ----------------------------------------------------------------------------------------------------

    def _by_name(self, name: str, eco: str, specifier: str, known: Popular | None, ranked: bool, *, alike: bool) -> Answer:
        """Steps 2 to 6. `alike`: the name was written with letters of other scripts that look like these."""

        def answer(verdict: Verdict, severity: Severity, why: str, match: Match | None = None, show: bool = True) -> Answer:
            left_out = "".join(f"; {part} left out" for part in PARTS if part in self.without)
            because = (
                f"{name} is a name that the registry did not have"
                if verdict is Verdict.UNKNOWN
                else f"{name} is {match.because if match else why}"
            )
            return Answer(
                name=name,
                ecosystem=eco,
                specifier=specifier,
                verdict=verdict,
                severity=severity,
                why=why + left_out,
                because=because,
                target=match.target.means if match and show else None,
                score=match.score if match else 0.0 if known else None,
            )

        if alike:
            target = known.ranks.get(name) if known else None
            why = f"written with letters of other scripts that look like {name}"
            return _with(answer(Verdict.TYPOSQUAT if target else Verdict.UNKNOWN, Severity.HIGH, why), target=name if target else None)
        if known is None:
            return answer(Verdict.OK, Severity.INFO, f"not in the feed; neither existence nor look-alikes are checked for {eco}")
        if ranked:
            rank = known.ranks.get(name)
            return _with(answer(Verdict.OK, Severity.INFO, f"rank {rank} of {eco}" if rank else "a well-known project"), score=None)
        model = self._have("popular", lambda: popular.model(self.packs))
        words = self._have("popular", lambda: popular.words(self.packs))
        match = None
        if model and words:
            below = known.ranks.get(name)
            match = score.best(slips.comparable(name, eco), name, known.index, words, model, below=below)
        score = match.score if match else 0.0
        strict, loose, absent = (model.strict, model.loose, model.absent) if model else (2.0, 2.0, 2.0)
        registry = self._snapshot(eco)
        like = match.why if match else ""
        if registry is None:
            left = "snapshot" in self.without
            if score >= strict:
                return answer(
                    Verdict.TYPOSQUAT if left else Verdict.REVIEW,
                    Severity.HIGH if left else Severity.LOW,
                    f"{like}; existence not checked",
                    match,
                )
            if left and score >= loose:
                return answer(Verdict.REVIEW, Severity.LOW, f"{like}; existence not checked", match)
            return answer(Verdict.OK, Severity.INFO, "not like a popular name; existence not checked", match, show=False)
        young = registry.young(name)
        if name not in registry or young:
            where = f"first seen shortly before {registry.date}" if young else f"not on the registry on {registry.date}"
            if score >= absent:
                return answer(Verdict.TYPOSQUAT, Severity.HIGH if score >= loose else Severity.MEDIUM, f"{like}; {where}", match)
            if not young:
                why = f"{where}: private, removed, newer, or invented"
                return answer(Verdict.UNKNOWN, Severity.LOW, why, match, show=match is not None and match.near)
        if score >= strict:
            return answer(Verdict.REVIEW, Severity.LOW, f"registered and little used, but {like}", match)
        return answer(Verdict.OK, Severity.INFO, f"registered on {registry.date}; not like a popular name", match, show=False)


def _is(pin: str, bad: str, eco: str) -> bool:
    """Whether a version is a bad one, or in a bad range (`>=1.0,<1.2`)."""
    return holds(bad, pin, eco) if bad[0] in "<>" else same(pin, bad, eco)


def _may_be(specifier: str, bad: str, eco: str) -> bool:
    """Whether a range may mean a bad version. Of two ranges nothing is known without the list of versions: they may."""
    return bad != "*" and (bad[0] in "<>" or admits(specifier, bad, eco))


def _with(answer: Answer, **changes: object) -> Answer:
    from dataclasses import replace

    return replace(answer, **changes)  # type: ignore[arg-type]


def _ids(entries: list[Entry]) -> tuple[str, ...]:
    return tuple(sorted({e.id for e in entries}))


def _cite(entries: list[Entry]) -> str:
    waves = sorted({e.wave for e in entries if e.wave and e.id != f"wave:{e.wave}"})
    return ", ".join(_ids(entries)) + (f", wave {', '.join(waves)}" if waves else "")
