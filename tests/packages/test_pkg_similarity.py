"""The look-alike score: kinds of slips, candidates, what it holds for every name, and the exported model."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsbom.knowledge import Packs
from mlsbom.packages import popular
from mlsbom.packages.popular import Popular, targets
from mlsbom.packages.score import FEATURES, Match, best, features
from mlsbom.packages.similarity import Index, Target
from mlsbom.packages.slips import comparable, comparables, kind_of, strip

NAMES = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?", fullmatch=True)


@pytest.fixture(scope="module")
def packs() -> Packs:
    return Packs()


@pytest.fixture(scope="module")
def known(packs: Packs) -> Popular:
    found = popular.load(packs, "pypi")
    assert found is not None
    return found


def judge(name: str, packs: Packs, known: Popular) -> Match | None:
    return best(name, name, known.index, popular.words(packs), popular.model(packs))


@pytest.mark.parametrize(
    ("name", "target", "kind"),
    [
        ("reuqests", "requests", "transpose"),
        ("requestss", "requests", "repeat"),
        ("nump", "numpy", "omit"),
        ("pilow", "pillow", "derepeat"),
        ("nunpy", "numpy", "keyboard"),
        ("num9y", "numpy", "digit"),
        ("sc1py", "scipy", "homoglyph"),
        ("numxpy", "numpy", "insert"),
        ("xnumpy", "numpy", "edgeinsert"),
        ("numpys", "numpy", "plural"),
        ("numpy2", "numpy", "suffixdigit"),
        ("urllib", "urllib3", "suffixdigit"),
        ("nuqpy", "numpy", "subst"),
    ],
)
def test_kind_of_one_slip(name: str, target: str, kind: str) -> None:
    assert kind_of(name, target) == kind


@pytest.mark.parametrize(
    ("name", "target", "kind"),
    [
        ("scikitlearn", "scikit-learn", "same"),
        ("learn-scikit", "scikit-learn", "order"),
        ("tensorflow-utils", "tensorflow", "affix"),
        ("tens0rf1ow", "tensorflow", "two"),
        ("seleniium", "selenium", "repeat"),
    ],
)
def test_best_names_the_target_and_the_slip(name: str, target: str, kind: str, packs: Packs, known: Popular) -> None:
    found = judge(name, packs, known)
    assert found is not None
    assert (found.target.means, found.kind) == (target, kind)
    assert target in found.why


def test_an_alias_stands_for_its_distribution(packs: Packs, known: Popular) -> None:
    found = judge("skimagee", packs, known)
    assert found is not None
    assert found.target.means == "scikit-image"
    assert "a name for scikit-image" in found.why


def test_worse_slips_score_less(packs: Packs, known: Popular) -> None:
    near, far = judge("tensorfllow", packs, known), judge("tensorflow-utils", packs, known)
    assert near is not None
    assert near.score > 0.8 > 0.3 > (far.score if far else 0.0)


@settings(max_examples=200, deadline=None)
@given(NAMES)
def test_no_name_is_its_own_candidate_and_scores_are_shares(packs: Packs, known: Popular, name: str) -> None:
    candidates, near1, near2 = known.index.candidates(name, name)
    assert all(c.target.written != name and c.target.means != name for c in candidates)
    assert 0 <= near1 <= near2
    found = judge(name, packs, known)
    assert found is None or 0 <= found.score <= 1


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text("abc-", min_size=1, max_size=9), min_size=1, max_size=12),
    st.sets(st.text("abc", min_size=3, max_size=9), min_size=1, max_size=30),
)
def test_prepared_answers_are_the_same(names: list[str], targets: set[str]) -> None:
    alone, together = (Index.of(Target(t, t, t, n) for n, t in enumerate(sorted(targets), 1)) for _ in range(2))
    together.prepare(names)
    assert [together.near(strip(n)) for n in names] == [alone.near(strip(n)) for n in names]


def test_prepared_answers_are_the_same_for_near_names(known: Popular) -> None:
    names = ["requestss", "nunpy", "tensorfl0w", "py-cord", "scikitlearn", "abc", "x" * 99]
    fresh = targets(known.ranks, known.aliases, known.watch, known.watch_rank, known.ecosystem)
    alone = [fresh.near(strip(n)) for n in names]
    fresh.prepare(names)
    assert [fresh.near(strip(n)) for n in names] == alone


def test_names_without_bound_are_not_compared(known: Popular) -> None:
    assert known.index.candidates("a" * 101, "a" * 101) == ([], 0, 0)
    candidates, _, _ = known.index.candidates("-".join("abcdefghijklmno"), "x")
    assert all(c.kind != "combo" for c in candidates)


def test_npm_scopes_belong_to_one_party() -> None:
    index = Index.of([Target(comparable("@babel/core", "npm"), "@babel/core", "@babel/core", 1)])
    assert index.candidates(comparable("@babel/cores", "npm"), "@babel/cores")[0] == []
    assert [c.target.written for c in index.candidates(comparable("@babell/core", "npm"), "@babell/core")[0]] == ["@babel/core"]


def test_features_are_as_many_as_they_are_called(packs: Packs, known: Popular) -> None:
    candidates, near1, near2 = known.index.candidates("requestss", "requestss")
    assert len(features("requestss", candidates[0], near1, near2, popular.words(packs))) == len(FEATURES)


def test_the_model_is_ordered_data(packs: Packs) -> None:
    model = popular.model(packs)
    assert 0 < model.absent < model.loose < model.strict < 1
    for feature, threshold, left, right, leaves in model.trees:
        assert len(feature) == len(threshold) == len(left) == len(right) == len(leaves) - 1
        children = sorted([*left, *right])
        assert children == sorted([*range(-len(leaves), 0), *range(1, len(feature))])


def test_what_was_measured_meets_the_goals(packs: Packs) -> None:
    """Figures of tools/train_similarity.py --measure, on squats that the model never saw."""
    measured = popular.model(packs).measured
    assert measured["recall_at_0.005"] >= 0.75
    assert measured["recall_at_0.02"] >= 0.9


def test_many_names_are_compared_as_each_is() -> None:
    names = ["@babel/core", "Lodash.Merge", "_x__y_", "plain", "a--b", "", "@/-"]
    for ecosystem in ("pypi", "npm"):
        assert comparables(names, ecosystem) == [comparable(n, ecosystem) for n in names]
        assert comparables([], ecosystem) == []
