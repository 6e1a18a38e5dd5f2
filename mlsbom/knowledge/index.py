"""The index of a folder of packs: digest, size, date, source and licence of every file, and a serial number that never goes back.

Each folder of packs holds a `pack.toml` with `date` (ISO), `source` (list of strings), `license` (SPDX expression) and `description`; every
other file of the folder is a pack file and inherits them.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path


def build(root: Path, *, serial: int | None = None, local: str | None = None) -> str:
    """The text of the index for the packs below `root`. The serial is the newest date as a number times 100, unless given; `local` says who
    changed packs on this machine."""
    packs, dates = [], []
    for meta in sorted(root.glob("*/pack.toml")):
        about = tomllib.loads(meta.read_text("utf-8"))
        dates.append(str(about["date"]))
        packs.append((meta.parent, about))
    date = max(dates, default="")
    number = int(date.replace("-", "")[:8] or 0) * 100 if serial is None else serial
    out = ["# Made by tools/make_index.py. Do not edit.", "schema = 1", f'date = "{date}"', f"serial = {number}"]
    out += [f"local = {json.dumps(local)}", ""] if local else [""]
    for folder, about in packs:
        sources = ", ".join(json.dumps(s, ensure_ascii=False) for s in about["source"])
        out += [f"[packs.{folder.name}]", f'date = "{about["date"]}"', f'license = "{about["license"]}"',
                f"description = {json.dumps(about['description'], ensure_ascii=False)}", f"source = [{sources}]", ""]  # fmt: skip
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
