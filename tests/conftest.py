"""Shared fixtures: an isolated home, a small repository, and the settings of a quiet scan."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from mlsbom.scan import Settings


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the caller's home, and time stands still."""
    folder = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return folder


@pytest.fixture
def settings() -> Settings:
    """A scan without cache."""
    return Settings(cache=False)


def safetensors(tensors: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> bytes:
    """A valid file of zeros, all F32."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, shape in tensors.items():
        size = 4
        for n in shape:
            size *= n
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw + b"\0" * at


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with one of many kinds of component."""
    top = tmp_path / "tiny-asr"
    files: dict[str, str | bytes] = {
        "README.md": "---\nlicense: apache-2.0\nlanguage: [ko]\npipeline_tag: automatic-speech-recognition\nlibrary_name: transformers\n"
        "base_model: openai/whisper-small\ndatasets:\n- mozilla-foundation/common_voice_17_0\n---\n# Tiny ASR\n\nA small recogniser.\n\n## Limitations\nNoise.\n",
        "config.json": json.dumps(
            {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", "torch_dtype": "float32", "d_model": 8}
        ),
        "model.safetensors": safetensors({"encoder.w": (8, 4), "decoder.w": (4, 8)}, {"format": "pt"}),
        "requirements.txt": "torch==2.4.1\ntransformers>=4.44\n",
        "serve.py": "import os\nimport torch\nfrom openai import OpenAI\nfrom datasets import load_dataset\n"
        "client = OpenAI(base_url='https://llm.example.test/v1')\n"
        "r = client.chat.completions.create(model='big-one', messages=[])\nds = load_dataset('google/fleurs', 'ko_kr')\n",
        "Dockerfile": "FROM python:3.12-slim\nRUN pip install --no-cache-dir fastapi==0.115.0\n",
        "data/README.md": "---\nlicense: cc-by-4.0\npretty_name: Tiny Calls\ntask_categories: [automatic-speech-recognition]\nsize_categories: [n<1K]\n---\n# Tiny Calls\n",
        "data/train.jsonl": '{"text": "안녕"}\n',
    }
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return top
