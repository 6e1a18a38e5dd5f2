"""The signed list of files of a model: OpenSSF Model Signing 1.0, and its form before 1.0 (v0.2.0).

Source: OMS specification 1.0. Stricter than it: names without backslash or NUL, and the root digest is always computed again. The root
digest covers no names, so it identifies nothing.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.patterns import late
from mlsbom.verify.strict import Fields, parse
from mlsbom.verify.subject import HASHES, WEAK
from mlsbom.verify.verdict import Refused

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://model_signing/signature/v1.0"
OLD_PREDICATE: Final = "https://model_signing/Digests/v0.1"
DEFAULT_IGNORED: Final = frozenset({".git", ".gitattributes", ".github", ".gitignore"})
"""What model-signing leaves out by itself, at the top only."""
RESOURCES: Final = 1_000_000
_SPELLING: Final = {"blake2": "blake2b", "sha3_256": "sha3-256", "sha3_384": "sha3-384", "sha3_512": "sha3-512"}
_SHARD = late(r"(.+):(0|[1-9][0-9]{0,18}):(0|[1-9][0-9]{0,18})", re.DOTALL)


class Piece(Struct, frozen=True, kw_only=True):
    """A signed piece of a file; `end` None is its end."""

    start: int
    end: int | None
    digest: str


class Manifest(Struct, frozen=True, kw_only=True):
    """Files with their pieces; `single`: the one file has no name of its own (`.`), the subject's is a hint."""

    algorithm: str
    files: dict[str, tuple[Piece, ...]]
    ignored: frozenset[str] = frozenset()
    follow: bool = False
    single: bool = False
    subject: str = ""
    notes: tuple[str, ...] = field(default=())


def is_model(statement: Any) -> bool:
    """Whether an in-toto statement is a model signature of either form."""
    return isinstance(statement, dict) and statement.get("predicateType") in (PREDICATE, OLD_PREDICATE)


def statement(payload: bytes, payload_type: str) -> dict[str, Any]:
    """The in-toto statement of an envelope, parsed strictly."""
    if payload_type != "application/vnd.in-toto+json":
        raise Refused("bad-bundle", f"payload type {payload_type[:80]!r} is not in-toto")
    value = parse(payload, "the signed statement", "bad-manifest")
    if not isinstance(value, dict):
        raise Refused("bad-manifest", "the signed statement is not an object")
    return value


def read(document: dict[str, Any]) -> Manifest:
    """The manifest in a statement. Raises Refused with the code of the first rule that it breaks."""
    fields = Fields(document, "statement", "bad-manifest")
    if document.get("_type") != STATEMENT:
        raise Refused("bad-manifest", f"statement type {str(document.get('_type'))[:80]!r}")
    predicate = fields.text("predicateType", "")
    if predicate == OLD_PREDICATE:
        return _old(fields)
    if predicate != PREDICATE:
        raise Refused("wrong-predicate", f"{predicate[:120]!r} is no model signature")
    subjects = fields.list("subject")
    if len(subjects) != 1:
        raise Refused("bad-manifest", f"{len(subjects)} subjects: exactly one is allowed")
    subject = Fields(subjects[0], "subject", "bad-manifest")
    body = fields.object("predicate")
    how = body.object("serialization")
    resources = [Fields(r, "resource", "bad-manifest") for r in body.list("resources", RESOURCES)]
    if not resources:
        raise Refused("empty-manifest", "no file is signed")
    _root_digest(subject, resources)
    method = how.text("method")
    if method not in ("files", "shards"):
        raise Refused("unsupported-algorithm", f"serialization method {method[:40]!r}")
    algorithm = _algorithm(how.text("hash_type"))
    follow = how.get("allow_symlinks")
    if follow not in (None, True, False):
        raise Refused("bad-manifest", "allow_symlinks is not a boolean")
    named = [(r.text("name"), _digest(r, algorithm, sharded=method == "shards")) for r in resources]
    files = _files(named) if method == "files" else _shards(named, how.get("shard_size"))
    single = list(files) == ["."]
    for name in files:
        if not single:
            check_name(name)
    return Manifest(
        algorithm=algorithm, files=files, ignored=_ignored(how), follow=bool(follow), single=single, subject=subject.text("name", "")
    )


def _old(fields: Fields) -> Manifest:
    """Before 1.0: the files are the subjects, always SHA-256, nothing is said of links or of what was left out."""
    named = []
    for value in fields.list("subject", RESOURCES):
        subject = Fields(value, "subject", "bad-manifest")
        digest = subject.object("digest").text("sha256")
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise Refused("bad-manifest", "a digest is not lower-case hex of 64 digits")
        named.append((subject.text("name"), digest))
    if not named:
        raise Refused("empty-manifest", "no file is signed")
    files = _files(named)
    single = list(files) == ["."]
    for name in files:
        if not single:
            check_name(name)
    return Manifest(
        algorithm="sha256",
        files=files,
        single=single,
        notes=("signed by model-signing before 1.0: the list says nothing of ignored paths",),
    )


