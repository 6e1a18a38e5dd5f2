"""pip's requirements and constraints files (`requirements*.txt`, `*.in`, `constraints*.txt`), and conda's lists of match specifications.

An own reader of a hundred lines rather than `pip-requirements-parser` (its oracle in the tests): that one needs 72 ms to load, calls
`flash-attn>=2 --no-build-isolation` invalid, and gives a continued line's first number alone. Every line becomes facts or a Shortfall.
Grammar: pip's `req_file.py` (continuations joined first, then comments, then variables, then options).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mlsbom.blob import Blob, decode
from mlsbom.inspectors import Context, ReadAs, Yield
from mlsbom.inspectors.manifests import emit
from mlsbom.inspectors.manifests.installers import conda, words_of
from mlsbom.model import Rule, Scope
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = emit.RULES
SIZE_LIMIT: Final = 128 << 20
LONGEST_LINE: Final = 1 << 16
BAD_LINES: Final = 200
"""Lines that are reported one by one; beyond it one Shortfall counts the rest."""

_COMMENT = late(r"(?:^|\s)#.*$")
_OPTIONS = late(r"(?:^|\s)-")
_HASH = late(r"--hash[=\s]\s*([a-z0-9]+)[:=]([0-9a-fA-F]+)")
_VARIABLE = late(r"\$\{[A-Z0-9_]+\}")
_OPTION = late(r"(--?[A-Za-z][\w-]*)\s*(?:=\s*|\s+)?(.*)", re.DOTALL)
_SILENT: Final = words_of(
    "--no-index --no-binary --only-binary --prefer-binary --require-hashes --pre --use-feature --use-deprecated --no-cache-dir "
    "--upgrade -U --no-deps --process-dependency-links --always-unzip --global-option --config-settings --install-option "
    "--no-build-isolation --use-pep517 --no-use-pep517"
)
_TEXT = late(r"[\w.@\-\[\]=<>!~;,'\"()/:+ \t%&?#$\\{}*^|]*")
_DEV = late(r"(?:^|[-_./])(?:dev|test|tests|testing|lint|docs?|ci|typing|build)(?:[-_.]|$)")


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The dependencies, indexes and includes of one file."""
    text, encoding = decode(blob.data(SIZE_LIMIT))
    base = (context.member or context.path).rsplit("/", 1)[-1].lower()
    if encoding == "latin-1":
        yield emit.trouble("bytes that are no UTF-8: read as Latin-1")
    constraints = "constraints" in context.formats or base.startswith("constraint")
    lists = "conda-list" in context.formats
    scope = Scope.DEV if _DEV.search(base.removesuffix(".txt").removesuffix(".in")) else Scope.RUNTIME
    if constraints:
        scope = Scope.OPTIONAL
    parser = "constraints" if constraints else "conda-list" if lists else "requirements"
    bad = 0
    for number, line in logical_lines(text):
        facts = list(conda(line, number, parser, scope) if lists else line_facts(line, number, parser, scope))
        if any(type(f).__name__ == "Shortfall" for f in facts):
            bad += 1
            if bad > BAD_LINES:
                continue
        yield from facts
        context.budget.check()
    if bad > BAD_LINES:
        yield emit.trouble(f"{bad - BAD_LINES} more lines that are no requirements")


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of the first physical line with content, line without comment), continuations joined as pip does."""
    start, parts = 0, list[str]()
    for number, row in enumerate(text.splitlines(), 1):
        comment = row.lstrip().startswith("#")
        if not comment and row.endswith("\\"):
            start = start or number
            parts.append(row[:-1].strip())
            continue
        joined = " ".join([*parts, "" if comment else row.strip()]) if parts else row
        first, start, parts = start or number, 0, []
        body = joined if "#" not in joined else _COMMENT.sub("", joined)
        if body := body.strip():
            yield first, body
    if parts and (body := _COMMENT.sub("", " ".join(parts)).strip()):
        yield start, body


def line_facts(line: str, number: int, parser: str, scope: Scope) -> Iterator[Yield]:
    """The facts of one logical line without its comment: a requirement with its options, or an option of the file."""
    if len(line) > LONGEST_LINE and "--hash" not in line:
        yield emit.trouble(f"a line of {len(line)} characters", number)
        return
    if line.startswith("-"):
        yield from _option(line, number, parser, scope)
        return
    cut = _OPTIONS.search(line) if " -" in line or "\t-" in line else None
    wanted, options = (line[: cut.start()], line[cut.start() :]) if cut else (line, "")
    hashes = tuple(f"{m[1]}:{m[2].lower()}" for m in _HASH.finditer(options))
    variable = _VARIABLE.search(wanted)
    if variable and "://" not in wanted:
        yield emit.trouble(f"holds a variable of the environment: {wanted[:80]!r}", number)
        return
    yield from emit.python(wanted, line=number, parser=parser, scope=scope, hashes=hashes)


def _option(line: str, number: int, parser: str, scope: Scope) -> Iterator[Yield]:
    m = _OPTION.match(line)
    name, value = (m[1], m[2].strip().strip("\"'")) if m else (line, "")
    if name[:2] in ("-r", "-c", "-e", "-i", "-f") and len(name) > 2 and not name.startswith("--"):
        name, value = name[:2], line[2:].strip()
    if name in ("-r", "--requirement", "-c", "--constraint"):
        if _VARIABLE.search(value) or "://" in value or not value:
            yield emit.trouble(f"includes what is not in the target: {emit.without_credentials(value)[0][:120]!r}", number)
        else:
            form = "constraints" if name in ("-c", "--constraint") or parser == "constraints" else "requirements"
            yield ReadAs(path=value, format=form, line=number)
    elif name in ("-e", "--editable"):
        yield from emit.python(value.split(" --", 1)[0], line=number, parser=parser, scope=scope, editable=True)
    elif name in ("-i", "--index-url", "--pypi-url", "--extra-index-url", "-f", "--find-links"):
        yield from emit.index(
            value.split()[0] if value else "", number, option=name, extra=name in ("--extra-index-url", "-f", "--find-links")
        )
    elif name == "--trusted-host":
        yield from emit.untrusted(value, number, name)
    elif name not in _SILENT:
        yield emit.trouble(f"an option that is not known: {line[:80]!r}", number)
