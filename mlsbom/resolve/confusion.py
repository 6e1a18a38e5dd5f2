"""Dependency confusion and loosening: what lets another index, a moved tag or a new upload decide what is installed.

Rules and severities: specs of packages, section 6. Versions on an index cannot be listed offline: a finding says "may", never "is".
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from mlsbom.errors import PackError, UsageError
from mlsbom.knowledge import Packs
from mlsbom.model import Confidence, Dependency, Evidence, Finding, Graph, Observed, Place, Reference, Role, Rule, Scope, Severity, Survey
from mlsbom.packages import popular, snapshot
from mlsbom.packages.specifiers import Form, classify
from mlsbom.packages.verdict import Judge, Verdict
from mlsbom.patterns import late
from mlsbom.resolve import Asked
from mlsbom.resolve.malicious import judge_of

CONFUSION = Rule(
    id="PACKAGE-CONFUSION", title="A package may come from an index where anyone can register its name", severity=Severity.HIGH
)
PRIVATE = Rule(id="PACKAGE-PRIVATE-PUBLIC", title="A private name is registered on the public index", severity=Severity.HIGH)
UNSCOPED = Rule(id="PACKAGE-UNSCOPED-PRIVATE", title="A private npm package has no scope", severity=Severity.MEDIUM)
HOST = Rule(id="PACKAGE-LOCK-HOST", title="A lock fetches from a host that no setting names", severity=Severity.MEDIUM)
JUMP = Rule(id="PACKAGE-VERSION-JUMP", title="An unknown name is asked for at a version made to win", severity=Severity.MEDIUM)
UNPINNED = Rule(id="PACKAGE-UNPINNED", title="What is installed is decided on the day of the installation", severity=Severity.LOW)
MUTABLE = Rule(id="PACKAGE-VCS-MUTABLE", title="A repository is installed from a branch or tag, not a commit", severity=Severity.MEDIUM)
UNHASHED = Rule(id="PACKAGE-URL-UNHASHED", title="A file is installed from an address without a hash", severity=Severity.MEDIUM)
PARTIAL = Rule(id="PACKAGE-HASHES-PARTIAL", title="Some requirements of a file have hashes and others have none", severity=Severity.LOW)
EDITABLE = Rule(id="PACKAGE-EDITABLE", title="A package is installed from a folder as it stands", severity=Severity.INFO)
RULES: tuple[Rule, ...] = (CONFUSION, PRIVATE, UNSCOPED, HOST, JUMP, UNPINNED, MUTABLE, UNHASHED, PARTIAL, EDITABLE)

BY: Final = "confusion"
SHOWN: Final = 20
"""Findings of one rule in one file that name one package each; what is more is counted in one."""
_LOCKS: Final = frozenset({"uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "package-lock", "yarn.lock", "pnpm-lock", "bun.lock"})
_NPM_OPTIONS: Final = frozenset(
    {
        "registry",
        "--registry",
        "npmRegistryServer",
        "install.registry",
        "NPM_CONFIG_REGISTRY",
        "YARN_NPM_REGISTRY_SERVER",
        "package-lock",
        "yarn.lock",
        "pnpm-lock",
        "bun.lock",
    }
)
_WIDE: Final = (
    "dockerfile",
    "containerfile",
    ".env",
    "pip.conf",
    "pip.ini",
    "uv.toml",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "pyproject.toml",
    ".yml",
    ".yaml",
)
_BUILDS = late(r"/(?:nightly|whl|cu\d{2,3}|cpu|rocm[\d.]*|xpu)(?:[/_.]|$)")
_BUILT: Final = frozenset(
    {"triton", "pytorch-triton", "xformers", "fbgemm-gpu", "flash-attn", "vllm", "auto-gptq", "llama-cpp-python", "jaxlib", "jax"}
)
_JUMP = late(r"(?:99\d*|9\d{3,})(?:\.|$)")
_STEP: Final = {
    Severity.INFO: Severity.LOW,
    Severity.LOW: Severity.MEDIUM,
    Severity.MEDIUM: Severity.HIGH,
    Severity.HIGH: Severity.CRITICAL,
}


class _Index(Struct, frozen=True):
    """One index setting: where it stands, the ecosystem that it is for, whether it is asked beside another one."""

    place: Place
    host: str
    url: str
    npm: bool
    extra: bool
    lock: bool
    scoped: bool

    def reaches(self, path: str) -> bool:
        """Whether a file's packages may come from it: the same folder, or below the folder of a setting for all."""
        folder, base = posixpath.split(self.place.path)
        if path == self.place.path or posixpath.dirname(path) == folder:
            return True
        return base.lower().endswith(_WIDE) and (not folder or path.startswith(folder + "/"))


