"""Models and data sets that calls load, by the table in `loaders`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

from mlsbom.inspectors import hubnames, providers
from mlsbom.inspectors.code.calls import Call, under
from mlsbom.inspectors.code.loaders import BUILDERS, CLASS_DATASETS, LOADERS, NO_DATASETS, ZOO_MODELS, Loader, words
from mlsbom.inspectors.code.values import Written
from mlsbom.model import Kind, Reference, Role
from mlsbom.patterns import late

_FLAGS = ("trust_remote_code", "use_safetensors", "weights_only")
_ATTRS = ("split", "subfolder", "filename", "gguf_file", "weight_name", "variant", "name", "task")
_SIZE = late(r"(?:tiny|base|small|medium|large|turbo|distil)[\w.-]*\Z")
_ULTRALYTICS = late(r"(?:(?:yolo|rtdetr|sam|mobile_sam|FastSAM|sam2)[\w.-]*)\.pt\Z")
_SPACY = late(r"[a-z]{2,3}_\w+_(?:sm|md|lg|trf)\Z")
_SENTENCE_ROOTS = words("sentence_transformers keybert bertopic setfit langchain langchain_huggingface langchain_community chromadb")
_SENTENCE = late(
    r"(?:all-|paraphrase-|multi-qa|msmarco|stsb|gtr|sentence-t5|LaBSE|distiluse|nli-|average_word|clip-ViT|use-cmlm|allenai)[\w.-]*\Z"
)
_RUNNERS = frozenset({"load", "get_kernel", "load_tool", "from_hub", "from_space"})
_RUNNER_ROOTS = ("evaluate", "kernels", "smolagents", "transformers.agents", "transformers.tools")
_WORD = late(r"[A-Za-z][\w./+-]{1,95}\Z")
_TFHUB = late(r"https?://(?:tfhub\.dev|(?:www\.)?kaggle\.com/models)/([\w.-]+/[\w./-]+?)(?:/(\d+))?/?\Z")


@cache
def _by_name() -> dict[str, tuple[Loader, ...]]:
    out: dict[str, list[Loader]] = {}
    for loader in LOADERS:
        for name in loader.names:
            out.setdefault(name, []).append(loader)
    return {k: tuple(v) for k, v in out.items()}


def references(call: Call) -> Iterator[Reference]:
    """The models and data sets that a call loads."""
    for loader in _by_name().get(call.last, ()):
        if (not loader.roots or _under(call, loader.roots)) and not _elsewhere(call, loader):
            found = list(_loaded(call, loader))
            yield from found
            if found:
                return
    yield from _by_class(call)


def remote_code(call: Call) -> Iterator[Reference]:
    """Code of other repositories that a call fetches and runs: pipelines of diffusers, metrics, kernels, tools."""
    node = call.keyword("custom_pipeline", "custom_generate") if call.last in ("from_pretrained", "from_pipe", "generate") else None
    if call.last in _RUNNERS and under(call.name, _RUNNER_ROOTS):
        node = call.argument(0, "path", "repo_id", "task_or_repo_id", "space_id")
    for written in call.texts(node):
        found = hubnames.hub_name(written.text) if written.whole else None
        if found is not None:
            version = call.text(call.keyword("revision", "custom_revision", "version")) or found.revision
            yield Reference(
                kind=Kind.CODE,
                name=found.repository,
                role=Role.REMOTE_CODE,
                version=version,
                hub="huggingface",
                attrs=(("revision", version),) if version else (),
                evidence=call.evidence(node, written.sure),
            )


def _under(call: Call, roots: tuple[str, ...]) -> bool:
    return under(call.name, roots) if call.name else False


def _elsewhere(call: Call, loader: Loader) -> bool:
    """Whether a method of that name is known to be something else: a hosted model, or a name of another hub's rule."""
    if loader.roots:
        return False
    if call.last in _RUNNERS and under(call.name, _RUNNER_ROOTS):
        return True
    return under(call.name, ("vertexai", "google.cloud.aiplatform")) or any(
        under(call.name, x.roots) for x in _by_name().get(call.last, ()) if x.roots and x.hub != loader.hub
    )


