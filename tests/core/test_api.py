"""Every command is also a function of the package, and importing the package imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mlsbom

HEAVY = ("sigstore", "cyclonedx", "requests", "numpy", "jsonschema_rs", "psycopg", "huggingface_hub", "rich", "jinja2", "cryptography", "click")


def test_the_commands_are_functions(repository: Path) -> None:
    result = mlsbom.scan(str(repository), mlsbom.Settings(cache=False))
    assert result.findings is not None
    again = mlsbom.reassess(result.survey, mlsbom.Settings(cache=False))
    assert mlsbom.diff(result, again)["components"]["changed"] == []
    assert next(iter(mlsbom.inspect([str(repository / "model.safetensors")])))["verdict"] == "clean"
    assert mlsbom.verify(str(repository))["verdict"] == "unsigned"
    assert mlsbom.check(["numpy"], "pypi")[0]["verdict"] == "ok"
    for name in dir(mlsbom):
        assert getattr(mlsbom, name) is not None


def test_written_documents_are_whole(repository: Path, tmp_path: Path) -> None:
    result = mlsbom.scan(str(repository), mlsbom.Settings(cache=False))
    mlsbom.write(result, "cyclonedx-json@1.7", tmp_path / "sbom.json")
    assert b'"specVersion": "1.7"' in (tmp_path / "sbom.json").read_bytes()


def test_importing_is_cheap() -> None:
    code = f"import sys, mlsbom, mlsbom.cli; print([m for m in {HEAVY[:-1]!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
