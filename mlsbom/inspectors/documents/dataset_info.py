"""What a data set's own files say of it: `dataset_info.json`, `dataset_infos.json`, `dataset_dict.json`, Croissant."""

from __future__ import annotations

from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.formats import located
from mlsbom.formats.located import Located
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.documents.common import at as evidence_at
from mlsbom.inspectors.documents.common import doubled, state
from mlsbom.model import LicenseClaim, Rule, Statement

RULES: tuple[Rule, ...] = ()


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of one of these files. Raises Malformed for what is no JSON."""
    document = blob.parsed(located.read_json)
    root, name = document.root, (context.member or context.path).rpartition("/")[2].lower()
    if root.kind != "mapping":
        return
    yield from doubled(document.duplicates)
    if name == "croissant.json" or root.get("conformsTo") is not None:
        yield from _croissant(root)
    elif name == "dataset_infos.json":
        for _, one in root.items():
            yield from _info(one)
    elif root.get("features") is not None or root.get("splits") is not None:
        yield from _info(root)


def _info(root: Located) -> Iterator[Statement | LicenseClaim]:
    yield from state("description", _text(root, "description"), "dataset")
    yield from state("citation", _text(root, "citation"), "dataset")
    homepage = _text(root, "homepage")
    if homepage is not None and homepage.text.startswith("http"):
        yield from state("url", homepage, "dataset", plain={"type": "website", "url": homepage.text})
    license_ = _text(root, "license")
    if license_ is not None:
        yield LicenseClaim(value=license_.text[:300], part="dataset", origin="metadata", about="dataset", evidence=evidence_at(license_))
    yield from state("name", _text(root, "dataset_name") or _text(root, "builder_name"), "dataset", confidence=0.4)
    splits = root.get("splits")
    for name, split in splits.items() if splits is not None else ():
        rows, size = split.get("num_examples"), split.get("num_bytes")
        fact: dict[str, object] = {"name": name}
        fact |= {k: v.value for k, v in (("rows", rows), ("bytes", size)) if v is not None and isinstance(v.value, int)}
        yield from state("split", rows or split, "dataset", plain=fact)
    features = root.get("features")
    for name, kind in list(features.items())[:500] if features is not None else ():
        dtype = kind.get("dtype") or kind.get("_type")
        yield from state(
            "feature", dtype or kind, "dataset", plain={"name": name, **({"type": dtype.text} if dtype is not None and dtype.text else {})}
        )


def _croissant(root: Located) -> Iterator[Statement | LicenseClaim]:
    for key, field in (
        ("name", "name"),
        ("description", "description"),
        ("version", "version"),
        ("datePublished", "released"),
        ("citeAs", "citation"),
    ):
        yield from state(field, _text(root, key), "dataset")
    license_ = _text(root, "license")
    if license_ is not None:
        yield LicenseClaim(value=license_.text[:300], part="dataset", origin="metadata", about="dataset", evidence=evidence_at(license_))
    creator = root.get("creator")
    for one in creator.each() if creator is not None else ():
        yield from state("supplier", one.get("name") if one.kind == "mapping" else one, "dataset")
    files = root.get("distribution")
    for one in files.each() if files is not None else ():
        yield from state("data_file", _text(one, "contentUrl"), "dataset")


def _text(root: Located, key: str) -> Located | None:
    value = root.get(key)
    return value if value is not None and value.text else None
