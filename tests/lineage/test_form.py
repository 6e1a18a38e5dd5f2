"""The fingerprint file: the same bytes for the same weights, whole round trips, and no way to crash its reader."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsbom.errors import Malformed
from mlsbom.lineage import form

from .models import network, noisy, printed

WHOLE = form.dump(printed(network(1)))


def test_round_trip_and_determinism() -> None:
    made = form.load(WHOLE)
    assert form.dump(made) == WHOLE == form.dump(printed(network(1)))
    assert made.header.parameters == sum(x.size for x in network(1).values())
    assert [made.name(h.tensor) for h in made.hashed] == [k for k, x in network(1).items() if x.size >= 256]


def test_content_is_that_of_the_values_not_of_their_names() -> None:
    model = network(1)
    renamed = {f"m.{i}": x for i, x in enumerate(reversed(list(model.values())))}
    assert printed(renamed).content == printed(model).content
    assert printed(noisy(model, 0.1)).content != printed(model).content


def test_no_name_of_this_machine_is_inside(tmp_path: object) -> None:
    assert str(tmp_path).encode() not in WHOLE


@given(st.integers(0, len(WHOLE) - 1))
@settings(max_examples=60, deadline=None)
def test_a_cut_file_is_refused(length: int) -> None:
    with pytest.raises(Malformed):
        form.load(WHOLE[:length])


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(WHOLE)
    for at, value in changes:
        raw[at] = value
    try:
        made = form.load(bytes(raw))
    except Malformed:
        return
    assert len(made.matrices) <= form.MAX_MATRICES


def test_sizes_that_are_said_but_not_there_are_refused() -> None:
    prefix = list(form.PREFIX.unpack_from(WHOLE))
    for place, value in ((3, 1 << 30), (4, 63), (5, 1 << 31), (6, (1 << 32) - 1), (1, 9)):
        said = [*prefix]
        said[place] = value
        with pytest.raises(Malformed):
            form.load(form.PREFIX.pack(*said) + WHOLE[form.PREFIX.size :])


def test_references_to_tensors_that_are_not_listed_are_refused() -> None:
    made = printed(network(1))
    far = form.Hashed(tensor=10**6, key=made.hashed[0].key, solid=True)
    with pytest.raises(Malformed, match="does not list"):
        form.load(form.dump(form.Fingerprint(header=made.header, hashed=(far,))))
    wide = form.Matrix(tensor=0, n=3, m=64, rows=np.zeros((4, 128), np.int8))
    with pytest.raises(Malformed, match="more rows"):
        form.load(form.dump(form.Fingerprint(header=made.header, matrices=(wide,))))
