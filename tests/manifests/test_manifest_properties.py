# ruff: noqa: E501  (samples stay on one line)
"""Laws: no input escapes as an exception, counts in are counts out, the short ways agree with their oracles."""

from __future__ import annotations

import shlex
import textwrap
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manifest_facts import packages, read, shortfalls
from pip_requirements_parser import RequirementsFile
from test_manifest_formats import CASES

from mlsbom.errors import Malformed
from mlsbom.formats import dockerfile, python
from mlsbom.inspectors.code.imports import Unsure, by_tree, scan
from mlsbom.inspectors.manifests.shell import commands
from mlsbom.model import Shortfall

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    "path", [*CASES, ".mcp.json", "n.ipynb", "docker-compose.yml", "values.yaml", ".npmrc", "pip.conf", "uv.toml", ".env", "recipe.yaml"]
)
@QUICK
@given(data=st.data())
def test_any_bytes(path: str, data: st.DataObject) -> None:
    """Random bytes, and good files with a piece torn out or put in, give facts or Shortfalls; never an exception."""
    good = CASES.get(path, ("{}", []))[0].encode()
    at = data.draw(st.integers(0, len(good)))
    until = data.draw(st.integers(at, min(len(good), at + 40)))
    torn = (
        good[:at]
        + data.draw(st.binary(max_size=20) | st.sampled_from([b'"', b"{", b"[", b"\n", b"\\\n", b"${", b"'", b": ", b"\x00"]))
        + good[until:]
    )
    read(path, torn)


@QUICK
@given(st.lists(st.sampled_from(["a==1", "b[x]>=2,<3", "c ; python_version<'3'", "d @ https://h.example/d-1.0.zip", "e==2 --hash=sha256:aa", "-e ./f", "./g-1-py3-none-any.whl", "!!",
                                 "${X}==1", "h==1 \\\n  --hash=sha256:bb", "# c", "", "i # c"]), max_size=20))  # fmt: skip
def test_lines_in_are_facts_out(lines: list[str]) -> None:
    """Every line that says something is a dependency or a Shortfall."""
    wanted = sum(1 for line in lines if line and not line.startswith("#"))
    text = "\n".join(lines) + "\n"
    assert len(packages("requirements.txt", text)) + len(shortfalls("requirements.txt", text)) == wanted


@QUICK
@given(st.lists(st.sampled_from(["a==1", "b[x]>=2,<3", "c ; python_version<'3'", "d @ https://h.example/d-1.0.zip", "e==2 --hash=sha256:" + "a" * 64, "h==1 \\\n  --hash=sha256:" + "b" * 64,
                                 "# c", "", "i # c", "-i https://h.example/s", "j>=1 # d", "K_l.m"]), max_size=15))  # fmt: skip
def test_requirements_as_pip_requirements_parser(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    path = tmp_path_factory.mktemp("r") / "requirements.txt"
    path.write_text(text, "utf-8")
    oracle = RequirementsFile.from_file(str(path))
    wanted = sorted((str(r.name).lower().replace("_", "-").replace(".", "-"), r.line_number) for r in oracle.requirements)
    assert sorted((n, line) for _, n, _, _, line in packages("requirements.txt", text)) == wanted


WORD = st.text(st.sampled_from("abc=.-/1 '\"\\"), min_size=1, max_size=8)


@given(st.lists(WORD, min_size=1, max_size=6))
def test_words_as_shlex(words: list[str]) -> None:
    text = "run " + " ".join(map(shlex.quote, words))
    found = [w.text for command in commands(text) for w in command]
    assert found == shlex.split(text)


@given(st.text(st.sampled_from("ab \n\\'\"$(){}|&;<>#`=-"), max_size=80))
def test_any_shell_text_ends(text: str) -> None:
    total = text.count("\n") + 1
    assert all(1 <= w.line <= total for command in commands(text) for w in command)


@given(st.text(st.sampled_from("FROM RUN COPY<abE\n\\#[]\"' =-"), max_size=120))
def test_any_dockerfile_ends(text: str) -> None:
    rows = text.count("\n") + 1
    assert all(1 <= i.line <= rows for i in dockerfile.loads(text).instructions)


# --- imports -----------------------------------------------------------------------------------------------------------------------

PIECES = [
    "import a", "import a.b as c, d", "from x.y import z", "from . import r", "from .m import q", "import os; import sys", "x = 'import no1'", '"""\nimport no2\n"""', "# import no3",
    "from p import (\n    q,\n    r as s,\n)", "import e \\\n    , f", "def f():\n    import g\n    return g", "class K:\n    import h", "try:\n    import i\nexcept ImportError:\n    i = None",
    "if TYPE_CHECKING:\n    import j", "if x: import k", "def m(\n    a,\n):\n    '''import no4'''\n    from l import n", "async def o():\n    if x:\n        import t", "y = {\n 'from': 1}",
    "z = f'{x} import no5'", "importlib.import_module('u')", "__import__('v.w')", "with suppress(ImportError):\n    import aa", "r = r'\\'; import bb",
    "def g():\n    x = [\n1, 2]\n    import cc", "lambda: 0", "s = '''a''' + \"b\"; import dd", "\tx = 1" , "try: import ee\nexcept Exception: pass", "import\tff",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=7))
