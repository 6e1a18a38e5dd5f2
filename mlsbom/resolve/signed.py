"""The judging of a survey's signatures: `judge` is the same code that `mlsbom verify` runs; only the tree differs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from mlsbom.formats import FAMILY
from mlsbom.knowledge import Packs
from mlsbom.model import Artifact, Bundle, Link, Observed, Place, Rule, SignatureVerdict, Survey
from mlsbom.resolve import Asked
from mlsbom.resolve.signatures import INVALID, UNCOVERED, UNTRUSTED, UNVERIFIABLE
from mlsbom.verify import algorithms, judge, trust
from mlsbom.verify.named import beside, named
from mlsbom.verify.signature import Asked as Wanted
from mlsbom.verify.subject import Entry, KnownDigests, Want
from mlsbom.verify.verdict import Refused, Report, Verdict

PUBLISHERS: Final = "identities/publishers.toml"
_RUNS = frozenset({"weights", "program"})
_CODE = frozenset({"python", "shell", "javascript", "notebook", "template", "source"})
_BY_RULE: Final = {Verdict.INVALID: INVALID, Verdict.UNTRUSTED: UNTRUSTED, Verdict.UNVERIFIABLE: UNVERIFIABLE}


def judged(found: list[tuple[Place, Bundle]], survey: Survey, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """The verdict on each signature over each thing that it is of, and what is found of it. Raises PackError."""
    anchors = trust.default(trust.load(asked.trust), packs)
    wanted = Wanted(at=_instant(asked.now), at_source="scan", identity=asked.identity, issuer=asked.issuer)
    profile = algorithms.load(str(asked.settings.get("algorithms", "default")), packs)
    index = _Index(survey)
    for place, bundle in found:
        for target in _targets(place.path, bundle, index):
            report = _judge(bundle, target, anchors, wanted, profile)
            _publisher(report, survey, packs)
            yield Observed(place=place, by="signatures", fact=SignatureVerdict(result=report.document()))
            yield from _findings(place, report, target, survey)


def _instant(now: str) -> datetime:
    time = datetime.fromisoformat(now)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


# --- what a signature is over ------------------------------------------------------------------------------------------------------


class SurveyTree:
    """A folder of a survey as a tree: its files with the digests that were computed, its links as they were seen."""

    def __init__(self, survey: Survey, folder: str, *, follow: bool) -> None:
        self.name = folder.rsplit("/", 1)[-1] or survey.target.name
        self._artifacts: dict[str, Artifact] = {}
        self.entries: dict[str, Entry] = {}
        prefix = f"{folder}/" if folder else ""
        for artifact in survey.artifacts:
            if artifact.path.startswith(prefix):
                name = _name(artifact.path[len(prefix) :])
                self._artifacts[name] = artifact
                self.entries[name] = Entry(name=name, kind="file", size=artifact.size, problem=_problem(name))
        cached = survey.target.source == "hf-cache"
        for o, link in survey.facts.of(Link):
            if not o.place.member and o.place.path.startswith(prefix):
                name = _name(o.place.path[len(prefix) :])
                there = name in self.entries and link.inside
                if link.kind == "hub-link" or (there and (cached or follow)):
                    continue
                kind = "symlink" if link.kind in ("symlink", "folder-link", "hub-link") else "special"
                self.entries[name] = Entry(name=name, kind=kind, target=link.target)

    def digests(self, wanted: list[Want]) -> list[str | None]:
        """The digests that the scan computed; `unsupported-algorithm` for others: no byte is read here."""
        return [self._digest(w) for w in wanted]

    def _digest(self, want: Want) -> str | None:
        known = _known(self._artifacts[want.entry.name])
        whole = not want.start and want.end in (None, want.entry.size)
        if not known:
            return None
        if not whole or want.algorithm not in known:
            raise Refused("unsupported-algorithm", f"the scan computed no {want.algorithm} digest of these pieces: use `mlsbom verify`")
        return known[want.algorithm]


def _name(path: str) -> str:
    """A path of a survey as its bytes are on disk, those that are no UTF-8 as lone surrogates."""
    return unquote_to_bytes(path).decode("utf-8", "surrogateescape") if "%" in path else path


def _problem(name: str) -> str:
    return "name is not UTF-8" if any("\ud800" <= c <= "\udfff" for c in name) else ""


def _known(artifact: Artifact) -> Mapping[str, str]:
    return {a.replace("sha3_", "sha3-"): h for a, h in artifact.digests}


class _Index:
    """The artifacts of a survey by path and by digest."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.by_path = {a.path: a for a in survey.artifacts}
        self.by_digest: dict[str, list[str]] = {}
        for artifact in survey.artifacts:
            for _, value in artifact.digests:
                self.by_digest.setdefault(value, []).append(artifact.path)


