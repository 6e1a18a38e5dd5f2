"""What a blob is: by magic bytes, then by structure, and only for text by its name. Several may hold (polyglots); the first is shown.

Fast for the common case (20,000 small text files): one look at the first byte, one regular expression over the first 4 KiB, one look-up of
the suffix. Everything with a cost stands behind a test of a few bytes.
"""

from __future__ import annotations

import re
from typing import Final

from mlsbom.blob import Blob
from mlsbom.patterns import late

_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"GGUF", "gguf"),
    (b"FUGG", "gguf"),
    (b"lmgg", "ggml"),
    (b"fmgg", "ggml"),
    (b"tjgg", "ggml"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"\x93NUMPY", "npy"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"]\x00\x00", "lzma"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"ZF0x", "joblib"),
    (b"ZF", "joblib"),
    (b"\x7fELF", "elf"),
    (b"MZ", "pe"),
    (b"\xcf\xfa\xed\xfe", "macho"),
    (b"\xce\xfa\xed\xfe", "macho"),
    (b"\xfe\xed\xfa\xcf", "macho"),
    (b"\xfe\xed\xfa\xce", "macho"),
    (b"\xca\xfe\xba\xbe", "java-class"),
    (b"\x00asm", "wasm"),
    (b"%PDF-", "pdf"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"SQLite format 3\x00", "sqlite"),
    (b"version https://git-lfs.github.com/spec/", "lfs-pointer"),
    (b"/annex/objects/", "annex-link"),
    (b"\x89PNG\r\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"BM", "image"),
    (b"\x00\x00\x01\x00", "image"),
    (b"OggS", "audio"),
    (b"fLaC", "audio"),
    (b"ID3", "audio"),
    (b"wOFF", "font"),
    (b"wOF2", "font"),
    (b"OTTO", "font"),
    (b"\x00\x01\x00\x00\x00", "font"),
    (b"CBM1", "catboost"),
    (b"binf", "xgboost"),
    (b"RDX2\n", "rds"),
    (b"RDX3\n", "rds"),
    (b"RDA2\n", "rds"),
    (b"RDA3\n", "rds"),
    (b"X\n\x00\x00\x00", "rds"),
    (b"A\n2\n", "rds"),
    (b"A\n3\n", "rds"),
    (b"B\n\x02\x00\x00\x00", "rds"),
    (b"B\n\x03\x00\x00\x00", "rds"),
    (b"T7\x00\x00", "torch7"),
    (b"\xba\x16\x4f\x2f", "fasttext"),
    (b"ptrt", "tensorrt"),
    (b"ftrt", "tensorrt"),
    (b"ML\xefR", "mlir"),
)
_FIRST: Final = {first: [(m, what) for m, what in _MAGIC if m[0] == first] for first in {m[0] for m, _ in _MAGIC}}
_WEAK: Final = frozenset({"MZ", "BM", "ZF"})
_AT_FOUR: Final[dict[bytes, str]] = {b"TFL3": "tflite", b"ET12": "executorch", b"PTMF": "torch-mobile"}
_SUFFIX: Final[dict[str, str]] = {
    "json": "json",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "yaml": "yaml",
    "yml": "yaml",
    "toml": "toml",
    "lock": "text",
    "ini": "ini",
    "cfg": "ini",
    "conf": "ini",
    "md": "markdown",
    "markdown": "markdown",
    "py": "python",
    "pyi": "python",
    "ipynb": "notebook",
    "jinja": "template",
    "jinja2": "template",
    "j2": "template",
    "xml": "xml",
    "html": "html",
    "htm": "html",
    "csv": "csv",
    "tsv": "csv",
    "js": "javascript",
    "mjs": "javascript",
    "cjs": "javascript",
    "ts": "javascript",
    "sh": "shell",
    "bash": "shell",
    "c": "source",
    "cc": "source",
    "cpp": "source",
    "h": "source",
    "cu": "source",
    "go": "source",
    "rs": "source",
    "java": "source",
    "prototxt": "caffe",
}
_OWN_TEXT: Final = frozenset(
    {"python", "javascript", "markdown", "html", "csv", "source", "shell", "template", "notebook", "json", "jsonl"}
)
_BINARY = late(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_PICKLE_TEXT = late(
    rb"(?:[VSIFLN][^\n]{0,300}\n(?:p\d+\n|q.)(?:0|[VSIFLcgt(\]}ld])|c[A-Za-z_][\w.]{0,200}\r?\n[A-Za-z_<][\w.<>]{0,200}\r?\n|\(?i[A-Za-z_][\w.]{0,200}\n[A-Za-z_][\w.]{0,200}\n"
    rb"|[(\[\]}l](?:[dltp]|[lp]?[lpdt]p?\d|[q(r]).{0,4096}?(?:[.\x81Rbustae]|$)|\(.{0,400}?(?:i[A-Za-z_][\w.]{0,99}\n|c[A-Za-z_][\w.]{0,99}\n)\w+\n)",
    re.S,
)
_XML_ROOT = late(rb"<(?:\w+:)?(PMML|net)[\s>/]")


def identify(blob: Blob, name: str = "") -> tuple[str, ...]:
    """The formats of a blob, most telling first; `("unknown",)` for bytes that are none, `("empty",)` for nothing.

    `name` (a base name) is a hint for text, and breaks ties between schemas of protocol buffers: bytes decide everything else.
    """
    if not blob.size:
        return ("empty",)
    head = blob.head
    base = (name or blob.name).lower()
    found: list[str] = []
    if head[0] in _FIRST:
        found.extend(_magic(head))
    if len(head) > 8 and head[8] == 0x7B and 2 <= int.from_bytes(head[:8], "little") <= max(blob.size, 1 << 40):
        found.append("safetensors")
    if head[4:8] in _AT_FOUR:
        found.append(_AT_FOUR[head[4:8]])
    text = not found and looks_like_text(head[:4096]) and not (head[0] >= 0x80 and _is_msgpack(head))
    if text:
        found.extend(_text(blob, head, base))
    else:
        found.extend(_binary(blob, head, base, tuple(found)))
    if "zip" in found:
        found[:0] = [f for f in _zip_kinds(blob) if f not in found]
    return tuple(dict.fromkeys(found)) or ("unknown",)


def looks_like_text(sample: bytes) -> bool:
    """Whether a sample has no control bytes that text does not have (UTF-16 counts as text by its byte-order mark). Bytes above 127 are
    fine as UTF-8 and in the legacy encodings, none of which has 255."""
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if _BINARY.search(sample):
        return False
    return sample.isascii() or b"\xff" not in sample


def _magic(head: bytes) -> list[str]:
    """Formats by magic, with a second look where the magic is short."""
    out: list[str] = []
    for magic, what in _FIRST[head[0]]:
        if not head.startswith(magic) or what in out:
            continue
        if what == "pe" and not _is_pe(head):
            continue
        if what == "image" and magic == b"BM" and (len(head) < 30 or head[6:10] != b"\0\0\0\0"):
            continue
        if what == "joblib" and looks_like_text(head[:64]) and not re.match(rb"ZF(?:0x)?[0-9a-fA-F]+\s*", head):
            continue
        if what == "bzip2" and (not 0x31 <= (head[3:4] or b"\0")[0] <= 0x39 or looks_like_text(head[:64])):
            continue
        if what == "lzma" and (len(head) < 13 or not 4 <= int.from_bytes(head[1:5], "little").bit_length() <= 32):
            continue
        if what == "java-class" and 0 < int.from_bytes(head[4:8], "big") < 40:
            what = "macho"
        out.append(what)
    return out


def _is_pe(head: bytes) -> bool:
    """`MZ` begins English words too: ask for the PE header, or for the bytes of a program."""
    at = int.from_bytes(head[60:64], "little") if len(head) > 64 else 0
    return (
        head[at : at + 2] in (b"PE", b"NE", b"LE")
        if 64 <= at < len(head) - 4
        else bool(_BINARY.search(head[:512])) or head[:6] == b"MZqFpD"
    )


def _text(blob: Blob, head: bytes, base: str) -> list[str]:
    """Text: the kind by name, JSON and XML dialects by content, protocol-0 pickles and zips behind text first."""
    out: list[str] = []
    suffix = base.rsplit(".", 1)[-1] if "." in base else ""
    own = _SUFFIX.get(suffix, "text")
    start = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    first = start[:1]
    if own not in _OWN_TEXT and _PICKLE_TEXT.match(head):
        out.append("pickle")
    if has_zip_end(blob):
        out.append("zip")
    if head[257:262] == b"ustar":
        out.append("tar")
    if base.endswith(".dockerfile") or (base.startswith(("dockerfile", "containerfile")) and own != "python" and suffix != "pyc"):
        return [*out, "dockerfile"]
    if first == b"<" and (root := _XML_ROOT.search(start)):
        return [*out, "pmml" if root[1] == b"PMML" else "openvino", "xml"]
    if first == b"<" and start.startswith(b"<?xml"):
        return [*out, "xml"]
    if first in (b"{", b"[") and own not in _OWN_TEXT:
        return [*out, "json" if own == "text" and re.match(rb'[\[{]\s*(?:["\[{\d\]}-]|$)', start) else own]
    if start.startswith((b"tree\nversion=", b"tree\r\nversion=")):
        return [*out, "lightgbm"]
    if start.startswith(b"7767517\n"):
        return [*out, "ncnn"]
    if head.startswith(b"#!") and own in ("text", "shell", "python"):
        line = head.split(b"\n", 1)[0]
        return [*out, "script", "python" if b"python" in line or own == "python" else "shell"]
    return [*out, own]


def _binary(blob: Blob, head: bytes, base: str, found: tuple[str, ...]) -> list[str]:
    """What only structure tells: pickles, tar, zlib, user blocks of HDF5, protocol buffers, MessagePack, and a zip at the end."""
    out: list[str] = []
    if head[0] == 0x80 and head[1:2] and head[1] in (2, 3, 4, 5):
        out.append("pickle")
    if head[257:262] == b"ustar" or (not found and _is_old_tar(head)):
        out.append("tar")
    if not found and head[0] == 0x78 and len(head) > 2 and int.from_bytes(head[:2], "big") % 31 == 0 and not head[1] & 0x20:
        out.append("zlib")
    if "hdf5" not in found and _has_user_block(blob, head):
        out.append("hdf5")
    if head[:4] == b"RIFF":
        out.append({b"WEBP": "image", b"WAVE": "audio"}.get(head[8:12], "video"))
    if head[4:8] == b"ftyp":
        out.append("video")
    if blob.size >= 48 and blob.tail[-8:] == b"\x57\xfb\x80\x8b\x24\x75\x47\xdb":
        out.append("tf-checkpoint")
    if not found and not out:
        out.extend(_schemaless(blob, head, base))
    if "zip" not in found and has_zip_end(blob):
        out.append("zip")
    if not found and not out and _PICKLE_TEXT.match(head):
        out.append("pickle")
    if not found and not out and head.startswith(b"#!"):
        out.append("script")
    return out


def _schemaless(blob: Blob, head: bytes, base: str) -> list[str]:
    """Formats without a magic."""
    from mlsbom.formats.sniff import msgpack_start, protobuf_kind, torch7_start, ubjson_start

    if kind := protobuf_kind(blob, base):
        return [kind]
    if ubjson_start(head):
        return ["xgboost"]
    if torch7_start(head):
        return ["torch7"]
    return ["msgpack"] if msgpack_start(head) else []


def _is_msgpack(head: bytes) -> bool:
    """A map with a text key that is no UTF-8 text either."""
    from mlsbom.formats.sniff import msgpack_start

    try:
        head[:4096].decode("utf-8")
    except UnicodeDecodeError as e:
        return e.start < len(head[:4096]) - 4 and msgpack_start(head)
    return False


def _is_old_tar(head: bytes) -> bool:
    """A tar header without `ustar` by its checksum (POSIX.1-1988: unsigned sum with the field taken as spaces)."""
    if len(head) < 512 or not head[0]:
        return False
    field = head[148:156].strip(b" \0")
    if not field or not all(0x30 <= b <= 0x37 for b in field):
        return False
    return sum(head[:148]) + 256 + sum(head[156:512]) == int(field, 8)


def _has_user_block(blob: Blob, head: bytes) -> bool:
    """An HDF5 signature at 512, 1024, 2048, ... (HDF5 file format, section II.A)."""
    at = 512
    while at + 8 <= min(blob.size, 1 << 20):
        if (head[at : at + 8] if at + 8 <= len(head) else blob.read_at(at, 8)) == b"\x89HDF\r\n\x1a\n":
            return True
        at *= 2
    return False


def has_zip_end(blob: Blob) -> bool:
    """Whether an end record of a zip stands in the tail, with central records that fit before it: lenient readers open it whatever is in
    front."""
    tail = blob.tail
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        entries, size = int.from_bytes(tail[at + 10 : at + 12], "little"), int.from_bytes(tail[at + 12 : at + 16], "little")
        if entries and entries * 46 <= size <= blob.size - len(tail) + at and (size > at or b"PK\x01\x02" in tail[:at]):
            return True
        at = tail.rfind(b"PK\x05\x06", 0, at)
    return False


_KINDS: Final[tuple[tuple[re.Pattern[bytes], str], ...]] = (
    (late(rb"(?:^|/)data\.pkl$"), "torch-zip"),
    (late(rb"(?:^|/)MAR-INF/MANIFEST\.json$", re.I), "mar"),
    (late(rb"^\.?/?schema\.json$"), "skops"),
    (late(rb"^model\.weights\.h5$|^config\.json$"), "keras-zip"),
    (late(rb"\.npy$"), "npz"),
)
"""Dialects of zip, by the name of a member that only they have."""


def _zip_kinds(blob: Blob) -> list[str]:
    names = [name for m in re.finditer(rb"PK\x01\x02.{24}(..).{16}", blob.tail, re.S) if (name := _name_of(blob.tail, m))]
    names += [name for m in re.finditer(rb"PK\x03\x04.{22}(..)..", blob.head, re.S) if (name := _name_of(blob.head, m))]
    kinds = [kind for pattern, kind in _KINDS if any(pattern.search(n) for n in names)]
    if "torch-zip" in kinds and any(b"/code/" in n or n.endswith(b"constants.pkl") for n in names):
        kinds.insert(0, "torchscript")
    return kinds


def _name_of(data: bytes, found: re.Match[bytes]) -> bytes:
    """The member name after a zip record's fixed part, empty where it is absurd."""
    length = int.from_bytes(found[1], "little")
    return data[found.end() : found.end() + length] if length <= 1024 else b""
