"""Many names together get the very answers that they get one by one."""

from __future__ import annotations

import pytest

from mlsbom.knowledge import shared
from mlsbom.packages.verdict import BULK, Judge


@pytest.mark.parametrize("ecosystem", ["pypi", "npm"])
def test_bulk_answers_are_the_single_ones(ecosystem: str) -> None:
    stems = ["request", "numpi", "tensor-flow", "acme-internal", "colouurama", "left-padd", "my-tool", "transfomers"]
    names = [f"{s}{suffix}" for s in stems for suffix in ("", "s", "-utils", "2", "-api", "x", *(f"-{n}" for n in range(BULK // len(stems) + 2)))]
    together, alone = Judge(shared(), now="2026-11-20"), Judge(shared(), now="2026-11-20")
    together.prepare(names, ecosystem)
    assert [together.judge(n, ecosystem) for n in names[:120]] == [alone.judge(n, ecosystem) for n in names[:120]]
