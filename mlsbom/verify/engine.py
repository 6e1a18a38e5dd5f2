"""`verify`: from a path, a signature and anchors to the document that the command prints. The only part that looks at the disk."""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlsbom.errors import UsageError
from mlsbom.patterns import late
from mlsbom.verify import algorithms as profiles
from mlsbom.verify import judge
from mlsbom.verify import trust as anchoring
from mlsbom.verify.judge import Target
from mlsbom.verify.signature import Asked
from mlsbom.verify.strict import LIMIT
from mlsbom.verify.subject import HASHES, WEAK, DiskFile, DiskTree, KnownDigests, read_regular
from mlsbom.verify.verdict import Report, some, text

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs

FOLDER_SIGNATURE: Final = "model.sig"
BESIDE: Final = (".sigstore.json", ".sigstore", ".sig", ".publish.attestation", ".attestation")
"""What a signature beside a file is called, first first (Sigstore, PEP 740)."""
_NESTED = late(r".*(?:\.sig|\.sigstore(?:\.json)?|\.intoto\.jsonl)")


def verify(
    target: str | os.PathLike[str],
    *,
    signature: str | os.PathLike[str] | None = None,
    digest: str | None = None,
    trust: tuple[str | os.PathLike[str], ...] = (),
    identity: str | None = None,
    issuer: str | None = None,
    at: str | None = None,
    allow_uncovered: bool = False,
    algorithms: str = "default",
    packs: Packs | None = None,
) -> dict[str, Any]:
    """Verify a folder, a file or (with `digest`, `ALGORITHM:HEX`) a thing whose bytes are elsewhere; the document of INTERFACE.md.

    `trust`: anchor files; none: the Sigstore root of the data packs, for Sigstore bundles alone. `at`: RFC 3339, default
    SOURCE_DATE_EPOCH, else now. Opens no socket, writes nothing. Raises UsageError for anchors, options or targets that cannot be used;
    never for what a signature file or the target holds.
    """
    packs = packs or default_packs()
    anchors = anchoring.default(anchoring.load(tuple(Path(p) for p in trust)), packs)
    time, source = asked_time(at)
    asked = Asked(at=time, at_source=source, identity=identity, issuer=issuer, allow_uncovered=allow_uncovered)
    gate = profiles.load(algorithms, packs)
    label = text(os.fsdecode(target))
    if digest is not None:
        thing = KnownDigests(label, _digest(digest))
        if signature is None:
            return _unsigned(label, "name the signature of a thing whose bytes are elsewhere with --signature")
        raw, problem = _read(os.fspath(signature))
        report = problem or judge.signature_file(raw, Target(label=label, thing=thing), anchors, asked, gate)
        return _finish(report, label)
    path = os.fsdecode(target)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as e:
        raise UsageError(f"{label}: {getattr(e, 'strerror', None) or e}", remedy="name a folder or a file, or give --digest") from e
    if stat.S_ISDIR(mode):
        return _folder(path, label, signature, anchors, asked, gate)
    if not stat.S_ISREG(mode):
        report = Report(target=label)
        report.refuse("special-file", "the target is no regular file and is not opened")
        return _finish(report, label)
    return _file(path, label, signature, anchors, asked, gate)


@cache
def default_packs() -> Packs:
    """The data packs of this installation, read once a process."""
    from mlsbom.knowledge import Packs as AllPacks

    return AllPacks()


def _folder(
    path: str, label: str, signature: str | os.PathLike[str] | None, anchors: anchoring.Anchors, asked: Asked, gate: profiles.Profile
) -> dict[str, Any]:
    trees: dict[bool, DiskTree] = {}

    def tree(follow: bool) -> DiskTree:
        if follow not in trees:
            trees[follow] = DiskTree(path, follow=follow)
        return trees[follow]

    if signature is not None:
        raw, problem = _read(os.fspath(signature))
        own = _inside(path, os.fspath(signature))
    else:
        entry = tree(False).entries.get(FOLDER_SIGNATURE)
        if entry is None:
            nested = sorted(n for n in tree(False).entries if _NESTED.fullmatch(n))
            return _unsigned(label, f"no {FOLDER_SIGNATURE} in the folder", nested)
        own, raw, problem = FOLDER_SIGNATURE, b"", None
        if entry.kind != "file":
            problem = Report(target=label)
            problem.refuse("symlink" if entry.kind == "symlink" else "special-file", FOLDER_SIGNATURE)
        else:
            try:
                raw = tree(False).read(FOLDER_SIGNATURE, LIMIT)
            except OSError as e:
                problem = Report(target=label)
                problem.refuse("bad-bundle", f"{FOLDER_SIGNATURE} cannot be read: {e.strerror or e}")
    report = problem or judge.signature_file(raw, Target(label=label, tree=tree, signature=own), anchors, asked, gate)
    return _finish(report, label)


