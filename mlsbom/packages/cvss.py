"""Severity of an OSV record: the base score of a CVSS 3 vector (FIRST, CVSS v3.1 specification, section 7.1), else the database's word."""

from __future__ import annotations

from math import ceil
from typing import Any, Final

_WEIGHTS: Final[dict[str, dict[str, float]]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES: Final = {"N": (0.85, 0.85), "L": (0.62, 0.68), "H": (0.27, 0.5)}
_WORDS: Final = {"critical": "critical", "high": "high", "moderate": "medium", "medium": "medium", "low": "low"}


def base_score(vector: str) -> float | None:
    """The base score of a CVSS 3.0 or 3.1 vector, 0 to 10; None for other or broken vectors."""
    head, *parts = vector.split("/")
    if head not in ("CVSS:3.0", "CVSS:3.1"):
        return None
    metrics = dict(p.split(":", 1) for p in parts if ":" in p)
    try:
        w = {m: table[metrics[m]] for m, table in _WEIGHTS.items()}
        changed = {"C": True, "U": False}[metrics["S"]]
        privileges = _PRIVILEGES[metrics["PR"]][changed]
    except KeyError:
        return None
    lost = 1 - (1 - w["C"]) * (1 - w["I"]) * (1 - w["A"])
    impact = 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15 if changed else 6.42 * lost
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * w["AV"] * w["AC"] * privileges * w["UI"]
    total = min((1.08 if changed else 1.0) * (impact + exploitability), 10.0)
    return ceil(round(total * 100_000) / 10_000) / 10


def severity(record: dict[str, Any]) -> tuple[str, float | None]:
    """(severity, score) of a record: from its vector, else the word that its database gives, else medium without a score."""
    scores = [s for v in record.get("severity") or () if isinstance(v, dict) and (s := base_score(str(v.get("score", "")))) is not None]
    if scores:
        score = max(scores)
        return ("critical" if score >= 9 else "high" if score >= 7 else "medium" if score >= 4 else "low"), score
    word = (record.get("database_specific") or {}).get("severity")
    return _WORDS.get(str(word).lower(), "medium"), None
