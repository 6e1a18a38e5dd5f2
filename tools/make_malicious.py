"""Make signatures/malicious and signatures/waves from lists of malicious packages, bad releases and indicators.

    python tools/make_malicious.py LISTS [--date 2026-08-21]

LISTS holds `malicious_names.jsonl` (ecosystem `e`, name `n`, id, date `d`, versions `v`), `compromised_releases.csv` (ecosystem, name,
version, wave), `campaign_indicators.csv` (wave, type, indicator) and `typosquats.csv` (for the names of two campaigns). Waves are told by
tools/waves.toml. A heading that no wave has stops the program. The same lists give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mlsbom.packages.feed import EVERY, Entry, dump
from mlsbom.packages.names import ecosystem, normalise

ROOT = Path(__file__).resolve().parent.parent / "signatures"
FIELDS = {"ip": "address", "file-class": "file", "url": "url"}


def rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as f:
        yield from csv.DictReader(f)


class Waves:
    """The table of waves: a heading of a source to a slug."""

    def __init__(self, path: Path) -> None:
        self.table = tomllib.loads(path.read_text("utf-8"))

    def slug(self, heading: str) -> str:
        """The slug of a heading."""
        low = heading.lower()
        for slug, about in self.table.items():
            if any(part in low for part in about["headings"]):
                return slug
        sys.exit(f"no wave in tools/waves.toml has the heading {heading!r}")


def entries(lists: Path, waves: Waves) -> dict[str, list[Entry]]:
    """The rows of the feed by ecosystem: advisories, with the wave where one lists the same releases; then what only waves list."""
    campaign = {r["osv_id"]: waves.slug(r["source"]) for r in rows(lists / "typosquats.csv") if r["label"].endswith("campaign")}
    listed: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for r in rows(lists / "compromised_releases.csv"):
        eco = ecosystem(r["ecosystem"])
        listed[eco, normalise(r["name"], eco)][waves.slug(r["wave"])].add(r["version"])
    found: dict[str, list[Entry]] = defaultdict(list)
    for line in (lists / "malicious_names.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        eco = ecosystem(row["e"])
        name = str(normalise(row["n"], eco))
        versions = EVERY if row["v"] == "*" else tuple(sorted(row["v"]))
        wave = campaign.get(row["id"], "")
        releases = listed.get((eco, name), {})
        for slug in sorted(slug for slug, bad in releases.items() if bad <= set(versions)):
            wave = wave or slug
            del releases[slug]
        found[eco].append(Entry(name, row["id"], row["d"], versions, wave))
    for (eco, name), releases in listed.items():
        found[eco] += [Entry(name, f"wave:{slug}", waves.table[slug]["date"], tuple(sorted(bad)), slug) for slug, bad in releases.items()]
    return found


def indicators(lists: Path, waves: Waves) -> dict[str, dict[str, list[str]]]:
    """The indicators by slug and type, sorted."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for r in rows(lists / "campaign_indicators.csv"):
        found[waves.slug(r["wave"])][FIELDS.get(r["type"], r["type"])].append(r["indicator"])
    return found


def waves_toml(waves: Waves, marks: dict[str, dict[str, list[str]]]) -> str:
    """The waves with their indicators, as TOML."""
    out = ["# Made by tools/make_malicious.py. Do not edit: see tools/waves.toml.", ""]
    for slug, about in sorted(waves.table.items()):
        out += [
            f"[{slug}]",
            f"title = {json.dumps(about['title'])}",
            f'date = "{about["date"]}"',
            f"aliases = {json.dumps(about.get('aliases', []))}",
        ]
        out += [f"{kind} = {json.dumps(sorted(values))}" for kind, values in sorted(marks.get(slug, {}).items())] + [""]
    return "\n".join(out)


def main() -> None:
    """See the module."""
    ap = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    ap.add_argument("lists", type=Path)
    ap.add_argument("--out", type=Path, default=ROOT)
    args = ap.parse_args()
    waves = Waves(Path(__file__).with_name("waves.toml"))
    for folder in ("malicious", "waves"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    for eco, found in entries(args.lists, waves).items():
        (args.out / "malicious" / f"{eco}.tsv").write_bytes(dump(found))
    (args.out / "waves" / "waves.toml").write_text(waves_toml(waves, indicators(args.lists, waves)), "utf-8")


if __name__ == "__main__":
    main()
