"""Tokens are counted as bytes; a JSON reader says the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsbom.blob import BytesBlob
from mlsbom.formats import tokenizer

TEXTS = st.text(st.sampled_from('ab\\":,{}[]0 \n\té'), max_size=8)


def size(vocabulary: object, indent: int | None, ascii_only: bool, kind: str = "BPE") -> int | None:
    text = json.dumps({"model": {"type": kind, "vocab": vocabulary, "merges": ["a b"]}}, indent=indent, ensure_ascii=ascii_only)
    model = tokenizer.read(BytesBlob(text.encode())).model
    assert model is not None and model.type == kind
    return model.size


@given(st.dictionaries(TEXTS, st.integers(0, 1 << 40)), st.sampled_from([None, 1]), st.booleans())
def test_the_size_of_a_table_is_what_a_reader_counts(vocabulary: dict[str, int], indent: int | None, ascii_only: bool) -> None:
    assert size(vocabulary, indent, ascii_only) == len(vocabulary)


@given(
    st.one_of(
        st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(), st.none(), st.lists(TEXTS))),
        st.lists(st.tuples(TEXTS, st.floats(allow_nan=False, allow_infinity=False))),
    )
)
def test_the_size_of_any_other_vocabulary_is_what_a_reader_counts(vocabulary: list[object] | dict[str, object]) -> None:
    assert size(vocabulary, None, True, "Unigram") == len(vocabulary)


@pytest.mark.parametrize("vocabulary", [None, 3, "text"])
def test_what_is_no_vocabulary_has_no_size(vocabulary: object) -> None:
    assert size(vocabulary, None, True) is None
