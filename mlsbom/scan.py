"""The pipeline: source, collect, fold, resolve, assess. What follows `collect` is pure: survey, packs, profile and time in."""

from __future__ import annotations

import importlib
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from mlsbom.assess.findings import coverage, judged
from mlsbom.assess.gate import gate
from mlsbom.assess.items import inexact, items
from mlsbom.assess.law import laws
from mlsbom.assess.obligations import obligations
from mlsbom.assess.proposals import proposals
from mlsbom.assess.rubric import CRITERIA, grades
from mlsbom.assess.view import View
from mlsbom.callable_module import callable_module
from mlsbom.errors import PackError, UsageError
from mlsbom.knowledge import Packs, shared
from mlsbom.model import (
    Assessment,
    Comparison,
    Finding,
    Graph,
    Obligation,
    Observed,
    Place,
    Severity,
    Shortfall,
    SignatureVerdict,
    Status,
    Survey,
)
from mlsbom.policy.apply import Decisions, decide
from mlsbom.policy.inputs import baseline, vex
from mlsbom.policy.profile import Profile
from mlsbom.policy.profile import load as load_profile
from mlsbom.resolve import GRAPHLESS, ORDER, Asked
from mlsbom.rulebook import remedy
from mlsbom.sources import Source
from mlsbom.survey.fold import fold

if TYPE_CHECKING:
    from mlsbom.collect import Observer

JUDGEMENTS = (Finding, Shortfall, SignatureVerdict, Comparison)


class Settings(Struct, kw_only=True):
    """What the caller of a scan decides; the defaults are those of the command."""

    packs: Packs = field(default_factory=shared)
    now: str = ""
    profile: str | None = None
    fail_on: str | None = None  # a severity or "never"; None: the profile's, else high
    require: tuple[str, ...] = ()  # CRITERION=LEVEL
    baseline: str | None = None
    vex: tuple[str, ...] = ()
    lang: str = "en"
    weights: str = "headers"
    verbose: bool = False
    use: dict[str, Any] = field(default_factory=dict)
    trust: tuple[Path, ...] = ()
    identity: str | None = None
    issuer: str | None = None
    online: bool = False
    jobs: int = field(default_factory=lambda: os.cpu_count() or 2)
    cache: bool = True
    timeout: float | None = None
    algorithms: tuple[str, ...] = ("sha256",)
    observer: Observer | None = None


def now() -> str:
    """SOURCE_DATE_EPOCH, else the clock, as RFC 3339 in UTC with seconds."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def open_target(target: str, online: bool = False, weights: str = "headers") -> Source:
    """The source that a target's spelling names. `weights`: how much of a hub target is fetched (declared, headers, full)."""
    if target.startswith("hf://"):
        if not online:
            raise UsageError(f"{target}: is on the Hub, and this scan is offline", remedy="allow the network with --online")
        from mlsbom.sources.hub import HubSource

        return HubSource(target, weights)
    from mlsbom.sources.local import LocalSource

    return LocalSource(target)


def scan(target: str, settings: Settings | None = None) -> Assessment:
    """Scan a target. Raises UsageError, NothingToScan; never for what the target holds."""
    settings = settings or Settings()
    created = settings.now or now()
    source = open_target(target, settings.online, settings.weights)
    from mlsbom.collect import Options, collect  # the inspectors: assessing a stored survey needs none of them

    options = Options(
        packs=settings.packs,
        jobs=settings.jobs,
        cache=settings.cache,
        timeout=settings.timeout,
        algorithms=_algorithms(settings),
        observer=settings.observer,
        created=created,
    )
    return assess(collect(source, options), settings)


