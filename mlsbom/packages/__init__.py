"""Names, versions and specifiers of packages; feeds and look-alikes: everything behind `packages check`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlsbom.knowledge import Packs


def check(
    names: Iterable[str],
    ecosystem: str = "pypi",
    *,
    packs: Packs | None = None,
    without: Iterable[str] = (),
    corrections: Path | None = None,
) -> list[dict[str, Any]]:
    """The verdicts of `NAME[SPECIFIER]` texts: the objects that `mlsbom packages check` prints, in order; see its machine interface.

    `without` leaves out `feed`, `snapshot` or `popular`; `corrections` is a feed-overrides.toml. A missing pack raises PackError here.
    """
    from mlsbom.errors import PackError
    from mlsbom.knowledge import Packs
    from mlsbom.packages.check import rows
    from mlsbom.packages.verdict import Judge

    judge = Judge(packs or Packs(), without=without, corrections=corrections)
    found = [row for row, _ in rows(names, judge, ecosystem)]
    if judge.gaps:
        raise PackError("; ".join(judge.gaps.values()))
    return found
