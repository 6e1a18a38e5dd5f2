"""Names that look like others: of packages, of imports that nothing declares, of organisations and models on a hub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.errors import PackError, UsageError
from mlsbom.knowledge import Packs
from mlsbom.model import (
    Confidence,
    Dependency,
    Finding,
    Graph,
    Import,
    Kind,
    Observed,
    Place,
    Reference,
    Role,
    Rule,
    Scope,
    Severity,
    Shortfall,
    Status,
    Survey,
)
from mlsbom.packages.imports import Imports, load
from mlsbom.packages.similarity import Index, Target
from mlsbom.packages.slips import WORDS, kind_of, strip
from mlsbom.packages.verdict import Judge, Verdict
from mlsbom.patterns import late
from mlsbom.resolve import Asked
from mlsbom.resolve.imports import Explained
from mlsbom.resolve.malicious import judge_of

TYPOSQUAT = Rule(id="PACKAGE-TYPOSQUAT", title="The name of a dependency looks like a better known one", severity=Severity.HIGH)
UNKNOWN = Rule(id="PACKAGE-UNKNOWN", title="The name of a dependency is not one that the registry had", severity=Severity.LOW)
REVIEW = Rule(id="PACKAGE-REVIEW", title="A little used dependency has a name very like a popular one", severity=Severity.LOW)
BAIT = Rule(id="PACKAGE-IMPORT-BAIT", title="Code imports a module whose name others could register, or have", severity=Severity.MEDIUM)
HUB = Rule(id="HUB-LOOKALIKE", title="The name of a hub repository looks like a well-known one", severity=Severity.MEDIUM)
UNPINNED = Rule(id="HUB-UNPINNED", title="A repository is referred to without a commit", severity=Severity.INFO)
RULES: tuple[Rule, ...] = (TYPOSQUAT, UNKNOWN, REVIEW, BAIT, HUB, UNPINNED)

BY: Final = "lookalike"
_BY_VERDICT = {Verdict.TYPOSQUAT: TYPOSQUAT, Verdict.UNKNOWN: UNKNOWN, Verdict.REVIEW: REVIEW}
_RISKY: Final = (".py", ".ipynb", ".mcp.json", "mcp.json", "claude_desktop_config.json")
_COMMIT = late(r"[0-9a-f]{40}|[0-9a-f]{64}|sha256:[0-9a-f]{64}")
_JUMP = late(r"(?:99|9\d{3,})(?:\.|$)")


def resolve(survey: Survey, graph: Graph, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """Findings on the names of dependencies, of undeclared imports and of hub repositories."""
    judge = judge_of(packs, asked)
    dependencies = [(o.place, fact) for o, fact in survey.facts.of(Dependency)]
    own = {f.name for _, f in dependencies if f.project}
    for ecosystem in ("pypi", "npm"):
        judge.prepare({f.name for _, f in dependencies if f.ecosystem == ecosystem}, ecosystem)
    for place, fact in dependencies:
        if not fact.project and fact.name not in own and (found := _package(place, fact, judge)):
            yield Observed(place=place, by=BY, fact=found)
    yield from _imports(survey, graph, load(packs), judge)
    try:
        yield from _hub(survey, Hub(packs.toml("names/hub.toml")))
    except PackError as e:
        yield Observed(place=Place(path="."), by=BY, fact=Shortfall(status=Status.FAILED, reason=f"hub names not compared: {e}"))


def _package(place: Place, fact: Dependency, judge: Judge) -> Finding | None:
    """The finding on one dependency's name. What does not come from an index may have any name; only a look-alike of it counts."""
    if fact.scope is Scope.UNDECLARED or fact.source in ("editable", "path"):
        return None  # a folder of the target has whatever name it likes
    if fact.ecosystem == "npm" and fact.source == "vcs" and fact.scope is Scope.OPTIONAL:
        because = f"{fact.name} is an optional dependency from a repository; whether its commit is on any branch cannot be told offline"
        return REVIEW.finding(because, evidence=fact.evidence, subject=f"npm/{fact.name}", sure=Confidence.LOW)
    try:
        answer = judge.judge(fact.name, fact.ecosystem, "", resolved=fact.resolved)
    except UsageError:
        return None
    rule = _BY_VERDICT.get(answer.verdict)
    if rule is None or (fact.source not in ("index", "installed") and rule is not TYPOSQUAT):
        return None
    severity = answer.severity
    if rule is UNKNOWN:
        version = fact.resolved or re.sub(r"^[^\d]*", "", fact.specifier)
        risky = (place.member or place.path).lower().endswith(_RISKY)
        severity = Severity.MEDIUM if risky or _JUMP.match(version) else severity
    sure = Confidence.MEDIUM if rule is TYPOSQUAT else Confidence.LOW
    data = (("ecosystem", fact.ecosystem), ("target", answer.target or ""), ("score", str(answer.score)), ("why", answer.why))
    return rule.finding(
        answer.because, evidence=fact.evidence, severity=severity, subject=f"{fact.ecosystem}/{answer.name}", sure=sure, data=data
    )


