"""Licences as the standards want them: SPDX identifiers in their own case, expressions, or names (specs of the SBOM, section 6)."""

from __future__ import annotations

import re
from functools import cache

from mlsbom.model import Component, License

ROLE_ORDER = {"concluded": 0, "declared": 1, "observed": 2}

CLASSIFIERS = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "Universal Permissive License (UPL)": "UPL-1.0",
}
"""Trove classifiers that name one licence; the others (`BSD License`, `Apache Software License`, ...) name a family."""


@cache
def spdx(text: str) -> str | None:
    """The valid SPDX expression that a text is, in canonical case, or None. `other` and `unknown` are none."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if text.startswith("License ::"):
        return CLASSIFIERS.get(text.rpartition(":: ")[2])
    try:
        return str(canonicalize_license_expression(text))
    except (InvalidLicenseExpression, ValueError, TypeError):
        return None


def expression_of(x: License) -> str | None:
    """The expression of one licence: what the licence engine found, else what the text itself is."""
    return x.expression or spdx(x.written)


def name_of(x: License) -> str:
    """A name to show: the given name where the tag says nothing (`other`), else what is written."""
    return x.name or x.written


def shown(c: Component) -> list[License]:
    """The licences of the best role a component has, one a meaning; the others are evidence."""
    if not c.licenses:
        return []
    best = min(ROLE_ORDER.get(x.role, 3) for x in c.licenses)
    rows = [x for x in c.licenses if ROLE_ORDER.get(x.role, 3) == best]
    unique: dict[str, License] = {}
    for x in rows:
        unique.setdefault((expression_of(x) or name_of(x)).lower(), x)
    return list(unique.values())


def simple(expression: str) -> bool:
    """Whether an expression is a single identifier of the SPDX list."""
    return bool(re.fullmatch(r"[A-Za-z0-9.+-]+", expression)) and not expression.startswith("LicenseRef-")


def license_ref(text: str) -> str:
    """A LicenseRef for a licence that SPDX does not list."""
    return text if text.startswith("LicenseRef-") else "LicenseRef-" + (re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.") or "unnamed")


def as_expression(c: Component) -> str | None:
    """One SPDX expression for a component, with LicenseRefs for what SPDX does not list; None where nothing is stated."""
    rows = shown(c)
    if not rows:
        return None
    parts = []
    for x in rows:
        e = expression_of(x) or license_ref(name_of(x))
        parts.append(f"({e})" if " " in e and len(rows) > 1 else e)
    return " AND ".join(sorted(set(parts)))
