"""One thing is one component, under the name that it has where it comes from."""

from __future__ import annotations

from pathlib import Path

from mlsbom.model import Assessment, Kind
from mlsbom.scan import Settings, scan

SERVERS = '{"mcpServers": {"a": {"command": "uvx", "args": ["litellm==1.82.7"]}}}'


def scanned(folder: Path, files: dict[str, str]) -> Assessment:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return scan(str(folder), Settings(cache=False))


def test_a_tool_is_no_second_package(tmp_path: Path) -> None:
    a = scanned(tmp_path, {".mcp.json": SERVERS})
    (tool,) = [c for c in a.graph.components if c.name == "litellm"]
    assert (tool.kind, tool.purl, tool.evidence[0].line) == (Kind.AGENT_TOOL, "pkg:pypi/litellm@1.82.7", 1)
    assert any(f.rule == "PACKAGE-AFFECTED" and f.subject == "pypi/litellm" for f in a.findings)  # the feed is asked all the same


def test_a_path_is_no_package_of_the_index(tmp_path: Path) -> None:
    a = scanned(tmp_path, {"requirements.txt": "-e ./tranformers\n-e ./ops\n", "ops/pyproject.toml": '[project]\nname = "acme-ops"\n'})
    purls = {c.name: c.purl for c in a.graph.components}
    assert purls["tranformers"] == "pkg:generic/tranformers"
    assert "acme-ops" in purls and "ops" not in purls  # the project that lies there
    assert not [f for f in a.findings if f.rule == "PACKAGE-TYPOSQUAT"]


def test_declared_under_another_name_is_no_bait(tmp_path: Path) -> None:
    code = "from PIL import Image\nfrom pyannote.audio import Pipeline\nimport requets\n"
    a = scanned(tmp_path, {"requirements.txt": "pillow==10.4.0\npyannote.audio==3.3.2\n", "a.py": code})
    assert [f.subject for f in a.findings if f.rule == "PACKAGE-IMPORT-BAIT"] == ["pypi/requets"]


def test_an_installed_package_wins_over_a_plain_folder(tmp_path: Path) -> None:
    a = scanned(tmp_path, {"datasets/make.py": "import datasets\nimport tools.x\n", "tools/__init__.py": "", "tools/x.py": ""})
    assert [c.name for c in a.graph.components if c.kind is Kind.PACKAGE] == ["datasets"]


def test_a_browser_package_with_weights_is_a_model(tmp_path: Path) -> None:
    manifest = '[{"weights": [{"name": "w", "shape": [2, 2], "dtype": "float32"}], "paths": ["net.bin"]}]'
    files = {
        "package/package.json": '{"name": "@acme/net", "version": "1.2.3", "license": "MIT"}',
        "package/model/net-weights_manifest.json": manifest,
        "package/model/net.bin": "\x00" * 16,
    }
    (model,) = [c for c in scanned(tmp_path, files).graph.components if c.kind is Kind.MODEL]
    assert (model.name, model.version) == ("@acme/net", "1.2.3")
    assert {x.written for x in model.licenses} == {"MIT"}
    assert set(model.files) == {"package/model/net-weights_manifest.json", "package/model/net.bin"}
