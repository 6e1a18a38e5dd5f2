"""References to components: models, data sets, services, containers, remote code, agent tools; each with its edge."""

from __future__ import annotations

from collections.abc import Callable

from mlsbom.model import Facts, Kind, Observed, Reference, Role, Value
from mlsbom.survey.drafts import Draft, Workshop, source_of
from mlsbom.survey.identity import COMMIT, canonical, container_purl, generic_purl, host_of, hub_purl, purl

Owner = Callable[[Observed], Draft]

EDGE = {
    Role.BASE: "derived-from",
    Role.USED: "depends-on",
    Role.HOSTED: "calls",
    Role.TRAIN: "trained-on",
    Role.TEST: "tested-on",
    Role.SOURCE: "source-dataset",
    Role.REMOTE_CODE: "loads-code",
    Role.CALLS: "calls",
    Role.TELEMETRY: "calls",
    Role.INDEX: "depends-on",
    Role.RUNS_IN: "runs-in",
    Role.RUNS_ON: "runs-in",
    Role.TOOL: "calls",
    Role.ACTION: "depends-on",
}


def fold_references(facts: Facts, shop: Workshop, root: Draft, owner: Owner) -> None:
    """Make the components that references mention, and the edges to them. A hint makes neither."""
    for o, fact in facts.of(Reference):
        if fact.role == Role.HINT or not fact.name or dict(fact.attrs).get("default") == "true":
            continue
        target = _target(fact, shop)
        if target is None:
            continue
        source = source_of(o)
        target.seen(source)
        for key, value in fact.attrs:
            if key not in ("extra", "default"):
                target.values.append(Value(field=key, value=value, source=source, by="stated"))
        if fact.url:
            target.values.append(Value(field="endpoint", value=fact.url, source=source))
        if fact.provider and not target.supplier:
            target.supplier = fact.provider
        about_target = fact.role in (Role.BASE, Role.TRAIN, Role.TEST, Role.SOURCE, Role.REMOTE_CODE)
        start = owner(o) if about_target else root
        if fact.role == Role.SOURCE and start.kind != Kind.DATASET:
            start = root
        kind = EDGE[fact.role]
        if fact.role in (Role.BASE, Role.TRAIN, Role.TEST) and start.kind not in (Kind.MODEL, Kind.TOKENIZER):
            kind = "depends-on"
        if fact.role == Role.SOURCE and start is root:
            kind = "depends-on"
        shop.join(start, kind, target, [source], fact.relation if fact.role == Role.BASE else str(fact.role))


def _target(fact: Reference, shop: Workshop) -> Draft | None:
    if fact.role == Role.HOSTED:
        identity = f"hosted:{fact.provider or host_of(fact.url or '')}:{fact.name}"
        return shop.draft(Kind.SERVICE, fact.name, identity, supplier=fact.provider, hub="hosted")
    if fact.kind in (Kind.MODEL, Kind.DATASET, Kind.TOKENIZER):
        return _repository(fact, shop)
    if fact.kind == Kind.SERVICE:
        host = host_of(fact.url or "") or host_of(fact.name)
        return shop.draft(Kind.SERVICE, host or fact.name, host or f"provider:{canonical(fact.name)}")
    if fact.kind == Kind.CONTAINER:
        where = container_purl(fact.name, fact.version)
        return shop.draft(Kind.CONTAINER, fact.name, where, version=fact.version, purl=where)
    if fact.kind == Kind.CODE:
        where = (
            hub_purl(Kind.CODE, fact.name, fact.version)
            if fact.hub in (None, "huggingface") and fact.name.count("/") == 1
            else generic_purl(fact.name, fact.version, None)
        )
        return shop.draft(Kind.CODE, fact.name, where, purl=where, version=_commit(fact.version), hub=fact.hub)
    if fact.kind == Kind.AGENT_TOOL:
        package = dict(fact.attrs).get("ecosystem")
        known: str | None = None
        if package in ("npm", "pypi"):
            scope, _, bare = fact.name.rpartition("/")
            known = purl(package, bare, fact.version, scope)
        return shop.draft(Kind.AGENT_TOOL, fact.name, known or f"tool:{fact.name}", purl=known, version=fact.version, ecosystem=package)
    return None


def _commit(version: str | None) -> str | None:
    return version.lower() if version and COMMIT.fullmatch(version.lower()) else None


def _repository(fact: Reference, shop: Workshop) -> Draft:
    """A model, data set or tokenizer that stands elsewhere. On the hub only a commit is a version; a branch or tag goes to the values."""
    if "://" in fact.name:
        where = generic_purl(fact.name.rstrip("/").rsplit("/", 1)[-1] or "data", None, None)
        return shop.draft(fact.kind, fact.name, fact.name, purl=where if fact.kind != Kind.DATASET else None, hub="url")
    if fact.hub in (None, "huggingface"):
        where = hub_purl(fact.kind, fact.name, fact.version)
        draft = shop.draft(fact.kind, fact.name, where, purl=where, version=_commit(fact.version), hub="huggingface")
    elif fact.hub in ("github", "torch-hub"):
        owner, _, name = fact.name.partition("/")
        where = purl("github", name or owner, fact.version, owner if name else "")
        draft = shop.draft(fact.kind, fact.name, where, purl=where, version=fact.version, hub=fact.hub)
    else:
        where = purl("generic", fact.name.rsplit("/", 1)[-1], fact.version, fact.name.rpartition("/")[0])
        draft = shop.draft(fact.kind, fact.name, f"{fact.hub}:{where}", purl=where, version=fact.version, hub=fact.hub)
    return draft
