# ruff: noqa: E501  (samples stay on one line)
"""What each format gives: ecosystem, name, specifier, exact version, line. The samples are small and hold the traps of the format."""

from __future__ import annotations

import json

import pytest
from manifest_facts import packages, read, references, shortfalls

from mlsbom.inspectors import ReadAs
from mlsbom.model import Dependency, Finding, LicenseClaim, Reference, Scope, Statement

CASES: dict[str, tuple[str, list[tuple[str, str, str, str | None, int | None]]]] = {
    "requirements.txt": (
        "# c\ntorch==2.4.1 \\\n  --hash=sha256:aa \\\n  --hash=sha256:bb\nflash-attn>=2 --no-build-isolation\n"
        "x @ git+https://github.com/o/x@v1\n./w/y-1.2-py3-none-any.whl\nfoo ; python_version < '3'  # why\n-e git+https://github.com/o/e.git#egg=e\n",
        [
            ("pypi", "torch", "==2.4.1", "2.4.1", 2),
            ("pypi", "flash-attn", ">=2", None, 5),
            ("pypi", "x", "git+https://github.com/o/x@v1", None, 6),
            ("pypi", "y", "./w/y-1.2-py3-none-any.whl", "1.2", 7),
            ("pypi", "foo", "", None, 8),
            ("pypi", "e", "git+https://github.com/o/e.git#egg=e", None, 9),
        ],
    ),
    "pyproject.toml": (
        '[build-system]\nrequires = ["hatchling"]\n[project]\nname = "Acme.App"\nversion = "1"\ndependencies = [\n  "torch>=2",\n  "torchvision==0.1",\n]\n'
        '[project.optional-dependencies]\na = ["x[y]==1"]\n[dependency-groups]\ntest = ["pytest", {include-group = "b"}]\nb = ["q"]\n'
        '[tool.uv.sources]\nq = { git = "https://github.com/o/q", rev = "0123456789012345678901234567890123456789" }\n',
        [
            ("pypi", "hatchling", "", None, 2),
            ("pypi", "acme-app", "", "1", 4),
            ("pypi", "torch", ">=2", None, 7),
            ("pypi", "torchvision", "==0.1", "0.1", 8),
            ("pypi", "x", "==1", "1", 11),
            ("pypi", "pytest", "", None, 13),
            ("pypi", "q", "git+https://github.com/o/q@0123456789012345678901234567890123456789", None, 14),
        ],
    ),
    "poetry/pyproject.toml": (
        '[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "^3.10"\ntorch = "^2.1"\na = {version = "~1.2", optional = true}\n'
        'm = [{version = "1.0"}, {url = "https://h.example/m-1.0.zip"}]\n[tool.poetry.group.dev.dependencies]\npytest = "*"\n',
        [
            ("pypi", "x", "", None, 2),
            ("pypi", "torch", "^2.1", None, 5),
            ("pypi", "a", "~1.2", None, 6),
            ("pypi", "m", "1.0", "1.0", 7),
            ("pypi", "m", "https://h.example/m-1.0.zip", None, 7),
            ("pypi", "pytest", "*", None, 9),
        ],
    ),
    "uv.lock": (
        'version = 1\n[[package]]\nname = "app"\nversion = "1"\nsource = { editable = "." }\ndependencies = [{ name = "b" }]\n\n[[package]]\nname = "b"\nversion = "2"\n'
        'source = { registry = "https://i.acme.example/simple" }\n',
        [("pypi", "app", "", "1", 3), ("pypi", "b", "==2", "2", 9)],
    ),
    "poetry.lock": ('[[package]]\nname = "Foo_Bar"\nversion = "1.0"\n\n[metadata]\nlock-version = "2.0"\n', [("pypi", "foo-bar", "==1.0", "1.0", 2)]),
    "pdm.lock": ('[[package]]\nname = "a"\nversion = "1"\ndependencies = ["b>=1; x"]\n', [("pypi", "a", "==1", "1", 2)]),
    "pylock.toml": (
        'lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "1"\nindex = "https://i.acme.example/simple"\n[[packages]]\nname = "v"\n'
        'vcs = { type = "git", url = "https://github.com/o/v", commit-id = "0123456789012345678901234567890123456789" }\n',
        [("pypi", "a", "==1", "1", 3), ("pypi", "v", "", None, 7)],
    ),
    "Pipfile": ('[packages]\nrequests = "*"\nz = {git = "https://github.com/o/z", ref = "v1"}\n', [
        ("pypi", "requests", "*", None, 2), ("pypi", "z", "git+https://github.com/o/z@v1", None, 3)]),
    "Pipfile.lock": (
        '{\n "_meta": {},\n "default": {\n  "a": {"version": "==1.0", "hashes": ["sha256:aa"]}\n },\n "develop": {\n  "b": {"version": "==2"}\n }\n}',
        [("pypi", "a", "==1.0", "1.0", 4), ("pypi", "b", "==2", "2", 7)],
    ),
    "pixi.toml": ('[dependencies]\nnumpy = ">=1,<2"\n[pypi-dependencies]\nq = "==1"\n', [
        ("conda", "numpy", ">=1,<2", None, 2), ("pypi", "q", "==1", "1", 4)]),
    "pixi.lock": ("version: 6\npackages:\n- conda: https://c.example/l/numpy-1.26.4-py311_0.conda\n- pypi: https://f.example/t.whl\n  name: torch\n  version: '2.1'\n", [
        ("conda", "numpy", "==1.26.4", "1.26.4", 3), ("pypi", "torch", "==2.1", "2.1", 5)]),
    "environment.yml": (
        "dependencies:\n- python=3.10\n- conda-forge::numpy>=1.2\n- scipy 1.10\n- x=1.2=py_0\n- pip:\n  - torch==2.1\n  - -r more.txt\n",
        [
            ("conda", "python", "=3.10", None, 2),
            ("conda", "numpy", ">=1.2", None, 3),
            ("conda", "scipy", "1.10", "1.10", 4),
            ("conda", "x", "=1.2=py_0", "1.2", 5),
            ("pypi", "torch", "==2.1", "2.1", 7),
        ],
    ),
    "conda-lock.yml": ("metadata: {}\npackage:\n- name: numpy\n  version: 1.10\n  manager: conda\n- name: torch\n  version: '2.1'\n  manager: pip\n", [
        ("conda", "numpy", "==1.10", "1.10", 3), ("pypi", "torch", "==2.1", "2.1", 6)]),
    "meta.yaml": (
        "{% set version = \"1.2\" %}\npackage:\n  name: foo\n  version: {{ version }}\nrequirements:\n  build:\n    - {{ compiler('c') }}\n  run:\n    - numpy >=1.20  # [linux]\n    - x-transformers {{ pin }}\n",
        [("conda", "foo", "", "1.2", 3), ("conda", "numpy", ">=1.20", None, 9), ("conda", "x-transformers", "", None, 10)],
    ),
    "setup.cfg": (
        "[metadata]\nname = foo\n[options]\ninstall_requires =\n    numpy>=1.0\n    # c\n    torch==2.1 ; python_version<\"3.9\"\n[options.extras_require]\ndev = pytest; ruff\n",
        [("pypi", "foo", "", None, 2), ("pypi", "numpy", ">=1.0", None, 5), ("pypi", "torch", "==2.1", "2.1", 7), ("pypi", "pytest", "", None, 9),
         ("pypi", "ruff", "", None, 9)],
    ),
    "setup.py": (
        'from setuptools import setup\nV = "1.2"\nREQ = [\n  "numpy>=1.0",\n  "torch==" + V,\n]\nEXTRAS = {"dev": ["pytest"]}\nsetup(name="pkg", version=V, install_requires=REQ + ["z"], extras_require=EXTRAS)\n',
        [("pypi", "pkg", "", "1.2", 8), ("pypi", "numpy", ">=1.0", None, 4), ("pypi", "torch", "==1.2", "1.2", 5), ("pypi", "z", "", None, 8),
         ("pypi", "pytest", "", None, 7)],
    ),
    "tox.ini": ("[testenv]\ndeps =\n    pytest>=6\n    dev: black==22.1\ncommands = pip install foo==1\n", [
        ("pypi", "pytest", ">=6", None, 3), ("pypi", "black", "==22.1", "22.1", 4), ("pypi", "foo", "==1", "1", 5)]),
    "noxfile.py": ('import nox\ndef t(session):\n    session.install("pytest==7", "ruff")\n', [("pypi", "pytest", "==7", "7", 3), ("pypi", "ruff", "", None, 3)]),
    "script.py": ('# /// script\n# dependencies = [\n#   "requests<3",\n#   "rich",\n# ]\n# ///\n', [
        ("pypi", "requests", "<3", None, 3), ("pypi", "rich", "", None, 4)]),
    "install.sh": ("set -e\nV=1.2\nsudo -H pip3 install torch==$V 'numpy>=1' &&\\\n  uv pip install --system q\ncat <<EOF > x\npip install not-this\nEOF\nuvx --from ruff==0.1 ruff\n", [
        ("pypi", "torch", "==1.2", "1.2", 3), ("pypi", "numpy", ">=1", None, 3), ("pypi", "q", "", None, 4), ("pypi", "ruff", "==0.1", "0.1", 8)]),
    "Makefile": ("PIP ?= .venv/bin/pip\nV = 1.2\nall:\n\t@$(PIP) install torch==$(V) && \\\n\t  $(PIP) install q\n\techo $$HOME\n", [
        ("pypi", "torch", "==1.2", "1.2", 4), ("pypi", "q", "", None, 5)]),
    "Dockerfile": (
        'ARG T=12\nFROM nvidia/cuda:${T} AS b\nARG V=2.1\nRUN --mount=type=cache,target=/c \\\n    pip install \\\n      torch==${V} \\\n      # c\n      "numpy>=1.2" && \\\n'
        '    apt-get install -y git\nRUN <<EOF\npip install heredoc==1\nEOF\nRUN ["pip", "install", "json==2"]\nFROM b\nCOPY <<R /a/requirements.txt\nflask==1\nR\n',
        [("pypi", "torch", "==2.1", "2.1", 6), ("pypi", "numpy", ">=1.2", None, 8), ("deb", "git", "", None, 9), ("pypi", "heredoc", "==1", "1", 11),
         ("pypi", "json", "==2", "2", 13), ("pypi", "flask", "==1", "1", 16)],
    ),
    ".github/workflows/ci.yml": (
        "jobs:\n  t:\n    steps:\n      - uses: actions/checkout@v4\n      - uses: a/b/c@0123456789012345678901234567890123456789\n      - run: |\n          pip install x==1\n          pip install z\n",
        [("github-actions", "actions/checkout", "v4", None, 4),
         ("github-actions", "a/b", "0123456789012345678901234567890123456789", "0123456789012345678901234567890123456789", 5),
         ("pypi", "x", "==1", "1", 7), ("pypi", "z", "", None, 8)],
    ),
    "package.json": (
        '{"name": "ui", "version": "1.0.0",\n "dependencies": {"a": "^1.0.0", "b": "npm:real@2.0.0", "c": "file:../c",\n  "d": "github:o/d#main", "e": "latest"},\n "overrides": {"x": {"y": "1.0.0"}}}',
        [("npm", "ui", "", "1.0.0", 1), ("npm", "a", "^1.0.0", None, 2), ("npm", "real", "2.0.0", "2.0.0", 2), ("npm", "c", "", None, 2),
         ("npm", "d", "github:o/d#main", None, 3), ("npm", "e", "latest", None, 3), ("npm", "y", "1.0.0", "1.0.0", 4)],
    ),
    "package-lock.json": (
        '{"name": "ui", "version": "1.0.0", "lockfileVersion": 3, "packages": {\n"": {"name": "ui", "version": "1.0.0"},\n"node_modules/a": {"version": "1.0.0", "dependencies": {"b": "1"}},\n'
        '"node_modules/a/node_modules/b": {"version": "1.1.0"},\n"node_modules/al": {"name": "@s/real", "version": "3.0.0"},\n"node_modules/w": {"resolved": "w", "link": true}}}',
        [("npm", "ui", "", "1.0.0", 2), ("npm", "a", "1.0.0", "1.0.0", 3), ("npm", "b", "1.1.0", "1.1.0", 4), ("npm", "@s/real", "3.0.0", "3.0.0", 5), ("npm", "w", "", None, 6)],
    ),
    "v1/package-lock.json": (
        '{"lockfileVersion": 1, "dependencies": {\n"a": {"version": "1.0.0", "dependencies": {\n"b": {"version": "1.1.0"}}},\n"c": {"version": "npm:real@2.0.0"}}}',
        [("npm", "a", "1.0.0", "1.0.0", 2), ("npm", "b", "1.1.0", "1.1.0", 3), ("npm", "real", "2.0.0", "2.0.0", 4)],
    ),
    "yarn.lock": (
        '# yarn lockfile v1\n\n"@s/a@^1.0.0", "@s/a@^1.1.0":\n  version "1.2.0"\n  dependencies:\n    b "^2.0.0"\n\n"al@npm:real@^2.0.0":\n  version "2.0.1"\n',
        [("npm", "@s/a", "1.2.0", "1.2.0", 3), ("npm", "real", "2.0.1", "2.0.1", 8)],
    ),
    "berry/yarn.lock": (
        '__metadata:\n  version: 8\n"a@npm:^1.0.0":\n  version: 1.2.0\n  resolution: "a@npm:1.2.0"\n"app@workspace:.":\n  version: 0.0.0-use.local\n  resolution: "app@workspace:."\n',
        [("npm", "a", "1.2.0", "1.2.0", 3), ("npm", "app", "", None, 6)],
    ),
    "pnpm-lock.yaml": (
        "lockfileVersion: '9.0'\npackages:\n  '@s/a@1.0.0':\n    resolution: {integrity: sha512-AAAA}\n  b@2.0.0(peer@1):\n    resolution: {}\n  /c/1.0.0:\n    dev: true\n  /d@1.5.0:\n    resolution: {}\n",
        [("npm", "@s/a", "1.0.0", "1.0.0", 3), ("npm", "b", "2.0.0", "2.0.0", 5), ("npm", "c", "1.0.0", "1.0.0", 7), ("npm", "d", "1.5.0", "1.5.0", 9)],
    ),
    "bun.lock": ('{\n // c\n "packages": {\n  "a": ["a@1.0.0", "", {}, "sha512-AAAA"],\n  "w": ["w@workspace:w"],\n },\n}', [
        ("npm", "a", "1.0.0", "1.0.0", 4), ("npm", "w", "", None, 5)]),
    "x/x-1.0.dist-info/METADATA": ("Metadata-Version: 2.1\nName: X.Y\nVersion: 1.0\nRequires-Dist: numpy (>=1.0.*)\n\nRequires-Dist: no\n", [("pypi", "x-y", "==1.0", "1.0", 2)]),
    "cog.yaml": ("build:\n  python_packages:\n    - torch==2.1\n  system_packages: [ffmpeg]\n  run:\n    - pip install x\n", [
        ("pypi", "torch", "==2.1", "2.1", 3), ("deb", "ffmpeg", "", None, 4), ("pypi", "x", "", None, 6)]),
    "bentofile.yaml": ("python:\n  packages:\n    - torch==2.1\n", [("pypi", "torch", "==2.1", "2.1", 3)]),
    "truss/config.yaml": ("model_name: x\nrequirements:\n- torch==2.1\nsystem_packages:\n- ffmpeg\n", [
        ("pypi", "torch", "==2.1", "2.1", 3), ("deb", "ffmpeg", "", None, 5)]),
    "MLmodel": ("flavors:\n  sklearn: {sklearn_version: 1.2.2}\n", [("pypi", "scikit-learn", "==1.2.2", "1.2.2", 2)]),
    "packages.txt": ("ffmpeg\n# c\nlibsm6\n", [("deb", "ffmpeg", "", None, 1), ("deb", "libsm6", "", None, 3)]),
    "conda-meta/numpy-1.26.json": ('{"name": "numpy", "version": "1.26.4"}', [("conda", "numpy", "==1.26.4", "1.26.4", 1)]),
}  # fmt: skip


