"""What is answered quickly is answered as the slow way would: each shortcut against the plain form of the same rule."""

from __future__ import annotations

import ast
import fnmatch
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsbom.blob import BytesBlob
from mlsbom.errors import Malformed
from mlsbom.formats import numpy, sniff
from mlsbom.inspectors import Row
from mlsbom.inspectors.manifests import shell
from mlsbom.inspectors.table import ROWS, table
from mlsbom.search import PIECE, Strings

FORMATS = sorted({f for row in ROWS for f in row.formats})
NAMES = sorted({n.replace("*", "x") for row in ROWS for n in row.names})


def plain(formats: tuple[str, ...], path: str) -> list[Row]:
    """Row by row, name by name."""

    def fits(row: Row) -> bool:
        lower = path.lower()
        base = lower.rsplit("/", 1)[-1]
        return bool(row.formats & set(formats)) or any(
            fnmatch.fnmatchcase(lower, n) or fnmatch.fnmatchcase(lower, f"*/{n}") if "/" in n else fnmatch.fnmatchcase(base, n)
            for n in row.names
        )

    return [row for row in ROWS if fits(row)]


@given(
    st.lists(st.sampled_from(FORMATS), max_size=3).map(tuple),
    st.sampled_from(["", "a/", "Docker/", ".github/workflows/"]),
    st.one_of(st.sampled_from(NAMES), st.text("abc.-_/", max_size=12)),
)
def test_the_table_finds_what_row_by_row_finds(formats: tuple[str, ...], folder: str, name: str) -> None:
    path = folder + name
    assert [r.name for r in table().find(formats, path).rows] == [r.name for r in plain(formats, path)]


@given(st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=12, unique=True), st.binary(max_size=200))
def test_strings_are_found_as_one_by_one(strings: list[bytes], data: bytes) -> None:
    assert Strings(strings).found(data) == {s for s in strings if s in data}


def test_a_string_across_two_pieces_is_found() -> None:
    data = b"." * (PIECE - 3) + b"needle" + b"." * 10
    assert Strings([b"needle", b"nail"]).found(data) == {b"needle"}


WORDS = st.text(st.sampled_from("ab=-/. \t\r'\"\\;|&()`$<>#\n"), max_size=60)


@given(WORDS)
def test_plain_rows_are_read_as_word_by_word(text: str) -> None:
    quick = list(shell.commands(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell, "_PLAIN_ROW", shell.late(r"(?!)()"))
        assert quick == list(shell.commands(text))


def header(text: str) -> object:
    """What the header says, or None where it is no literal."""
    with suppress(Malformed):
        return numpy._literal(text)
    return None


@given(
    st.sampled_from(["'<f4'", "'|O'", "'>i8'", "f4", "'<U10'", "'<f4' "]),
    st.sampled_from(["True", "False", "true"]),
    st.one_of(st.lists(st.integers(0, 1 << 40), max_size=4).map(lambda v: str(tuple(v))), st.text("0123, ()", max_size=10)),
    st.sampled_from(["}", ", }", ", } ", ", }\n", ", }x"]),
)
def test_a_plain_header_is_the_literal_that_it_is(descr: str, order: str, shape: str, end: str) -> None:
    text = "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + end
    try:
        meant = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        meant = None
    assert header(text) == meant


@given(st.binary(min_size=1, max_size=60))
def test_no_schema_is_missed_by_its_first_field(data: bytes) -> None:
    blob = BytesBlob(bytes([0x0A, len(data)]) + data, "x.pb")
    top = sniff._heads(blob, 0, blob.size)
    fitting = [s.name for s in sniff._SCHEMAS if sniff._fits(blob, top, s)]
    kept = {s.name for s in sniff._beginning(top[0].number, top[0].wire)}
    assert set(fitting) <= kept
