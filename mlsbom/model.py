"""The types: what is observed (facts), what follows (components, relationships, unknowns), what is judged.

All are frozen `msgspec` structs, keyword-only, compared by value. `msgspec` rather than dataclasses because the same declaration is
then the codec of the document (tagged unions, strict decoding, an order of magnitude faster), so `load(dump(s)) == s` needs no
second description of the types.

Inspectors yield facts about one blob; the driver adds the place (`Observed`). Facts never hold paths of other files but as text they
quote. Lines count from 1; offsets and sizes are bytes; times are RFC 3339 in UTC; digests are lower-case hex.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

import msgspec


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Frozen, keyword-only; defaults are left out when written; unknown keys are refused when read."""


class Status(StrEnum):
    """How much of a place was read, best first; the worst of several counts."""

    FULL = "full"
    OPAQUE = "opaque"
    PARTIAL = "partial"
    FAILED = "failed"


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


SEVERITY_ORDER = {Severity.INFO: 0, Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 3, Severity.CRITICAL: 4}
STATUS_ORDER = {Status.FULL: 0, Status.OPAQUE: 1, Status.PARTIAL: 2, Status.FAILED: 3}


class Confidence(StrEnum):
    """Of a finding: resolved (high), folded or after a resynchronisation (medium), a pattern (low)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Phase(StrEnum):
    """When what was found would run or matter: on import, on load or first use, or otherwise."""

    IMPORT = "import"
    LOAD = "load"
    OTHER = "other"


class Technique(StrEnum):
    """How a value was learned: the CycloneDX 1.6 evidence techniques. Confidences: specs of the SBOM, section 5."""

    HASH = "hash-comparison"
    BINARY = "binary-analysis"
    MANIFEST = "manifest-analysis"
    SOURCE = "source-code-analysis"
    ATTESTATION = "attestation"
    FILENAME = "filename"
    OTHER = "other"


class Kind(StrEnum):
    """Kinds of component."""

    PACKAGE = "package"
    MODEL = "model"
    DATASET = "dataset"
    TOKENIZER = "tokenizer"
    TEMPLATE = "template"
    CODE = "code"
    SERVICE = "service"
    CONTAINER = "container"
    AGENT_TOOL = "agent-tool"
    APPLICATION = "application"


class Scope(StrEnum):
    """What a dependency is for."""

    RUNTIME = "runtime"
    DEV = "dev"
    BUILD = "build"
    OPTIONAL = "optional"
    SCRIPT = "script"
    IMAGE = "image"
    UNDECLARED = "undeclared"


class Role(StrEnum):
    """What a mentioned thing is to the place that mentions it."""

    BASE = "base"  # a model this one derives from; `relation` says how
    USED = "used"  # a model or dataset that code or configuration loads
    HOSTED = "hosted"  # a model behind a service
    TRAIN = "train"  # a dataset: trained on
    TEST = "test"  # a dataset: tested on
    SOURCE = "source"  # a dataset: made from that dataset
    REMOTE_CODE = "remote-code"  # code of another repository that a loader would run
    CALLS = "calls"  # an endpoint that code or configuration calls
    TELEMETRY = "telemetry"  # an endpoint that is told about use
    INDEX = "index"  # a package index
    RUNS_IN = "runs-in"  # a container image
    RUNS_ON = "runs-on"  # hardware
    TOOL = "tool"  # an agent tool or MCP server
    ACTION = "action"  # a step of a workflow
    HINT = "hint"  # a trace that is no identity (`_name_or_path`): shown in the ledger, never an edge


# --- evidence ----------------------------------------------------------------------------------------------------------------------


class Evidence(Struct, frozen=True, kw_only=True, gc=False):
    """Where inside a blob a value stands and how it was learned. `confidence` is 0 to 1."""

    line: int | None = None
    offset: int | None = None
    key: str | None = None
    technique: Technique = Technique.MANIFEST
    confidence: float = 0.8
    note: str | None = None


class Place(Struct, frozen=True, kw_only=True, gc=False):
    """A path relative to the target (with `/`, odd bytes percent-encoded) and a member inside it (nested ones joined by `!/`)."""

    path: str
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path}!/{self.member}" if self.member else self.path


# --- facts: a closed union ---------------------------------------------------------------------------------------------------------


class Fact(Struct, frozen=True, kw_only=True, tag_field="fact"):
    """Base of all facts."""

    evidence: Evidence = Evidence()


class Dependency(Fact, frozen=True, kw_only=True, tag="dependency"):
    """A package that a manifest, lock, script, image or installed distribution names.

    `name` is normalised for its ecosystem (`pypi` PEP 503), `written` as it stands. `specifier` is a range or pin as written, `resolved`
    the exact version where the source means one (`==X`, a lock, an installed copy, a wheel). `source`: index, vcs, url, path, editable,
    installed. `via`: the package that asks for it, where a lock or installed metadata says so. `project`: the repository's own package.
    """

    ecosystem: str
    name: str
    written: str = ""
    specifier: str = ""
    resolved: str | None = None
    hashes: tuple[str, ...] = ()
    source: str = "index"
    ref: str | None = None
    index: str | None = None
    extras: tuple[str, ...] = ()
    marker: str | None = None
    scope: Scope = Scope.RUNTIME
    parser: str = ""
    locked: bool = False
    installed: bool = False
    project: bool = False
    via: str | None = None


class Import(Fact, frozen=True, kw_only=True, tag="import"):
    """A top-level module that code imports. `modules`: the dotted names seen, for namespace packages."""

    module: str
    modules: tuple[str, ...] = ()
    optional: bool = False


class Reference(Fact, frozen=True, kw_only=True, tag="reference"):
    """A mention of a model, dataset, service, container, code repository or tool.

    `kind` is the kind of the thing mentioned; `name` as written (`org/name`, host, image without tag, URL of a data file); `version` a
    commit, tag or digest as written; `url` where one stands; `provider` of a hosted model or service; `hub`: huggingface, github,
    torch-hub, timm, ollama, docker, other. `relation` of a base: finetune, adapter, merge, quantized, converted, distilled, unknown.
    `about` as in `Statement`. `attrs`: further words, such as ("trust_remote_code", "true"), ("split", "train"), ("flow", "outbound").
    """

    kind: Kind
    name: str
    role: Role
    version: str | None = None
    relation: str | None = None
    url: str | None = None
    provider: str | None = None
    hub: str | None = None
    about: str = "owner"
    attrs: tuple[tuple[str, str], ...] = ()


class Statement(Fact, frozen=True, kw_only=True, tag="statement"):
    """A value that the target states or that was observed in it; `field` is one of `fields.FIELDS`; `value` is plain JSON.

    `about`: `owner` (the main component of the folder that owns the place), `file` (the model in this very file), `project` (the code
    package), `dataset`, `root`.
    """

    field: str
    value: Any
    about: str = "owner"


class LicenseClaim(Fact, frozen=True, kw_only=True, tag="license"):
    """A licence as a source states it. `value`: expression, tag or name as written; `role`: declared or observed (a text was found);
    `part`: model, code, dataset, docs, or "" where the source does not say; `origin`: card, file, metadata, header, package, classifier."""

    value: str
    role: str = "declared"
    part: str = ""
    origin: str = ""
    name: str | None = None
    url: str | None = None
    text_sha256: str | None = None
    about: str = "owner"


class Text(Fact, frozen=True, kw_only=True, tag="text"):
    """A text worth keeping whole (at most 2 MB, once by digest): `kind` license, notice, policy, metadata, card."""

    kind: str
    sha256: str
    content: str


class Mark(Fact, frozen=True, kw_only=True, tag="mark"):
    """A piece of text that a later question may ask for, secrets redacted, at most 2 kB: `kind` host, address, url, hook, install-script,
    workflow, action, git-dependency, image, domain, license (an SPDX tag in a source file)."""

    kind: str
    text: str


class Name(Fact, frozen=True, kw_only=True, tag="name"):
    """A callable, class or operator that a file names. `kind`: pickle, operator, layer, class, target, symbol, template.
    `use`: called, built, stored, dropped, listed. `judged`: data, state, dangerous, dual, unknown, or "" where no pack was asked."""

    kind: str
    name: str
    use: str = "listed"
    args: str | None = None
    count: int = 1
    judged: str = ""


class TensorTable(Fact, frozen=True, kw_only=True, tag="tensors"):
    """The tensors of one file, by column. Over 20,000 tensors `names` and `shapes` are empty and `groups` counts (dtype, shape, n).

    `dtypes` in the spelling of safetensors where it has one (F32, BF16, I8, ...) or of the format (`Q4_K`); `parameters` counts the
    elements of all tensors; `trainable` is left None unless the format states it."""

    names: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    groups: tuple[tuple[str, tuple[int, ...], int], ...] = ()
    count: int = 0
    parameters: int = 0
    dtype_counts: tuple[tuple[str, int], ...] = ()


class Fingerprint(Fact, frozen=True, kw_only=True, tag="fingerprint"):
    """A lineage fingerprint of this file or model, in its own versioned form, base64."""

    form: str
    content: str


class Bundle(Fact, frozen=True, kw_only=True, tag="bundle"):
    """A signature, attestation or signed manifest, with every digest that it names. `content`: text, at most 1 MB."""

    kind: str
    content: str
    digests: tuple[tuple[str, str, str], ...] = ()  # (name, algorithm, hex)


class Link(Fact, frozen=True, kw_only=True, tag="link"):
    """A symbolic link or special file. `kind`: symlink, fifo, socket, device, hub-link. `target`: as stored, percent-encoded."""

    kind: str
    target: str = ""
    inside: bool = False


class Pointer(Fact, frozen=True, kw_only=True, tag="pointer"):
    """A Git LFS pointer or git-annex link: the digest and size of the content that it stands for."""

    algorithm: str
    digest: str
    size: int | None = None


class MemberDigest(Fact, frozen=True, kw_only=True, tag="member"):
    """The digest of a member that was inspected."""

    sha256: str
    size: int
    format: str = ""


class Finding(Fact, frozen=True, kw_only=True, tag="finding"):
    """Something that a rule found. `because` is free of lines, packs and severities, so that waivers last. `subject` names what it is
    about where that is not the place (a package, a model); `data` holds (key, value) pairs for the report."""

    rule: str
    because: str
    severity: Severity
    subject: str | None = None
    phase: Phase = Phase.OTHER
    sure: Confidence = Confidence.HIGH
    waivable: bool = True
    data: tuple[tuple[str, str], ...] = ()


class Shortfall(Fact, frozen=True, kw_only=True, tag="shortfall"):
    """What could not be read at this place, and why."""

    status: Status
    reason: str


class SignatureVerdict(Fact, frozen=True, kw_only=True, tag="signature"):
    """What `verify` says of a bundle or a signed folder: the object that the command prints. Derived, never observed."""

    result: dict[str, Any]


class Comparison(Fact, frozen=True, kw_only=True, tag="comparison"):
    """What `lineage` says of this model against a registered one: the object that the command prints. Derived, never observed."""

    result: dict[str, Any]


AnyFact = (
    Dependency
    | Import
    | Reference
    | Statement
    | LicenseClaim
    | Text
    | Mark
    | Name
    | TensorTable
    | Fingerprint
    | Bundle
    | Link
    | Pointer
    | MemberDigest
    | Finding
    | Shortfall
    | SignatureVerdict
    | Comparison
)


class Observed(Struct, frozen=True, kw_only=True):
    """A fact with its place and the inspector or resolver that yielded it."""

    place: Place
    by: str
    fact: AnyFact


F = TypeVar("F", bound=Fact)


class Facts:
    """Observed facts by their type: nearly all questions are about one type, and walks over all of them were half of the time of a fold."""

    def __init__(self, observed: Iterable[Observed]) -> None:
        self._groups: defaultdict[type, list[tuple[Observed, Any]]] = defaultdict(list)
        self._add(observed)

    def _add(self, observed: Iterable[Observed]) -> None:
        for o in observed:
            fact = o.fact
            self._groups[type(fact)].append((o, fact))

    def of(self, kind: type[F]) -> Sequence[tuple[Observed, F]]:
        """What was observed of one type, with its fact, in the order of observation."""
        return self._groups.get(kind, ())

    def also(self, observed: Iterable[Observed]) -> Facts:
        """These and more."""
        more = Facts(())
        more._groups.update((kind, list(rows)) for kind, rows in self._groups.items())
        more._add(observed)
        return more


# --- rules -------------------------------------------------------------------------------------------------------------------------


class Rule(Struct, frozen=True, kw_only=True):
    """A rule, free of any target. Its page is `rules/<id>.md`. `severity` is the usual one; a finding may differ on evidence."""

    id: str
    title: str
    severity: Severity
    waivable: bool = True

    def finding(
        self,
        because: str,
        *,
        evidence: Evidence | None = None,
        severity: Severity | None = None,
        subject: str | None = None,
        phase: Phase = Phase.OTHER,
        sure: Confidence = Confidence.HIGH,
        data: tuple[tuple[str, str], ...] = (),
    ) -> Finding:
        """A finding of this rule; severity and waivability are the rule's unless given."""
        return Finding(
            rule=self.id,
            because=because,
            severity=severity or self.severity,
            subject=subject,
            phase=phase,
            sure=sure,
            waivable=self.waivable,
            evidence=evidence or Evidence(),
            data=data,
        )


