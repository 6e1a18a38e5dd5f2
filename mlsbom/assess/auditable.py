"""Auditable: can one see what it is, where it comes from, what it was made of (criteria, AU1 to AU11)."""

from __future__ import annotations

import re

from mlsbom.assess.view import NA, Check, Outcome, View, failed, failed_by, not_shown, passed
from mlsbom.model import Component, Kind
from mlsbom.survey.identity import COMMIT

C = "auditable"
MODELS = frozenset({Kind.MODEL})
DESCRIBED = frozenset({Kind.MODEL, Kind.DATASET})
HUB = (Kind.MODEL, Kind.DATASET, Kind.CODE)
TRAINING = ("training", "training_data", "approach", "training_run")
LIMITS = ("limitation", "out_of_scope", "bias")
IO = ("input", "output", "io_text", "task")


def au1(v: View, c: Component) -> Outcome:
    if c.kind in (Kind.TOKENIZER, Kind.TEMPLATE):
        return NA
    if c.kind in (Kind.PACKAGE, Kind.CONTAINER, Kind.AGENT_TOOL):
        if c.purl and c.version:
            return passed("its purl names the registry that answers for the producer")
        return not_shown("no exact version" if c.purl else "no identity")
    lacking = [n for n, x in (("producer", c.supplier), ("version", c.version)) if not x]
    if c.kind == Kind.SERVICE:
        return passed("its address names the provider") if c.supplier or "." in c.name else not_shown("its provider is not stated")
    return not_shown("not stated: " + " and ".join(lacking)) if lacking else passed()


def au2(v: View, c: Component) -> Outcome:
    if c.kind == Kind.SERVICE:
        return NA
    if c.local:
        paths = c.files or (v.formats if c is v.graph.root else v.owned.get(c.ref, ()))
        bare = [p for p in paths if not v.sha256.get(p)]
        return failed(f"{len(bare)} files without SHA-256, first {bare[0]}") if bare else passed()
    if c.kind == Kind.CONTAINER:
        return passed() if c.version and "sha256:" in c.version else not_shown("the image is not pinned by digest")
    if c.kind == Kind.PACKAGE:
        return (
            passed("hashed in a lock or requirement")
            if (c.ecosystem or "", c.name) in v.hashed_packages
            else not_shown("no manifest or lock names its hash")
        )
    return passed() if c.hashes else not_shown("its bytes are not in the target and nobody states their SHA-256")


def au3(v: View, c: Component) -> Outcome:
    if c.kind == Kind.APPLICATION or (c.kind in HUB and c.local):
        if (
            COMMIT.fullmatch(c.version or "")
            or COMMIT.fullmatch(v.survey.target.revision or "")
            or COMMIT.fullmatch(v.graph.root.version or "")
        ):
            return passed()
        return not_shown("no 40-hex commit of the delivered tree is known")
    if c.kind in HUB:
        if COMMIT.fullmatch(c.version or ""):
            return passed()
        return failed("referenced without a pinned commit") if c.hub == "huggingface" else not_shown("no commit is stated")
    if c.kind == Kind.PACKAGE and any("git+" in s.specifier for s in c.specifiers):
        good = all(re.search(r"@[0-9a-f]{40}\b", s.specifier) for s in c.specifiers if "git+" in s.specifier)
        return passed() if good else failed("comes from a repository without a pinned commit")
    return NA


def au4(v: View, c: Component) -> Outcome:
    bases = v.edges(c, "derived-from")
    if not bases:
        if _random(v, c):
            return passed("attested as initialised at random")
        return not_shown("no base is stated, and none is ruled out by an attestation")
    open_ends = [b.name for b in bases if not (COMMIT.fullmatch(b.version or "") or b.local or b.hashes)]
    return failed(f"base not pinned: {', '.join(open_ends[:3])}") if open_ends else passed()


def _random(v: View, c: Component) -> bool:
    a = v.attestation(c, "initialisation")
    return bool(a and a.value and all(x == "random" for x in a.value.values()))


def au5(v: View, c: Component) -> Outcome:
    data = v.edges(c, "trained-on")
    if not data:
        return (
            not_shown("no training data set is named, and no reason is given")
            if not v.attestation(c, "training-data")
            else passed("attested")
        )
    lacking = [
        f"{d.name}: {', '.join(w)}"
        for d in data
        if (w := [n for n, x in (("licence", d.licenses), ("hash or commit", d.hashes or d.files or d.version)) if not x])
    ]
    if not lacking:
        return passed()
    return passed("reason attested") if v.attestation(c, "training-data") else not_shown("; ".join(lacking[:3]))


def au6(v: View, c: Component) -> Outcome:
    if c.kind == Kind.DATASET:
        return passed() if c.description or c.value("size_category") or c.value("collection") else not_shown("no card describes it")
    lacking = [
        n for n, fields in (("training", TRAINING), ("input and output", IO), ("limits", LIMITS)) if not any(c.value(f) for f in fields)
    ]
    return not_shown("the card does not state " + ", ".join(lacking)) if lacking else passed()


