"""Engines: the local one, Ray and Dask. All run the same `run_job` in the same worker; ours is only the seam."""

from __future__ import annotations

import atexit
import importlib
import itertools
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from mlsbom.errors import NetworkError, UsageError
from mlsbom.fleet.plan import Job, done, failed_document, write

TRIES: Final = 2
AHEAD: Final = 4
"""Jobs handed to an engine for each of its cores: a list may have millions."""


class Limits(Struct, frozen=True, kw_only=True):
    """Of one repository: memory in bytes (0: none), seconds, size of a result in bytes, hash threads. `packs`: the digest of the data packs
    that every host must have, so that no two of them answer differently."""

    memory: int = 4 << 30
    deadline: float = 600.0
    largest: int = 2 << 30
    jobs: int = 1
    profile: str | None = None
    now: str = ""
    packs: str = ""


class Stopped(Exception):
    """The run was interrupted: what was being scanned is neither done nor failed."""


class Worker:
    """A worker process; started when first needed, and again when it died. Stopped by another thread, it is not started again."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

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
            if self._stopped:
                raise Stopped
            self.close()
            return {"target": request["target"], "exit": None, "died": "the worker process died"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._stopped:
            raise Stopped
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen([sys.executable, "-m", "mlsbom.fleet.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process

    def stop(self) -> None:
        """End the worker and whatever it is doing, from any thread."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()

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
    while _workers:
        _workers.pop().close()


def run_job(target: str, out: str, key: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Scan one target in this host's worker. A target whose scanner died is done once more, then recorded as incomplete. Plain data in and
    out, so that every engine can carry it."""
    job = Job(target=target, out=Path(out), key=key)
    if done(job):
        return {"target": target, "exit": 0, "again": True}
    answer: dict[str, Any] = {}
    for _ in range(TRIES):
        answer = _worker().run({"target": target, "out": out, "key": key, **limits})
        if answer["died"] is None or answer.get("other_packs"):
            return answer
        if done(job):  # it died after the result was whole
            return {"target": target, "exit": 0, "died": None}
    _give_up(job, f"the scanner of this target died: {answer['died']}", limits)
    return {**answer, "exit": 3}


def _give_up(job: Job, reason: str, limits: dict[str, Any]) -> None:
    """Record a target as incomplete."""
    from mlsbom.scan import Settings

    if not done(job):
        write(job.out, failed_document(job.target, job.key, reason, Settings(cache=False, now=str(limits.get("now", "")))))


Runner = Callable[[list[Job], dict[str, Any], int], Iterator[dict[str, Any]]]


def local(work: list[Job], limits: dict[str, Any], parallel: int) -> Iterator[dict[str, Any]]:
    """Threads of this process, each with a worker process of its own."""
    left = iter(work)
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        waiting: set[Future[dict[str, Any]]] = set()
        try:
            while True:
                for job in itertools.islice(left, AHEAD * parallel - len(waiting)):
                    waiting.add(pool.submit(run_job, job.target, str(job.out), job.key, limits))
                if not waiting:
                    return
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in _workers:
                worker.stop()
    _close_workers()


def _imported(module: str, name: str) -> Any:
    """An engine's module. Untyped: neither Ray nor Dask types what is used here."""
    try:
        return importlib.import_module(module)
    except ImportError as e:
        raise UsageError(f"the engine {name} is not installed", remedy=f"pip install 'mlsbom[{name}]'") from e


def _lost(name: str, error: BaseException) -> NetworkError:
    why = (str(error).strip().splitlines() or [""])[0][:160]
    return NetworkError(f"the {name} cluster is lost: {type(error).__name__}: {why}", remedy="run the same command again with --resume")


def ray(work: list[Job], limits: dict[str, Any], parallel: int) -> Iterator[dict[str, Any]]:
    """The cluster of RAY_ADDRESS, or one that this process has joined, else a new one on this host. A task whose Ray worker dies is done
    again; the folder of results is shared by all hosts."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    engine = _imported("ray", "ray")
    own = not engine.is_initialized()
    if own:
        address = os.environ.get("RAY_ADDRESS")
        here = {"num_cpus": parallel, "include_dashboard": False, "object_store_memory": 100 << 20}
        try:
            engine.init(log_to_driver=False, logging_level=logging.ERROR, **({"address": address} if address else here))
        except (ConnectionError, RuntimeError, OSError) as e:
            raise _lost("Ray", e) from e
    try:
        task = engine.remote(max_retries=TRIES, retry_exceptions=False)(run_job)
        window = AHEAD * max(1, int(engine.cluster_resources().get("CPU", parallel)))
        left = iter(work)
        waiting: dict[Any, Job] = {}
        while True:
            for job in itertools.islice(left, window - len(waiting)):
                waiting[task.remote(job.target, str(job.out), job.key, limits)] = job
            if not waiting:
                return
            for reference in engine.wait(list(waiting), num_returns=1)[0]:
                job = waiting.pop(reference)
                try:
                    yield engine.get(reference)
                except (engine.exceptions.WorkerCrashedError, engine.exceptions.OutOfMemoryError) as e:
                    yield _gave_up(job, e, limits)
                except engine.exceptions.RayError as e:
                    raise _lost("Ray", e) from e
    finally:
        if own:
            engine.shutdown()


def dask(work: list[Job], limits: dict[str, Any], parallel: int) -> Iterator[dict[str, Any]]:
    """The cluster of DASK_SCHEDULER_ADDRESS, else one on this host."""
    engine = _imported("distributed", "dask")
    address, cluster = os.environ.get("DASK_SCHEDULER_ADDRESS"), None
    try:
        if not address:
            cluster = engine.LocalCluster(
                n_workers=parallel, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=logging.CRITICAL
            )
        client = engine.Client(address or cluster, timeout=30)
    except (OSError, RuntimeError, ValueError) as e:
        raise _lost("Dask", e) from e
    try:
        yield from _dask(engine, client, work, limits)
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _dask(engine: Any, client: Any, work: list[Job], limits: dict[str, Any]) -> Iterator[dict[str, Any]]:
    window = AHEAD * max(1, sum(client.nthreads().values()))
    left = iter(enumerate(work))
    waiting: dict[Any, Job] = {}
    while True:
        for n, job in itertools.islice(left, window - len(waiting)):
            args = (job.target, str(job.out), job.key, limits)
            future = client.submit(run_job, *args, key=f"mlsbom-{job.key}-{n}", pure=False, retries=TRIES)
            waiting[future] = job
        if not waiting:
            return
        for future in engine.wait(list(waiting), return_when="FIRST_COMPLETED").done:
            job = waiting.pop(future)
            try:
                yield future.result()
            except engine.scheduler.KilledWorker as e:
                yield _gave_up(job, e, limits)
            except (OSError, RuntimeError) as e:
                raise _lost("Dask", e) from e


def _gave_up(job: Job, error: BaseException, limits: dict[str, Any]) -> dict[str, Any]:
    """The outcome of a target that took several workers of the engine with it."""
    reason = f"the engine gave it up: {type(error).__name__}"
    _give_up(job, reason, limits)
    return {"target": job.target, "exit": 3, "died": reason}


ENGINES: Final[dict[str, Runner]] = {"local": local, "ray": ray, "dask": dask}