# --- what was walked ---------------------------------------------------------------------------------------------------------------


class Artifact(Struct, frozen=True, kw_only=True, gc=False):
    """One file of the target. `digests` is (algorithm, hex) pairs; `digest_by` computed or declared; `formats` most telling first."""

    path: str
    size: int
    digests: tuple[tuple[str, str], ...] = ()
    digest_by: str = "computed"
    formats: tuple[str, ...] = ()
    coverage: Status = Status.FULL

    @property
    def sha256(self) -> str | None:
        """The SHA-256, where known."""
        for algorithm, value in self.digests:
            if algorithm == "sha256":
                return value
        return None


class ToolInfo(Struct, frozen=True, kw_only=True):
    """The versions that made a survey: of the tool, of each inspector, of the data packs."""

    name: str = "mlsbom"
    version: str = ""
    inspectors: tuple[tuple[str, int], ...] = ()
    signatures_digest: str = ""
    signatures_date: str = ""


class Target(Struct, frozen=True, kw_only=True):
    """What was scanned: `uri` as the caller wrote it, the revision where the source knows one, the digest of the list of files."""

    uri: str
    revision: str | None = None
    digest: str = ""
    name: str = ""
    source: str = "folder"


class Survey(Struct, frozen=True, kw_only=True, dict=True):
    """Only what was observed. Everything else (components, grades, exports) is a function of this, of packs and of a profile."""

    target: Target
    tool: ToolInfo
    artifacts: tuple[Artifact, ...] = ()
    observed: tuple[Observed, ...] = ()
    created: str = ""

    @cached_property
    def facts(self) -> Facts:
        """What was observed, by type: made when it is first asked for."""
        return Facts(self.observed)


