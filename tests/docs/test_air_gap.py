"""With the network cut: the whole way of docs/air-gap.md, in a namespace without interfaces where that is allowed, and a socket trap everywhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

COMMANDS = [
    ("mlsbom scan examples/acme-asr -o json=scan.json", 1),
    ("mlsbom packages check 'litellm==1.82.7'", 1),
    ("mlsbom verify examples/acme-asr", 1),
    ("mlsbom inspect examples/acme-asr", 1),
    ("mlsbom signatures export packs.zip && mlsbom signatures status", 0),
    ("mlsbom licenses identify examples/acme-asr/LICENSE", 0),
    ("mlsbom doctor", 0),
]
TRAP = "import socket\ndef no(*a, **k): raise RuntimeError('a socket was opened')\nsocket.socket.connect = socket.socket.connect_ex = no\nsocket.getaddrinfo = no\n"


def cut_off() -> str:
    """A prefix that cuts the network, or nothing where this machine does not allow one."""
    for prefix in ("unshare -n", "unshare -rn"):
        try:
            if subprocess.run([*prefix.split(), "true"], capture_output=True, check=False).returncode == 0:
                return prefix + " "
        except OSError:
            return ""
    return ""


@pytest.mark.parametrize(("command", "code"), COMMANDS, ids=[c for c, _ in COMMANDS])
def test_commands_work_without_a_network(shell, tmp_path: Path, command, code):
    (tmp_path / "trap").mkdir()
    (tmp_path / "trap" / "sitecustomize.py").write_text(TRAP)
    done = shell(f"export PYTHONPATH={tmp_path / 'trap'}:$PYTHONPATH; {cut_off()}bash -c {command!r}")
    assert done.returncode == code, done.stdout[-800:] + done.stderr[-800:]
    assert "a socket was opened" not in done.stderr


def test_the_trap_would_catch_a_socket(shell, tmp_path: Path):
    (tmp_path / "trap").mkdir()
    (tmp_path / "trap" / "sitecustomize.py").write_text(TRAP)
    done = shell(f"PYTHONPATH={tmp_path / 'trap'}:$PYTHONPATH python -c 'import socket; socket.create_connection((\"127.0.0.1\", 9))'")
    assert done.returncode == 1 and "a socket was opened" in done.stderr
