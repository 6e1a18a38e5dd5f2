"""What every rule page has to hold."""

from __future__ import annotations

from mlsbom.model import Rule
from mlsbom.rulebook import page


def check_head(rule: Rule) -> None:
    """The head of the page is the rule, and the sections are there."""
    head = page(rule.id)
    assert (head.title, head.severity, head.waivable) == (rule.title, rule.severity, rule.waivable)
    assert set(head.sections) >= {"What it does", "Why it is bad", "Example", "Remedy"}
