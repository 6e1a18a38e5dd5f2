"""The ledger: what is not known, said line by line (specs of the SBOM, section 5). Silence about a field is a defect of ours."""

from __future__ import annotations

from typing import Final

from mlsbom.model import Component, Facts, Kind, Pointer, Statement, Unknown

# What each kind is asked for. The names are those of fields.FIELDS, or of a component's own attributes.
ASKED: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.APPLICATION: (
        "supplier",
        "released",
        "data_usage",
        "security_controls",
        "compliance",
        "security_policy",
        "vulnerabilities",
        "security_metrics",
        "hardware",
        "input_output",
        "intended_use",
        "data_flow",
    ),
    Kind.MODEL: (
        "version",
        "supplier",
        "license",
        "description",
        "released",
        "task",
        "training",
        "input_output",
        "hash",
        "metrics",
        "intended_use",
        "limitation",
    ),
    Kind.DATASET: ("version", "supplier", "license", "description", "hash", "content", "statistics", "sensitivity", "provenance"),
    Kind.PACKAGE: ("version", "license", "supplier"),
    Kind.CONTAINER: ("digest",),
    Kind.SERVICE: ("classification",),
    Kind.CODE: ("revision",),
    Kind.AGENT_TOOL: ("version",),
}
GIVEN: Final[dict[str, tuple[str, ...]]] = {
    "released": ("released", "created"),
    "training": ("training", "training_data", "approach"),
    "input_output": ("input", "output", "io_text"),
    "metrics": ("metric",),
    "statistics": ("rows", "size_category", "split", "bytes"),
    "sensitivity": ("personal_data",),
    "content": ("data_file",),
    "provenance": ("collection", "governance", "annotations", "supplier"),
    "security_controls": ("security_control",),
    "compliance": ("compliance",),
    "security_policy": ("security_policy", "security_contact"),
    "task": ("task", "architecture", "architecture_family"),
    "data_usage": ("personal_data_use",),
    "vulnerabilities": (),
    "security_metrics": ("security_metric",),
    "data_flow": ("flow",),
}
NEVER_HERE: Final[dict[str, str]] = {
    "vulnerabilities": "an SBOM holds no vulnerability data; findings and VEX refer to it",
}


def ledger(root: Component, components: tuple[Component, ...], facts: Facts, owners: dict[str, str]) -> tuple[Unknown, ...]:
    """All unknowns, sorted. `owners`: path to the ref that owns it."""
    lines: list[Unknown] = []
    everything = (root, *components)
    flows = any(c.kind == Kind.SERVICE for c in components)
    hardware = any(c.value("hardware") for c in everything)
    for c in everything:
        for name in ASKED.get(c.kind, ()):
            if (name == "data_flow" and flows) or (name == "hardware" and hardware):
                continue
            missing = _missing(c, name)
            if missing:
                lines.append(Unknown(ref=c.ref, field=name, reason=missing[0], detail=missing[1], looked_in=_looked(c)))
        if c.kind in (Kind.MODEL, Kind.DATASET) and c.hub == "huggingface" and not c.version:
            lines.append(
                Unknown(
                    ref=c.ref, field="revision", reason="not-pinned", detail="no mention of it names a 40-hex commit", looked_in=_looked(c)
                )
            )
        for name in ("name", "version", "supplier"):
            values = {str(v.value) for v in c.all(name)}
            if len(values) > 1:
                lines.append(Unknown(ref=c.ref, field=name, reason="conflict", detail="; ".join(sorted(values)[:5]), looked_in=_looked(c)))
    for o, said in facts.of(Statement):
        if said.field == "hint_name":
            where = f"{o.place}#{said.evidence.key or ''}".rstrip("#")
            lines.append(
                Unknown(
                    ref=owners.get(o.place.path, root.ref),
                    field="derived-from",
                    reason="not-stated",
                    detail=f"a trace names {said.value}; that is no statement of a base",
                    looked_in=(where,),
                )
            )
    for path in sorted({o.place.path for o, _ in facts.of(Pointer)}):
        lines.append(
            Unknown(
                ref=owners.get(path, root.ref),
                field="content",
                reason="not-fetched",
                detail=f"{path} is a pointer: its digest and size are declared, its bytes are not here",
                looked_in=(path,),
            )
        )
    unique = {(u.ref, u.field, u.reason, u.detail): u for u in lines}
    return tuple(unique[k] for k in sorted(unique))


def _missing(c: Component, name: str) -> tuple[str, str] | None:
    """(reason, detail) where a field of a component is not known, else None."""
    if name in NEVER_HERE:
        return "out-of-scope", NEVER_HERE[name]
    if name == "license":
        return None if c.licenses else ("not-stated", "")
    if name in ("version", "supplier", "description"):
        if getattr(c, name):
            return None
        if name == "version" and c.specifiers:
            return "not-pinned", ", ".join(sorted({s.specifier or "any" for s in c.specifiers})[:4])
        return "not-stated", ""
    if name == "hash":
        if c.hashes or (c.local and c.files):
            return None
        return ("not-fetched", "its bytes are not in the target") if not c.local else ("not-stated", "no file of it is in the target")
    if name == "digest":
        return None if c.version and "sha256:" in c.version else ("not-pinned", f"tag {c.version}" if c.version else "no tag")
    if name == "revision":
        return None if c.version or c.local else ("not-pinned", "")
    if name == "content" and c.files:
        return None
    if any(c.value(f) for f in GIVEN.get(name, (name,))):
        return None
    return "not-stated", ""


def _looked(c: Component) -> tuple[str, ...]:
    return tuple(sorted({s.path for s in c.evidence}))[:8]
