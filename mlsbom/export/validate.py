"""Our CycloneDX JSON against the official schemas of cyclonedx-python-lib: before a bid is written, and when one is checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PARTS = ("spdx", "jsf-0.82", "cryptography-defs")


def cyclonedx_errors(doc: dict[str, Any], most: int = 5) -> list[str]:
    """What does not fit the schema of the document's own version, at most `most` lines of place and reason; formats are checked, too."""
    import cyclonedx.schema
    import jsonschema_rs

    folder = Path(str(cyclonedx.schema.__file__)).parent / "_res"
    path = folder / f"bom-{doc.get('specVersion')}.SNAPSHOT.schema.json"
    if not path.is_file():
        return [f"no schema for version {doc.get('specVersion')!r}"]
    parts: list[tuple[str, Any]] = []
    for name in PARTS:  # the schemas name each other by two spellings
        part = json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text("utf-8"))
        spellings = {part.get("$id"), *(f"http://cyclonedx.org/schema/{name}{s}.schema.json" for s in ("", ".SNAPSHOT"))}
        parts += [(str(u), part) for u in sorted(filter(None, spellings))]
    schema = json.loads(path.read_text("utf-8"))
    validator = jsonschema_rs.validator_for(schema, registry=jsonschema_rs.Registry(parts), validate_formats=True)
    found = zip(range(most), validator.iter_errors(doc), strict=False)
    return [f"{'/'.join(map(str, e.instance_path))}: {e.message}"[:300] for _, e in found]
