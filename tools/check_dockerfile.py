"""Check the Dockerfile without a container engine: its text against rules, and its steps in a folder as far as that goes.

What is tried: the wheel is built from just what `.dockerignore` lets through, installed into an empty virtual environment that sees this
one's dependencies, and run by ENTRYPOINT as the user, with the network cut and nothing writable, where this machine allows that.
Prints one line a check; exit 1 where one fails.

    python tools/check_dockerfile.py [--text-only]
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
Step = tuple[str, str]


def steps(text: str) -> list[Step]:
    """(instruction, arguments) with continued lines joined and comments gone."""
    plain = re.sub(r"^\s*#.*\n", "", text, flags=re.M)
    joined = re.sub(r"\\\n\s*", " ", plain)
    return [(m[1].upper(), m[2].strip()) for m in re.finditer(r"^(\w+)\s+(.*)$", joined, re.M)]


def text_rules(made: list[Step]) -> Iterator[tuple[str, bool]]:
    """The rules of the text: (rule, whether it holds)."""
    starts = [i for i, (what, _) in enumerate(made) if what == "FROM"]
    last = made[starts[-1] :]
    runs = [rest for what, rest in made if what == "RUN"]
    installs = [c for rest in runs for c in rest.split("&&") if re.search(r"\bpip\b.*\b(install|wheel)\b", c)]
    yield "two stages, and the last brings no build tools", len(starts) == 2 and not any(what == "RUN" for what, _ in last)
    yield "the base can be named by digest", made[0][0] == "ARG" and all("${PYTHON}" in made[i][1] for i in starts)
    yield "not root, by number", [rest for what, rest in last if what == "USER"] == ["65532:65532"]
    yield "every install is by hash, or without an index", bool(installs) and all(
        "--require-hashes" in c or "--no-index" in c for c in installs
    )
    yield "nothing is fetched beside pip", not any(re.search(r"\b(curl|wget|git|apt-get|apk)\b", r) for r in runs)
    yield "no ADD, no secret", not any(what == "ADD" or re.search(r"(?i)token|password|secret", rest) for what, rest in made)
    yield "the program is the entry point, in exec form", ("ENTRYPOINT", '["mlsbom"]') in last
    yield "what is copied is let through by .dockerignore", all(allowed(source) and (ROOT / source).exists() for source in sources(made))


def sources(made: list[Step]) -> list[str]:
    """What is copied from the build context."""
    return [s.removeprefix("./") for what, rest in made if what == "COPY" and "--from" not in rest for s in rest.split()[:-1]]


def allowed(path: str) -> bool:
    """Whether .dockerignore lets a top-level path through; the last pattern that matches counts."""
    verdict = True
    for line in (ROOT / ".dockerignore").read_text().split("\n"):
        pattern = line.strip()
        if pattern and not pattern.startswith("#") and fnmatch.fnmatch(path, pattern.lstrip("!")):
            verdict = pattern.startswith("!")
    return verdict


def cut_off() -> list[str]:
    """A prefix that cuts the network of a command, or nothing where that is not allowed."""
    for prefix in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare") and not subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
            return prefix
    return []


def tried(made: list[Step]) -> Iterator[tuple[str, bool]]:
    """The steps, done in a folder."""
    with tempfile.TemporaryDirectory() as name:
        context, home = Path(name) / "build", Path(name) / "opt"
        context.mkdir()
        for source in sources(made):
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, context / source)
        wheels = []
        for out in ("one", "two"):
            command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", out, "."]
            environment = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
            done = subprocess.run(command, cwd=context, env=environment, capture_output=True, text=True, check=False)
            wheels += list((context / out).glob("*.whl"))
            if done.returncode:
                print(done.stderr[-2000:])
        yield "the context builds a wheel", len(wheels) == 2
        if len(wheels) != 2:
            return
        yield "twice the same, byte by byte", wheels[0].read_bytes() == wheels[1].read_bytes()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
        python = home / "bin" / "python"
        install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheels[0])]
        subprocess.run(install, check=True, env={**os.environ, "PIP_NO_COMPILE": "1"})
        site = next((home / "lib").glob("python*/site-packages"))
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        yield "the data packs are inside", (site / "mlsbom" / "_signatures" / "index.toml").is_file()
        yield "it runs without a home, a cache and the network", runs(home, Path(name))


def runs(home: Path, folder: Path) -> bool:
    """Run the entry point on the example as the image would: exit 1, for the example has planted mistakes."""
    environment = {"PATH": f"{home}/bin:/usr/bin:/bin", "HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent", "LANG": "C.UTF-8"}
    command = [*cut_off(), str(home / "bin" / "mlsbom"), "scan", str(ROOT / "examples" / "acme-asr"), "-o", "json"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 1 or '"PACKAGE-AFFECTED"' not in done.stdout:
        print(done.returncode, done.stderr[-2000:])
        return False
    return True


def main() -> None:
    made = steps((ROOT / "Dockerfile").read_text())
    checks = list(text_rules(made)) + ([] if "--text-only" in sys.argv else list(tried(made)))
    for rule, good in checks:
        print(f"{'ok' if good else 'NO':3} {rule}")
    sys.exit(not all(good for _, good in checks))


if __name__ == "__main__":
    main()