def _loaded(call: Call, loader: Loader) -> Iterator[Reference]:
    if (
        loader.when
        and not any(call.given(w) for w in loader.when if not w.startswith("*"))
        and not any("hub:" in w.text for w in call.texts(call.argument(loader.position, *loader.keywords)))
    ):
        return
    seen: set[str] = set()
    for node in _arguments(call, loader):
        for written in call.texts(node):
            reference = _reference(call, loader, node, written) if written.whole else None
            if reference is not None and reference.name not in seen:
                seen.add(reference.name)
                yield reference
    if loader.kind == Kind.DATASET:
        yield from _data_files(call)


def _arguments(call: Call, loader: Loader) -> Iterator[ast.expr]:
    """The arguments that can hold a name: by position (and the next where the first is an object, as in `PeftModel.from_pretrained(model,
    "org/adapter")`), and under every keyword."""
    if (
        loader.position is not None
        and len(call.node.args) > loader.position
        and not isinstance(call.node.args[loader.position], ast.Starred)
    ):
        yield call.node.args[loader.position]
        after = loader.position + 1
        if not loader.roots and len(call.node.args) > after and not call.texts(call.node.args[loader.position]):
            yield call.node.args[after]
    for keyword in loader.keywords:
        if keyword == "name" and loader.kind == Kind.DATASET and loader.hub == "huggingface":
            continue
        if (value := call.keyword(keyword)) is not None:
            yield from value.elts if isinstance(value, ast.List) else (value,)


def _reference(call: Call, loader: Loader, node: ast.expr, written: Written) -> Reference | None:
    text, kind, hub = written.text.strip(), loader.kind, loader.hub
    if kind == Kind.DATASET and hub == "huggingface" and text.lower() in BUILDERS:
        return None
    if hub == "hf-scheme" and not text.startswith("hf://"):  # a path anywhere else
        return None
    what = call.text(call.keyword("repo_type")) or ("dataset" if call.last.startswith("dataset_") else "")
    found = None
    if hub != "openai-clip":  # its names have a slash of their own (`ViT-L/14`)
        found = hubnames.hub_name(text, single=loader.single, anything=loader.anything and kind == Kind.DATASET)
    version = call.text(call.keyword("revision", "version" if hub in ("timm", "modelscope") else "revision"))
    if found is not None and (hub in ("huggingface", "timm", "open_clip", "keras") or "/" in found.repository):
        name, version = found.repository, version or found.revision
        if (
            "://" in text
            or text.startswith("hf")
            or (hub in ("nvidia-ngc", "openai-whisper", "spacy", "flair") and "/" in name)
            or loader.prefix.startswith("Systran")
        ):
            hub = "huggingface"
        if found.what == "space" or what == "space":
            kind = Kind.SERVICE
        elif found.what == "dataset" or what == "dataset":
            kind = Kind.DATASET
        if hub == "torch-hub" and ":" in text:
            name, _, version = text.partition(":")
    else:
        named = _other_hub(text, loader, hub)
        if named is None:
            return None
        name, hub, version = named[0], named[1], version or named[2]
    if hub == "huggingface" and under(call.name, _SENTENCE_ROOTS) and _SENTENCE.match(name):
        name = f"sentence-transformers/{name}"
    role = Role.CALLS if kind == Kind.SERVICE else Role.USED
    return Reference(
        kind=kind,
        name=name,
        role=role,
        version=version,
        hub=hub,
        attrs=_attrs(call, loader, text, version),
        evidence=call.evidence(node, written.sure),
    )


