"""The invariants of the design, on the whole pipeline."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mlsbom.collect import Options, collect
from mlsbom.errors import NothingToScan, UsageError
from mlsbom.model import Shortfall, Status, Survey
from mlsbom.scan import Settings, assess, scan
from mlsbom.sources import shown
from mlsbom.sources.local import LocalSource
from mlsbom.survey.document import dump, load
from mlsbom.survey.fold import fold


def test_a_survey_is_stored_whole(repository: Path, settings: Settings) -> None:
    a = scan(str(repository), settings)
    assert load(dump(a)) == a.survey


def test_a_stored_survey_gives_the_same_assessment(repository: Path, settings: Settings) -> None:
    a = scan(str(repository), settings)
    b = assess(load(dump(a)), settings)
    assert dump(a) == dump(b)


def test_the_order_of_facts_does_not_show(repository: Path, settings: Settings) -> None:
    survey = collect(LocalSource(str(repository)), Options(cache=False, created="2026-01-01T00:00:00Z"))
    mixed = list(survey.observed)
    random.Random(7).shuffle(mixed)
    again = Survey(target=survey.target, tool=survey.tool, artifacts=survey.artifacts, observed=tuple(mixed), created=survey.created)
    assert fold(survey) == fold(again)


def test_the_place_of_the_target_does_not_show(
    repository: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    repository.rename(other / "tiny-asr")
    monkeypatch.chdir(other)
    first = dump(scan("tiny-asr", settings))
    again = tmp_path / "third"
    again.mkdir()
    (other / "tiny-asr").rename(again / "tiny-asr")
    monkeypatch.chdir(again)
    assert dump(scan("tiny-asr", settings)) == first


def test_every_edge_has_both_ends_and_everything_is_reachable(repository: Path, settings: Settings) -> None:
    graph = scan(str(repository), settings).graph
    refs = graph.by_ref()
    assert len(refs) == len(graph.components) + 1
    reached, todo = set(), [graph.root.ref]
    while todo:
        at = todo.pop()
        if at not in reached:
            reached.add(at)
            todo += [r.target for r in graph.relationships if r.source == at]
    assert reached == set(refs)
    assert {r.source for r in graph.relationships} | {r.target for r in graph.relationships} <= set(refs)


def test_nothing_of_the_target_changes(repository: Path, settings: Settings) -> None:
    before = {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in repository.rglob("*")}
    scan(str(repository), settings)
    assert before == {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in repository.rglob("*")}


def test_what_is_not_read_is_said(repository: Path, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("outside")
    os.mkfifo(repository / "pipe.bin")
    (repository / "escape.safetensors").symlink_to(tmp_path / "secret.txt")
    (repository / "loop").symlink_to(".")
    (repository / "a.gguf").symlink_to("b.gguf")
    (repository / "b.gguf").symlink_to("a.gguf")
    here = os.getcwd()
    os.chdir(repository)
    try:
        socket.socket(socket.AF_UNIX).bind("sock.pt")
    finally:
        os.chdir(here)
    a = scan(str(repository), settings)
    unread = {str(p): (s, r) for p, s, r in a.coverage}
    for name in ("pipe.bin", "escape.safetensors", "a.gguf", "b.gguf", "sock.pt"):
        assert unread[name][0] == Status.FAILED and unread[name][1], name
    assert a.gate.incomplete
    assert "escape.safetensors" not in {x.path for x in a.survey.artifacts}


def test_a_link_inside_is_the_file_that_it_shows(repository: Path, settings: Settings) -> None:
    (repository / "copy.safetensors").symlink_to("model.safetensors")
    a = scan(str(repository), settings)
    digests = {x.path: x.sha256 for x in a.survey.artifacts}
    assert digests["copy.safetensors"] == digests["model.safetensors"]


@given(
    content=st.binary(max_size=3000),
    name=st.sampled_from(
        [
            "README.md",
            "config.json",
            "x.py",
            "x.ipynb",
            "m.pkl",
            "m.safetensors",
            "m.gguf",
            "m.onnx",
            "m.pt",
            "requirements.txt",
            "pyproject.toml",
            "environment.yml",
            "Dockerfile",
            "uv.lock",
            "package.json",
            "tokenizer.json",
            "m.h5",
            "m.tflite",
            "x.zip",
            "x.yaml",
            "LICENSE",
            "model.sig",
            "m.npy",
            "setup.py",
            ".mcp.json",
            "x.bin",
        ]
    ),
)
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_give_a_record_and_no_exception(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    top = tmp_path_factory.mktemp("any")
    (top / name).write_bytes(content)
    a = scan(str(top), Settings(cache=False, timeout=20))
    assert [x.path for x in a.survey.artifacts] == [name]
    defects = [o.fact.reason for o in a.survey.observed if isinstance(o.fact, Shortfall) and o.fact.reason.startswith("inspector ")]
    assert not defects


@given(st.binary(min_size=1, max_size=40))
def test_names_are_shown_one_to_one(raw: bytes) -> None:
    other = raw[:-1] + bytes([raw[-1] ^ 1])
    assert shown(raw) != shown(other)
    shown(raw).encode()


def test_an_empty_folder_is_nothing_to_scan(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(NothingToScan):
        scan(str(tmp_path), settings)
    with pytest.raises(UsageError):
        scan(str(tmp_path / "not-there"), settings)


def test_the_digest_cache_sees_a_change_behind_its_back(repository: Path) -> None:
    import time

    big = repository / "big.bin"
    big.write_bytes(b"\0" * (2 << 20))
    os.utime(big, ns=(1, 1))
    time.sleep(2.1)  # what changed within the last two seconds is never cached
    first = {x.path: x.sha256 for x in scan(str(repository), Settings()).survey.artifacts}
    scan(str(repository), Settings())
    with big.open("r+b") as f:
        f.write(b"\1")
    os.utime(big, ns=(1, 1))
    again = {x.path: x.sha256 for x in scan(str(repository), Settings()).survey.artifacts}
    assert first["big.bin"] != again["big.bin"]
