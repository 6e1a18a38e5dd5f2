"""The licence rules, free of any target. Severities: specs of licences, section 4; a finding may differ on the facts of use."""

from __future__ import annotations

from typing import Final

from mlsbom.model import Rule, Severity

_ROWS: Final = (
    ("LICENSE-LAUNDERING", "Duties of an upstream licence are lost here", "high"),
    ("LICENSE-UPSTREAM-UNKNOWN", "The licence of an upstream is not known", "medium"),
    ("LICENSE-CARD-FILE-CONFLICT", "Sources of one licence disagree", "high"),
    ("LICENSE-MISSING", "No licence is stated", "high"),
    ("NO-LICENSE-NAME", "The licence is `other`, without a name or a text", "high"),
    ("LICENSE-FAMILY-TAG", "The licence tag names a family, not a licence", "medium"),
    ("LICENSE-AMBIGUOUS-FAMILY", "The package names a family of licences, not a licence", "medium"),
    ("LICENSE-TEXT-MISSING", "The text of the licence is not delivered", "medium"),
    ("LICENSE-CONFUSABLE-ID", "An identifier that is often written for another one", "info"),
    ("LICENSE-VERSION-MISMATCH", "Another version of the upstream's licence", "medium"),
    ("LICENSE-DRIFT", "A licence text is not what its name or the known text says", "medium"),
    ("LICENSE-NONCOMMERCIAL", "Only non-commercial or research use is licensed", "high"),
    ("LICENSE-TERRITORY", "The licence excludes a territory", "high"),
    ("LICENSE-FIELD-OF-USE", "The licence bars fields of use", "high"),
    ("LICENSE-OUTPUT-TRAINING", "Outputs may not train other models", "high"),
    ("LICENSE-NAMING", "A derivative must carry a name that this one does not", "medium"),
    ("LICENSE-DISPLAY", "A display line is required and was not seen", "medium"),
    ("LICENSE-NOTICE-MISSING", "A notice or text that must travel along is absent", "medium"),
    ("LICENSE-USE-RESTRICTION-PASSTHROUGH", "Use restrictions must be passed on to recipients", "info"),
    ("LICENSE-THRESHOLD", "Rights change above a number of users or an amount of revenue", "medium"),
    ("LICENSE-COMPETITOR", "Competing products or models are barred", "medium"),
    ("LICENSE-SEPARATE-AGREEMENT", "Some use needs another agreement or a registration", "high"),
    ("LICENSE-REMOTE-RESTRICTION", "The licensor keeps a right to restrict use remotely", "medium"),
    ("LICENSE-CHANGEABLE", "The licensor may change the terms", "medium"),
    ("LICENSE-REVOCABLE", "The grant is revocable", "medium"),
    ("LICENSE-DATASET-NONCOMMERCIAL", "A training set is licensed for non-commercial use", "medium"),
    ("LICENSE-DATASET-NODERIV", "A training set allows no derivatives", "medium"),
    ("LICENSE-DATASET-UNLICENSED", "A training set states no licence", "medium"),
    ("LICENSE-DATASET-SHAREALIKE", "A training set is under share-alike", "info"),
    ("LICENSE-STRONG-COPYLEFT", "Strong copyleft under a weaker outbound licence", "high"),
    ("LICENSE-INCOMPATIBLE", "Two licences of code cannot be met together", "high"),
)
RULE: Final[dict[str, Rule]] = {i: Rule(id=i, title=title, severity=Severity(severity)) for i, title, severity in _ROWS}
RULES: Final[tuple[Rule, ...]] = tuple(RULE.values())