def _root_digest(subject: Fields, resources: list[Fields]) -> None:
    whole = hashlib.sha256()
    for resource in resources:
        text = resource.text("digest")
        if not re.fullmatch("(?:[0-9a-f]{2})+", text):
            raise Refused("bad-manifest", "a digest is not lower-case hex")
        whole.update(bytes.fromhex(text))
    stated = subject.object("digest")
    if stated.text("sha256") != whole.hexdigest():
        raise Refused("bad-manifest", "the root digest is not that of the resources")


def _algorithm(text: str) -> str:
    name = _SPELLING.get(text, text)
    if name.lower() in WEAK:
        raise Refused("weak-hash", name[:40])
    if name not in HASHES:
        raise Refused("unsupported-algorithm", f"digest {name[:40]!r}")
    return name


def _digest(resource: Fields, algorithm: str, *, sharded: bool) -> str:
    stated = resource.text("algorithm")
    if sharded:
        stated = re.sub(r"-sharded-[0-9]+(?:\.0)?$", "", stated)
    if _algorithm(stated) != algorithm:
        raise Refused("bad-manifest", f"a resource is hashed with {stated[:40]!r}, the list with {algorithm!r}")
    digest = resource.text("digest")
    if len(digest) != HASHES[algorithm]:
        raise Refused("bad-manifest", f"a {algorithm} digest has {len(digest)} digits, not {HASHES[algorithm]}")
    return digest


def _files(named: list[tuple[str, str]]) -> dict[str, tuple[Piece, ...]]:
    names = [n for n, _ in named]
    if len(set(names)) != len(names):
        raise Refused("duplicate-name", repr(next(n for n in names if names.count(n) > 1))[:200])
    if not _sorted(names):
        raise Refused("bad-manifest", "the resources are not sorted by name")
    return {name: (Piece(start=0, end=None, digest=digest),) for name, digest in named}


def _sorted(names: list[str]) -> bool:
    """By code point, as the specification has it, or by path part, as model-signing 1.x writes."""
    return names in (sorted(names), sorted(names, key=lambda n: n.split("/")))


def _shards(named: list[tuple[str, str]], size: Any) -> dict[str, tuple[Piece, ...]]:
    if not isinstance(size, (int, float)) or isinstance(size, bool) or size != int(size) or size < 1:
        raise Refused("bad-manifest", "shard_size is not a positive whole number")
    files: dict[str, list[Piece]] = {}
    order: list[str] = []
    for name, digest in named:
        found = _SHARD.fullmatch(name)
        if found is None:
            raise Refused("bad-manifest", f"{name[:120]!r} names no shard (NAME:START:END)")
        files.setdefault(found[1], []).append(Piece(start=int(found[2]), end=int(found[3]), digest=digest))
        if not order or order[-1] != found[1]:
            order.append(found[1])
    if len(set(order)) != len(order) or not _sorted(order):
        raise Refused("bad-manifest", "the resources are not sorted by name")
    for name, pieces in files.items():
        files[name] = _joined(name, pieces, int(size))
    return {name: tuple(pieces) for name, pieces in files.items()}


def _joined(name: str, pieces: list[Piece], size: int) -> list[Piece]:
    pieces = sorted(pieces, key=lambda p: p.start)
    at = 0
    for n, piece in enumerate(pieces):
        end = piece.end or 0
        if n and piece.start == pieces[n - 1].start:
            raise Refused("duplicate-name", f"two shards of {name[:120]!r} start at {piece.start}")
        if piece.start != at or end <= at or end - at > size or (end - at < size and n + 1 < len(pieces)):
            raise Refused("bad-manifest", f"the shards of {name[:120]!r} leave a gap or overlap at byte {at}")
        at = end
    return pieces


def _ignored(how: Fields) -> frozenset[str]:
    found = how.list("ignore_paths", RESOURCES)
    for path in found:
        if not isinstance(path, str):
            raise Refused("bad-manifest", "an ignored path is not a string")
        if re.search(r"[*?\[]", path):
            raise Refused("bad-path", f"ignored path {path[:120]!r} is a pattern")
        check_name(path)
    return frozenset(found)


def check_name(name: str) -> None:
    """`bad-path` unless a name is relative, in its one canonical spelling, and the same on every system."""
    if not name or name.startswith("/") or "\\" in name or "\x00" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise Refused("bad-path", f"{name[:120]!r} is no canonical relative path")
