"""Fuzz the readers of model formats: any bytes, no exception but ReadError.

    python tests/fuzz/fuzz_formats.py [READER] [atheris options]      e.g. hdf5 -runs=100000

Without atheris, `one` is what the property tests call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from mlsbom.blob import Blob, BytesBlob
from mlsbom.errors import ReadError
from mlsbom.formats import (
    coreml,
    gguf,
    hdf5,
    identify,
    json,
    msgpack,
    onnx,
    python,
    rds,
    safetensors,
    tensorflow,
    tflite,
    toml,
    ubjson,
    xml,
    yaml,
)
from mlsbom.judges import template

READERS: Final[dict[str, Callable[[Blob], Any]]] = {
    "coreml": coreml.read,
    "gguf": gguf.read,
    "graph-def": tensorflow.read_graph,
    "hdf5": hdf5.read,
    "identify": identify.identify,
    "json": json.read,
    "meta-graph": tensorflow.read_meta_graph,
    "msgpack": msgpack.read,
    "onnx": onnx.read,
    "python": python.scopes,
    "rds": rds.read,
    "safetensors": safetensors.read,
    "saved-model": tensorflow.read_saved_model,
    "template": lambda blob: template.judge(blob.text()),
    "tflite": tflite.read,
    "toml": toml.read,
    "ubjson": lambda blob: ubjson.loads(blob.data()),
    "xml": xml.read,
    "yaml": yaml.read,
}


def one(name: str, data: bytes) -> None:
    """Read some bytes with one reader."""
    try:
        READERS[name](BytesBlob(data, "fuzz"))
    except ReadError:
        pass


def main() -> None:
    """Run atheris on one reader, or on all in turn by the first byte."""
    import atheris

    names = sorted(READERS)
    chosen = sys.argv.pop(1) if len(sys.argv) > 1 and sys.argv[1] in READERS else None

    def target(data: bytes) -> None:
        if chosen:
            one(chosen, data)
        elif data:
            one(names[data[0] % len(names)], data[1:])

    atheris.instrument_all()
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
