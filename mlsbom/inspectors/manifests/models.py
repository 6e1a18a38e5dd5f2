"""Models and data sets that command lines name: what is served, downloaded, cloned or evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.inspectors import Yield, hubnames, providers
from mlsbom.inspectors.manifests import emit
from mlsbom.inspectors.manifests.installers import Setting, words_of
from mlsbom.inspectors.manifests.shell import Command, Word
from mlsbom.model import Kind, Reference, Role
from mlsbom.patterns import late

_MODEL_OPTIONS: Final = words_of(
    "--model --model-id --model_id --model-path --model_path --model-name --model_name --model-name-or-path --model_name_or_path "
    "--pretrained --pretrained-model --pretrained_model_name_or_path --base-model --base_model --hf-repo -hf -hfr --hf-repo-draft "
    "--speculative-model --speculative_model --draft-model --draft-model-path --embedding-model --embedding_model --reranker-model "
    "--tokenizer --tokenizer-path --tokenizer_name --hf-model --hf-model-id --model-name-or-path --assistant-model --teacher-model "
    "--reward-model --lora-path --adapter-name-or-path --adapter_name_or_path"
)
_DATA_OPTIONS: Final = words_of(
    "--dataset --dataset-name --dataset_name --dataset-id --dataset_id --dataset-path --train-dataset --eval-dataset --prompt-data"
)
MODEL_VARIABLES: Final = words_of(
    "MODEL_ID HF_MODEL_ID HF_MODEL MODEL MODEL_NAME MODEL_NAME_OR_PATH MODEL_PATH BASE_MODEL BASE_MODEL_ID EMBEDDING_MODEL "
    "EMBEDDING_MODEL_ID RERANK_MODEL RERANKER_MODEL TOKENIZER TOKENIZER_ID VLLM_MODEL LLM_MODEL LLM_MODEL_ID TEI_MODEL_ID "
    "SPECULATIVE_MODEL DRAFT_MODEL"
)
_HUB_ID = late(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}")
_LOCAL: Final = words_of(
    "models model checkpoints checkpoint ckpt ckpts data dataset datasets output outputs out results weights app workspace tmp mnt "
    "opt home root usr src scripts config configs cache build dist lib bin etc var runs logs saved saves export exports artifacts "
    "assets local"
)
_FILE = late(
    r"\.(?:bin|pt|pth|ckpt|safetensors|gguf|onnx|json|ya?ml|txt|py|sh|toml|model|csv|jsonl|parquet|zip|tar|gz|tflite|engine|plan|pkl)$",
    re.IGNORECASE,
)
_LOADS = late(
    r"\b(from_pretrained|snapshot_download|hf_hub_download|SentenceTransformer|CrossEncoder|WhisperModel|load_dataset|LLM|TextEmbedding|pipeline)"
    r"\s*\(\s*(?:['\"][\w-]+['\"]\s*,\s*)?(?:(?:repo_id|model|model_name|path|pretrained_model_name_or_path)\s*=\s*)?['\"]([\w.-]+/[\w.-]+)['\"]"
)
_FETCHED = late(
    r"\.(?:(?P<model>pt|pth|bin|ckpt|safetensors|gguf|onnx|h5|keras|tflite|nemo|pdparams|caffemodel|weights)"
    r"|csv|tsv|jsonl|parquet|arrow|ndjson|tfrecord)(?:\.(?:gz|zst|bz2|xz))?\Z",
    re.IGNORECASE,
)
_HUB_URL = late(r"https?://(?:[^@/\s]*@)?(?:www\.)?(?:huggingface\.co|hf\.co)/(datasets/|spaces/)?([\w.-]+/[\w.-]+?)(?:\.git)?/?$")


def looks_like_hub_id(text: str) -> bool:
    """Whether a word can be `organisation/name` on the hub and is no local path or file."""
    return bool(_HUB_ID.fullmatch(text)) and text.split("/", 1)[0].lower() not in _LOCAL and not _FILE.search(text)


def model_reference(
    word: Word,
    setting: Setting,
    *,
    version: str | None = None,
    attrs: tuple[tuple[str, str], ...] = (),
    kind: Kind = Kind.MODEL,
    sure: float | None = None,
    hub: str = "huggingface",
    exact_line: int | None = -1,
) -> Reference:
    """A model or data set that a word of a command names."""
    line = word.line if exact_line == -1 else exact_line
    place = emit.place(line, setting.confidence if sure is None else sure, setting.key)
    return Reference(kind=kind, name=word.text, role=Role.USED, version=version, hub=hub, attrs=attrs, evidence=place)


def _option(words: Command, *wanted: str) -> str | None:
    for n, word in enumerate(words):
        name, eq, value = word.text.partition("=")
        if name in wanted:
            return value if eq else words[n + 1].text if n + 1 < len(words) else None
    return None


def _hub_download(words: Command, setting: Setting) -> Iterator[Yield]:
    at = next((n for n, w in enumerate(words[:3]) if w.text in ("download", "snapshot-download", "repo-files")), None)
    if at is None:
        return
    target = next((w for w in words[at + 1 :] if not w.text.startswith("-")), None)
    kind = {"dataset": Kind.DATASET, "space": Kind.CODE}.get(_option(words, "--repo-type") or "model", Kind.MODEL)
    if target is not None and re.fullmatch(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?", target.text):
        yield model_reference(target, setting, version=_option(words, "--revision"), kind=kind)
    elif target is not None:
        yield emit.trouble(f"what is downloaded is a variable: {target.text[:80]!r}", target.line)


def _ollama(words: Command, setting: Setting) -> Iterator[Yield]:
    if len(words) > 2 and words[1].text in ("pull", "run") and re.fullmatch(r"[\w.:/-]+", words[2].text):
        name, _, tag = words[2].text.partition(":")
        on_hub = name.removeprefix("hf.co/") if name.startswith("hf.co/") else None
        word = Word(on_hub or name, words[2].line)
        yield model_reference(word, setting, version=tag or None, hub="huggingface" if on_hub else "ollama")


def _git(words: Command, setting: Setting) -> Iterator[Yield]:
    for word in words[1:]:
        if m := _HUB_URL.fullmatch(word.text):
            kind = {"datasets/": Kind.DATASET, "spaces/": Kind.CODE}.get(m[1] or "", Kind.MODEL)
            yield model_reference(Word(m[2], word.line), setting, version=_option(words, "-b", "--branch"), kind=kind)


def served(words: Command, program: str, setting: Setting) -> Iterator[Yield]:
    """Model and data set ids on a command line: `vllm serve X`, `--model X`, `pretrained=X`, hub URLs of `git clone`."""
    remote = any(w.text.replace("_", "-") in ("--trust-remote-code", "--trust-remote-code=true", "--trust-remote-code=True") for w in words)
    attrs: tuple[tuple[str, str], ...] = (("trust_remote_code", "true"),) if remote else ()
    revision = _option(words, "--revision", "--model-revision", "--model_revision")
    seen: set[str] = set()
    at = next((n for n, w in enumerate(words[:3]) if w.text in ("serve", "chat", "server", "api_server", "generate")), None)
    if at is not None and program in (
        "vllm",
        "trtllm-serve",
        "lmdeploy",
        "sglang",
        "mlx_lm",
        "openllm",
        "transformers",
        "transformers-cli",
        "llamafactory-cli",
        "tgi",
    ):
        plain = next((w for w in words[at + 1 :] if not w.text.startswith("-") and w.text not in ("api_server", "gradio", "chat")), None)
        if plain is not None and looks_like_hub_id(plain.text):
            seen.add(plain.text)
            yield model_reference(plain, setting, version=revision, attrs=attrs)
    for n, word in enumerate(words):
        option, eq, value = word.text.partition("=")
        kind = Kind.MODEL if option in _MODEL_OPTIONS else Kind.DATASET if option in _DATA_OPTIONS else None
        if kind is None:
            for inner in (
                re.finditer(r"(?:^|,)(?:pretrained|peft|tokenizer)=([^,\s]+)", word.text)
                if "=" in word.text and not word.text.startswith("-")
                else ()
            ):
                if looks_like_hub_id(inner[1]) and inner[1] not in seen:
                    seen.add(inner[1])
                    yield model_reference(Word(inner[1], word.line), setting, attrs=attrs)
            continue
        found = Word(value, word.line) if eq else words[n + 1] if n + 1 < len(words) else None
        name, _, tail = found.text.partition(":") if found is not None else ("", "", "")
        if found is not None and looks_like_hub_id(name) and name not in seen and not tail.startswith("/"):
            seen.add(name)
            version = revision if option in ("--model", "--model-id", "--model-path", "--model_name_or_path") else None
            yield model_reference(Word(name, found.line), setting, version=version, kind=kind, attrs=attrs if kind is Kind.MODEL else ())


def in_code(text: str, line: int, setting: Setting) -> Iterator[Yield]:
    """The models and data sets that a short piece of Python inside a build file loads (`python -c "...from_pretrained('org/name')"`)."""
    for m in _LOADS.finditer(text):
        tail = text[m.end() : m.end() + 200].split(")", 1)[0]
        revision = re.search(r"revision\s*=\s*['\"]([\w.-]+)['\"]", tail)
        kind = Kind.DATASET if m[1] == "load_dataset" or re.search(r"repo_type\s*=\s*['\"]dataset", tail) else Kind.MODEL
        attrs = (("trust_remote_code", "true"),) if re.search(r"trust_remote_code\s*=\s*True", tail) else ()
        at = line + text.count("\n", 0, m.start())
        if looks_like_hub_id(m[2]):
            yield model_reference(Word(m[2], at), setting, version=revision[1] if revision else None, kind=kind, attrs=attrs)


def _fetch(words: Command, setting: Setting) -> Iterator[Yield]:
    """`curl`, `wget` and their kin: repositories of the hub, and files of weights or data with the service that gives them. What else is
    fetched (installers, keys, pages) is no part of the inventory."""
    for word in words[1:]:
        if not re.match(r"https?://", word.text) or "$" in word.text:
            continue
        url = providers.safe_url(word.text)
        if (found := hubnames.hub_name(url)) is not None:
            kind = {"dataset": Kind.DATASET, "space": Kind.CODE}.get(found.what, Kind.MODEL)
            yield model_reference(Word(found.repository, word.line), setting, version=found.revision, kind=kind)
        elif (m := _FETCHED.search(url)) and not providers.is_loopback(url):
            kind = Kind.MODEL if m["model"] else Kind.DATASET
            host = providers.host_of(url)
            place = emit.place(word.line, setting.confidence, setting.key)
            yield Reference(kind=kind, name=url, role=Role.USED, url=url, hub="other", evidence=place)
            yield Reference(kind=Kind.SERVICE, name=host, role=Role.CALLS, url=url, attrs=(("flow", "inbound"),), evidence=place)


def _kaggle(words: Command, setting: Setting) -> Iterator[Yield]:
    """`kaggle datasets download -d OWNER/NAME`, `kaggle competitions download -c NAME`."""
    if len(words) < 4 or words[1].text not in ("datasets", "competitions", "d", "c") or words[2].text != "download":
        return
    wanted = _option(words, "-d", "--dataset", "-c", "--competition") or next((w.text for w in words[3:] if not w.text.startswith("-")), "")
    if re.fullmatch(r"[\w-]+(?:/[\w.-]+)?", wanted):
        yield model_reference(Word(wanted, words[0].line), setting, kind=Kind.DATASET, hub="kaggle")


READERS: Final = {"hf": _hub_download, "huggingface-cli": _hub_download, "ollama": _ollama, "git": _git, "kaggle": _kaggle} | dict.fromkeys(
    ("curl", "wget", "aria2c", "pget"), _fetch
)
"""Readers by the name of the program."""
