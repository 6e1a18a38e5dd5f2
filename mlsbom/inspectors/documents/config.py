"""`config.json` and its kin: architecture, sizes, dtype, quantisation, the code that a loader would run, and names that are no identity.

Keys: `transformers` and `diffusers` configurations; `params.json` of the original releases; `open_clip_config.json`; processors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.formats import located
from mlsbom.formats.located import Located
from mlsbom.inspectors import Context, Yield, hubnames
from mlsbom.inspectors.documents.common import HINT, at, base_model, doubled, state
from mlsbom.model import Kind, Reference, Role, Rule, Statement

RULES: tuple[Rule, ...] = ()

DIMENSIONS: Final = (
    "hidden_size",
    "d_model",
    "n_embd",
    "dim",
    "num_hidden_layers",
    "n_layer",
    "n_layers",
    "num_layers",
    "num_attention_heads",
    "n_head",
    "n_heads",
    "num_key_value_heads",
    "n_kv_heads",
    "head_dim",
    "intermediate_size",
    "d_ff",
    "ffn_dim",
    "vocab_size",
    "num_experts",
    "num_local_experts",
    "num_experts_per_tok",
    "sliding_window",
    "patch_size",
    "image_size",
    "num_channels",
    "in_channels",
    "out_channels",
    "sample_size",
    "cross_attention_dim",
    "block_out_channels",
    "latent_channels",
    "num_mel_bins",
    "sampling_rate",
    "encoder_layers",
    "decoder_layers",
    "num_labels",
    "embedding_dimension",
    "projection_dim",
    "embed_dim",
    "n_mels",
    "depths",
    "hidden_sizes",
    "feature_size",
    "word_embedding_dimension",
    "rope_theta",
)
_CONTEXT = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "max_sequence_length",
    "seq_length",
    "max_target_positions",
    "n_ctx",
    "max_seq_length",
    "context_length",
    "model_max_length",
)
_PARTS = (
    "text_config",
    "vision_config",
    "audio_config",
    "encoder",
    "decoder",
    "llm_config",
    "language_config",
    "vision_tower",
    "thinker_config",
    "talker_config",
    "speech_config",
    "text_encoder",
    "generator",
    "question_encoder",
    "backbone_config",
    "perceiver_config",
    "qformer_config",
    "model_cfg",
    "preprocess_cfg",
)
_NAMES = ("_name_or_path", "name_or_path", "model_name_or_path", "_diffusers_name_or_path")
_NAMED_PARTS = (
    "mm_vision_tower",
    "vision_tower",
    "mm_audio_tower",
    "speech_encoder",
    "text_encoder_name",
    "vision_model_name_or_path",
    "language_model_name_or_path",
    "backbone",
    "hf_model_name",
    "hf_tokenizer_name",
    "text_tokenizer_name",
    "speculator",
    "draft_model",
    "tokenizer_name",
    "vision_backbone_id",
    "llm_backbone_id",
    "pretrained_backbone",
    "speaker_encoder",
)
_SKIP_HUB = frozenset({"", "none", "null"})


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The facts of a configuration. Raises Malformed for what is no JSON."""
    document = blob.parsed(located.read_json)
    root = document.root
    yield from doubled(document.duplicates)
    if root.kind != "mapping":
        return
    if _is_config(root):
        yield from facts(root)
        part = (context.member or context.path).rpartition("/")[2].lower()
        if part in ("config.json", "params.json", "open_clip_config.json"):
            yield from _tower(root)


def _is_config(root: Located) -> bool:
    """Whether a mapping is a model's configuration at all: many programs have a `config.json`."""
    known = {
        "architectures",
        "model_type",
        "_class_name",
        "auto_map",
        "_name_or_path",
        "model_cfg",
        "torch_dtype",
        "dtype",
        "transformers_version",
        "_diffusers_version",
        "quantization_config",
        "feature_extractor_type",
        "image_processor_type",
        "processor_class",
        "architecture",
        "num_classes",
        "pretrained_cfg",
        "n_layers",
        "hidden_size",
        "vocab_size",
        "do_resize",
        "do_normalize",
        "sampling_rate",
        "max_position_embeddings",
    }
    return any(k in known or k in DIMENSIONS for k, _ in root.items())


def facts(root: Located, prefix: str = "") -> Iterator[Statement | Reference]:
    """The facts of a configuration or of a part of one. `prefix`: the part's key with a dot."""
    if not prefix:
        architectures = root.get("architectures")
        for one in architectures.each() if architectures is not None else ():
            yield from state("architecture", one if one.text else None)
        for key in ("_class_name", "architecture", "feature_extractor_type", "image_processor_type"):
            value = root.get(key)
            if value is not None and value.text and key in ("_class_name", "architecture"):
                yield from state("architecture", value)
        yield from state("architecture_family", _text(root, "model_type"))
        yield from state(
            "library_version", _text(root, "transformers_version"), plain=_joined("transformers", root, "transformers_version")
        )
        yield from state("library_version", _text(root, "_diffusers_version"), plain=_joined("diffusers", root, "_diffusers_version"))
        yield from remote_code(root)
        for key in _NAMES:
            yield from state("hint_name", _text(root, key), confidence=HINT)
        yield from state("tokenizer", _text(root, "tokenizer_class"), plain=_class(root))
        pretrained = root.get("pretrained_cfg")
        if pretrained is not None:
            yield from _timm(pretrained)
    elif (family := _text(root, "model_type")) is not None:
        yield from state("dimension", family, plain={"name": f"{prefix}model_type", "value": family.text})
    for key in ("torch_dtype", "dtype"):
        value = _text(root, key)
        if value is not None and value.text:
            yield from state("dtype", value, plain=value.text.removeprefix("torch."))
            break
    yield from _sizes(root, prefix)
    yield from _quantization(root.get("quantization_config") or root.get("compression_config"))
    if not prefix:
        for part in _PARTS:
            inner = root.get(part)
            if inner is not None and inner.kind == "mapping":
                yield from facts(inner, f"{part}.")