@pytest.mark.parametrize("path", CASES)
def test_packages(path: str) -> None:
    content, wanted = CASES[path]
    assert sorted(packages(path, content), key=str) == sorted(wanted, key=str)
    assert not shortfalls(path, content)


@pytest.mark.parametrize("path", CASES)
@pytest.mark.parametrize("change", ["bom", "crlf", "utf-16"])
def test_encodings_give_the_same_packages(path: str, change: str) -> None:
    """A byte-order mark, Windows line ends and PowerShell's UTF-16 change nothing."""
    content, wanted = CASES[path]
    data = {
        "bom": b"\xef\xbb\xbf" + content.encode(),
        "crlf": content.replace("\n", "\r\n").encode(),
        "utf-16": b"\xff\xfe" + content.encode("utf-16-le"),
    }[change]
    if change == "utf-16" and path.endswith(".py"):
        return  # no interpreter reads such a source
    assert sorted(packages(path, data), key=str) == sorted(wanted, key=str)


def test_images_models_and_services() -> None:
    docker = (
        "FROM a/b:1@sha256:ff AS s\nENV MODEL_ID=org/env PIP_EXTRA_INDEX_URL=https://i.acme.example/s\nRUN huggingface-cli download o/m --revision abc\n"
        'COPY --from=ghcr.io/x/uv:0.5 /uv /bin/\nFROM s\nCMD ["vllm","serve","org/served","--trust-remote-code"]\n'
    )
    assert references("Dockerfile", docker) == [
        ("container", "a/b", "sha256:ff", 1),
        ("model", "org/env", None, 2),
        ("service", "i.acme.example", None, 2),
        ("model", "o/m", "abc", 3),
        ("container", "ghcr.io/x/uv", "0.5", 4),
        ("model", "org/served", None, 6),
    ]
    compose = 'services:\n  a:\n    image: "${R:-ghcr.io/x}/y:1"\n    command: --model-id org/name --port 80\n    environment:\n      - HF_MODEL_ID=org/e\n'
    assert references("docker-compose.yml", compose) == [
        ("container", "ghcr.io/x/y", "1", 3),
        ("model", "org/name", None, 4),
        ("model", "org/e", None, 6),
    ]
    pod = 'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: x\n    image: v/v:1\n    args: ["--model", "org/name"]\n'
    assert references("k8s/pod.yaml", pod) == [("container", "v/v", "1", 6), ("model", "org/name", None, 7)]
    assert references("chart/values.yaml", "image:\n  repository: a/b\n  tag: 1.10\n") == [("container", "a/b", "1.10", 2)]


