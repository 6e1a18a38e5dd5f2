"""Repositories of kinds that no rule was written for: what is in them is found at its place, and nothing that only looks so."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from mlsbom.model import Component, Graph, Kind, Relationship, Scope, Source
from mlsbom.scan import Settings, scan
from tests.unseen.make_repos import Item, Repo, repos

KINDS = {
    "package": {Kind.PACKAGE},
    "undeclared": {Kind.PACKAGE},
    "base_model": {Kind.MODEL},
    "referenced_model": {Kind.MODEL},
    "model": {Kind.MODEL},
    "hosted_model": {Kind.SERVICE, Kind.MODEL},
    "dataset": {Kind.DATASET},
    "endpoint": {Kind.SERVICE},
    "container": {Kind.CONTAINER},
    "remote_code": {Kind.CODE},
    "agent_tool": {Kind.AGENT_TOOL},
}
"""What a thing of a class is shown as."""
LINED = (".py", ".txt", ".sh", "Dockerfile", "Makefile", "Modelfile")
CASES = {repo.name: repo for repo in repos()}
ITEMS = [pytest.param(r, i, id=f"{r.name}-{i.cls}-{i.name}") for r in CASES.values() for i in r.items if i.there and not i.optional]
TRAPS = [pytest.param(r, i, id=f"{r.name}-{i.cls}-{i.name}") for r in CASES.values() for i in r.items if not i.there]


@pytest.fixture(scope="module")
def graph_of(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """The graph of a repository by its name; each is scanned once."""

    @cache
    def graph(name: str) -> Graph:
        folder: Path = CASES[name].write(tmp_path_factory.mktemp("unseen"))
        return scan(str(folder), Settings(cache=False)).graph

    return graph


def names_of(c: Component) -> set[str]:
    """Everything that a component goes by, in lower case."""
    urls = {str(v.value).lower().rstrip("/") for v in c.values if v.field == "endpoint"}
    tag = {f"{c.name}:{c.version}".lower()} if c.version else set()
    return {c.name.lower(), *urls, *tag}


def host(text: str) -> str:
    """The host of a URL, "" for what is none."""
    found = re.match(r"\w+://([^/:?#]+)", text)
    return found[1].lower() if found else ""


def is_it(item: Item, c: Component) -> bool:
    """Whether a component is what an item says."""
    if c.kind not in KINDS[item.cls]:
        return False
    wanted = {n.lower().rstrip("/") for n in (item.name, *item.aliases)}
    if item.cls in ("package", "undeclared"):
        known = {"github": "github-actions"}.get(item.eco, item.eco)
        return c.ecosystem == known and bool({re.sub(r"[-_.]+", "-", n) for n in wanted} & {re.sub(r"[-_.]+", "-", n) for n in names_of(c)})
    if item.cls == "endpoint":
        return bool(wanted & names_of(c)) or (bool(host(item.name)) and host(item.name) == c.name)
    return bool(wanted & names_of(c))


def stated_at(item: Item, source: Source) -> bool:
    """Whether evidence cites one of the item's places: the line where lines count (and the next, for a call over two)."""
    for path, line in item.at:
        if source.path == path and (line is None or source.line is None or abs(source.line - line) <= 1 or not path.endswith(LINED)):
            return True
    return False


def places(graph: Graph, c: Component) -> list[Source]:
    """The evidence of a component and of the edges to it."""
    edges: list[Relationship] = [r for r in graph.relationships if r.target == c.ref]
    return [*c.evidence, *(e for r in edges for e in r.evidence)]


@pytest.mark.parametrize(("repo", "item"), ITEMS)
def test_found(repo: Repo, item: Item, graph_of) -> None:  # type: ignore[no-untyped-def]
    """Found, as the right kind of thing, with a place that states it and a version that it states."""
    graph: Graph = graph_of(repo.name)
    found = [c for c in graph.components if is_it(item, c)]
    if item.cls == "undeclared":
        found = [c for c in found if c.scope is Scope.UNDECLARED]
    if item.cls == "base_model":
        ancestors = {r.target for r in graph.relationships if r.kind == "derived-from"}
        found = [c for c in found if c.ref in ancestors]
    assert found, "not found"
    cited = [s for c in found for s in places(graph, c)]
    assert any(stated_at(item, s) for s in cited), f"cites {[(s.path, s.line) for s in cited]}"
    if item.cls == "package" and item.versions is not None:
        shown = {c.version for c in found if c.version}
        assert shown <= set(item.versions), f"shows {shown}"
        assert shown or not item.versions or any(c.specifiers for c in found)


@pytest.mark.parametrize(("repo", "item"), TRAPS)
def test_not_taken_for_one(repo: Repo, item: Item, graph_of) -> None:  # type: ignore[no-untyped-def]
    """What stands in comments, prose, tests and paths is no component."""
    wrong = [c for c in graph_of(repo.name).components if is_it(item, c)]
    assert not wrong, f"listed, from {[(s.path, s.line) for c in wrong for s in c.evidence]}"


@pytest.mark.parametrize("name", CASES)
def test_nothing_else(name: str, graph_of) -> None:  # type: ignore[no-untyped-def]
    """Every component of these kinds is one of the truth."""
    judged = {k for kinds in KINDS.values() for k in kinds}
    there = [i for i in CASES[name].items if i.there]
    odd = [c for c in graph_of(name).components if c.kind in judged and not any(is_it(i, c) for i in there)]
    assert not odd, [(c.kind, c.name) for c in odd]