# --- imports -----------------------------------------------------------------------------------------------------------------------


def _imports(survey: Survey, graph: Graph, table: Imports, judge: Judge) -> Iterator[Observed]:
    """Imports that no dependency, module of the target or table explains, where the literal name would be what a reader installs."""
    known = Explained(survey, table)
    imports = [(o, fact) for o, fact in survey.facts.of(Import) if not known(fact, o.place)]
    if not imports:
        return
    own = _modules(survey)
    mapped = {(e.path, e.member, e.line) for c in graph.components if c.kind is Kind.PACKAGE for e in c.evidence}
    seen: set[tuple[Place, str]] = set()
    for o, fact in imports:
        if fact.module in own or (o.place, fact.module) in seen or (o.place.path, o.place.member, fact.evidence.line) in mapped:
            continue
        seen.add((o.place, fact.module))
        try:
            answer = judge.judge(fact.module, "pypi")
        except UsageError:
            continue
        if answer.verdict not in (Verdict.MALICIOUS, Verdict.TYPOSQUAT, Verdict.UNKNOWN):
            continue
        because = f"nothing declares the imported module {fact.module}, and its name as a package is {answer.verdict.value}"
        severity = Severity.LOW if fact.optional or answer.verdict is Verdict.UNKNOWN else Severity.MEDIUM
        data = (("target", answer.target or ""), ("why", answer.why))
        yield Observed(
            place=o.place,
            by=BY,
            fact=BAIT.finding(
                because, evidence=fact.evidence, severity=severity, subject=f"pypi/{answer.name}", sure=Confidence.LOW, data=data
            ),
        )


def _modules(survey: Survey) -> set[str]:
    """Names that may be modules of the target itself: of its Python files and of every folder."""
    names: set[str] = set()
    for a in survey.artifacts:
        parts = a.path.split("/")
        names.update(parts[:-1])
        if parts[-1].endswith((".py", ".pyi", ".so", ".pyx")):
            names.add(parts[-1].split(".")[0])
    return names


# --- hub names ---------------------------------------------------------------------------------------------------------------------


class Hub:
    """Well-known organisations of a model hub (`names/hub.toml`)."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.organisations = {o.lower(): o for o in table["organisations"]}
        self._index = Index.of(
            Target(re.sub(r"[^a-z0-9]+", "-", low).strip("-"), o, o, n) for n, (low, o) in enumerate(self.organisations.items(), 1)
        )

    def like(self, name: str) -> tuple[str, str] | None:
        """The well-known name that `organisation/model` is one slip away from, and the kind of slip."""
        organisation, slash, _ = name.lower().partition("/")
        if slash and organisation not in self.organisations and len(strip(organisation)) >= 5:
            plain = strip(re.sub(r"[^a-z0-9]+", "-", organisation))
            for distance, target in self._index.near(plain):
                if distance == 1:
                    written = self._index.by_stripped(target)
                    return f"{written}/{name.partition('/')[2]}", kind_of(plain, target)
            if (same := self._index.by_stripped(plain)) and same.lower() != organisation:
                return f"{same}/{name.partition('/')[2]}", "same"
        return None


def _hub(survey: Survey, hub: Hub) -> Iterator[Observed]:
    """Hub repositories that are referred to: look-alikes, and those without a commit."""
    for o, fact in survey.facts.of(Reference):
        if fact.hub != "huggingface" or fact.role is Role.HINT or fact.kind not in (Kind.MODEL, Kind.DATASET, Kind.CODE, Kind.TOKENIZER):
            continue
        if hit := hub.like(fact.name):
            target, kind = hit
            yield Observed(
                place=o.place,
                by=BY,
                fact=HUB.finding(
                    f"{fact.name} looks like {target}: {WORDS[kind]}",
                    evidence=fact.evidence,
                    subject=fact.name,
                    sure=Confidence.MEDIUM,
                    data=(("target", target),),
                ),
            )
        if fact.role in (Role.USED, Role.REMOTE_CODE) and not _COMMIT.fullmatch(fact.version or ""):
            remote = fact.role is Role.REMOTE_CODE or ("trust_remote_code", "true") in fact.attrs
            yield Observed(
                place=o.place,
                by=BY,
                fact=UNPINNED.finding(
                    f"{fact.name} is loaded at whatever its {fact.version or 'default branch'} is that day",
                    evidence=fact.evidence,
                    subject=fact.name,
                    severity=Severity.LOW if remote else Severity.INFO,
                ),
            )
