"""From channels to a verdict, and to the object that `lineage compare` prints.

| verdict            | if |
| `copy`             | a solid T0 match, and T0 covers >= 90 % of the suspect or of the reference |
| `derived`          | solid T0 matches of >= 4,096 values, or T1/T2/T5 <= -6, or T3 <= -12 (log10 p, corrected for all tests) |
| `review`           | T1/T2/T5 in (-6, -4], or T3 in (-12, -6] |
| `not-comparable`   | no test could be made, and one side has no hash |
| `candidate-family` | none of these, but the same shapes |
| `no-evidence`      | the rest |

A verdict says "not independent", never who copied whom.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from mlsbom.lineage.bounds import rounded
from mlsbom.lineage.channels import EXACT, HEURISTIC, Evidence
from mlsbom.lineage.codes import ValueHash
from mlsbom.lineage.form import Fingerprint, Hashed

COPY_COVERAGE: Final = 0.9
DERIVED_VALUES: Final = 4096
ACCUSE_EXACT: Final = -6.0
ACCUSE_HEURISTIC: Final = -12.0
REVIEW_EXACT: Final = -4.0
REVIEW_HEURISTIC: Final = -6.0
CERTAIN: Final = -300.0  # stands for equal values
LISTED: Final = 20  # tensors of a kind that a result lists
SHOWN_BELOW: Final = -3.0

COMMON_START: Final = (
    "not independent does not say who derived from whom: both may descend from a common ancestor, or from one published random start"
)
NO_ROTATION: Final = "a rotated residual basis was not excluded: that needs both models' weights (--full)"
RESTS_ON_T3: Final = (
    "rests on T3 (pair agreement), whose p-value is a heuristic: it behaves as one on independent models, but is not proved"
)
GUILTY: Final = ("copy", "derived")


class Shared(Struct, frozen=True, kw_only=True):
    """T0: tensors whose values the other side holds, and how much of each side they cover (0 to 1)."""

    suspect: list[tuple[Hashed, str]]  # with the reference's tensor name
    of_suspect: float
    of_reference: float
    constants: int

    @property
    def solid_values(self) -> int:
        """Values in matches that are evidence by themselves."""
        return sum(h.key.elements for h, _ in self.suspect if h.solid)


def shared_values(suspect: Fingerprint, reference: Fingerprint, constants: frozenset[ValueHash] = frozenset()) -> Shared:
    """T0, both ways: equal multisets of values in either lane. `constants`: published values that unrelated models hold; not counted."""
    mine, theirs = ([h for h in f.hashed if not _constant(h.key, constants)] for f in (suspect, reference))
    found = _partners(mine, theirs)
    back = _partners(theirs, mine)
    return Shared(
        suspect=[(h, reference.name(other.tensor)) for h, other in found],
        of_suspect=_part(found, suspect.header.parameters),
        of_reference=_part(back, reference.header.parameters),
        constants=len(suspect.hashed) - len(mine),
    )


def _constant(key: ValueHash, constants: frozenset[ValueHash]) -> bool:
    return bool(constants) and any(key.elements == c.elements and (key.bf16 == c.bf16 or key.f16 == c.f16) for c in constants)


def _partners(mine: list[Hashed], theirs: list[Hashed]) -> list[tuple[Hashed, Hashed]]:
    lanes: dict[tuple[int, str, bytes], Hashed] = {}
    for h in reversed(theirs):
        lanes[h.key.elements, "bf16", h.key.bf16] = lanes[h.key.elements, "f16", h.key.f16] = h
    pairs = ((h, lanes.get((h.key.elements, "bf16", h.key.bf16)) or lanes.get((h.key.elements, "f16", h.key.f16))) for h in mine)
    return [(h, other) for h, other in pairs if other]


def _part(found: list[tuple[Hashed, Hashed]], parameters: int) -> float:
    return min(1.0, sum(h.key.elements for h, _ in found) / max(1, parameters))


def judge(
    suspect: Fingerprint,
    reference: Fingerprint,
    evidence: Evidence,
    *,
    shared: Shared,
    models: int = 1,
    full: bool = False,
    extra: Mapping[str, Any] | None = None,
    listed: int = LISTED,
) -> dict[str, Any]:
    """The result of one comparison (without the names of the two sides). `models`: how many references were asked at once: their number
    multiplies the tests. `extra`: further channels, shown and never decisive. `listed`: so many tensors of a kind are."""
    spread = math.log10(max(1, models))
    exact = min(0.0, evidence.best(EXACT) + spread)
    heuristic = min(0.0, evidence.best(HEURISTIC) + spread)
    by_values = shared.solid_values >= DERIVED_VALUES
    if shared.solid_values and max(shared.of_suspect, shared.of_reference) >= COPY_COVERAGE:
        verdict = "copy"
    elif by_values or exact <= ACCUSE_EXACT or heuristic <= ACCUSE_HEURISTIC:
        verdict = "derived"
    elif exact <= REVIEW_EXACT or heuristic <= REVIEW_HEURISTIC:
        verdict = "review"
    elif not evidence.total and not (suspect.hashed and reference.hashed):
        verdict = "not-comparable"
    elif suspect.shapes and suspect.shapes == reference.shapes:
        verdict = "candidate-family"
    else:
        verdict = "no-evidence"
    certain = verdict == "copy" or by_values
    none = verdict == "not-comparable"
    incomplete = bool(suspect.header.shortfalls or reference.header.shortfalls)
    return {
        "verdict": verdict,
        "log10_p": None if none else CERTAIN if certain else rounded(min(exact, heuristic)),
        "tests": evidence.total,
        "incomplete": incomplete,
        "parameter_coverage": None if none else round(shared.of_suspect, 4),
        "channels": _channels(evidence, shared, spread) | dict(extra or {}),
        "tensors": _tensors(suspect, evidence, shared, listed),
        "caveats": _caveats(
            verdict,
            suspect,
            reference,
            shared,
            heuristic_only=not certain and exact > ACCUSE_EXACT and heuristic < exact and heuristic <= REVIEW_HEURISTIC,
            full=full,
        ),
    }


def _channels(evidence: Evidence, shared: Shared, spread: float) -> dict[str, Any]:
    out: dict[str, Any] = {
        "T0": {
            "suspect": round(shared.of_suspect, 4),
            "reference": round(shared.of_reference, 4),
            "tensors": len(shared.suspect),
            "shared_constants": shared.constants,
        }
    }
    for channel, tests in evidence.tests.items():
        if tests:
            out[channel] = rounded(evidence.best((channel,)) + spread)
    return out


def _tensors(suspect: Fingerprint, evidence: Evidence, shared: Shared, listed: int) -> list[dict[str, Any]]:
    """What the verdict rests on: equal tensors, largest first, then the strongest tests."""
    equal = sorted((x for x in shared.suspect if x[0].solid), key=lambda x: (-x[0].key.elements, x[0].tensor))
    rows = [
        {
            "suspect": suspect.name(h.tensor),
            "reference": other,
            "channel": "T0",
            "log10_p": CERTAIN,
            "hits": h.key.elements,
            "of": h.key.elements,
        }
        for h, other in equal[:listed]
    ]
    best = sorted((h for h in evidence.hits if h.log10_p < SHOWN_BELOW), key=lambda h: (h.log10_p, h.channel, h.suspect, h.reference))
    return rows + [
        {"suspect": h.suspect, "reference": h.reference, "channel": h.channel, "log10_p": rounded(h.log10_p), "hits": h.hits, "of": h.of}
        for h in best[:listed]
    ]


def _caveats(verdict: str, suspect: Fingerprint, reference: Fingerprint, shared: Shared, *, heuristic_only: bool, full: bool) -> list[str]:
    out = []
    if verdict in (*GUILTY, "review"):
        out.append(COMMON_START)
    if heuristic_only:
        out.append(RESTS_ON_T3)
    if verdict in ("no-evidence", "candidate-family") and not full:
        out.append(NO_ROTATION)
    if verdict == "candidate-family":
        out.append("the same shapes are no evidence of descent: any model of this architecture has them")
    if verdict == "not-comparable":
        out.append(
            "no test could be made: "
            + ("the suspect" if not suspect.hashed else "the reference")
            + " holds no values that could be compared"
        )
    if shared.constants:
        out.append(f"{shared.constants} tensors hold published constants that unrelated models share; they were not counted")
    for who, f in (("suspect", suspect), ("reference", reference)):
        kinds: dict[str, int] = {}
        for left in f.header.left_out:
            kinds[left.why] = kinds.get(left.why, 0) + 1
        if kinds:
            out.append(f"left out of the {who}: " + ", ".join(f"{n} {why}" for why, n in sorted(kinds.items())))
        if f.header.shortfalls:
            where, _, reason = f.header.shortfalls[0]
            more = f" (and {len(f.header.shortfalls) - 1} more)" if len(f.header.shortfalls) > 1 else ""
            out.append(f"not all of the {who} could be read: {where}: {reason}{more}")
    return out
