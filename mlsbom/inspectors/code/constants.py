"""What code names outside of calls: constants that other modules read (`MODEL_ID = "org/name"`), variables handed to a container
(`{"HF_MODEL_ID": …}`), and configurations that are Python (`load_from`, `init_cfg=dict(checkpoint=…)` of the OpenMMLab family)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlsbom.formats.python import Scope
from mlsbom.inspectors import hubnames, providers
from mlsbom.inspectors.code.calls import Code
from mlsbom.inspectors.code.hosted import shown_url
from mlsbom.inspectors.code.values import Written
from mlsbom.inspectors.documents import key_words
from mlsbom.inspectors.documents.keys import snake
from mlsbom.inspectors.manifests.models import MODEL_VARIABLES
from mlsbom.model import Kind, Reference, Role
from mlsbom.patterns import late

_LOCAL = late(r"(?:^|_)(?:path|dir|file|folder|class|type)(?:_|$)|hub_model|push")
_GETTERS = frozenset({"os.environ.get", "os.getenv", "os.environ.setdefault"})
_ASIDE = late(r"(?:^|/)(?:tests?|testing|docs?|fixtures?|conftest\.py$|test_[^/]*$|[^/]*_test\.py$)(?:/|$)", re.I)
_CHECKPOINT = late(r"(?:load_from|resume_from|checkpoint|pretrained|model_url|weights_url|checkpoint_url)\Z", re.I)
_ZOO = late(r"(torchvision|open-mmlab|mmcls|mmengine|jhu|modelzoo)://([\w./-]+)\Z")
_WEIGHTS = late(r"\.(?:pth|pt|bin|ckpt|safetensors|onnx|h5|npz|tar|gguf|pdparams)\Z", re.I)


def references(code: Code, path: str, known: set[str]) -> Iterator[Reference]:
    """The references of one source. `known`: names that its calls gave already, which need no second mention."""
    yield from _containers(code)
    yield from _checkpoints(code)
    if not _ASIDE.search(path):
        yield from _settings(code, known)


def _model(code: Code, node: ast.expr, written: Written) -> Iterator[Reference]:
    found = hubnames.hub_name(written.text) if written.whole else None
    if found is not None and found.what == "model":
        yield hubnames.reference(found, code.evidence(node, min(written.sure, 0.7)))


def _settings(code: Code, known: set[str]) -> Iterator[Reference]:
    """Constants of the module and defaults of its classes under a name that means a model."""
    scopes: list[Scope] = [code.scopes.module, *(inner for _, inner in code.scopes.classes)]
    for scope in scopes:
        for name, bindings in scope.bindings.items():
            key = snake(name)
            if "." in name or not key_words.MODEL.fullmatch(key) or key_words.NOT_MODEL.fullmatch(key) or _LOCAL.search(key):
                continue
            for binding in bindings:
                if not isinstance(binding, (ast.Constant, ast.Call, ast.BoolOp)):
                    continue
                for written in code.values.texts(binding, scope):
                    yield from (r for r in _model(code, binding, written) if r.name not in known)
    for call in code.calls():
        if call.name in _GETTERS and len(call.node.args) > 1:
            variable = snake(call.text(call.node.args[0]) or "")
            if key_words.MODEL.fullmatch(variable) and not key_words.NOT_MODEL.fullmatch(variable):
                for written in call.texts(call.node.args[1]):
                    yield from (r for r in _model(code, call.node.args[1], written) if r.name not in known)


def _containers(code: Code) -> Iterator[Reference]:
    """Environment variables that serving images take their model from, in mappings and in `os.environ[…] = …`."""
    module = code.scopes.module
    pairs = [pair for node in code.scopes.mappings for pair in zip(node.keys, node.values, strict=True)]
    pairs += [(node.targets[0].slice, node.value) for node in code.scopes.stores if isinstance(node.targets[0], ast.Subscript)]
    for key, value in pairs:
        if isinstance(key, ast.Constant) and key.value in MODEL_VARIABLES:
            for written in code.values.texts(value, module):
                yield from _model(code, value, written)


def _checkpoints(code: Code) -> Iterator[Reference]:
    """Weights that a configuration starts from: a URL, or the zoo of a library."""
    module = code.scopes.module
    rows: list[tuple[ast.expr, Scope]] = [
        (b, module) for name, found in module.bindings.items() if _CHECKPOINT.match(name) for b in found if isinstance(b, ast.expr)
    ]
    for call in code.calls():
        if call.tail == "dict":
            rows.extend((k.value, call.scope) for k in call.node.keywords if k.arg and _CHECKPOINT.match(k.arg))
    for node, scope in rows:
        for written in code.values.texts(node, scope):
            where = code.evidence(node, written.sure)
            if zoo := _ZOO.match(written.text):
                yield Reference(kind=Kind.MODEL, name=zoo[2], role=Role.USED, hub=zoo[1], evidence=where)
            elif (url := shown_url(written)) and written.whole and _WEIGHTS.search(url) and not providers.is_loopback(url):
                found = hubnames.hub_name(url)
                name, hub = (found.repository, "huggingface") if found else (url, "other")
                yield Reference(kind=Kind.MODEL, name=name, role=Role.USED, url=url, hub=hub, evidence=where)
                if found is None:
                    yield providers.service(url, where, flow="inbound")
