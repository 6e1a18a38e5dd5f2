"""Templates wherever they stand: files, tokenizer and processor configurations, YAML and JSON values under a template key.

`facts` is used by inspectors of other formats that carry templates (GGUF, llamafiles) as well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, TooLarge
from mlsbom.formats import json, yaml
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.weights.common import is_vocabulary
from mlsbom.judges import template
from mlsbom.model import Evidence, Name, Phase, Shortfall, Statement, Status, Technique
from mlsbom.patterns import late

RULES = template.RULES

_KEY: Final = late(r"(?:.*_)?(?:chat_)?templates?(?:_\w+)?|.*jinja.*", re.I)
_MARKUP: Final = late(r"\{[{%]")
_CONFIGURATIONS: Final = frozenset(
    {"tokenizer_config.json", "chat_template.json", "processor_config.json", "preprocessor_config.json", "tokenizer.json"}
)
_HINT: Final = late(
    r"__\w{1,40}?__|\|\s{0,9}attr\b|\{%-?\s{0,9}(?:include|import|from|extends)\b|\b(?:cycler|joiner|lipsum)\b|\b(?:eval|exec|popen|system|open)\s{0,9}\("
)
"""What makes a text with markup worth parsing where its key does not say that it is a template."""


def _strict(text: str) -> bool:
    return _MARKUP.search(text) is not None and _HINT.search(text) is not None


def facts(source: str, name: str, evidence: Evidence, *, chat: bool = True, about: str = "owner") -> Iterator[Yield]:
    """Findings on one template and what the SBOM says of it. `name`: default, or the name that the model gives it."""
    normal = source.replace("\r\n", "\n").replace("\r", "\n")
    if chat:
        value = {"name": name, "sha256": hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest(), "length": len(normal)}
        yield Statement(field="template", value=value, about=about, evidence=evidence)
    try:
        judged = template.judge(normal, chat=chat)
    except TooLarge as e:
        yield template.DOS.finding(str(e), evidence=evidence, phase=Phase.LOAD)
        yield Shortfall(status=Status.PARTIAL, reason=f"template {name}: {e}", evidence=evidence)
        return
    except Malformed as e:
        if chat or _strict(normal):
            yield Shortfall(status=Status.PARTIAL, reason=f"template {name}: {e}", evidence=_at(evidence, e.line or 1))
        return
    for hit in judged.hits:
        yield hit.rule.finding(hit.because, evidence=_at(evidence, hit.line), severity=hit.severity, phase=Phase.LOAD, sure=hit.sure)
    for variable in judged.variables[:200] if chat else ():
        yield Name(kind="template", name=variable, use="listed", evidence=evidence)


def _at(evidence: Evidence, line: int) -> Evidence:
    """The line inside the template, where the template is the file; the key stays."""
    if evidence.key or evidence.offset is not None:
        return evidence
    return Evidence(line=line, technique=evidence.technique, confidence=evidence.confidence)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of a template file, or of the templates in a JSON or YAML document."""
    path = (context.member or context.path).lower()
    base = path.rsplit("/", 1)[-1]
    if "json" in context.formats or base.endswith(".json"):
        if is_vocabulary(base) and b'template"' not in blob.data(json.SIZE_LIMIT):
            return
        try:
            root = blob.parsed(json.read).value
        except Malformed:
            if base in _CONFIGURATIONS or _strict(blob.text()):
                raise
            return
        yield from _values(root, base)
    elif "yaml" in context.formats or base.endswith((".yaml", ".yml")):
        try:
            documents = blob.parsed(yaml.read)
        except Malformed:  # Helm charts and Ansible files are templates of YAML, not YAML
            yield from facts(blob.text(template.SIZE_LIMIT * 4), base, Evidence(technique=Technique.SOURCE, line=1), chat=False)
            return
        for document in documents:
            if document.root is not None and not document.bomb:
                yield from _nodes(document)
    else:
        chat = "chat" in base or "additional_chat_templates/" in path
        text = blob.text(template.SIZE_LIMIT * 4)
        if chat or _MARKUP.search(text):
            yield from facts(text, base.split(".")[0] if chat else base, Evidence(technique=Technique.SOURCE, line=1), chat=chat)


def _values(root: Any, base: str) -> Iterator[Yield]:
    """Templates among the values of a document, each once; several that differ are noted."""
    found: list[tuple[str, str, bool]] = []
    todo: list[tuple[str, str, Any]] = [("", "", root)]
    while todo:
        path, key, value = todo.pop()
        if isinstance(value, dict):
            named = value.get("template")
            if isinstance(named, str) and isinstance(value.get("name"), str):
                found.append((f"{path}.{value['name']}", named, True))
                value = {k: v for k, v in value.items() if k != "template"}
            todo.extend((f"{path}.{k}".lstrip("."), str(k), v) for k, v in list(value.items())[:20_000])
        elif isinstance(value, list):
            todo.extend((path, key, v) for v in value[:2000] if not isinstance(v, (int, float)))
        elif isinstance(value, str) and _MARKUP.search(value) and (_KEY.fullmatch(key) or _strict(value)):
            found.append((path, value, ("template" in key.lower() and "chat" in (key + base).lower()) or base == "chat_template.json"))
    yield from _found(found)


def _nodes(document: yaml.Document) -> Iterator[Yield]:
    found = []
    for path, node in yaml.walk(document.root):
        if node.kind == "scalar" and _MARKUP.search(node.value):
            key = path[-1] if path else ""
            if _KEY.fullmatch(key) or _strict(node.value):
                found.append((".".join(path), node.value, "chat" in key.lower()))
    yield from _found(found)


def _found(found: list[tuple[str, str, bool]]) -> Iterator[Yield]:
    texts: set[str] = set()
    for path, text, chat in sorted(found):
        if text in texts:
            continue
        texts.add(text)
        yield from facts(
            text,
            path.rsplit(".", 1)[-1] if path not in ("chat_template",) else "default",
            Evidence(key=path, technique=Technique.MANIFEST),
            chat=chat,
        )
    chats = {text for _, text, chat in found if chat}
    if len(chats) > 1:
        yield template.SECOND.finding(
            f"{len(chats)} chat templates that differ", evidence=Evidence(key=min(p for p, _, chat in found if chat))
        )
