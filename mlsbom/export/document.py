"""`json`: the whole document (see `mlsbom.survey.document`)."""

from __future__ import annotations

from mlsbom.model import Assessment
from mlsbom.survey.document import dump


def render(assessment: Assessment, version: str) -> bytes:
    """The document as bytes."""
    return dump(assessment)
