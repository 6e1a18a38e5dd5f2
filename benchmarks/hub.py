"""Surveying a model of 100 GB on a Hub: bytes fetched, requests, seconds (ours alone: the Hub is the fake one of the tests, on loopback).

    python benchmarks/hub.py
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mlsbom.scan import Settings, scan
from tests.hub.fake_hub import File, Hub

MOST = 20_000_000  # bytes: the bar
LAYERS, SHARDS, SIZE = 80, 20, 5_000_000_000


def shard(number: int) -> File:
    """5 GB by its header: the tensors of four layers, 15 each."""
    count = LAYERS // SHARDS * 15
    each = SIZE // count // 2 * 2
    names = (f"model.layers.{number * 4 + n // 15}.part_{n % 15}.weight" for n in range(count))
    table = {name: {"dtype": "BF16", "shape": [each // 2], "data_offsets": [n * each, (n + 1) * each]} for n, name in enumerate(names)}
    header = json.dumps(table).encode()
    return File(len(header).to_bytes(8, "little") + header, 8 + len(header) + count * each, lfs=True)


def main() -> None:
    files = {f"model-{n + 1:05}-of-{SHARDS:05}.safetensors": shard(n) for n in range(SHARDS)}
    files["config.json"] = File(b'{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    worst = 0
    for weights in ("declared", "headers"):
        with Hub(dict(files)) as hub:
            os.environ["HF_ENDPOINT"] = hub.url
            start = time.perf_counter()
            scan("hf://acme/asr", Settings(online=True, weights=weights))
            seconds = time.perf_counter() - start
            total = sum(f.size for f in files.values())
            print(f"{weights:9} {total / 1e9:.0f} GB  {hub.sent / 1e6:6.2f} MB fetched  {len(hub.requests):4} requests  {seconds:5.1f} s")
            worst = max(worst, hub.sent)
    sys.exit(worst > MOST)


if __name__ == "__main__":
    main()
