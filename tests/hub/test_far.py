"""A far blob reads as a near one, within what is allowed, and fetches no byte twice that it still has."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsbom.blob import BytesBlob
from mlsbom.errors import NotNear
from mlsbom.sources.far import ALLOWED, BLOCK, FarBlob

DATA = bytes(i * i % 251 for i in range(BLOCK * 21 + 77))


def far(data: bytes, asked: list[tuple[int, int]] | None = None) -> FarBlob:
    def fetch(offset: int, length: int) -> bytes:
        assert 0 <= offset < len(data) and 0 < length <= len(data) - offset
        if asked is not None:
            asked.append((offset, length))
        return data[offset : offset + length]

    return FarBlob("x.bin", len(data), fetch)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(DATA)),
    st.lists(st.tuples(st.integers(0, len(DATA) + 5), st.integers(0, BLOCK * 5)), max_size=12),
    st.booleans(),
)
def test_any_reads_are_those_of_a_near_blob(size, reads, ends):
    near, one = BytesBlob(DATA[:size]), far(DATA[:size])
    if ends:
        assert (one.head, one.tail) == (near.head, near.tail)
    for offset, length in reads:
        assert one.read_at(offset, length) == near.read_at(offset, length)
    assert one.window(3, 100).read_at(5, 20) == near.window(3, 100).read_at(5, 20)


def test_a_reader_that_goes_on_costs_few_requests():
    asked: list[tuple[int, int]] = []
    one = far(DATA, asked)
    for offset in range(0, BLOCK * 16, 512):
        one.read_at(offset, 512)
    assert len(asked) <= 6
    assert sum(length for _, length in asked) <= BLOCK * 20


def test_the_weights_are_not_near():
    big = FarBlob("x.bin", 10**12, lambda offset, length: bytes(length))
    with pytest.raises(NotNear, match="as asked"):
        big.read_at(0, ALLOWED + 1)
    with pytest.raises(NotNear, match="as asked"):
        for offset in range(0, 10**12, 1 << 20):
            big.read_at(offset, 1 << 20)
    assert big.fetched <= ALLOWED


def test_pieces_of_a_far_blob_are_far():
    one = far(DATA)
    assert not one.near and not one.window(0, 10).near and BytesBlob(b"").near
