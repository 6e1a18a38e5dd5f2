"""The snapshot of names and the feed as files: laws that hold for any content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsbom.errors import PackError
from mlsbom.packages.feed import Entry, Feed, dump
from mlsbom.packages.snapshot import Snapshot, build

NAMES = st.sets(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), max_size=60)


@given(NAMES, NAMES)
def test_a_snapshot_holds_its_names_and_no_others(names: set[str], others: set[str]) -> None:
    found = Snapshot(build(names, "2026-11-01"))
    assert len(found) == len(names)
    assert all(n in found and not found.young(n) for n in names)
    assert not any(n in found for n in others - names)


@given(NAMES, NAMES)
def test_first_seen_is_carried_forward(old: set[str], new: set[str]) -> None:
    first = Snapshot(build(old, "2026-11-01"))
    second = Snapshot(build(old | new, "2026-12-01", first))
    third = Snapshot(build(old | new, "2027-06-01", second))
    for name in new - old:
        assert second.young(name)
        assert third.since(name) == second.since(name)
        assert not third.young(name)
    assert not any(second.young(n) for n in old)
    assert third.first == "2026-11-01"


def test_the_same_names_give_the_same_bytes() -> None:
    assert build(["b", "a"], "2026-11-01") == build(["a", "b", "a"], "2026-11-01")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"{}\n",
        b'{"date": "x", "first": "x", "names": 0, "newer": 0}\n',
        build(["a"], "2026-11-01")[:-1],
        build(["a"], "2026-11-01") + b"x",
    ],
)
def test_a_damaged_snapshot_is_refused(raw: bytes) -> None:
    with pytest.raises(PackError):
        Snapshot(raw)


ENTRIES = st.builds(
    Entry,
    st.from_regex(r"[a-z]{1,9}", fullmatch=True),
    st.from_regex(r"MAL-[0-9]{1,4}", fullmatch=True),
    st.sampled_from(["", "2026-01-01"]),
    st.one_of(
        st.just(("*",)), st.lists(st.from_regex(r"[0-9]\.[0-9]", fullmatch=True), min_size=1, unique=True).map(lambda v: tuple(sorted(v)))
    ),
    st.sampled_from(["", "hades"]),
)


@given(st.lists(ENTRIES))
def test_a_feed_reads_what_it_wrote(entries: list[Entry]) -> None:
    raw = dump(entries)
    feed = Feed("pypi", raw)
    assert set(feed) == set(entries)
    assert dump(feed) == raw
    table = Feed("pypi", raw)
    table._searches = 0  # a few names are searched for, more are looked up: the answers are the same
    for e in entries:
        assert e in feed.find(e.name.upper())
        assert Feed("pypi", raw).find(e.name) == table.find(e.name)
    assert Feed("pypi", raw).find("nobody") == table.find("nobody") == []


@pytest.mark.parametrize("raw", [b"a\n", b"a\tb\tc\td\n", b"a\tb\tc\td\te\tf\n", b"\xff\tb\tc\td\te\n"])
def test_a_damaged_feed_is_refused(raw: bytes) -> None:
    with pytest.raises(PackError):
        Feed("pypi", raw)
