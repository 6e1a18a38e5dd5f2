"""Notebooks: the references of their code cells, and the downloads of the commands in them (what those install and fetch from hubs is read
by the inspector of manifests). Text cells and outputs are never read.

Cells are parsed one by one, so that one broken cell costs itself alone, and then read as one source, so that a name that one cell binds is
known in the next. Lines are those of the file, where every source line of a cell stands on a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

from mlsbom.blob import Blob
from mlsbom.errors import Malformed
from mlsbom.formats import located, python
from mlsbom.formats.located import Located
from mlsbom.inspectors import Context, Yield, providers
from mlsbom.inspectors.code.calls import Code
from mlsbom.inspectors.code.references import of_code
from mlsbom.model import Evidence, Reference, Rule, Shortfall, Status, Technique
from mlsbom.patterns import late

RULES: tuple[Rule, ...] = ()

_MAGIC = late(r"^(\s*)(?:!|%|\?)")
_ASSIGNED = late(r"^(\s*)([\w, ]+?)\s*=\s*[!%]")
_SHELL_CELL = late(r"^%%(?:bash|sh|shell|script\s+(?:ba)?sh|!)|^!!")
_PYTHON_CELL = late(r"^%%(?:time|timeit|capture|prun|memit|python3?|debug|mprun|notify)\b")


class Cells(Struct):
    """The code of a notebook: `python` as one text (magics blanked) with the file's line of each of its lines, and the shell lines."""

    text: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    shell: list[tuple[int, str]] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)


def cells(blob: Blob) -> Cells:
    """The code cells of a notebook: a reader for `Blob.parsed`. Raises Malformed for what is no notebook."""
    root = blob.parsed(located.read_json).root
    found = root.get("cells")
    if found is None and (sheets := root.get("worksheets")) is not None:
        found = next((s.get("cells") for s in sheets.each()), None)
    if found is None or found.kind != "sequence":
        raise Malformed("no notebook: it has no cells")
    out = Cells()
    for cell in found.each():
        kind, source = cell.get("cell_type"), cell.get("source") or cell.get("input")
        if kind is not None and kind.raw == "code" and source is not None:
            _cell(source, out)
    return out


def _cell(source: Located, out: Cells) -> None:
    rows: list[tuple[int, str]] = []
    if source.kind == "scalar":
        rows = [(source.line or 0, row) for row in str(source.node.value).split("\n")]
    else:
        for part in source.each():
            pieces = str(part.node.value).removesuffix("\n").split("\n") if part.kind == "scalar" else []
            rows.extend((part.line or 0, piece) for piece in pieces)
    first = next((text for _, text in rows if text.strip()), "")
    if _SHELL_CELL.match(first):
        out.shell.extend(rows[1:])
        return
    if first.startswith("%%") and not _PYTHON_CELL.match(first):
        return
    text: list[str] = []
    for n, (line, row) in enumerate(rows):
        continued = n > 0 and rows[n - 1][1].rstrip().endswith("\\") and text[-1].strip() in ("pass", "")
        text.append("" if continued else _plain(line, row, out))
    try:
        python.parse_text("\n".join(text))
    except Malformed as e:
        out.broken.append((rows[0][0] if rows else 0, str(e)))
        return
    out.text.extend(text)
    out.lines.extend(line for line, _ in rows)


def _plain(line: int, row: str, out: Cells) -> str:
    """A line as Python: magics and commands become `pass`; commands are kept."""
    if magic := _MAGIC.match(row):
        command = row.strip()
        if command.startswith("!") or re.match(r"%(?:pip|conda|mamba|uv|sx|system|sh)\b", command):
            out.shell.append((line, command.lstrip("!%")))
        return f"{magic[1]}pass"
    if assigned := _ASSIGNED.match(row):
        out.shell.append((line, row.partition("=")[2].strip().lstrip("!%")))
        return f"{assigned[1]}pass"
    return row.rstrip("?") if row.rstrip().endswith("?") else row


def inspect(blob: Blob, context: Context) -> Iterator[Yield]:
    """The references of the code cells; a Shortfall for each cell that is no Python."""
    found = blob.parsed(cells)
    for line, why in found.broken[:20]:
        yield Shortfall(
            status=Status.PARTIAL, reason=f"a code cell{f' (line {line})' if line else ''}: {why}", evidence=Evidence(line=line or None)
        )
    text = "\n".join(found.text)
    code = Code.of_text(python.parse_text(text), text, lambda n: found.lines[min(max(n, 1), len(found.lines)) - 1] if found.lines else 1)
    yield from of_code(code)
    for line, command in found.shell:
        yield from _downloads(command, line)


def _downloads(command: str, line: int) -> Iterator[Reference]:
    """The services that `wget` and `curl` in a cell ask."""
    if re.match(r"\s*(?:wget|curl|aria2c)\b", command):
        for url in re.findall(r"https?://[^\s\"'$<>|;&]+", command):
            if providers.host_of(url) and not providers.is_loopback(url):
                evidence = Evidence(line=line or None, technique=Technique.SOURCE, confidence=0.9)
                yield providers.service(providers.safe_url(url), evidence, flow="inbound")
