"""Write signatures/index.toml: the digest, date, source and licence of every pack file.

Each folder below signatures/ holds a `pack.toml` with `date` (ISO), `source` (list of strings), `license` (SPDX expression) and
`description`; every other file of the folder is a pack file and inherits them. Run by `make packs`, checked by a test.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mlsbom.knowledge.index import build

ROOT = Path(__file__).resolve().parent.parent / "signatures"

if __name__ == "__main__":
    text = build(ROOT)
    if "--check" in sys.argv:
        sys.exit(0 if (ROOT / "index.toml").read_text("utf-8") == text else "signatures/index.toml is stale: run make packs")
    (ROOT / "index.toml").write_text(text, "utf-8")
