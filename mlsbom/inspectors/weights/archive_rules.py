"""The rules of archives. Specification of model files, section 5."""

from __future__ import annotations

from mlsbom.model import Rule, Severity

RECORDS = Rule(id="ARCHIVE-RECORDS-DISAGREE", title="Two readers of this archive see different things", severity=Severity.MEDIUM)
ESCAPE = Rule(id="ARCHIVE-PATH-ESCAPE", title="A member of an archive leads out of the folder it is unpacked to", severity=Severity.HIGH)
LINK = Rule(id="ARCHIVE-LINK", title="A link inside an archive", severity=Severity.MEDIUM)
SPECIAL = Rule(id="ARCHIVE-SPECIAL", title="A device, FIFO or set-user-id file inside an archive", severity=Severity.MEDIUM)
DUPLICATE = Rule(id="ARCHIVE-DUPLICATE-NAME", title="One name stands twice in an archive, with different content", severity=Severity.MEDIUM)
CRC = Rule(id="ARCHIVE-CRC", title="A checksum in an archive is wrong", severity=Severity.LOW)
ENCRYPTED = Rule(id="ARCHIVE-ENCRYPTED", title="A member of an archive is encrypted", severity=Severity.MEDIUM)
BOMB = Rule(id="ARCHIVE-BOMB", title="An archive expands to more than is read of one file", severity=Severity.MEDIUM)
POLYGLOT = Rule(id="POLYGLOT", title="A file is of two formats at once", severity=Severity.MEDIUM)

RULES = (RECORDS, ESCAPE, LINK, SPECIAL, DUPLICATE, CRC, ENCRYPTED, BOMB, POLYGLOT)
