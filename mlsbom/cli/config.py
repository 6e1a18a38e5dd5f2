"""Default options of `scan` from `mlsbom.toml` (`[mlsbom]`) or `pyproject.toml` (`[tool.mlsbom]`) in the current folder.

The file belongs to the repository that is scanned, so it may be an attacker's. It may say how the gate is set, as every linter's does,
which standard error tells; it may not open the network, choose whom to trust or which data packs to believe. The command line counts more.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Final

import click

from mlsbom.errors import UsageError

FILES: Final = (("mlsbom.toml", ("mlsbom",)), ("pyproject.toml", ("tool", "mlsbom")))
ALLOWED: Final = frozenset(
    {"output", "profile", "fail_on", "require", "baseline", "vex", "weights", "jobs", "no_cache", "timeout", "lang", "quiet", "verbose"}
)
CLOSED: Final = frozenset({"online", "offline", "trust", "identity", "issuer", "signatures"})
LARGEST: Final = 1 << 20


class Configured(click.Command):
    """A command whose defaults may stand in a file of the current folder."""

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        """The context, with the file's values as defaults."""
        extra.setdefault("default_map", defaults(self, Path()))
        return super().make_context(info_name, args, parent, **extra)


def defaults(command: click.Command, folder: Path) -> dict[str, Any]:
    """The values by the names of the command's parameters. Raises UsageError for what cannot be read or is not allowed."""
    where, table = _table(folder)
    if not table:
        return {}
    by_option = {o.lstrip("-").replace("-", "_"): p for p in command.params for o in (*p.opts, *p.secondary_opts)}
    out: dict[str, Any] = {}
    for key, value in table.items():
        if key in CLOSED:
            raise UsageError(f"{where}: {key} may not stand in a file of the repository", remedy=f"give --{key} on the command line")
        if key not in ALLOWED:
            near = difflib.get_close_matches(key, ALLOWED, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(ALLOWED))}"
            raise UsageError(f"{where}: there is no option {key}", remedy=hint)
        parameter = by_option[key]
        if parameter.multiple and isinstance(value, str):
            value = [value]
        if isinstance(value, dict) or (isinstance(value, list) and not all(isinstance(v, str) for v in value)):
            raise UsageError(f"{where}: {key} is no text, number, truth value or list of texts")
        out[str(parameter.name)] = value
    click.echo(f"mlsbom: options from {where}: {', '.join(f'{k} = {v!r}' for k, v in sorted(table.items()))}", err=True)
    return out


def _table(folder: Path) -> tuple[str, dict[str, Any]]:
    """(file and table, its values) of the first file that has the table."""
    for name, keys in FILES:
        path = folder / name
        if not path.is_file() or path.stat().st_size > LARGEST:
            continue
        try:
            value: Any = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as e:
            if name == "pyproject.toml":  # another program's file: what is wrong with it is not ours to say
                continue
            raise UsageError(f"{name}: cannot be read: {str(e)[:200]}") from e
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            where = f"{name} [{'.'.join(keys)}]"
            if not isinstance(value, dict):
                raise UsageError(f"{where}: is no table")
            return where, value
    return "", {}
