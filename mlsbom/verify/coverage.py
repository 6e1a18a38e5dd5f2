"""Signed list against folder: every entry is covered, mismatched, missing, unsigned, or ignored by the signer or by default.

Names are compared code point for code point: no case folding, no Unicode normalisation.
"""

from __future__ import annotations

from mlsbom.verify import keys
from mlsbom.verify.manifest import DEFAULT_IGNORED, Manifest, Piece
from mlsbom.verify.subject import Entry, Tree, Want
from mlsbom.verify.verdict import Report, some


def compare(manifest: Manifest, tree: Tree, signature: str | None, report: Report, *, allow_uncovered: bool) -> None:
    """Fill `report.files` and refuse what the list does not allow. `signature`: the bundle's own path in the tree, left out everywhere."""
    entries = {name: e for name, e in tree.entries.items() if name != signature}
    signed = _single(manifest, entries) if manifest.single else manifest.files
    ignored = {name: owner for name in entries if name not in signed and (owner := _ignored(name, manifest))}
    strange = {name: e for name, e in entries.items() if name not in ignored and e.kind != "file"}
    bad = [name for name, e in entries.items() if name not in ignored and e.problem]
    for code, kind in (("symlink", "symlink"), ("special-file", "special")):
        found = [name for name, e in strange.items() if e.kind == kind]
        if found:
            report.refuse(code, some(found))
    if any(name not in strange for name in bad):
        report.refuse("bad-path", f"{some(name for name in bad if name not in strange)}: not UTF-8")
    files = report.files
    files.missing = [n for n in signed if n not in entries or (n in strange and n not in bad)]
    files.unsigned = [n for n in entries if n not in signed and n not in ignored]
    files.ignored_by_signer = [n for n, owner in ignored.items() if owner == "signer"]
    files.ignored_by_default = [n for n, owner in ignored.items() if owner == "default"]
    present = [n for n in signed if n in entries and entries[n].kind == "file"]
    unreadable = _hash(manifest, signed, tree, {n: entries[n] for n in present}, report)
    report.used.append((keys.HASH_OIDS.get(manifest.algorithm, manifest.algorithm), "digests of the files"))
    _refuse(report, unreadable, allow_uncovered=allow_uncovered)


def _single(manifest: Manifest, entries: dict[str, Entry]) -> dict[str, tuple[Piece, ...]]:
    """Of a model of one file without a name: the file that is there; among several the one that the subject names."""
    candidates = [n for n, e in entries.items() if e.kind == "file" and not _ignored(n, manifest)]
    if len(candidates) != 1:
        candidates = [n for n in candidates if n == manifest.subject]
    return {candidates[0] if candidates else ".": manifest.files["."]}


def _ignored(name: str, manifest: Manifest) -> str:
    if under(name, manifest.ignored):
        return "signer"
    return "default" if under(name, DEFAULT_IGNORED) else ""


def under(name: str, paths: frozenset[str]) -> bool:
    """Whether a path, or a folder that it is in, is one of `paths`."""
    at = name.find("/")
    while at >= 0:
        if name[:at] in paths:
            return True
        at = name.find("/", at + 1)
    return name in paths


def _hash(manifest: Manifest, signed: dict[str, tuple[Piece, ...]], tree: Tree, present: dict[str, Entry], report: Report) -> list[str]:
    wanted: list[Want] = []
    expected: list[tuple[str, str]] = []
    mismatched: set[str] = set()
    for name, entry in present.items():
        pieces = signed[name]
        if pieces[-1].end is not None and pieces[-1].end != entry.size:
            mismatched.add(name)
            continue
        for piece in pieces:
            wanted.append(Want(entry=entry, algorithm=manifest.algorithm, start=piece.start, end=piece.end))
            expected.append((name, piece.digest))
    unreadable: set[str] = set()
    for (name, digest), found in zip(expected, tree.digests(wanted), strict=True):
        if found is None:
            unreadable.add(name)
        elif found != digest:
            mismatched.add(name)
    report.files.mismatched = sorted(mismatched)
    report.files.covered = len(present) - len(mismatched | unreadable)
    return sorted(unreadable - mismatched)


def _refuse(report: Report, unreadable: list[str], *, allow_uncovered: bool) -> None:
    files = report.files
    if files.mismatched:
        report.refuse("digest-mismatch", some(files.mismatched))
    unsigned = [] if allow_uncovered else files.unsigned
    if files.missing and unsigned:
        report.refuse("missing-and-unsigned-file", f"missing {some(files.missing)}; unsigned {some(unsigned)}")
    elif files.missing:
        report.refuse("missing-file", some(files.missing))
    elif unsigned:
        report.refuse("unsigned-file", some(unsigned))
    if unreadable:
        report.refuse("unreadable-file", some(unreadable))
