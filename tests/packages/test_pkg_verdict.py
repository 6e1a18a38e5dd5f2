"""The order of verdicts: feed, allow-list, snapshot, look-alike; local corrections; packs that are missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsbom.errors import PackError, UsageError
from mlsbom.knowledge import Packs
from mlsbom.knowledge.index import build
from mlsbom.packages import check
from mlsbom.packages.verdict import Judge, Verdict

NOW = "2026-11-20T00:00:00Z"


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(Packs(), now=NOW)


@pytest.mark.parametrize(
    ("name", "specifier", "verdict"),
    [
        ("colorinal", "", "malicious"),
        ("COLORINAL", "==9", "malicious"),
        ("litellm", "==1.82.7", "affected"),
        ("LiteLLM", "==1.82.7.0", "affected"),
        ("litellm", ">=1.82", "possibly-affected"),
        ("litellm", "", "possibly-affected"),
        ("litellm", "<1.82.7", "ok"),
        ("litellm", "==1.82.6", "ok"),
        ("ultralytics", "~=8.3.40", "possibly-affected"),
        ("numpy", "", "ok"),
        ("requestss", "", "typosquat"),
        ("acme-voice-internal", "", "unknown-name"),
        ("ibpykernel", "", "review"),
        ("xinference", "==1.0", "typosquat"),
        ("torch", ">=2", "ok"),
    ],
)
def test_verdicts_of_pypi(judge: Judge, name: str, specifier: str, verdict: str) -> None:
    assert judge.judge(name, "pypi", specifier).verdict == verdict


@pytest.mark.parametrize(
    ("name", "specifier", "verdict"),
    [
        ("chalk", "=5.6.1", "affected"),
        ("chalk", "^5.6.0", "possibly-affected"),
        ("chalk", "<5.6.1", "ok"),
        ("fsevents", "^2.3.2", "possibly-affected"),
        ("lodash", "latest", "ok"),
        ("lodahs", "", "review"),
    ],
)
def test_verdicts_of_npm(judge: Judge, name: str, specifier: str, verdict: str) -> None:
    assert judge.judge(name, "npm", specifier).verdict == verdict


def test_a_ranked_project_is_not_condemned_by_its_bare_name(judge: Judge) -> None:
    answer = judge.judge("fsevents", "npm")
    assert answer.conflict
    assert "feed-conflict" in answer.why
    assert answer.advisories == ("MAL-2023-462",)


def test_advisories_stand_beside_a_pin_that_is_free_of_them(judge: Judge) -> None:
    answer = judge.judge("litellm", "pypi", "==1.82.6")
    assert answer.advisories == ("MAL-2026-2144",)
    assert "has bad releases" in answer.why


def test_letters_of_other_scripts(judge: Judge) -> None:
    answer = judge.judge("requеsts", "pypi")  # the fourth letter is Cyrillic
    assert (answer.verdict, answer.target) == (Verdict.TYPOSQUAT, "requests")


def test_without_packs(judge: Judge) -> None:
    packs = judge.packs
    assert Judge(packs, without=["feed"]).judge("colorinal", "pypi").verdict != Verdict.MALICIOUS
    alone = Judge(packs, without=["feed", "snapshot"])
    assert alone.judge("seleniumm", "pypi").verdict == Verdict.TYPOSQUAT
    assert "snapshot left out" in alone.judge("seleniumm", "pypi").why
    assert Judge(packs, without=["popular", "feed", "snapshot"]).judge("gunicorn", "pypi").target in (None, "uvicorn")
    with pytest.raises(UsageError, match="feeed"):
        Judge(packs, without=["feeed"])


def test_every_verdict_but_ok_says_why_and_no_popular_name_fails(judge: Judge) -> None:
    names = judge.packs.read("names/popular-pypi.txt").decode().split()[::29]
    for name in names:
        answer = judge.judge(name, "pypi")
        assert answer.verdict in (Verdict.OK, Verdict.POSSIBLY), name
        assert answer.why


def test_reasons_for_waivers_hold_no_rank_and_no_date(judge: Judge) -> None:
    for name in ("requestss", "ibpykernel", "acme-voice-internal"):
        assert "rank" not in judge.judge(name, "pypi").because
        assert "2026" not in judge.judge(name, "pypi").because


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["pypi", "npm"]))
def test_any_text_gives_a_verdict_or_our_error(judge: Judge, text: str, ecosystem: str) -> None:
    found = check([text], ecosystem, packs=judge.packs)
    assert len(found) == 1
    assert found[0]["input"] == text
    assert "verdict" in found[0] or found[0]["error"]


# --- packs that are not there --------------------------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = tmp_path / "packs"
    for folder in ("malicious", "names", "snapshot", "waves"):
        shutil.copytree(Packs().root / folder, root / folder)
    (root / "index.toml").write_text(build(root))
    return root


@pytest.mark.parametrize("damage", ["tamper", "truncate", "remove", "garbage"])
def test_a_damaged_pack_is_named_and_the_rest_goes_on(copy: Path, damage: str) -> None:
    feed = copy / "malicious" / "pypi.tsv"
    raw = feed.read_bytes()
    if damage == "remove":
        feed.unlink()
    else:
        feed.write_bytes({"tamper": raw.replace(b"colorinal", b"colorinax"), "truncate": raw[:1000], "garbage": b"\xff\x00\n"}[damage])
        if damage == "garbage":
            (copy / "index.toml").write_text(build(copy))
    judge = Judge(Packs(copy))
    assert judge.judge("requestss", "pypi").verdict == Verdict.TYPOSQUAT
    assert "malicious/pypi.tsv" in judge.gaps["feed"]
    with pytest.raises(PackError):
        check(["numpy"], packs=Packs(copy))


def test_a_cut_snapshot_is_a_gap(copy: Path) -> None:
    path = copy / "snapshot" / "pypi.bin"
    path.write_bytes(path.read_bytes()[:-3])
    (copy / "index.toml").write_text(build(copy))
    judge = Judge(Packs(copy))
    assert judge.judge("acme-voice-internal", "pypi").verdict == Verdict.OK
    assert "cut short" in judge.gaps["snapshot"]


# --- local corrections ---------------------------------------------------------------------------------------------------------------

ROW = '[[override]]\necosystem = "pypi"\nname = "{}"\nversions = ["{}"]\naction = "{}"\nreason = "checked"\nby = "us"\nexpires = {}\n'


def corrected(tmp_path: Path, *rows: str) -> Judge:
    path = tmp_path / "feed-overrides.toml"
    path.write_text("".join(rows))
    return Judge(Packs(), corrections=path, now=NOW)


def test_corrections_take_effect_and_show(tmp_path: Path) -> None:
    judge = corrected(
        tmp_path, ROW.format("litellm", "1.82.7", "not-bad", "2027-01-01"), ROW.format("numpy", "1.26.4", "bad", "2027-01-01")
    )
    answer = judge.judge("litellm", "pypi", "==1.82.7")
    assert answer.verdict == Verdict.OK
    assert "says us: checked" in answer.why
    assert judge.judge("litellm", "pypi", "==1.82.8").verdict == Verdict.AFFECTED
    assert [o.name for o in judge.overrides.unused] == ["numpy"]
    assert judge.judge("numpy", "pypi", "==1.26.4").verdict == Verdict.AFFECTED
    assert judge.overrides.unused == []


def test_expired_corrections_do_not_hold(tmp_path: Path) -> None:
    judge = corrected(tmp_path, ROW.format("litellm", "*", "not-bad", "2026-11-19"))
    assert judge.judge("litellm", "pypi", "==1.82.7").verdict == Verdict.AFFECTED
    assert len(judge.overrides.expired) == 1


@pytest.mark.parametrize(
    "rows",
    [
        ROW.format("x", "1", "not-bad", "2028-01-01"),
        ROW.format("x", "1", "maybe", "2027-01-01"),
        "[[override",
        '[[override]]\nname = "x"\n',
    ],
)
def test_bad_corrections_are_refused(tmp_path: Path, rows: str) -> None:
    with pytest.raises(UsageError):
        corrected(tmp_path, rows)