def _targets(path: str, bundle: Bundle, index: _Index) -> Iterator[judge.Target]:
    """The folder of a model signature; the file that a signature is named after; or the files that its subjects name."""
    folder, base = posixpath.dirname(path), posixpath.basename(path)
    if bundle.kind == "jsf":
        yield _file(index.by_path[path], sbom=True)
        return
    about = named(bundle.content.encode()) if bundle.kind == "bundle" else None
    if base == "model.sig" or (about is not None and about.model):
        survey = index.survey
        yield judge.Target(label=folder or ".", tree=lambda follow: SurveyTree(survey, folder, follow=follow), signature=_name(base))
        return
    signed = beside(path)
    if signed in index.by_path:
        yield _file(index.by_path[signed])
        return
    paths = {p for _, _, digest in bundle.digests for p in index.by_digest.get(digest, ())}
    paths |= {posixpath.join(folder, posixpath.basename(n)) for n in (about.subjects if about is not None else ())}
    for one in sorted(paths & set(index.by_path) - {path}):
        yield _file(index.by_path[one])


def _file(artifact: Artifact, *, sbom: bool = False) -> judge.Target:
    return judge.Target(label=artifact.path, thing=KnownDigests(_name(artifact.path), _known(artifact)), sbom=sbom)


# --- verdicts and findings ---------------------------------------------------------------------------------------------------------


def _judge(bundle: Bundle, target: judge.Target, anchors: trust.Anchors, wanted: Wanted, profile: algorithms.Profile) -> Report:
    if bundle.kind == "other":
        report = Report(target=target.label)
        report.refuse("unsupported-bundle", "a signature of a kind that is not known")
        return report
    work = judge.enveloped if bundle.kind == "jsf" else judge.signature_file
    return work(bundle.content.encode(), target, anchors, wanted, profile)


def _publisher(report: Report, survey: Survey, packs: Packs) -> None:
    """Name the publisher whose identity signed, and say where a hub's namespace belongs to a publisher who signs as someone else."""
    names, issuer = report.signer.get("sans", []), report.signer.get("issuer")
    namespace = survey.target.name.split("/")[0] if "/" in survey.target.name else ""
    for publisher in packs.toml(PUBLISHERS).get("publisher", []):
        same = publisher["issuer"] == issuer and any(_is(name, identity) for name in names for identity in publisher["identities"])
        if same:
            report.signer["publisher"] = publisher["name"]
        elif names and namespace and namespace in publisher.get("namespaces", []):
            report.note(f"{namespace} signs as {', '.join(publisher['identities'])}, not as {', '.join(names)}")


def _is(name: str, identity: str) -> bool:
    return name.startswith(identity) if identity.startswith("https://") and identity.endswith("@") else name == identity


def _findings(place: Place, report: Report, target: judge.Target, survey: Survey) -> Iterator[Observed]:
    def found(rule: Rule, because: str, data: tuple[tuple[str, str], ...] = ()) -> Observed:
        return Observed(place=place, by="signatures", fact=rule.finding(because, subject=report.target, data=data))

    worst = report.worst
    rule = _BY_RULE.get(worst.verdict)
    if rule is not None:
        yield found(rule, str(worst)[:400], (("verdict", worst.verdict.value), ("kind", report.kind)))
    left_out = _left_out(report, target, survey)
    if left_out:
        more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        yield found(UNCOVERED, f"{left_out[0]}{more}: code or weights outside the signature", tuple(("file", f) for f in left_out[:50]))


def _left_out(report: Report, target: judge.Target, survey: Survey) -> list[str]:
    """Files that run or are weights and that an otherwise authentic list does not cover: not signed, or ignored."""
    if target.tree is None:
        return []
    folder = "" if target.label == "." else f"{target.label}/"
    formats = {_name(a.path): a.formats for a in survey.artifacts}
    files = report.files
    names = sorted({*files.unsigned, *files.ignored_by_signer, *files.ignored_by_default})
    return [n for n in names if any(FAMILY.get(f) in _RUNS or f in _CODE for f in formats.get(_name(folder) + n, ()))]