def test_a_template_of_a_chart() -> None:
    text = (
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  containers:\n  {{- if .Values.on }}\n  - name: x\n    image: {{ .Values.image.repository }}:{{ .Values.image.tag }}\n"
        '    args: ["--model", "{{ .Values.model }}"]\n  {{- end }}\n  - name: y\n    image: "a/b:1"\n'
    )
    assert references("chart/templates/d.yaml", text) == [("container", "a/b", "1", 11)]
    assert not shortfalls("chart/templates/d.yaml", text)


def test_models_in_inline_code_and_endpoints_in_variables() -> None:
    docker = (
        "FROM x\nRUN python -c \"from transformers import AutoModel; AutoModel.from_pretrained('org/m', revision='abc')\"\n"
        "RUN python3 <<EOF\nfrom datasets import load_dataset\nload_dataset('org/d')\nEOF\nENV OPENAI_BASE_URL=https://api.acme.example/v1 LOCAL_BASE_URL=http://llm:8000\n"
    )
    assert references("Dockerfile", docker) == [
        ("container", "x", None, 1),
        ("model", "org/m", "abc", 2),
        ("dataset", "org/d", None, 5),
        ("service", "api.acme.example", None, 7),
    ]


def test_a_path_is_no_model() -> None:
    assert references("Dockerfile", 'FROM x\nCMD ["vllm", "serve", "/models/llama"]\n') == [("container", "x", None, 1)]
    assert references("Dockerfile", "FROM x\nCMD vllm serve models/llama --model ./a/b --tokenizer data/t.json\n") == [
        ("container", "x", None, 1)
    ]


