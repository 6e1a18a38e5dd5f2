"""Make the repositories of `repos/`: `python make_repos.py DEST` writes every folder and, beside it, what is in it (NAME.truth.json).

A case is one text: a remark, files (`=== path`, or `=== path !kind` for one that is built from its text), and `=== truth` with a row a
thing: `class name = path :: needle, path; key=value; optional` for what is there, `class name ! path :: needle` for what only looks so.
A needle stands in the first line that states the thing; the classes are those of an inventory: package, undeclared (imported, not
declared), base_model, referenced_model, hosted_model, dataset, endpoint, container, remote_code, agent_tool, model (the delivered ones).
"""

from __future__ import annotations

import json
import re
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOS = Path(__file__).parent / "repos"
_ROW = re.compile(r"(?P<cls>[a-z_]+) (?P<name>.+?) (?P<sign>[=!]) (?P<rest>.+)")


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the truth. `at`: (path, line or None where the file has no lines)."""

    cls: str
    name: str
    at: tuple[tuple[str, int | None], ...]
    there: bool
    optional: bool = False
    eco: str = "pypi"
    aliases: tuple[str, ...] = ()
    versions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Repo:
    """A repository: its files, and what is in it."""

    name: str
    files: dict[str, bytes]
    items: tuple[Item, ...] = field(default=())

    def write(self, where: Path) -> Path:
        """Write the files below `where`/name."""
        for path, content in self.files.items():
            target = where / self.name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return where / self.name


def safetensors(text: str) -> bytes:
    """One small tensor under a header with this metadata."""
    head = json.dumps(
        {"__metadata__": json.loads(text), "lora.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
    ).encode()
    return struct.pack("<Q", len(head)) + head + bytes(16)


def gguf(text: str) -> bytes:
    """A GGUF (version 3) with this metadata (texts and unsigned numbers) and one tensor of 32 F32 values."""

    def string(s: str) -> bytes:
        return struct.pack("<Q", len(s.encode())) + s.encode()

    rows = json.loads(text)
    out = b"GGUF" + struct.pack("<IQQ", 3, 1, len(rows))
    for key, value in rows.items():
        out += string(key) + (struct.pack("<I", 8) + string(value) if isinstance(value, str) else struct.pack("<II", 4, value))
    out += string("token_embd.weight") + struct.pack("<IQIQ", 1, 32, 0, 0)
    return out + bytes(-len(out) % 32) + bytes(128)


def notebook(text: str) -> bytes:
    """A notebook with this code, a cell for each run of magics or of Python."""
    cells: list[list[str]] = [[]]
    for line in text.splitlines():
        if cells[-1] and line.startswith(("!", "%")) != cells[-1][-1].startswith(("!", "%")):
            cells.append([])
        cells[-1].append(line)
    rows = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": [f"{x}\n" for x in cell]} for cell in cells]
    return json.dumps({"cells": rows, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


BUILT: dict[str, Callable[[str], bytes]] = {"safetensors": safetensors, "gguf": gguf, "notebook": notebook}


def read(case: Path) -> Repo:
    """The repository of one case."""
    files: dict[str, bytes] = {}
    texts: dict[str, str] = {}
    parts = re.split(r"(?m)^=== (.+)\n", case.read_text(encoding="utf-8"))
    for head, text in zip(parts[1:-2:2], parts[2:-2:2], strict=True):
        path, _, kind = head.partition(" !")
        files[path] = BUILT[kind](text) if kind else text.encode()
        texts[path] = "" if kind else text
    rows = [line for line in parts[-1].splitlines() if line]
    return Repo(case.stem, files, tuple(_item(line, texts) for line in rows))


def _item(line: str, texts: dict[str, str]) -> Item:
    row = _ROW.fullmatch(line)
    assert row, line
    at, *words = row["rest"].split("; ")
    options = dict(w.partition("=")[::2] for w in words)
    listed = {k: tuple(x.strip() for x in v.split(",") if x.strip()) for k, v in options.items()}
    return Item(
        cls=row["cls"],
        name=row["name"],
        at=tuple(_place(p, texts) for p in at.split(", ") if p != "x"),
        there=row["sign"] == "=",
        optional="optional" in options,
        eco=options.get("eco", "pypi"),
        aliases=listed.get("aliases", ()),
        versions=listed.get("versions"),
    )


def _place(written: str, texts: dict[str, str]) -> tuple[str, int | None]:
    path, _, needle = written.partition(" ::")
    assert path in texts, written
    if not needle:
        return path, None
    lines = [n for n, line in enumerate(texts[path].splitlines(), 1) if needle.strip() in line]
    assert lines, written
    return path, lines[0]


def repos() -> list[Repo]:
    """All repositories, by name."""
    return [read(p) for p in sorted(REPOS.glob("*.txt"))]


def _plain(item: Item) -> dict[str, Any]:
    row: dict[str, Any] = {"class": item.cls, "name": item.name, "at": [list(p) for p in item.at], "eco": item.eco, "versions": None}
    row["versions"] = None if item.versions is None else list(item.versions)
    return {**row, "aliases": list(item.aliases), "optional": item.optional}


def main(dest: Path) -> None:
    """Write all repositories with their truth."""
    for repo in repos():
        repo.write(dest)
        truth = {
            "repo": repo.name,
            "files": dict.fromkeys(repo.files, ""),
            "items": [_plain(i) for i in repo.items if i.there],
            "negatives": [{**_plain(i), "why": "only looks so"} for i in repo.items if not i.there],
        }
        (dest / f"{repo.name}.truth.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
