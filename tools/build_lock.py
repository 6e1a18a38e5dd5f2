"""requirements-build.lock: what building the wheel needs, cut out of requirements-dev.lock with its hashes. `--check` only compares.

The Dockerfile and the release build from it, so that no unpinned tool touches the wheel.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("editables", "hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers")


def cut(lock: str) -> str:
    """The entries of NAMES, each with its hashes. Raises SystemExit where one is not locked."""
    entries = {m[1]: m[0] for m in re.finditer(r"^([a-z0-9._-]+)==[^\n]*(?:\n    --hash=[^\n]*)+", lock, re.M)}
    missing = [n for n in NAMES if n not in entries]
    if missing:
        raise SystemExit(f"requirements-dev.lock does not lock {', '.join(missing)}")
    return "\n".join(entries[n] for n in NAMES) + "\n"


def main() -> None:
    made = cut((ROOT / "requirements-dev.lock").read_text())
    path = ROOT / "requirements-build.lock"
    if "--check" not in sys.argv:
        path.write_text(made)
    elif not path.is_file() or path.read_text() != made:
        raise SystemExit("requirements-build.lock is not that of requirements-dev.lock: run tools/build_lock.py")


if __name__ == "__main__":
    main()