def _other_hub(text: str, loader: Loader, hub: str) -> tuple[str, str, str | None] | None:
    """(name, hub, version) of a text that is no name on the model hub but one that this loader understands, or None."""
    if hub == "torch-hub":
        name, _, version = text.partition(":")
        return (name, hub, version or None) if hubnames.hub_name(name) else None
    if hub == "keras" and (preset := re.match(r"kaggle://([\w.-]+(?:/[\w.-]+)+?)(?:/(\d+))?\Z", text)):
        return preset[1], "kaggle", preset[2]
    if hub == "tfds":
        named = re.match(r"([A-Za-z][\w-]*(?:/[\w.-]+)?)(?::(\d[\w.*]*))?\Z", text)
        return (named[1], hub, named[2]) if named else None
    if hub == "tfhub":
        link = _TFHUB.match(text)
        return (link[1], hub, link[2]) if link else None
    if hub == "mlflow":
        uri = re.match(r"models:/+([^/@]+)(?:[/@]([\w.-]+))?\Z", text)
        return (uri[1], hub, uri[2]) if uri else None
    if hub == "kaggle":
        return (text, hub, None) if re.fullmatch(r"[\w-]+/[\w-]+(?:/[\w.-]+)*", text) else None
    if hub == "ultralytics":
        return (text.removesuffix(".pt"), hub, None) if _ULTRALYTICS.match(text) else None
    if hub == "spacy":
        return (text, hub, None) if _SPACY.match(text) else None
    if hub == "detectron2":
        return (text.removesuffix(".yaml").removesuffix(".yml"), hub, None)
    if loader.prefix:
        return (
            (f"{loader.prefix}{text}", "huggingface" if loader.prefix.startswith("Systran") else hub, None) if _SIZE.match(text) else None
        )
    if not loader.anything or not _WORD.match(text) or text.startswith((".", "/")) or hubnames.is_file_name(text) or text.endswith("/"):
        return None
    return text, hub, None


def _attrs(call: Call, loader: Loader, text: str, version: str | None) -> tuple[tuple[str, str], ...]:
    """What else the call says: flags, split, file, entry point of torch.hub, whether a token is handed over."""
    out: list[tuple[str, str]] = []
    for flag in _FLAGS:
        value = call.keyword(flag)
        if isinstance(value, ast.Constant) and isinstance(value.value, bool):
            out.append((flag, str(value.value).lower()))
    for name in _ATTRS:
        if (value := call.keyword(name)) is not None and name not in loader.keywords and (shown := call.text(value)) and shown != text:
            out.append((name if name != "name" else "configuration", shown[:200]))
    if loader.kind == Kind.DATASET and loader.hub == "huggingface" and len(call.node.args) > 1 and (shown := call.text(call.node.args[1])):
        out.append(("configuration", shown[:200]))
    if loader.hub == "torch-hub" and (entry := call.text(call.argument(1, "model"))):
        out.append(("entry", entry[:200]))
    if loader.hub == "open_clip" and (tag := call.text(call.keyword("pretrained"))):
        out.append(("pretrained", tag[:200]))
    if version:
        out.append(("revision", version))
    if call.given("token", "use_auth_token"):
        out.append(("token", "given"))
    return tuple(out)


def _data_files(call: Call) -> Iterator[Reference]:
    """The URLs and hub files that `load_dataset` is told to read."""
    node = call.keyword("data_files", "data_dir")
    for part in flat(node):
        for written in call.texts(part):
            yield from data_url(call, part, written)


def flat(node: ast.expr | None) -> Iterator[ast.expr]:
    """The values of literal mappings and lists, however deep; anything else as it stands."""
    if isinstance(node, ast.Dict):
        for value in node.values:
            yield from flat(value)
    elif isinstance(node, (ast.List, ast.Tuple)):
        for value in node.elts:
            yield from flat(value)
    elif node is not None:
        yield node


