"""Files that run something without being asked: `.pth`, `binding.gyp`, install scripts, workflows, hooks of editors and agents.

Each command is kept as a mark, whatever it is; findings are for what no honest package of the kind does. Benign is told by content, not by
name (specs of packages, section 5).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.inspectors import Context, Yield
from mlsbom.model import Confidence, Evidence, Mark, Phase, Rule, Severity, Shortfall, Status, Technique
from mlsbom.patterns import late

HOOK = Rule(id="PACKAGE-STARTUP-HOOK", title="A .pth file runs code at every start of Python", severity=Severity.HIGH)
GYP = Rule(id="PACKAGE-GYP-COMMAND", title="A binding.gyp runs a command while it is read", severity=Severity.HIGH)
INSTALL = Rule(id="PACKAGE-INSTALL-SCRIPT", title="A package runs a suspicious command when it is installed", severity=Severity.HIGH)
WORKFLOW = Rule(
    id="WORKFLOW-DANGEROUS", title="A workflow gives its secrets away or runs code of strangers with them", severity=Severity.HIGH
)
EDITOR = Rule(id="AGENT-HOOK", title="Opening this folder in an editor or agent runs a command", severity=Severity.MEDIUM)
RULES: tuple[Rule, ...] = (HOOK, GYP, INSTALL, WORKFLOW, EDITOR)

LIMIT: Final = 2 << 20
_TEXT: Final = 2000

_PTH_LINE = late(r"^import[ \t].*", re.MULTILINE)


def _exactly(line: str) -> re.Pattern[str]:
    """A pattern of this line: NAME is a dotted name, PARTS a tuple of them, VALUE a word; blanks after `;` and `,` are free."""
    pattern = re.escape(line).replace("NAME", r"[\w.]+").replace("PARTS", r"\((?:'\w+',? ?)+\)").replace("VALUE", r"\w+")
    return re.compile(pattern.replace(r";\ ", r"; ?").replace(r",\ ", r", ?") + r"[; ]*")


_PTH_BENIGN: Final[tuple[re.Pattern[str], ...]] = (
    late(  # namespace packages of setuptools
        _exactly(
            "import sys, types, os; has_mfs = sys.version_info > (3, 5); p = os.path.join(sys._getframe(1).f_locals['sitedir'], *PARTS); "
            "importlib = has_mfs and __import__('importlib.util'); has_mfs and __import__('importlib.machinery'); "
            "m = has_mfs and sys.modules.setdefault('NAME', importlib.util.module_from_spec("
            "importlib.machinery.PathFinder.find_spec('NAME', "
            "[os.path.dirname(p)]))); m = m or sys.modules.setdefault('NAME', types.ModuleType('NAME')); mp = (m or []) and "
            "m.__dict__.setdefault('__path__', []); (p not in mp) and mp.append(p)"
        ).pattern
        + r"(?:m and setattr\(sys\.modules\['[\w.]+'\], ?'\w+', ?m\))? *"
    ),
    _exactly(
        "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'VALUE') == 'VALUE'; "
        "enabled and __import__('_distutils_hack')"
    ),
    _exactly(
        "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'VALUE') == 'VALUE'; "
        "enabled and __import__('_distutils_hack').add_shim()"
    ),
    late(r"import (_*editable_*\w*)(?:; ?\1\.(?:install|bootstrap)\((?:'[^'\n]*'(?:, ?)?)*\))? *"),
    late(r"import (?:coverage; ?coverage\.process_startup\(\)|_virtualenv|_distutils_hack|a1_coverage) *"),
    late(
        r"""import sys; ?exec\('import os\\n\\nif os\.getenv\("COVERAGE_PROCESS_START"\)(?: or os\.getenv\("COVERAGE_PROCESS_CONFIG"\))?:"""
        r"""\\n try:\\n  import coverage\\n"""
        r""" except:\\n  pass\\n else:\\n  coverage\.process_startup\((?:slug="\w+")?\)'\) *"""
    ),
    _exactly("import sys; sys.__plen = len(sys.path)"),
    _exactly(
        "import sys; new=sys.path[sys.__plen:]; del sys.path[sys.__plen:]; p=getattr(sys,'__egginsert',0); "
        "sys.path[p:p]=new; sys.__egginsert = p+len(new)"
    ),
)
_RUNS = late(
    r"\b(?:exec|eval|compile|subprocess|os\.system|popen|spawn|urlopen|urllib|requests|socket|b64decode|base64|marshal|zlib|bun|node|curl|wget|ctypes)\b|https?://"
)
_SUBSTITUTION = late(r"<!@?\(")
_SUBSTITUTION_END = late(r"\)[\"']?\s*(?:[,\]}]|$)")
MOST: Final = 1000
"""Commands that are looked at in one file."""
LONGEST_COMMAND: Final = 4000
"""Characters of a command that are judged; one that is longer is suspicious for that."""
_GYP_BENIGN = late(
    r"""\s*(?:node\s+(?:-p|-e|--print|--eval)\s+\\?["']?\s*(?:require\(\\?['"](?:node-addon-api|nan|node-api-headers|napi-[\w-]+)[^;&|]*|process\.\w[\w.\[\]'"\\]*\s*)\\?["']?\s*"""
    r"""|pkg-config\s+[\w@ .+-]+|node\s+-e\s+\\?["']require\(\\?['"]nan\\?['"]\)\\?["']"""
    r"""|(?:python3?|uname|sw_vers|xcrun|llvm-config|pg_config|node)\s+[\w ./=-]*)\s*""",
    re.VERBOSE,
)
_STAGES = ("preinstall", "install", "postinstall", "prepare")
_FETCH_AND_RUN = late(
    r"(?:curl|wget|iwr|invoke-webrequest|fetch)\b[^\n]*?(?:\|\s*(?:ba|z|da)?sh\b|\|\s*(?:node|python3?|bun|iex)\b|&&\s*(?:sh|bash|chmod|\./|node|python3?))"
    r"|\bnode\s+-e\b.*(?:https?:|child_process|Buffer\.from|atob|eval)|powershell\b.*-e(?:nc|ncodedcommand)?\b|base64\s+(?:-d|--decode)|bash\s+-c\s+.*(?:/dev/tcp|https?:)"
    r"|\bbun\s+(?:run\s+)?[\w./-]+\.(?:m|c)?js\b|\b(?:npm|npx)\s+.*\bbun\b|python3?\s+-c\b.*(?:urlopen|exec|b64decode)",
    re.IGNORECASE,
)
_ROOT_SCRIPT = late(
    r"(?:^|[;&|]\s*)(?:node|bun|deno(?:\s+run)?(?:\s+-\w+)*|python3?|sh|bash)\s+(?:\./)?(?:setup|setup_bun|bundle|bun_environment|loader|_index)[\w-]*\.(?:m?js|cjs|py|sh)\b",
    re.IGNORECASE,
)
_BINARY = late(r"(?:^|[;&|]\s*)(?:\./)?(?:[\w-]+/)*[\w-]+(?:\.(?:exe|bin|elf|out))?\s*$")
_KNOWN_TOOLS = late(
    r"(?:^|[;&|]\s*)(?:npx\s+|yarn\s+|pnpm\s+|npm\s+run\s+|npm\s+|cross-env\s+\S+\s+)?(?:node-gyp(?:-build)?|prebuild-install|prebuildify|husky|tsc|rollup|webpack|vite|lerna|patch-package"
    r"|is-ci|electron-builder|cmake-js|node-pre-gyp|opencollective|only-allow|simple-git-hooks|lefthook|npm|yarn|pnpm|make|tsup|unbuild|build|echo|exit|true|ngcc|prisma)\b"
)
_SECRETS = late(r"toJSON\(\s*secrets\s*\)", re.IGNORECASE)
_HEAD = late(r"github\.event\.pull_request\.head\.(?:sha|ref)|github\.head_ref|refs/pull/")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """Marks and findings of one such file, by its name."""
    name = blob.name.lower()
    path = "/" + (context.member or context.path).lower()
    if name.endswith(".pth"):
        if b"\0" not in blob.head[:512]:  # a checkpoint is no path file
            yield from _pth(blob.text(LIMIT))
    elif name.endswith((".gyp", ".gypi")):
        yield from _gyp(blob.text(LIMIT))
    elif name == "package.json":
        yield from _package(blob.text(LIMIT))
    elif "/.github/workflows/" in path:
        yield from _workflow(blob.text(LIMIT), name)
    else:
        yield from _editor(blob.text(LIMIT), path)