def test_the_scan_of_imports_agrees_with_the_tree(pieces: list[str]) -> None:
    text = "\n".join(pieces) + "\n"
    try:
        found = scan(text)
    except Unsure:
        return
    try:
        module = python.parse_text(text)
    except Malformed:
        return
    assert found == by_tree(module)


def test_imports_of_a_source() -> None:
    text = textwrap.dedent('''
        """Doc; `import deepspeed` is not needed."""
        import torch, math
        from einops import rearrange
        try:
            from flash_attn import flash_attn_func
        except ImportError:
            flash_attn_func = None
        from .own import x
        def f():
            import google.cloud.storage
        ''')
    from mlsbom.model import Import

    found = {f.module: (f.evidence.line, f.optional, f.modules) for f in read("m.py", text) if isinstance(f, Import)}
    assert found == {
        "torch": (3, False, ("torch",)),
        "einops": (4, False, ("einops",)),
        "flash_attn": (6, True, ("flash_attn",)),
        "google": (11, True, ("google.cloud.storage",)),
    }


@pytest.mark.parametrize(
    "data",
    [b"import os\x00\nx = 1\n", b"x = (\n", b"x = " + b"(" * 20_000 + b")" * 20_000, b"# -*- coding: utf-8 -*-\nname = '\xe9\xff\xfe'\n"],
)
def test_sources_that_are_none_are_said_to_be(data: bytes) -> None:
    assert [f for f in read("m.py", data, formats=("python",)) if isinstance(f, Shortfall)]


# --- bounds ------------------------------------------------------------------------------------------------------------------------


def seconds(path: str, content: str | bytes) -> tuple[float, int]:
    start = time.process_time()
    count = len(read(path, content))
    return time.process_time() - start, count


@pytest.mark.parametrize(
    ("path", "content"),
    [("requirements.txt", "a" * 3_000_000), ("requirements.txt", "x " * 1_000_000), ("requirements.txt", "-" * 500_000), ("Dockerfile", "RUN " + "a && " * 100_000),
     ("Dockerfile", "RUN " + "'" * 200_000), ("install.sh", '"' * 200_001), ("install.sh", "$(" * 100_000), ("install.sh", "<<A " * 50_000), ("m.py", "import " + "a," * 300_000),
     ("m.py", "x = '" + "A" * 3_000_000 + "'\n"), ("m.py", '"' * 300_000), ("setup.cfg", "[options]\ninstall_requires =\n" + " a\n" * 50_000), ("yarn.lock", "a@1:\n" * 50_000),
     ("package.json", '{"overrides":' * 500 + "1" + "}" * 500), ("x.dist-info/METADATA", "Name: x\n" + " folded\n" * 300_000), (".npmrc", "=" * 500_000)],
)  # fmt: skip
def test_hostile_sizes_are_bounded(path: str, content: str) -> None:
    took, _ = seconds(path, content)
    assert took < 5


def test_a_hundred_thousand_requirements() -> None:
    took, count = seconds("requirements.txt", "".join(f"name-{n}=={n}.1\n" for n in range(100_000)))
    assert count == 100_000
    assert took < 10


@pytest.mark.parametrize(
    "path",
    [
        "environment.yml",
        "docker-compose.yml",
        ".github/workflows/x.yml",
        "pnpm-lock.yaml",
        "cog.yaml",
        "pixi.lock",
        "conda-lock.yml",
        "mcp.yaml",
    ],
)
def test_bombs_of_aliases(path: str) -> None:
    rows = [
        "a: &a [x,x,x,x,x,x,x,x,x]",
        *(f"{n}: &{n} [" + ",".join([f"*{p}"] * 9) + "]" for p, n in zip("abcdefgh", "bcdefghi", strict=True)),
    ]
    text = (
        "\n".join(rows) + "\nservices: *i\nmcpServers: *i\npackages: *i\npackage: *i\nmetadata: *i\nbuild: *i\ndependencies: *i\njobs: *i\n"
    )
    took, _ = seconds(path, text)
    assert took < 3
