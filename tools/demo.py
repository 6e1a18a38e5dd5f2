"""The first command: scan a real model package and the example repository, and leave the documents in one folder.

The package is silero-vad 6.2.3 (MIT), fetched by pip as a plain archive and checked by its SHA-256; nothing of it is installed or run. Where
it cannot be fetched, that is said and the example alone is scanned.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

PACKAGE, ARCHIVE = "silero-vad==6.2.3", "silero_vad-6.2.3-py3-none-any.whl"
SHA256 = "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8"
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "acme-asr"


def fetch(folder: Path) -> Path | None:
    """The unpacked package, or None with the reason said."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        print(f"{PACKAGE} could not be fetched within five minutes: the example alone is scanned")
        return None
    archive = folder / ARCHIVE
    if done.returncode or not archive.is_file():
        print(
            f"{PACKAGE} could not be fetched: the example alone is scanned ({(done.stderr.strip().splitlines() or ['no reason given'])[-1][:160]})"
        )
        return None
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        print(f"{PACKAGE} has another SHA-256 than it should have: not scanned")
        return None
    top = folder / "silero-vad-6.2.3"
    with zipfile.ZipFile(archive) as z:
        z.extractall(top)
    return top


def show(target: Path, out: Path) -> None:
    """Scan one target into `out` and show the table."""
    from mlsbom.export import choose
    from mlsbom.scan import Settings, scan

    start = time.monotonic()
    result = scan(str(target), Settings(profile="kr-graded"))
    out.mkdir(parents=True, exist_ok=True)
    documents = {
        "scan.json": "json",
        "sbom.cdx.json": "cyclonedx-json",
        "sbom.cdx.xml": "cyclonedx-xml",
        "sbom.spdx3.json": "spdx-json",
        "sbom.spdx.json": "spdx-json@2.3",
        "report.html": "html",
        "findings.sarif": "sarif",
        "components.csv": "csv",
    }
    for name, spec in documents.items():
        (out / name).write_bytes(choose(spec)[0](result))
    sys.stdout.buffer.write(choose("table")[0](result))
    sys.stdout.flush()
    print(f"{time.monotonic() - start:.1f} s. Documents: {out}/  ({', '.join(documents)})\n")


def main() -> int:
    """Both scans; exit 0 also where findings fail the gate: this is a demonstration."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    with tempfile.TemporaryDirectory(prefix="mlsbom-demo-") as scratch:
        package = fetch(Path(scratch))
        if package is not None:
            show(package, out / package.name)
        show(EXAMPLE, out / EXAMPLE.name)
    print(f"Open {out}/{EXAMPLE.name}/report.html in a browser. Your own model: .venv/bin/mlsbom scan PATH")
    return 0


if __name__ == "__main__":
    sys.exit(main())
