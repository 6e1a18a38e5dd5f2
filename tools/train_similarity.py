"""Fit the look-alike score and its thresholds: signatures/names/similarity.json. Needs LightGBM, which the program itself does not.

    python tools/train_similarity.py LISTS [--measure]

Positives are made here: popular names with one slip (sometimes two) of the kinds that the specification names, drawn without a look at any
real squat. Negatives are registered unpopular names. No row of `typosquats.csv` is learned from: all real squats are held out, and those
of `longtail_sample.csv` too. Thresholds are quantiles of the score over a third sample of registered names. With `--measure` the real
squats and the judged tail are scored and the figures written into the file; models for that are fitted on the other half of the targets.
"""

from __future__ import annotations

import argparse
import csv
import json
import lzma
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import lightgbm  # type: ignore[import-not-found]
import numpy as np
from numpy.typing import NDArray

from mlsbom.knowledge import Packs
from mlsbom.packages import popular, slips
from mlsbom.packages.names import normalise
from mlsbom.packages.popular import Popular
from mlsbom.packages.score import FEATURES, Model, Tree, Words, features
from mlsbom.packages.slips import strip

Floats = NDArray[np.float64]
ROOT = Path(__file__).resolve().parent.parent / "signatures"
SQUATS, NEGATIVES, CALIBRATION, ROUNDS = 60_000, 250_000, 80_000, 200
QUANTILES = {"strict": 0.0025, "loose": 0.014, "absent": 0.06}
"""Shares of unpopular names above each threshold: well under 0.5 % and 2 %, as a sample of the judged kind may be
harder than the calibration; names absent from the registry are judged at 6 %, as most of what is near a popular name there is no accident."""
FIT = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.06,
    "min_data_in_leaf": 80,
    "lambda_l2": 5.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "verbose": -1,
    "num_threads": 2,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def slip(name: str, rng: random.Random, keys: dict[str, list[str]]) -> str:
    """The name with one slip: omission, doubling, swap, insertion, neighbouring key, substitution, plural, separator, order, affix."""
    while True:
        i = rng.randrange(len(name))
        c, roll = name[i], rng.random()
        if c == "-":
            continue
        if roll < 0.25:
            out = name[:i] + name[i + 1 :]
        elif roll < 0.47:
            out = name[:i] + c + name[i:]
        elif roll < 0.66:
            out = name[:i] + name[i + 1] + c + name[i + 2 :] if i + 1 < len(name) and name[i + 1] not in "-" + c else name
        elif roll < 0.80:
            at = 0 if rng.random() < 0.2 else i + 1
            out = name[:at] + rng.choice(LETTERS) + name[at:]
        elif roll < 0.92:
            out = name[:i] + rng.choice(keys[c] or [c]) + name[i + 1 :]
        elif roll < 0.96:
            out = name[:i] + rng.choice(LETTERS) + name[i + 1 :]
        elif roll < 0.97:
            out = name[:-1] if name.endswith("s") else name + "s"
        elif roll < 0.98:
            out = name.replace("-", "", 1) if "-" in name else name[:i] + "-" + name[i:]
        elif roll < 0.99:
            out = "-".join(rng.sample(words := name.split("-"), len(words)))
        else:
            affix = rng.choice(slips.AFFIXES)
            out = rng.choice((f"{name}-{affix}", f"{affix}-{name}", name + affix, affix + name))
        out = out.strip("-")
        if out != name and out and "--" not in out:
            return out


def squats(known: Popular, registered: set[str], rng: random.Random) -> list[tuple[str, str]]:
    """(squat, target) pairs; better known targets are drawn more often (rank as the square of a uniform number)."""
    keys: dict[str, list[str]] = defaultdict(list)
    for a, b in sorted(slips.KEYBOARD):
        if b != "-":
            keys[a].append(b)
    names = list(known.ranks)
    made: list[tuple[str, str]] = []
    while len(made) < SQUATS:
        target = names[int(len(names) * rng.random() ** 2)]
        if len(strip(target)) < 4:
            continue
        name = slip(target, rng, keys)
        if len(name) > 7 and rng.random() < 0.08:
            name = slip(name, rng, keys)
        if name != target and name not in registered:
            made.append((name, target))
    return made


class Rows:
    """Feature rows of many names, with the number of the name and the target of each row."""

    def __init__(self, names: list[str], known: Popular, words: Words) -> None:
        self.count = len(names)
        rows, self.name, self.target = [], [], []
        known.index.prepare(names)
        for n, name in enumerate(names):
            candidates, near1, near2 = known.index.candidates(name, name)
            for c in candidates:
                rows.append(features(name, c, near1, near2, words))
                self.name.append(n)
                self.target.append(c.target.written)
        self.x: Floats = np.array(rows, float)

    def best(self, scores: Floats) -> Floats:
        """The best score of each name, 0 without candidates."""
        out = np.zeros(self.count)
        np.maximum.at(out, np.array(self.name, int), scores)
        return out