def _text(root: Located, key: str) -> Located | None:
    value = root.get(key)
    return value if value is not None and value.text and value.text.lower() not in _SKIP_HUB else None


def _joined(name: str, root: Located, key: str) -> str | None:
    value = _text(root, key)
    return f"{name} {value.text}" if value is not None else None


def _class(root: Located) -> dict[str, str] | None:
    value = _text(root, "tokenizer_class")
    return {"class": value.text} if value is not None else None


def _sizes(root: Located, prefix: str) -> Iterator[Statement]:
    for key in DIMENSIONS:
        value = root.get(key)
        plain = value.value if value is not None else None
        if (
            isinstance(plain, bool)
            or not isinstance(plain, (int, float, list))
            or (isinstance(plain, float) and plain != plain)
            or plain in (float("inf"), float("-inf"))
        ):
            continue
        if isinstance(plain, list) and not (len(plain) <= 16 and all(isinstance(x, int) and not isinstance(x, bool) for x in plain)):
            continue
        yield from state("dimension", value, plain={"name": f"{prefix}{key}", "value": plain})
    for key in _CONTEXT:
        value = root.get(key)
        if value is not None and isinstance(value.value, int) and not isinstance(value.value, bool) and 0 < value.value < 1 << 40:
            yield from state("context_length", value)
            break


def _quantization(value: Located | None) -> Iterator[Statement]:
    if value is None or value.kind != "mapping":
        return
    method = next(
        (v.text for k in ("quant_method", "quantization_method", "quant_type", "format") if (v := value.get(k)) is not None and v.text), ""
    )
    bits = next((v.text for k in ("bits", "w_bit", "nbits", "weight_bits") if (v := value.get(k)) is not None and v.text), "")
    if not bits:
        bits = (
            "4"
            if (f := value.get("load_in_4bit")) is not None and f.value is True
            else "8"
            if (e := value.get("load_in_8bit")) is not None and e.value is True
            else ""
        )
    words = " ".join(filter(None, (method, f"{bits} bit" if bits else "")))
    at_ = value.get("quant_method") or value
    yield from state("quantization", at_, plain=words or "quantised")


def remote_code(root: Located) -> Iterator[Statement | Reference]:
    """`auto_map`: classes of this repository, or of another one (`owner/repo--module.Class`), that a loader would import and run."""
    seen: set[str] = set()
    for holder in (root, root.get("custom_pipelines")):
        auto = holder.get("auto_map") if holder is root else holder
        for name, target in auto.items() if auto is not None else ():
            for one in target.each():
                yield from _auto_class(name, one, seen)
            impl = target.get("impl")
            if impl is not None:
                yield from _auto_class(name, impl, seen)


def _auto_class(name: str, value: Located, seen: set[str]) -> Iterator[Statement | Reference]:
    if not value.text:
        return
    repository, _, path = value.text.rpartition("--")
    module, _, class_ = path.rpartition(".")
    fact = {"class": class_ or path, "module": module}
    if repository and (found := hubnames.hub_name(repository)):
        fact["repository"] = found.repository
        if found.repository not in seen:
            seen.add(found.repository)
            attrs = (("class", path), ("loader", name))
            yield hubnames.reference(found, at(value), kind=Kind.CODE, role=Role.REMOTE_CODE, attrs=attrs)
    yield from state("remote_code", value, plain=fact)


def _tower(root: Located) -> Iterator[Reference]:
    """Models that a configuration names as its parts: a vision tower, a text encoder, a tokenizer of another repository."""
    holders = [
        root,
        *(
            inner
            for part in ("model_cfg", "text_cfg", "vision_cfg")
            if (inner := root.get(part) or root.get("model_cfg", part)) is not None
        ),
    ]
    for holder in holders:
        for key in _NAMED_PARTS:
            value = holder.get(key)
            for one in value.each() if value is not None else ():
                if one.text and (found := hubnames.hub_name(one.text)):
                    yield hubnames.reference(found, at(one), kind=Kind.MODEL, attrs=(("part", key),))
    for key in ("base_model_name_or_path", "base_model"):
        value = root.get(key)
        if value is not None:
            yield from base_model(value, "unknown")


def _timm(config: Located) -> Iterator[Statement | Reference]:
    """`pretrained_cfg` of timm: the weights' own name and licence are hints of where they come from."""
    value = config.get("hf_hub_id")
    if value is not None and value.text:
        yield from state("hint_name", value, confidence=HINT)
    size = config.get("input_size")
    if size is not None and isinstance(size.value, list):
        yield from state("input", size, plain="image " + "x".join(map(str, size.value[:4])))