def _file(
    path: str, label: str, signature: str | os.PathLike[str] | None, anchors: anchoring.Anchors, asked: Asked, gate: profiles.Profile
) -> dict[str, Any]:
    try:
        thing = DiskFile(path, os.path.basename(path))
    except OSError as e:
        raise UsageError(f"{label}: {e.strerror}", remedy="make it readable") from e
    try:
        sbom = _sbom(thing)
        target = Target(label=label, thing=thing, sbom=sbom != "")
        if signature is None:
            if sbom == "jsf":
                return _finish(judge.enveloped(thing.data(LIMIT) or b"", target, anchors, asked, gate), label)
            signature = next((path + s for s in BESIDE if os.path.lexists(path + s)), None)
        if signature is None and sbom == "xmldsig":
            report = Report(target=label, kind="sbom-xmldsig")
            report.refuse("unsupported-bundle", "XML signatures are not verified: sign the file with a bundle beside it")
            return _finish(report, label)
        if signature is None:
            return _unsigned(label, "no signature in it or beside it")
        raw, problem = _read(os.fspath(signature))
        return _finish(problem or judge.signature_file(raw, target, anchors, asked, gate), label)
    finally:
        thing.close()


def _sbom(thing: DiskFile) -> str:
    """`jsf` for a CycloneDX JSON with a signature of its own, `xmldsig` for XML with one, `sbom` for other SBOMs, "" for other files.

    Judged by text alone, loosely: what is taken for a signed SBOM is then parsed strictly."""
    if thing.size > LIMIT:
        return ""
    data = thing.data(LIMIT) or b""
    head = data[:65536].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] == b"{" and b'"bomFormat"' in data and b'"CycloneDX"' in data:
        return "jsf" if re.search(rb'"signature"\s*:', data) and _top_signature(data) else "sbom"
    if head[:1] == b"<" and b"cyclonedx.org/schema/bom" in data:
        return "xmldsig" if b"http://www.w3.org/2000/09/xmldsig#" in data else "sbom"
    return "sbom" if head[:1] == b"{" and (b'"spdxVersion"' in data or b"spdx.org/rdf/3" in data) else ""


def _top_signature(data: bytes) -> bool:
    """Whether the document itself has a signature; unreadable JSON counts as having one, so that its fault is told."""
    import json

    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return True
    return isinstance(document, dict) and "signature" in document


def _read(path: str) -> tuple[bytes, Report | None]:
    """A signature file that was named or found: its bytes, or the report of why they cannot be had."""
    try:
        return read_regular(path, LIMIT), None
    except FileNotFoundError as e:
        raise UsageError(f"signature {text(path)}: {e.strerror}") from e
    except OSError as e:
        report = Report(target="")
        report.refuse("bad-bundle", f"the signature cannot be read: {e.strerror}")
        return b"", report


def _inside(folder: str, signature: str) -> str | None:
    """The signature's path in the folder, by the folder that it stands in; None where it stands elsewhere."""
    root = os.path.realpath(os.fsencode(folder))
    at = os.path.join(os.path.realpath(os.path.dirname(os.path.abspath(os.fsencode(signature)))), os.path.basename(os.fsencode(signature)))
    return os.fsdecode(os.path.relpath(at, root)) if at.startswith(root.rstrip(b"/") + b"/") else None


def _unsigned(label: str, why: str, nested: list[str] | None = None) -> dict[str, Any]:
    report = Report(target=label)
    report.refuse("no-signature", why)
    if nested:
        report.note(f"signatures of parts were found and do not count for the whole: {some(nested, 20)}")
    return _finish(report, label)


def _finish(report: Report, label: str) -> dict[str, Any]:
    report.target = label
    return report.document()


def _digest(given: str) -> dict[str, str]:
    algorithm, _, value = given.partition(":")
    algorithm = algorithm.lower().replace("_", "-") if algorithm.lower().startswith("sha3") else algorithm.lower()
    if algorithm in WEAK:
        raise UsageError(f"--digest {given[:40]}: {algorithm} is too weak to identify anything", remedy="give a SHA-256 or SHA-512 digest")
    if algorithm not in HASHES or not re.fullmatch("[0-9a-f]+", value.lower()) or len(value) != HASHES[algorithm]:
        raise UsageError(f"--digest {given[:160]}: is no digest", remedy="write it as sha256:HEX")
    return {algorithm: value.lower()}


def asked_time(at: str | None) -> tuple[datetime, str]:
    """The time to judge certificates at, and where it is from: asked, SOURCE_DATE_EPOCH or clock. A time without zone is UTC."""
    if at is not None:
        try:
            time = datetime.fromisoformat(at)
        except ValueError as e:
            raise UsageError(f"--at {at[:40]}: is no time", remedy="write it as 2026-01-31T00:00:00Z") from e
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC), "asked"
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if re.fullmatch("[0-9]{1,11}", epoch):
        return datetime.fromtimestamp(int(epoch), UTC), "SOURCE_DATE_EPOCH"
    return datetime.now(UTC), "clock"