# --- what the fold makes -----------------------------------------------------------------------------------------------------------


class Source(Struct, frozen=True, kw_only=True, gc=False):
    """Evidence with its place."""

    path: str
    member: str = ""
    line: int | None = None
    offset: int | None = None
    key: str | None = None
    technique: Technique = Technique.MANIFEST
    confidence: float = 0.8
    note: str | None = None


class Value(Struct, frozen=True, kw_only=True):
    """One value of a component with where it was found. Several for one field are all kept, best first."""

    field: str
    value: Any
    source: Source
    by: str = "stated"  # stated, observed, inferred


class Specifier(Struct, frozen=True, kw_only=True, gc=False):
    """How a place asks for a package."""

    specifier: str
    path: str
    line: int | None = None
    resolved: str | None = None
    scope: Scope = Scope.RUNTIME


class License(Struct, frozen=True, kw_only=True):
    """A licence of a component. `role`: declared, observed or concluded. `expression` is valid SPDX, or None where only a name is known."""

    written: str
    role: str
    source: Source
    expression: str | None = None
    name: str | None = None
    url: str | None = None
    part: str = ""
    origin: str = ""
    text_sha256: str | None = None


class Component(Struct, frozen=True, kw_only=True, dict=True):
    """A thing that the target holds, derives from, depends on, is trained on, calls or runs in. `ref`: specs of the SBOM, section 3."""

    ref: str
    kind: Kind
    name: str
    version: str | None = None
    purl: str | None = None
    supplier: str | None = None
    description: str | None = None
    scope: Scope | None = None
    primary: bool = False
    local: bool = False  # its bytes are in the target
    unit: str | None = None  # the folder that it owns, "" for the root
    licenses: tuple[License, ...] = ()
    specifiers: tuple[Specifier, ...] = ()
    evidence: tuple[Source, ...] = ()
    values: tuple[Value, ...] = ()
    hashes: tuple[tuple[str, str], ...] = ()  # of its bytes: (algorithm, hex)
    files: tuple[str, ...] = ()  # paths of artifacts that it is made of
    ecosystem: str | None = None
    hub: str | None = None

    def value(self, field: str) -> Any:
        """The best value of a field, or None."""
        rows = self._fields.get(field) if self.values else None
        return rows[0].value if rows else None

    @cached_property
    def names(self) -> frozenset[str]:
        """What a finding, a waiver or an attestation may call it by: name, purl, ref, and ECOSYSTEM/NAME."""
        return frozenset(x for x in (self.name, self.purl, self.ref, f"{self.ecosystem}/{self.name}" if self.ecosystem else None) if x)

    def all(self, field: str) -> list[Value]:
        """Every value of a field, best first."""
        return list(self._fields.get(field, ())) if self.values else []

    @cached_property
    def _fields(self) -> dict[str, list[Value]]:
        """The values by field: one of many files has tens of thousands, and is asked for some fifty fields."""
        rows: defaultdict[str, list[Value]] = defaultdict(list)
        for v in self.values:
            rows[v.field].append(v)
        return rows


