"""What the pack `fingerprints` says of its models: which file is whose, and the shapes by which a family is recognised."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs
    from mlsbom.lineage.registry import Entry

MODELS: Final = "fingerprints/models.toml"
FAMILIES: Final = "fingerprints/families.toml"


class Model(Struct, frozen=True, kw_only=True):
    """Whose a fingerprint is. `product`: the name that all versions share; `aliases`: further names it goes by (hub identifiers).
    `elements`: value counts of the tensors that a match or a test could rest on."""

    file: str
    product: str
    version: str
    purl: str
    license: str
    aliases: tuple[str, ...] = ()
    elements: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.product} {self.version}".strip()

    def named_by(self, name: str) -> bool:
        """Whether a name as written names this product: the product or an alias, alone or as a whole part of the name."""
        said = normal(name)
        return any(re.search(rf"(?:^|-){re.escape(normal(n))}(?:-|$)", said) is not None for n in (self.product, *self.aliases))


class Known(Struct, frozen=True):
    """The shipped registry: fingerprints, and whose each is, by file name."""

    entries: tuple[Entry, ...]
    models: dict[str, Model]


class Family(Struct, frozen=True, kw_only=True):
    """Facts on a well-known architecture: width, inner width, vocabulary (as published in its configuration)."""

    name: str
    hidden: int
    inner: int
    vocabulary: int

    def fits(self, shapes: set[tuple[int, ...]]) -> bool:
        """Whether a model has this family's token table and this inner width, either way round."""
        pairs = {tuple(sorted(s)) for s in shapes if len(s) == 2}
        inner = any((min(self.hidden, n), max(self.hidden, n)) in pairs for n in (self.inner, 2 * self.inner))
        return inner and tuple(sorted((self.hidden, self.vocabulary))) in pairs


def normal(name: str) -> str:
    """The last part of a name in lower case, runs of anything but letters and digits as one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", name.rstrip("/").rsplit("/", 1)[-1].lower()).strip("-")


def models(packs: Packs) -> dict[str, Model]:
    """Whose each fingerprint is, by file name. Reads one small file, and no fingerprint."""

    def load(p: Packs) -> dict[str, Model]:
        if MODELS not in p.index.get("files", {}):
            return {}
        return {r["file"]: _model(r) for r in p.toml(MODELS)["model"]}

    return packs.loaded(("lineage models",), load)


def known(packs: Packs) -> Known:
    """The shipped registry, once for these packs. Raises PackError."""

    def load(p: Packs) -> Known:
        from mlsbom.lineage.registry import open_registry

        return Known(open_registry(None, p).entries, models(p))

    return packs.loaded(("lineage registry",), load)


def _model(row: dict[str, Any]) -> Model:
    return Model(
        file=row["file"],
        product=row["product"],
        version=row["version"],
        purl=row["purl"],
        license=row["license"],
        aliases=tuple(row.get("aliases", ())),
        elements=tuple(row.get("elements", ())),
    )


def families(packs: Packs) -> tuple[Family, ...]:
    """Well-known architectures by their dimensions."""

    def load(p: Packs) -> tuple[Family, ...]:
        if FAMILIES not in p.index.get("files", {}):
            return ()
        return tuple(
            Family(name=f["name"], hidden=f["hidden"], inner=f["inner"], vocabulary=f["vocabulary"]) for f in p.toml(FAMILIES)["family"]
        )

    return packs.loaded(("lineage families",), load)
