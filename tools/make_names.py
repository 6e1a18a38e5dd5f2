"""Make signatures/names and signatures/snapshot from lists of names.

    python tools/make_names.py LISTS [--previous SNAPSHOT] [--date 2026-11-01]

LISTS holds `pypi_top15k.csv` (name, rank), `npm_top15k.csv` (name, downloads) and `pypi_names.txt.xz` (every registered name). Writes the
names in rank order, how usual words (in 8 names or more) and letters are, and the snapshot; `names/aliases.toml` is kept by hand.
The same lists give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import lzma
import math
from collections import Counter, defaultdict
from pathlib import Path

from mlsbom.packages import snapshot
from mlsbom.packages.names import normalise
from mlsbom.packages.score import Words

ROOT = Path(__file__).resolve().parent.parent / "signatures"
FEWEST = 8
"""Names that a word must be in to be kept: rarer ones say little, and would tell single names apart."""


def popular(path: Path, ecosystem: str) -> list[str]:
    """The names of a list in the order of its file, normalised, each once."""
    with path.open(encoding="utf-8", newline="") as f:
        return list(dict.fromkeys(str(normalise(row["name"], ecosystem)) for row in csv.DictReader(f)))


def word_lines(names: list[str]) -> list[str]:
    """Lines `LOG2COUNT WORD WORD...`, by falling count."""
    counts = Counter(w for n in names for w in set(n.split("-")))
    by: dict[float, list[str]] = defaultdict(list)
    for word, n in counts.items():
        if n >= FEWEST:
            by[round(math.log2(1 + n), 1)].append(word)
    return [f"{count} {' '.join(sorted(by[count]))}\n" for count in sorted(by, reverse=True)]


def grams(names: list[str]) -> bytes:
    """A byte a trigram: eight times its rarity in bits (see `Words`)."""
    size = len(Words.ALPHABET)
    at = {c: i for i, c in enumerate(Words.ALPHABET)}
    found: Counter[int] = Counter()
    for n in names:
        codes = [0, *[at.get(c, size - 1) for c in n], 0]
        found.update((a * size + b) * size + c for a, b, c in zip(codes, codes[1:], codes[2:], strict=False))
    total = found.total()
    return bytes(min(255, round(-8 * math.log2((found.get(i, 0) + 0.2) / total))) for i in range(size**3))


def main() -> None:
    """See the module."""
    ap = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    ap.add_argument("lists", type=Path)
    ap.add_argument("--previous", type=Path, help="the last snapshot, whose first-seen months are carried forward")
    ap.add_argument("--date", default="2026-11-01", help="the date of the lists")
    ap.add_argument("--out", type=Path, default=ROOT)
    args = ap.parse_args()
    with lzma.open(args.lists / "pypi_names.txt.xz", "rt", encoding="utf-8") as f:
        names = sorted({str(normalise(n, "pypi")) for n in f.read().split("\n") if n})
    for folder in ("names", "snapshot"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    for ecosystem in ("pypi", "npm"):
        listed = popular(args.lists / f"{ecosystem}_top15k.csv", ecosystem)
        (args.out / "names" / f"popular-{ecosystem}.txt").write_text("\n".join(listed) + "\n", "utf-8")
    (args.out / "names" / "words.txt").write_text("".join(word_lines(names)), "utf-8")
    (args.out / "names" / "grams.bin").write_bytes(grams(names))
    previous = snapshot.Snapshot(args.previous.read_bytes()) if args.previous else None
    (args.out / "snapshot" / "pypi.bin").write_bytes(snapshot.build(names, args.date, previous))


if __name__ == "__main__":
    main()
