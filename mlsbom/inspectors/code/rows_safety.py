"""The rows of the safety inspectors of code, templates, configuration and hooks."""

from __future__ import annotations

from typing import Final

from mlsbom.inspectors import Row
from mlsbom.judges.python import TRIGGERS as CODE_TRIGGERS

_HERE: Final = "mlsbom.inspectors.code"
_BUILDS: Final = (b"_target_", b"class_path", b"auto_map", b"custom_imports", b"!!python", b"!new:", b"!name:", b"!apply:", b"!module:", b"!include:", b"yaml.org,2002:python", b"target", b": &",
                  b"custom_pipeline", b"_class_name", b'"type"', b"attn_implementation", b"kernel_config")  # fmt: skip

SAFETY_ROWS: tuple[Row, ...] = (
    Row(name="templates", module=f"{_HERE}.templates", formats=frozenset({"template"})),
    Row(name="templates-json", module=f"{_HERE}.templates", formats=frozenset({"json", "yaml"}), triggers=(b"{{", b"{%")),
    Row(name="configuration", module=f"{_HERE}.configuration", formats=frozenset({"json", "yaml"}), triggers=_BUILDS, packs=("targets", "pickle")),
    Row(name="code-safety", module=f"{_HERE}.safety", formats=frozenset({"python", "python-loaded"}), triggers=(*CODE_TRIGGERS, b"trust_remote_code")),
)
