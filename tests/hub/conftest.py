"""A fake Hub at HF_ENDPOINT, and no waiting between attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.hub.fake_hub import File, Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Hub]]:
    """`hub(files, **settings)` starts a Hub that ends with the test."""
    monkeypatch.setattr("mlsbom.sources.hub_http.BACKOFF", 0.001)
    monkeypatch.setenv("HF_TOKEN", "hf_verySecretToken")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    real = __import__("time").sleep
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: real(min(seconds, 0.01)))
    with ExitStack() as stack:

        def start(files: dict[str, File | bytes] | None = None, **settings: Any) -> Hub:
            made = {n: f if isinstance(f, File) else File(f) for n, f in (files or {"README.md": b"# ASR\n"}).items()}
            one = stack.enter_context(Hub(made, **settings))
            monkeypatch.setenv("HF_ENDPOINT", one.url)
            return one

        yield start
