"""Imports that no manifest declares: each becomes a package with scope `undeclared` at the line of the import.

An import is explained by a module of the target itself, by a declared package that the table (or its own name) gives for it, or by an
installed copy. What remains is mapped to a distribution by the table, or by its own name where that is a popular package; what cannot be
mapped is no package here: whether its name is bait is asked elsewhere. Source of the order: specs of packages, section 1.3.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Set
from functools import cached_property
from typing import Final

from msgspec import Struct, field

from mlsbom.knowledge import Packs
from mlsbom.model import Dependency, Evidence, Graph, Import, Observed, Place, Rule, Scope, Survey, Technique
from mlsbom.packages import names, popular
from mlsbom.packages.imports import Imports, load
from mlsbom.resolve import Asked

RULES: tuple[Rule, ...] = ()
BY: Final = "imports"
PLACES: Final = 50
"""Places of one undeclared package that are kept."""
_MODULE_FILES: Final = (".py", ".pyi", ".pyx", ".so", ".pyd", ".ipynb")
_ROOTS: Final = ("", "src", "lib", "python", "source", "code")
_BUILDERS: Final = {
    "setup.py": ("setuptools", "pkg_resources", "wheel", "Cython"),
    "noxfile.py": ("nox",),
    "conftest.py": ("pytest",),
    "fabfile.py": ("fabric",),
    "tasks.py": ("invoke",),
}
"""What the runner of a file brings along."""
_PROVIDED: Final = ("google.colab", "kaggle_secrets", "kaggle_web_client", "dbutils", "pyodide")
"""Modules that a hosted notebook brings along and no index should give."""
_INSTALLED: Final = ("site-packages/", "dist-packages/", "node_modules/")


class Modules(Struct):
    """The Python modules of one target or archive: for every folder, the names that can be imported from it."""

    folders: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    loose: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Folders without `__init__.py`: an installed package of that name wins over them (PEP 420, "Specification")."""

    _near: dict[tuple[str, bool], list[set[str]]] = field(default_factory=dict)
    """For a folder, with and without the loose ones: the names in it and in the source folders beside it, where there are any."""

    def add(self, path: str) -> None:
        """Note a file: its stem in its folder, and every folder above it as a package of the one above."""
        if not path.endswith(_MODULE_FILES):
            return
        self._near.clear()
        folder, base = posixpath.split(path)
        self.folders[folder].add(base.split(".", 1)[0])
        while folder:
            above, name = posixpath.split(folder)
            known = name in self.loose[above]
            self.loose[above].add(name)
            if base.startswith("__init__."):
                self.folders[above].add(name)
                base = ""
            elif known:
                return
            folder = above

    def has(self, module: str, importer: str, *, loose: bool = True) -> bool:
        """Whether a file can import a module of the target: from its own folder, one above, or the source folder beside one of these.
        `loose`: a folder without `__init__.py` counts."""
        folder = posixpath.dirname(importer)
        while True:
            if any(module in names for names in self._beside(folder, loose)):
                return True
            above = posixpath.dirname(folder)
            if above == folder:
                return False
            folder = above

    def _beside(self, folder: str, loose: bool) -> list[set[str]]:
        key = (folder, loose)
        if (known := self._near.get(key)) is None:
            tables = (self.folders, self.loose) if loose else (self.folders,)
            places = [posixpath.join(folder, root) if root else folder for root in _ROOTS]
            known = self._near[key] = [t[place] for place in places for t in tables if place in t]
        return known


def resolve(survey: Survey, graph: Graph | None, packs: Packs, asked: Asked) -> Iterator[Observed]:
    """The undeclared packages, at each place that imports them."""
    found = survey.facts.of(Import)
    if not found:
        return
    known = Explained(survey, load(packs), itself=True)
    imports = [(o.place, fact) for o, fact in found if not known(fact, o.place)]
    if not imports:
        return
    ranked = popular.load(packs, "pypi")
    in_use = ranked.ranks.keys() | ranked.watch if ranked else frozenset()
    shown: dict[str, int] = defaultdict(int)
    for place, fact in sorted(imports, key=lambda p: (p[1].optional, p[0].path, p[0].member, p[1].evidence.line or 0)):
        for name in distributions(fact, known.table, in_use):
            shown[name] += 1
            if name not in known.declared and shown[name] <= PLACES:
                yield Observed(place=place, by=BY, fact=_package(name, fact))


def _package(name: str, fact: Import) -> Dependency:
    confidence = 0.6 if fact.evidence.confidence >= 0.6 else fact.evidence.confidence
    scope = Scope.OPTIONAL if fact.optional else Scope.UNDECLARED
    evidence = Evidence(line=fact.evidence.line, technique=Technique.SOURCE, confidence=confidence, note=f"import {fact.module}")
    return Dependency(ecosystem="pypi", name=name, written=fact.module, scope=scope, parser=BY, evidence=evidence)


def declared_names(survey: Survey) -> frozenset[str]:
    """Normal names of everything that is declared, locked or installed as a package of Python or conda."""
    return frozenset(str(names.pypi(fact.name)) for _, fact in survey.facts.of(Dependency) if fact.ecosystem in ("pypi", "conda"))


def modules_of(survey: Survey) -> dict[str, Modules]:
    """The modules of the target ("" ) and of every archive in it (its path)."""
    out: dict[str, Modules] = defaultdict(Modules)
    own = out[""]
    for artifact in survey.artifacts:
        own.add(artifact.path)
    for o in survey.observed:
        if o.place.member:
            out[o.place.path].add(o.place.member)
    return out


class Explained:
    """Whether the standard library, the target itself, or something declared gives a module. `itself`: the target's name counts as one."""

    def __init__(self, survey: Survey, table: Imports, *, itself: bool = False) -> None:
        self.table = table
        self.declared = declared_names(survey)
        self._survey, self._itself = survey, itself
        self._given: dict[tuple[str, tuple[str, ...]], bool] = {}

    def __call__(self, fact: Import, place: Place) -> bool:
        """What needs no look at the place is asked once a module, and first: many files import few modules."""
        key = (fact.module, fact.modules)
        given = self._given.get(key)
        if given is None:
            given = self._given[key] = self._anywhere(fact.module, fact.modules or (fact.module,))
        if given:
            return True
        path = f"{place.path}/{place.member}"
        if any(part in path for part in _INSTALLED):
            return True
        if fact.module in _BUILDERS.get(posixpath.basename(place.member or place.path), ()):
            return True
        own = self._modules.get(place.path if place.member else "")
        return own is not None and own.has(fact.module, place.member or place.path, loose=not self.table.candidates(fact.module))

    def _anywhere(self, module: str, dotted: tuple[str, ...]) -> bool:
        if module in self.table.stdlib or str(names.pypi(module)) in self.declared or all(m.startswith(_PROVIDED) for m in dotted):
            return True
        return all(any(d in self.declared for d in self.table.candidates(name)) for name in dotted)

    @cached_property
    def _modules(self) -> dict[str, Modules]:
        modules = modules_of(self._survey)
        if self._itself:
            modules[""].folders[""].add(self._survey.target.name)  # a package that is scanned by itself imports itself
        return modules


def distributions(fact: Import, table: Imports, popular_names: Set[str]) -> list[str]:
    """The distributions that an import means: the usual one of the longest known prefix, else the popular package of its own name."""
    found = dict.fromkeys(c[0] for c in map(table.candidates, fact.modules or (fact.module,)) if c)
    own = str(names.pypi(fact.module))
    return list(found) or ([own] if own in popular_names else [])
