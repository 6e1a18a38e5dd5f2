"""What a release has to pass: builds wheel and source archive into dist/, tries the wheel, scans it with itself under profile `ci`, and writes beside it
its SBOMs, the scan, the report and a bid package. Exit 1 where the scan's gate fails or something else does not hold.

    python tools/release_check.py [--key KEY.pem]     the key signs the bid package
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
INDICATORS = "waves/waves.toml"
"""The one file of the wheel that holds what the scanner looks for as plain text: names of hosts, files and services of poisoned releases."""


def run(*command: str | Path, code: int = 0, cwd: Path = ROOT) -> str:
    """Standard output of a command that has to end with `code`."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise SystemExit(f"{' '.join(map(str, command))}: exit {done.returncode}, not {code}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def build() -> Path:
    """The source archive, and the wheel built from it, twice and the same."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", DIST)
    (source,) = DIST.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as name:
        with tarfile.open(source) as archive:
            archive.extractall(name, filter="data")
        (tree,) = (p for p in Path(name).iterdir() if p.is_dir())
        for out in (DIST, Path(name) / "again"):
            run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, cwd=tree)
        (wheel,) = DIST.glob("*.whl")
        if (Path(name) / "again" / wheel.name).read_bytes() != wheel.read_bytes():
            raise SystemExit("two builds of the wheel differ")
    return wheel


def unpack(wheel: Path, folder: Path) -> tuple[Path, list[str]]:
    """The wheel's content with the lock of what it needs, as it is delivered; and a command that runs exactly this code."""
    delivered = folder / "mlsbom"
    with zipfile.ZipFile(wheel) as z:
        z.extractall(delivered)
    shutil.copy(ROOT / "requirements.lock", delivered / "requirements.lock")
    for name in ("README.md", "LICENSE", "SECURITY.md"):
        shutil.copy(ROOT / name, delivered / name)
    start = f"import sys; sys.path.insert(0, {str(delivered)!r}); from mlsbom.cli import run; run()"
    return delivered, [sys.executable, "-I", "-B", "-c", start]


def profile(folder: Path) -> Path:
    """Profile `ci` with one waiver, bound to the digest that the index of the packs states and to thirty days."""
    index = tomllib.loads((ROOT / "signatures" / "index.toml").read_text("utf-8"))
    path = folder / "release.toml"
    path.write_text(f"""extends = "ci"
name = "release"

[[waiver]]
rule = "PACKAGE-INDICATOR"
path = "mlsbom/_signatures/{INDICATORS}"
sha256 = "{index["files"][INDICATORS]["sha256"]}"
reason = "the data pack that lists these indicators, not a use of them"
by = "maintainers of mlsbom"
expires = {datetime.fromtimestamp(EPOCH, UTC).date() + timedelta(days=30)}
""")
    return path


def main() -> None:
    key = ["--key", sys.argv[2]] if sys.argv[1:2] == ["--key"] else []
    wheel = build()
    with tempfile.TemporaryDirectory() as name:
        delivered, mlsbom = unpack(wheel, Path(name))
        print(run(*mlsbom, "--version").strip(), "from", wheel.name)
        run(*mlsbom, "scan", ROOT / "examples" / "acme-asr", "-q", "-o", "json", code=1)
        outputs = {
            "json": "scan.json",
            "cyclonedx-json": "sbom.cdx.json",
            "spdx-json": "sbom.spdx.json",
            "html": "report.html",
            "sarif": "mlsbom.sarif",
        }
        options = [part for form, file in outputs.items() for part in ("-o", f"{form}={DIST / file}")]
        rules = profile(Path(name))
        print(run(*mlsbom, "scan", delivered, "--profile", rules, "-q", *options, "-o", "table"))
        run(*mlsbom, "bid", delivered, "--profile", rules, "--out", DIST / "bid", *key)
    print("dist:", *sorted(p.name for p in DIST.iterdir()))


if __name__ == "__main__":
    main()
