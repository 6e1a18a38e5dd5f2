"""Fixtures of the signature tests: one stack and one CA a session, and a call that writes files and verifies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import signature_stack as made

from mlsbom.verify import verify


@pytest.fixture(scope="session")
def stack() -> made.Stack:
    return made.Stack()


@pytest.fixture
def check(tmp_path: Path, stack: made.Stack) -> Callable[..., dict[str, Any]]:
    """Verify `data` (a file) or `digest` against a bundle document under the stack's root, or under `trust` (name -> bytes)."""

    def run(
        bundle: Any, *, data: bytes = b"weights", trust: dict[str, bytes] | None = None, root: dict[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        trust = trust if trust is not None else {"trusted_root.json": json.dumps(root or stack.trusted_root()).encode()}
        for name, raw in trust.items():
            (tmp_path / name).write_bytes(raw)
        signature = tmp_path / "bundle.json"
        signature.write_bytes(bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode())
        target = tmp_path / "model.bin"
        target.write_bytes(data)
        chosen = options.pop("target", target)
        return verify(chosen, signature=signature, trust=tuple(tmp_path / n for n in trust), **options)

    return run
