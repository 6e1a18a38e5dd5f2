"""Every rule has a page that is also its test: a folder that fires it, and a benign twin that does not."""

from __future__ import annotations

import base64
import importlib
from pathlib import Path

import pytest

from mlsbom.inspectors.table import ROWS
from mlsbom.knowledge import Packs, shared
from mlsbom.model import Rule
from mlsbom.packages.merge import import_records
from mlsbom.resolve import ORDER
from mlsbom.rulebook import FOLDER, ids, page
from mlsbom.scan import Settings, scan

SECTIONS = {"What it does", "Why it is bad", "Example", "Remedy"}


def content(info: str, text: str) -> tuple[str, bytes]:
    """The file name and bytes of a fenced block."""
    name, _, coding = info.rpartition(" ")
    if coding == "base64":
        return name, base64.b64decode("".join(text.split()))
    if coding == "hex":
        return name, bytes.fromhex("".join(text.split()))
    return info, text.encode()


def folder(top: Path, rule: str, kind: str) -> Path | None:
    """The folder that the blocks of a kind make, or None where there is none."""
    top.mkdir()
    cases = [content(info, text) for what, info, text in page(rule).cases if what == kind]
    for name, data in cases:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return top if cases else None


def fired(top: Path, rule: str) -> set[str]:
    profile = next((text for what, _, text in page(rule).cases if what == "config"), None)
    spec = None
    if profile is not None:
        path = top.parent / f"{top.name}.toml"
        path.write_text(profile)
        spec = str(path)
    settings = Settings(cache=False, profile=spec, timeout=60)
    records = next((text for what, _, text in page(rule).cases if what == "records"), None)
    if records is not None:
        source, packs = top.parent / f"{top.name}.osv.json", top.parent / f"{top.name}.packs"
        source.write_text(records)
        import_records(source, shared(), packs, date="2026-01-01")
        settings.packs = Packs(packs)
    return {f.rule for f in scan(str(top), settings).findings}


@pytest.mark.parametrize("rule", ids())
def test_the_case_fires_and_its_twin_does_not(rule: str, tmp_path: Path) -> None:
    bad, good = folder(tmp_path / "repository", rule, "fires"), folder(tmp_path / "benign", rule, "benign")
    assert bad is not None, "the page has no case that fires"
    assert good is not None, "the page has no benign twin"
    assert rule in fired(bad, rule)
    assert rule not in fired(good, rule)


@pytest.mark.parametrize("rule", ids())
def test_the_page_is_whole(rule: str) -> None:
    p = page(rule)
    assert p.id == rule and p.title and set(p.sections) >= SECTIONS
    assert all(len(p.sections[s]) > 8 for s in SECTIONS)


def declared() -> dict[str, Rule]:
    modules = {r.module for r in ROWS} | {f"mlsbom.resolve.{name}" for name in ORDER}
    return {rule.id: rule for name in sorted(modules) for rule in importlib.import_module(name).RULES}


def test_pages_and_code_agree() -> None:
    rules = declared()
    assert set(rules) == set(ids())
    for rule in rules.values():
        p = page(rule.id)
        assert (p.title, p.severity, p.waivable) == (rule.title, rule.severity, rule.waivable), rule.id


def test_every_resolver_of_the_order_is_there() -> None:
    assert all((FOLDER.parent / "resolve" / f"{name}.py").is_file() for name in ORDER)
