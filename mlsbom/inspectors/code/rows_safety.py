"""The rows of the safety inspectors of code, templates, configuration and hooks."""

from __future__ import annotations

from typing import Final

from mlsbom.formats import FAMILIES
from mlsbom.inspectors import Row
from mlsbom.judges.python import TRIGGERS as CODE_TRIGGERS

_HERE: Final = "mlsbom.inspectors.code"
SECRET_TRIGGERS: Final = (
    b"hf_",
    b"ghp_",
    b"gho_",
    b"ghs_",
    b"ghr_",
    b"ghu_",
    b"github_pat_",
    b"glpat-",
    b"AKIA",
    b"ASIA",
    b"AIza",
    b"sk-ant-",
    b"T3BlbkFJ",
    b"xoxb-",
    b"xoxp-",
    b"hooks.slack.com",
    b"pypi-AgEI",
    b"npm_",
    b"k_live_",
    b"SG.",
    b"r8_",
    b"gsk_",
    b"WANDB_API_KEY",
    b"wandb_api_key",
    b":AA",
    b"eyJ",
    b"PRIVATE KEY",
)
_BUILDS: Final = (
    b"_target_",
    b"class_path",
    b"auto_map",
    b"custom_imports",
    b"!!python",
    b"!new:",
    b"!name:",
    b"!apply:",
    b"!module:",
    b"!include:",
    b"yaml.org,2002:python",
    b"target",
    b": &",
    b"custom_pipeline",
    b"_class_name",
    b'"type"',
    b"attn_implementation",
    b"kernel_config",
)

SAFETY_ROWS: tuple[Row, ...] = (
    Row(name="templates", module=f"{_HERE}.templates", formats=frozenset({"template"})),
    Row(name="templates-json", module=f"{_HERE}.templates", formats=frozenset({"json", "yaml"}), triggers=(b"{{", b"{%")),
    Row(
        name="configuration",
        module=f"{_HERE}.configuration",
        formats=frozenset({"json", "yaml"}),
        triggers=_BUILDS,
        packs=("targets", "pickle"),
    ),
    Row(
        name="code-safety",
        module=f"{_HERE}.safety",
        formats=frozenset({"python", "python-loaded"}),
        triggers=(*CODE_TRIGGERS, b"trust_remote_code"),
    ),
    Row(
        name="serving",
        module=f"{_HERE}.serving",
        names=("mar-inf/manifest.json", "*.mar", "mlmodel", "config.pbtxt", "cog.yaml", "bentofile.yaml"),
    ),
    Row(
        name="autorun",
        module=f"{_HERE}.autorun",
        names=(
            "*.pth",
            ".envrc",
            ".pre-commit-config.yaml",
            ".git/config",
            ".git/hooks/*",
            ".husky/*",
            ".claude/*.mjs",
            ".claude/*.js",
            ".claude/*.sh",
            ".claude/hooks/*",
            ".mcp.json",
            "mcp.json",
            "claude_desktop_config.json",
            "claude.md",
            "agents.md",
            "gemini.md",
            ".cursorrules",
            ".windsurfrules",
            ".clinerules",
            "copilot-instructions.md",
            "*.mdc",
            "*.instructions.md",
        ),
    ),
    Row(name="notebook-shell", module=f"{_HERE}.autorun", names=("*.ipynb",), triggers=(b"curl", b"wget", b"base64", b"/dev/tcp")),
    Row(
        name="secrets",
        module=f"{_HERE}.secrets",
        triggers=SECRET_TRIGGERS,
        formats=frozenset(FAMILIES["text"]) - {"python-loaded"},
    ),
)
