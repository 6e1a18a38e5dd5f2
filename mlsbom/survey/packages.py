"""Dependencies to package components: one a (ecosystem, name, exact version); ranges join the version that a pin or lock gives."""

from __future__ import annotations

import posixpath

from mlsbom.model import Dependency, Facts, Kind, Observed, Reference, Role, Scope, Source, Specifier
from mlsbom.survey.drafts import Draft, Workshop, source_of
from mlsbom.survey.identity import package_purl
from mlsbom.survey.units import folder_of
from mlsbom.survey.units import projects as projects_of

_LOCAL = frozenset({"editable", "path"})

Mention = tuple[Observed, Dependency, Source]
"""What was observed, its fact, and its evidence with its place."""


def fold_packages(facts: Facts, shop: Workshop, root: Draft) -> None:
    """Make the package components, their edges from the project (or the root) that asks for them, and from packages to packages."""
    mentions: dict[tuple[str, str], list[Mention]] = {}
    tools = {(o.place, tool.evidence.line, tool.name) for o, tool in facts.of(Reference) if tool.role is Role.TOOL}
    folders = {folder_of(path): fact for path, fact in sorted(projects_of(facts).items(), reverse=True)}
    for o, fact in facts.of(Dependency):
        if fact.name:
            if tools and (o.place, fact.evidence.line, fact.written or fact.name) in tools:
                continue  # the package that an agent starts is shown as that tool, with the package's purl
            project = folders.get(_folder_meant(o.place.path, fact)) if fact.source in _LOCAL else None
            named = project or fact  # `-e ./plugins` is the project that lies there
            mentions.setdefault((named.ecosystem, named.name), []).append((o, fact, source_of(o)))
    made: dict[tuple[str, str], list[Draft]] = {}
    projects: dict[str, Draft] = {}
    for key in sorted(mentions):
        made[key] = _drafts(key, mentions[key], shop)
        for o, fact, _ in mentions[key]:
            if fact.project and not o.place.member:
                projects[o.place.path] = made[key][0]
    by_folder = {folder_of(path): d for path, d in sorted(projects.items(), reverse=True)}
    for path in projects:
        shop.join(root, "contains", projects[path], projects[path].evidence.values())
    for key, drafts in made.items():
        for o, fact, source in mentions[key]:
            if fact.project:
                continue
            targets = [d for d in drafts if d.version == fact.resolved] or drafts
            via = made.get((fact.ecosystem, fact.via)) if fact.via else None
            owner = projects.get(o.place.path) or (by_folder.get(folder_of(o.place.path)) if fact.locked else None) or root
            for target in targets:
                for asker in via or [owner]:
                    relation = str(fact.scope) if asker is owner or asker is root else None
                    shop.join(asker, "depends-on", target, [source], relation)


def _folder_meant(path: str, fact: Dependency) -> str:
    """The folder of the target that a path requirement means, as artifacts spell it; "?" where it is none."""
    written = (fact.ref or fact.specifier).removeprefix("file:").split("[", 1)[0].split("#", 1)[0]
    if not written or written.startswith(("/", "~", "$")) or "://" in written:
        return "?"
    return posixpath.normpath(posixpath.join(folder_of(path), written)).removeprefix("./")


def _drafts(key: tuple[str, str], mentions: list[Mention], shop: Workshop) -> list[Draft]:
    ecosystem, name = key
    facts = [fact for _, fact, _ in mentions]
    versions: list[str | None] = [*sorted({f.resolved for f in facts if f.resolved})] or [None]
    drafts = []
    for version in versions:
        vcs = next((f.ref for f in facts if f.source == "vcs" and f.ref), None)
        local = all(f.source in _LOCAL and not f.project for f in facts)  # no registry gave it, whatever else has its name there
        purl = package_purl("generic" if local else ecosystem, name, version, vcs)
        draft = shop.draft(Kind.PACKAGE, name, purl or f"{ecosystem}:{name}@{version}", version=version, purl=purl, ecosystem=ecosystem)
        drafts.append(draft)
    for o, fact, source in mentions:
        targets = [d for d in drafts if d.version == fact.resolved] if fact.resolved else drafts
        for draft in targets:
            draft.seen(source)
            draft.local = draft.local or fact.installed or fact.project
            if not fact.project:
                draft.narrow(fact.scope)
            written = fact.specifier or (fact.ref or "" if fact.source in ("vcs", "url", "path", "editable") else "")
            draft.specifiers[(o.place.path, source.line or 0, o.place.member, written, fact.resolved or "", fact.scope)] = Specifier(
                specifier=written, path=str(o.place), line=source.line, resolved=fact.resolved, scope=fact.scope
            )
            for h in fact.hashes:
                algorithm, _, value = h.partition(":")
                if value and fact.source in ("url", "path"):  # a lock names hashes of many files; only a direct file has one of its own
                    draft.hashes[(algorithm, value)] = None
            if draft.scope is None and not fact.project:
                draft.scope = Scope.RUNTIME
    return drafts
