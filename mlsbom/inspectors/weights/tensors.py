"""What pickles and torch files tell the SBOM: tensors by column, framework, library version, parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import ReadError
from mlsbom.formats.pickle import Call, Dict, Pickles, Stream
from mlsbom.formats.torch import Tensor, read_torch
from mlsbom.model import Evidence, Statement, Technique, TensorTable

COLUMNS: Final = 20_000
_SEEN: Final = Evidence(offset=0, technique=Technique.BINARY, confidence=0.9)
_DTYPES: Final = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
    "C128": "complex128",
    "QI8": "qint8",
    "QU8": "quint8",
    "QI32": "qint32",
}
LIBRARIES: Final = {
    "sklearn": "scikit-learn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "torch": "pytorch",
    "transformers": "transformers",
    "pandas": "pandas",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "statsmodels": "statsmodels",
    "gensim": "gensim",
    "spacy": "spacy",
    "imblearn": "imbalanced-learn",
    "sklearn_crfsuite": "sklearn-crfsuite",
    "pytorch_lightning": "pytorch-lightning",
    "lightning": "lightning",
    "ultralytics": "ultralytics",
    "skorch": "skorch",
    "torch_geometric": "torch-geometric",
    "hdbscan": "hdbscan",
    "umap": "umap-learn",
    "timm": "timm",
    "fastai": "fastai",
    "jax": "jax",
    "flax": "flax",
}
FRAMEWORKS: Final = ("torch", "sklearn", "xgboost", "lightgbm", "catboost", "tensorflow", "keras", "jax")


def table_of(tensors: Sequence[Tensor]) -> TensorTable | None:
    """Tensors by column; over 20,000 counted by dtype and shape. None where there are none."""
    if not tensors:
        return None
    dtypes = Counter(t.dtype for t in tensors)
    counted = tuple(sorted(dtypes.items()))
    parameters = sum(t.count for t in tensors)
    if len(tensors) > COLUMNS:
        groups = Counter((t.dtype, t.shape) for t in tensors)
        return TensorTable(
            groups=tuple(sorted((d, s, n) for (d, s), n in groups.items())),
            count=len(tensors),
            parameters=parameters,
            dtype_counts=counted,
            evidence=_SEEN,
        )
    return TensorTable(
        names=tuple(t.name for t in tensors),
        dtypes=tuple(t.dtype for t in tensors),
        shapes=tuple(t.shape for t in tensors),
        count=len(tensors),
        parameters=parameters,
        dtype_counts=counted,
        evidence=_SEEN,
    )


def about_tensors(tensors: Sequence[Tensor]) -> Iterator[Statement]:
    """Number of parameters and main dtype (by elements)."""
    if not tensors:
        return
    elements: Counter[str] = Counter()
    for t in tensors:
        elements[t.dtype] += t.count
    yield Statement(field="parameters", value=sum(elements.values()), about="file", evidence=_SEEN)
    main = max(sorted(elements), key=lambda d: elements[d])
    yield Statement(field="dtype", value=_DTYPES.get(main, main), about="file", evidence=_SEEN)


def table(blob: Blob, pickles: Pickles) -> Iterator[TensorTable | Statement]:
    """The tensors of a pickle that holds them itself; those whose storages are members belong to the archive around it."""
    if not any(s.names for s in pickles.streams):
        return
    try:
        read = blob.parsed(read_torch)
    except ReadError:
        return
    own = [t for t in read.tensors if read.layout == "legacy" or not t.key]
    made = table_of(own)
    if made is not None:
        yield made
        yield from about_tensors(own)


def statements(blob: Blob, pickles: Pickles) -> Iterator[Statement]:
    """Protocol, framework and library versions that the imports and the state tell."""
    protocol = max((s.protocol for s in pickles.streams), default=0)
    yield Statement(field="format_version", value=f"pickle protocol {protocol}", about="file", evidence=_SEEN)
    tops = {n.module.split(".")[0] for s in pickles.streams for n in s.names if isinstance(n.module, str)}
    framework = next((f for f in FRAMEWORKS if f in tops), None)
    if framework:
        yield Statement(field="framework", value=LIBRARIES[framework], about="file", evidence=_SEEN)
    elif pickles.legacy:
        yield Statement(field="framework", value="pytorch", about="file", evidence=_SEEN)
    for version in sorted({v for s in pickles.streams for v in _versions(s)}):
        yield Statement(field="library_version", value=version, about="file", evidence=_SEEN)


def _versions(stream: Stream) -> Iterator[str]:
    """`_sklearn_version` and the like, in the state of instances."""
    for call in stream.calls[:10_000]:
        for state in call.state:
            if isinstance(state, Dict) and isinstance(value := state.get("_sklearn_version"), str):
                yield f"scikit-learn {value[:40]}"


def class_of(stream: Stream) -> str | None:
    """The class of the object that a stream makes, dotted."""
    result = stream.result
    if isinstance(result, Call) and hasattr(result.fn, "module") and isinstance(result.fn.module, str) and isinstance(result.fn.name, str):
        return f"{result.fn.module}.{result.fn.name}"
    return None
