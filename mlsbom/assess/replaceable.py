"""Replaceable: could it be taken out and another put in (criteria, RE1 to RE8). Proposals of ours are marked as such and show nothing."""

from __future__ import annotations

from typing import Final

from mlsbom.assess.forms import PLAIN
from mlsbom.assess.view import NA, Check, Outcome, View, failed, not_shown, passed
from mlsbom.model import Component, Kind

C = "replaceable"
OPEN: Final = PLAIN | {
    "caffe",
    "graph-def",
    "gzip",
    "hdf5",
    "joblib",
    "keras-zip",
    "meta-graph",
    "pickle",
    "rds",
    "saved-model",
    "skops",
    "tar",
    "torch-legacy",
    "torch-zip",
    "torchscript",
    "zip",
}
GRADED: Final = frozenset({Kind.MODEL, Kind.SERVICE})


def re1(v: View, c: Component) -> Outcome:
    if not c.files:
        return NA
    closed = [p for p in c.files if OPEN.isdisjoint(v.formats.get(p, ()))]
    return failed(f"no open, documented format: {closed[0]}") if closed else passed()


def re2(v: View, c: Component) -> Outcome:
    return v.attested_or(c, "alternative", "an alternative")


def re3(v: View, c: Component) -> Outcome:
    a = v.attestation(c, "alternative")
    if a is None:
        return not_shown("no alternative is named")
    level = a.value.get("level")
    return passed() if isinstance(level, int) and level >= 2 else not_shown("the level of the alternative is not stated as 2 or better")


def re4(v: View, c: Component) -> Outcome:
    a = v.attestation(c, "alternative")
    same = a.value.get("interface") if a else None
    return passed(str(same)) if same else not_shown("that the alternative has the same interface is not stated")


def re5(v: View, c: Component) -> Outcome:
    return v.attested_or(c, "swap-test", "the result of a swap test")


def re6(v: View, c: Component) -> Outcome:
    return v.attested_or(c, "swap-ci", "a swap test that runs in CI")


def re7(v: View, c: Component) -> Outcome:
    a = v.attestation(c, "alternative")
    if a is None:
        return not_shown("no alternative is named")
    other = a.value.get("supplier")
    if other and c.supplier and str(other).lower() == c.supplier.lower():
        return failed("the alternative has the same supplier")
    return passed() if other and a.value.get("jurisdiction") else not_shown("supplier and jurisdiction of the alternative are not stated")


def re8(v: View, c: Component) -> Outcome:
    return v.attested_or(c, "retune", "data or adapters to tune the alternative")


CHECKS = (
    Check(id="RE1", criterion=C, level=1, title="Open, documented format", remedy="Convert to an open format.", run=re1),
    Check(
        id="RE2",
        criterion=C,
        level=1,
        title="An alternative is named",
        remedy='Attest kind = "alternative" in mlsbom.toml.',
        run=re2,
        kinds=GRADED,
    ),
    Check(
        id="RE3",
        criterion=C,
        level=2,
        title="The alternative is itself at level 2",
        remedy="Scan the alternative with the same profile and state its level.",
        run=re3,
        kinds=GRADED,
    ),
    Check(
        id="RE4",
        criterion=C,
        level=2,
        title="Same interface",
        remedy="State modality, context and tokenizer or adapter in value.interface.",
        run=re4,
        kinds=GRADED,
    ),
    Check(
        id="RE5",
        criterion=C,
        level=2,
        title="Result of a swap test is attached",
        remedy='Attest kind = "swap-test" with the result file.',
        run=re5,
        kinds=GRADED,
    ),
    Check(id="RE6", criterion=C, level=3, title="The swap test runs in CI", remedy='Attest kind = "swap-ci".', run=re6, kinds=GRADED),
    Check(
        id="RE7",
        criterion=C,
        level=3,
        title="The alternative has another supplier and jurisdiction",
        remedy="Name them in value.supplier and value.jurisdiction.",
        run=re7,
        kinds=GRADED,
    ),
    Check(
        id="RE8",
        criterion=C,
        level=3,
        title="Data or adapters to re-tune are kept",
        remedy='Attest kind = "retune".',
        run=re8,
        kinds=GRADED,
    ),
)
