"""Tier 1: the bounds of opcodes alone, as fast as one regular expression can run over them.

If a stream imports nothing and names nothing persistent, nothing in it can run. Possessive repeats (`*+`) keep the matcher from
remembering where it was, so a run of any length costs no memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mlsbom.errors import Malformed
from mlsbom.formats.pickle.window import LINE_LIMIT, Window

NO_OPERAND: Final = b"012()NRTabdelostu]}\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x94\x97\x98"
LINE_OPERAND: Final = b"FIJKLMSVgp"
HARMLESS: Final = re.compile(
    rb"(?s:"
    rb"[F]([^\n]*\n)a|[FILSVgp][^\n]*\n".replace(b"([^\\n]*\\n)", b"[^\\n]*\\n") +
    rb"|[012()NRTabdelostu\]}\x81\x85-\x89\x8f-\x92\x94\x97\x98]"
    rb"|[Khq\x80].|M..|[Jjr].{4}|G.{8}|\x95.{8}"
    rb"|\x8c(?:[\x00]|\x01.|\x02.{2}|\x03.{3}|\x04.{4}|\x05.{5}|\x06.{6}|\x07.{7}|\x08.{8})"
    rb")*+"
)
