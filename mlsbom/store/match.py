"""Whether a stored dependency is, or may be, a bad release."""

from __future__ import annotations

from functools import lru_cache

from mlsbom.packages.spans import holds
from mlsbom.packages.specifiers import InvalidSpecifier, admits, exact, same

AFFECTED, POSSIBLY, MALICIOUS = "affected", "possibly-affected", "malicious"


@lru_cache(maxsize=100_000)
def verdict(ecosystem: str, version: str | None, specifier: str | None, bad: tuple[str, ...]) -> str | None:
    """`bad`: exact versions, spans (`>=1,<2`), or `*`; None where the dependency cannot be one of them.

    An exact version decides; a range that admits a bad release may mean it. A specifier that cannot be read may mean anything.
    """
    if "*" in bad:
        return MALICIOUS
    pin = version
    if pin is None and specifier:
        try:
            pin = exact(specifier, ecosystem)
        except InvalidSpecifier:
            return POSSIBLY
    if pin is not None:
        return AFFECTED if any(holds(b, pin, ecosystem) if b[:1] in "<>" else same(pin, b, ecosystem) for b in bad) else None
    try:
        return POSSIBLY if any(b[:1] in "<>" or admits(specifier or "", b, ecosystem) for b in bad) else None
    except InvalidSpecifier:
        return POSSIBLY