def fit(positive: Floats, negative: Floats) -> Any:
    """A booster over these rows."""
    x = np.vstack([negative, positive])
    y = np.r_[np.zeros(len(negative)), np.ones(len(positive))]
    return lightgbm.train(FIT, lightgbm.Dataset(x, y), ROUNDS)


def trees(booster: Any) -> tuple[Tree, ...]:
    """The trees of a booster as plain lists (see `similarity.Model`)."""
    return tuple(_tree(t["tree_structure"]) for t in booster.dump_model()["tree_info"])


def _tree(root: dict[str, Any]) -> Tree:
    feature: list[int] = []
    threshold: list[float] = []
    left: list[int] = []
    right: list[int] = []
    leaves: list[float] = []

    def walk(node: dict[str, Any]) -> int:
        if "leaf_value" in node:
            leaves.append(round(node["leaf_value"], 5))
            return -len(leaves)
        n = len(feature)
        feature.append(node["split_feature"])
        threshold.append(node["threshold"])  # as it is: values often lie on it
        left.append(0)
        right.append(0)
        left[n], right[n] = walk(node["left_child"]), walk(node["right_child"])
        return n

    walk(root)
    return feature, threshold, left, right, leaves


def column(path: Path, name: str) -> list[str]:
    """One column of a CSV file, as PyPI names."""
    with path.open(encoding="utf-8", newline="") as f:
        return [str(normalise(r[name], "pypi")) for r in csv.DictReader(f)]


def measure(lists: Path, known: Popular, words: Words, made: Rows, wanted: list[str], negative: Rows) -> dict[str, float]:
    """Recall of held-out real squats of listed targets at four false-positive rates of the judged tail; each half of the targets is scored by a
    model that saw squats of the other half alone, and the tail by both (the mean is shown)."""
    with (lists / "typosquats.csv").open(encoding="utf-8", newline="") as f:
        every = list(csv.DictReader(f))
    gold = [r for r in every if r["label"].startswith("gold") and r["ecosystem"] == "PyPI" and r["target"] in known.ranks]
    known_bad = {r["name"] for r in every}
    tail = Rows([n for n in column(lists / "longtail_sample.csv", "name") if n not in known_bad], known, words)
    real = Rows([r["name"] for r in gold], known, words)
    half = {name: random.Random(name).random() < 0.5 for name in known.ranks}
    fold = np.array([half[r["target"]] for r in gold])
    right = right_rows(made, wanted)
    recalls: dict[float, list[float]] = defaultdict(list)
    for side in (True, False):
        use = [i for i in right if half[made.target[i]] != side]
        booster = fit(made.x[use], negative.x)
        alarm = np.sort(tail.best(booster.predict(tail.x)))[::-1]
        found = real.best(booster.predict(real.x))[fold == side]
        for rate in (0.001, 0.005, 0.01, 0.02, 0.04):
            recalls[rate] += (found > alarm[int(rate * len(alarm))]).tolist()
    return {f"recall_at_{rate}": round(float(np.mean(hits)), 4) for rate, hits in recalls.items()} | {
        "squats": len(gold),
        "tail": tail.count,
    }


def right_rows(made: Rows, wanted: list[str]) -> list[int]:
    """The rows of made squats whose candidate is the target they were made from."""
    return [i for i, n in enumerate(made.name) if made.target[i] == wanted[n]]


def main() -> None:
    """See the module."""
    ap = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    ap.add_argument("lists", type=Path)
    ap.add_argument("--measure", action="store_true")
    args = ap.parse_args()
    rng = random.Random(20261101)
    packs = Packs(ROOT)
    known, words = popular.load(packs, "pypi"), popular.words(packs)
    assert known is not None
    with lzma.open(args.lists / "pypi_names.txt.xz", "rt", encoding="utf-8") as f:
        registered = sorted({str(normalise(n, "pypi")) for n in f.read().split("\n") if n})
    held_out = set(column(args.lists / "longtail_sample.csv", "name")) | set(column(args.lists / "typosquats.csv", "name"))
    free = [n for n in registered if n not in known.ranks and n not in held_out]
    drawn = rng.sample(free, NEGATIVES + CALIBRATION)
    negative, calibration = Rows(drawn[:NEGATIVES], known, words), Rows(drawn[NEGATIVES:], known, words)
    pairs = squats(known, set(registered), rng)
    made, wanted = Rows([n for n, _ in pairs], known, words), [t for _, t in pairs]
    booster = fit(made.x[right_rows(made, wanted)], negative.x)
    alarm = np.sort(calibration.best(booster.predict(calibration.x)))[::-1]
    at = {key: round(float(alarm[int(share * len(alarm))]), 4) for key, share in QUANTILES.items()}
    figures = measure(args.lists, known, words, made, wanted, negative) if args.measure else {}
    model = Model(trees=trees(booster), strict=at["strict"], loose=at["loose"], absent=at["absent"], features=FEATURES, measured=figures)
    document = {f: getattr(model, f) for f in ("features", "strict", "loose", "absent", "measured", "trees")}
    (ROOT / "names" / "similarity.json").write_text(json.dumps(document, separators=(",", ":")) + "\n", "utf-8")
    print(at, figures)


if __name__ == "__main__":
    main()
