"""References in Python and notebooks: what the code loads, calls and tells, with file and line.

Only arguments of calls count, resolved through imports, variables and defaults (`values`). Comments, docstrings, prompts and links that
are only shown are never arguments of such calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlsbom.blob import Blob
from mlsbom.formats import python
from mlsbom.inspectors import Context, Yield, providers
from mlsbom.inspectors.code import constants, hub, web
from mlsbom.inspectors.code.calls import Code
from mlsbom.inspectors.code.hosted import Hosted, shown_url
from mlsbom.model import Kind, Reference, Role, Rule
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = ()

_VARIABLE = late(r"(?:_URL|_BASE|_ENDPOINT|_HOST|_URI|_DSN)\Z")
_ADDRESS = frozenset(
    {
        "openai.api_base",
        "openai.base_url",
        "openai.azure_endpoint",
        "litellm.api_base",
        "openai.api_host",
        "litellm.api_url",
        "posthog.host",
        "posthog.api_host",
        "analytics.host",
        "segment.analytics.host",
        "replicate.base_url",
        "dashscope.base_http_api_url",
    }
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The references of a Python source."""
    yield from of_code(Code.of(blob.parsed(python.scopes)), context.member or context.path)


def of_code(code: Code, path: str = "") -> Iterator[Reference]:
    """The references of analysed code, each once. `path` is for hints alone."""
    seen: set[Reference] = set()
    hosted = Hosted()
    asserted = _asserted(code)
    for call in code.calls():
        if id(call.node) in asserted:
            continue
        for reference in (*hub.references(call), *hub.remote_code(call), *hosted.references(call), *web.references(call)):
            if reference not in seen:
                seen.add(reference)
                yield reference
    for reference in constants.references(code, path, {r.name for r in seen}):
        if reference not in seen:
            seen.add(reference)
            yield reference
    yield from _addresses(code)
    yield from hosted.finish()


def _asserted(code: Code) -> set[int]:
    """Calls inside assertions: what a test compares is no use of it."""
    out: set[int] = set()
    for node in code.scopes.assertions:
        out.update(id(n) for n in ast.walk(node.test) if isinstance(n, ast.Call))
    return out


def _addresses(code: Code) -> Iterator[Reference]:
    """Addresses that are assigned to a client module (`openai.api_base = …`) or to the environment (`os.environ["X_BASE_URL"] = …`)."""
    module = code.scopes.module
    for value in (*_of_modules(code), *_of_environment(code)):
        for written in code.values.texts(value, module):
            url = shown_url(written)
            if url and not providers.is_loopback(url):
                host = providers.host_of(url)
                yield Reference(
                    kind=Kind.SERVICE,
                    name=host,
                    role=Role.TELEMETRY if providers.is_telemetry(url) else Role.CALLS,
                    url=url,
                    provider=providers.provider_of_host(host) or None,
                    attrs=(("flow", "bi-directional"),),
                    evidence=code.evidence(value, written.sure),
                )


def _of_modules(code: Code) -> Iterator[ast.expr]:
    module = code.scopes.module
    for target, bindings in module.bindings.items():
        root, _, attr = target.partition(".")
        if attr and any(f"{b}.{attr}" in _ADDRESS for b in module.bindings.get(root, ()) if isinstance(b, str)):
            yield from (b for b in bindings if isinstance(b, ast.expr))


def _of_environment(code: Code) -> Iterator[ast.expr]:
    for node in code.scopes.stores:
        target = node.targets[0]
        if not isinstance(target, ast.Subscript):
            continue
        named = isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str) and _VARIABLE.search(target.slice.value)
        if named and code.names.qualified(target.value, code.scopes.module) == "os.environ":
            yield node.value
