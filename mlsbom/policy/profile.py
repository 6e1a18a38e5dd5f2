"""Profiles: one TOML file, no language. Shipped ones are data packs; a profile can extend another.

    name = "our-profile"
    extends = "commercial"
    [use]             commercial = true, country = "KR", monthly_users = 50000 ...
    [require.model]   auditable = 2, license_clean = 2 ...       (also: dataset, package, service, container, code, application, all)
    [severity]        LICENSE-LAUNDERING = "critical"
    [gate]            fail_on = "high", opaque_counts = false, max_pack_age_days = 30, strict = false
    [packages]        private = ["acme-*"]
    [[waiver]]        rule, component or path, sha256, reason, by, expires

An unknown key is an error that names it and the nearest known one.
"""

from __future__ import annotations

import difflib
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field

from mlsbom.errors import PackError, UsageError
from mlsbom.knowledge import Packs
from mlsbom.model import Kind, Severity

CRITERIA: Final = ("auditable", "license-clean", "security-reviewed", "replaceable", "controllable")
ROLES: Final = (*(str(k) for k in Kind), "all")
USE: Final[dict[str, type | tuple[type, ...]]] = {
    "commercial": bool,
    "country": str,
    "sector": str,
    "monthly_users": int,
    "revenue_usd": (int, float),
    "train_on_outputs": bool,
    "distribute": bool,
    "modify": bool,
    "network_service": bool,
    "purpose": str,
    "military": bool,
    "public_sector": bool,
}
TOP: Final = (
    "name",
    "title",
    "title_ko",
    "description",
    "description_ko",
    "extends",
    "use",
    "require",
    "severity",
    "gate",
    "packages",
    "waiver",
    "item",
    "formats",
    "digests",
    "sbom",
    "confirmed",
    "source",
)
REGIMES: Final = ("bsi", "g7", "kr-skt")
ITEM: Final = ("id", "title", "title_ko", "files", "fields", "elements", "some", "checks")
GATE: Final = ("exact", "fail_on", "opaque_counts", "max_pack_age_days", "strict", "max_review_age_days")
WAIVER: Final = ("rule", "component", "path", "sha256", "reason", "by", "expires")
LONGEST_WAIVER: Final = timedelta(days=365)


class Waiver(Struct, frozen=True, kw_only=True):
    """A finding that somebody set aside: for whom, why, until when. `sha256` binds it to the bytes it was given for."""

    rule: str
    reason: str
    by: str
    expires: date
    component: str | None = None
    path: str | None = None
    sha256: str | None = None


class Profile(Struct, frozen=True, kw_only=True):
    """What people decided. `require`: role -> criterion -> level. `items`: what a regime asks to be documented."""

    name: str
    title: str = ""
    title_ko: str = ""
    description: str = ""
    use: dict[str, Any] = field(default_factory=dict)
    require: dict[str, dict[str, int]] = field(default_factory=dict)
    severity: dict[str, Severity] = field(default_factory=dict)
    fail_on: str | None = None
    opaque_counts: bool = False
    strict: bool = False
    max_pack_age_days: int | None = None
    private: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    items: tuple[dict[str, Any], ...] = ()
    digest: str = ""
    exact: bool = False  # every component needs an exact version and a purl
    digests: tuple[str, ...] = ("sha256",)
    sbom: str = ""


def names(packs: Packs) -> list[str]:
    """The shipped profiles."""
    return [Path(n).stem for n in packs.names("profiles") if n.endswith(".toml")]


def load(spec: str, packs: Packs) -> Profile:
    """A shipped profile by name, or one from a file. Raises UsageError naming the key and what was meant."""
    return _build(spec, packs, ())


def _build(spec: str, packs: Packs, seen: tuple[str, ...]) -> Profile:
    if spec in seen:
        raise UsageError(f"profile {spec}: extends itself by way of {' -> '.join(seen)}")
    raw, where = _read(spec, packs)
    try:
        tree = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise UsageError(f"{where}: is no TOML: {e}") from e
    _known(tree, TOP, where, "")
    base = _build(str(tree["extends"]), packs, (*seen, spec)) if "extends" in tree else Profile(name="")
    import hashlib

    use = _table(tree, "use", where)
    _known(use, tuple(USE), where, "use.")
    for key, value in use.items():
        if not isinstance(value, USE[key]) or (isinstance(value, bool) and USE[key] is not bool):
            raise UsageError(f"{where}: use.{key} = {value!r} is of the wrong type")
    gate = _table(tree, "gate", where)
    _known(gate, GATE, where, "gate.")
    packages = _table(tree, "packages", where)
    _known(packages, ("private",), where, "packages.")
    return Profile(
        name=str(tree.get("name", spec)),
        title=str(tree.get("title", base.title)),
        title_ko=str(tree.get("title_ko", base.title_ko)),
        description=str(tree.get("description", base.description)),
        use={**base.use, **use},
        require=_require(tree, base, where),
        severity={**base.severity, **{k: _severity(v, where, f"severity.{k}") for k, v in _table(tree, "severity", where).items()}},
        fail_on=_fail_on(gate.get("fail_on"), base.fail_on, where),
        opaque_counts=bool(gate.get("opaque_counts", base.opaque_counts)),
        strict=bool(gate.get("strict", base.strict)),
        max_pack_age_days=gate.get("max_pack_age_days", base.max_pack_age_days),
        private=tuple(packages.get("private", base.private)),
        waivers=(*base.waivers, *_waivers(tree, where)),
        items=(*base.items, *_items(tree, where)),
        exact=bool(gate.get("exact", base.exact)),
        digests=tuple(_digests(tree.get("digests", list(base.digests)), where)),
        sbom=_regime(tree.get("sbom", base.sbom), where),
        digest=hashlib.sha256(raw + base.digest.encode()).hexdigest(),
    )


