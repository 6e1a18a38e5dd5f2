"""Baselines and VEX documents: files in, plain sets and tables out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlsbom.errors import UsageError


def _json(path: str, what: str) -> Any:
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as e:
        raise UsageError(f"{what} {path}: cannot be read: {e.strerror}") from e
    except (ValueError, RecursionError) as e:
        raise UsageError(f"{what} {path}: is no JSON: {e}") from e


def baseline(path: str) -> frozenset[str]:
    """The ids of the findings in an earlier scan's json, or in a list of ids."""
    doc = _json(path, "baseline")
    rows = doc.get("findings", []) if isinstance(doc, dict) else doc
    ids = (
        {r if isinstance(r, str) else str(r.get("id", "")) for r in rows if isinstance(r, (str, dict))} if isinstance(rows, list) else set()
    )
    if not isinstance(rows, list):
        raise UsageError(f"baseline {path}: holds no findings", remedy="make one with: mlsbom scan TARGET -o json=FILE")
    return frozenset(ids - {""})


def vex(paths: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """Statuses by (vulnerability id, product) from OpenVEX and CycloneDX VEX documents; a product "" means any."""
    out: dict[tuple[str, str], str] = {}
    for path in paths:
        doc = _json(path, "VEX document")
        if not isinstance(doc, dict) or not ("statements" in doc or "vulnerabilities" in doc):
            raise UsageError(f"VEX document {path}: is neither OpenVEX nor CycloneDX with vulnerabilities")
        try:
            out.update(_openvex(doc))
            out.update(_cyclonedx(doc))
        except (AttributeError, TypeError) as e:
            raise UsageError(f"VEX document {path}: is broken: {e}") from e
    return out


def _openvex(doc: dict[str, Any]) -> dict[tuple[str, str], str]:
    out = {}
    for s in doc.get("statements", []):
        v = s.get("vulnerability", {})
        ids = [v] if isinstance(v, str) else [str(v.get("name", "")), *map(str, v.get("aliases", []))]
        products = [p if isinstance(p, str) else str(p.get("@id", "")) for p in s.get("products", [])] or [""]
        out.update({(i, p): str(s.get("status", "")) for i in ids if i for p in products})
    return out


def _cyclonedx(doc: dict[str, Any]) -> dict[tuple[str, str], str]:
    out = {}
    names = {c.get("bom-ref"): (c.get("purl") or c.get("name") or "") for c in doc.get("components", []) if isinstance(c, dict)}
    for v in doc.get("vulnerabilities", []):
        state = str(v.get("analysis", {}).get("state", ""))
        for a in v.get("affects", []) or [{}]:
            ref = str(a.get("ref", ""))
            out[(str(v.get("id", "")), names.get(ref, ref))] = state
    return out
