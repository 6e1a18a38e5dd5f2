"""The one error tree.

    MlsbomError                 anything this package raises on purpose; `exit_code` is what a command returns for it
    ├── UsageError              wrong call, unreadable configuration or input (2)
    │   └── PackError           a data pack is missing, damaged or badly signed (2; a scan goes on with exit 3)
    ├── NothingToScan           the target holds nothing (4)
    ├── NetworkError            a service asked for by name could not be reached (3)
    └── ReadError               something of the target could not be read; becomes a coverage record with `status` (3)
        ├── Unreadable          failed: the bytes could not be had (permission, device, changed while read)
        ├── Malformed           partial: the bytes break their format; what came before still counts
        ├── TooLarge            partial: over a size limit
        ├── BudgetExceeded      partial: the shared budget of the input is used up (bytes, depth, members, ratio, time)
        └── Opaque              opaque: encrypted, unknown codec, or raw by nature
            └── NotNear         opaque: bytes that are elsewhere and were not asked for (hub headers, LFS pointers)

Messages are one line: what, where, and what to do.
"""

from __future__ import annotations


class MlsbomError(Exception):
    """Base of all errors raised on purpose. `remedy` says what to do, if anything can be done."""

    exit_code = 2

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class UsageError(MlsbomError):
    """Wrong use, or a configuration or input that cannot be read."""


class PackError(UsageError):
    """A data pack is missing, damaged, or its signature does not hold."""


class NothingToScan(MlsbomError):
    """The target holds nothing that could be scanned."""

    exit_code = 4


class NetworkError(MlsbomError):
    """A service that was asked for could not be reached or answered with an error."""

    exit_code = 3


class ReadError(MlsbomError):
    """A part of the target could not be read. `status` is a `model.Status` value; `offset` is a byte offset in the blob."""

    exit_code = 3
    status = "failed"

    def __init__(
        self, message: str, *, offset: int | None = None, key: str | None = None, line: int | None = None, remedy: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.offset = offset
        self.key = key
        self.line = line


class Unreadable(ReadError):
    """The bytes could not be had."""


class Malformed(ReadError):
    """The bytes break their format."""

    status = "partial"


class TooLarge(ReadError):
    """Over a limit of size."""

    status = "partial"


class BudgetExceeded(ReadError):
    """The budget that all nested readers of one input share is used up."""

    status = "partial"


class Opaque(ReadError):
    """Cannot be looked into: encrypted, or packed in a way that is not known."""

    status = "opaque"


class NotNear(Opaque):
    """The bytes are not on this machine and were not asked for."""
