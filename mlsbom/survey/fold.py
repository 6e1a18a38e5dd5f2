"""The fold: facts in, graph out. Pure, and independent of the order of facts.

    graph = fold(survey, derived=())

What owns what is decided in `units`, what is one thing in `identity`; here the local things (application, models, data sets, tokenizers,
templates, code) are made, statements and licences are given to their owners, and the ledger is written.
"""

from __future__ import annotations

import re
from typing import Any, Final

from mlsbom.model import (
    Component,
    Facts,
    Graph,
    Kind,
    License,
    LicenseClaim,
    Observed,
    Source,
    Statement,
    Survey,
    Technique,
    TensorTable,
    Value,
)
from mlsbom.patterns import late
from mlsbom.survey.drafts import Draft, Workshop, order, source_of
from mlsbom.survey.identity import COMMIT, generic_purl, hub_purl
from mlsbom.survey.ledger import ledger
from mlsbom.survey.packages import fold_packages
from mlsbom.survey.references import fold_references
from mlsbom.survey.units import Unit, Units, projects

GENERIC_STEMS = late(
    r"(pytorch_|tf_|flax_)?(model|weights?|checkpoint|adapter_model|consolidated|network|net|encoder_model|decoder_model)([-_.].*)?$", re.I
)
_SHARD = late(r"-\d{5}-of-\d{5}")
_COUNTED: Final = "parameters_in_file"


def fold(survey: Survey, derived: tuple[Observed, ...] = ()) -> Graph:
    """Components, relationships and unknowns of a survey with the facts that resolvers derived so far."""
    facts = survey.facts.also(derived) if derived else survey.facts
    return _Fold(survey, (*survey.observed, *derived), facts).graph()


