"""Where licence statements are, and which govern what: claims, texts, notices and upstreams of one survey.

What lies under `bases/` is known of upstreams and is no part of the delivery (specs of licences, section 4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.knowledge import Packs
from mlsbom.licenses import clauses, duties, facts, titles
from mlsbom.licenses.duties import Terms
from mlsbom.licenses.expressions import Named, named, tag
from mlsbom.licenses.identify import Identified, identify_text
from mlsbom.licenses.text import from_lines
from mlsbom.model import Evidence, LicenseClaim, Mark, Observed, Place, Survey, Text
from mlsbom.patterns import late

_UPSTREAM = late(r"^bases/(datasets/)?([^/]+/[^/]+)/")
_DIST = late(r"(?:^|/)([A-Za-z0-9._]+)-[^/-]+\.(?:dist-info|egg-info)/(?:METADATA|PKG-INFO)$")
EMBEDDED: Final[frozenset[str]] = frozenset({"header", "metadata"})
PACKAGED: Final[frozenset[str]] = frozenset({"package", "classifier"})


class Claim(Struct, frozen=True, kw_only=True):
    """A declared licence: what was written, what it stands for, and where."""

    place: Place
    evidence: Evidence
    origin: str
    about: str
    part: str
    written: str
    stands: Named

    @property
    def shown(self) -> str:
        """As written, for messages."""
        return self.written


class Document(Struct, frozen=True, kw_only=True):
    """A licence text, notice or policy: `identified` for licences. `folder`: of the path, or of the member inside an archive."""

    place: Place
    kind: str
    part: str
    sha256: str
    content: str
    identified: Identified | None = None

    @property
    def shown(self) -> str:
        """The expression, with the kind where the identifier does not tell it."""
        assert self.identified
        kind = self.identified.kind
        return f"{self.identified.expression}" + (f" ({kind})" if kind not in ("permissive", "public-domain") else "")


class Upstream(Struct):
    """What is known offline of a hub repository, or of a package."""

    name: str
    claims: list[Claim] = field(default_factory=list)
    texts: list[Document] = field(default_factory=list)
    notices: list[Document] = field(default_factory=list)
    policies: list[Document] = field(default_factory=list)


class Sources:
    """All licence statements of a survey, read once."""

    def __init__(self, survey: Survey, packs: Packs) -> None:
        self.packs = packs
        self.table = facts.load(packs)
        self.claims: list[Claim] = []
        self.texts: list[Document] = []
        self.notices: list[Document] = []
        self.policies: list[Document] = []
        self.tags: list[Observed] = []
        self.upstreams: dict[str, Upstream] = {}
        self.packages: dict[str, list[Claim]] = {}
        self._by_digest: dict[str, Identified] = {}
        kept: dict[str, Text] = {text.sha256: text for _, text in survey.facts.of(Text)}
        for o, claim in survey.facts.of(LicenseClaim):
            self._claim(o, claim, kept)
        for o, text in survey.facts.of(Text):
            if text.kind in ("notice", "policy"):
                self._file(o, Document(place=o.place, kind=text.kind, part="", sha256=text.sha256, content=text.content))
        self.tags.extend(o for o, mark in survey.facts.of(Mark) if mark.kind == "license" and not o.place.path.startswith("bases/"))

    def _claim(self, o: Observed, fact: LicenseClaim, kept: dict[str, Text]) -> None:
        if fact.role == "observed":
            text = kept.get(fact.text_sha256 or "")
            if text is not None:
                self._file(
                    o,
                    Document(
                        place=o.place,
                        kind="license",
                        part=fact.part,
                        sha256=text.sha256,
                        content=text.content,
                        identified=self._identified(text),
                    ),
                )
            return
        if fact.role != "declared":
            return
        claim = Claim(
            place=o.place,
            evidence=fact.evidence,
            origin=fact.origin,
            about=fact.about,
            part=fact.part,
            written=_written(fact),
            stands=self.stands_for(fact),
        )
        package, upstream = _DIST.search(o.place.path), _UPSTREAM.match(o.place.path)
        if package:
            self.packages.setdefault(re.sub(r"[-_.]+", "-", package[1]).lower(), []).append(claim)
        elif upstream:
            self._upstream(upstream[2]).claims.append(claim)
        else:
            self.claims.append(claim)

    def _file(self, o: Observed, document: Document) -> None:
        upstream = _UPSTREAM.match(o.place.path)
        home: Sources | Upstream = self._upstream(upstream[2]) if upstream else self
        {"notice": home.notices, "policy": home.policies}.get(document.kind, home.texts).append(document)

    def _upstream(self, name: str) -> Upstream:
        return self.upstreams.setdefault(name.lower(), Upstream(name))

    def _identified(self, text: Text) -> Identified:
        if text.sha256 not in self._by_digest:
            self._by_digest[text.sha256] = identify_text(from_lines(text.content.split("\n")), self.packs)
        return self._by_digest[text.sha256]

    def stands_for(self, fact: LicenseClaim) -> Named:
        """What a claim stands for. `other` with a name is that name, in the table or not."""
        value, name = fact.value.strip(), (fact.name or "").strip()
        found = tag(value, self.table) if fact.origin == "card" else named(value, self.table)
        if found.expression in (None, "NOASSERTION") and name and value.lower() in ("other", "unknown", "", name.lower()):
            by_name = named(name.replace("_", "-"), self.table)
            if by_name.expression:
                return by_name
            return Named(written=name, expression=f"LicenseRef-{titles.slug(name)}", why="a name that is not in the facts table")
        if (
            found.expression is None
            and fact.origin in EMBEDDED
            and re.fullmatch(r"[\w .+-]{3,60}", value)
            and value.lower() not in self.table.nothing
        ):
            return Named(written=value, expression=f"LicenseRef-{titles.slug(value)}", why="a name that is not in the facts table")
        return found

    # --- which govern what ---------------------------------------------------------------------------------------------------------

    def governing(self, folder: str, parts: tuple[str, ...]) -> list[Document]:
        """The licence texts of the nearest folder upward that has one for these parts ("" fits any)."""
        for at in upward(folder):
            here = [d for d in self.texts if folder_of(d.place) == at and (d.part in parts or not d.part)]
            exact = [d for d in here if d.part]
            if here:
                return exact or here
        return []

    def packaged(self, paths: set[str]) -> tuple[list[Claim], list[Document]]:
        """What distributions' metadata at these paths state, and the texts beside them: for a model that goes by its package."""
        claims = [c for rows in self.packages.values() for c in rows if c.place.path in paths]
        return claims, [d for d in self.texts if d.place.path in paths]

    def cards(self, folder: str) -> list[Claim]:
        """The card claims of the nearest folder upward that has one."""
        for at in upward(folder):
            here = [c for c in self.claims if c.origin == "card" and c.about == "owner" and folder_of(c.place) == at]
            if here:
                return here
        return []

    def terms_of_text(self, document: Document) -> Terms:
        """The terms of a text: facts of its identifiers and its own clauses."""
        assert document.identified
        found = document.identified
        return duties.of_expression(found.expression or "", self.table, document.place.path, 1, "text", found.clauses)

    def terms_of_claim(self, claim: Claim) -> Terms:
        """The terms that a declared licence stands for, by facts alone."""
        if not claim.stands.expression or claim.stands.expression == "NOASSERTION":
            return Terms(expression=None, path=claim.place.path, line=claim.evidence.line, how="unknown")
        return duties.of_expression(claim.stands.expression, self.table, claim.place.path, claim.evidence.line)

    def effective(self, claims: Iterable[Claim], texts: Iterable[Document], policies: Iterable[Document] = ()) -> Terms:
        """What binds: the texts, with what is declared beside them where it asks for more; declared alone where there is no text. A use
        policy adds its barred uses where the licence refers to one."""
        terms = self._effective(claims, texts)
        for d in policies if terms.has("field-of-use") else ():
            terms = duties.with_read(terms, clauses.find(from_lines(d.content.split("\n"))), d.place.path)
        return terms

    def _effective(self, claims: Iterable[Claim], texts: Iterable[Document]) -> Terms:
        documents = [self.terms_of_text(d) for d in texts if d.identified and d.identified.expression]
        declared = [t for c in claims if (t := self.terms_of_claim(c)).expression]
        every = [*documents, *(d for d in declared if not documents or d.expression not in [x.expression for x in documents])]
        if not every:
            return Terms(expression=None, how="unknown")
        from mlsbom.licenses.expressions import worst

        merged: dict[str, Any] = {}
        for t in reversed(every):
            merged.update(t.terms)
        if (
            documents
            and "territory" in merged
            and not any("territory" in d.terms for d in documents)
            and any(set(d.ids) & set(t.ids) for d in documents for t in declared)
        ):
            del merged["territory"]
        first = every[0]
        expression = " AND ".join(
            dict.fromkeys(f"({t.expression})" if " OR " in (t.expression or "") and len(every) > 1 else str(t.expression) for t in every)
        )
        return Terms(
            expression=expression,
            kind=worst([t.kind for t in every]),
            terms=merged,
            path=first.path,
            line=first.line,
            how=first.how,
            confidence="; ".join(dict.fromkeys(t.confidence for t in every if t.confidence)),
            law=first.law,
        )

    def upstream_terms(self, name: str) -> Terms | None:
        """The terms of a hub repository: from `bases/`, else from what is known of the publisher's family, else None."""
        known = self.upstreams.get(name.lower())
        if known is not None and (known.claims or known.texts):
            return self.effective(known.claims, known.texts, known.policies)
        for row, pattern in self.packs.loaded("licenses.hubs", _hubs):
            if pattern.fullmatch(name.lower()):
                return duties.of_expression(row["license"], self.table, "", None, "assumed")
        return None


def folder_of(place: Place) -> str:
    """The folder of a place; of a member, that inside its archive."""
    if place.member:
        inside = place.member.rpartition("/")[0]
        return f"{place.path}!/{inside}" if inside else f"{place.path}!"
    return place.path.rpartition("/")[0]


def upward(folder: str) -> Iterator[str]:
    """A folder and those above it, up to the root ""."""
    yield folder
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder


def _written(fact: LicenseClaim) -> str:
    value = fact.value.strip()
    return (fact.name or value).strip() if value.lower() in ("other", "unknown", "") and fact.name else value


def _hubs(packs: Packs) -> list[tuple[dict[str, str], re.Pattern[str]]]:
    return [(row, late(row["name"])) for row in packs.toml("licenses/hubs.toml")["family"]]
