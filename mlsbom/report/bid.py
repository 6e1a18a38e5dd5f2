"""The bid package: everything that goes with a tender, in one folder, with a manifest of digests; and its check by the buyer, offline.

sbom.cdx.json  sbom.spdx.json  sbom.spdx3.json   the SBOMs
report.en.html report.ko.html                    the report
scan.json                                        the scan whole: grades can be recomputed from it
svr.json                                         the verification result
profile.toml                                     what was required
licenses/                                        texts and notices that have to be passed on
manifest.json                                    SHA-256 and size of all of these, of the target, of packs and profile
manifest.json.sig                                signature, where a key was given
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mlsbom.errors import MlsbomError, UsageError
from mlsbom.export import choose
from mlsbom.export.validate import cyclonedx_errors
from mlsbom.model import Assessment, Survey, Text

FORM: Final = "mlsbom/bid/1"
DOCUMENTS: Final = (
    ("scan.json", "json", "en"),
    ("sbom.cdx.json", "cyclonedx-json@1.6", "en"),
    ("sbom.spdx.json", "spdx-json@2.3", "en"),
    ("sbom.spdx3.json", "spdx-json@3.0.1", "en"),
    ("report.en.html", "html", "en"),
    ("report.ko.html", "html", "ko"),
    ("findings.sarif", "sarif", "en"),
    ("svr.json", "svr", "en"),
)
MANIFEST: Final = "manifest.json"


def make(a: Assessment, out: Path, profile: bytes, sign: Callable[[Path], Path] | None = None) -> dict[str, Any]:
    """Write the package into an empty or new folder and return its manifest. `profile`: its bytes; `sign` signs the manifest."""
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out}: is not empty", remedy="name a new folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {name: choose(spec, lang)[0](a) for name, spec, lang in DOCUMENTS}
    files["profile.toml"] = profile
    files |= notices(a.survey)
    wrong = cyclonedx_errors(json.loads(files["sbom.cdx.json"]))
    if wrong:
        raise MlsbomError(f"the SBOM does not fit its schema, nothing was written: {wrong[0]}", remedy="report this defect")
    for name, data in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    manifest: dict[str, Any] = {
        "form": FORM,
        "target": {"name": a.survey.target.name, "digest": a.survey.target.digest, "revision": a.survey.target.revision},
        "tool": {"name": a.survey.tool.name, "version": a.survey.tool.version},
        "signatures": {"digest": a.survey.tool.signatures_digest, "date": a.survey.tool.signatures_date},
        "profile": {"name": a.profile, "sha256": hashlib.sha256(profile).hexdigest()},
        "created": a.survey.created,
        "gate": {"passed": a.gate.passed, "incomplete": a.gate.incomplete},
        "files": {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in sorted(files.items())},
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if sign is not None:
        sign(out / MANIFEST)
    return manifest


def notices(survey: Survey) -> dict[str, bytes]:
    """The licence and notice texts of the delivery, once by digest, under names that tell where they stood."""
    out: dict[str, bytes] = {}
    seen: set[str] = set()
    for o in survey.observed:
        fact = o.fact
        if (
            isinstance(fact, Text)
            and fact.kind in ("license", "notice", "policy")
            and fact.sha256 not in seen
            and not o.place.path.startswith("bases/")
        ):
            seen.add(fact.sha256)
            where = "".join(c if c.isalnum() or c in "._-" else "-" for c in str(o.place)) or "text"
            out[f"licenses/{where[-100:]}.{fact.sha256[:8]}.txt"] = fact.content.encode("utf-8", "replace")
    return out


def check(
    folder: Path, reassess: Callable[[bytes], Assessment], target: Survey | None = None, packs: tuple[str, str] = ("", "")
) -> list[dict[str, str]]:
    """What is wrong with a package: rows of `what`, `where`, `detail`; none where all holds.

    `reassess` makes the assessment of scan.json anew under the package's own profile and the buyer's packs; `target` is a fresh survey of
    the delivered files; `packs` is the digest and date of the buyer's own data packs.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        files: dict[str, Any] = dict(manifest["files"])
        if manifest["form"] != FORM:
            raise UsageError(f"{folder}: is a package of another form: {manifest['form']!r}")
    except OSError as e:
        raise UsageError(f"{folder}: has no {MANIFEST}: {e.strerror}", remedy="make one with: mlsbom bid TARGET --out DIR") from e
    except (ValueError, KeyError, TypeError) as e:
        raise UsageError(f"{folder / MANIFEST}: is broken: {e}") from e
    wrong = _files(folder, files)
    if any(row["where"] == "scan.json" for row in wrong):
        return wrong
    again = reassess((folder / "scan.json").read_bytes())
    wrong += _again(folder, manifest, again)
    if packs[0] and packs[0] != manifest["signatures"]["digest"]:
        age = "older" if manifest["signatures"]["date"] < packs[1] else "other"
        wrong.append(
            _row("packs", "signatures", f"made with {age} data packs ({manifest['signatures']['date']}) than those here ({packs[1]})")
        )
    if target is not None and target.target.digest != again.survey.target.digest:
        wrong += _delivered(again.survey, target)
    return wrong