def data_url(call: Call, node: ast.expr, written: Written) -> Iterator[Reference]:
    """The data set and the service behind a URL of a data file."""
    url = written.text.strip()
    if (found := hubnames.hub_name(url)) is not None and "://" in url:
        kind = Kind.MODEL if found.what == "model" else Kind.DATASET
        yield hubnames.reference(found, call.evidence(node, written.sure), kind=kind)
        return
    if written.whole and re.match(r"(?:s3a?|gs|abfss?|az|wasbs?|oss)://[\w.@-]+/[\w./*{}=-]+\Z", url):
        yield Reference(kind=Kind.DATASET, name=url, role=Role.USED, url=url, hub="other", evidence=call.evidence(node, written.sure))
    elif providers.URL.match(url) and written.whole and providers.host_of(url):
        shown = providers.safe_url(url)
        yield Reference(kind=Kind.DATASET, name=shown, role=Role.USED, url=shown, hub="other", evidence=call.evidence(node, written.sure))
        yield providers.service(shown, call.evidence(node, written.sure), flow="inbound")


def _by_class(call: Call) -> Iterator[Reference]:
    """Data sets and models that are classes or functions of a library (`torchvision.datasets.CIFAR10`, `torchvision.models.resnet50`)."""
    if not call.name or call.name.endswith("()"):
        return
    if call.name.startswith("sklearn.datasets.fetch_") and call.last != "fetch_openml":
        yield Reference(
            kind=Kind.DATASET,
            name=call.last.removeprefix("fetch_"),
            role=Role.USED,
            hub="scikit-learn",
            evidence=call.evidence(call.node, 0.9),
        )
    for module, hub in CLASS_DATASETS.items():
        if call.name.startswith(module + "."):
            name = call.name.removeprefix(module + ".").split(".")[0]
            if name in NO_DATASETS or name.startswith("_") or "()" in name:
                return
            explicit = call.text(call.keyword("name")) if hub == "torch_geometric" else None
            yield Reference(
                kind=Kind.DATASET,
                name=explicit or name,
                role=Role.USED,
                hub=hub,
                attrs=_split(call),
                evidence=call.evidence(call.node, 0.9),
            )
            return
    for module, hub in ZOO_MODELS.items():
        if call.name.startswith(module + "."):
            parts = call.name.removeprefix(module + ".").split(".")
            pretrained = call.given("weights", "pretrained", "encoder_weights") or (
                hub == "keras" and call.keyword("weights") is None and parts[-1][:1].isupper()
            )
            name = parts[-1] if hub != "torchaudio" else parts[0]
            if pretrained and hub not in ("torchaudio", "smp") and not name.startswith(("get_", "preprocess", "decode")):
                attrs = tuple(("weights", w) for w in [call.text(call.keyword("weights")) or _dotted_weights(call)] if w)
                yield Reference(kind=Kind.MODEL, name=name, role=Role.USED, hub=hub, attrs=attrs, evidence=call.evidence(call.node, 0.9))
            elif hub == "torchaudio" and len(parts) > 1 and parts[-1].startswith("get_") and name.isupper():
                yield Reference(kind=Kind.MODEL, name=name, role=Role.USED, hub=hub, evidence=call.evidence(call.node, 0.9))
            elif hub == "smp" and pretrained and (encoder := call.text(call.argument(0, "encoder_name"))):
                yield Reference(kind=Kind.MODEL, name=encoder, role=Role.USED, hub=hub, evidence=call.evidence(call.node, 0.9))
            return


def _dotted_weights(call: Call) -> str | None:
    value = call.keyword("weights")
    return ast.unparse(value)[:100] if isinstance(value, ast.Attribute) else None


def _split(call: Call) -> tuple[tuple[str, str], ...]:
    value = call.keyword("train")
    if isinstance(value, ast.Constant) and isinstance(value.value, bool):
        return (("split", "train" if value.value else "test"),)
    split = call.text(call.keyword("split"))
    return (("split", split),) if split else ()
