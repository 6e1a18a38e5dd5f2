"""Engines: the local one, Ray and Dask. All run the same `run_job` in the same worker; ours is only the seam."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlsbom.errors import UsageError
from mlsbom.fleet.plan import Job, done, failed_document, write

TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one repository: memory in bytes (0: none), seconds, size of a result in bytes, hash threads."""

    memory: int = 4 << 30
    deadline: float = 600.0
    largest: int = 2 << 30
    jobs: int = 1
    profile: str | None = None
    now: str = ""


class Worker:
    """A worker process; started when first needed, and again when it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request; `died` in the answer where the worker itself is gone."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (BrokenPipeError, OSError):
            line = b""
        if not line:
            self.close()
            return {"target": request["target"], "exit": None, "died": "the worker process died"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen([sys.executable, "-m", "mlsbom.fleet.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:
                        pass
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            self._process = None


_local = threading.local()
_workers: list[Worker] = []


def _worker() -> Worker:
    worker: Worker | None = getattr(_local, "worker", None)
    if worker is None:
        worker = _local.worker = Worker()
        _workers.append(worker)
    return worker


@atexit.register
def _close_workers() -> None:
    for worker in _workers:
        worker.close()


def run_job(target: str, out: str, key: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Scan one target in this host's worker. A target whose scanner died is done once more, then recorded as incomplete. Plain data in and
    out, so that every engine can carry it."""
    job = Job(target=target, out=Path(out), key=key)
    if done(job):
        return {"target": target, "exit": 0, "again": True}
    answer: dict[str, Any] = {}
    for _ in range(TRIES):
        answer = _worker().run({"target": target, "out": out, "key": key, **limits})
        if answer["died"] is None:
            return answer
        if done(job):  # it died after the result was whole
            return {"target": target, "exit": 0, "died": None}
    from mlsbom.scan import Settings

    write(
        job.out,
        failed_document(
            target, key, f"the scanner of this target died: {answer['died']}", Settings(cache=False, now=str(limits.get("now", "")))
        ),
    )
    return {**answer, "exit": 3}


Runner = Callable[[list[Job], dict[str, Any], int], Iterator[dict[str, Any]]]


def local(work: list[Job], limits: dict[str, Any], parallel: int) -> Iterator[dict[str, Any]]:
    """Threads of this process, each with a worker process of its own."""
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        try:
            for future in as_completed([pool.submit(run_job, j.target, str(j.out), j.key, limits) for j in work]):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def ray(work: list[Job], limits: dict[str, Any], parallel: int) -> Iterator[dict[str, Any]]:
    """An existing cluster by RAY_ADDRESS, else one on this host."""
    try:
        import ray as engine
    except ImportError as e:
        raise UsageError("the Ray engine is not installed", remedy="pip install 'mlsbom[ray]'") from e
    own = not engine.is_initialized()
    if own:
        address = os.environ.get("RAY_ADDRESS")
        options: dict[str, Any] = (
            {"address": address} if address else {"num_cpus": parallel, "include_dashboard": False, "object_store_memory": 100 << 20}
        )
        engine.init(log_to_driver=False, logging_level="ERROR", configure_logging=False, **options)
    try:
        task = engine.remote(max_retries=TRIES, retry_exceptions=False)(run_job)
        waiting = {task.remote(j.target, str(j.out), j.key, limits): j for j in work}
        while waiting:
            ready, _ = engine.wait(list(waiting), num_returns=1)
            for reference in ready:
                job = waiting.pop(reference)
                yield _outcome(lambda reference=reference: engine.get(reference), job, limits, (engine.exceptions.RayError,))
    finally:
        if own:
            engine.shutdown()


def dask(work: list[Job], limits: dict[str, Any], parallel: int) -> Iterator[dict[str, Any]]:
    """An existing cluster by DASK_SCHEDULER_ADDRESS, else one on this host."""
    try:
        from distributed import Client, LocalCluster
        from distributed import as_completed as completed
        from distributed.scheduler import KilledWorker
    except ImportError as e:
        raise UsageError("the Dask engine is not installed", remedy="pip install 'mlsbom[dask]'") from e
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    cluster = (
        None
        if address
        else LocalCluster(n_workers=parallel, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50)
    )
    with Client(address or cluster) as client:
        futures = {
            client.submit(run_job, j.target, str(j.out), j.key, limits, key=f"mlsbom-{j.key}-{n}", pure=False, retries=TRIES): j
            for n, j in enumerate(work)
        }
        for future in completed(list(futures)):
            yield _outcome(future.result, futures[future], limits, (KilledWorker, RuntimeError, OSError))
    if cluster is not None:
        cluster.close()


def _outcome(get: Callable[[], dict[str, Any]], job: Job, limits: dict[str, Any], kinds: tuple[type[BaseException], ...]) -> dict[str, Any]:
    """The outcome of a task; a task that the engine gave up is recorded as incomplete."""
    try:
        return get()
    except kinds as e:
        from mlsbom.scan import Settings

        reason = f"the engine gave it up: {type(e).__name__}"
        if not done(job):
            write(job.out, failed_document(job.target, job.key, reason, Settings(cache=False, now=str(limits.get("now", "")))))
        return {"target": job.target, "exit": 3, "died": reason}


ENGINES: dict[str, Runner] = {"local": local, "ray": ray, "dask": dask}