class Relationship(Struct, frozen=True, kw_only=True):
    """An edge between two components, by ref. Kinds: specs of the SBOM, section 4 (contains, depends-on, derived-from, variant-of,
    trained-on, tested-on, source-dataset, loads-code, calls, runs-in). `relation`: how derived, or a scope."""

    source: str
    kind: str
    target: str
    relation: str | None = None
    evidence: tuple[Source, ...] = ()


class Unknown(Struct, frozen=True, kw_only=True):
    """A line of the ledger. `reason`: not-stated, unreadable, not-fetched, not-pinned, conflict, redacted, out-of-scope, not-applicable."""

    ref: str
    field: str
    reason: str
    detail: str = ""
    looked_in: tuple[str, ...] = ()


class Graph(Struct, frozen=True, kw_only=True):
    """What the fold makes of the facts. `components[0]` is the primary model where there is one; `root` is the application."""

    root: Component
    components: tuple[Component, ...]
    relationships: tuple[Relationship, ...]
    unknowns: tuple[Unknown, ...]
    owners: dict[str, str] = {}  # path -> ref of the component that owns it

    def by_ref(self) -> dict[str, Component]:
        """All components by ref, the root among them. Made anew each time: keep it."""
        return {c.ref: c for c in (self.root, *self.components)}