def test_notebook() -> None:
    cells = [
        {"cell_type": "code", "source": ["!pip install -q \\\n", "  a==1 b\n", "%conda install -y c\n", "import torch, os\n", "import subprocess, sys\n",
                                         "subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'sub==1'])\n"]},
        {"cell_type": "code", "source": "%%bash\npip install cell\n"},
        {"cell_type": "markdown", "source": "!pip install not-this"},
        {"cell_type": "code", "source": "", "outputs": [{"text": "!pip install nor-this"}]},
    ]  # fmt: skip
    text = json.dumps({"nbformat": 4, "cells": cells}, indent=1)
    assert {n for _, n, *_ in packages("n.ipynb", text)} == {"a", "b", "c", "sub", "cell"}
    from mlsbom.model import Import

    assert [f.module for f in read("n.ipynb", text) if isinstance(f, Import)] == ["torch"]


def test_agent_tools() -> None:
    text = """{"mcpServers": {
      // servers
      "fs": {"command": "npx", "args": ["-y", "@m/server-fs@1.2.3", "/data"]},
      "u": {"command": "uvx", "args": ["mcp-thing"]},
      "d": {"command": "docker", "args": ["run", "-i", "--rm", "-e", "K", "mcp/github:1"]},
      "h": {"url": "https://user:secret@mcp.example/sse"},
      "l": {"command": "/usr/bin/thing"}}}"""
    found = [(r.name, r.version, r.evidence.line) for r in read(".mcp.json", text) if isinstance(r, Reference) and r.kind == "agent-tool"]
    assert found == [("@m/server-fs", "1.2.3", 3), ("mcp-thing", None, 4), ("d", None, 5), ("h", None, 6), ("l", None, 7)]
    assert "secret" not in str(read(".mcp.json", text))


