"""What a blob is: by magic bytes, then by structure, and only for text by its name. Several may hold (polyglots); the first is shown."""

from __future__ import annotations

import re
from typing import Final

from mlsbom.blob import Blob

_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"GGUF", "gguf"), (b"FUGG", "gguf"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"\x93NUMPY", "npy"), (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x04\x22\x4d\x18", "lz4"),
    (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "rar"), (b"\x7fELF", "elf"), (b"MZ", "pe"), (b"\xcf\xfa\xed\xfe", "macho"), (b"\xfe\xed\xfa\xcf", "macho"),
    (b"\x00asm", "wasm"), (b"%PDF-", "pdf"), (b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"SQLite format 3\x00", "sqlite"),
    (b"version https://git-lfs.github.com/spec/", "lfs-pointer"), (b"\x89PNG\r\n", "image"), (b"\xff\xd8\xff", "image"), (b"GIF8", "image"), (b"OggS", "audio"),
    (b"fLaC", "audio"), (b"ID3", "audio"),
)
_SUFFIX: Final[dict[str, str]] = {
    "json": "json", "jsonl": "jsonl", "ndjson": "jsonl", "yaml": "yaml", "yml": "yaml", "toml": "toml", "lock": "text", "ini": "ini", "cfg": "ini", "conf": "ini",
    "md": "markdown", "markdown": "markdown", "py": "python", "pyi": "python", "ipynb": "notebook", "jinja": "template", "jinja2": "template", "j2": "template",
    "xml": "xml", "html": "html", "htm": "html", "csv": "csv", "tsv": "csv", "js": "javascript", "mjs": "javascript", "cjs": "javascript", "ts": "javascript",
    "sh": "shell", "bash": "shell", "c": "source", "cc": "source", "cpp": "source", "h": "source", "cu": "source", "go": "source", "rs": "source", "java": "source",
}
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def identify(blob: Blob, name: str = "") -> tuple[str, ...]:
    """The formats of a blob, most telling first; `("unknown",)` for bytes that are none, `("empty",)` for nothing.

    `name` (a base name) is a hint for text alone: bytes decide everything else.
    """
    if not blob.size:
        return ("empty",)
    head = blob.head
    found: list[str] = []
    for magic, what in _MAGIC:
        if head.startswith(magic):
            found.append(what)
    if len(head) >= 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= max(blob.size, 1 << 40):
        found.append("safetensors")
    if head[4:8] == b"TFL3":
        found.append("tflite")
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        found.append("pickle")
    if head[257:262] == b"ustar":
        found.append("tar")
    if not found and looks_like_text(head[:4096]):
        base = (name or blob.name).lower()
        suffix = base.rsplit(".", 1)[-1] if "." in base else ""
        if base.startswith(("dockerfile", "containerfile")) or base.endswith(".dockerfile"):
            found.append("dockerfile")
        elif head.startswith(b"#!"):
            found.append("python" if b"python" in head.split(b"\n", 1)[0] else "shell")
        else:
            found.append(_SUFFIX.get(suffix, "text"))
    return tuple(found) or ("unknown",)


def looks_like_text(sample: bytes) -> bool:
    """Whether a sample has no control bytes that text does not have (UTF-16 counts as text by its byte-order mark)."""
    return sample.startswith((b"\xff\xfe", b"\xfe\xff")) or not _BINARY.search(sample)
