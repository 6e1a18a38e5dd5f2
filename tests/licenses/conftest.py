"""What the tests of licences share: the packs, a permissive text of three paragraphs, and small repositories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlsbom import rulebook
from mlsbom.knowledge import Packs
from mlsbom.model import Judged


@pytest.fixture(scope="session")
def packs() -> Packs:
    return Packs()


@pytest.fixture(scope="session")
def mit() -> str:
    """The MIT text of the rule page that needs one."""
    return next(content for kind, name, content in rulebook.page("LICENSE-TEXT-MISSING").cases if (kind, name) == ("benign", "LICENSE"))


Findings = Callable[..., dict[str, Judged]]


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    """Scan a repository given as {path: text} with `[use]` facts; the first finding of each rule."""
    from mlsbom.scan import Settings, scan

    def run(files: dict[str, str], **use: object) -> dict[str, Judged]:
        root = tmp_path / "acme-chat"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        found: dict[str, Judged] = {}
        for f in scan(str(root), Settings(cache=False, use=dict(use), now="2026-11-21T00:00:00Z")).findings:
            found.setdefault(f.rule, f)
        return found

    return run


def card(front: str, body: str = "A small chat model.") -> str:
    """A model card."""
    return f"---\n{front}pipeline_tag: text-generation\n---\n# acme-chat\n{body}\n"


def own(text: str) -> dict[str, str]:
    """A repository under a licence of its own whose text says this."""
    return {
        "README.md": card("license: other\nlicense_name: example-community-1.0\n"),
        "LICENSE": f"Example Community License 1.0\n\n{text}\n",
    }
