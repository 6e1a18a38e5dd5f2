"""The judge of Python source: calls and flows on the syntax tree, with names and constants resolved. The rules are in `python`."""

from __future__ import annotations

import ast
import re
from typing import Final

from msgspec import Struct, field

from mlsbom.errors import Malformed
from mlsbom.formats.python import Scope, analyse, parse
from mlsbom.formats.python_constants import UNKNOWN
from mlsbom.formats.python_names import Names
from mlsbom.judges import marks
from mlsbom.judges import python_calls as calls
from mlsbom.judges.python import (
    DESERIALISE,
    DYNAMIC,
    ENCODING,
    EXFILTRATION,
    NATIVE,
    NETWORK,
    PERSISTENCE,
    PROCESS,
    Hit,
    Reach,
    severity_of,
)
from mlsbom.judges.python_origins import Origins
from mlsbom.model import Confidence, Phase, Rule, Severity

_ORDER: Final = {Severity.INFO: 0, Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 3, Severity.CRITICAL: 4}


class _Function(Struct):
    """What happens in one function or at module level, for flows that span several calls."""

    secrets: list[str] = field(default_factory=list)
    sends: list[tuple[str, int, Phase]] = field(default_factory=list)
    writes_or_runs: bool = False


class Judge:
    """Judges one source; `run` gives what it finds. `depth`: how many texts that run as code are around it."""

    def __init__(self, names: Names, reach: Reach, depth: int = 0) -> None:
        self.names, self.reach, self.depth = names, reach, depth
        self.hits: dict[tuple[str, str], Hit] = {}
        self.functions: dict[int, _Function] = {}
        self.origins = Origins(names)
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
        if calls.PROCESS.fullmatch(name):
            self._process(name, call, scope, phase, reach)
        elif name in calls.RUNS_CODE:
            self._dynamic(name, call, scope, phase, reach)
        elif name in calls.IMPORTS:
            self._import(call, scope, phase, reach)
        elif calls.NETWORK.fullmatch(name) or name in calls.HUB:
            self._function(scope).sends.append((name, call.lineno, phase))
        elif calls.NATIVE.fullmatch(name):
            what = self.names.text(call.args[0], scope) if call.args else None
            if name.startswith("ctypes") and (what is None or ("/" not in what and not what.endswith((".so", ".dll", ".dylib")))):
                self._hit(NATIVE, f"{name}({marks.quote(what or '…', 80)})", call.lineno, Severity.LOW, phase)
            else:
                self._hit(NATIVE, f"{name}({marks.quote(what or '…', 80)})", call.lineno, severity_of(NATIVE, phase, reach), phase)
        elif calls.UNPICKLES.fullmatch(name) or self._torch_load(name, call, scope):
            self._hit(DESERIALISE, f"{name}", call.lineno, severity_of(DESERIALISE, phase, reach), phase)
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
        if name not in calls.ASKS and any(self.names.qualified(a, scope) == "os.environ" for a in given):
            self._function(scope).secrets.append("the environment")
        if name in calls.EAGER or name.endswith((".submit", ".map", ".apply_async", ".run_in_executor")):
            self._passed(call, scope, phase, reach)

    def _process(self, name: str, call: ast.Call, scope: Scope, phase: Phase, reach: Reach) -> None:
        command = self._command(call, scope)
        severity = severity_of(PROCESS, phase, reach)
        if marks.fetches_and_runs(command):
            severity = Severity.CRITICAL if reach is not Reach.OTHER else Severity.MEDIUM
        elif reach is not Reach.OTHER and phase is Phase.LOAD and self._asks_only(command):
            severity = Severity.LOW
        self._function(scope).writes_or_runs = True
        if calls.PERSIST.search(command) and ("crontab" in command or ">>" in command or "systemctl" in command):
            self._hit(PERSISTENCE, f"{name}({marks.quote(command, 160)})", call.lineno, severity_of(PERSISTENCE, phase, reach), phase)
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
        decoded = arg is not None and self.origins.is_decoded(arg, scope)
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else None
        short = name.removeprefix("builtins.")
        if text is not None:
            inner = self._nested(text, reach, phase)
            if inner:
                severity = max((h.severity for h in inner), key=lambda s: _ORDER[s])
                severity = max(severity, severity_of(DYNAMIC, phase, reach, decoded), key=lambda s: _ORDER[s]) if decoded else severity
                self._hit(
                    DYNAMIC, f"{short} of {'decoded ' if decoded else ''}code: {marks.quote(text, 160)}", call.lineno, severity, phase
                )
            elif decoded:
                self._hit(
                    DYNAMIC,
                    f"{short} of decoded code: {marks.quote(text, 160)}",
                    call.lineno,
                    severity_of(DYNAMIC, phase, reach, True),
                    phase,
                )
            elif name not in ("builtins.eval", "builtins.compile", "builtins.exec"):
                self._hit(DYNAMIC, f"{short}({marks.quote(text, 100)})", call.lineno, severity_of(DYNAMIC, phase, reach), phase)
            return
        if name == "builtins.compile" and not decoded:
            mode = self.names.text(call.args[2], scope) if len(call.args) > 2 else None
            if mode is None and not any(k.arg == "mode" for k in call.keywords):
                return
        network = arg is not None and self.origins.is_fetched(arg, scope)
        if network:
            self._hit(
                NETWORK,
                f"{short} of what the network answers",
                call.lineno,
                Severity.CRITICAL if reach is not Reach.OTHER else Severity.MEDIUM,
                phase,
            )
        self._hit(
            DYNAMIC,
            f"{short} of {'decoded data' if decoded else 'a computed value'}",
            call.lineno,
            severity_of(DYNAMIC, phase, reach, decoded),
            phase,
            Confidence.HIGH if decoded else Confidence.MEDIUM,
        )

    def _nested(self, text: str, reach: Reach, phase: Phase) -> list[Hit]:
        """What code in a text does; an honest literal does nothing that a rule knows."""
        if self.depth >= 2 or len(text) > 1 << 20:
            return []
        try:
            inner = Judge(Names(analyse(parse(text.encode("utf-8", "replace")))), reach, self.depth + 1).run()
        except Malformed:
            return []
        return [h for h in inner if _ORDER[h.severity] >= _ORDER[Severity.MEDIUM] or reach is Reach.OTHER]

    def _import(self, call: ast.Call, scope: Scope, phase: Phase, reach: Reach) -> None:
        arg = call.args[0] if call.args else None
        if arg is None:
            return
        module = self.names.text(arg, scope)
        if module is None and self.origins.is_decoded(arg, scope):
            self._hit(DYNAMIC, "imports a module whose name is decoded", call.lineno, severity_of(DYNAMIC, phase, reach, True), phase)
        elif (
            module is not None
            and not isinstance(arg, ast.Constant)
            and module.split(".")[0] in ("os", "subprocess", "pty", "socket", "ctypes", "marshal", "builtins")
        ):
            self._hit(
                DYNAMIC,
                f"imports {marks.quote(module, 60)} by a name that is put together",
                call.lineno,
                severity_of(DYNAMIC, phase, reach, True),
                phase,
            )

    def _passed(self, call: ast.Call, scope: Scope, phase: Phase, reach: Reach) -> None:
        """Dangerous callables that are handed to something that calls them."""
        for arg in (*call.args, *(k.value for k in call.keywords)):
            if isinstance(arg, (ast.Name, ast.Attribute)) and (name := self.names.qualified(arg, scope)):
                if calls.PROCESS.fullmatch(name):
                    self._hit(PROCESS, f"{name} is handed on to be called", call.lineno, severity_of(PROCESS, phase, reach), phase)
                elif name in ("builtins.exec", "builtins.eval"):
                    self._hit(
                        DYNAMIC,
                        f"{name.removeprefix('builtins.')} is handed on to be called",
                        call.lineno,
                        severity_of(DYNAMIC, phase, reach),
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
        if path and calls.SECRET_PATH.search(path):
            self._function(scope).secrets.append(path)

    def _path(self, path: str | None, line: int, phase: Phase, reach: Reach, *, writes: bool) -> None:
        if path and writes and calls.PERSIST.search(path):
            self._hit(PERSISTENCE, f"writes {marks.quote(path, 120)}", line, severity_of(PERSISTENCE, phase, reach), phase)

    def _environment(self, name: str | None, scope: Scope) -> None:
        if name and calls.SECRET_ENV.search(name):
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
                if secrets and calls.SENDS.fullmatch(name):
                    self._hit(
                        EXFILTRATION,
                        f"{name} beside {marks.quote(secrets[0], 100)}",
                        line,
                        severity_of(EXFILTRATION, phase, self.reach),
                        phase,
                        Confidence.MEDIUM,
                    )
                elif name in calls.HUB:
                    self._hit(NETWORK, f"{name}", line, Severity.LOW if self.reach is not Reach.OTHER else Severity.INFO, phase)
                else:
                    self._hit(
                        NETWORK,
                        f"{name}",
                        line,
                        severity_of(NETWORK, phase, self.reach, one.writes_or_runs and phase is Phase.IMPORT),
                        phase,
                    )
