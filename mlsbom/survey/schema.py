"""The JSON Schema of the scan document (2020-12): the keys of the machine interface written out, the facts derived from the types."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from mlsbom.model import Kind, Observed, Severity, Status
from mlsbom.survey.document import FORM, SCHEMA

Tree = dict[str, Any]
TEXT: Final[Tree] = {"type": "string"}
MAYBE: Final[Tree] = {"type": ["string", "null"]}
NUMBER: Final[Tree] = {"type": ["integer", "null"]}


def _object(properties: Tree, extra: bool = True) -> Tree:
    return {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": extra}


def _list(items: Tree) -> Tree:
    return {"type": "array", "items": items}


def schema() -> Tree:
    """The schema as plain data."""
    (facts,), definitions = msgspec.json.schema_components([Observed], ref_template="#/$defs/{name}")
    where = {"path": TEXT, "member": MAYBE, "line": NUMBER, "offset": NUMBER, "key": MAYBE}
    evidence = _object({**where, "technique": TEXT, "confidence": {"type": "number", "minimum": 0, "maximum": 1}})
    severity = {"enum": [str(s) for s in Severity]}
    status = {"enum": [str(s) for s in Status]}
    hexes = {"type": "object", "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]+$"}}
    specifier = _object({"specifier": TEXT, "path": TEXT, "line": NUMBER, "resolved": MAYBE})
    component = _object(
        {
            "ref": TEXT,
            "kind": {"enum": [str(k) for k in Kind]},
            "name": TEXT,
            "version": MAYBE,
            "purl": MAYBE,
            "licenses": _list({"type": "object"}),
            "supplier": MAYBE,
            "scope": MAYBE,
            "specifiers": _list(specifier),
            "evidence": _list(evidence),
        }
    )
    finding = _object(
        {
            "id": TEXT,
            "rule": {"type": "string", "pattern": "^[A-Z][A-Z0-9-]*$"},
            "severity": severity,
            "confidence": TEXT,
            "subject": TEXT,
            "message": TEXT,
            "where": _object(where),
            "evidence": _list(evidence),
            "remedy": MAYBE,
            "waived_by": MAYBE,
        }
    )
    grade = _object(
        {
            "criterion": TEXT,
            "component": TEXT,
            "level": {"type": "integer", "minimum": 0, "maximum": 3},
            "passed": _list(TEXT),
            "failed": {"type": "object", "additionalProperties": TEXT},
            "not_shown": {"type": "object", "additionalProperties": TEXT},
        }
    )
    artifact = _object(
        {
            "path": TEXT,
            "size": {"type": "integer", "minimum": 0},
            "digests": hexes,
            "digest_by": {"enum": ["computed", "declared"]},
            "format": MAYBE,
            "coverage": status,
        }
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "mlsbom scan document",
        **_object(
            {
                "schema": {"const": SCHEMA},
                "tool": _object(
                    {"name": TEXT, "version": TEXT, "inspectors": {"type": "object"}, "signatures": _object({"digest": TEXT, "date": TEXT})}
                ),
                "target": _object({"uri": TEXT, "revision": MAYBE, "digest": MAYBE}),
                "artifacts": _list(artifact),
                "components": _list(component),
                "relationships": _list(_object({"source": TEXT, "kind": TEXT, "target": TEXT, "evidence": _list(evidence)})),
                "findings": _list(finding),
                "coverage": _list(_object({"path": TEXT, "member": MAYBE, "status": status, "reason": TEXT})),
                "unknowns": _list(_object({"ref": TEXT, "field": TEXT, "reason": TEXT, "detail": MAYBE, "looked_in": _list(TEXT)})),
                "verdicts": _list({"type": "object"}),
                "lineage": _list({"type": "object"}),
                "grades": _list(grade),
                "items": _list(
                    _object({"id": TEXT, "title": TEXT, "state": {"enum": ["shown", "unknown", "not-shown"]}, "where": _list(TEXT)})
                ),
                "proposals": _list(_object({"component": TEXT, "name": TEXT, "license": TEXT, "supplier": TEXT, "task": TEXT})),
                "obligations": _list(_object({"component": TEXT, "license": TEXT, "clause": TEXT, "value": TEXT, "quote": TEXT})),
                "gate": _object({"passed": {"type": "boolean"}, "reasons": _list(TEXT)}),
                "facts": _object({"form": {"const": FORM}, "observed": _list(facts)}),
            }
        ),
        "$defs": definitions,
    }
