"""`packages check`: lines of NAME[SPECIFIER] in, a verdict a line out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from mlsbom.errors import UsageError
from mlsbom.packages.verdict import Answer, Judge
from mlsbom.patterns import late

CHUNK = 8192
_PYPI = late(r"([^\s\[<>=!~;@#,()|*+^]+)\s*(?:\[[^\]]*\])?\s*(?:\(([^()]*)\)|([^;#]*))(?:;.*)?(?:\s#.*)?")
_NPM = late(r"(@?[^\s@<>=~^|,;]+)\s*@?\s*(.*)")


def split(line: str, ecosystem: str) -> tuple[str, str]:
    """NAME and SPECIFIER of a line (extras and markers of PyPI are dropped; npm's `NAME@RANGE` is taken, too). Raises UsageError."""
    m = (_NPM if ecosystem != "pypi" else _PYPI).fullmatch(line.strip())
    if m is None:
        raise UsageError(f"no name with a specifier: {line[:80]!r}")
    if ecosystem != "pypi":
        return m[1], m[2].strip()
    return m[1], (m[2] or m[3] or "").strip()


def rows(lines: Iterable[str], judge: Judge, ecosystem: str) -> Iterator[tuple[dict[str, Any], Answer | None]]:
    """The printed object of every line, in order, with its answer; a line that cannot be judged gives an object with `error`, and None."""
    source = iter(lines)
    while chunk := list(islice(source, CHUNK)):
        parsed: list[tuple[str, tuple[str, str] | UsageError]] = []
        for line in chunk:
            try:
                parsed.append((line, split(line, ecosystem)))
            except UsageError as e:
                parsed.append((line, e))
        judge.prepare((p[0] for _, p in parsed if isinstance(p, tuple)), ecosystem)
        for line, found in parsed:
            try:
                if isinstance(found, UsageError):
                    raise found
                answer = judge.judge(found[0], ecosystem, found[1])
                yield answer.row(line), answer
            except UsageError as e:
                yield {"input": line, "ecosystem": ecosystem, "error": str(e)}, None