def test_indexes_and_credentials() -> None:
    facts = read(
        "requirements.txt",
        "--extra-index-url https://bob:hunter2@i.acme.example/simple\n--trusted-host i.acme.example\n-i http://j.example/s\n",
    )
    assert [(r.name, r.url, dict(r.attrs).get("extra")) for r in facts if isinstance(r, Reference)] == [
        ("i.acme.example", "https://i.acme.example/simple", "true"),
        ("j.example", "http://j.example/s", None),
    ]
    assert sorted(f.rule for f in facts if isinstance(f, Finding)) == [
        "PACKAGE-CREDENTIALS",
        "PACKAGE-INDEX-INSECURE",
        "PACKAGE-INDEX-INSECURE",
    ]
    assert "hunter2" not in str(facts)
    npm = read(".npmrc", "@s:registry=https://s.acme.example/\n//s.acme.example/:_authToken=abc123\n//t.example/:_authToken=${T}\n")
    assert [(r.name, dict(r.attrs)["for"]) for r in npm if isinstance(r, Reference)] == [("s.acme.example", "@s")]
    assert [f.rule for f in npm if isinstance(f, Finding)] == ["PACKAGE-CREDENTIALS"]
    assert "abc123" not in str(npm)


def test_odd_addresses_of_indexes() -> None:
    for odd in ("http://[", "https://[::1", "//", "https://", "file:///wheels", "./wheels", "https://a b/c"):
        facts = read("requirements.txt", f"--find-links {odd}\nnumpy==1\n")
        assert [f.name for f in facts if isinstance(f, Dependency)] == ["numpy"]
        assert not [f.url for f in facts if isinstance(f, Reference) and " " in (f.url or "")]