def assess(survey: Survey, settings: Settings | None = None) -> Assessment:
    """Everything that follows from a survey under the given packs and settings. No byte of the target is read."""
    settings = settings or Settings()
    profile = load_profile(settings.profile, settings.packs) if settings.profile else None
    use = {**(profile.use if profile else {}), **settings.use}
    asked = Asked(
        now=settings.now or survey.created or now(),
        use=use,
        settings={"private": profile.private, "strict": profile.strict} if profile else {},
        trust=settings.trust,
        identity=settings.identity,
        issuer=settings.issuer,
        online=settings.online,
    )
    derived, graph = resolve(survey, settings.packs, asked)
    everything = survey.facts.also(derived)
    today = date.fromisoformat(asked.now[:10])
    known = baseline(settings.baseline) if settings.baseline else frozenset()
    decisions = Decisions(profile=profile, baseline=known, vex=vex(settings.vex))
    findings, notes = decide(judged(everything, graph, remedy), survey, graph, decisions, today)
    unread = coverage(everything)
    verdicts = tuple(o.fact.result for o in derived if isinstance(o.fact, SignatureVerdict))
    lineage = tuple(o.fact.result for o in derived if isinstance(o.fact, Comparison))
    view = View(
        survey=survey,
        graph=graph,
        facts=everything,
        findings=findings,
        coverage=unread,
        verdicts=verdicts,
        lineage=lineage,
        use=use,
        today=today,
        laws=laws(settings.packs),
    )
    graded = grades(view)
    fail_on = settings.fail_on or (profile.fail_on if profile else None) or "high"
    return Assessment(
        survey=survey,
        derived=derived,
        graph=graph,
        findings=findings,
        coverage=unread,
        verdicts=verdicts,
        lineage=lineage,
        grades=graded,
        profile=profile.name if profile else None,
        notes=(*notes, *_void(view)),
        items=items(view, graded, profile),
        proposals=proposals(view, settings.packs),
        obligations=_obligations(survey, graph, settings.packs),
        regime=profile.sbom if profile else "",
        gate=gate(
            findings,
            unread,
            graded,
            fail_on=None if fail_on == "never" else Severity(fail_on),
            required=requirements(settings.require),
            by_role=profile.require if profile else None,
            roles={c.ref: (str(c.kind), c.name) for c in (graph.root, *graph.components)},
            opaque_counts=profile.opaque_counts if profile else False,
            unmet=inexact(view) if profile and profile.exact else (),
            lacking=_stale(profile, survey, today),
        ),
    )


def _algorithms(settings: Settings) -> tuple[str, ...]:
    """The digests to make: those of the caller and those of the profile."""
    asked = load_profile(settings.profile, settings.packs).digests if settings.profile else ()
    return tuple(dict.fromkeys((*settings.algorithms, *asked)))


def _obligations(survey: Survey, graph: Graph, packs: Packs) -> tuple[Obligation, ...]:
    """None where the packs cannot be read: the resolver that needs them has said so."""
    try:
        return obligations(survey, graph, packs)
    except PackError:
        return ()


def requirements(specs: tuple[str, ...]) -> dict[str, int]:
    """`CRITERION=LEVEL` as a table; UsageError names what is wrong."""
    out = {}
    for spec in specs:
        criterion, _, level = spec.partition("=")
        criterion = criterion.strip().replace("_", "-")
        if criterion not in CRITERIA or level.strip() not in ("0", "1", "2", "3"):
            raise UsageError(f"--require {spec}: is not CRITERION=LEVEL", remedy=f"criteria are {', '.join(CRITERIA)}; levels 0 to 3")
        out[criterion] = int(level)
    return out


def _void(view: View) -> tuple[str, ...]:
    """Notes on attestations that do not count."""
    return tuple(f"attestation {a.kind} of {a.component} does not count: {a.why_not}" for a in view.attested if not a.counts)


def _stale(profile: Profile | None, survey: Survey, today: date) -> tuple[str, ...]:
    """A profile may say how old data packs may be; older than that is incomplete, never clean."""
    if profile is None or profile.max_pack_age_days is None:
        return ()
    try:
        age = (today - date.fromisoformat(survey.tool.signatures_date[:10])).days
    except ValueError:
        return ("the data packs have no date",)
    limit = profile.max_pack_age_days
    return (f"the data packs are {age} days old, the profile allows {limit}",) if age > limit else ()


def resolve(survey: Survey, packs: Packs, asked: Asked) -> tuple[tuple[Observed, ...], Graph]:
    """Run the resolvers in order, each over the fold of those before. A pack that fails is a shortfall of the whole, never silence."""
    derived: list[Observed] = []
    graph: Graph | None = None
    for name in ORDER:
        module = importlib.import_module(f"mlsbom.resolve.{name}")
        if graph is None and name not in GRAPHLESS:
            graph = fold(survey, tuple(derived))
        try:
            found = list(module.resolve(survey, graph, packs, asked))
        except PackError as e:
            found = [Observed(place=Place(path="."), by=f"resolve.{name}", fact=Shortfall(status=Status.FAILED, reason=str(e)))]
        if found:
            derived.extend(found)
            if any(not isinstance(o.fact, JUDGEMENTS) for o in found):  # these change no component
                graph = None
    return tuple(derived), graph or fold(survey, tuple(derived))


callable_module(__name__)
