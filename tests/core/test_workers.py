"""Small files in several processes: the same survey as from one, whatever happens to the others."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from msgspec import json

from mlsbom import collect as collecting
from mlsbom.collect import Options, collect, workers
from mlsbom.sources.local import LocalSource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is worth a second process: scripts, manifests that ask for others, and what cannot be read."""
    monkeypatch.setattr(workers, "WORTH", 50)
    monkeypatch.setattr(collecting, "BATCH", 7)
    monkeypatch.setattr(os, "listdir", lambda path=".", plain=os.listdir: ["1"] if path == "/proc/self/task" else plain(path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    top = tmp_path / "many"
    for n in range(120):
        folder = top / f"d{n % 9}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{n}.py").write_text(f"import numpy\nimport lib{n % 5}\nx = open('hf_file')\n")
        (folder / f"requirements-{n}.txt").write_text(f"numpy=={n}.0\n-r ../shared.in\n-r ../missing.in\n")
        (folder / f"c{n}.json").write_text('{"a": [1, ' + "]" * (n % 3))
    (top / "d0" / "config.json").write_text('{"architectures": ["\\ud800 half a pair"], "model_type": "\\ud800"}')
    (top / "shared.in").write_text("torch==2.0\n")
    (top / "big.bin").write_bytes(bytes(2 << 20))
    return top


def survey(top: Path, jobs: int) -> bytes:
    return json.encode(collect(LocalSource(str(top)), Options(cache=False, jobs=jobs)))


def test_the_survey_does_not_depend_on_the_number_of_processes(many: Path) -> None:
    assert workers.processes(3, 300) == 2
    assert survey(many, 1) == survey(many, 2) == survey(many, 3)


def test_what_a_dead_process_had_at_hand_is_read_here(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = survey(many, 1)
    here, plain = os.getpid(), LocalSource.whole

    def dies(self: LocalSource, entry: object) -> bytes:
        if os.getpid() != here and getattr(entry, "path", "").endswith("f40.py"):
            os._exit(9)
        return plain(self, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalSource, "whole", dies)
    assert survey(many, 2) == alone


def test_where_no_process_may_be_made_one_reads_all(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = survey(many, 1)

    def refused() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refused)
    assert survey(many, 3) == alone


def test_a_process_that_fails_says_nothing(many: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    alone = survey(many, 1)
    here, plain = os.getpid(), LocalSource.whole

    def fails(self: LocalSource, entry: object) -> bytes:
        if os.getpid() != here:
            raise MemoryError
        return plain(self, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalSource, "whole", fails)
    assert survey(many, 2) == alone
    assert capfd.readouterr() == ("", "")


def test_only_the_first_process_tells_of_progress(many: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"

    def seen(what: str, done: int, of: int) -> None:
        with told.open("a") as f:
            f.write(f"{os.getpid()} {done} {of}\n")

    collect(LocalSource(str(many)), Options(cache=False, jobs=3, observer=seen))
    rows = [tuple(map(int, row.split())) for row in told.read_text().splitlines()]
    assert {pid for pid, _, _ in rows} == {os.getpid()}
    assert all(done <= of for _, done, of in rows)


def test_no_process_outlives_the_collection(many: Path) -> None:
    survey(many, 3)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_one_job_few_files_or_threads_mean_no_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(os, "listdir", lambda _: ["1"])
    assert workers.processes(1, 100_000) == workers.processes(8, workers.WORTH - 1) == 0
    assert workers.processes(8, 100_000) == 7
    monkeypatch.setattr(os, "listdir", lambda _: ["1", "2"])
    assert workers.processes(8, 100_000) == 0


def test_renderings_made_side_by_side_are_those_made_one_by_one(many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlsbom.cli.scan import write
    from mlsbom.errors import UsageError
    from mlsbom.export import choose
    from mlsbom.scan import Settings, scan

    result = scan(str(many), Settings(cache=False, jobs=1))
    forks: list[int] = []
    plain = os.fork
    monkeypatch.setattr(os, "fork", lambda: forks.append(0) or plain())
    names = ("json", "cyclonedx-json", "sarif", "csv")
    write(result, [(choose(name), str(tmp_path / name)) for name in names])
    assert forks and all((tmp_path / name).read_bytes() == choose(name)[0](result) for name in names)
    with pytest.raises(UsageError, match="cannot be written"):
        write(result, [(choose("json"), str(tmp_path / "a")), (choose("csv"), str(tmp_path / "none" / "b"))])
    assert (tmp_path / "a").exists() and not list(tmp_path.glob("*.tmp"))