# --- what is judged ----------------------------------------------------------------------------------------------------------------


class Judged(Struct, frozen=True, kw_only=True):
    """A finding in its place, after policy: `id` is its fingerprint, `where` its source, `waived_by` who set it aside, if anyone."""

    id: str
    rule: str
    severity: Severity
    confidence: Confidence
    subject: str
    message: str
    where: Source
    phase: Phase = Phase.OTHER
    waivable: bool = True
    remedy: str = ""
    waived_by: str | None = None
    data: tuple[tuple[str, str], ...] = ()


class Grade(Struct, frozen=True, kw_only=True):
    """The grade of one component in one criterion. `passed`: ids of checks; `failed`: id -> why; `not_shown`: ids that lack evidence."""

    criterion: str
    component: str
    level: int
    passed: tuple[str, ...] = ()
    failed: dict[str, str] = {}
    not_shown: dict[str, str] = {}
    waived: tuple[str, ...] = ()
    effective: int = 0  # the level if what is waived were met: for the gate alone


class Gate(Struct, frozen=True, kw_only=True):
    """Whether the whole passed. `incomplete` is true where something that should have been read was not."""

    passed: bool
    incomplete: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 where the gate failed, else 3 where the scan was incomplete, else 0."""
        return 1 if not self.passed else 3 if self.incomplete else 0


class Item(Struct, frozen=True, kw_only=True):
    """One thing that a profile asks to be documented. `state`: shown, unknown (said to be not known), not-shown. `where`: what shows it."""

    id: str
    title: str
    title_ko: str = ""
    state: str = "not-shown"
    where: tuple[str, ...] = ()
    why: str = ""


class Obligation(Struct, frozen=True, kw_only=True):
    """One clause of the terms of a component or upstream. `how` its licence is known: text, tag, assumed, unknown; `quote`: its words."""

    component: str
    license: str
    how: str
    law: str
    clause: str
    value: str = ""
    quote: str = ""
    path: str = ""
    line: int | None = None


class Proposal(Struct, frozen=True, kw_only=True):
    """A known model of the same task that could take a component's place: proposed from data, never counted as shown."""

    component: str
    name: str
    license: str
    supplier: str
    jurisdiction: str
    task: str


class Assessment(Struct, frozen=True, kw_only=True):
    """A survey with what follows from it under given packs, profile and time."""

    survey: Survey
    derived: tuple[Observed, ...]
    graph: Graph
    findings: tuple[Judged, ...]
    coverage: tuple[tuple[Place, Status, str], ...]
    verdicts: tuple[dict[str, Any], ...] = ()
    lineage: tuple[dict[str, Any], ...] = ()
    grades: tuple[Grade, ...] = ()
    gate: Gate = Gate(passed=True)
    profile: str | None = None
    notes: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    regime: str = ""  # the form of SBOM that the profile asks for: "", bsi, kr-skt, g7
