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
from mlsbom.inspectors.code import hub, web
from mlsbom.inspectors.code.calls import Code
from mlsbom.inspectors.code.hosted import Hosted, shown_url
from mlsbom.model import Kind, Reference, Role, Rule

RULES: tuple[Rule, ...] = ()

_ADDRESS = frozenset(
    {"openai.api_base", "openai.base_url", "openai.azure_endpoint", "litellm.api_base", "openai.api_host", "litellm.api_url"}
)


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The references of a Python source."""
    yield from of_code(Code.of(blob.parsed(python.scopes)))


def of_code(code: Code) -> Iterator[Reference]:
    """The references of analysed code, each once."""
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
    yield from _addresses(code)
    yield from hosted.finish()


def _asserted(code: Code) -> set[int]:
    """Calls inside assertions: what a test compares is no use of it."""
    out: set[int] = set()
    for node in ast.walk(code.scopes.source.module):
        if isinstance(node, ast.Assert):
            out.update(id(n) for n in ast.walk(node.test) if isinstance(n, ast.Call))
    return out


def _addresses(code: Code) -> Iterator[Reference]:
    """Addresses that are assigned to a client module (`openai.api_base = …`)."""
    module = code.scopes.module
    for target, bindings in module.bindings.items():
        root, _, attr = target.partition(".")
        qualified = next((f"{b}.{attr}" for b in module.bindings.get(root, ()) if isinstance(b, str)), "") if attr else ""
        if qualified not in _ADDRESS:
            continue
        for binding in (b for b in bindings if isinstance(b, ast.expr)):
            for written in code.values.texts(binding, module):
                if url := shown_url(written):
                    host = providers.host_of(url)
                    yield Reference(
                        kind=Kind.SERVICE,
                        name=host,
                        role=Role.CALLS,
                        url=url,
                        provider=providers.provider_of_host(host) or None,
                        attrs=(("flow", "bi-directional"),),
                        evidence=code.evidence(binding, written.sure),
                    )
