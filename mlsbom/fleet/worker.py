"""`python -m mlsbom.fleet.worker`: scans one repository a request, each in a forked child, so that a repository that kills its scanner
costs that child and nothing else.

Requests are JSON lines on standard input, answers JSON lines on standard output. The parent has everything imported and the packs loaded
(a fork takes milliseconds, a fresh interpreter half a second), has no threads, reads nothing of a target, and keeps each child to limits of
memory, output and time. It ends with its standard input, and children end with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from mlsbom.errors import MlsbomError
from mlsbom.fleet.plan import failed_document, stamp, write
from mlsbom.inspectors.table import table
from mlsbom.knowledge import shared
from mlsbom.resolve import ORDER
from mlsbom.scan import Settings, scan
from mlsbom.survey.document import dump

PR_SET_PDEATHSIG: Final = 1
WARM: Final[dict[str, bytes]] = {
    "requirements.txt": b"numpy==2.0.0\nacme-warm-up-name>=1; python_version > '3.8'\n",
    "package.json": b'{"name": "warm", "dependencies": {"left-pad": "^1.0.0"}}',
    "pyproject.toml": b'[project]\nname = "warm"\ndependencies = ["torch~=2.4"]\n',
    "uv.lock": b'version = 1\n[[package]]\nname = "tqdm"\nversion = "4.66.1"\nsource = { registry = "https://example.org/simple" }\n',
    "Dockerfile": b"FROM python:3.12-slim\nRUN pip install fastapi==0.115.0\n",
    "README.md": b"---\nlicense: mit\nbase_model: acme/warm\n---\n# warm\n",
    "LICENSE": b"MIT License\n\nPermission is hereby granted, free of charge, to any person\n",
    "serve.py": b"import torch\nfrom openai import OpenAI\nOpenAI(base_url='https://llm.example.test/v1')\n",
    "config.json": b'{"model_type": "bert"}',
    "tokenizer_config.json": b'{"chat_template": "{{ messages[0] }}"}',
    "compose.yaml": b"services: {web: {image: nginx}}\n",
    "data.pkl": b"\x80\x02}q\x00.",
    "model.safetensors": b"\x08\0\0\0\0\0\0\0{}      ",
}


def main() -> None:
    """Serve requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    _warm()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        answer = serve(request)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """One target in a child: `{"target", "exit", "died"}`; `died` says how, where no whole result was written. Nothing is scanned where
    this host has other data packs than the run (`other_packs`)."""
    if request.get("packs") and request["packs"] != shared().digest:
        return {"target": request["target"], "exit": 3, "died": "this host has other data packs than the run", "other_packs": True}
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            code = _child(request)
        finally:
            os._exit(code)
    status = _wait(pid, float(request["deadline"]))
    if status is None:
        return {"target": request["target"], "exit": None, "died": f"no end within {request['deadline']:.0f} s"}
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return {"target": request["target"], "exit": None, "died": f"killed by signal {number} ({signal.Signals(number).name})"}
    code = os.WEXITSTATUS(status)
    return {
        "target": request["target"],
        "exit": code,
        "died": "ran out of memory" if code == 71 else f"ended with code {code}" if code >= 70 else None,
    }


def _child(request: dict[str, Any]) -> int:
    """Scan and write the result under a name with a dot, renamed when whole."""
    _die_with_parent()
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(2, 1)  # whatever a library prints is no answer
    memory = int(request["memory"])
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(request["largest"]),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = Path(request["out"])
    settings = Settings(
        profile=request.get("profile"),
        jobs=int(request.get("jobs", 1)),
        cache=False,
        timeout=float(request["deadline"]) * 0.9,
        now=request.get("now", ""),
    )
    try:
        result = scan(request["target"], settings)
        raw, code = stamp(dump(result), request["key"]), result.gate.exit_code
    except MlsbomError as e:
        raw, code = failed_document(request["target"], request["key"], str(e), settings), e.exit_code
    except MemoryError:
        return 71
    write(out, raw)
    return code


def _wait(pid: int, seconds: float) -> int | None:
    """The child's status, or None where it had to be killed at the deadline."""
    handle = os.pidfd_open(pid)
    try:
        if not select.select([handle], [], [], seconds)[0]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        return os.waitpid(pid, 0)[1]
    finally:
        os.close(handle)


def _die_with_parent() -> None:
    """Linux: the kernel ends this process when its parent ends. Elsewhere the end of standard input does."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _warm() -> None:
    """Import what scans need and open the packs before the first fork: every inspector and resolver, and what they import when first used,
    by a scan of a tiny folder that is made and removed."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a thread pool does not outlive a fork
    for module in ("numpy.typing", "mlsbom.lineage.build"):
        importlib.import_module(module)
    for module in (*(row.module for row in table().rows), *(f"mlsbom.resolve.{name}" for name in ORDER)):
        importlib.import_module(module)
    with tempfile.TemporaryDirectory(prefix="mlsbom-warm-") as top:
        for name, content in WARM.items():
            Path(top, name).write_bytes(content)
        dump(scan(top, Settings(cache=False, jobs=1)))
    gc.collect()
    gc.freeze()  # what is loaded stays shared with the children


if __name__ == "__main__":
    main()