def au7(v: View, c: Component) -> Outcome:
    """Configuration against tensors: the stated width and vocabulary must be those of some tensor."""
    if not c.local:
        return NA
    wrong = v.findings_of(c, "MODEL-SHARD-")
    if wrong:
        return failed_by(wrong)
    dims = {str(x.value.get("name")): x.value.get("value") for x in c.all("dimension") if isinstance(x.value, dict)}
    width = next((dims[n] for n in ("hidden_size", "d_model", "n_embd", "dim") if isinstance(dims.get(n), int)), None)
    sizes = {n for p in c.files for t in v.tensors.get(p, ()) for shape in (t.shapes or tuple(g[1] for g in t.groups)) for n in shape}
    if not sizes:
        return not_shown("no tensor shapes could be read from its files")
    if width is None:
        return not_shown("no configuration states a width that could be compared with the tensors")
    if width not in sizes:
        return failed(f"the configuration states a width of {width}; no tensor has it")
    vocabulary = dims.get("vocab_size")
    if isinstance(vocabulary, int) and max(sizes) < vocabulary:
        return failed(f"the configuration states {vocabulary} tokens; no tensor is that long")
    return passed()


def au8(v: View, c: Component) -> Outcome:
    if not c.local:
        return NA
    false = v.findings_of(c, "LINEAGE-ATTESTED", "LINEAGE-NOT-RANDOM")
    if false:
        return failed_by(false)
    return v.attested_or(c, "initialisation", "how each sub-module was initialised")


def au9(v: View, c: Component) -> Outcome:
    if not c.local:
        return NA
    named = [x for x in v.verdicts if x.get("verdict") == "verified" and x.get("signer")]
    if any(x.get("verdict") == "invalid" for x in v.verdicts):
        return failed("a signature in the target is invalid")
    return passed() if named else not_shown("no signature was verified against a named identity")


def au10(v: View, c: Component) -> Outcome:
    if not c.local:
        return NA
    code = c.value("training_run") or c.value("hyperparameter")
    data = v.edges(c, "trained-on")
    lacking = [n for n, x in (("training code or configuration", code), ("training data", data)) if not x]
    return not_shown("not in the delivery: " + ", ".join(lacking)) if lacking else passed()


def au11(v: View, c: Component) -> Outcome:
    if not c.local:
        return NA
    false = v.findings_of(c, "LINEAGE-")
    bad = [f for f in false if f.severity in ("medium", "high", "critical")]
    if bad:
        return failed_by(bad)
    if any(p in v.fingerprinted for p in c.files) or any(r.get("tests") for r in v.lineage):
        return passed("compared with the registry: no parent that is not declared")
    return not_shown("nothing in the registry is comparable: no statement on descent")


CHECKS = (
    Check(
        id="AU1",
        criterion=C,
        level=1,
        title="Name, producer and version are known",
        remedy="State them in the card or the metadata of the weights; pin packages to exact versions.",
        run=au1,
    ),
    Check(
        id="AU2",
        criterion=C,
        level=1,
        title="SHA-256 of every file",
        remedy="Deliver the files, or lock dependencies with hashes and images by digest.",
        run=au2,
    ),
    Check(
        id="AU3",
        criterion=C,
        level=1,
        title="Source revision is a 40-hex commit",
        remedy="Name the commit: revision=... in code, @COMMIT in requirements, git metadata of the delivery.",
        run=au3,
    ),
    Check(
        id="AU4",
        criterion=C,
        level=2,
        title="Base-model chain pinned to its root",
        remedy="State base_model with its commit in the card, or attest that all weights were initialised at random.",
        run=au4,
        kinds=MODELS,
    ),
    Check(
        id="AU5",
        criterion=C,
        level=2,
        title="Data sets with identifier, licence and hash, or a reason",
        remedy="List data sets in the card with revision and licence, or attest why not.",
        run=au5,
        kinds=MODELS,
    ),
    Check(
        id="AU6",
        criterion=C,
        level=2,
        title="Card states training, input and output, limits",
        remedy="Write these sections into the model card.",
        run=au6,
        kinds=DESCRIBED,
    ),
    Check(
        id="AU7",
        criterion=C,
        level=2,
        title="Configuration, tensor shapes and tokenizer agree",
        remedy="Deliver the configuration that belongs to these weights.",
        run=au7,
        kinds=MODELS,
    ),
    Check(
        id="AU8",
        criterion=C,
        level=2,
        title="Each sub-module: random, pretrained from a named component, or unknown",
        remedy='Attest kind = "initialisation" with a value for each sub-module in mlsbom.toml.',
        run=au8,
        kinds=MODELS,
    ),
    Check(
        id="AU9",
        criterion=C,
        level=3,
        title="Signed, and verified against a named identity",
        remedy="Sign the folder (mlsbom sign) and name the identity to the buyer.",
        run=au9,
    ),
    Check(
        id="AU10",
        criterion=C,
        level=3,
        title="Training code and data information are present",
        remedy="Deliver the training configuration and name the data.",
        run=au10,
        kinds=MODELS,
    ),
    Check(
        id="AU11",
        criterion=C,
        level=3,
        title="Weight lineage shows no parent that is not declared",
        remedy="Declare the parent as base_model, or explain the comparison.",
        run=au11,
        kinds=MODELS,
    ),
)
