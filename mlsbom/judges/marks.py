"""What a piece of text would do if something ran it: shell commands that fetch and run, code with a call, executables by magic.

For text that stands where data are expected (metadata, parameters, strings of a model). Patterns are anchored on the shape of a command or
a call, never on a word alone: vocabularies, changelogs and training notes hold every word.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from mlsbom.patterns import late

_SHELL = r"(?:/(?:usr/)?bin/)?(?:ba|z|da|k|c)?sh"
_FETCH = r"(?:curl|wget|fetch|aria2c|iwr|irm|invoke-webrequest|invoke-restmethod|certutil(?:\.exe)?|bitsadmin|ftp)"
_COMMANDS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    (
        "fetches and runs",
        late(
            rf"\b{_FETCH}\b[^\n|;&]{{0,400}}(?:\||;|&&)\s*(?:sudo\s+)?(?:{_SHELL}|python[\d.]*|perl|ruby|node|iex|invoke-expression)\b",
            re.I,
        ),
    ),
    ("fetches and runs", late(rf"(?:{_SHELL}|eval|python[\d.]*)\s+(?:-c\s+)?[\"']?(?:<\(|\$\(|`)\s*{_FETCH}\b", re.I)),
    (
        "fetches and runs",
        late(
            rf"\b{_FETCH}\b[^\n;&]{{0,200}}\bhttps?://[^\n;&]{{0,200}}(?:&&|;)[^\n]{{0,200}}(?:chmod\s+\+?[x7]|\./|{_SHELL}\s)", re.I
        ),
    ),
    (
        "fetches and runs",
        late(r"\b(?:iex|invoke-expression)\b[^\n]{0,100}(?:downloadstring|invoke-webrequest|iwr|irm|net\.webclient)", re.I),
    ),
    ("fetches and runs", late(r"\bmshta(?:\.exe)?\s+(?:https?|javascript|vbscript):", re.I)),
    (
        "opens a shell to another host",
        late(r"/dev/(?:tcp|udp)/[\w.]+/\d+|\bn(?:c|cat|etcat)\b[^\n]{0,60}\s-[a-z]*e\b|\bsocat\b[^\n]{0,80}exec:", re.I),
    ),
    (
        "decodes and runs",
        late(
            rf"\bbase64\s+(?:-d|--decode|-D)\b[^\n|]{{0,200}}\|\s*(?:{_SHELL}|python[\d.]*)\b|\bpowershell(?:\.exe)?\b[^\n]{{0,80}}\s-e(?:nc(?:odedcommand)?)?\s+[A-Za-z0-9+/=]{{16}}",
            re.I,
        ),
    ),
    ("deletes files", late(r"(?<![\w.-])rm\s+-(?:[a-z]*r[a-z]*f|[a-z]*f[a-z]*r)[a-z]*\s+(?:--no-preserve-root\s+)?[/~*$]", re.I)),
    (
        "runs a shell command",
        late(rf"(?<![\w./-])(?:{_SHELL}|cmd(?:\.exe)?|powershell(?:\.exe)?|pwsh)\s+(?:-[a-z]*c|/c|-command)\s+\S", re.I),
    ),
)
_CODE: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    (
        "runs a process",
        late(
            r"\bos\.(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?)\s*\(|\bsubprocess\.(?:run|call|Popen|check_output|check_call|getoutput)\s*\(|\bpty\.spawn\s*\("
        ),
    ),
    (
        "runs a process",
        late(
            r"\bos\.execute\s*\(|\bio\.popen\s*\(|\b(?:base::)?system2?\s*\(\s*[\"']|\bRuntime\.getRuntime\(\)\.exec\b|\bchild_process\b[^\n]{0,40}\bexec"
        ),
    ),
    (
        "evaluates code",
        late(
            r"(?<![\w.])(?:eval|exec)\s*\(\s*[\w\"'(]|(?<![\w.])(?:loadstring|dofile)\s*\(\s*[\w\"'(]|\bmarshal\.loads\s*\(|(?<![\w.])compile\s*\(\s*[\"'].{0,200}[\"']exec[\"']"
        ),
    ),
    ("imports by name", late(r"__import__\s*\(\s*[\"'][\w.]+[\"']\s*\)|\bimportlib\.import_module\s*\(")),
    ("deserialises", late(r"(?<![\w.])(?:c?pickle|dill|cloudpickle|joblib)\.loads?\s*\(")),
    (
        "script",
        late(
            r"<script\b[^>]*>[^<]{0,2000}\b(?:eval|fetch|document|window|alert|XMLHttpRequest|import)\b|\bjavascript:[^\s\"']{3,}", re.I
        ),
    ),
)
_STATEMENT = late(
    r"(?:^|[;\n])\s*(?:import|from)\s+(?:os|subprocess|socket|ctypes|pty|shutil|sys|builtins|importlib|urllib|requests)\b(?:\s+import\b|\s*[;,]|\s*$|\s*\n|\s+as\b)",
    re.M,
)
_LOADS_LIBRARY = late(
    r"\bload_?library\b[^\n]{0,120}?(?:[A-Za-z]:\\|\.{1,2}[\\/]|/)[^\s\"']{1,200}\.(?:dll|so|dylib)\b|\b(?:dlopen|ctypes\.(?:CDLL|cdll|WinDLL))\s*\(",
    re.I,
)

_NEEDED = late(r"[(|;&<`\s]|://")
"""Without one of these a text is a name, not a command or a call."""

_WORDS = late(rf"\b{_FETCH}\b|\b(?:base64|powershell|pwsh|mshta|nc|ncat|netcat|socat|cmd|rm|iex)\b|sh\b|/dev/(?:tcp|udp)", re.I)
_JOINS = late(r"[|;`]|&&|\$\(|<\(|\s-c\b|\brm\s")
_ALONE = late(r"\b(?:powershell|pwsh|mshta|nc|ncat|netcat|socat|cmd|iex|invoke-expression)\b|/dev/(?:tcp|udp)", re.I)
_LINE: Final = 1000

EXECUTABLES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x7fELF", "ELF program"),
    (b"MZ\x90\x00", "Windows program"),
    (b"\xcf\xfa\xed\xfe", "Mach-O program"),
    (b"\xce\xfa\xed\xfe", "Mach-O program"),
    (b"\xca\xfe\xba\xbe\x00\x00\x00", "Java class or Mach-O program"),
    (b"#!/", "script"),
    (b"PK\x03\x04", "zip archive"),
    (b"\x00asm\x01", "WebAssembly module"),
)


def command(text: str) -> tuple[str, str] | None:
    """(what it does, the matched piece) of the first hostile shell command in a text; None where there is none.

    A line without a word of `_WORDS` holds none; each line is cut, so that a text of any size costs time in proportion to it.
    """
    for line in text.splitlines() if "\n" in text else [text]:
        if (
            _WORDS.search(line)
            and (_JOINS.search(line) or _ALONE.search(line))
            and (found := _first(_COMMANDS, line if len(line) <= _LINE else _around(line)))
        ):
            return found
    return None


def _around(line: str) -> str:
    """The parts of a long line near what joins commands: at most 40 of them, 800 characters each."""
    spots = [m.start() for m in islice(_JOINS.finditer(line), 40)]
    return "\n".join(line[max(0, at - 400) : at + 400] for at in spots) or line[:_LINE]


def code(text: str) -> tuple[str, str] | None:
    """(what it does, the matched piece) of the first call of a code-running function in a text: `os.system(` counts, "os.system" does
    not."""
    found = _first(_CODE, text)
    if found is None and (statement := _STATEMENT.search(text)):
        return "imports a module that reaches the system", statement[0].strip()
    if found is None and (library := _LOADS_LIBRARY.search(text)):
        return "loads a native library", library[0]
    return found


def hostile(text: str) -> tuple[str, str] | None:
    """The first of `command` and `code`."""
    if len(text) < 6 or not _NEEDED.search(text):
        return None
    return command(text) or code(text)


def fetches_and_runs(text: str) -> bool:
    """Whether a command in it gets something from the network, or decodes it, and runs it, or gives a shell away: no honest parameter
    does."""
    found = command(text)
    return found is not None and found[0] in ("fetches and runs", "decodes and runs", "opens a shell to another host", "deletes files")


def sniff(data: bytes) -> str | None:
    """What a run of bytes that should hold nothing begins with: a pickle, zip, program or script; None for anything else."""
    body = data.lstrip(b"\0")[:64]
    if (
        len(body) >= 2
        and body[0] == 0x80
        and 2 <= body[1] <= 5
        and (body[2:3] in (b"\x95", b"c", b"(", b"}", b"]", b"\x8c", b"X", b"K", b"q", b"\x94"))
    ):
        return "pickle"
    if re.match(rb"c[a-z_][\w.]{1,60}\n[A-Za-z_]\w{0,60}\n", body):
        return "pickle"
    return next((what for magic, what in EXECUTABLES if body.startswith(magic)), None)


def quote(text: str, limit: int = 200) -> str:
    """A text as it may be shown: control and invisible characters escaped, cut."""
    cut = text[:limit]
    if cut.isprintable():
        return cut if len(cut) == len(text) else cut + "…"
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return shown + ("…" if len(text) > limit else "")


def _first(patterns: tuple[tuple[str, re.Pattern[str]], ...], text: str) -> tuple[str, str] | None:
    hits = [(m.start(), what, m[0]) for what, pattern in patterns if (m := pattern.search(text))]
    if not hits:
        return None
    _, what, piece = min(hits, key=lambda h: h[0])
    return what, piece
