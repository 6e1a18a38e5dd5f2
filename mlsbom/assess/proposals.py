"""Alternatives that could be named for a model: known models of its task, from the pack `alternatives`. Proposals; they show nothing."""

from __future__ import annotations

from typing import Any, Final

from mlsbom.assess.view import View
from mlsbom.errors import PackError
from mlsbom.knowledge import Packs
from mlsbom.model import Component, Kind, Proposal

MOST: Final = 3
SPELLINGS: Final = {
    "speech-recognition": "automatic-speech-recognition",
    "asr": "automatic-speech-recognition",
    "vad": "voice-activity-detection",
}


def proposals(v: View, packs: Packs) -> tuple[Proposal, ...]:
    """For each model or hosted model that is used and for which no alternative is attested: up to three of its task by other suppliers."""
    try:
        rows: list[dict[str, Any]] = packs.toml("alternatives/models.toml").get("model", [])
    except PackError:
        return ()
    return tuple(
        p
        for c in v.graph.components
        if c.kind in (Kind.MODEL, Kind.SERVICE) and (c.kind == Kind.SERVICE or v.runs(c)) and v.attestation(c, "alternative") is None
        for p in _of(c, _task(c), rows, v.edges(c, "derived-from"))
    )


def _task(c: Component) -> str:
    task = c.value("task")
    low = task.lower().replace("_", "-").replace(" ", "-") if isinstance(task, str) else ""
    return SPELLINGS.get(low, low)


def _of(c: Component, task: str, rows: list[dict[str, Any]], bases: list[Component]) -> list[Proposal]:
    if not task:
        return []
    own = {x.lower() for one in (c, *bases) for x in (one.supplier or "", one.name, one.name.split("/")[0])}
    good = [r for r in rows if task in r["tasks"] and r["name"].lower() not in own and r["name"].split("/")[0].lower() not in own]
    return [
        Proposal(component=c.ref, name=r["name"], license=r["license"], supplier=r["supplier"], jurisdiction=r["jurisdiction"], task=task)
        for r in good[:MOST]
    ]
