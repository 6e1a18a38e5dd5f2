"""Security-reviewed: was everything read, is nothing malicious, did somebody look (criteria, SE1 to SE8)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from mlsbom.assess.view import NA, Check, Outcome, View, failed, failed_by, not_shown, passed
from mlsbom.model import SEVERITY_ORDER, Component, Severity, Status

C = "security-reviewed"
MALICIOUS: Final = (
    "PACKAGE-MALICIOUS",
    "PACKAGE-AFFECTED",
    "PACKAGE-INDICATOR",
    "CAMPAIGN-INDICATOR",
    "PICKLE-DANGEROUS-CALL",
    "TEMPLATE-DANGEROUS-CALL",
    "PACKAGE-TYPOSQUAT",
)
DATA_ONLY: Final = frozenset(
    {
        "safetensors",
        "gguf",
        "onnx",
        "tflite",
        "npy",
        "npz",
        "openvino",
        "coreml",
        "parquet",
        "arrow",
        "csv",
        "json",
        "jsonl",
        "text",
        "tensor-proto",
        "xgboost",
        "lightgbm",
        "catboost",
        "pmml",
        "fasttext",
        "ncnn",
        "image",
        "audio",
        "video",
    }
)
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
        "skops",
        "nemo",
        "mar",
        "rds",
        "elf",
        "pe",
        "macho",
        "llamafile",
    }
)
REVIEW_DAYS: Final = 180
RESCAN_DAYS: Final = 30


def se1(v: View, c: Component) -> Outcome:
    gaps = [x for x in v.unread.get(c.ref, ()) if x[1] in (Status.FAILED, Status.PARTIAL)]
    if gaps:
        return failed(f"not read: {gaps[0][0]}: {gaps[0][2]}" + (f" and {len(gaps) - 1} more" if len(gaps) > 1 else ""))
    return passed() if v.survey.tool.signatures_digest else failed("the data packs could not be read")


def se2(v: View, c: Component) -> Outcome:
    bad = [
        f for f in v.found.get(c.ref, ()) if f.rule.startswith(MALICIOUS) and SEVERITY_ORDER[f.severity] >= SEVERITY_ORDER[Severity.HIGH]
    ]
    return failed_by(bad) if bad else passed()


def se3(v: View, c: Component) -> Outcome:
    if not c.local:
        return NA
    odd = [p for p in c.files if v.formats.get(p, ())[:1] in ((), ("unknown",))]
    return not_shown(f"format not known: {odd[0]}") if odd else passed()


def se4(v: View, c: Component) -> Outcome:
    if not c.files:
        return NA
    unsafe = sorted(p for p in c.files if set(v.formats.get(p, ())) & CODE)
    opaque = sorted(p for p in c.files if not set(v.formats.get(p, ())) & (CODE | DATA_ONLY))
    if not unsafe and not opaque:
        return passed()
    a = v.attestation(c, "code-review")
    covered = set(a.sha256) if a else set()
    left = [p for p in (*unsafe, *opaque) if v.sha256.get(p) not in covered]
    if not left:
        return passed("the hashes of its code-bearing files were reviewed")
    return not_shown(f"can hold code and was not reviewed: {left[0]}" + (f" and {len(left) - 1} more" if len(left) > 1 else ""))


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
    return passed() if v.today - scanned <= timedelta(days=RESCAN_DAYS) else failed(f"last scanned on {scanned}")


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
