"""Governing law of licences, as far as their texts were read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mlsbom.knowledge import Packs
from mlsbom.patterns import late

SILENT: Final = late(
    r"(MIT|MIT-0|Apache-(1\.1|2\.0)|BSD-[0-4]-Clause|0BSD|ISC|Zlib|Unlicense|BSL-1\.0|CC0-1\.0|CC-BY(-[A-Z]+)*-[34]\.0|OFL-1\.1|PSF-2\.0"
    r"|(A|L)?GPL-[23]\.[01](-only|-or-later)?|MulanPSL-[12]\.0|PDDL-1\.0|ODbL-1\.0)"
)
"""Identifiers of the SPDX list whose texts have no clause that chooses a law (read in the texts of the SPDX list)."""


def laws(packs: Packs) -> Callable[[str], str | None]:
    """Identifier -> the law its text chooses, "" where it chooses none, None where that is not known."""
    from mlsbom.licenses.facts import load

    def law(identifier: str) -> str | None:
        if SILENT.fullmatch(identifier):
            return ""
        row = load(packs).get(identifier)
        if row is None or not row.law or re.search(r"not read|partly|memory", row.law):
            return None
        return "" if row.law == "none stated" else row.law

    return law
