"""Security-reviewed: was everything read, is nothing malicious, did somebody look (criteria, SE1 to SE8)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from mlsbom.assess.forms import PLAIN
from mlsbom.assess.view import NA, Check, Outcome, View, failed, failed_by, not_shown, passed
from mlsbom.model import SEVERITY_ORDER, Component, Kind, Severity, Status

C = "security-reviewed"
MALICIOUS: Final = (
    "PACKAGE-MALICIOUS",
    "PACKAGE-AFFECTED",
    "PACKAGE-INDICATOR",
    "PACKAGE-TYPOSQUAT",
    "PICKLE-DANGEROUS-CALL",
    "TEMPLATE-DANGEROUS-CALL",
)
"""Rules that say malicious where they are high; of all others but those about licences, a critical finding does."""
DATA_ONLY: Final = PLAIN | {"cntk", "font", "markdown", "mediapipe", "toml"}
PROGRAMS: Final = frozenset({"elf", "pe", "macho", "wasm", "java-class", "llamafile"})
CODE: Final = frozenset(
    {
        "pickle",
        "torch-zip",
        "torch-legacy",
        "torchscript",
        "joblib",
        "keras-zip",
        "hdf5",
        "saved-model",
        "graph-def",
        "meta-graph",
        "mlir",
        "caffe",
        "torch7",
        "torch-mobile",
        "executorch",
        "tensorrt",
        "skops",
        "nemo",
        "mar",
        "rds",
        *PROGRAMS,
    }
)
"""Formats that can hold instructions which loading or running executes: serialised objects, Lambda layers, graphs with operators that
reach files or processes ("models are programs", TensorFlow's security policy), compiled engines, programs. What a file of such a format
really holds was inspected; the rubric asks for a review of its hash all the same."""
KNOWN: Final = CODE | DATA_ONLY
REVIEW_DAYS: Final = 180
RESCAN_DAYS: Final = 30


def se1(v: View, c: Component) -> Outcome:
    if not c.local and c is not v.graph.root and c.kind != Kind.PACKAGE:
        return not_shown("runs elsewhere: nothing of it can be read" if c.kind == Kind.SERVICE else "its bytes are not in the target")
    gaps = [x for x in v.unread.get(c.ref, ()) if x[1] in (Status.FAILED, Status.PARTIAL)]
    if gaps:
        return failed(f"not read: {gaps[0][0]}: {gaps[0][2]}" + (f" and {len(gaps) - 1} more" if len(gaps) > 1 else ""))
    if not v.survey.tool.signatures_digest:
        return failed("the data packs could not be read")
    if not c.local and c is not v.graph.root:
        return passed("its name and versions were looked up in the data packs; its bytes are not in the target")
    return passed()


def se2(v: View, c: Component) -> Outcome:
    bad = [
        f
        for f in v.findings_of(c)
        if (f.severity == Severity.CRITICAL and not f.rule.startswith("LICENSE-")) or (f.severity == Severity.HIGH and f.rule in MALICIOUS)
    ]
    return failed_by(bad) if bad else passed()


def se3(v: View, c: Component) -> Outcome:
    if not c.local and c is not v.graph.root:
        return NA
    unknown = [p for p in v.owned.get(c.ref, ()) if v.formats[p][:1] in ((), ("unknown",)) and not _tensors_of(v, p)]
    odd = _unreviewed(v, c, unknown)
    if odd:
        return not_shown(f"format not known: {_first(odd)}")
    unsafe = _unsafe(v, c)
    return passed(f"can hold code: {_first(unsafe)}" if unsafe else "none can hold code")


def _tensors_of(v: View, path: str) -> bool:
    """Whether a file without a signature of its own is the raw tensors of a format beside it: TensorFlow's and Core ML's bundles."""
    stem, found, _ = path.partition(".data-")
    if found:
        return f"{stem}.index" in v.formats
    head, found, _ = path.partition(".mlpackage/Data/")
    return bool(found) and path.endswith("/weights/weight.bin") and f"{head}.mlpackage/Manifest.json" in v.formats


def _unsafe(v: View, c: Component) -> list[str]:
    """Files of a component in formats that can hold code: all that it is made of, and programs beside them."""
    named = [p for p in c.files if not CODE.isdisjoint(v.formats.get(p, ()))]
    programs = [p for p in v.owned.get(c.ref, ()) if not PROGRAMS.isdisjoint(v.formats[p])]
    loose = [p for p in v.owned.get(c.ref, ()) if not CODE.isdisjoint(v.formats[p])] if not c.files else []
    return sorted({*named, *programs, *loose})


def _unreviewed(v: View, c: Component, paths: list[str]) -> list[str]:
    a = v.attestation(c, "code-review")
    covered = set(a.sha256) if a else set()
    return [p for p in paths if v.sha256.get(p) not in covered]


def _first(paths: list[str]) -> str:
    return paths[0] + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def se4(v: View, c: Component) -> Outcome:
    if not c.local and c is not v.graph.root:
        return NA
    unsafe = _unsafe(v, c)
    other = [p for p in c.files if KNOWN.isdisjoint(v.formats.get(p, ()))]
    if not c.files and not unsafe:
        return NA
    left = _unreviewed(v, c, sorted({*unsafe, *other}))
    if left:
        return not_shown(f"can hold code and was not reviewed: {_first(left)}")
    return passed("the hashes of its code-bearing files were reviewed" if unsafe or other else "")


def se5(v: View, c: Component) -> Outcome:
    if not c.local:
        return NA
    if any(x.get("verdict") == "invalid" for x in v.verdicts):
        return failed("a signature in the target is invalid")
    return (
        passed()
        if any(x.get("verdict") in ("verified", "verified-by-untrusted-identity") for x in v.verdicts)
        else not_shown("no signature was verified")
    )


def se6(v: View, c: Component) -> Outcome:
    bad = [f for f in v.findings_of(c) if SEVERITY_ORDER[f.severity] >= SEVERITY_ORDER[Severity.HIGH] and not f.rule.startswith("LICENSE-")]
    return failed_by(bad) if bad else passed()


def se7(v: View, c: Component) -> Outcome:
    a = v.attestation(c, "review")
    if a is None or a.date is None:
        return v.attested_or(c, "review", "a review by someone other than the producer")
    if a.role == "producer":
        return not_shown("the review is by the producer")
    if v.today - a.date > timedelta(days=REVIEW_DAYS):
        return failed(f"the review of {a.date} is more than {REVIEW_DAYS} days old")
    return passed(f"reviewed by {a.by} on {a.date}")


def se8(v: View, c: Component) -> Outcome:
    try:
        scanned = date.fromisoformat(v.survey.created[:10])
    except ValueError:
        return not_shown("the scan has no date")
    return passed(f"scanned on {scanned}") if v.today - scanned <= timedelta(days=RESCAN_DAYS) else failed(f"last scanned on {scanned}")


CHECKS = (
    Check(
        id="SE1",
        criterion=C,
        level=1,
        title="Scan complete, with versions and dates",
        remedy="Mend or remove the files that could not be read.",
        run=se1,
    ),
    Check(id="SE2", criterion=C, level=1, title="Nothing malicious", remedy="Remove what is named; it cannot be waived.", run=se2),
    Check(id="SE3", criterion=C, level=1, title="Formats are known and unsafe ones listed", remedy="Deliver known formats.", run=se3),
    Check(
        id="SE4",
        criterion=C,
        level=2,
        title="Data-only formats, or code whose hash was reviewed",
        remedy='Convert to safetensors, GGUF or ONNX, or attest kind = "code-review" with the digests.',
        run=se4,
    ),
    Check(id="SE5", criterion=C, level=2, title="Signature verified", remedy="Sign the folder: mlsbom sign.", run=se5),
    Check(
        id="SE6",
        criterion=C,
        level=2,
        title="No unwaived high or critical finding",
        remedy="Follow the remedy of each finding, or waive it with reason, person and expiry.",
        run=se6,
    ),
    Check(
        id="SE7",
        criterion=C,
        level=3,
        title="Reviewed within 180 days by someone other than the producer",
        remedy='Attest kind = "review" with role = "third-party" and the digests.',
        run=se7,
    ),
    Check(id="SE8", criterion=C, level=3, title="Re-scanned within 30 days", remedy="Scan again.", run=se8),
)