def resolve(survey: Survey, graph: Graph | None, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """Findings per file; dependencies that only imports name are left to others."""
    found = [(o.place, fact) for o, fact in survey.facts.of(Dependency) if not fact.via]
    indexes = [_index(o.place, fact) for o, fact in survey.facts.of(Reference) if fact.role is Role.INDEX]
    judge = judge_of(packs, asked)
    files: dict[Place, list[Dependency]] = defaultdict(list)
    for place, fact in found:
        if not (fact.installed or fact.project):
            files[place].append(fact)
    private = tuple(str(p) for p in asked.settings.get("private") or ())
    locked = {(posixpath.dirname(p.path), f.ecosystem, f.name) for p, f in found if f.locked and f.resolved}
    for place in sorted(files, key=lambda p: (p.path, p.member)):
        facts = files[place]
        reach = [i for i in indexes if i.reaches(place.path) and not i.lock]
        for made in (
            _confusion(facts, reach, judge),
            _builds(facts, reach),
            _private(facts, private, packs),
            _unscoped(facts, indexes, packs),
            _jumps(facts, judge),
            _loose(place, facts, locked),
            _hashes(facts),
        ):
            yield from (Observed(place=place, by=BY, fact=f) for f in made)
    yield from _hosts(survey, indexes)


def _index(place: Place, fact: Reference) -> _Index:
    attrs = dict(fact.attrs)
    option = attrs.get("option", "")
    host = fact.name
    extra = attrs.get("extra") == "true" and attrs.get("explicit") != "true"
    return _Index(place, host.lower(), fact.url or "", option in _NPM_OPTIONS, extra, option in _LOCKS, "for" in attrs)


def _form(fact: Dependency) -> Form:
    return classify(fact.specifier, fact.ecosystem, source=fact.source, ref=fact.ref, hashes=fact.hashes, locked=fact.locked)


def _unknown(fact: Dependency, judge: Judge) -> bool:
    try:
        return judge.judge(fact.name, fact.ecosystem, "", resolved=fact.resolved).verdict is Verdict.UNKNOWN
    except UsageError:
        return False


def _subject(fact: Dependency) -> str:
    return f"{fact.ecosystem}/{fact.name}"


def _capped(rule: Rule, findings: list[Finding]) -> Iterator[Finding]:
    """At most `SHOWN` findings of a rule, worst first, and one for the rest."""
    order = {s: n for n, s in enumerate(Severity)}
    findings.sort(key=lambda f: (order[f.severity], f.evidence.line or 0, f.because))
    yield from findings[:SHOWN]
    if rest := findings[SHOWN:]:
        yield rule.finding(
            f"the same of {len(rest)} more packages", evidence=rest[0].evidence, severity=rest[0].severity, sure=rest[0].sure
        )


# --- other indexes -----------------------------------------------------------------------------------------------------------------


def _confusion(facts: list[Dependency], indexes: list[_Index], judge: Judge) -> Iterator[Finding]:
    """A name that the public index did not have, asked for where an extra index is named: whoever registers it may win."""
    extra = sorted({i.host for i in indexes if i.extra and not i.npm})
    findings = []
    for fact in facts if extra else ():
        if fact.ecosystem != "pypi" or fact.source != "index" or fact.index or not _unknown(fact, judge):
            continue
        form = _form(fact)
        severity = {Form.HASH_PINNED: Severity.INFO, Form.PINNED: Severity.MEDIUM}.get(form, Severity.HIGH)
        if form is not Form.HASH_PINNED and _jumps_to(fact):
            severity = _STEP[severity]
        because = f"{fact.name} is not on the public index and may come from it or from {', '.join(extra)}: pip takes the highest version"
        findings.append(
            CONFUSION.finding(because, evidence=fact.evidence, severity=severity, subject=_subject(fact), sure=Confidence.MEDIUM)
        )
    yield from _capped(CONFUSION, findings)


def _builds(facts: list[Dependency], indexes: list[_Index]) -> Iterator[Finding]:
    """Public names without a pin whose builds are meant to come from an extra index (`+cu121`, nightlies: the torchtriton case)."""
    builds = sorted({i.host for i in indexes if i.extra and not i.npm and _BUILDS.search(i.url)})
    loose = [
        f
        for f in facts
        if builds
        and f.ecosystem == "pypi"
        and f.source == "index"
        and not f.index
        and (f.name.startswith("torch") or f.name in _BUILT)
        and _form(f) in (Form.UNPINNED, Form.RANGE)
    ]
    if loose:
        names = ", ".join(sorted({f.name for f in loose}))
        because = f"{names} without a version, with builds from {', '.join(builds)}: a higher version on either index may win"
        yield CONFUSION.finding(
            because, evidence=loose[0].evidence, severity=Severity.MEDIUM, subject=_subject(loose[0]), sure=Confidence.MEDIUM
        )


def _private(facts: list[Dependency], patterns: tuple[str, ...], packs: Packs) -> Iterator[Finding]:
    if not patterns:
        return
    findings = []
    for fact in facts:
        if fact.source != "index" or not any(fnmatch.fnmatchcase(fact.name, p.lower()) for p in patterns):
            continue
        registry = snapshot.load(packs, fact.ecosystem)
        if registry is None:
            continue
        there = fact.name in registry
        because = f"the private name {fact.name} {'is registered' if there else 'is free'} on the public index"
        because += "" if there else ": register or reserve it"
        severity = Severity.HIGH if there else Severity.INFO
        findings.append(PRIVATE.finding(because, evidence=fact.evidence, severity=severity, subject=_subject(fact)))
    yield from _capped(PRIVATE, findings)


def _unscoped(facts: list[Dependency], indexes: list[_Index], packs: Packs) -> Iterator[Finding]:
    hosts = sorted({i.host for i in indexes if i.npm and not i.scoped})
    wanted = [f for f in facts if hosts and f.ecosystem == "npm" and f.source == "index" and not f.name.startswith("@")]
    if not wanted:
        return
    try:
        known = popular.load(packs, "npm")
    except PackError:
        return  # the judge of names has said that the pack is missing
    findings = []
    for fact in wanted:
        if known is not None and fact.name not in known.ranks and fact.name not in known.watch and (not fact.locked or fact.index):
            because = f"{fact.name} has no scope and is little used; with the registry {', '.join(hosts)} it may be a private name"
            findings.append(UNSCOPED.finding(because, evidence=fact.evidence, subject=_subject(fact), sure=Confidence.LOW))
    yield from _capped(UNSCOPED, findings)


def _jumps_to(fact: Dependency) -> bool:
    return bool(_JUMP.match(fact.resolved or re.sub(r"^\D*", "", fact.specifier)))


def _jumps(facts: list[Dependency], judge: Judge) -> Iterator[Finding]:
    findings = [
        JUMP.finding(
            f"{f.name} is not on the public index, and is asked for at {f.resolved or f.specifier}",
            evidence=f.evidence,
            subject=_subject(f),
        )
        for f in facts
        if f.ecosystem == "pypi" and f.source == "index" and _jumps_to(f) and _unknown(f, judge)
    ]
    yield from _capped(JUMP, findings)


def _hosts(survey: Survey, indexes: list[_Index]) -> Iterator[Observed]:
    """Registries of locks that no setting of the same ecosystem names."""
    named = {(i.npm, i.host) for i in indexes if not i.lock}
    for o, fact in survey.facts.of(Reference):
        if fact.role is Role.INDEX:
            index = _index(o.place, fact)
            if index.lock and (index.npm, index.host) not in named:
                because = f"packages of this lock come from {index.host}, which no setting names"
                yield Observed(
                    place=o.place, by=BY, fact=HOST.finding(because, evidence=fact.evidence, subject=index.host, sure=Confidence.MEDIUM)
                )


# --- loosening ---------------------------------------------------------------------------------------------------------------------


def _loose(place: Place, facts: list[Dependency], locked: set[tuple[str, str, str]]) -> Iterator[Finding]:
    """Unpinned (one finding a file), mutable, unhashed and editable (one each). What a lock beside the file decides is not open."""
    folder = posixpath.dirname(place.path)
    open_, ranged, actions = list[Dependency](), list[Dependency](), list[Dependency]()
    mutable, unhashed, editable = list[Finding](), list[Finding](), list[Finding]()
    for fact in facts:
        form = _form(fact)
        if fact.locked or fact.parser == "constraints" or fact.ecosystem in ("deb", "apk"):
            continue
        if form in (Form.UNPINNED, Form.RANGE) and (folder, fact.ecosystem, fact.name) not in locked:
            (open_ if form is Form.UNPINNED else ranged).append(fact)
        elif form is Form.VCS and fact.ecosystem == "github-actions":
            actions.append(fact)
        elif form is Form.VCS:
            because = f"{fact.name} is installed from {_shown(fact.ref)}, which may be moved"
            mutable.append(MUTABLE.finding(because, evidence=fact.evidence, subject=_subject(fact)))
        elif form is Form.URL:
            because = f"{fact.name} is installed from {_shown(fact.ref)} without a hash"
            unhashed.append(UNHASHED.finding(because, evidence=fact.evidence, subject=_subject(fact)))
        elif form is Form.EDITABLE:
            because = f"{fact.name} is installed from the folder {_shown(fact.ref)} as it stands"
            editable.append(EDITABLE.finding(because, evidence=fact.evidence, subject=_subject(fact)))
    for rule, findings in ((MUTABLE, mutable), (UNHASHED, unhashed), (EDITABLE, editable)):
        yield from _capped(rule, findings)
    if actions:
        names = _names(actions)
        yield MUTABLE.finding(
            f"actions at a tag or branch, which may be moved: {names}", evidence=actions[0].evidence, severity=Severity.LOW
        )
    if open_:
        severity = Severity.MEDIUM if any(f.parser == "agent-config" for f in open_) else Severity.LOW
        severity = Severity.INFO if all(f.scope in (Scope.DEV, Scope.BUILD) for f in open_) else severity
        yield UNPINNED.finding(f"no version is named for {_names(open_)}", evidence=_of(open_), severity=severity)
    elif ranged:
        yield UNPINNED.finding(f"a range is named for {_names(ranged)}", evidence=_of(ranged), severity=Severity.INFO)


def _of(facts: list[Dependency]) -> Evidence:
    return min((f.evidence for f in facts), key=lambda e: e.line or 0)


def _names(facts: list[Dependency]) -> str:
    names = sorted({f.name for f in facts})
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _shown(ref: str | None) -> str:
    return (ref or "?")[:160]


def _hashes(facts: list[Dependency]) -> Iterator[Finding]:
    """pip's hash mode is all or nothing: with one hash in a file, every line needs one."""
    lines = [f for f in facts if f.parser == "requirements" and f.source != "editable"]
    bare = [f for f in lines if not f.hashes]
    if lines and bare and len(bare) < len(lines):
        because = (
            f"{len(lines) - len(bare)} of {len(lines)} requirements have hashes, so pip asks for them of all: {_names(bare)} have none"
        )
        yield PARTIAL.finding(because, evidence=bare[0].evidence)