def test_the_public_index_is_not_mentioned() -> None:
    host = ".".join(("pypi", "org"))
    assert not [f for f in read("requirements.txt", f"-i https://{host}/simple\n") if isinstance(f, Reference)]


def test_lines_that_cannot_be_read_are_named() -> None:
    reasons = shortfalls("requirements.txt", "good==1\n!!!\n${VAR}==1\nname with spaces\n--what-is-this\n-r https://x.example/r.txt\n")
    assert [r.split(":")[0] for r in reasons] == ["line 2", "line 3", "line 4", "line 5", "line 6"]
    assert shortfalls("pyproject.toml", '[project]\nname = "x"\ndynamic = ["dependencies"]\n')
    assert shortfalls("setup.py", "from setuptools import setup\nsetup(install_requires=compute())\n")
    assert shortfalls("bun.lockb", b"#!/usr/bin/env bun\nbun-lockfile-format-v0\n")
    assert shortfalls("package-lock.json", '{"lockfileVersion": 9, "packages": {}}')
    assert shortfalls("Dockerfile", "FROM ${WHAT}\nRUN pip install $PACKAGES\n")


def test_includes_are_asked_for() -> None:
    asked = [(f.path, f.format, f.line) for f in read("requirements.txt", "-r deps/list.in\n-c c.txt\n") if isinstance(f, ReadAs)]
    assert asked == [("deps/list.in", "requirements", 1), ("c.txt", "constraints", 2)]
    page = '[project]\nname = "x"\ndynamic = ["dependencies"]\n[tool.setuptools.dynamic]\ndependencies = {file = ["r.txt"]}\n'
    assert [f.path for f in read("pyproject.toml", page) if isinstance(f, ReadAs)] == ["r.txt"]
    code = (
        'from setuptools import setup\nwith open("reqs/base.in") as f:\n    needs = f.read().splitlines()\nsetup(install_requires=needs)\n'
    )
    assert [f.path for f in read("setup.py", code) if isinstance(f, ReadAs)] == ["reqs/base.in"]


