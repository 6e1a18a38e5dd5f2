"""A registry: a folder of fingerprints (`*.fp`), and the search for those that a model is not independent of.

The search is staged, so that thousands cost little: the fixed part of each file (value hashes and sizes of matrices) says whether
anything is comparable; only then its names and rows are read, and only then the suspect's matrices of that width are sketched.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import Struct

from mlsbom.errors import Malformed, ReadError, UsageError
from mlsbom.lineage import form, matrices
from mlsbom.lineage.channels import Matcher, kept_against_kept
from mlsbom.lineage.comparison import Side, compare_sides, constants, match, open_side
from mlsbom.lineage.verdict import LISTED

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs

SUFFIX: Final = ".fp"
FOLDER: Final = "fingerprints"
MAX_FILE: Final = 64 << 20
TOGETHER: Final = 256
"""References that are matched in one pass over the suspect's matrices."""
ORDER: Final = {"copy": 0, "derived": 1, "review": 2, "candidate-family": 3, "not-comparable": 4, "no-evidence": 5}


@dataclass(frozen=True)
class Entry:
    """A fingerprint of a registry: its file name, and its bytes taken apart."""

    name: str
    raw: bytes
    body: form.Body

    @cached_property
    def fingerprint(self) -> form.Fingerprint:
        """All of it, names included. Raises Malformed."""
        return form.load(self.raw)


class Registry(Struct, frozen=True):
    """All readable fingerprints of a folder, and the names of those that are not."""

    entries: tuple[Entry, ...]
    damaged: tuple[tuple[str, str], ...]


def open_registry(folder: str | None, packs: Packs | None = None) -> Registry:
    """The fingerprints of a folder, or the shipped ones. Raises UsageError where there is no such folder, PackError for damaged packs."""
    from mlsbom.knowledge import Packs

    entries, damaged = [], []
    for name, read in _files(Path(folder)) if folder is not None else _shipped(packs or Packs()):
        try:
            raw = read()
            entries.append(Entry(name, raw, form.split(raw)))
        except ReadError as e:
            damaged.append((name, str(e)))
    return Registry(tuple(entries), tuple(damaged))


def _files(folder: Path) -> Iterator[tuple[str, Any]]:
    try:
        names = sorted(n for n in os.listdir(folder) if n.endswith(SUFFIX))
    except OSError as e:
        raise UsageError(
            f"{folder}: {e.strerror}", remedy="name a folder of fingerprints (mlsbom lineage fingerprint MODEL -o FOLDER/NAME.fp)"
        ) from e
    for name in names:
        yield name, lambda path=folder / name: _bytes(path)


def _bytes(path: Path) -> bytes:
    try:
        with open(path, "rb") as f:
            raw = f.read(MAX_FILE + 1)
    except OSError as e:
        raise Malformed(f"cannot be read: {e.strerror}") from e
    if len(raw) > MAX_FILE:
        raise Malformed(f"larger than {MAX_FILE} bytes")
    return raw


def _shipped(packs: Packs) -> Iterator[tuple[str, Any]]:
    for name in packs.names(FOLDER):
        if name.endswith(SUFFIX):
            yield name.removeprefix(FOLDER + "/"), lambda name=name: packs.read(name)


def comparable(registry: Registry, fingerprint: form.Fingerprint, widths: set[int]) -> list[Entry]:
    """The references that share a value hash, a matrix width or the shapes with a model: all others are no evidence without a look."""
    keys = {k for h in fingerprint.hashed for k in (h.key.bf16, h.key.f16)}
    mine = np.array(sorted(widths), np.uint32)
    out = []
    for e in registry.entries:
        shared = np.isin(e.body.matrices["m"], mine).any() if len(mine) else False
        if shared or any(x.tobytes() in keys for lane in ("bf16", "f16") for x in e.body.hashed[lane]):
            out.append(e)
    return out


def search_side(
    suspect: Side, registry: Registry, packs: Packs | None = None, listed: int = LISTED
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, result) for every comparable reference, in the registry's order. The number of references multiplies the tests."""
    if suspect.profiled is not None:
        widths = {v.columns for p in suspect.profiled.counted for v in matrices.suspect_views(p.tensor.shape)}
    else:
        widths = {x.m for x in suspect.fingerprint.matrices}
    known = constants(packs)
    found = comparable(registry, suspect.fingerprint, widths)
    models = len(registry.entries)
    for start in range(0, len(found), TOGETHER):
        group = []
        for e in found[start : start + TOGETHER]:
            try:
                group.append((e.name, Side(e.name, e.fingerprint)))
            except ReadError:
                continue
        matchers = [Matcher(r.kept) for _, r in group]
        if suspect.profiled is not None:
            match(suspect, matchers)
        mine = suspect.kept if suspect.profiled is None else []
        for (name, reference), matcher in zip(group, matchers, strict=True):
            evidence = matcher.finish() if suspect.profiled is not None else kept_against_kept(mine, reference.kept)
            yield name, compare_sides(suspect, reference, constants=known, models=models, found=evidence, listed=listed)


def search_paths(model: str, registry: str | None, *, packs: Packs | None) -> Iterator[dict[str, Any]]:
    """See `mlsbom.lineage.search`. Damaged files of the registry are results of their own: not-comparable. Of a model that could be read in
    part alone, references without evidence are listed too, each with that caveat."""
    opened = open_registry(registry, packs)
    with open_side(model) as suspect:
        partly = bool(suspect.fingerprint.header.shortfalls)  # then silence would look like a clean answer
        if partly and not suspect.fingerprint.hashed and not suspect.fingerprint.matrices:
            yield from (unreadable(model, e.name, _why(suspect)) for e in opened.entries)
        found = search_side(suspect, opened, packs)
        rows = [{"suspect": model, "reference": name} | result for name, result in found if partly or result["verdict"] != "no-evidence"]
        rows.sort(key=lambda r: (ORDER[r["verdict"]], r["log10_p"] or 0.0, r["reference"]))
        yield from rows
    for name, why in opened.damaged:
        yield unreadable(model, name, f"{name}: {why}")


def _why(suspect: Side) -> str:
    where, _, reason = suspect.fingerprint.header.shortfalls[0]
    return f"nothing of the suspect could be read: {where}: {reason}"


def unreadable(suspect: str, reference: str, why: str) -> dict[str, Any]:
    """The result where one side is no readable fingerprint."""
    return {
        "suspect": suspect,
        "reference": reference,
        "verdict": "not-comparable",
        "log10_p": None,
        "tests": 0,
        "incomplete": True,
        "parameter_coverage": None,
        "channels": {},
        "tensors": [],
        "caveats": [why],
    }
