"""Names by which a Jinja template reaches the interpreter: attributes, modules, functions that run code, objects of the host."""

from __future__ import annotations

from typing import Final

from mlsbom.patterns import late

DUNDER: Final = late(r"__\w+__|_TemplateReference__context|_module")
INNER: Final = frozenset(
    {
        "mro",
        "func_globals",
        "func_code",
        "func_closure",
        "gi_frame",
        "gi_code",
        "cr_frame",
        "cr_code",
        "ag_frame",
        "ag_code",
        "tb_frame",
        "tb_next",
        "f_globals",
        "f_locals",
        "f_builtins",
        "f_code",
        "f_back",
        "co_code",
        "co_consts",
        "im_func",
        "im_self",
        "im_class",
        "environ",
        "os.environ",
    }
)
"""Attributes that lead from any object to the interpreter (the names that jinja2's sandbox refuses, and their kin)."""
OWN: Final[dict[str, frozenset[str]]] = {
    "cycler": frozenset({"next", "reset", "current"}),
    "joiner": frozenset(),
    "lipsum": frozenset(),
    "self": frozenset(),
    "caller": frozenset({"arguments", "name"}),
    "request": frozenset(),
    "config": frozenset(),
    "get_flashed_messages": frozenset(),
    "url_for": frozenset(),
}
HOST: Final = frozenset({"request", "config"})
RUNS: Final = frozenset(
    {
        "system",
        "popen",
        "popen2",
        "popen3",
        "Popen",
        "check_output",
        "check_call",
        "getoutput",
        "getstatusoutput",
        "spawnl",
        "spawnv",
        "spawnvp",
        "execv",
        "execve",
        "execl",
        "execvp",
        "posix_spawn",
        "eval",
        "exec",
        "execfile",
        "compile",
        "open",
        "__import__",
        "import_module",
        "urlopen",
        "urlretrieve",
        "startfile",
        "run_path",
        "run_module",
        "create_subprocess_shell",
        "b64decode",
        "loads",
        "unlink",
        "rmtree",
        "from_pyfile",
        "from_object",
    }
)
BARE: Final = frozenset(
    {"eval", "exec", "execfile", "compile", "open", "__import__", "getattr", "setattr", "globals", "locals", "vars", "breakpoint", "input"}
)
MODULES: Final = frozenset(
    {
        "os",
        "sys",
        "subprocess",
        "builtins",
        "__builtins__",
        "importlib",
        "shutil",
        "socket",
        "pty",
        "platform",
        "ctypes",
        "pickle",
        "marshal",
        "posix",
        "nt",
        "commands",
        "urllib",
        "requests",
        "code",
        "codecs",
        "runpy",
        "pathlib",
    }
)
ATTRIBUTE_FILTERS: Final = frozenset({"map", "selectattr", "rejectattr", "sum", "groupby", "sort", "unique", "min", "max"})