class _Fold:
    def __init__(self, survey: Survey, observed: tuple[Observed, ...], facts: Facts) -> None:
        self.survey = survey
        self.facts = facts
        self.manifests = projects(facts)  # of the repository's own packages
        self.units = Units(survey, observed, facts)
        self.shop = Workshop()
        self.artifacts = {a.path: a for a in survey.artifacts}
        self.models: dict[str, Draft] = {}  # by folder of the unit
        self.datasets: dict[str, Draft] = {}
        self.variants: dict[str, Draft] = {}  # by path of the file
        self.projects: dict[str, Draft] = {}
        self.package = self._package()
        self.packaged = False  # whether the primary model goes by the package's name
        self.root = self._root()
        self._homes: dict[str, Draft] = {}  # folder -> whose its files are, but for variants; filled when all local things are made

    def graph(self) -> Graph:
        for folder in sorted(self.units.units):
            self._local(self.units.units[folder])
        fold_packages(self.facts, self.shop, self.root)
        self._projects()
        fold_references(self.facts, self.shop, self.root, self.owner)
        self._values()
        self._unnamed()
        self._reach()
        return self._freeze()

    # --- the local things ----------------------------------------------------------------------------------------------------------

    def _root(self) -> Draft:
        target = self.survey.target
        return Draft(Kind.APPLICATION, target.name or "root", f"root:{target.name}", local=True, unit="", version=target.revision)

    def _local(self, unit: Unit) -> None:
        if unit.dataset:
            self.datasets[unit.folder] = self._dataset(unit)
        if unit.model:
            self.models[unit.folder] = self._model(unit)

    def _names(self, unit: Unit, about: str) -> list[tuple[Any, Source]]:
        found = [(fact.value, source_of(o)) for o, fact in unit.names if fact.about == about]
        return sorted(found, key=lambda x: (order(x[1]), str(x[0])))

    def _dataset(self, unit: Unit) -> Draft:
        names = self._names(unit, "dataset")
        name = unit.upstream or (str(names[0][0]) if names else self._folder_name(unit))
        if unit.upstream:
            where = hub_purl(Kind.DATASET, name, None)
            draft = self.shop.draft(Kind.DATASET, name, where, purl=where, hub="huggingface")
        else:
            draft = self.shop.draft(Kind.DATASET, name, f"local:{unit.folder}:{name}")
            draft.local = True
        draft.unit = unit.folder
        for path in unit.data:
            draft.files.append(path)
        for value, source in names:
            draft.values.append(Value(field="name", value=value, source=source))
            draft.seen(source)
        if not unit.upstream:
            self.shop.join(self.root, "contains", draft)
        self._hashes(draft)
        return draft

    def _folder_name(self, unit: Unit) -> str:
        return f"{self.survey.target.name}/{unit.folder}" if unit.folder else self.survey.target.name

    def _model(self, unit: Unit) -> Draft:
        target = self.survey.target
        main, others = self._split(unit)
        name, by = self._model_name(unit, main)
        version: str | None = None
        purl: str | None = None
        if unit.upstream or (not unit.folder and target.source in ("hub", "hf-cache")):
            name = unit.upstream or target.name
            revision = None if unit.upstream else target.revision
            purl, version = hub_purl(Kind.MODEL, name, revision), revision
        elif by is None and not unit.folder and self.package:
            version = self.manifests[self.package].resolved  # the model goes by its package: the same release
            self.packaged = True
        identity = purl or f"local:{unit.folder}:{name}"
        draft = self.shop.draft(Kind.MODEL, name, identity, purl=purl, version=version)
        draft.unit, draft.local, draft.primary = unit.folder, not unit.upstream, not unit.folder
        draft.hub = "huggingface" if purl else draft.hub
        if by is not None:
            draft.seen(by)
        draft.files.extend(main)
        self._hashes(draft)
        if not unit.upstream:
            parent = self.models.get(self._parent(unit)) if unit.folder else None
            self.shop.join(self.root if parent is None or not unit.folder else parent, "contains", draft)
        names: dict[str, Any] = {}
        for value, source in self._names(unit, "file") if others else ():
            names.setdefault(source.path, value)
        for path in others:
            self._variant(unit, path, draft, names)
        return draft

    def _parent(self, unit: Unit) -> str:
        folder = unit.folder
        while folder:
            folder = folder.rpartition("/")[0]
            if folder in self.models:
                return folder
        return ""

    def _split(self, unit: Unit) -> tuple[list[str], list[str]]:
        """The unit's main weights, and the files that are models of their own: those that state a name or a base of theirs and are not
        the unit's own (in its folder, under a generic name or as shards)."""
        own_words = {o.place.path for rows in (unit.names, unit.bases) for o, fact in rows if fact.about == "file"}
        main: list[str] = []
        others: list[str] = []
        for path in unit.weights:
            if path not in own_words or len(unit.weights) == 1:
                main.append(path)
                continue
            folder, _, name = path.rpartition("/")
            stem = _SHARD.sub("", name).rsplit(".", 1)[0]
            own = folder == unit.folder and bool(_SHARD.search(name) or GENERIC_STEMS.fullmatch(stem))
            (main if own else others).append(path)
        if not main and others:
            main, others = [others[0]], others[1:]
        return main, others

    def _model_name(self, unit: Unit, main: list[str]) -> tuple[str, Source | None]:
        """Card title, embedded name, name of the project or installed package, folder (specs of the SBOM, section 3)."""
        titles = self._names(unit, "owner")
        if titles:
            return str(titles[0][0])[:200], titles[0][1]
        mine = set(main)
        embedded = [(v, s) for v, s in self._names(unit, "file") if s.path in mine]
        if embedded:
            return str(embedded[0][0])[:200], embedded[0][1]
        if not unit.folder and self.package:
            return self.manifests[self.package].name, None
        return self._folder_name(unit), None

    def _package(self) -> str:
        """The manifest or metadata of the package that the target as a whole is, at its top or of one unpacked wheel; "" for none."""
        if not self.manifests:
            return ""
        tops = {a.path.partition("/")[0] if "/" in a.path else "" for a in self.survey.artifacts}
        top = f"{min(tops)}/" if len(tops) == 1 and "" not in tops else ""  # an unpacked source archive or npm package has one folder
        manifests = [
            p
            for p in self.manifests
            if "/" not in p.removeprefix(top) or (p.removeprefix(top).count("/") == 1 and re.search(r"\.(?:dist|egg)-info/", p))
        ]
        return min(manifests, key=lambda p: (p.count("/"), p), default="")

    def _variant(self, unit: Unit, path: str, parent: Draft, names: dict[str, Any]) -> None:
        folder, _, base = path.rpartition("/")
        stem = base.rsplit(".", 1)[0]
        fallback = folder.rsplit("/", 1)[-1] if GENERIC_STEMS.fullmatch(stem) and folder else stem
        name = str(names[path])[:200] if path in names else fallback
        sha = self.artifacts[path].sha256
        purl = generic_purl(name, None, sha)
        draft = self.shop.draft(Kind.MODEL, name, f"file:{path}", purl=purl if sha else None)
        draft.local, draft.unit = True, unit.folder
        draft.files.append(path)
        draft.seen(Source(path=path, technique=Technique.BINARY, confidence=0.95))
        self._hashes(draft)
        self.variants[path] = draft
        self.shop.join(parent, "variant-of", draft, draft.evidence.values())

    def _hashes(self, draft: Draft) -> None:
        if len(draft.files) == 1:
            for algorithm, value in self.artifacts[draft.files[0]].digests:
                draft.hashes[(algorithm, value)] = None

    def _projects(self) -> None:
        for path, fact in self.manifests.items():
            for key, draft in self.shop.drafts.items():
                if (
                    key[0] == Kind.PACKAGE
                    and draft.name == fact.name
                    and draft.ecosystem == fact.ecosystem
                    and draft.version in (fact.resolved, None)
                ):
                    self.projects[path] = draft
                    if draft.unit is None:
                        draft.unit = path.rpartition("/")[0]

    # --- facts to their owners -----------------------------------------------------------------------------------------------------

    def owner(self, o: Observed) -> Draft:
        """The component that a fact at this place is about."""
        path = o.place.path
        about = getattr(o.fact, "about", "owner")
        if about == "root":
            return self.root
        if about == "project":
            return self.projects.get(path) or self.models.get(self.units.owner(path).folder) or self.root
        if about == "dataset":
            return self.datasets.get(self.units.owner(path).folder) or self.root
        return self._whose(path)

    def _whose(self, path: str) -> Draft:
        """The local thing that a file is of, else the application."""
        if path in self.variants:
            return self.variants[path]
        folder = path.rpartition("/")[0]
        home = self._homes.get(folder)
        if home is None:
            unit = self.units.owner(path)
            home = self._homes[folder] = self.models.get(unit.folder) or self.datasets.get(unit.folder) or self.root
        return home

    def _values(self) -> None:
        for o, said in self.facts.of(Statement):
            self._statement(o, said)
        for o, claim in self.facts.of(LicenseClaim):
            self._license(o, claim)
        for o, table in self.facts.of(TensorTable):
            if o.place.member:
                continue
            value = {"path": o.place.path, "parameters": table.parameters, "tensors": table.count}
            self._whose(o.place.path).values.append(Value(field=_COUNTED, value=value, source=source_of(o), by="observed"))
        for draft in self.shop.drafts.values():
            if draft.files:
                self._parameters(draft)

    @staticmethod
    def _parameters(draft: Draft) -> None:
        """The parameters of a model are those of its files, where each file was read and none is another form of the same weights."""
        files = set(draft.files)
        counts = [v for v in draft.values if v.field == _COUNTED and v.value["path"] in files]
        if not counts or any(v.field == "parameters" for v in draft.values):
            return
        shards = [v for v in counts if _SHARD.search(v.value["path"])]
        chosen = shards or counts
        total = sum(v.value["parameters"] for v in chosen) if shards else max(v.value["parameters"] for v in chosen)
        if total:
            draft.values.append(Value(field="parameters", value=total, source=chosen[0].source, by="observed"))

    def _statement(self, o: Observed, fact: Statement) -> None:
        source = source_of(o)
        draft = self.owner(o) if fact.about in ("root", "project", "dataset") else self._whose(o.place.path)
        if fact.field == "tokenizer":
            draft = self._tokenizer(o, draft)
        elif fact.field == "template" and isinstance(fact.value, dict):
            self._template(o, fact.value, draft)
        by = "stated" if source.technique is not Technique.BINARY else "observed"
        draft.values.append(Value(field=fact.field, value=fact.value, source=source, by=by))
        if fact.field == "commit" and isinstance(fact.value, str) and COMMIT.fullmatch(fact.value) and self.root.version is None:
            self.root.version = fact.value

    def _tokenizer(self, o: Observed, owner: Draft) -> Draft:
        unit = self.units.owner(o.place.path)
        name = f"{owner.name} tokenizer"
        draft = self.shop.draft(Kind.TOKENIZER, name, f"tokenizer:{unit.folder}")
        draft.local, draft.unit = True, unit.folder
        draft.seen(source_of(o))
        if o.place.path not in draft.files and o.place.path in self.artifacts:
            draft.files.append(o.place.path)
        self.shop.join(owner, "contains", draft)
        return draft

    def _template(self, o: Observed, value: dict[str, Any], owner: Draft) -> None:
        digest = str(value.get("sha256", ""))
        name = str(value.get("name") or "default")
        draft = self.shop.draft(Kind.TEMPLATE, f"chat template {name}", f"template:{digest}")
        draft.local = True
        if digest:
            draft.hashes[("sha256", digest)] = None
        draft.seen(source_of(o))
        self.shop.join(owner, "contains", draft, [source_of(o)])

    def _license(self, o: Observed, fact: LicenseClaim) -> None:
        stated = License(
            written=fact.value,
            role=fact.role,
            source=source_of(o),
            name=fact.name,
            url=fact.url,
            part=fact.part,
            origin=fact.origin,
            text_sha256=fact.text_sha256,
        )
        self.owner(o).licenses.append(stated)
        if self.packaged and fact.about == "project" and o.place.path == self.package:
            self.models[""].licenses.append(stated)  # what the package says of itself, it says of the model that goes by its name

    # --- what is left --------------------------------------------------------------------------------------------------------------

    def _unnamed(self) -> None:
        """Names, versions, suppliers and descriptions that the values give; the application borrows from its project or primary model."""
        drafts = [self.root, *self.shop.drafts.values()]
        for d in drafts:
            if d.values:
                version, supplier, author, description = map(_text, d.best("version", "supplier", "author", "description"))
                if d.kind in (Kind.MODEL, Kind.DATASET, Kind.PACKAGE, Kind.APPLICATION) and (d.local or d is self.root):
                    d.version = d.version or version
                d.supplier = d.supplier or supplier or author
                d.description = d.description or description
            if d.kind in (Kind.MODEL, Kind.DATASET) and d.supplier is None and d.hub == "huggingface" and "/" in d.name:
                d.supplier = d.name.split("/")[0]
            if d.kind in (Kind.MODEL, Kind.DATASET) and d.local and d.purl is None:
                d.purl = generic_purl(d.name, d.version, next((h for a, h in d.hashes if a == "sha256"), None))
        main = self.models.get("") or self.datasets.get("")
        project = next((self.projects[p] for p in sorted(self.projects, key=lambda p: (p.count("/"), p))), None)
        if self.packaged and main is not None and project is not None:
            main.supplier = main.supplier or project.supplier  # the model goes by its package's name: the same producer
        for giver in (main, project):
            if giver is not None:
                self.root.version = self.root.version or giver.version
                self.root.supplier = self.root.supplier or giver.supplier
                self.root.description = self.root.description or giver.description
        if self.root.version is None:
            self.root.version = f"sha256:{self.survey.target.digest[:16]}"

    def _reach(self) -> None:
        """Everything is reachable from the root: what only others in a ring ask for is joined to it."""
        pairs = self.shop.pairs()
        seen: set[str] = set()

        def visit(start: str) -> None:
            todo = [start]
            while todo:
                at = todo.pop()
                if at not in seen:
                    seen.add(at)
                    todo.extend(pairs.get(at, ()))

        visit(self.root.ref)
        for key in sorted(self.shop.drafts):
            draft = self.shop.drafts[key]
            if draft.ref not in seen:
                self.shop.join(
                    self.root, "depends-on" if not draft.local else "contains", draft, sorted(draft.evidence.values(), key=order)[:1]
                )
                visit(draft.ref)

    def _freeze(self) -> Graph:
        components = sorted(
            (d.freeze() for d in self.shop.drafts.values()), key=lambda c: (not c.primary, c.kind, c.name, c.version or "", c.ref)
        )
        root = self.root.freeze()
        relationships = self.shop.relationships()
        owners = {path: self._whose(path).ref for path in self.artifacts}
        unknowns = ledger(root, tuple(components), self.facts, owners)
        return Graph(root=root, components=tuple(components), relationships=relationships, unknowns=unknowns, owners=owners)


def _text(value: Any) -> str | None:
    return str(value).strip() or None if value is not None and not isinstance(value, (dict, list)) else None


__all__ = ["Component", "fold"]
