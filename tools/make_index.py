"""Write signatures/index.toml: the digest, date, source and licence of every pack file.

Each folder below signatures/ holds a `pack.toml` with `date` (ISO), `source` (list of strings), `license` (SPDX expression) and
`description`; every other file of the folder is a pack file and inherits them. Run by `make packs`, checked by a test.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "signatures"


def build(root: Path = ROOT) -> str:
    """The text of the index for the packs below `root`."""
    packs, dates = [], []
    for meta in sorted(root.glob("*/pack.toml")):
        about = tomllib.loads(meta.read_text("utf-8"))
        dates.append(str(about["date"]))
        packs.append((meta.parent, about))
    out = ["# Made by tools/make_index.py. Do not edit.", "schema = 1", f'date = "{max(dates, default="")}"', ""]
    for folder, about in packs:
        sources = ", ".join(f'"{s}"' for s in about["source"])
        out += [
            f"[packs.{folder.name}]",
            f'date = "{about["date"]}"',
            f'license = "{about["license"]}"',
            f'description = "{about["description"]}"',
            f"source = [{sources}]",
            "",
        ]
    for folder, _ in packs:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "pack.toml" and not p.name.startswith(".")):
            raw = path.read_bytes()
            out += [
                f'[files."{path.relative_to(root).as_posix()}"]',
                f'sha256 = "{hashlib.sha256(raw).hexdigest()}"',
                f"size = {len(raw)}",
                "",
            ]
    return "\n".join(out)


if __name__ == "__main__":
    text = build()
    if "--check" in sys.argv:
        sys.exit(0 if (ROOT / "index.toml").read_text("utf-8") == text else "signatures/index.toml is stale: run make packs")
    (ROOT / "index.toml").write_text(text, "utf-8")
