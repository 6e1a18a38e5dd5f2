"""Every runnable command of the documentation runs, and gives the exit code that the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.commands import ROOT, Command, blocks, pages

CASES = [(page, n, block) for page in pages() for n, block in enumerate(blocks(page))]


@pytest.mark.parametrize(("page", "number", "block"), CASES, ids=[f"{p.relative_to(ROOT)}-{n}" for p, n, _ in CASES])
def test_the_commands_of_a_block_run(shell, page: Path, number: int, block: tuple[Command, ...]):
    assert block
    for command in block:
        done = shell(command.text)
        assert done.returncode == command.exit, f"{command.text}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
        assert "Traceback" not in done.stderr


def test_the_three_quick_starts_and_the_readme_have_such_blocks():
    with_blocks = {p.name for p, _, _ in CASES}
    assert {"README.md", "ci.md", "vendor.md", "responder.md", "air-gap.md", "criteria.md"} <= with_blocks
