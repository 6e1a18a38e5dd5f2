"""Many repositories: what is to be done, and that none is lost and none done twice, whatever they hold and whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsbom.errors import NothingToScan, UsageError
from mlsbom.fleet import engines
from mlsbom.fleet.engines import Limits, Worker, run_job
from mlsbom.fleet.plan import Job, done, jobs, key_of, slug, stamp, targets, write
from mlsbom.fleet.run import scan_all, shard_of


@pytest.fixture(autouse=True)
def no_worker_left() -> Iterator[None]:
    yield
    for worker in engines._workers:
        worker.close()


@pytest.fixture
def hostile(estate: Path) -> Path:
    """The estate with repositories that want to hang, leave or swell."""
    for name in ("fifo", "device", "sparse"):
        (estate / name).mkdir()
        (estate / name / "README.md").write_text("---\nlicense: mit\n---\n# hostile\n")
    os.mkfifo(estate / "fifo" / "model.pkl")
    (estate / "device" / "model.bin").symlink_to("/dev/zero")
    with open(estate / "sparse" / "model.bin", "wb") as f:
        f.truncate(64 << 20)
    return estate


def listing(estate: Path, *more: str) -> str:
    path = estate.parent / "list.txt"
    path.write_text("# the estate\n" + "\n".join([*(str(p) for p in sorted(estate.iterdir())), *more]) + "\n")
    return str(path)


def results(out: Path) -> dict[str, dict[str, Any]]:
    """Documents by the name of their target; a name that is there twice is an error."""
    found: dict[str, dict[str, Any]] = {}
    for path in out.iterdir():
        doc = json.loads(path.read_bytes())
        name = doc["target"]["uri"].rsplit("/", 1)[-1]
        assert name not in found
        found[name] = doc
    return found


# --- the plan ----------------------------------------------------------------------------------------------------------------------


def test_a_list_names_each_target_once(estate: Path) -> None:
    spec = listing(estate, f"{estate}/pinned/", f"{estate}/./pinned", "", "hf://acme/model", "hf://acme/model/")
    assert targets(spec) == [*(str(p) for p in sorted(estate.iterdir())), "hf://acme/model"]
    assert targets(str(estate)) == [str(p) for p in sorted(estate.iterdir())]
    with pytest.raises(UsageError):
        targets(str(estate / "no such list"))


def test_a_cache_is_a_list_of_snapshots(tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / "models--acme--m" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    assert targets(str(tmp_path)) == [str(snapshot)]


@given(st.lists(st.text("ab/c", min_size=1, max_size=4), max_size=30), st.integers(1, 7))
def test_shards_are_a_partition(names: list[str], of: int) -> None:
    once = [f"no-such/{name}" for name in dict.fromkeys(names)]
    parts = [[j.target for j in jobs(once, Path("out"), "packs", (n, of))] for n in range(1, of + 1)]
    assert sorted(t for p in parts for t in p) == sorted(once)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("spec", ["0/2", "3/2", "a/b", "1", "/", "1/0", "-1/2"])
def test_what_is_no_shard(spec: str) -> None:
    with pytest.raises(UsageError):
        shard_of(spec)


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_file_name_is_plain_and_of_one_target(one: str, two: str) -> None:
    assert "/" not in slug(one)
    assert not slug(one).startswith(".")
    assert len(slug(one)) < 100
    assert (slug(one) == slug(two)) == (os.path.normpath(one) == os.path.normpath(two))


def test_a_result_is_known_by_what_was_scanned(estate: Path) -> None:
    target = str(estate / "pinned")
    before = key_of(target, "packs", None)
    assert key_of(target + "/", "packs", None) == before
    assert key_of(target, "other packs", None) != before
    assert key_of(target, "packs", "kr-graded") != before
    (estate / "pinned" / "requirements.txt").write_text("numpy==1.26.5\n")
    assert key_of(target, "packs", None) != before


def test_only_a_whole_result_of_this_job_counts(tmp_path: Path) -> None:
    job = Job(target="t", out=tmp_path / "r.json", key="k" * 64)
    assert not done(job)
    raw = stamp(b'{\n "schema": 1\n}\n', job.key)
    assert json.loads(raw) == {"schema": 1, "fleet": {"key": job.key}}
    write(job.out, raw)
    assert done(job)
    assert not done(Job(target="t", out=job.out, key="j" * 64))
    job.out.write_bytes(raw[:-3])
    assert not done(job)
    assert list(tmp_path.iterdir()) == [job.out]


# --- the local engine --------------------------------------------------------------------------------------------------------------


def test_all_is_done_once_and_again_only_what_changed(estate: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    spec = listing(estate, str(estate / "pinned"))
    first = scan_all(spec, out, quiet=True, parallel=2)
    assert (first["targets"], first["done"], first["incomplete"], first["died"]) == (4, 4, 0, 0)
    before = results(out)
    assert set(before) == {"pinned", "ranged", "locked", "other"}
    (estate / "other" / "requirements.txt").write_text("requests==2.32.4\n")
    second = scan_all(spec, out, quiet=True, parallel=2, resume=True)
    assert (second["before"], second["done"]) == (3, 1)
    after = results(out)
    assert after["other"] != before["other"]
    assert {n: d for n, d in after.items() if n != "other"} == {n: d for n, d in before.items() if n != "other"}


def test_a_fleet_scan_says_what_a_scan_says(estate: Path, tmp_path: Path) -> None:
    from mlsbom.scan import Settings, scan
    from mlsbom.survey.document import dump

    scan_all(str(estate), tmp_path / "out", quiet=True, parallel=1)
    for name, doc in results(tmp_path / "out").items():
        del doc["fleet"]
        assert doc == json.loads(dump(scan(str(estate / name), Settings(cache=False))))


def test_hostile_repositories_are_incomplete_and_nothing_else_is_lost(hostile: Path, tmp_path: Path) -> None:
    total = scan_all(listing(hostile, str(hostile / "not there")), tmp_path / "out", quiet=True, parallel=2)
    found = results(tmp_path / "out")
    assert set(found) == {p.name for p in hostile.iterdir()} | {"not there"}
    for name, file in (("fifo", "model.pkl"), ("device", "model.bin")):
        assert [c["reason"] for c in found[name]["coverage"] if c["path"] == file]
        assert found[name]["gate"]["incomplete"]
    assert found["not there"]["gate"]["incomplete"]
    assert total["incomplete"] >= 3
    assert all(not found[n]["gate"]["incomplete"] for n in ("pinned", "ranged", "locked", "other"))


def test_a_target_that_kills_its_scanner_is_recorded_once_with_the_reason(estate: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    total = scan_all(str(estate), out, quiet=True, parallel=1, limits=Limits(largest=100))  # no result fits: the kernel kills the child
    assert (total["done"], total["died"]) == (4, 4)
    # the record itself is written by the parent, which has no such limit
    for doc in results(out).values():
        assert "SIGXFSZ" in doc["coverage"][0]["reason"] or "code" in doc["coverage"][0]["reason"]
        assert doc["gate"]["incomplete"]
    assert scan_all(str(estate), out, quiet=True, resume=True)["before"] == 4, "and is not tried again and again"


def test_time_is_bounded_and_the_worker_lives_on(tmp_path: Path) -> None:
    worker = Worker()
    request = {"target": str(tmp_path), "out": str(tmp_path / "r.json"), "key": "k", "memory": 0, "largest": 1 << 30}
    assert "no end within 0 s" in worker.run({**request, "deadline": 0.0})["died"]
    (tmp_path / "README.md").write_text("# x\n")
    assert worker.run({**request, "deadline": 60.0})["died"] is None
    worker.close()


def test_a_host_with_other_packs_answers_nothing(estate: Path, tmp_path: Path) -> None:
    job = Job(target=str(estate / "other"), out=tmp_path / "r.json", key="k")
    limits = {"memory": 0, "deadline": 60.0, "largest": 1 << 30, "packs": "0" * 64}
    assert "other data packs" in run_job(job.target, str(job.out), job.key, limits)["died"]
    assert not job.out.exists()


def test_a_killed_worker_costs_nothing(hostile: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    killer = threading.Thread(target=_kill_a_worker, args=(os.getpid(),))
    killer.start()
    total = scan_all(str(hostile), out, quiet=True, parallel=1)
    killer.join()
    assert total["done"] == 7
    assert set(results(out)) == {p.name for p in hostile.iterdir()}
    assert not [c for c in results(out)["pinned"]["coverage"] if c["status"] == "failed"]


def test_an_interrupt_ends_at_once_and_records_nothing(hostile: Path, tmp_path: Path) -> None:
    with open(hostile / "aaa-first.bin", "wb") as f:
        f.truncate(20 << 30)  # takes far longer to hash than this test
    target = hostile / "aaa"
    target.mkdir()
    (hostile / "aaa-first.bin").rename(target / "model.bin")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "mlsbom", "fleet", "scan", listing(hostile), "--out", str(out), "--parallel", "1", "-q"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    end = time.monotonic() + 30
    while len(_below(process.pid)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode != 0
    assert results(out) == {}


def test_an_empty_list_and_an_unknown_engine(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# nothing\n")
    with pytest.raises(NothingToScan):
        scan_all(str(tmp_path / "list"), tmp_path / "out", quiet=True)
    with pytest.raises(UsageError):
        scan_all(str(tmp_path / "list"), tmp_path / "out", engine="abacus", quiet=True)


# --- clusters ----------------------------------------------------------------------------------------------------------------------


def _below(root: int) -> list[int]:
    """Processes below one, deepest last."""
    parents: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(Path("/proc", name, "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        parents.setdefault(parent, []).append(int(name))
    found = list(parents.get(root, []))
    for one in found:
        found += parents.get(one, [])
    return found


def _kill_a_worker(root: int, limit: float = 30.0) -> None:
    """Kill the first worker process below `root` that is met."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        for one in _below(root):
            try:
                line = Path("/proc", str(one), "cmdline").read_bytes()
            except OSError:
                continue
            if b"mlsbom.fleet.worker" in line:
                os.kill(one, signal.SIGKILL)
                return
        time.sleep(0.02)


@pytest.mark.cluster
@pytest.mark.parametrize("engine", ["ray", "dask"])
def test_clusters_give_the_same_results_with_a_worker_killed(engine: str, hostile: Path, tmp_path: Path) -> None:
    total = scan_all(str(hostile), tmp_path / "local", quiet=True, parallel=2)
    command = [sys.executable, "-m", "mlsbom", "fleet", "scan", str(hostile), "--out", str(tmp_path / engine), "--engine", engine]
    process = subprocess.Popen([*command, "--parallel", "2", "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _kill_a_worker(process.pid, 60.0)
    out, err = process.communicate(timeout=180)
    assert process.returncode == (1 if total["failed"] else 3), err.decode()[-2000:]
    assert json.loads(out)["done"] == 7
    assert results(tmp_path / engine) == results(tmp_path / "local")