def test_foreign_letters_are_a_finding_and_a_dependency() -> None:
    facts = read("requirements.txt", "transform\u0435rs==4.44.2\n")
    assert [f.rule for f in facts if isinstance(f, Finding)] == ["PACKAGE-NON-ASCII-NAME"]
    assert [(f.name, f.resolved) for f in facts if isinstance(f, Dependency)] == [("transform\u0435rs", "4.44.2")]


def test_scopes() -> None:
    scopes = {f.name: f.scope for f in read("pyproject.toml", CASES["pyproject.toml"][0]) if isinstance(f, Dependency)}
    assert (
        scopes["hatchling"] is Scope.BUILD
        and scopes["torch"] is Scope.RUNTIME
        and scopes["x"] is Scope.OPTIONAL
        and scopes["pytest"] is Scope.DEV
    )
    assert {f.scope for f in read("requirements-dev.txt", "a") if isinstance(f, Dependency)} == {Scope.DEV}
    assert {f.scope for f in read("constraints.txt", "a==1") if isinstance(f, Dependency)} == {Scope.OPTIONAL}


def test_what_a_project_says_of_itself() -> None:
    text = '[project]\nname = "x"\nversion = "1"\nlicense = "MIT"\nrequires-python = ">=3.9"\nclassifiers = ["License :: OSI Approved :: MIT License"]\n[project.urls]\nSource = "https://github.com/o/x"\n'
    facts = read("pyproject.toml", text)
    assert [(c.value, c.origin, c.evidence.line) for c in facts if isinstance(c, LicenseClaim)] == [
        ("MIT", "package", 4),
        ("License :: OSI Approved :: MIT License", "classifier", 6),
    ]
    stated = {s.field: s.value for s in facts if isinstance(s, Statement)}
    assert stated == {"name": "x", "version": "1", "python_requires": ">=3.9", "url": {"type": "vcs", "url": "https://github.com/o/x"}}


def test_calls_of_installers_in_code() -> None:
    text = "import os, subprocess, sys\nos.system('pip install a==1')\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'b'])\nprint('pip install c')\n"
    assert packages("m.py", text) == [("pypi", "a", "==1", "1", 2), ("pypi", "b", "", None, 3)]


def test_direct_url() -> None:
    text = '{"url": "https://bob:pw@github.com/o/x", "vcs_info": {"vcs": "git", "commit_id": "0123456789012345678901234567890123456789"}}'
    found = [f for f in read("site-packages/x-1.0.dist-info/direct_url.json", text) if isinstance(f, Dependency)]
    assert [(f.name, f.source, f.ref, f.resolved) for f in found] == [("x", "vcs", "git+https://github.com/o/x@0123456789012345678901234567890123456789", "1.0")]
    assert "pw" not in str(read("site-packages/x-1.0.dist-info/direct_url.json", text))


def test_installed_copies() -> None:
    found = [
        f
        for f in read("env/site-packages/x-1.0.dist-info/METADATA", "Name: x\nVersion: 1.0\nRequires-Dist: y>=1\n")
        if isinstance(f, Dependency)
    ]
    assert [(f.name, f.installed, f.via, f.resolved) for f in found] == [("x", True, None, "1.0"), ("y", False, "x", None)]
    nested = [
        f
        for f in read("node_modules/a/package.json", '{"name": "a", "version": "1.0.0", "dependencies": {"b": "1"}}')
        if isinstance(f, Dependency)
    ]
    assert [(f.name, f.installed, f.via) for f in nested] == [("a", True, None), ("b", False, "a")]
