"""The documentation agrees with the program: checks, options, pages, help."""

from __future__ import annotations

import re

import click
import pytest

from mlsbom.assess.rubric import CHECKS
from mlsbom.cli import COMMANDS, cli
from tests.docs.commands import ROOT


def leaves(group: click.Group, path: tuple[str, ...] = ()):
    """Every command with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        elif command is not None and not command.hidden:
            yield (*path, name), command


ALL = dict(leaves(cli))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_help_has_an_example_of_the_command_itself(words):
    text = ALL[words].help or ""
    examples = text.partition("Example")[2]
    assert f"mlsbom {' '.join(words)}" in examples, f"mlsbom {' '.join(words)} --help shows no example"


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_examples_use_options_that_exist(words):
    known = {o for p in ALL[words].params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
    for line in re.findall(rf"^\s*mlsbom {' '.join(words)}\b([^|&>#]*)", ALL[words].help or "", re.M):
        for option in re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", line):
            assert option in known, f"{option} in the example of {' '.join(words)}"


def test_every_check_stands_in_the_table_of_standards():
    text = (ROOT / "docs" / "criteria.md").read_text("utf-8").split("## Checks, and who else asks for it")[1]
    assert {c.id for c in CHECKS} <= set(re.findall(r"\b[A-Z]{2}\d+\b", text))


def test_every_profile_that_the_criteria_name_is_shipped():
    text = (ROOT / "docs" / "criteria.md").read_text("utf-8")
    shipped = {p.stem for p in (ROOT / "signatures" / "profiles").glob("*.toml")} - {"pack"}
    assert set(re.findall(r"`(kr-[a-z-]+|bsi|g7)`", text)) <= shipped


def test_links_between_pages_lead_somewhere():
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "quickstart").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_all_verbs_are_in_the_changelog_and_the_group_is_documented():
    assert set(COMMANDS) == {words[0] for words in ALL}