def _read(spec: str, packs: Packs) -> tuple[bytes, str]:
    path = Path(spec)
    if path.suffix == ".toml" or "/" in spec:
        try:
            return path.read_bytes(), spec
        except OSError as e:
            raise UsageError(f"profile {spec}: cannot be read: {e.strerror}") from e
    try:
        return packs.read(f"profiles/{spec}.toml"), f"profile {spec}"
    except PackError as e:
        known = names(packs)
        near = difflib.get_close_matches(spec, known, 1)
        raise UsageError(
            f"no profile {spec}" + (f"; did you mean {near[0]}?" if near else ""), remedy=f"one of {', '.join(known)}, or a file"
        ) from e


def _known(tree: dict[str, Any], allowed: tuple[str, ...], where: str, prefix: str) -> None:
    for key in tree:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, 1)
            raise UsageError(
                f"{where}: unknown key {prefix}{key}" + (f"; did you mean {prefix}{near[0]}?" if near else ""),
                remedy=f"known are: {', '.join(allowed)}",
            )


def _table(tree: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    value = tree.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"{where}: {key} is no table")
    return value


def _require(tree: dict[str, Any], base: Profile, where: str) -> dict[str, dict[str, int]]:
    out = {role: dict(levels) for role, levels in base.require.items()}
    for role, levels in _table(tree, "require", where).items():
        _known({role: None}, ROLES, where, "require.")
        if not isinstance(levels, dict):
            raise UsageError(f"{where}: require.{role} is no table")
        _known({k.replace("_", "-"): v for k, v in levels.items()}, CRITERIA, where, f"require.{role}.")
        for criterion, level in levels.items():
            if not isinstance(level, int) or not 0 <= level <= 3:
                raise UsageError(f"{where}: require.{role}.{criterion} = {level!r} is no level from 0 to 3")
            out.setdefault(role, {})[criterion.replace("_", "-")] = level
    return out


def _severity(value: Any, where: str, key: str) -> Severity:
    try:
        return Severity(value)
    except ValueError as e:
        raise UsageError(f"{where}: {key} = {value!r} is no severity", remedy="one of: " + ", ".join(Severity)) from e


def _fail_on(value: Any, base: str | None, where: str) -> str | None:
    if value is None:
        return base
    return "never" if value == "never" else str(_severity(value, where, "gate.fail_on"))


def _items(tree: dict[str, Any], where: str) -> list[dict[str, Any]]:
    rows = tree.get("item", [])
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise UsageError(f"{where}: item is no list of tables")
    for n, row in enumerate(rows, 1):
        _known(row, ITEM, where, f"item[{n}].")
        wrong = next((k for k in ITEM[3:] if k in row and not (isinstance(row[k], list) and all(isinstance(x, str) for x in row[k]))), None)
        if wrong or not row.get("id") or not row.get("title"):
            raise UsageError(f"{where}: item {n}: " + (f"{wrong} is no list of strings" if wrong else "lacks id or title"))
    return rows


def _digests(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or "sha256" not in value or not set(value) <= {"sha256", "sha512"}:
        raise UsageError(f"{where}: digests = {value!r}: sha256 is always made, sha512 can be added")
    return value


def _regime(value: Any, where: str) -> str:
    if value and value not in REGIMES:
        raise UsageError(f"{where}: sbom = {value!r} is no form of SBOM", remedy="one of: " + ", ".join(REGIMES))
    return str(value)


def _waivers(tree: dict[str, Any], where: str) -> list[Waiver]:
    out = []
    for n, row in enumerate(tree.get("waiver", []), 1):
        if not isinstance(row, dict):
            raise UsageError(f"{where}: waiver {n} is no table")
        _known(row, WAIVER, where, f"waiver[{n}].")
        missing = [k for k in ("rule", "reason", "by", "expires") if not row.get(k)]
        if missing or not (row.get("component") or row.get("path")):
            raise UsageError(f"{where}: waiver {n} lacks {', '.join(missing) or 'component or path'}")
        expires = row["expires"]
        if isinstance(expires, str):
            try:
                expires = date.fromisoformat(expires)
            except ValueError as e:
                raise UsageError(f"{where}: waiver {n}: expires = {expires!r} is no date") from e
        out.append(
            Waiver(
                rule=str(row["rule"]),
                reason=str(row["reason"]),
                by=str(row["by"]),
                expires=expires,
                component=row.get("component"),
                path=row.get("path"),
                sha256=row.get("sha256"),
            )
        )
    return out