def _row(what: str, where: str, detail: str) -> dict[str, str]:
    return {"what": what, "where": where, "detail": detail}


def _files(folder: Path, files: dict[str, Any]) -> list[dict[str, str]]:
    wrong = []
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() or p.is_symlink()}
    for name in sorted(files):
        path = folder / name
        if name.startswith("/") or ".." in name.split("/"):
            wrong.append(_row("escape", name, "the manifest names a file outside the package"))
        elif name not in present:
            wrong.append(_row("missing", name, "is in the manifest and not in the package"))
        elif path.is_symlink():
            wrong.append(_row("link", name, "is a link"))
        elif hashlib.sha256(path.read_bytes()).hexdigest() != files[name].get("sha256"):
            wrong.append(_row("tampered", name, "its SHA-256 is not that of the manifest"))
    for name in sorted(present - set(files)):
        if not name.startswith(MANIFEST):
            wrong.append(_row("extra", name, "is in the package and not in the manifest"))
    return wrong


def _again(folder: Path, manifest: dict[str, Any], again: Assessment) -> list[dict[str, str]]:
    """Grades and documents made anew from scan.json against those of the package."""
    wrong = []
    if again.survey.target.digest != manifest["target"]["digest"]:
        wrong.append(_row("target", "scan.json", "is about other files than the manifest"))
    if manifest["profile"]["sha256"] != hashlib.sha256((folder / "profile.toml").read_bytes()).hexdigest():
        wrong.append(_row("profile", "profile.toml", "is not the profile of the manifest"))
    try:
        wrong += [_row("schema", "sbom.cdx.json", e) for e in cyclonedx_errors(json.loads((folder / "sbom.cdx.json").read_bytes()))]
    except (OSError, ValueError) as e:
        wrong.append(_row("schema", "sbom.cdx.json", f"cannot be read: {e}"))
    stored = json.loads((folder / "scan.json").read_bytes())
    then = {(g["criterion"], g["component"]): g["level"] for g in stored.get("grades", [])}
    now = {(g.criterion, g.component): g.level for g in again.grades}
    for key in sorted(then.keys() | now.keys()):
        if then.get(key) != now.get(key):
            wrong.append(_row("grade", f"{key[0]} of {key[1]}", f"the package says {then.get(key)}, recomputed it is {now.get(key)}"))
    if again.gate.passed != manifest["gate"]["passed"]:
        wrong.append(_row("gate", "manifest.json", f"says passed={manifest['gate']['passed']}, recomputed it is {again.gate.passed}"))
    return wrong


def _delivered(stated: Survey, found: Survey) -> list[dict[str, str]]:
    then = {a.path: a.sha256 for a in stated.artifacts}
    now = {a.path: a.sha256 for a in found.artifacts}
    rows = [_row("delivered", p, "is in the scan and not delivered") for p in sorted(then.keys() - now.keys())]
    rows += [_row("delivered", p, "is delivered and not in the scan") for p in sorted(now.keys() - then.keys())]
    rows += [_row("delivered", p, "is another file than was scanned") for p in sorted(then.keys() & now.keys()) if then[p] != now[p]]
    return rows


def profile_bytes(spec: str | None, read: Callable[[str], bytes]) -> bytes:
    """The bytes of a profile: a file, or a shipped one by `read`; a remark where none was asked for."""
    if not spec:
        return b'name = "none"\n'
    if os.path.isfile(spec):
        return Path(spec).read_bytes()
    return read(f"profiles/{spec}.toml")