def _line(text: str, offset: int) -> Evidence:
    return Evidence(line=text.count("\n", 0, offset) + 1, technique=Technique.SOURCE, confidence=0.9)


def _pth(text: str) -> Iterator[Yield]:
    for n, m in enumerate(_PTH_LINE.finditer(text)):
        if n == MOST:
            yield Shortfall(status=Status.PARTIAL, reason=f"runs more than {MOST} lines; the rest were not looked at")
            return
        line = m[0].strip()
        yield Mark(kind="hook", text=line[:_TEXT], evidence=_line(text, m.start()))
        if any(p.fullmatch(line) for p in _PTH_BENIGN):
            continue
        worse = _RUNS.search(line)
        because = "a .pth line runs code at every start of Python" + (f", with {worse[0]}" if worse else "")
        yield HOOK.finding(
            because, evidence=_line(text, m.start()), severity=Severity.CRITICAL if worse else Severity.HIGH, phase=Phase.IMPORT
        )


def _gyp(text: str) -> Iterator[Yield]:
    for n, m in enumerate(_SUBSTITUTION.finditer(text)):
        if n == MOST:
            yield Shortfall(status=Status.PARTIAL, reason=f"holds more than {MOST} command substitutions; the rest were not looked at")
            return
        rest = text[m.end() : m.end() + LONGEST_COMMAND].partition("\n")[0]
        end = _SUBSTITUTION_END.search(rest)
        command = rest[: end.start() if end else None].strip()
        yield Mark(kind="hook", text=command[:_TEXT], evidence=_line(text, m.start()))
        if not _GYP_BENIGN.fullmatch(command):
            yield GYP.finding(
                f"a command is run while the file is read: {command[:120]}", evidence=_line(text, m.start()), phase=Phase.IMPORT
            )


