"""mlsbom: what a model is made of, and whether it can be audited, licensed, reviewed, replaced and controlled.

    import mlsbom
    result = mlsbom.scan("path/to/model")          # an Assessment
    for finding in result.findings: ...
    mlsbom.write(result, "cyclonedx-json", "sbom.cdx.json")

Every command is also a function: `scan`, `reassess`, `inspect`, `verify`, `sign`, `check`, `fingerprint`, `compare`, `search`, `diff`,
`write`, `load`. Nothing is imported before it is used.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "scan": "mlsbom.scan",
    "reassess": "mlsbom.scan.assess",  # `mlsbom.assess` is a folder of the house
    "Settings": "mlsbom.scan",
    "inspect": "mlsbom.inspection",
    "verify": "mlsbom.verify",
    "sign": "mlsbom.verify",
    "check": "mlsbom.packages",
    "fingerprint": "mlsbom.lineage",
    "compare": "mlsbom.lineage",
    "search": "mlsbom.lineage",
    "diff": "mlsbom.diff",
    "write": "mlsbom.export",
    "load": "mlsbom.survey.document",
}


def __getattr__(name: str) -> Any:
    """The public names, from their modules on first use (PEP 562)."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mlsbom' has no attribute {name!r}")
    import importlib

    module, attribute = _PUBLIC[name], name
    if name == "reassess":
        module, _, attribute = module.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
