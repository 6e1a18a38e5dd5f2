"""Whether a stored dependency is, or may be, a bad release."""

from __future__ import annotations

import re
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
        admitted = any(_meets(specifier or "", b, ecosystem) if b[:1] in "<>" else admits(specifier or "", b, ecosystem) for b in bad)
        return POSSIBLY if admitted else None
    except InvalidSpecifier:
        return POSSIBLY


def _meets(specifier: str, span: str, ecosystem: str) -> bool:
    """Whether a range and a span (`>=1,<2`) may have a version in common: of PEP 440 it is enough to try every bound that either names, and
    a version right after each. Of other ecosystems it is not known without the list of versions."""
    if ecosystem != "pypi":
        return True
    bounds = re.findall(r"[0-9][^\s,<>=!~*]*", f"{specifier},{span}")
    plain = [b.rstrip(".") for b in bounds if re.fullmatch(r"[0-9.]+", b)]
    if len(plain) < len(bounds):
        return True
    tried = {"0", *plain, *(f"{b}.0.0.1" for b in plain)}
    return any(admits(specifier, v, ecosystem) and holds(span, v, ecosystem) for v in tried)
