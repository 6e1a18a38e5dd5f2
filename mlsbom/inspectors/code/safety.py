"""Safety of Python source: modules that loaders run, handlers, start-up files, `setup.py`, other scripts. Who calls whom is for
`resolve/reach`.

A file counts as loaded where its own name, its classes or its place say so (a modelling file, a handler, `hubconf.py`); `resolve/reach`
raises others
that configurations name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed, TooLarge
from mlsbom.formats import python
from mlsbom.formats.python_names import names
from mlsbom.inspectors import Context, ReadAs, Yield
from mlsbom.judges import python as judge
from mlsbom.judges.python import Reach
from mlsbom.model import Confidence, Evidence, Mark, Phase, Rule, Severity, Shortfall, Status, Technique
from mlsbom.patterns import late

TRUST = Rule(id="TRUST-REMOTE-CODE", title="Code lets a loader run code of a repository", severity=Severity.MEDIUM)
INSTALL = Rule(id="INSTALL-HOOK", title="A package runs code when it is installed", severity=Severity.HIGH)
STARTUP = Rule(id="STARTUP-HOOK", title="A file runs whenever the interpreter starts", severity=Severity.HIGH)
RULES = (*judge.RULES, TRUST, INSTALL, STARTUP)

_LOADED_NAME: Final = late(
    r"(?:modeling|modelling|configuration|tokenization|processing|image_processing|feature_extraction|generation|pipeline|video_processing|custom_generate)_?\w*\.py|handler\w*\.py|\w*_?handler\.py"
    r"|hubconf\.py|sitecustomize\.py|usercustomize\.py|inference\.py|model\.py|predict\.py|service\.py|generate\.py|__init__\.py"
)
_FRAMEWORK_BASES: Final = late(
    r"(?:PreTrained|Pretrained)\w*|\w*(?:PretrainedConfig|PreTrainedModel|PreTrainedTokenizer\w*|ProcessorMixin|BaseHandler|ModelMixin|DiffusionPipeline|PythonModel|LightningModule)|BasePredictor|TritonPythonModel"
)
_SURE_LOADED: Final = late(
    r"(?:modeling|configuration|tokenization|processing|image_processing|feature_extraction|video_processing)_\w+\.py|hubconf\.py|(?:site|user)customize\.py|handler\.py|\w+_handler\.py"
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Facts of one source."""
    path = (context.member or context.path).lower()
    base = path.rsplit("/", 1)[-1]
    try:
        source = blob.parsed(python.tree)
        resolver = blob.parsed(names)
    except (Malformed, TooLarge) as e:
        yield Shortfall(status=Status.PARTIAL, reason=str(e), evidence=Evidence(line=e.line, technique=Technique.SOURCE))
        return
    reach = _reach(
        base, path, source.module, "python-loaded" in context.formats or (context.path.lower().endswith(".mar") and "/" not in path)
    )
    hits = judge.judge(resolver, reach)
    if base in ("sitecustomize.py", "usercustomize.py"):
        yield STARTUP.finding(
            f"{base} runs at every start of the interpreter",
            evidence=_at(1),
            phase=Phase.IMPORT,
            severity=Severity.CRITICAL if any(h.severity in (Severity.CRITICAL, Severity.HIGH) for h in hits) else None,
        )
    for hit in hits:
        rule = (
            INSTALL
            if reach is Reach.INSTALL and hit.phase is Phase.IMPORT and hit.rule in (judge.PROCESS, judge.NETWORK, judge.DYNAMIC)
            else hit.rule
        )
        severity = Severity.HIGH if rule is INSTALL else hit.severity
        yield rule.finding(hit.because, evidence=_at(hit.line), severity=severity, phase=hit.phase, sure=hit.sure)
    for call, scope in resolver.scopes.calls:
        for keyword in call.keywords:
            if keyword.arg == "trust_remote_code" and resolver.fold(keyword.value, scope) is True:
                fixed = any(
                    k.arg in ("revision", "code_revision") and re.fullmatch(r"[0-9a-f]{40}", resolver.text(k.value, scope) or "")
                    for k in call.keywords
                )
                name = resolver.qualified(call.func, scope) or "a call"
                yield TRUST.finding(
                    f"{name.removesuffix('()')} trusts remote code{' at a fixed revision' if fixed else ''}",
                    evidence=_at(call.lineno),
                    severity=Severity.LOW if fixed or reach is Reach.OTHER else None,
                    sure=Confidence.HIGH,
                )
    if "python-loaded" in context.formats and not context.member:
        for node, _ in resolver.scopes.imports:
            if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module and "." not in node.module:
                yield ReadAs(path=f"{node.module}.py", format="python-loaded", line=node.lineno)
    if reach is Reach.INSTALL:
        yield Mark(kind="install-script", text=source.text[:2000], evidence=_at(1))


def _at(line: int) -> Evidence:
    return Evidence(line=line, technique=Technique.SOURCE, confidence=0.9)


def _reach(base: str, path: str, module: ast.Module, named: bool) -> Reach:
    """Who runs this file, as far as the file itself tells."""
    if base == "setup.py":
        return Reach.INSTALL
    if named or _SURE_LOADED.fullmatch(base) or path.startswith(("custom_generate/", "model_server/")):
        return Reach.LOADED
    if _LOADED_NAME.fullmatch(base):
        for node in module.body:
            if isinstance(node, ast.ClassDef) and any(_FRAMEWORK_BASES.fullmatch(ast.unparse(b).rsplit(".", 1)[-1]) for b in node.bases):
                return Reach.LOADED
    for node in module.body:
        if isinstance(node, ast.ClassDef) and (
            _FRAMEWORK_BASES.fullmatch(node.name)
            or any(_FRAMEWORK_BASES.fullmatch(ast.unparse(b)[:200].rsplit(".", 1)[-1]) for b in node.bases)
        ):
            return Reach.LOADED
    return Reach.OTHER