def _package(text: str) -> Iterator[Yield]:
    document = _json(text)
    scripts = document.get("scripts") if isinstance(document, dict) else None
    if not isinstance(scripts, dict):
        return
    for stage in _STAGES:
        command = scripts.get(stage)
        if not isinstance(command, str) or not command.strip():
            continue
        evidence = _line(text, max(text.find(f'"{stage}"'), 0))
        yield Mark(kind="install-script", text=f"{stage}: {command}"[:_TEXT], evidence=evidence)
        if why := _suspicious(command.strip(), stage):
            yield INSTALL.finding(f"{stage} {why}: {command[:120]}", evidence=evidence, phase=Phase.IMPORT, sure=Confidence.MEDIUM)


def _suspicious(command: str, stage: str) -> str | None:
    """Why an install script is suspicious, or None."""
    if len(command) > LONGEST_COMMAND:
        return "is longer than any honest one"
    if _FETCH_AND_RUN.search(command):
        return "fetches and runs something, or runs hidden code"
    if stage != "prepare" and _ROOT_SCRIPT.search(command):
        return "runs a script at the root of the package as self-spreading packages do"
    if stage == "preinstall" and _BINARY.search(command) and not _KNOWN_TOOLS.search(command):
        return "runs a program of the package before anything is installed"
    return None


def _workflow(text: str, name: str) -> Iterator[Yield]:
    title = re.search(r"^name:[ \t]*[\"']?([^\n\"']{1,200})", text, re.MULTILINE)
    if title:
        yield Mark(kind="workflow", text=f"{name}: {title[1].strip()}", evidence=_line(text, title.start()))
    if m := _SECRETS.search(text):
        yield WORKFLOW.finding("all secrets are written out at once", evidence=_line(text, m.start()))
    trigger = re.search(r"\bpull_request_target\b", text)
    if trigger and (m := _HEAD.search(text)) and "actions/checkout" in text:
        yield WORKFLOW.finding(
            "code of a pull request is checked out where secrets can be read", evidence=_line(text, m.start()), severity=Severity.MEDIUM
        )
    if name.startswith("codeql") and title and "codeql" not in text.lower().replace(name, ""):
        yield WORKFLOW.finding("a workflow named after CodeQL does not use it", evidence=_line(text, title.start()), sure=Confidence.MEDIUM)


def _editor(text: str, path: str) -> Iterator[Yield]:
    document = _json(text)
    for command, why in _commands(document, path):
        at = max(text.find(command[:40].replace('"', '\\"')), 0)
        yield Mark(kind="hook", text=command[:_TEXT], evidence=_line(text, at))
        yield EDITOR.finding(f"{why}: {command[:120]}", evidence=_line(text, at), phase=Phase.LOAD)


def _commands(document: Any, path: str) -> Iterator[tuple[str, str]]:
    """(command, when it runs) of what starts without a question."""
    if not isinstance(document, dict):
        return
    if path.endswith("tasks.json"):
        tasks = document.get("tasks")
        for task in tasks if isinstance(tasks, list) else ():
            if isinstance(task, dict) and isinstance(task.get("runOptions"), dict) and task["runOptions"].get("runOn") == "folderOpen":
                args = task.get("args")
                words = [task.get("command", ""), *(args if isinstance(args, list) else ())]
                yield " ".join(map(str, words)), "a task runs when the folder is opened"
        return
    if path.endswith("devcontainer.json"):
        if isinstance(command := document.get("initializeCommand"), str):
            yield command, "a command runs on the host before the container is made"
        return
    hooks = document.get("hooks")
    for event, entries in hooks.items() if isinstance(hooks, dict) else ():
        for entry in entries if isinstance(entries, list) else ():
            inner = entry.get("hooks", [entry]) if isinstance(entry, dict) else ()
            for hook in inner if isinstance(inner, list) else ():
                if isinstance(hook, dict) and isinstance(hook.get("command"), str):
                    yield hook["command"], f"an agent's hook runs at {event}"


def _json(text: str) -> Any:
    """JSON with comments and trailing commas, as editors write it. Raises Malformed."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        bare = re.sub(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', lambda m: m[1] or "", text, flags=re.DOTALL)
        try:
            return json.loads(re.sub(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])', lambda m: m[1] or "", bare))
        except (ValueError, RecursionError) as e:
            raise Malformed(f"is no JSON: {str(e)[:100]}") from e
