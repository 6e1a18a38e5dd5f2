"""What Python source does when it is imported, loaded or run: the rules of section 6, what they find, and how grave it is.

`judge(names, reach)` is for any caller (modules of a model, handlers, hooks, `setup.py`, notebook cells, code in archives). Nothing is
imported or run. The judge itself (`python_judge`) is loaded with the first source that is judged: the rules and the triggers are part of
every start.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from mlsbom.model import Confidence, Phase, Rule, Severity

if TYPE_CHECKING:
    from mlsbom.formats.python_names import Names

PROCESS = Rule(id="CODE-PROCESS", title="Code starts a process", severity=Severity.CRITICAL)
DYNAMIC = Rule(id="CODE-DYNAMIC", title="Code runs code that is made at run time", severity=Severity.CRITICAL)
EXFILTRATION = Rule(id="CODE-EXFILTRATION", title="Code sends secrets or files out", severity=Severity.CRITICAL)
NETWORK = Rule(id="CODE-NETWORK", title="Code uses the network", severity=Severity.HIGH)
NATIVE = Rule(id="CODE-NATIVE", title="Code loads a native library", severity=Severity.HIGH)
DESERIALISE = Rule(id="CODE-DESERIALISE", title="Code unpickles a file", severity=Severity.MEDIUM)
PERSISTENCE = Rule(id="CODE-PERSISTENCE", title="Code changes what starts with the machine or the interpreter", severity=Severity.CRITICAL)
ENCODING = Rule(id="CODE-ENCODING", title="Source declares an encoding that hides what it says", severity=Severity.HIGH)
RULES: Final = (PROCESS, DYNAMIC, EXFILTRATION, NETWORK, NATIVE, DESERIALISE, PERSISTENCE, ENCODING)

TRIGGERS: Final = tuple(
    t.encode() for t in ("system", "popen", "Popen", "exec", "eval", "spawn", "subprocess", "pty", "compile", "marshal", "__import__",
        "import_module", "CodeType", "FunctionType", "socket", "urlopen",
                         "urlretrieve", "requests", "httpx", "aiohttp", "http.client", "ctypes", "cffi", "cpp_extension", "pickle",
                         "joblib", "torch.load", "allow_pickle", "dill", "shelve", "crontab",
                         "authorized_keys", ".bashrc", ".zshrc", "sitecustomize", "site-packages", "systemd", "LaunchAgents", "getattr",
                         "__builtins__", "b64decode", "fromhex", "coding:", "coding=", "runpy",
                         "webbrowser", "ftplib", "smtplib", "paramiko", "telnetlib", "hf_hub_download", "snapshot_download", "environ")
)  # fmt: skip
"""Bytes without which no rule of this module can fire: files with none of them need no tree."""


class Reach(StrEnum):
    """Who runs the file: a loader (`auto_map`, a handler, a start-up file), an installer, or somebody by hand."""

    LOADED = "loaded"
    INSTALL = "install"
    OTHER = "other"


class Hit(Struct, frozen=True):
    """What a rule found: text free of lines, the line, the phase in which it would run."""

    rule: Rule
    because: str
    line: int
    severity: Severity
    phase: Phase
    sure: Confidence = Confidence.HIGH


def severity_of(rule: Rule, phase: Phase, reach: Reach, decoded: bool = False) -> Severity:
    """The table of section 6: import-time and load-time in reachable code, and other scripts."""
    if reach is Reach.OTHER:
        return {
            PROCESS.id: Severity.INFO, DYNAMIC.id: Severity.MEDIUM if decoded else Severity.LOW, EXFILTRATION.id: Severity.MEDIUM,
                NETWORK.id: Severity.INFO, NATIVE.id: Severity.LOW,
            DESERIALISE.id: Severity.INFO, PERSISTENCE.id: Severity.MEDIUM,
        }[rule.id]  # fmt: skip
    eager = phase is Phase.IMPORT
    if rule is PROCESS:
        return Severity.CRITICAL if eager else Severity.HIGH
    if rule is DYNAMIC:
        return Severity.CRITICAL if decoded and eager else Severity.HIGH
    if rule is DESERIALISE:
        return Severity.MEDIUM if eager else Severity.LOW
    if rule is NETWORK:
        return Severity.HIGH if decoded else Severity.MEDIUM
    return rule.severity


def judge(names: Names, reach: Reach) -> list[Hit]:
    """Findings on one source, sorted by line, once each."""
    from mlsbom.judges.python_judge import Judge

    return Judge(names, reach).run()
