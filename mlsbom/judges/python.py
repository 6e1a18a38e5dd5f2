"""What Python source does when it is imported, loaded or run: the rules of section 6, on the syntax tree, with names and constants
resolved.

`judge(names, reach)` is for any caller (modules of a model, handlers, hooks, `setup.py`, notebook cells, code in archives). Nothing is
imported or run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from mlsbom.errors import Malformed
from mlsbom.formats.python import Scope, analyse, parse
from mlsbom.formats.python_names import DECODERS, UNKNOWN, Names
from mlsbom.judges import marks
from mlsbom.model import Confidence, Phase, Rule, Severity
from mlsbom.patterns import late

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


_PROCESS: Final = late(
    r"(?:os|posix|nt)\.(?:system|popen\d?|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|startfile|fork|forkpty)|subprocess\.(?:run|call|Popen|check_call|check_output|getoutput|getstatusoutput)"
    r"|pty\.spawn|commands\.get\w+|asyncio\.create_subprocess_\w+|asyncio\.subprocess\.\w+|_posixsubprocess\.fork_exec|pexpect\.(?:spawn|run)|sh\.\w+|plumbum\.\w+|multiprocessing\.popen_\w+\.\w+"
)
_RUNS_CODE: Final = frozenset({"builtins.exec", "builtins.eval", "builtins.compile", "builtins.execfile", "runpy.run_path",
    "runpy.run_module", "code.interact", "code.InteractiveInterpreter",
                               "types.FunctionType", "types.CodeType", "marshal.loads", "marshal.load", "pickletools.dis",
                               "importlib.util.spec_from_loader"})  # fmt: skip
_IMPORTS: Final = frozenset({"builtins.__import__", "importlib.import_module", "importlib.__import__"})
_NETWORK: Final = late(
    r"(?:requests|httpx|aiohttp|urllib3)(?:\.\w+)?\.?(?:get|post|put|patch|request|head|delete|Session|Client|AsyncClient|ClientSession|PoolManager|stream|urlopen)(?:\(\))?(?:\.\w+)?"
    r"|urllib\.request\.(?:urlopen|urlretrieve|Request|build_opener)|urllib2?\.(?:urlopen|urlretrieve)|http\.client\.HTTPS?Connection(?:\(\)\.\w+)?|socket\.(?:socket|create_connection)(?:\(\)\.\w+)?"
    r"|ftplib\.FTP\w*(?:\(\)\.\w+)?|smtplib\.SMTP\w*(?:\(\)\.\w+)?|telnetlib\.Telnet|paramiko\.\w+|xmlrpc\.client\.\w+|websockets?\.\w+|wget\.download|gdown\.\w+|pycurl\.Curl"
)
_SENDS: Final = late(
    r".*\.(?:post|put|patch|request|sendall|send|sendto|urlopen|Request|sendmail|storbinary|stor|get|connect|gethostbyname|create_connection|urlretrieve)(?:\(\))?"
)
_HUB: Final = frozenset(
    {
        "huggingface_hub.hf_hub_download",
        "huggingface_hub.snapshot_download",
        "torch.hub.load",
        "torch.hub.load_state_dict_from_url",
        "torch.hub.download_url_to_file",
    }
)
_NATIVE: Final = late(
    r"ctypes\.(?:CDLL|PyDLL|WinDLL|OleDLL|cdll\.LoadLibrary|windll\.LoadLibrary)|torch\.(?:ops|classes)\.load_library"
    r"|torch\.utils\.cpp_extension\.load(?:_inline)?|cffi\.FFI\(\)\.dlopen|tensorflow\.load_op_library|tensorflow\.load_library"
)
_UNPICKLES: Final = late(
    r"(?:pickle|cPickle|_pickle|dill|cloudpickle|joblib|shelve|jsonpickle)\.(?:loads?|Unpickler|open|decode)|pandas\.read_pickle"
)
_SECRET_ENV: Final = late(r"(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE)", re.I)
_SECRET_PATH: Final = late(
    r"\.ssh\b|\.aws\b|\.netrc|\.npmrc|\.pypirc|\.kube\b|\.docker/config|\.git-credentials|\.gnupg|/etc/(?:passwd|shadow)|\.env\b|id_rsa|id_ed25519"
    r"|\.huggingface|huggingface/token|\.config/gcloud|wallet\.dat|Login Data|Cookies\b|keychain",
    re.I,
)
_PERSIST: Final = late(
    r"\.(?:bashrc|bash_profile|zshrc|profile|zprofile)$|/etc/(?:cron|rc\.local|init\.d|profile|systemd|ld\.so\.preload)|crontab|authorized_keys"
    r"|LaunchAgents|LaunchDaemons|systemd/(?:user|system)|\.config/autostart|Start Menu.{0,40}Startup|sitecustomize\.py|usercustomize\.py"
    r"|site-packages/.*\.pth|\.git/hooks|CurrentVersion\\\\?Run",
    re.I,
)
_ASKS: Final = frozenset({"builtins.len", "builtins.isinstance", "builtins.sorted", "builtins.hasattr", "builtins.getattr", "builtins.any"})
_EAGER: Final = frozenset(
    {
        "atexit.register",
        "threading.Thread",
        "threading.Timer",
        "builtins.map",
        "builtins.filter",
        "functools.partial",
        "concurrent.futures.ThreadPoolExecutor",
        "builtins.sorted",
    }
)


def _severity(rule: Rule, phase: Phase, reach: Reach, decoded: bool = False) -> Severity:
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


class _Function(Struct):
    """What happens in one function or at module level, for flows that span several calls."""

    secrets: list[str] = field(default_factory=list)
    sends: list[tuple[str, int, Phase]] = field(default_factory=list)
    writes_or_runs: bool = False


def judge(names: Names, reach: Reach, *, depth: int = 0) -> list[Hit]:
    """Findings on one source, sorted by line, once each."""
    return _Judge(names, reach, depth).run()


class _Judge:
    def __init__(self, names: Names, reach: Reach, depth: int) -> None:
        self.names, self.reach, self.depth = names, reach, depth
        self.hits: dict[tuple[str, str], Hit] = {}
        self.functions: dict[int, _Function] = {}
        self.known: dict[tuple[str, int, int], bool] = {}
        self.eager = self._eager_functions()
        self.guards = self._guards()

    def _eager_functions(self) -> set[int]:
        """Functions of this file that its module level calls, directly or through each other: they run on import."""
        own = {s.name: s for _, s in self.names.scopes.functions if s.parent is self.names.scopes.module and s.name != "<lambda>"}
        called: dict[int, set[str]] = {}
        for call, scope in self.names.scopes.calls:
            if isinstance(call.func, ast.Name) and call.func.id in own:
                function = scope.function
                called.setdefault(id(function) if function else 0, set()).add(call.func.id)
        out: set[int] = set()
        todo = list(called.get(0, ()))
        while todo:
            scope = own[todo.pop()]
            if id(scope) not in out:
                out.add(id(scope))
                todo.extend(called.get(id(scope), ()))
        return out

    def run(self) -> list[Hit]:
        """All rules."""
        source = self.names.scopes.source
        if source.declared and not source.plain:
            self._hit(
                ENCODING,
                f"declares the encoding {marks.quote(source.declared, 40)}",
                1,
                Severity.HIGH if self.reach is not Reach.OTHER else Severity.MEDIUM,
                Phase.IMPORT,
            )
        for call, scope in self.names.scopes.calls:
            self._call(call, scope)
        for node, scope in self.names.scopes.loads:
            self._load(node, scope)
        self._flows()
        return sorted(self.hits.values(), key=lambda h: (h.line, h.rule.id, h.because))

    def _hit(self, rule: Rule, because: str, line: int, severity: Severity, phase: Phase, sure: Confidence = Confidence.HIGH) -> None:
        key = (rule.id, because)
        old = self.hits.get(key)
        if (old is None or _ORDER[severity] > _ORDER[old.severity]) and len(self.hits) < 200:
            self.hits[key] = Hit(rule, because[:400], line, severity, phase, sure)

    def _phase(self, scope: Scope) -> Phase:
        """When a call in this scope runs."""
        function = scope.function
        if function is None or id(function) in self.eager:
            return Phase.IMPORT
        if isinstance(function.node, ast.Lambda):
            return self._phase(function.parent) if function.parent else Phase.IMPORT
        if function.name in ("__init_subclass__", "__set_name__"):
            return Phase.IMPORT
        return Phase.LOAD

    def _guarded(self, scope: Scope, line: int) -> bool:
        """Whether a module-level line stands under `if __name__ == "__main__"`."""
        return scope.function is None and any(first <= line <= last for first, last in self.guards)

    def _guards(self) -> list[tuple[int, int]]:
        """First and last lines of the blocks under `if __name__ == "__main__"`, at most 16."""
        out = []
        for node in self.names.scopes.source.module.body:
            test = node.test if isinstance(node, ast.If) else None
            if not isinstance(test, ast.Compare) or not isinstance(test.left, ast.Name) or test.left.id != "__name__":
                continue
            if self.names.text(test.comparators[0], self.names.scopes.module) == "__main__":
                out.append((node.lineno, getattr(node, "end_lineno", None) or node.lineno))
        return out[:16]

    def _function(self, scope: Scope) -> _Function:
        function = scope.function
        return self.functions.setdefault(id(function) if function else 0, _Function())

    # --- single calls ------------------------------------------------------------------------------------------------------------------

    def _call(self, call: ast.Call, scope: Scope) -> None:
        name = self.names.qualified(call.func, scope)
        phase = self._phase(scope)
        reach = Reach.OTHER if self._guarded(scope, call.lineno) else self.reach
        if name is None:
            return
        name = name.removesuffix("()")
        if _PROCESS.fullmatch(name):
            self._process(name, call, scope, phase, reach)
        elif name in _RUNS_CODE:
            self._dynamic(name, call, scope, phase, reach)
        elif name in _IMPORTS:
            self._import(call, scope, phase, reach)
        elif _NETWORK.fullmatch(name) or name in _HUB:
            self._function(scope).sends.append((name, call.lineno, phase))
        elif _NATIVE.fullmatch(name):
            what = self.names.text(call.args[0], scope) if call.args else None
            if name.startswith("ctypes") and (what is None or ("/" not in what and not what.endswith((".so", ".dll", ".dylib")))):
                self._hit(NATIVE, f"{name}({marks.quote(what or '…', 80)})", call.lineno, Severity.LOW, phase)
            else:
                self._hit(NATIVE, f"{name}({marks.quote(what or '…', 80)})", call.lineno, _severity(NATIVE, phase, reach), phase)
        elif _UNPICKLES.fullmatch(name) or self._torch_load(name, call, scope):
            self._hit(DESERIALISE, f"{name}", call.lineno, _severity(DESERIALISE, phase, reach), phase)
        elif name in ("builtins.open", "io.open", "codecs.open", "pathlib.Path().open", "os.open") or name.endswith(
            (".write_text", ".write_bytes")
        ):
            self._open(name, call, scope, phase, reach)
        elif (
            name in ("shutil.copy", "shutil.copyfile", "shutil.copy2", "shutil.move", "os.rename", "os.replace", "os.symlink")
            and len(call.args) > 1
        ):
            self._path(self.names.text(call.args[1], scope), call.lineno, phase, reach, writes=True)
        elif name in ("os.getenv", "os.environ.get"):
            self._environment(self.names.text(call.args[0], scope) if call.args else None, scope)
        elif name.endswith((".read_text", ".read_bytes")) and isinstance(call.func, ast.Attribute):
            self._secret_file(self.names.text(call.func.value, scope), scope)
        elif name in ("os.environ.copy", "os.environ.items") or name.startswith("getpass."):
            self._function(scope).secrets.append("the environment")
        given = (*call.args, *(k.value for k in call.keywords if k.arg != "env"))
        if name not in _ASKS and any(self.names.qualified(a, scope) == "os.environ" for a in given):
            self._function(scope).secrets.append("the environment")
        if name in _EAGER or name.endswith((".submit", ".map", ".apply_async", ".run_in_executor")):
            self._passed(call, scope, phase, reach)

    def _process(self, name: str, call: ast.Call, scope: Scope, phase: Phase, reach: Reach) -> None:
        command = self._command(call, scope)
        severity = _severity(PROCESS, phase, reach)
        if marks.fetches_and_runs(command):
            severity = Severity.CRITICAL if reach is not Reach.OTHER else Severity.MEDIUM
        elif reach is not Reach.OTHER and phase is Phase.LOAD and self._asks_only(command):
            severity = Severity.LOW
        self._function(scope).writes_or_runs = True
        if _PERSIST.search(command) and ("crontab" in command or ">>" in command or "systemctl" in command):
            self._hit(PERSISTENCE, f"{name}({marks.quote(command, 160)})", call.lineno, _severity(PERSISTENCE, phase, reach), phase)
        self._hit(PROCESS, f"{name}({marks.quote(command, 160)})", call.lineno, severity, phase)

    def _asks_only(self, command: str) -> bool:
        """Commands that only ask the machine what it has."""
        return (
            re.fullmatch(r"(?:nvidia-smi|uname|hostname|which|git rev-parse|rocm-smi|nvcc)\b[\w\s.=,\[\]'\"-]*", command.strip())
            is not None
        )

    def _command(self, call: ast.Call, scope: Scope) -> str:
        for arg in call.args[:1] or [k.value for k in call.keywords if k.arg in ("args", "cmd", "command")]:
            value = self.names.fold(arg, scope)
            if isinstance(value, list):
                return " ".join(str(v) for v in value)
            if value is not UNKNOWN:
                return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            if isinstance(arg, (ast.List, ast.Tuple)):
                return " ".join(t if (t := self.names.text(e, scope)) is not None else "…" for e in arg.elts)
        return "…"

    def _dynamic(self, name: str, call: ast.Call, scope: Scope, phase: Phase, reach: Reach) -> None:
        arg = call.args[0] if call.args else None
        value = self.names.fold(arg, scope) if arg is not None else UNKNOWN
        decoded = arg is not None and self._is_decoded(arg, scope)
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else None
        short = name.removeprefix("builtins.")
        if text is not None:
            inner = self._nested(text, reach, phase)
            if inner:
                severity = max((h.severity for h in inner), key=lambda s: _ORDER[s])
                severity = max(severity, _severity(DYNAMIC, phase, reach, decoded), key=lambda s: _ORDER[s]) if decoded else severity
                self._hit(
                    DYNAMIC, f"{short} of {'decoded ' if decoded else ''}code: {marks.quote(text, 160)}", call.lineno, severity, phase
                )
            elif decoded:
                self._hit(
                    DYNAMIC,
                    f"{short} of decoded code: {marks.quote(text, 160)}",
                    call.lineno,
                    _severity(DYNAMIC, phase, reach, True),
                    phase,
                )
            elif name not in ("builtins.eval", "builtins.compile", "builtins.exec"):
                self._hit(DYNAMIC, f"{short}({marks.quote(text, 100)})", call.lineno, _severity(DYNAMIC, phase, reach), phase)
            return
        if name == "builtins.compile" and not decoded:
            mode = self.names.text(call.args[2], scope) if len(call.args) > 2 else None
            if mode is None and not any(k.arg == "mode" for k in call.keywords):
                return
        network = arg is not None and self._is_fetched(arg, scope)
        if network:
            self._hit(
                NETWORK,
                f"{short} of what the network answers",
                call.lineno,
                Severity.CRITICAL if reach is not Reach.OTHER else Severity.MEDIUM,
                phase,
            )
        self._hit(DYNAMIC, f"{short} of {'decoded data' if decoded else 'a computed value'}", call.lineno, _severity(DYNAMIC, phase, reach,
            decoded), phase,
                  Confidence.HIGH if decoded else Confidence.MEDIUM)  # fmt: skip

    def _nested(self, text: str, reach: Reach, phase: Phase) -> list[Hit]:
        """What code in a text does; an honest literal does nothing that a rule knows."""
        if self.depth >= 2 or len(text) > 1 << 20:
            return []
        try:
            inner = judge(Names(analyse(parse(text.encode("utf-8", "replace")))), reach, depth=self.depth + 1)
        except Malformed:
            return []
        return [h for h in inner if _ORDER[h.severity] >= _ORDER[Severity.MEDIUM] or reach is Reach.OTHER]

    def _import(self, call: ast.Call, scope: Scope, phase: Phase, reach: Reach) -> None:
        arg = call.args[0] if call.args else None
        if arg is None:
            return
        module = self.names.text(arg, scope)
        if module is None and self._is_decoded(arg, scope):
            self._hit(DYNAMIC, "imports a module whose name is decoded", call.lineno, _severity(DYNAMIC, phase, reach, True), phase)
        elif (
            module is not None
            and not isinstance(arg, ast.Constant)
            and module.split(".")[0] in ("os", "subprocess", "pty", "socket", "ctypes", "marshal", "builtins")
        ):
            self._hit(
                DYNAMIC,
                f"imports {marks.quote(module, 60)} by a name that is put together",
                call.lineno,
                _severity(DYNAMIC, phase, reach, True),
                phase,
            )

    def _passed(self, call: ast.Call, scope: Scope, phase: Phase, reach: Reach) -> None:
        """Dangerous callables that are handed to something that calls them."""
        for arg in (*call.args, *(k.value for k in call.keywords)):
            if isinstance(arg, (ast.Name, ast.Attribute)) and (name := self.names.qualified(arg, scope)):
                if _PROCESS.fullmatch(name):
                    self._hit(PROCESS, f"{name} is handed on to be called", call.lineno, _severity(PROCESS, phase, reach), phase)
                elif name in ("builtins.exec", "builtins.eval"):
                    self._hit(
                        DYNAMIC,
                        f"{name.removeprefix('builtins.')} is handed on to be called",
                        call.lineno,
                        _severity(DYNAMIC, phase, reach),
                        phase,
                    )

    def _torch_load(self, name: str, call: ast.Call, scope: Scope) -> bool:
        if name == "torch.load":
            return not any(k.arg == "weights_only" and self.names.fold(k.value, scope) is True for k in call.keywords)
        return name == "numpy.load" and any(k.arg == "allow_pickle" and self.names.fold(k.value, scope) is True for k in call.keywords)

    def _open(self, name: str, call: ast.Call, scope: Scope, phase: Phase, reach: Reach) -> None:
        if name.endswith((".write_text", ".write_bytes")) and isinstance(call.func, ast.Attribute):
            self._path(self.names.text(call.func.value, scope), call.lineno, phase, reach, writes=True)
            self._function(scope).writes_or_runs = True
            return
        path = self.names.text(call.args[0], scope) if call.args else None
        mode = (
            self.names.text(call.args[1], scope)
            if len(call.args) > 1
            else next((self.names.text(k.value, scope) for k in call.keywords if k.arg == "mode"), "r")
        )
        writes = bool(mode) and any(c in (mode or "") for c in "wax+")
        self._path(path, call.lineno, phase, reach, writes=writes)
        if writes:
            self._function(scope).writes_or_runs = True
        else:
            self._secret_file(path, scope)

    def _secret_file(self, path: str | None, scope: Scope) -> None:
        if path and _SECRET_PATH.search(path):
            self._function(scope).secrets.append(path)

    def _path(self, path: str | None, line: int, phase: Phase, reach: Reach, *, writes: bool) -> None:
        if path and writes and _PERSIST.search(path):
            self._hit(PERSISTENCE, f"writes {marks.quote(path, 120)}", line, _severity(PERSISTENCE, phase, reach), phase)

    def _environment(self, name: str | None, scope: Scope) -> None:
        if name and _SECRET_ENV.search(name):
            self._function(scope).secrets.append(f"the environment variable {name}")

    # --- loads and flows -----------------------------------------------------------------------------------------------------------------

    def _load(self, node: ast.expr, scope: Scope) -> None:
        if isinstance(node, ast.Subscript):
            if self.names.qualified(node.value, scope) == "os.environ":
                self._environment(self.names.text(node.slice, scope), scope)
        elif isinstance(node, ast.Attribute) and node.attr == "environ" and self.names.qualified(node, scope) == "os.environ":
            self._function(scope).secrets.append("environ")

    def _flows(self) -> None:
        """Environment or key files and a sending call in one function; and network calls by themselves."""
        for one in self.functions.values():
            secrets = [s for s in one.secrets if s != "environ"]
            for name, line, phase in one.sends:
                if secrets and _SENDS.fullmatch(name):
                    self._hit(
                        EXFILTRATION,
                        f"{name} beside {marks.quote(secrets[0], 100)}",
                        line,
                        _severity(EXFILTRATION, phase, self.reach),
                        phase,
                        Confidence.MEDIUM,
                    )
                elif name in _HUB:
                    self._hit(NETWORK, f"{name}", line, Severity.LOW if self.reach is not Reach.OTHER else Severity.INFO, phase)
                else:
                    self._hit(
                        NETWORK, f"{name}", line, _severity(NETWORK, phase, self.reach, one.writes_or_runs and phase is Phase.IMPORT), phase
                    )

    def _is_decoded(self, node: ast.expr, scope: Scope, depth: int = 0) -> bool:
        key = ("_is_decoded", id(node), id(scope))
        if key not in self.known:
            self.known[key] = False  # ends cycles
            self.known[key] = self._is_decoded_at(node, scope, depth)
        return self.known[key]

    def _is_decoded_at(self, node: ast.expr, scope: Scope, depth: int) -> bool:
        """Whether a value comes out of a decoder."""
        if depth > 8:
            return False
        for part in _below(node):
            if isinstance(part, ast.Call):
                name = self.names.qualified(part.func, scope)
                if name in DECODERS or (
                    isinstance(part.func, ast.Attribute)
                    and part.func.attr in ("fromhex", "b64decode", "decompress", "a2b_base64", "unhexlify")
                ):
                    return True
                if (
                    isinstance(part.func, ast.Attribute)
                    and part.func.attr == "join"
                    and any(isinstance(c, ast.Call) and getattr(c.func, "id", "") == "chr" for c in _below(part))
                ):
                    return True
            elif isinstance(part, ast.Name):
                for binding in (scope.lookup(part.id) or ())[-16:]:
                    if isinstance(binding, ast.expr) and binding is not node and self._is_decoded(binding, scope, depth + 1):
                        return True
        return False

    def _is_fetched(self, node: ast.expr, scope: Scope, depth: int = 0) -> bool:
        key = ("_is_fetched", id(node), id(scope))
        if key not in self.known:
            self.known[key] = False  # ends cycles
            self.known[key] = self._is_fetched_at(node, scope, depth)
        return self.known[key]

    def _is_fetched_at(self, node: ast.expr, scope: Scope, depth: int) -> bool:
        """Whether a value comes from the network."""
        if depth > 8:
            return False
        for part in _below(node):
            if (
                isinstance(part, ast.Call)
                and (name := self.names.qualified(part.func, scope))
                and _NETWORK.fullmatch(name.removesuffix("()"))
            ):
                return True
            if isinstance(part, ast.Name):
                for binding in (scope.lookup(part.id) or ())[-16:]:
                    if isinstance(binding, ast.expr) and binding is not node and self._is_fetched(binding, scope, depth + 1):
                        return True
        return False


_ORDER: Final = {Severity.INFO: 0, Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 3, Severity.CRITICAL: 4}


def _below(node: ast.expr) -> Iterator[ast.AST]:
    """At most 400 nodes of an expression."""
    for count, part in enumerate(ast.walk(node)):
        if count >= 400:
            return
        yield part
