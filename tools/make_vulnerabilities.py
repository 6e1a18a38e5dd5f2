"""Make signatures/vulnerabilities from tools/vulnerabilities.json: OSV records, written by hand, of flaws by which loading runs code.

A full mirror is not shipped: `mlsbom signatures import` makes one of an OSV export, and `--online` asks the service.
"""

from __future__ import annotations

import json
from pathlib import Path

from mlsbom.packages.vulnerabilities import build

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Write the store of PyPI."""
    records = json.loads((HERE / "vulnerabilities.json").read_text("utf-8"))
    folder = HERE.parent / "signatures" / "vulnerabilities"
    folder.mkdir(exist_ok=True)
    print(build(folder / "pypi.sqlite", ((a["package"]["name"], r) for r in records for a in r["affected"])), "records")


if __name__ == "__main__":
    main()
