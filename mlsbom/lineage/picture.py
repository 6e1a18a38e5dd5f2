"""The rows of the picture "tensors by layer": plain data that a report draws, without numpy."""

from __future__ import annotations

import re
from typing import Any, Final

from mlsbom.patterns import late

_LAYER: Final = late(r"(?:^|[./_:])(?:layers?|blocks?|h|blk|stages?)[._/]?(\d+)(?:[./_]|$)|[._/](\d+)[._/]", re.IGNORECASE)
_NUMBERS: Final = late(r"(\d+)")


def rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a tensor of the suspect and channel, in natural order of layers and names, the strongest test of each.

    A row: `layer` (number or None), `tensor`, `reference`, `channel`, `log10_p`, `hits`, `of`, `share` (hits / of). A pair of tensors that
    agree (T3) gives a row for each of the two."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for t in result.get("tensors", ()):
        suspects, references = str(t["suspect"]).split(" & "), str(t["reference"]).split(" & ")
        for n, name in enumerate(suspects):
            reference = references[n] if len(references) == len(suspects) else references[0]
            row = {"layer": layer(name), "tensor": name, "reference": reference} | {k: t[k] for k in ("channel", "log10_p", "hits", "of")}
            row["share"] = round(t["hits"] / t["of"], 4) if t["of"] else 0.0
            key = (name, str(t["channel"]))
            if key not in best or row["log10_p"] < best[key]["log10_p"]:
                best[key] = row
    return sorted(best.values(), key=lambda r: (r["layer"] is not None, r["layer"] or 0, natural(r["tensor"]), r["channel"]))


def layer(name: str) -> int | None:
    """The number of the layer that a tensor's name states, or None."""
    found = _LAYER.search(name)
    return int(found[1] or found[2]) if found else None


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts `layer.10` behind `layer.9`."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in _NUMBERS.split(name)]
